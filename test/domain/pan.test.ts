/** Card numbers leave this process as masks (I6), and what is none stays as it was. */

import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { maskLongRuns, maskPan, maskText, Pan } from "../../src/domain/pan.ts"

/** Test numbers of the schemes: of each length that cards have, one at least. */
const cards = [
  "4222222222222",
  "30569309025904",
  "378282246310005",
  "4111111111111111",
  "62123456789000003",
  "6212345678900000003"
]

describe("a card number", () => {
  it("shows first six and last four, and one of twelve digits its last four alone", () => {
    expect(cards.map(maskPan)).toEqual([
      "422222***2222",
      "305693****5904",
      "378282*****0005",
      "411111******1111",
      "621234*******0003",
      "621234*********0003"
    ])
    expect(maskPan("501234567897")).toBe("********7897")
    expect(maskPan("123")).toBe("123")
  })

  it("becomes its mask however it is made text, and its digits when they are asked for", () => {
    const pan = Pan.parse("4111111111111111")!
    const mask = "411111******1111"
    expect([`${pan}`, JSON.stringify({ pan }), inspect({ pan })]).toEqual([
      mask,
      `{"pan":"${mask}"}`,
      `{ pan: ${mask} }`
    ])
    expect(pan.reveal()).toBe("4111111111111111")
  })

  it("has 12 to 19 digits", () => {
    const of = (digits: number) => Pan.parse("4".repeat(digits)) !== undefined
    expect([11, 12, 19, 20].map(of)).toEqual([false, true, true, false])
    expect(Pan.parse("411111111111111x")).toBeUndefined()
  })
})

describe("free text", () => {
  it.each(cards)("loses the card %s", (card) => {
    expect(maskText(`card ${card}, refused`)).toBe(`card ${maskPan(card)}, refused`)
  })

  it("keeps a number that no card has", () => {
    for (const card of cards) {
      const other = card.slice(0, -1) + (Number(card.at(-1)) + 1) % 10
      expect(maskText(other)).toBe(other)
    }
  })

  it("loses every run that is longer than any card, from 20 digits on", () => {
    expect(maskLongRuns("1".repeat(19))).toBe("1".repeat(19))
    expect(maskLongRuns(`a ${"1".repeat(20)} b`)).toBe(`a 111111${"*".repeat(10)}1111 b`)
  })
})
