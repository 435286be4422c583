/**
 * Tokens of card numbers: the transactions of one card are found together without its number. What
 * must hold: a token is the same for the same card and key, and cannot be tried against the few
 * billion numbers there are without the key; so the key is a secret like those of the key store.
 */

import { createHmac } from "node:crypto"

/** The bytes of an HMAC-SHA-256 that a token keeps: enough for no two cards ever to share one. */
const tokenBytes = 16
const purpose = "pointsman-pan-token-1:"

/** Undefined: `hex` is not 64 hex digits. The tokens are lower-case hex. */
export function panTokens(hex: string): ((pan: string) => string) | undefined {
  if (!/^[0-9a-f]{64}$/i.test(hex)) return undefined
  const key = Buffer.from(hex, "hex")
  return (pan) =>
    createHmac("sha256", key).update(purpose + pan).digest("hex").slice(0, 2 * tokenBytes)
}
