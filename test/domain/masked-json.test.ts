/** What leaves as JSON is masked and still JSON. */

import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { maskedJson } from "../../src/domain/masked-json.ts"
import { maskText } from "../../src/domain/pan.ts"
import { restingText } from "../../src/ledger/audit-log.ts"

describe("masked JSON", () => {
  it("masks cards in strings, numbers and keys", () => {
    const card = "4111111111111111"
    const text = maskedJson({
      a: `x ${card} y`,
      b: Number(card),
      [card]: [card],
      c: 12n,
      d: BigInt(card)
    })
    expect(text).not.toContain(card)
    expect(JSON.parse(text)).toEqual({
      a: "x 411111******1111 y",
      b: "411111******1111",
      "411111******1111": ["411111******1111"],
      c: "12",
      d: "411111******1111"
    })
  })

  it("leaves a number with a fraction a number, whatever its digits are", () => {
    const some = Array.from({ length: 100 }, (_, each) => 1 + (411_111_111_111_111 + each) / 1e15)
    const ms = some.filter((each) => maskText(String(each)) !== String(each))
    expect(ms).not.toEqual([])
    expect(JSON.parse(maskedJson(ms))).toEqual(ms)
  })

  it("shows the length of bytes and not one of them, whatever holds them", () => {
    const bytes = [Buffer.from([1, 2]), new Uint8Array([3]), { inner: Buffer.from([255]) }]
    expect(JSON.parse(maskedJson(bytes))).toEqual(["2 bytes", "1 bytes", { inner: "1 bytes" }])
  })

  it("gives maps, sets and errors the form that JSON has", () => {
    const value = {
      m: new Map([["a", 1], ["4111111111111111", 2]]),
      s: new Set([2]),
      e: new Error("4111111111111111")
    }
    expect(JSON.parse(maskedJson(value))).toEqual({
      m: { a: 1, "411111******1111": 2 },
      s: [2],
      e: { name: "Error", message: "411111******1111" }
    })
  })

  it("is JSON for any value, and what holds no long number is unchanged", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      const text = maskedJson(value)
      const plain = JSON.stringify(value)
      expect(() => JSON.parse(text) as unknown).not.toThrow()
      if (!/\d{13}/.test(plain)) expect(text).toBe(plain)
    }))
  })

  it("leaves times in milliseconds alone, also those that pass the check of a card", () => {
    for (let ms = 1_764_165_600_000; ms < 1_764_165_600_100; ms++) {
      expect(maskedJson({ ms })).toBe(`{"ms":${ms}}`)
      expect(maskText(`at ${ms}`)).toBe(`at ${ms}`)
    }
    expect(maskText("0000000000000000")).toBe("0000000000000000")
    expect(maskText("0004111111111111111")).not.toContain("4111111111111111")
  })

  it("is stricter with free text that rests: no card stands in a longer run either", () => {
    const merchant = "merchant 000004111111111111111100"
    expect(maskText(merchant)).toBe(merchant)
    expect(restingText(merchant)).toBe("merchant 000004**************1100")
    expect(restingText("rrn 123456789012, paid 1890000000000")).toContain("1890000000000")
  })
})
