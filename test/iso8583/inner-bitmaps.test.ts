/** Fields that begin with a bitmap of their own: any parts, in bytes and in hex, and their faults. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { describe as rowsOf } from "../../src/iso8583/describe.ts"
import { compiled, read, refused } from "./shipped.ts"

const parts = [
  { id: "1", type: "n", encoding: "ascii", length: 4 },
  { id: "3", type: "ans", encoding: "ascii", min: 1, max: 9, prefix: { width: 1 } },
  {
    id: "10",
    type: "ans",
    encoding: "ascii",
    length: 4,
    layout: "positional",
    parts: [{ length: 2 }, { length: 2 }]
  },
  { id: "16", type: "an", encoding: "ascii", length: 2 }
]

function spokenIn(encoding: "binary" | "hex", more: object = {}) {
  const field = {
    type: "b",
    max: 99,
    prefix: { width: 2, encoding: "bcd", counts: "bytes" },
    layout: "bitmapped",
    bitmap: { bits: 16, encoding },
    parts,
    ...more
  }
  return compiled({
    dialect: "test",
    mti: { encoding: "ascii" },
    bitmap: { encoding: "binary", bits: 64 },
    messages: { "0200": { response: "0210" }, "0210": {} },
    fields: { 3: { type: "n", length: 6 }, 48: field },
    key: ["stan"],
    reversal: { mti: "0200" }
  })
}

/** The bytes of these parts as one draws them: the bitmap, then what follows. */
function drawn(encoding: "binary" | "hex", values: Readonly<Record<number, string>>): string {
  const bits = Object.keys(values).reduce((sum, bit) => sum | (0x8000 >> (Number(bit) - 1)), 0)
  const digits = bits.toString(16).toUpperCase().padStart(4, "0")
  const head = encoding === "binary" ? digits : Buffer.from(digits).toString("hex")
  const texts = Object.entries(values).map(([bit, text]) => bit === "3" ? text.length + text : text)
  return (head + Buffer.from(texts.join("")).toString("hex")).toUpperCase()
}

const text = (length: number) => fc.stringMatching(new RegExp(`^[A-Z0-9]{${length}}$`))
const values = fc.record({
  1: fc.stringMatching(/^[0-9]{4}$/),
  3: fc.stringMatching(/^[A-Z0-9]{1,9}$/),
  10: text(4),
  16: text(2)
}, { requiredKeys: [] })

describe.each(["binary", "hex"] as const)("a field with a bitmap of its own in %s", (encoding) => {
  const spoken = spokenIn(encoding)
  const head = encoding === "binary" ? 2 : 4

  it("has the parts that its bits say, as they were set and as they are changed", () => {
    fc.assert(fc.property(values, values, (first, second) => {
      if (Object.keys(first).length === 0) return
      const paths = (set: object) =>
        Object.fromEntries(Object.entries(set).map(([bit, value]) => [`48.${bit}`, value]))
      const message = read(spoken, spoken.build("0200", paths(first)).toString("hex"))
      const patched = spoken.patch(message, { set: paths(second) })
      for (
        const [each, set] of [
          [message, first],
          [read(spoken, patched.toString("hex")), { ...first, ...second }]
        ] as const
      ) {
        expect(each.text("48")).toBe(drawn(encoding, set))
        const found = parts.map(({ id }) => each.text(`48.${id}`))
        const wanted = new Map(Object.entries(set))
        expect(found).toEqual(parts.map(({ id }) => wanted.get(id)))
        expect(each.text("48.10.2")).toBe(set[10]?.slice(2))
        const rows = rowsOf(each).flatMap(({ path }) => /^48\.\d+$/.exec(path)?.[0] ?? [])
        expect(rows).toEqual(Object.keys(set).map((bit) => `48.${bit}`))
      }
    }))
  })

  it("is refused by the part that is not whole, not known, or not the last", () => {
    const whole = { 1: "1234", 3: "AB", 16: "ZZ" }
    const fault = (hex: string) => {
      const { expected, offset, path } = refused(
        spoken,
        spoken.build("0200", { "3": "000000", "48": hex }).toString("hex")
      )
      // Within the field: behind message type, bitmap, field 3 and the length.
      return `${path} ${offset - 19} ${expected}`
    }
    const right = drawn(encoding, whole)
    expect(fault(right + "41")).toBe(`48 ${head + 9} nothing more in this field`)
    expect(fault(right.slice(0, -2))).toMatch(new RegExp(`^48.16 ${head + 7} a whole `))
    expect(fault(right.slice(0, 2 * head + 10))).toMatch(new RegExp(`^48.3 ${head + 4} a whole `))
    expect(fault(right.slice(0, 2 * head - 2))).toBe(`48 0 a bitmap of ${head} bytes`)
    expect(fault(drawn(encoding, { 2: "x" }))).toBe("48.2 0 no such part")
    if (encoding === "hex") expect(fault("30304730")).toBe("48 2 hex characters")
  })

  it("names no part that it lacks", () => {
    const names = [
      "48.1",
      "48.16",
      "48.10.1",
      "48.2",
      "48.01",
      "48.17",
      "48.1.1",
      "48.10.3",
      "48.x"
    ]
    const known = names.filter((name) => spoken.layout.access(name) !== undefined)
    expect(known).toEqual(["48.1", "48.16", "48.10.1"])
    expect(spoken.encode("0200", { "48.2": "x" })).toMatchObject({ path: "48.2" })
    expect(spoken.encode("0200", { "48": "FF", "48.1": "1234" })).toMatchObject({ path: "48" })
  })

  it("shows nothing of itself where a part is masked", () => {
    const shown = (more: object) => {
      const each = spokenIn(encoding, { lenient: true, ...more })
      const body = each.build("0200", { "48": `${drawn(encoding, { 1: "1234" })}41` })
      return rowsOf(read(each, body.toString("hex"))).find(({ path }) => path === "48")?.value
    }
    expect(shown({})).toMatch(/41$/)
    expect(shown({ parts: [{ ...parts[0], mask: "hidden" }, parts[3]] })).toBe("****")
  })
})
