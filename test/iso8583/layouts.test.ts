/**
 * Fields in every combination of type, encoding, prefix and padding; layouts of every kind; shapes
 * that depend on the message; and files that are refused.
 */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { compileDialect } from "../../src/iso8583/compile.ts"
import { describe as rowsOf } from "../../src/iso8583/describe.ts"
import { encodings, fieldTypes } from "../../src/iso8583/field.ts"
import { prefixEncodings, prefixUnits } from "../../src/iso8583/length-prefix.ts"
import { valueOf } from "./arbitrary.ts"
import { compiled, read } from "./shipped.ts"

const least = {
  dialect: "test",
  mti: { encoding: "ascii" },
  bitmap: { encoding: "binary", bits: 64 },
  messages: { "0200": { response: "0210" }, "0210": {}, "0800": {} },
  key: ["stan"],
  reversal: { mti: "0200" }
}

function of(fields: Readonly<Record<string, unknown>>, more: object = {}) {
  return compiled({ ...least, ...more, fields })
}

function faultsOf(source: unknown): ReadonlyArray<string> {
  const made = compileDialect(source, 1)
  return "length" in made ? made.map(({ path, problem }) => `${path} ${problem}`) : []
}

describe("type x encoding x prefix x padding", () => {
  const cells = fieldTypes.flatMap((type) =>
    encodings.flatMap((encoding) =>
      prefixEncodings.flatMap((prefix) =>
        prefixUnits.map((counts) => ({
          type,
          encoding,
          max: 12,
          prefix: { encoding: prefix, width: prefix === "binary" ? 1 : 2, counts }
        }))
      )
    )
  )
  const fixed = fieldTypes.flatMap((type) =>
    encodings.flatMap((encoding) =>
      (["left", "right"] as const).flatMap((side) =>
        [7, 8].map((length) => ({
          type,
          encoding,
          length,
          align: encoding === "bcd" ? side : undefined,
          overpunch: type === "x+n" && side === "left" && encoding !== "bcd"
        }))
      )
    )
  )
  const sound = [...cells, ...fixed].filter((field) =>
    faultsOf({ ...least, fields: { 2: field } }).length === 0
  )

  it("has all of its cells", () => {
    // Five types of text in five encodings, digits in BCD too, bytes in three.
    expect(sound.length).toBeGreaterThan(400)
    for (const encoding of encodings) {
      expect(sound.some((field) => field.encoding === encoding)).toBe(true)
    }
  })

  it("gives back in every cell what was written", () => {
    for (const field of sound) {
      const dialect = of({ 2: field })
      const { shape } = dialect.layout.access("2")!
      // Two counts of bytes in packed digits cannot say that one digit is fill.
      const even = field.encoding === "bcd" && "prefix" in field &&
        /^(?:bytes|octets)$/.test(field.prefix.counts)
      fc.assert(
        fc.property(valueOf(shape), (text) => {
          const odd = text.length % 2 === (field.type === "x+n" ? 0 : 1)
          const value = even && odd ? `${text}0` : text
          if (value.length > (shape.overpunch ? 13 : 12) && shape.type !== "b") return
          const body = dialect.encode("0200", { "2": value })
          if (!(body instanceof Uint8Array)) {
            // A sign needs at least one digit behind it, whatever the length.
            throw new Error(`${JSON.stringify(field)} ${value} ${body.problem}`)
          }
          const back = read(dialect, body.toString("hex")).text("2")
          expect([field, back?.trimEnd()]).toEqual([field, value.trimEnd()])
        }),
        { numRuns: 4 }
      )
    }
  })
})

describe("layouts", () => {
  it("tags of any width, repeated and unknown, stay in order and survive changes", () => {
    const dialect = of({
      48: {
        type: "ans",
        max: 99,
        prefix: { width: 2 },
        layout: "tlv",
        tag: { width: 2 },
        tagLength: { width: 3 },
        tags: { "01": { name: "first" }, "02": { type: "n", rest: true } }
      }
    })
    const body = Buffer.from("02000000000000010000260100200AA7700 1x0200142")
    expect(dialect.read(body)).toHaveProperty("failure")
    const built = dialect.build("0200", { "48.01": "AB", "48.77": "?", "48.02": "42" })
    const message = read(dialect, built.toString("hex"))
    expect(message.text("48")).toBe("01002AB77001?0200242")
    const raw = dialect.build("0200", { "48": "01002AB01001C77001?" })
    const repeated = read(dialect, raw.toString("hex"))
    expect([repeated.text("48.01"), repeated.text("48.01#2")]).toEqual(["AB", "C"])
    const patched = dialect.patch(repeated, { set: { "48.01#2": "DEF", "48.02": "7" } })
    expect(read(dialect, patched.toString("hex")).text("48")).toBe("01002AB01003DEF77001?020017")
    const bad = dialect.encode("0200", { "48.02": "4X" })
    expect(bad).toMatchObject({ path: "48.02" })
  })

  it("refuses unknown tags where the dialect says so, with the tag in the path", () => {
    const dialect = of({
      48: {
        type: "b",
        max: 99,
        prefix: { width: 2, encoding: "binary", counts: "bytes" },
        layout: "tlv",
        tag: { width: 2, encoding: "binary" },
        tagLength: { width: 1, encoding: "binary" },
        unknown: "refuse",
        tags: { "0A": {} }
      }
    })
    const known = dialect.build("0200", { "48": "0A01FF" })
    expect(read(dialect, known.toString("hex")).text("48.0A")).toBe("FF")
    const unknown = dialect.read(dialect.build("0200", { "48": "0A01FF0B00" }))
    expect(unknown).toMatchObject({ path: "48.0B", failure: "message-format" })
  })

  it("refuses unknown tags of BER-TLV too, templates included, where the dialect says so", () => {
    const chip = (more: object) =>
      of({
        55: {
          type: "b",
          max: 99,
          prefix: { width: 2, counts: "bytes" },
          layout: "ber-tlv",
          ...more
        }
      })
    const field = (value: string) => chip({}).build("0200", { "55": value })
    const strict = chip({ unknown: "refuse", tags: { DF7F: { name: "ours" } } })
    const known = field("9F020600000000010000DF7F017000700482027C00")
    expect(read(strict, known.toString("hex")).text("55.70.82")).toBe("7C00")
    const strange: ReadonlyArray<readonly [string, number]> = [["DF7E0101", 0], ["7004DF7E0101", 2]]
    for (const [value, offset] of strange) {
      expect(read(chip({}), field(value).toString("hex")).text("55")).toBe(value)
      expect(strict.read(field(value))).toMatchObject({ path: "55.DF7E", offset: 14 + offset })
    }
  })

  it("datasets with bitmaps inside of them", () => {
    const dialect = of({
      48: {
        type: "b",
        max: 999,
        prefix: { width: 3, encoding: "bcd", counts: "bytes" },
        layout: "tlv",
        tag: { width: 2, encoding: "binary" },
        tagLength: { width: 2, encoding: "binary" },
        tags: {
          "71": {
            layout: "bitmapped",
            bitmap: { bits: 16 },
            parts: [
              { id: "1", type: "n", encoding: "bcd", length: 4 },
              { id: "3", type: "ans", encoding: "ascii", max: 9, prefix: { width: 1 } },
              { id: "16", length: 2 }
            ]
          },
          "01": { layout: "ber-tlv" }
        }
      }
    })
    const built = dialect.build("0200", {
      "48.71.3": "abc",
      "48.71.1": "1234",
      "48.01.9F02": "000000000100"
    })
    const message = read(dialect, built.toString("hex"))
    expect(message.text("48")).toBe("710008A0001234336162630100099F0206000000000100")
    expect(message.text("48.71.3")).toBe("abc")
    expect(message.text("48.71.16")).toBeUndefined()
    expect(message.text("48.01.9F02")).toBe("000000000100")
    const patched = dialect.patch(message, { set: { "48.71.16": "BEEF" } })
    expect(read(dialect, patched.toString("hex")).text("48.71")).toBe("A001123433616263BEEF")
    const missing = dialect.read(dialect.build("0200", { "48": "7100024000" }))
    expect(missing).toMatchObject({ path: "48.71.2", expected: "no such part" })
  })

  it("lengths that come first and count their tag", () => {
    const dialect = of({
      63: {
        type: "b",
        max: 99,
        prefix: { width: 2, encoding: "bcd", counts: "bytes" },
        layout: "tlv",
        order: "length-first",
        countsTag: true,
        tag: { width: 2 },
        tagLength: { width: 4, encoding: "bcd" },
        tags: { "22": { type: "ans", encoding: "ascii" } }
      }
    })
    const built = dialect.build("0200", { "63.22": "HELLO" })
    const message = read(dialect, built.toString("hex"))
    expect(message.text("63")).toBe("00073232" + Buffer.from("HELLO").toString("hex").toUpperCase())
    expect(message.text("63.22")).toBe("HELLO")
  })
})

describe("a value that is too short or too long for its field", () => {
  const dialect = of({
    2: { type: "n", min: 12, max: 19, prefix: { width: 2 } },
    4: { type: "n", length: 12 },
    5: { type: "b", encoding: "binary", min: 2, max: 4, prefix: { encoding: "binary", width: 1 } }
  })
  const digits = (count: number) => "1".repeat(count)

  it.each([
    ["2", 12, 19],
    ["4", 12, 12]
  ])("is named and never written: field %s, as text and as bytes", (path, shortest, longest) => {
    const made = (value: string | Uint8Array) => dialect.encode("0200", { [path]: value })
    for (const count of [shortest, longest]) {
      const text = read(dialect, dialect.build("0200", { [path]: digits(count) }).toString("hex"))
      expect(text.text(path)).toBe(digits(count))
      expect(made(Buffer.from(digits(count)))).toEqual(made(digits(count)))
    }
    for (const count of [shortest - 1, longest + 1]) {
      expect(made(Buffer.from(digits(count))), `bytes of ${count}`).toMatchObject({ path })
      // A text that is short of a fixed length is filled up.
      if (path === "4" && count < shortest) continue
      expect(made(digits(count)), `text of ${count}`).toMatchObject({ path })
    }
  })

  it("is named and never written: bytes in a row", () => {
    const made = (count: number) => dialect.encode("0200", { "5": new Uint8Array(count) })
    expect([1, 5].map(made)).toMatchObject([{ path: "5" }, { path: "5" }])
    expect(made(2)).toBeInstanceOf(Uint8Array)
  })
})

describe("shapes that depend on the message", () => {
  const dialect = of({
    3: { type: "n", length: 6 },
    48: {
      type: "ans",
      max: 99,
      prefix: { width: 2 },
      cases: [
        { when: { "3": "31????" }, layout: "positional", parts: [{ length: 2 }, { rest: true }] },
        { when: { direction: "response" }, type: "n" }
      ]
    }
  })

  it("on the value of a field before, and on direction", () => {
    const balance = read(
      dialect,
      dialect.build("0200", { "3": "310000", "48": "ABrest" }).toString("hex")
    )
    expect([balance.text("48.1"), balance.text("48.2")]).toEqual(["AB", "rest"])
    const sale = read(
      dialect,
      dialect.build("0200", { "3": "000000", "48": "ABrest" }).toString("hex")
    )
    expect(sale.text("48.1")).toBeUndefined()
    expect(dialect.encode("0210", { "3": "000000", "48": "ABrest" })).toMatchObject({ path: "48" })
    expect(dialect.encode("0210", { "3": "000000", "48": "12" })).toBeInstanceOf(Uint8Array)
  })

  it("on the message type", () => {
    const byType = of({
      62: {
        type: "ans",
        max: 40,
        prefix: { width: 2 },
        cases: [
          { when: { mti: ["0210", "0800"] }, type: "b", encoding: "hex" },
          { when: { mti: "02?0" }, type: "n" }
        ]
      }
    })
    const text = (mti: string, value: string) => {
      const body = byType.encode(mti, { "62": value })
      return body instanceof Uint8Array ? read(byType, body.toString("hex")).text("62") : body.path
    }
    expect([text("0200", "17"), text("0200", "1A"), text("0800", "1A")]).toEqual(["17", "62", "1A"])
    expect(text("0210", "1")).toBe("62")
  })

  it("on the message type that it becomes: what is kept is written anew", () => {
    const byType = of({
      62: {
        type: "ans",
        max: 40,
        prefix: { width: 2 },
        cases: [{ when: { mti: "0210" }, prefix: { width: 3 } }]
      }
    })
    const request = read(byType, byType.build("0200", { "62": "kept" }).toString("hex"))
    const answer = byType.patch(request, { mti: "0210" })
    expect(answer.toString("latin1")).toContain("004kept")
    expect(read(byType, answer.toString("hex")).text("62")).toBe("kept")
  })

  it("on the message type that it becomes: what is kept says the same in other characters", () => {
    const asked = { type: "n", max: 9, prefix: { width: 2 } }
    const becomes = (one: object, other: object, value: string): string => {
      const both = of({ 62: { ...asked, ...one, cases: [{ when: { mti: "0210" }, ...other }] } })
      const request = read(both, both.build("0200", { "62": value }).toString("hex"))
      const answer = both.patch(request, { mti: "0210" })
      return `${read(both, answer.toString("hex")).text("62")} ${
        answer.subarray(12).toString("hex")
      }`
    }
    const hex = { type: "b", encoding: "hex" }
    const bytes = { type: "b", encoding: "binary" }
    const signed = { type: "x+n" }
    const packed = { encoding: "bcd" }
    expect(becomes({}, packed, "123")).toBe("123 30331230")
    expect(becomes(packed, { encoding: "ascii" }, "123")).toBe("123 3033313233")
    expect(becomes({}, { encoding: "ebcdic" }, "123")).toBe("123 3033f1f2f3")
    expect(becomes(hex, bytes, "12AB")).toBe("12AB 303412ab")
    expect(becomes(signed, { overpunch: true }, "D12")).toBe("D12 3032314b")
    // Neither says how the other would write it.
    expect(becomes({ type: "ans" }, bytes, "AB")).toBe("4142 30344142")
  })

  it("refuses by name what has no such characters", () => {
    const letters = { type: "ans", max: 9, prefix: { width: 2 } }
    const digits = { when: { mti: "0210" }, type: "n", encoding: "bcd" }
    const both = of({ 62: { ...letters, cases: [digits] } })
    const request = read(both, both.build("0200", { "62": "12A" }).toString("hex"))
    expect(() => both.patch(request, { mti: "0210" })).toThrow(/62/)
  })

  it("never on a field behind", () => {
    const fields = {
      3: { type: "n", length: 6, cases: [{ when: { "4": "1" }, length: 2 }] },
      4: { type: "n", length: 1 }
    }
    expect(faultsOf({ ...least, fields })).toEqual([
      "fields.3.cases[0].when.4 must be a field before 3"
    ])
    const itself = { 3: { type: "n", length: 6, cases: [{ when: { "3": "1?????" }, length: 2 }] } }
    expect(faultsOf({ ...least, fields: itself })).toEqual([
      "fields.3.cases[0].when.3 must be a field before 3"
    ])
  })
})

describe("fields that nobody defined", () => {
  it("are kept and listed where the dialect says how they are measured", () => {
    const dialect = of(
      { 3: { type: "n", length: 6 } },
      { otherwise: { type: "ans", max: 99, prefix: { width: 2 } } }
    )
    const body = dialect.build("0200", { "3": "000000", "61": "private" })
    const message = read(dialect, body.toString("hex"))
    expect(message.text("61")).toBe("private")
    expect(dialect.patch(message, { set: { "3": "1" } }).toString()).toContain("07private")
    expect(rowsOf(message).at(-1)).toMatchObject({ path: "61", note: "unknown, kept as it is" })
  })
})

describe("presence and values", () => {
  const dialect = of(
    { 3: { type: "n", length: 6 }, 4: { type: "n", length: 12 }, 25: { type: "n", length: 2 } },
    {
      messages: {
        "0200": {
          mandatory: [3],
          forbidden: [25],
          conditional: [{ field: 4, when: { "3": "00????" } }],
          values: { "3": ["00????", "31????"] }
        }
      },
      reversal: { mti: "0200" }
    }
  )
  it.each([
    ["field-missing", "3", { "4": "1" }],
    ["field-missing", "4", { "3": "000000" }],
    ["message-format", "25", { "3": "310000", "25": "00" }],
    ["message-format", "3", { "3": "990000" }]
  ])("%s at %s", (failure, path, values) => {
    expect(dialect.read(dialect.build("0200", values))).toMatchObject({ failure, path })
  })
  it("what follows the rules is read", () => {
    expect(dialect.read(dialect.build("0200", { "3": "310000" }))).toHaveProperty("mti", "0200")
  })
})

describe("a file with mistakes", () => {
  it("is refused with all of them, each with its path", () => {
    const faults = faultsOf({
      ...least,
      dialect: "Has Spaces",
      surprise: 1,
      shapes: { a: { is: "b" }, b: { is: "a" } },
      fields: {
        1: { type: "n", length: 1 },
        2: { is: "a", type: "n", length: 1 },
        3: { type: "n" },
        4: { type: "n", length: 1, prefix: { width: 2 } },
        5: { type: "n", max: 100, prefix: { width: 1 } },
        6: { type: "b", encoding: "ascii", length: 1 },
        7: { type: "n", length: 4, layout: "positional", parts: [{ length: 4, colour: "red" }] },
        8: { type: "money", length: 1 },
        9: { type: "n", length: "12" },
        10: { type: "n", length: 4, layout: "positional", parts: [{ length: 4 }], tags: {} },
        11: {
          type: "ans",
          length: 4,
          layout: "positional",
          parts: [{ length: 4, cases: [] }]
        },
        12: { type: "n", length: 4, overpunch: true },
        13: { type: "x+n", encoding: "bcd", length: 4, fill: 15 },
        14: { type: "n", length: 4, pad: { side: "left", with: " " } },
        15: { type: "z", max: 37, prefix: { width: 2 }, enciphered: [{ when: { "3": "1" } }] }
      },
      messages: { "200": {}, "0200": { mandatory: [77], response: "0210" } },
      roles: { pan: "2", colour: "3" },
      kinds: [{ kind: "gift", mti: "0200" }],
      mac: { field: 64, algorithm: { name: "rot13" } }
    })
    const paths = faults.map((fault) => fault.split(" ")[0])
    for (
      const path of [
        "dialect",
        "surprise",
        "shapes.b.is",
        "fields.1",
        "fields.3",
        "fields.4",
        "fields.5.max",
        "fields.6.encoding",
        "fields.7.parts[0].colour",
        "fields.8.type",
        "fields.9.length",
        "fields.10.tags",
        "fields.11.parts[0].cases",
        "fields.12.overpunch",
        "fields.13.fill",
        "fields.14.pad",
        "fields.15.enciphered[0]",
        "messages.200",
        "messages.0200.mandatory[0]",
        "messages.0200.response",
        "roles.pan",
        "roles.colour",
        "kinds[0].kind",
        "mac.field",
        "mac.algorithm.name"
      ]
    ) expect(paths).toContain(path)
  })

  it.each([[null], [[]], ["text"], [7], [{}]])("%j is no dialect", (source) => {
    expect(faultsOf(source).length).toBeGreaterThan(0)
  })
})
