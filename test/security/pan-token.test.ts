/** Tokens of card numbers: the same for a card under one key, and nothing without the key. */

import { createHmac } from "node:crypto"
import { expect, it } from "vitest"
import { panTokens } from "../../src/security/pan-token.ts"

const key = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
const pan = "4111111111111111"

it("are the first half of an HMAC over purpose and number", () => {
  const token = panTokens(key)?.(pan)
  const whole = createHmac("sha256", Buffer.from(key, "hex"))
    .update(`pointsman-pan-token-1:${pan}`)
    .digest("hex")
  expect(token).toBe(whole.slice(0, 32))
  expect(panTokens(key)?.(pan)).toBe(token)
  expect(panTokens(key)?.("4111111111111129")).not.toBe(token)
  expect(panTokens(key.replace("00", "01"))?.(pan)).not.toBe(token)
})

it("need a whole key", () => {
  for (const wrong of ["", key.slice(2), `${key}00`, key.replace("f", "g")]) {
    expect(panTokens(wrong), wrong).toBeUndefined()
  }
})
