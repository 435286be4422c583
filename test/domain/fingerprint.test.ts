/** Two requests of one key are the same one only when they ask for the same (I2). */

import { expect, it } from "vitest"
import { contentText, type RequestContent } from "../../src/domain/fingerprint.ts"

it("a request is another one as soon as anything that it asks for is another", () => {
  const card: RequestContent = {
    kind: "sale",
    processingCode: "000000",
    amount: 100,
    currency: "156",
    pan: "6212345678900000003"
  }
  const { pan: _pan, ...cardless } = card
  const scanned: RequestContent = { ...cardless, payCode: "134567890123456789" }
  const others: ReadonlyArray<RequestContent> = [
    card,
    { ...card, kind: "refund" },
    { ...card, processingCode: "200000" },
    { ...card, amount: 1000 },
    { ...card, currency: "344" },
    { ...card, pan: "6212345678900000011" },
    cardless,
    scanned,
    { ...scanned, payCode: "134567890123456780" }
  ]
  expect(new Set(others.map(contentText)).size).toBe(others.length)
  expect(contentText({ ...card })).toBe(contentText(card))
})
