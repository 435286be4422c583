/**
 * What rests on disk sealed (invariant I6): AES-256 in counter mode, then CMAC over all of it, both
 * on ciphers that stay open, for sealing runs twice a transaction on the main thread and starting
 * a GCM cipher for each costs more than this whole. What holds: no byte of a key stream is used
 * twice, for every vault draws a stream of its own and only goes forward in it; nothing is
 * deciphered before its tag verified.
 *
 *   0 format, 1   1..2 data key version   3..18 stream   19..24 offset in the stream, bytes
 *   | header 25 | cipher text | CMAC 16 over header and cipher text |
 *
 *   stream key = HKDF-SHA-256(data key, salt = stream)    MAC key = HKDF-SHA-256(data key)
 *   digest = CMAC under HKDF-SHA-256(digest key)
 */

import { Effect, Layer } from "effect"
import { type Cipheriv, createCipheriv, createDecipheriv } from "node:crypto"
import { createSecretKey, hkdfSync, type KeyObject } from "node:crypto"
import type { KeyHandle } from "../domain/brand.ts"
import { invariant } from "../domain/invariant.ts"
import { Random } from "../domain/ports/time.ts"
import { Vault, type VaultShape } from "../domain/ports/vault.ts"
import { scratchBuffer } from "../domain/scratch.ts"
import { CipherCache } from "./cipher-cache.ts"
import type { KeyStore, StoredKey } from "./key-store.ts"
import { modeAllows } from "./key-usage.ts"
import { cmac, constantTimeEqual } from "./mac.ts"
import type { RandomBytes } from "./pin-block.ts"
import { fault, isFault, type SecurityFault, SecurityRefused } from "./security-fault.ts"

/** Names in the key store. */
const vaultKeyNames = { data: "vault-data", digest: "vault-digest" } as const

const headerBytes = 25
const tagBytes = 16
const keyBytes = 32

/** Among the MAC keys; data keys have their version, from 1. */
const digestHandle = 0 as KeyHandle

/** Key stream is made this much at once: a call for each sealing would cost more than the rest. */
const aheadBytes = 16_384

/**
 * Sealed values are cut from slabs of their own. They live long; in a slab of Node's buffer pool
 * they would keep alive what stands beside them: messages in clear.
 */
const slabBytes = 16_384

/** Streams whose keys are remembered for opening: each start of the switch made one. */
const maxStreams = 256

export interface VaultKeys {
  /** 32 bytes each, by version 1 to 65535; the highest seals. */
  readonly data: ReadonlyMap<number, Uint8Array>
  readonly digest: Uint8Array
}

/** Faults `key-length` and `key-unknown` (no data key). */
export function makeVault(keys: VaultKeys, random: RandomBytes): VaultShape | SecurityFault {
  const versions = [...keys.data.keys()]
  const current = Math.max(0, ...versions)
  if (current === 0 || current > 0xffff) return fault("key-unknown")
  if ([...keys.data.values()].some((key) => key.length !== keyBytes)) return fault("key-length")
  if (keys.digest.length < 16) return fault("key-length")
  const maxMacKeys = versions.length + 1
  const macKeys = new CipherCache({ maxKeys: maxMacKeys, maxCiphers: maxMacKeys })
  macKeys.put(digestHandle, derive(keys.digest, new Uint8Array(0), "digest"))
  for (const [version, key] of keys.data) {
    macKeys.put(version as KeyHandle, derive(key, new Uint8Array(0), "authenticate"))
  }
  const data = new Map([...keys.data].map(([version, key]) => [version, Uint8Array.from(key)]))
  const sealer = new Sealer(current, data.get(current)!, macKeys, random)
  const opener = new Opener(data, macKeys)
  return {
    seal: (clear) => sealer.seal(clear),
    open: (sealed) => opener.open(sealed),
    digest: (text) => digestOf(macKeys, text)
  }
}

/** The keys `vault-data` and `vault-digest` of a store; to be wiped by whoever asked. */
export function vaultKeysOf(store: KeyStore): VaultKeys | SecurityFault {
  const data = new Map<number, Uint8Array>()
  for (const entry of store.versions(vaultKeyNames.data)) {
    const key = ofUsage(store, entry, "D0")
    if (isFault(key)) return key
    data.set(entry.version, key)
  }
  const entry = store.current(vaultKeyNames.digest)
  if (entry === undefined) return fault("key-unknown")
  const digest = ofUsage(store, entry, "M7")
  return isFault(digest) ? digest : { data, digest }
}

/** A vault over the keys of a store. */
export function vaultFrom(store: KeyStore, random: RandomBytes): VaultShape | SecurityFault {
  const keys = vaultKeysOf(store)
  if (isFault(keys)) return keys
  const vault = makeVault(keys, random)
  wipeVaultKeys(keys)
  return vault
}

export function wipeVaultKeys({ data, digest }: VaultKeys): void {
  for (const key of [...data.values(), digest]) key.fill(0)
}

/** Fails when the store lacks a key of the vault, or its block forbids the use. */
export function vaultLayer(store: KeyStore): Layer.Layer<Vault, SecurityRefused, Random> {
  return Layer.effect(
    Vault,
    Effect.gen(function*() {
      const random = yield* Random
      const vault = vaultFrom(store, random.bytes)
      if (isFault(vault)) {
        const lacking = Object.values(vaultKeyNames).filter((name) => !store.current(name))
        const key = lacking.length === 0 ? "vault" : lacking.join(", ")
        return yield* new SecurityRefused({ code: vault.code, key })
      }
      return Vault.of(vault)
    })
  )
}

// ---------------------------------------------------------------------------------------------
// internals

const nothing = new Uint8Array(0)
/** Texts of this length and below are digested in memory of their own: card numbers are in them. */
const maxTextUnits = 256
const digested = scratchBuffer(3 * maxTextUnits)
const zeros = new Uint8Array(aheadBytes)

class Sealer {
  readonly #version: number
  readonly #macKeys: CipherCache
  readonly #stream: Uint8Array
  readonly #cipher: Cipheriv
  /** Key stream that was made and not used: it ends where the cipher stands. */
  #ahead: Uint8Array = nothing
  #used = 0
  /** Where the cipher stands in the stream, whose 2^48 bytes no process lives to seal. */
  #offset = 0
  #slab = new ArrayBuffer(slabBytes)
  #taken = 0

  constructor(version: number, key: Uint8Array, macKeys: CipherCache, random: RandomBytes) {
    this.#version = version
    this.#macKeys = macKeys
    this.#stream = Uint8Array.from(random(16))
    this.#cipher = openStream(key, this.#stream)
  }

  seal(clear: Uint8Array): Uint8Array {
    const length = clear.length
    const sealed = this.#room(headerBytes + length + tagBytes)
    sealed[0] = 1
    sealed.writeUInt16BE(this.#version, 1)
    sealed.set(this.#stream, 3)
    if (length > aheadBytes) this.#encipherLong(clear, sealed)
    else this.#encipher(clear, sealed)
    const covered = sealed.subarray(0, headerBytes + length)
    const tag = cmac(this.#macKeys, this.#version as KeyHandle, "aes", covered)
    invariant(!isFault(tag), "the vault's MAC key is there")
    sealed.set(tag, headerBytes + length)
    return sealed
  }

  #room(bytes: number): Buffer {
    if (bytes > slabBytes / 4) return Buffer.alloc(bytes)
    if (this.#taken + bytes > slabBytes) {
      this.#slab = new ArrayBuffer(slabBytes)
      this.#taken = 0
    }
    const room = Buffer.from(this.#slab, this.#taken, bytes)
    this.#taken += bytes
    return room
  }

  #encipher(clear: Uint8Array, sealed: Buffer): void {
    if (this.#used + clear.length > this.#ahead.length) {
      this.#ahead = this.#cipher.update(zeros)
      this.#offset += aheadBytes
      this.#used = 0
    }
    const ahead = this.#ahead
    const start = this.#used
    sealed.writeUIntBE(this.#offset - ahead.length + start, 19, 6)
    for (let index = 0; index < clear.length; index++) {
      sealed[headerBytes + index] = clear[index]! ^ ahead[start + index]!
      // Whoever knows key stream can read what was sealed with it.
      ahead[start + index] = 0
    }
    this.#used = start + clear.length
  }

  /** Beyond what is made ahead: enciphered where the cipher stands. */
  #encipherLong(clear: Uint8Array, sealed: Buffer): void {
    sealed.writeUIntBE(this.#offset, 19, 6)
    sealed.set(this.#cipher.update(clear), headerBytes)
    this.#offset += clear.length
    this.#ahead = nothing
    this.#used = 0
  }
}

class Opener {
  readonly #keys: ReadonlyMap<number, Uint8Array>
  readonly #macKeys: CipherCache
  readonly #streamKeys = new Map<string, KeyObject>()

  constructor(keys: ReadonlyMap<number, Uint8Array>, macKeys: CipherCache) {
    this.#keys = keys
    this.#macKeys = macKeys
  }

  open(bytes: Uint8Array): Uint8Array | undefined {
    const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (sealed.length < headerBytes + tagBytes || sealed[0] !== 1) return undefined
    const version = sealed.readUInt16BE(1)
    const key = this.#keys.get(version)
    if (key === undefined) return undefined
    const end = sealed.length - tagBytes
    const tag = cmac(this.#macKeys, version as KeyHandle, "aes", sealed.subarray(0, end))
    if (isFault(tag) || !constantTimeEqual(tag, sealed.subarray(end))) return undefined
    const offset = sealed.readUIntBE(19, 6)
    const skipped = offset % 16
    const start = Buffer.alloc(16)
    start.writeUIntBE((offset - skipped) / 16, 10, 6)
    const streamKey = this.#streamKey(version, key, sealed.subarray(3, 19))
    const decipher = createDecipheriv("aes-256-ctr", streamKey, start)
    if (skipped > 0) decipher.update(new Uint8Array(skipped))
    return decipher.update(sealed.subarray(headerBytes, end))
  }

  #streamKey(version: number, key: Uint8Array, stream: Buffer): KeyObject {
    const name = version + stream.toString("latin1")
    const present = this.#streamKeys.get(name)
    if (present !== undefined) return present
    const made = createSecretKey(derive(key, stream, "encipher"))
    if (this.#streamKeys.size >= maxStreams) this.#streamKeys.clear()
    this.#streamKeys.set(name, made)
    return made
  }
}

function openStream(key: Uint8Array, stream: Uint8Array): Cipheriv {
  return createCipheriv("aes-256-ctr", derive(key, stream, "encipher"), new Uint8Array(16))
}

function derive(
  key: Uint8Array,
  salt: Uint8Array,
  purpose: "encipher" | "authenticate" | "digest"
): Buffer {
  return Buffer.from(hkdfSync("sha256", key, salt, `pointsman vault ${purpose}`, keyBytes))
}

function digestOf(macKeys: CipherCache, text: string): string {
  const clear = text.length > maxTextUnits ? Buffer.from(text) : digested
  const end = clear === digested ? digested.write(text) : clear.length
  const tag = cmac(macKeys, digestHandle, "aes", clear.subarray(0, end))
  clear.fill(0, 0, end)
  invariant(!isFault(tag), "the vault's digest key is there")
  return Buffer.from(tag.buffer, tag.byteOffset, tag.length).toString("hex")
}

function ofUsage(
  store: KeyStore,
  entry: StoredKey,
  usage: "D0" | "M7"
): Uint8Array | SecurityFault {
  const opened = store.unwrap(entry)
  if (isFault(opened)) return opened
  const { attributes, key } = opened
  const fits = attributes.usage === usage &&
    modeAllows(attributes, usage === "D0" ? "encrypt" : "generate")
  if (fits) return key
  key.fill(0)
  return fault("key-usage")
}
