/** RSA signatures as the wallets use them: PKCS#1 v1.5 over SHA-256, base64 (RFC 8017 §8.2). */

import { type KeyObject, sign, verify } from "node:crypto"

export function signText(text: string, privateKey: KeyObject): string {
  return sign("sha256", Buffer.from(text), privateKey).toString("base64")
}

export function verifyText(text: string | Uint8Array, signature: string, key: KeyObject): boolean {
  const bytes = typeof text === "string" ? Buffer.from(text) : text
  try {
    return verify("sha256", bytes, key, Buffer.from(signature, "base64"))
  } catch {
    return false
  }
}
