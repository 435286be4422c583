/**
 * Parts set in a value that has others: what no change names keeps its bytes and its place, whether
 * the value stood in a message that is patched, or was given as a whole beside its part.
 */

import { describe, expect, it } from "vitest"
import { compileDialect } from "../../src/iso8583/compile.ts"
import type { Values } from "../../src/iso8583/message.ts"
import { compiled, dialect, read } from "./shipped.ts"

function source(field: object): object {
  return {
    dialect: "parts",
    mti: { encoding: "bcd" },
    bitmap: { encoding: "binary", bits: 64 },
    fields: { 48: field },
    messages: { "0200": {} },
    key: ["stan"],
    reversal: { mti: "0200" }
  }
}

const text = { type: "ans", max: 99, prefix: { width: 2 } }
const bytes = { type: "b", max: 99, prefix: { width: 2, counts: "bytes" } }
const digits = { type: "n", encoding: "bcd", max: 99, align: "left", prefix: { width: 2 } }
const two = [{ length: 2 }, { length: 2 }]
const odd = {
  type: "n",
  encoding: "bcd",
  align: "left",
  max: 9,
  prefix: { width: 1, encoding: "bcd" }
}
const inner = { type: "n", encoding: "bcd", length: 4, layout: "positional", parts: two }

/** What the field is, what stands in it, the change, and what stands in it then: text. */
const changes: ReadonlyArray<readonly [string, object, string, Values, string]> = [
  [
    "digits behind the last part that is there whole",
    { ...digits, layout: "positional", short: true, lenient: true, parts: two },
    "12345",
    { "48.1": "9" },
    "09345"
  ],
  [
    "digits behind all parts",
    { ...digits, layout: "positional", lenient: true, parts: two },
    "123456789",
    { "48.2": "00" },
    "120056789"
  ],
  [
    "text behind the last part that is there whole",
    { ...text, layout: "positional", short: true, lenient: true, parts: two },
    "abc",
    { "48.1": "x" },
    "x c"
  ],
  [
    "text that no part reaches",
    { ...text, layout: "positional", lenient: true, parts: two },
    "abcdefg",
    { "48.1": "x" },
    "x cdefg"
  ],
  [
    "the rest of a part within a part",
    {
      ...text,
      layout: "positional",
      parts: [{ length: 4, layout: "positional", parts: two }, { rest: true }]
    },
    "abcdefg",
    { "48.1.2": "x" },
    "abx efg"
  ],
  [
    "an odd count of packed digits beside it",
    { ...bytes, layout: "positional", parts: [{ length: 1 }, odd] },
    "AA0312 30".replace(" ", ""),
    { "48.1": "BB" },
    "BB031230"
  ],
  [
    "the same behind a bitmap",
    {
      ...bytes,
      layout: "bitmapped",
      bitmap: { bits: 8 },
      parts: [{ id: "1", length: 1 }, { id: "3", ...odd }]
    },
    "A0AA031230",
    { "48.1": "BB" },
    "A0BB031230"
  ],
  [
    "packed digits beside those of a part",
    { ...bytes, layout: "bitmapped", bitmap: { bits: 8 }, parts: [{ id: "1", ...inner }] },
    "801234",
    { "48.1.2": "99" },
    "801299"
  ],
  [
    "packed digits beside those of a tag",
    {
      ...bytes,
      layout: "tlv",
      tag: { width: 2, encoding: "binary" },
      tagLength: { width: 1, encoding: "binary" },
      tags: { "71": { type: "b", layout: "positional", parts: [{ id: "1", ...inner }] } }
    },
    "71021234",
    { "48.71.1.2": "99" },
    "71021299"
  ],
  [
    "tags beside it",
    { ...bytes, layout: "ber-tlv" },
    "9F060101009F060102",
    { "48.9F06#2": "03" },
    "9F060101009F060103"
  ],
  [
    "tags in hex beside it",
    { ...bytes, encoding: "hex", max: 40, layout: "ber-tlv" },
    "9F0601019F060102",
    { "48.9F06": "03", "48.8A": "3030" },
    "9F0601039F0601028A023030"
  ]
]

describe("a change of parts keeps", () => {
  it.each(changes)("%s", (_, field, old, change, wanted) => {
    const spoken = compiled(source(field))
    const message = read(spoken, spoken.build("0200", { "48": old }).toString("hex"))
    const patched = read(spoken, spoken.patch(message, { set: change }).toString("hex"))
    expect(patched.text("48")).toBe(wanted)
    const built = read(spoken, spoken.build("0200", { "48": old, ...change }).toString("hex"))
    expect(built.text("48")).toBe(wanted)
  })

  it("the currency of an amount that is given whole, and refuses a whole that does not fit", () => {
    const iso2003 = dialect("iso2003-ascii")
    const values = { "3": "000000", "4": "1562000000000100", "11": "1", "12": "20261126134400" }
    const whole = { ...values, "41": "T1", "4.3": "000000000200" }
    const body = iso2003.encode("2200", whole)
    expect(read(iso2003, Buffer.from(body as Uint8Array).toString("hex")).text("4")).toBe(
      "1562000000000200"
    )
    expect(iso2003.encode("2200", { ...whole, "4": "156x" })).toMatchObject({ path: "4" })
  })
})

describe("a layout is refused at load", () => {
  const faultsOf = (field: object) => {
    const made = compileDialect(source(field), 1)
    return "read" in made ? [] : made.map(({ path }) => path)
  }

  it("where a part before the last takes the rest", () => {
    const parts = [{ rest: true }, { length: 2 }]
    expect(faultsOf({ ...text, layout: "positional", parts })).toEqual(["fields.48.parts[0].rest"])
  })

  it("where a tag is given a length beside its own, or a layout that nobody reads", () => {
    const tlv = { ...text, layout: "tlv", tag: { width: 2 }, tagLength: { width: 2 } }
    expect(faultsOf({ ...tlv, tags: { "01": { type: "n", length: 3 } } })).toContain(
      "fields.48.tags.01.length"
    )
    const tags = { DF01: { layout: "positional", parts: [{ length: 1 }] } }
    expect(faultsOf({ ...bytes, layout: "ber-tlv", tags })).toEqual([
      "fields.48.tags.DF01.layout"
    ])
  })
})
