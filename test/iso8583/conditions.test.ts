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
      if (encoding !== "bcd") return [field]
      return [{ ...field, align: "left" }, { ...field, align: "right" }]
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
