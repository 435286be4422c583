/** What a request says of itself: its amount, its card, its time. */

import { describe, expect, it } from "vitest"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import type { Message, Values } from "../../src/iso8583/message.ts"
import { amountOf, cardOf, localTimeOf, requestText } from "../../src/iso8583/request-facts.ts"
import { compiled, dialect, source } from "./shipped.ts"

const sale = { "3": "000000", "11": "000001", "41": "T0000001", "42": "M00000000000001" }

function request(spoken: CompiledDialect, values: Values): Message {
  const message = spoken.read(spoken.build("0200", { ...sale, ...values }))
  if (!("text" in message)) throw new Error(JSON.stringify(message))
  return message
}

const shipped = source("dialects", "iso87-ascii") as {
  readonly fields: Readonly<Record<number, object>>
  readonly roles: object
}

/** iso87-ascii with another field 4. */
function withAmount(field: object): CompiledDialect {
  return compiled({ ...shipped, fields: { ...shipped.fields, 4: { ...field, name: "amount" } } })
}

describe("the amount of a request", () => {
  it("is what its digits say, and nothing else is an amount", () => {
    const spoken = withAmount({ is: "an", length: 12 })
    const of = (text: string) => amountOf(request(spoken, { "4": text }))
    expect(of("000000001050")).toBe(1050)
    for (const text of [" ".repeat(12), "      000010", "0x0000000010", "00000001e003"]) {
      expect(of(text), text).toBe("wrong")
    }
  })

  it("is none that cannot be counted to the last cent", () => {
    const spoken = withAmount({ is: "n", length: 16 })
    const of = (text: string) => request(spoken, { "4": text })
    expect(amountOf(of(String(Number.MAX_SAFE_INTEGER)))).toBe(Number.MAX_SAFE_INTEGER)
    expect(amountOf(of("9007199254740992"))).toBe("wrong")
    expect(requestText(of("9007199254740992"), undefined)).toBeUndefined()
  })
})

describe("the card of a request", () => {
  // Of a dialect that does not say what in its track is the card's number.
  const spoken = compiled({ ...shipped, roles: { ...shipped.roles, pan: "2", expiry: "14" } })
  const track = "4111111111111111=29122010000000000000"

  it("is read from its track where its own fields are silent, each for itself", () => {
    expect(cardOf(request(spoken, { "4": "000000000100", "35": track })))
      .toEqual({ pan: "4111111111111111", expiry: "2912" })
    const keyed = { "2": "5500005555555559", "4": "000000000100" }
    expect(cardOf(request(spoken, { ...keyed, "35": track })))
      .toEqual({ pan: "5500005555555559", expiry: "2912" })
    expect(cardOf(request(spoken, { ...keyed, "14": "3011", "35": track })))
      .toEqual({ pan: "5500005555555559", expiry: "3011" })
  })

  it("may have twelve digits", () => {
    expect(cardOf(request(spoken, { "4": "000000000100", "35": "501234567897=2912201" })))
      .toEqual({ pan: "501234567897", expiry: "2912" })
  })
})

it("a time that has its date in it is told without its year", () => {
  const spoken = dialect("iso93-ascii")
  const message = spoken.salvage(spoken.build("1200", { "12": "261127101500" }))
  expect(localTimeOf(message!)).toBe("1127101500")
})
