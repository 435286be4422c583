/**
 * The check value that a key is listed with, by its algorithm: DES, triple DES and SM4 the first 3
 * bytes of an enciphered block of zeros, AES the first 5 of its CMAC (X9.24-3), HMAC the first 5 of
 * an HMAC over nothing (X9.143). As upper-case hex.
 */

import { blockSize } from "./block-cipher.ts"
import { CipherCache } from "./cipher-cache.ts"
import type { KeyAttributes } from "./key-block.ts"
import { checkValue } from "./key-material.ts"
import { cipherOf } from "./key-usage.ts"
import { hmac } from "./mac.ts"
import { isFault, type SecurityFault } from "./security-fault.ts"

const noKeys = new CipherCache({ maxKeys: 0, maxCiphers: 0 })

/** How partners make the check value of an AES key: as X9.24-3 says, or as for triple DES. */
export type AesCheckForm = "cmac" | "ecb"

/**
 * What the store keeps is always of the first form; people may compare the other. Fault
 * `key-length`: the key does not fit the algorithm that its header names.
 */
export function keyCheckValue(
  attributes: KeyAttributes,
  key: Uint8Array,
  aesForm: AesCheckForm = "cmac"
): string | SecurityFault {
  const whole = wholeCheckValue(attributes, key, aesForm)
  if (isFault(whole)) return whole
  const algorithm = cipherOf(attributes)
  const isLong = algorithm === undefined || (algorithm === "aes" && aesForm === "cmac")
  return whole.slice(0, isLong ? 10 : 6)
}

/**
 * Is this the key's check value, as its paper has it? Papers have 2 bytes and more: 3 as we list
 * them, 4 in China UnionPay's, or the whole block.
 */
export function isCheckValueOf(
  attributes: KeyAttributes,
  key: Uint8Array,
  given: string,
  aesForm?: AesCheckForm
): boolean {
  const whole = wholeCheckValue(attributes, key, aesForm)
  return !isFault(whole) && given.length >= 4 && whole.startsWith(given.toUpperCase())
}

function wholeCheckValue(
  attributes: KeyAttributes,
  key: Uint8Array,
  aesForm: AesCheckForm = "cmac"
): string | SecurityFault {
  const algorithm = cipherOf(attributes)
  const bytes = algorithm === undefined
    ? hmac(noKeys, key, "sha256", new Uint8Array(0))
    : checkValue(algorithm, key, algorithm === "aes" ? aesForm : "ecb", blockSize(algorithm))
  return isFault(bytes) ? bytes : Buffer.from(bytes).toString("hex").toUpperCase()
}

/** The check value of an AES key; empty when its length is none of AES. */
export function aesCheckValue(key: Uint8Array): string {
  const bytes = checkValue("aes", key, "cmac", 5)
  return isFault(bytes) ? "" : bytes.toString("hex").toUpperCase()
}
