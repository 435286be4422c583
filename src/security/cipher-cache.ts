/**
 * Live ciphers, kept per key and direction, because starting one costs more than using it. A worker
 * is given each key once and names it by its handle afterwards. What holds: the number of keys and
 * of live ciphers is bounded; a cipher that must go is finished, which makes OpenSSL clear its key
 * schedule at once, and the bytes of a dropped key are overwritten.
 */

import { type Cipheriv, createCipheriv, createDecipheriv, type Decipheriv } from "node:crypto"
import type { KeyHandle } from "../domain/brand.ts"
import {
  type BlockAlgorithm,
  type BlockMode,
  blockSize,
  keyFits,
  openCipher
} from "./block-cipher.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"
import { SlotTable } from "./slot-table.ts"

/** A key: the handle of one that was put into the cache, or its bytes (a cipher for this call). */
export type KeySource = KeyHandle | Uint8Array

/**
 * What a live cipher does. `Chain` kinds are CBC enciphering with a zero start value, for MACs;
 * `LeftChain` uses the left half of a double-length key as a single DES key (X9.19).
 */
export type CipherKind =
  | "tdesEncrypt"
  | "tdesDecrypt"
  | "tdesChain"
  | "tdesLeftChain"
  | "aesEncrypt"
  | "aesDecrypt"
  | "aesChain"
  | "sm4Encrypt"
  | "sm4Decrypt"
  | "sm4Chain"

interface KindRow {
  /** Position in the cache's numeric key; below `kindSpace`. */
  readonly number: number
  readonly algorithm: BlockAlgorithm
  readonly mode: BlockMode
  readonly decrypt: boolean
  readonly left: boolean
}

const kindSpace = 16

function row(
  number: number,
  algorithm: BlockAlgorithm,
  mode: BlockMode,
  decrypt = false,
  left = false
): KindRow {
  return { number, algorithm, mode, decrypt, left }
}

const kinds: Readonly<Record<CipherKind, KindRow>> = {
  tdesEncrypt: row(0, "tdes", "ecb"),
  tdesDecrypt: row(1, "tdes", "ecb", true),
  tdesChain: row(2, "tdes", "cbc"),
  tdesLeftChain: row(3, "tdes", "cbc", false, true),
  aesEncrypt: row(4, "aes", "ecb"),
  aesDecrypt: row(5, "aes", "ecb", true),
  aesChain: row(6, "aes", "cbc"),
  sm4Encrypt: row(7, "sm4", "ecb"),
  sm4Decrypt: row(8, "sm4", "ecb", true),
  sm4Chain: row(9, "sm4", "cbc")
}

/** One cipher that stays open. Used at once: the next call of `live` may evict and end it. */
class LiveCipher {
  readonly cipher: Cipheriv | Decipheriv
  readonly block: 8 | 16
  /** Chain kinds: the last ciphertext block, which the next message must cancel. */
  readonly #last: Uint8Array
  #subkeys: readonly [Uint8Array, Uint8Array] | undefined

  constructor(key: Uint8Array, kind: KindRow) {
    const { algorithm, mode } = kind
    this.block = blockSize(algorithm)
    this.#last = new Uint8Array(this.block)
    const material = kind.left ? key.subarray(0, 8) : key
    const start = mode === "ecb" ? null : new Uint8Array(this.block)
    const make = kind.decrypt ? createDecipheriv : createCipheriv
    this.cipher = openCipher(make, algorithm, mode, material, start)
  }

  /** Electronic-codebook kinds: enciphers or deciphers whole blocks. */
  apply(blocks: Uint8Array): Buffer {
    return this.cipher.update(blocks)
  }

  /**
   * Chain kinds: enciphers whole blocks as a new chain from a zero start value, and returns the
   * last ciphertext block. The open cipher still holds the previous message's last block, so that
   * block is XORed into the first one: `blocks` is changed. The result is valid until the next
   * call.
   */
  chain(blocks: Uint8Array): Uint8Array {
    const last = this.#last
    const size = this.block
    for (let index = 0; index < size; index++) blocks[index]! ^= last[index]!
    const out = this.cipher.update(blocks)
    const tail = out.length - size
    for (let index = 0; index < size; index++) last[index] = out[tail + index]!
    return last
  }

  /** Chain kinds: the two CMAC subkeys (NIST SP 800-38B §6.1), made on first use. */
  subkeys(): readonly [Uint8Array, Uint8Array] {
    if (this.#subkeys === undefined) {
      const first = doubled(this.chain(new Uint8Array(this.block)))
      this.#subkeys = [first, doubled(first)]
    }
    return this.#subkeys
  }

  /** Finishes the cipher, so that its key schedule is cleared now and not at some collection. */
  end(): void {
    this.cipher.final()
    this.#last.fill(0)
    for (const subkey of this.#subkeys ?? []) subkey.fill(0)
  }
}

/** Doubling in GF(2^64) or GF(2^128): one bit left, and the polynomial when a bit fell out. */
function doubled(block: Uint8Array): Uint8Array {
  const size = block.length
  const result = new Uint8Array(size)
  for (let index = 0; index < size; index++) {
    result[index] = (block[index]! << 1) | ((block[index + 1] ?? 0) >> 7)
  }
  if (block[0]! & 0x80) result[size - 1]! ^= size === 8 ? 0x1b : 0x87
  return result
}

export interface CipherCacheLimits {
  /** Keys known by handle; `put` refuses the next one. */
  readonly maxKeys: number
  /** Ciphers open at once, over all keys and directions; the least recently used goes. */
  readonly maxCiphers: number
}

/**
 * Keys: those of 60,000 terminals, a MAC key and a PIN key each, and the two before a rotation.
 * Ciphers: about 2 KiB of native memory and 0.5 KiB of heap each; 20,000 of them fit a worker that
 * serves 10,000 terminals with a MAC key and a PIN key each.
 */
export const defaultCacheLimits: CipherCacheLimits = { maxKeys: 240_000, maxCiphers: 20_480 }

/** Keys by handle and their live ciphers. One for each thread; not shared. */
export class CipherCache {
  readonly #limits: CipherCacheLimits
  readonly #keys = new Map<KeyHandle, Uint8Array>()
  /** `kindSpace × handle + kind` names an entry without making a string. */
  readonly #slots = new SlotTable()
  // By slot. What every use touches stands apart from what only few of them need.
  readonly #ciphers: Array<Cipheriv | Decipheriv | undefined> = []
  readonly #live: Array<LiveCipher | undefined> = []
  readonly #names: Array<number> = []
  /** 1 for a slot that was used since the search for something to evict came by. */
  readonly #used: Uint8Array
  readonly #free: Array<number> = []
  #hand = 0

  constructor(limits: CipherCacheLimits = defaultCacheLimits) {
    this.#limits = { ...limits, maxCiphers: Math.max(1, limits.maxCiphers) }
    this.#used = new Uint8Array(this.#limits.maxCiphers)
  }

  /** Learns a key (a copy is kept). False when the cache holds its maximum of keys. */
  put(handle: KeyHandle, key: Uint8Array): boolean {
    if (this.#keys.has(handle)) this.drop(handle)
    if (this.#keys.size >= this.#limits.maxKeys) return false
    this.#keys.set(handle, Uint8Array.from(key))
    return true
  }

  has(handle: KeyHandle): boolean {
    return this.#keys.has(handle)
  }

  /** Length of the key in bytes, or undefined for a handle that was never put. */
  lengthOf(source: KeySource): number | undefined {
    return typeof source === "number" ? this.#keys.get(source)?.length : source.length
  }

  /** The key's bytes, for algorithms that keep no cipher open (HMAC). Not to be kept or changed. */
  bytesOf(source: KeySource): Uint8Array | undefined {
    return typeof source === "number" ? this.#keys.get(source) : source
  }

  /** Forgets a key: ends its ciphers and overwrites its bytes. */
  drop(handle: KeyHandle): void {
    const key = this.#keys.get(handle)
    if (key === undefined) return
    for (const kind of Object.values(kinds)) {
      const slot = this.#slots.get(handle * kindSpace + kind.number)
      if (slot >= 0) this.#end(slot)
    }
    key.fill(0)
    this.#keys.delete(handle)
  }

  /** Forgets everything. */
  clear(): void {
    for (const handle of this.#keys.keys()) this.drop(handle)
  }

  /** Keys known and ciphers open. */
  size(): { readonly keys: number; readonly ciphers: number } {
    return { keys: this.#keys.size, ciphers: this.#slots.size }
  }

  /** Electronic-codebook kinds, at once; faults `key-unknown`, `key-length`. */
  apply(source: KeySource, kind: CipherKind, blocks: Uint8Array): Buffer | SecurityFault {
    const slot = this.#slotOf(source, kinds[kind])
    if (slot >= 0) return this.#ciphers[slot]!.update(blocks)
    const live = this.live(source, kind)
    return isFault(live) ? live : live.apply(blocks)
  }

  /** The open cipher of this key and kind; faults `key-unknown`, `key-length`. */
  live(source: KeySource, kind: CipherKind): LiveCipher | SecurityFault {
    const spec = kinds[kind]
    if (typeof source !== "number") return opened(source, spec)
    const present = this.#slotOf(source, spec)
    if (present >= 0) return this.#live[present]!
    const key = this.#keys.get(source)
    if (key === undefined) return fault("key-unknown")
    const made = opened(key, spec)
    if (isFault(made)) return made
    if (this.#slots.size >= this.#limits.maxCiphers) this.#evict()
    const slot = this.#free.pop() ?? this.#live.length
    const name = source * kindSpace + spec.number
    this.#slots.add(name, slot)
    this.#names[slot] = name
    this.#live[slot] = made
    this.#ciphers[slot] = made.cipher
    // Not used again so far: what is needed once only must not push out what is needed often.
    this.#used[slot] = 0
    return made
  }

  #slotOf(source: KeySource, kind: KindRow): number {
    if (typeof source !== "number") return -1
    const slot = this.#slots.get(source * kindSpace + kind.number)
    // Read first: a write would dirty a line of memory at every use.
    if (slot >= 0 && this.#used[slot] === 0) this.#used[slot] = 1
    return slot
  }

  /** Second chance: the next one round that was not used since the hand last came by. */
  #evict(): void {
    for (;;) {
      const slot = this.#hand
      this.#hand = (slot + 1) % this.#live.length
      if (this.#live[slot] === undefined) continue
      if (this.#used[slot] === 0) return this.#end(slot)
      this.#used[slot] = 0
    }
  }

  #end(slot: number): void {
    this.#live[slot]!.end()
    this.#slots.delete(this.#names[slot]!)
    this.#live[slot] = undefined
    this.#ciphers[slot] = undefined
    this.#free.push(slot)
  }
}

function opened(key: Uint8Array, spec: KindRow): LiveCipher | SecurityFault {
  const fits = spec.left ? key.length === 16 : keyFits(spec.algorithm, key.length)
  return fits ? new LiveCipher(key, spec) : fault("key-length")
}
