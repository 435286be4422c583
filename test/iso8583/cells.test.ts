/**
 * A field is type x encoding x length prefix x padding. Definitions are generated for every type in
 * every encoding, with the rest by chance; whatever a dialect is allowed to say must hold: what is written is read again, and
 * written again byte for byte. Some cells by hand, with the bytes that the field's practice gives.
 */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ebcdic037, ebcdic1047, gbkBytes } from "../../src/iso8583/character-set.ts"
import { compileDialect } from "../../src/iso8583/compile.ts"
import { describe as rowsOf } from "../../src/iso8583/describe.ts"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import { documentOf, encodeDocument } from "../../src/iso8583/document.ts"
import { encodings, type FieldShape, fieldTypes } from "../../src/iso8583/field.ts"
import { prefixEncodings, prefixUnits } from "../../src/iso8583/length-prefix.ts"
import { valueOf } from "./arbitrary.ts"
import { compiled, read } from "./shipped.ts"

function sourceOf(field: object): object {
  return {
    dialect: "cells",
    mti: { encoding: "bcd" },
    bitmap: { encoding: "binary", bits: 64 },
    fields: { 2: field, 3: { type: "ans", length: 2 } },
    messages: { "0200": {} },
    key: ["stan"],
    reversal: { mti: "0200" }
  }
}

const looks = {
  align: fc.constantFrom("left", "right"),
  fill: fc.constantFrom(0, 15),
  overpunch: fc.boolean()
}
/** Packed digits alone stand on a side of their bytes, and are filled. */
const unpacked = { align: undefined, fill: undefined }
const padding = fc.option(
  fc.record({
    side: fc.constantFrom("left", "right"),
    with: fc.oneof(fc.constantFrom("0", " ", "*", "F"), fc.integer({ min: 0, max: 255 }))
  }),
  { nil: undefined }
)
const fixed = fc.record({
  ...looks,
  length: fc.integer({ min: 2, max: 13 }),
  pad: padding
})
const variable = fc.record({
  ...looks,
  min: fc.integer({ min: 0, max: 1 }),
  max: fc.integer({ min: 3, max: 40 }),
  prefix: fc.record({
    encoding: fc.constantFrom(...prefixEncodings),
    width: fc.integer({ min: 1, max: 6 }),
    counts: fc.constantFrom(...prefixUnits)
  })
})

/** Bytes counted in packed digits cannot say that one half byte is fill. */
function isEven({ encoding, prefix }: FieldShape): boolean {
  return encoding === "bcd" && prefix !== undefined && /bytes|octets/.test(prefix.counts)
}

/** What comes back for a text that was shorter than its field. */
function filledUp(shape: FieldShape, text: string): string {
  // An overpunched sign takes no place of its own.
  const units = shape.type === "b" ? shape.fixed * 2 : shape.fixed + Number(shape.overpunch)
  const size = shape.encoding === "gbk" ? gbkBytes(text)!.length : text.length
  if (shape.fixed < 0 || size >= units) return text
  const pad = shape.pad!
  const unit = shape.encoding === "bcd"
    ? "0123456789ABC=EF"[pad & 0x0f]!
    : shape.encoding === "binary"
    ? Buffer.of(pad).toString("hex").toUpperCase()
    : String.fromCharCode(pad)
  const fill = unit.repeat((units - size) / unit.length)
  if (shape.type === "x+n") return text[0]! + fill + text.slice(1)
  return shape.padLeft ? fill + text : text + fill
}

function writtenAgain(spoken: CompiledDialect, body: Buffer): void {
  const message = read(spoken, body.toString("hex"))
  const document = JSON.parse(JSON.stringify(documentOf(message))) as unknown
  expect(encodeDocument(spoken, document)).toEqual(body)
  const patched = read(spoken, spoken.patch(message, { set: { "3": "yy" } }).toString("hex"))
  expect(patched.raw("2")).toEqual(message.raw("2"))
  rowsOf(message)
}

interface Trial {
  readonly field: object
  readonly spoken: CompiledDialect
  readonly shape: FieldShape
  readonly texts: ReadonlyArray<string>
}

function isAllowed(field: object): boolean {
  return "read" in compileDialect(sourceOf(field), 1)
}

/** Definitions that a dialect may have, with values for them, whole and short. */
function trials(definitions: fc.Arbitrary<object>): fc.Arbitrary<Trial> {
  return definitions.filter(isAllowed).chain((field) => {
    const spoken = compiled(sourceOf(field))
    const { shape } = spoken.layout.access("2")!
    const texts = fc.array(fc.tuple(valueOf(shape), fc.boolean()), { minLength: 2, maxLength: 4 })
    return texts.map((all) => ({
      field,
      spoken,
      shape,
      texts: all.map(([text, short]) =>
        short && shape.fixed > 0 && shape.pad !== undefined ? shortened(shape, text) : text
      )
    }))
  })
}

const characters = ["ascii", "ebcdic", "ebcdic1047"]

/** Every type in every encoding that it goes with. */
const cells: ReadonlyArray<string> = [
  ...["n", "z", "x+n"].flatMap((type) => [...characters, "bcd"].map((each) => `${type} ${each}`)),
  ...["a", "an", "ans"].flatMap((type) => [...characters, "gbk"].map((each) => `${type} ${each}`)),
  ...["binary", "hex", "ebcdic-hex"].map((each) => `b ${each}`)
]
const lengths = [["of fixed length", fixed], ["with a length prefix", variable]] as const

function of(pair: string, rest: fc.Arbitrary<object>): fc.Arbitrary<object> {
  const [type, encoding] = pair.split(" ")
  const without = encoding === "bcd" ? {} : unpacked
  return rest.map((each) => ({ type, encoding, ...each, ...without }))
}

describe("every definition that is allowed", () => {
  const seen = new Set<string>()

  it.each(cells.flatMap((pair) => lengths.map(([words, rest]) => [pair, words, rest] as const)))(
    "as %s %s gives back what was written",
    (pair, words, rest) => {
      fc.assert(
        fc.property(trials(of(pair, rest)), ({ field, shape, spoken, texts }) => {
          seen.add(`${shape.type} ${shape.encoding} ${words}`)
          for (const text of texts) {
            const odd = text.length % 2 === (shape.type === "x+n" ? 0 : 1)
            const value = isEven(shape) && odd ? `${text}0` : text
            if (isEven(shape) && value.length > shape.max) continue
            const body = spoken.encode("0200", { "2": value, "3": "zz" })
            if (!(body instanceof Uint8Array)) throw new Error(`${value}: ${body.problem}`)
            const back = read(spoken, body.toString("hex")).text("2")
            expect([field, back]).toEqual([field, filledUp(shape, value)])
            writtenAgain(spoken, body)
          }
        }),
        { numRuns: 10, endOnFailure: true }
      )
    }
  )

  it("has been tried for every type in every encoding that it goes with", () => {
    const all = cells.flatMap((pair) => lengths.map(([words]) => `${pair} ${words}`))
    expect([...seen].sort()).toEqual(all.sort())
  })

  const others = fieldTypes.flatMap((type) => encodings.map((each) => `${type} ${each}`))
    .filter((pair) => !cells.includes(pair))

  it.each(others)("is none as %s, which do not go together", (pair) => {
    for (const [, rest] of lengths) {
      const refused = fc.property(of(pair, rest), (field) => !isAllowed(field))
      fc.assert(refused, { numRuns: 25, endOnFailure: true })
    }
  })
})

function shortened(shape: FieldShape, value: string): string {
  if (shape.encoding === "gbk") return value.slice(0, 1)
  if (shape.type === "b") return value.slice(0, 2 * (value.length >> 2))
  return shape.type === "x+n" ? value.slice(0, 2) : value.slice(0, value.length >> 1)
}

const n = { type: "n", encoding: "bcd" }

/** Definition, text, and the bytes that it makes. */
const drawings: ReadonlyArray<readonly [string, object, string, string]> = [
  ["digits packed, aligned left", { ...n, length: 3, align: "left" }, "021", "0210"],
  ["digits packed, aligned right", { ...n, length: 3, align: "right" }, "021", "0021"],
  ["digits packed, filled with F", { ...n, length: 3, align: "left", fill: 15 }, "021", "021F"],
  ["a track in packed digits", cell("z", "bcd", "bcd", 2, "digits"), "12=3", "0412D3"],
  ["digits counted", cell("n", "bcd", "bcd", 2, "digits"), "12345", "05123450"],
  ["half bytes counted", cell("n", "bcd", "binary", 1, "nibbles"), "12345", "05123450"],
  ["bytes counted", cell("n", "bcd", "ascii", 1, "bytes"), "1234", "321234"],
  ["bytes counted in hex digits", cell("b", "binary", "hex", 3, "digits"), "AABB", "303034AABB"],
  ["bytes behind their hex counted", cell("b", "hex", "ascii", 2, "octets"), "AB", "30314142"],
  ["hex characters counted", cell("b", "hex", "ascii", 2, "bytes"), "AB", "30324142"],
  ["a length of six digits", cell("ans", "ascii", "bcd", 6, "bytes"), "A", "00000141"],
  ["a length of six bytes", cell("ans", "ascii", "binary", 6, "bytes"), "A", "00000000000141"],
  ["a length in EBCDIC", cell("ans", "ebcdic", "ebcdic", 3, "bytes"), "A1", "F0F0F2C1F1"],
  ["text filled on the right", { type: "ans", length: 3 }, "A", "412020"],
  ["text filled on the left", padded("ans", "left", "*"), "A", "2A2A41"],
  ["text filled with any byte", padded("ans", "right", 0), "A", "410000"],
  ["bytes filled with any byte", padded("b", "left", 255), "AA", "FFFFAA"],
  ["an amount with its sign", { type: "x+n", length: 5 }, "D12", "4430303132"],
  ["an amount packed", { type: "x+n", encoding: "bcd", length: 5 }, "C123", "430123"],
  ["one counted in bytes", right(cell("x+n", "bcd", "bcd", 2, "bytes")), "C12", "024312"],
  ["an amount overpunched", { type: "x+n", length: 4, overpunch: true }, "D123", "3031324C"],
  ["one that is zero", { type: "x+n", length: 2, overpunch: true }, "C00", "307B"],
  [
    "one in EBCDIC",
    { type: "x+n", encoding: "ebcdic", length: 3, overpunch: true },
    "D120",
    "F1F2D0"
  ],
  ["GBK, which counts bytes", cell("ans", "gbk", "ascii", 2, "bytes"), "店A", "3033B5EA41"],
  ["hex in EBCDIC", { type: "b", encoding: "ebcdic-hex", length: 1 }, "A1", "C1F1"]
]

function right(field: object): object {
  return { ...field, align: "right" }
}

function cell(
  type: string,
  encoding: string,
  prefix: string,
  width: number,
  counts: string
): object {
  return { type, encoding, max: 9, prefix: { encoding: prefix, width, counts } }
}

function padded(type: string, side: string, character: string | number): object {
  return { type, length: 3, pad: { side, with: character } }
}

describe("cells by hand", () => {
  it.each(drawings)("%s", (_, field, text, hex) => {
    const spoken = compiled(sourceOf(field))
    const body = spoken.build("0200", { "2": text })
    expect(body.subarray(10).toString("hex").toUpperCase()).toBe(hex)
    const back = read(spoken, body.toString("hex")).text("2")
    expect(back).toBe(filledUp(spoken.layout.access("2")!.shape, text))
    writtenAgain(spoken, body)
  })

  it("a number without its sign is refused, not filled up behind its first digit", () => {
    for (const encoding of ["ascii", "ebcdic", "bcd"]) {
      const spoken = compiled(sourceOf({ type: "x+n", encoding, length: 9 }))
      for (const text of ["", "123", "123456789", "+12345678"]) {
        expect(spoken.encode("0200", { "2": text })).toEqual({
          path: "2",
          problem: "must be C or D and digits"
        })
      }
    }
  })

  it.each([
    ["left", "2F", "012F"],
    ["right", "F2", "F012"]
  ])("where bytes are counted a fill of F on the %s shows an odd digit", (align, short, long) => {
    const spoken = compiled(sourceOf({ ...cell("n", "bcd", "bcd", 2, "bytes"), align, fill: 15 }))
    for (const [text, wire] of [["2", short], ["12", "12"], ["012", long]]) {
      const body = spoken.build("0200", { "2": text! })
      expect(body.subarray(11).toString("hex").toUpperCase()).toBe(wire)
      expect(read(spoken, body.toString("hex")).text("2")).toBe(text)
      writtenAgain(spoken, body)
    }
    const bad = Buffer.from(`02004000000000000000${align === "left" ? "01F2" : "012F"}`, "hex")
    expect(spoken.read(bad)).toMatchObject({ path: "2", expected: "digits" })
  })

  it("where they are, and nothing shows it, an odd digit is refused and not made ten of", () => {
    const bytes = cell("n", "bcd", "bcd", 2, "bytes")
    expect(compiled(sourceOf(bytes)).encode("0200", { "2": "123" })).toEqual({
      path: "2",
      problem: "must be an even count of digits, not 3"
    })
    const leading = compiled(sourceOf(right(bytes)))
    expect(read(leading, leading.build("0200", { "2": "123" }).toString("hex")).text("2")).toBe(
      "0123"
    )
  })

  it.each([
    ["track digits", { type: "z", encoding: "ebcdic", length: 3 }, "F1C1F2", "F1C4F2"],
    ["hex", { type: "b", encoding: "ebcdic-hex", length: 1 }, "F1C7", "8186"]
  ])("what is no %s is refused in EBCDIC too", (_, field, wrong, rightly) => {
    const spoken = compiled(sourceOf(field))
    const body = (value: string) => Buffer.from(`02004000000000000000${value}`, "hex")
    expect(spoken.read(body(wrong))).toMatchObject({ path: "2", offset: 11 })
    expect(spoken.read(body(rightly))).toMatchObject({ mti: "0200" })
  })

  it("what no reader could take back is refused when the dialect is loaded", () => {
    const faults = [
      { type: "n", length: 3, pad: { side: "left", with: " " } },
      { ...n, length: 3, pad: { side: "left", with: 15 } },
      { type: "z", length: 3, pad: { side: "right", with: "x" } },
      { type: "b", encoding: "hex", length: 3, pad: { side: "left", with: "G" } },
      { type: "x+n", length: 3, pad: { side: "right", with: "0" } }
    ].map((field) => compileDialect(sourceOf(field), 1) as ReadonlyArray<{ readonly path: string }>)
    for (const fault of faults) expect(fault[0]).toMatchObject({ path: "fields.2.pad" })
  })

  it("what is no overpunched number is refused, in EBCDIC too", () => {
    for (const [encoding, hex] of [["ascii", "3132 53"], ["ebcdic", "F1F2 E2"]] as const) {
      const spoken = compiled(sourceOf({ type: "x+n", encoding, length: 3, overpunch: true }))
      const body = Buffer.from(`02004000000000000000${hex.replace(" ", "")}`, "hex")
      expect(spoken.read(body)).toMatchObject({ path: "2", offset: 12 })
    }
  })

  it("nothing of an older message shows where a value does not fill its field", () => {
    const spoken = compiled(sourceOf(padded("b", "right", 0)))
    spoken.build("0200", { "2": "FFFFFF" })
    expect(spoken.build("0200", { "2": "AA" }).subarray(10).toString("hex")).toBe("aa0000")
  })
})

describe("EBCDIC", () => {
  const pages = [
    ["037", ebcdic037, { "[": 0xba, "]": 0xbb, "^": 0xb0, "¬": 0x5f, "|": 0x4f }],
    ["1047", ebcdic1047, { "[": 0xad, "]": 0xbd, "^": 0x5f, "¬": 0xb0, "Ý": 0xba }]
  ] as const
  it.each(pages)("%s has its own brackets, and a byte for every character", (_, page, own) => {
    for (const [character, byte] of Object.entries(own)) {
      expect([character, page.fromLatin1[character.charCodeAt(0)]]).toEqual([character, byte])
    }
    for (const [character, byte] of Object.entries({ A: 0xc1, a: 0x81, "0": 0xf0, " ": 0x40 })) {
      expect(page.toLatin1[byte]).toBe(character.charCodeAt(0))
    }
    expect(new Set(page.toLatin1).size).toBe(256)
    for (let byte = 0; byte < 256; byte++) expect(page.fromLatin1[page.toLatin1[byte]!]).toBe(byte)
  })
})

describe("GBK", () => {
  const spoken = compiled(sourceOf(cell("ans", "gbk", "ascii", 2, "bytes")))

  it("refuses what it has no place for, and keeps bytes that are none of it", () => {
    expect(spoken.encode("0200", { "2": "😀" })).toMatchObject({ path: "2" })
    expect(spoken.encode("0200", { "2": "店店店店店" })).toMatchObject({ path: "2" })
    writtenAgain(spoken, Buffer.from("0200400000000000000030338180FF", "hex"))
  })
})

describe("a document's bytes", () => {
  const spoken = compiled(sourceOf({ type: "n", length: 3 }))
  const hexed = compiled(sourceOf(cell("b", "hex", "ascii", 2, "octets")))

  it("that nobody could read are refused by name", () => {
    const made = (hex: string) => encodeDocument(spoken, { mti: "0200", fields: { "2": { hex } } })
    expect(made("313233")).toBeInstanceOf(Uint8Array)
    expect(made("3132FF")).toEqual({ path: "2", problem: "is wrong: expected digits" })
    const odd = { mti: "0200", fields: { "2": { hex: "414243" } } }
    expect(encodeDocument(hexed, odd)).toEqual({
      path: "2",
      problem: "must be hex digits in pairs"
    })
  })
})
