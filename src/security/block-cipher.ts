/**
 * Block ciphers in the few shapes that payment cryptography needs, on `node:crypto` alone.
 * Single DES is two-key triple DES with K ‖ K (E(K) D(K) E(K) = E(K)), because OpenSSL 3 keeps
 * `des-ecb` in its legacy provider. What holds: no padding is ever added, data is whole blocks.
 */

import { createCipheriv, createDecipheriv } from "node:crypto"

export type BlockAlgorithm = "tdes" | "aes" | "sm4"

export type BlockMode = "ecb" | "cbc"

/** Bytes in a block: 8 for DES and triple DES, 16 for AES and SM4. */
export function blockSize(algorithm: BlockAlgorithm): 8 | 16 {
  return algorithm === "tdes" ? 8 : 16
}

/** Does the algorithm take keys of this many bytes? 8 is single DES. */
export function keyFits(algorithm: BlockAlgorithm, length: number): boolean {
  switch (algorithm) {
    case "tdes":
      return length === 8 || length === 16 || length === 24
    case "aes":
      return length === 16 || length === 24 || length === 32
    case "sm4":
      return length === 16
  }
}

/** OpenSSL's name of the cipher for a key of this length. */
export function cipherName(algorithm: BlockAlgorithm, length: number, mode: BlockMode): string {
  if (algorithm === "aes") return `aes-${length * 8}-${mode}`
  if (algorithm === "sm4") return `sm4-${mode}`
  return length === 24 ? `des-ede3-${mode}` : `des-ede-${mode}`
}

/** The key as OpenSSL takes it: a single DES key is doubled, everything else stays. */
export function cipherKey(algorithm: BlockAlgorithm, key: Uint8Array): Uint8Array {
  return algorithm === "tdes" && key.length === 8 ? Buffer.concat([key, key]) : key
}

/** Enciphers whole blocks, each on its own. The key must fit (`keyFits`). */
export function encryptBlocks(
  algorithm: BlockAlgorithm,
  key: Uint8Array,
  blocks: Uint8Array
): Buffer {
  const name = cipherName(algorithm, key.length, "ecb")
  const cipher = createCipheriv(name, cipherKey(algorithm, key), null)
  cipher.setAutoPadding(false)
  return cipher.update(blocks)
}

/** The inverse of `encryptBlocks`. */
export function decryptBlocks(
  algorithm: BlockAlgorithm,
  key: Uint8Array,
  blocks: Uint8Array
): Buffer {
  const name = cipherName(algorithm, key.length, "ecb")
  const decipher = createDecipheriv(name, cipherKey(algorithm, key), null)
  decipher.setAutoPadding(false)
  return decipher.update(blocks)
}

/** Enciphers whole blocks in a chain (CBC) that starts with `iv`. */
export function encryptChain(
  algorithm: BlockAlgorithm,
  key: Uint8Array,
  iv: Uint8Array,
  blocks: Uint8Array
): Buffer {
  const name = cipherName(algorithm, key.length, "cbc")
  const cipher = createCipheriv(name, cipherKey(algorithm, key), iv)
  cipher.setAutoPadding(false)
  return cipher.update(blocks)
}

/** The inverse of `encryptChain`. */
export function decryptChain(
  algorithm: BlockAlgorithm,
  key: Uint8Array,
  iv: Uint8Array,
  blocks: Uint8Array
): Buffer {
  const name = cipherName(algorithm, key.length, "cbc")
  const decipher = createDecipheriv(name, cipherKey(algorithm, key), iv)
  decipher.setAutoPadding(false)
  return decipher.update(blocks)
}

/** `a` XOR `b`, as long as the shorter. */
export function xor(a: Uint8Array, b: Uint8Array): Buffer {
  const length = Math.min(a.length, b.length)
  const result = Buffer.allocUnsafe(length)
  for (let index = 0; index < length; index++) result[index] = a[index]! ^ b[index]!
  return result
}
