/** Conditions say of a field what its text says, wherever and however they compare it. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { compileDialect } from "../../src/iso8583/compile.ts"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import { encodings, fieldTypes } from "../../src/iso8583/field.ts"
import { valueOf } from "./arbitrary.ts"
import { read } from "./shipped.ts"

interface Field {
  readonly type: typeof fieldTypes[number]
  readonly encoding: typeof encodings[number]
  readonly length: number
  readonly align?: "left" | "right"
  readonly overpunch?: true
  readonly unchecked?: true
}

/** A message is of the chip's channel where its field 2 fits one of the patterns. */
function dialectOf(field: Field, patterns: ReadonlyArray<string>): CompiledDialect | undefined {
  const made = compileDialect({
    dialect: "test",
    mti: { encoding: "ascii" },
    bitmap: { encoding: "binary", bits: 64 },
    messages: { "0200": { response: "0210" }, "0210": {} },
    fields: { 2: field, 3: { type: "n", length: 6 } },
    channels: [{ channel: "chip", when: { "2": patterns } }],
    key: ["stan"],
    reversal: { mti: "0200" }
  }, 1)
  return "length" in made ? undefined : made
}

function anything({ length, type }: Field): string {
  return "?".repeat(type === "b" ? 2 * length : length)
}

function channelOf(field: Field, patterns: ReadonlyArray<string>, body: Buffer): string {
  const dialect = dialectOf(field, patterns)!
  return dialect.channel(read(dialect, body.toString("hex")))
}

const fields = fieldTypes.flatMap((type) =>
  encodings.flatMap((encoding) =>
    [3, 4].flatMap((length): ReadonlyArray<Field> => {
      const field = { type, encoding, length }
      if (encoding !== "bcd") return [field, { ...field, overpunch: true }]
      return (["left", "right"] as const).flatMap((align) => [
        { ...field, align },
        { ...field, align, unchecked: true }
      ])
    })
  )
).filter((field) => dialectOf(field, [anything(field)]) !== undefined)

describe("a condition on a field of fixed length", () => {
  it.each(fields)("$type $encoding $length $align", (field) => {
    const dialect = dialectOf(field, [anything(field)])!
    const { shape } = dialect.layout.access("2")!
    fc.assert(
      fc.property(valueOf(shape), fc.nat(), fc.nat(), (value, one, other) => {
        const body = dialect.build("0200", { "2": value })
        const text = read(dialect, body.toString("hex")).text("2")!
        const at = one % text.length
        const set = (place: number, character: string) =>
          text.slice(0, place) + character + text.slice(place + 1)
        for (const pattern of [text, set(at, "?"), "?".repeat(text.length)]) {
          expect(channelOf(field, ["x".repeat(text.length), pattern], body)).toBe("chip")
        }
        const wrong = set(at, text[at] === "7" ? "6" : "7")
        const loose = wrong.split("").map((each, place) => place === other % 8 ? "?" : each).join(
          ""
        )
        const patterns = [wrong]
        if (loose[at] !== "?") patterns.push(loose)
        expect(channelOf(field, patterns, body)).toBe("none")
      }),
      { numRuns: 5 }
    )
  })

  it("is not met by a message without it", () => {
    const field: Field = { type: "n", encoding: "bcd", length: 3, align: "left" }
    const dialect = dialectOf(field, ["???"])!
    const body = dialect.build("0200", { "3": "000000" })
    expect(dialect.channel(read(dialect, body.toString("hex")))).toBe("none")
  })
})

describe("a condition", () => {
  const source = {
    dialect: "test",
    mti: { encoding: "ascii" },
    bitmap: { encoding: "binary", bits: 64 },
    messages: {
      "0200": { response: "0210" },
      "0210": {},
      "0420": { response: "0430" },
      "0430": {}
    },
    fields: {
      3: { type: "n", length: 6 },
      // Digits in characters, or packed where a request says so.
      4: { type: "n", length: 4, cases: [{ when: { "3": "31????" }, encoding: "bcd" }] },
      39: { type: "an", length: 2 },
      60: { type: "n", length: 6, layout: "positional", parts: [{ length: 2 }, { length: 4 }] }
    },
    key: ["stan"],
    reversal: { mti: "0420" }
  }

  const all = { "3": "310000", "4": "1234", "39": "00", "60": "221234" }
  it.each<readonly [object, string, Record<string, string>, boolean]>([
    [{ "39": "present" }, "0200", all, true],
    [{ "39": "present" }, "0200", { "3": "000000" }, false],
    [{ "39": "absent" }, "0200", all, false],
    [{ "39": "absent" }, "0200", { "3": "000000" }, true],
    [{ direction: "request" }, "0200", all, true],
    [{ direction: "request" }, "0420", all, true],
    [{ direction: "request" }, "0430", all, false],
    [{ direction: "response" }, "0210", all, true],
    [{ direction: "response" }, "0420", all, false],
    [{ mti: ["0210", "04?0"] }, "0430", all, true],
    [{ mti: ["0210", "04?0"] }, "0200", all, false],
    [{ "4": "1234" }, "0200", all, true],
    [{ "4": "1234" }, "0200", { ...all, "3": "000000" }, true],
    [{ "4": "1235" }, "0200", all, false],
    [{ "60.1": "22" }, "0200", all, true],
    [{ "60.2": ["1233", "12?4"] }, "0200", all, true],
    [{ "60.2": "2212" }, "0200", all, false],
    [{ "60.2": "1234", "39": "01" }, "0200", all, false],
    [{ "60.2": "1234", "39": "00" }, "0200", all, true]
  ])("%j of a %s with %j is %s", (when, mti, values, holds) => {
    const made = compileDialect({ ...source, channels: [{ channel: "chip", when }] }, 1)
    if ("length" in made) throw new Error(JSON.stringify(made))
    const message = read(made, made.build(mti, values).toString("hex"))
    expect(made.channel(message)).toBe(holds ? "chip" : "none")
  })
})
