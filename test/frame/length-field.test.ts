/** Length fields: the bytes of a number in each encoding, and bytes that are no number. */

import { describe, expect, it } from "vitest"
import { largestLength, readLength, writeLength } from "../../src/frame/length-field.ts"

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

describe.each(
  [
    ["binary", 2, 1234, "04d2", 65_535],
    ["binary", 4, 1_234_567, "0012d687", 4_294_967_295],
    ["bcd", 2, 1234, "1234", 9999],
    ["bcd", 3, 123_456, "123456", 999_999],
    ["ascii", 4, 1234, "31323334", 9999],
    ["hex", 4, 0x1abf, "31414246", 65_535]
  ] as const
)("a length of %s in %i bytes", (encoding, bytes, value, drawing, largest) => {
  const field = { encoding, bytes }

  it("is written as it is drawn, and read, wherever it stands", () => {
    const around = new Uint8Array(bytes + 2).fill(0xee)
    writeLength(field, value, around, 1)
    expect(hex(around)).toBe(`ee${drawing}ee`)
    expect(readLength(field, around, 1)).toBe(value)
  })

  it("reaches from nothing to the largest number of so many bytes", () => {
    expect(largestLength(field)).toBe(largest)
    const whole = new Uint8Array(bytes)
    for (const each of [0, 1, 99, 100, 101, largest]) {
      writeLength(field, each, whole, 0)
      expect(readLength(field, whole, 0)).toBe(each)
    }
  })
})

describe("bytes that are no number", () => {
  it.each(
    [
      ["bcd", "0a12"],
      ["bcd", "a012"],
      ["bcd", "120f"],
      ["ascii", "312f"],
      ["ascii", "3a31"],
      ["hex", "3147"],
      ["hex", "3140"],
      ["hex", "2f31"],
      ["hex", "3a31"]
    ] as const
  )("of %s: %s", (encoding, bytes) => {
    expect(readLength({ encoding, bytes: 2 }, Buffer.from(bytes, "hex"), 0)).toBe(-1)
  })

  it("but hexadecimal digits are in either case", () => {
    const field = { encoding: "hex", bytes: 4 } as const
    expect(readLength(field, Buffer.from("09aF"), 0)).toBe(0x9af)
  })
})
