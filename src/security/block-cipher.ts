/**
 * Block ciphers in the few shapes that payment cryptography needs, on `node:crypto` alone.
 * Single DES is two-key triple DES with K ‖ K (E(K) D(K) E(K) = E(K)), because OpenSSL 3 keeps
 * `des-ecb` in its legacy provider. What holds: no padding is ever added, data is whole blocks.
 */

import { type Cipheriv, createCipheriv, createDecipheriv, type Decipheriv } from "node:crypto"

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

/**
 * A cipher of this key, without padding. The key must fit (`keyFits`); `iv` is null for `ecb`. What
 * holds: no copy of the key stays behind but OpenSSL's own.
 */
export function openCipher(
  make: typeof createCipheriv | typeof createDecipheriv,
  algorithm: BlockAlgorithm,
  mode: BlockMode,
  key: Uint8Array,
  iv: Uint8Array | null
): Cipheriv | Decipheriv {
  const single = algorithm === "tdes" && key.length === 8
  const material = single ? Buffer.concat([key, key]) : key
  const cipher = make(cipherName(algorithm, key.length, mode), material, iv)
  if (single) material.fill(0)
  cipher.setAutoPadding(false)
  return cipher
}

/** Enciphers whole blocks, each on its own. The key must fit (`keyFits`). */
export function encryptBlocks(
  algorithm: BlockAlgorithm,
  key: Uint8Array,
  blocks: Uint8Array
): Buffer {
  return openCipher(createCipheriv, algorithm, "ecb", key, null).update(blocks)
}

/** The inverse of `encryptBlocks`. */
export function decryptBlocks(
  algorithm: BlockAlgorithm,
  key: Uint8Array,
  blocks: Uint8Array
): Buffer {
  return openCipher(createDecipheriv, algorithm, "ecb", key, null).update(blocks)
}

/** Enciphers whole blocks in a chain (CBC) that starts with `iv`. */
export function encryptChain(
  algorithm: BlockAlgorithm,
  key: Uint8Array,
  iv: Uint8Array,
  blocks: Uint8Array
): Buffer {
  return openCipher(createCipheriv, algorithm, "cbc", key, iv).update(blocks)
}

/** The inverse of `encryptChain`. */
export function decryptChain(
  algorithm: BlockAlgorithm,
  key: Uint8Array,
  iv: Uint8Array,
  blocks: Uint8Array
): Buffer {
  return openCipher(createDecipheriv, algorithm, "cbc", key, iv).update(blocks)
}

/** `a` XOR `b`, as long as the shorter. */
export function xor(a: Uint8Array, b: Uint8Array): Buffer {
  const length = Math.min(a.length, b.length)
  const result = Buffer.allocUnsafe(length)
  for (let index = 0; index < length; index++) result[index] = a[index]! ^ b[index]!
  return result
}

// ---------------------------------------------------------------------------------------------
// internals

/** OpenSSL's name of the cipher for a key of this length. */
function cipherName(algorithm: BlockAlgorithm, length: number, mode: BlockMode): string {
  if (algorithm === "aes") return `aes-${length * 8}-${mode}`
  if (algorithm === "sm4") return `sm4-${mode}`
  return length === 24 ? `des-ede3-${mode}` : `des-ede-${mode}`
}
