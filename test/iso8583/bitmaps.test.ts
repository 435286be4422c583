/**
 * Bitmaps in every form, length and place: what is written is read again, by hand-made bytes and by
 * random sets of fields; what was read is written again byte for byte.
 */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { bitmapEncodings } from "../../src/iso8583/bitmap.ts"
import { compileDialect } from "../../src/iso8583/compile.ts"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import { documentOf, encodeDocument } from "../../src/iso8583/document.ts"
import { compiled, dialect, read, refused } from "./shipped.ts"

const places = [undefined, 65, 2, 64, 70, 128]
const sizes = [
  { bits: 64, third: undefined },
  { bits: 128, third: undefined },
  ...places.map((third) => ({ bits: 192, third }))
]
const forms = bitmapEncodings.flatMap((encoding) =>
  [false, true].flatMap((always) =>
    sizes.map(({ bits, third }) => ({ encoding, bits, third, always }))
  )
)

function source(bitmap: { readonly bits: number; readonly third?: number | undefined }): object {
  const numbers = Array.from({ length: bitmap.bits - 1 }, (_, index) => index + 2)
  const free = numbers.filter((each) =>
    bitmap.third === undefined ? each !== 65 || bitmap.bits < 192 : each !== bitmap.third
  )
  return {
    dialect: "test",
    mti: { encoding: "ascii" },
    bitmap,
    fields: Object.fromEntries(free.map((each) => [each, { type: "n", length: each % 3 + 1 }])),
    messages: { "0100": {} },
    key: ["stan"],
    reversal: { mti: "0100" }
  }
}

/** The same bytes out of a document of the message, and out of a patch that changes nothing. */
function sameAgain(spoken: CompiledDialect, hex: string): void {
  const message = read(spoken, hex)
  const document = JSON.parse(JSON.stringify(documentOf(message))) as unknown
  const again = encodeDocument(spoken, document) as Uint8Array
  expect(Buffer.from(again).toString("hex")).toBe(hex.toLowerCase())
  expect(spoken.patch(message, {}).toString("hex")).toBe(hex.toLowerCase())
}

describe("bitmaps", () => {
  it.each(forms.map((form) => [JSON.stringify(form), form] as const))(
    "%s carry any set of fields",
    (_, form) => {
      const spoken = compiled(source(form))
      const fields = spoken.layout.entries.flatMap((entry, field) =>
        entry === undefined || field === form.third ? [] : [field]
      )
      fc.assert(
        fc.property(fc.uniqueArray(fc.constantFrom(...fields), { maxLength: 12 }), (chosen) => {
          const values = Object.fromEntries(chosen.map((field) => [String(field), "7"]))
          const body = spoken.build("0100", values)
          const message = read(spoken, body.toString("hex"))
          const there = message.fields().filter((field) => field !== form.third)
          expect(there).toEqual(chosen.toSorted((one, other) => one - other))
          sameAgain(spoken, body.toString("hex"))
          const [first] = chosen
          if (first === undefined) return
          const less = spoken.patch(message, { drop: [first] })
          const left = read(spoken, less.toString("hex")).fields()
          expect(left.filter((field) => field !== form.third)).toEqual(
            chosen.filter((field) => field !== first).toSorted((one, other) => one - other)
          )
        }),
        { numRuns: 12 }
      )
    }
  )

  it("the third behind the second, as field 65, or as a field of the dialect's choice", () => {
    const behind = compiled(source({ bits: 192 }))
    const body = [
      "30313030",
      "C000000000000000",
      "8000000000000000",
      "4000000000000000",
      "3730373038"
    ].join("")
    const wide = read(behind, body)
    expect(wide.fields()).toEqual([2, 130])
    const inside = compiled(source({ bits: 192, third: 65 }))
    const there = [
      "30313030",
      "C000000000000000",
      "C000000000000000",
      "303037",
      "4000000000000000",
      "373038"
    ].join("")
    const message = read(inside, there)
    expect(message.fields()).toEqual([2, 65, 66, 130])
    expect(message.text("65")).toBe("4000000000000000")
    sameAgain(inside, there)
    // An empty third bitmap stays, as it came.
    sameAgain(inside, "30313030800000000000000080000000000000000000000000000000")
    const late = compiled(source({ bits: 192, third: 128 }))
    expect(late.build("0100", { "129": "5" }).toString("hex").toUpperCase()).toBe(
      "3031303080000000000000000000000000000001800000000000000035"
    )
  })

  it("a third that is cut short, or that announces what the dialect lacks, is refused", () => {
    const inside = compiled({ ...source({ bits: 192, third: 65 }), bitmap: thirdInHex })
    const head = Buffer.from(`01008${"0".repeat(15)}8${"0".repeat(15)}`).toString("hex")
    expect(refused(inside, head).path).toBe("65")
    const digits = (text: string) => Buffer.from(text).toString("hex")
    expect(refused(inside, head + digits("400000000000000G")).path).toBe("bitmap")
    expect(refused(inside, head + digits("4000000000000000")).path).toBe("130")
  })

  const thirdInHex = { encoding: "hex", bits: 192, third: 65 }

  it("a dialect that defines the third bitmap itself, or has no room for it, is refused", () => {
    const faults = compileDialect({
      ...source({ bits: 128 }),
      bitmap: { bits: 128, third: 65 }
    }, 1) as ReadonlyArray<{ readonly path: string }>
    expect(faults.map(({ path }) => path)).toEqual(["bitmap.third", "fields.65"])
  })
})

describe("bitmaps of hex in small letters", () => {
  const iso = dialect("iso87-ascii")
  const capitals = iso.build("0200", {
    "3": "000000",
    "4": "000000000100",
    "11": "000001",
    "41": "1",
    "102": "12"
  }).toString("latin1")
  const small = Buffer.from(
    capitals.slice(0, 4) + capitals.slice(4, 36).toLowerCase() + capitals.slice(36),
    "latin1"
  )

  it("are read, and written again as they came, changed or not", () => {
    expect(small.toString("latin1")).not.toBe(capitals)
    sameAgain(iso, small.toString("hex"))
    const message = read(iso, small.toString("hex"))
    expect(message.text("102")).toBe("12")
    const patched = iso.patch(message, { set: { "37": "A00000000317" } }).toString("latin1")
    expect(patched.slice(4, 36)).toMatch(/^[0-9a-f]{32}$/)
    expect(patched.slice(4, 36)).toMatch(/[a-f]/)
    const answer = iso.respond(message, "00", { "37": "A00000000317" }, false)
    expect(answer.toString("latin1").slice(4, 20)).toMatch(/^[0-9]+a[0-9]+$/)
  })

  it.each(["hex", "ebcdic-hex"] as const)(
    "stay small by their very last one, in %s",
    (encoding) => {
      const form = { encoding, bits: 128 }
      const spoken = compiled(source(form))
      const body = spoken.build("0100", { "125": "7", "127": "7" })
      expect(spoken.patch(read(spoken, body.toString("hex")), { set: { "124": "7" } })[35])
        .toBe(encoding === "hex" ? 0x41 : 0xc1)
      body[35] = encoding === "hex" ? 0x61 : 0x81
      sameAgain(spoken, body.toString("hex"))
      const more = spoken.patch(read(spoken, body.toString("hex")), { set: { "118": "7" } })
      expect(more.subarray(33, 36).toString("hex")).toBe(encoding === "hex" ? "343061" : "f4f081")
    }
  )

  it("must not be mixed with capitals, in one bitmap or between two", () => {
    const mixed = Buffer.from(small)
    mixed[4 + 3] = "A".charCodeAt(0)
    expect(refused(iso, mixed.toString("hex")).path).toBe("bitmap")
    expect(encodeDocument(iso, { mti: "0200", letters: "capital", fields: {} })).toMatchObject({
      path: "letters"
    })
  })
})
