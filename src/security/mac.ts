/**
 * Message authentication codes, as the dialects declare them (`MacAlgorithm`). The worker threads
 * call `makeMac` with the handle of a key they were given once. What holds: the message is never
 * changed, a comparison takes the same time wherever the first difference stands.
 *
 *   China UnionPay "ECB" (8-byte blocks; the SM4 form has 16-byte blocks and double the hex):
 *
 *     M1 ^ M2 ^ … ^ Mn = R        R as text: | H1 8 hex | H2 8 hex |
 *     E1 = E(H1)   X = E1 ^ H2   E2 = E(X)   field 64 = first 8 hex characters of E2
 *
 *   which is the last block of a chain (CBC) over H1 ‖ H2 from zero: one call instead of two.
 */

import { createHmac, timingSafeEqual } from "node:crypto"
import type { MacAlgorithm } from "../domain/ports/security-module.ts"
import { scratchBuffer } from "../domain/scratch.ts"
import type { CipherCache, CipherKind, KeySource } from "./cipher-cache.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"

/** Messages up to this size use the shared scratch buffer; longer ones get one of their own. */
const scratchBytes = 16_384

// One message at a time passes through a thread, and no call below re-enters another.
const scratch = scratchBuffer(scratchBytes)
const scratchWords = wordsOf(scratch)
const sumWords = new Int32Array(4)
const sumBytes = new Uint8Array(sumWords.buffer)
const hexDigits = Buffer.from("0123456789ABCDEF", "latin1")

/**
 * The MAC over `bytes` as it goes into field 64 or 128.
 *
 * - `cup-ecb`: the 8 ASCII hex characters that stand in the field (keys of 8, 16 or 24 bytes);
 *   `cup-ecb-sm4` likewise with an SM4 key (inferred, no public vector).
 * - all others: the leftmost 8 bytes of the result, binary; `macField` gives the hex form.
 *   `x9.9` (ISO 9797-1 algorithm 1) takes single DES keys, `x9.19` (algorithm 3) double-length
 *   ones, `cup-cbc` is one or the other by the key's length, with zero padding.
 *
 * Paddings are those of ISO 9797-1: 1 zeros (the default), 2 `80` and zeros, 3 length block and
 * zeros. Faults: `key-unknown`, `key-length`, `algorithm-unfit`.
 */
export function makeMac(
  cache: CipherCache,
  key: KeySource,
  algorithm: MacAlgorithm,
  bytes: Uint8Array
): Uint8Array | SecurityFault {
  const padding = algorithm.padding ?? 1
  switch (algorithm.name) {
    case "cup-ecb":
      return unionPay(cache, key, "tdesChain", bytes)
    case "cup-ecb-sm4":
      return unionPay(cache, key, "sm4Chain", bytes)
    case "cup-cbc":
      return cache.lengthOf(key) === 8
        ? chained(cache, key, "tdesChain", 1, bytes)
        : retail(cache, key, 1, bytes)
    case "x9.9":
      if (cache.lengthOf(key) !== 8) return misfit(cache, key)
      return chained(cache, key, "tdesChain", padding, bytes)
    case "x9.19":
      return retail(cache, key, padding, bytes)
    case "sm4-cbc":
      return chained(cache, key, "sm4Chain", padding, bytes)
    case "aes-cmac":
      return leftmost(cmac(cache, key, "aes", bytes))
    case "hmac-sha256":
      return leftmost(hmac(cache, key, "sha256", bytes))
    case "hmac-sm3":
      return leftmost(hmac(cache, key, "sm3", bytes))
    default:
      return fault("algorithm-unfit")
  }
}

/**
 * A result of `makeMac` in the form of the field: `binary` as it is, `hex` the first 8 upper-case
 * hex characters. The China UnionPay ECB forms are characters already and stay as they are.
 */
export function macField(
  mac: Uint8Array,
  algorithm: MacAlgorithm,
  form: "binary" | "hex"
): Uint8Array {
  const text = algorithm.name === "cup-ecb" || algorithm.name === "cup-ecb-sm4"
  return form === "binary" || text ? mac : upperHex(mac, 4)
}

/** Equality whose time tells nothing about where the first difference is. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/**
 * H1 ‖ H2 of the China UnionPay ECB form: what is enciphered once the key comes in. Its last block
 * in a chain from zero is E2, which is how a security module that knows no such form makes it.
 */
export function unionPayDigest(bytes: Uint8Array): Buffer {
  return folded(bytes, 8)
}

/** The whole CMAC (NIST SP 800-38B): 16 bytes with AES, 8 with triple DES. */
export function cmac(
  cache: CipherCache,
  key: KeySource,
  algorithm: "aes" | "tdes" | "sm4",
  bytes: Uint8Array
): Uint8Array | SecurityFault {
  const kind = algorithm === "aes" ? "aesChain" : algorithm === "tdes" ? "tdesChain" : "sm4Chain"
  const live = cache.live(key, kind)
  if (isFault(live)) return live
  const size = live.block
  const [whole, partial] = live.subkeys()
  const length = bytes.length
  const total = Math.max(size, Math.ceil(length / size) * size)
  const blocks = borrow(total)
  blocks.set(bytes)
  if (length !== total) {
    blocks[length] = 0x80
    blocks.fill(0, length + 1, total)
  }
  const subkey = length === total ? whole : partial
  const tail = total - size
  for (let index = 0; index < size; index++) blocks[tail + index]! ^= subkey[index]!
  const result = Buffer.from(live.chain(blocks))
  blocks.fill(0)
  return result
}

/** The whole HMAC (FIPS 198-1; over SM3 as in GM/T 0042): 32 bytes. */
export function hmac(
  cache: CipherCache,
  key: KeySource,
  hash: "sha256" | "sm3",
  bytes: Uint8Array
): Uint8Array | SecurityFault {
  const material = cache.bytesOf(key)
  if (material === undefined) return fault("key-unknown")
  if (material.length === 0) return fault("key-length")
  return createHmac(hash, material).update(bytes).digest()
}

// ---------------------------------------------------------------------------------------------
// internals

function unionPay(
  cache: CipherCache,
  key: KeySource,
  kind: CipherKind,
  bytes: Uint8Array
): Uint8Array | SecurityFault {
  const live = cache.live(key, kind)
  return isFault(live) ? live : unionPayField(live.chain(folded(bytes, live.block)))
}

/** H1 ‖ H2: the XOR of all blocks of this size, the last one filled with zeros, as text. */
function folded(bytes: Uint8Array, size: 8 | 16): Buffer {
  const total = Math.ceil(bytes.length / size) * size
  const blocks = borrow(total)
  blocks.set(bytes)
  blocks.fill(0, bytes.length)
  // Four bytes at a time: XOR does not mind in which order the machine keeps them.
  const words = total <= scratchBytes ? scratchWords : wordsOf(blocks)
  const step = size / 4
  const count = total / 4
  for (let column = 0; column < step; column++) {
    let sum = 0
    for (let index = column; index < count; index += step) sum ^= words[index]!
    sumWords[column] = sum
  }
  blocks.fill(0)
  return upperHex(sumBytes, size)
}

/** Field 64 from E2: its first 8 hex characters. */
export function unionPayField(second: Uint8Array): Buffer {
  return upperHex(second, 4)
}

/** ISO 9797-1 algorithm 1: the last block of a chain. */
function chained(
  cache: CipherCache,
  key: KeySource,
  kind: CipherKind,
  padding: number,
  bytes: Uint8Array
): Uint8Array | SecurityFault {
  const live = cache.live(key, kind)
  if (isFault(live)) return live
  const blocks = padded(bytes, live.block, padding)
  const result = Buffer.from(live.chain(blocks).subarray(0, 8))
  blocks.fill(0)
  return result
}

/**
 * ISO 9797-1 algorithm 3 with two keys: a single DES chain under the left half, and for the last
 * block E(left) D(right) E(left), which is that block under the whole triple DES key.
 */
function retail(
  cache: CipherCache,
  key: KeySource,
  padding: number,
  bytes: Uint8Array
): Uint8Array | SecurityFault {
  const left = cache.live(key, "tdesLeftChain")
  if (isFault(left)) return left
  const blocks = padded(bytes, 8, padding)
  const tail = blocks.length - 8
  const last = blocks.subarray(tail)
  if (tail > 0) {
    const chain = left.chain(blocks.subarray(0, tail))
    for (let index = 0; index < 8; index++) last[index]! ^= chain[index]!
  }
  // Asked for only now: opening it may evict `left`.
  const result = cache.apply(key, "tdesEncrypt", last)
  blocks.fill(0)
  return result
}

/** ISO 9797-1 paddings into a borrowed buffer; at least one block. */
function padded(bytes: Uint8Array, size: 8 | 16, padding: number): Buffer {
  const head = padding === 3 ? size : 0
  const marked = padding === 2 ? 1 : 0
  const content = Math.max(size, Math.ceil((bytes.length + marked) / size) * size)
  const blocks = borrow(head + content)
  if (head > 0) {
    blocks.fill(0, 0, head)
    blocks.writeUInt32BE(bytes.length * 8, head - 4)
  }
  blocks.set(bytes, head)
  blocks.fill(0, head + bytes.length)
  if (marked > 0) blocks[bytes.length] = 0x80
  return blocks
}

/** The same memory as 32-bit words; a buffer of this size has its own, so it is aligned. */
function wordsOf(buffer: Buffer): Int32Array {
  return new Int32Array(buffer.buffer, buffer.byteOffset, buffer.length >> 2)
}

function borrow(length: number): Buffer {
  return length <= scratchBytes ? scratch.subarray(0, length) : Buffer.allocUnsafe(length)
}

/** The first `count` bytes. */
function upperHex(bytes: Uint8Array, count: number): Buffer {
  const text = Buffer.allocUnsafe(count * 2)
  for (let index = 0; index < count; index++) {
    text[index * 2] = hexDigits[bytes[index]! >> 4]!
    text[index * 2 + 1] = hexDigits[bytes[index]! & 15]!
  }
  return text
}

function leftmost(mac: Uint8Array | SecurityFault): Uint8Array | SecurityFault {
  return isFault(mac) ? mac : mac.subarray(0, 8)
}

function misfit(cache: CipherCache, key: KeySource): SecurityFault {
  return fault(cache.lengthOf(key) === undefined ? "key-unknown" : "key-length")
}
