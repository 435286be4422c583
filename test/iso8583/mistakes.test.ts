/**
 * Mistakes in a dialect that would show at the first message, or only at the first reversal: they
 * are found when it is loaded, each once and where it stands.
 */

import { describe, expect, it } from "vitest"
import { compileDialect } from "../../src/iso8583/compile.ts"

const right = {
  dialect: "test",
  mti: { encoding: "bcd" },
  bitmap: { encoding: "binary", bits: 64 },
  fields: {
    3: { type: "n", encoding: "bcd", length: 6 },
    39: { type: "an", length: 2 },
    44: { type: "ans", min: 2, max: 5, prefix: { width: 2 } },
    60: {
      type: "n",
      encoding: "bcd",
      length: 8,
      layout: "positional",
      parts: [{ length: 2 }, { length: 6 }]
    }
  },
  messages: { "0200": { response: "0210" }, "0210": {}, "0400": {} },
  key: ["stan"],
  reversal: { mti: "0400" }
}

function faultsOf(change: object): ReadonlyArray<string> {
  const made = compileDialect({ ...right, ...change }, 1)
  return "read" in made ? [] : made.map(({ path, problem }) => `${path}: ${problem}`)
}

const kind = (when: object) => ({ kinds: [{ kind: "sale", mti: "0200", when }] })

describe("a dialect", () => {
  it("of which all of this is right is loaded", () => {
    expect(faultsOf({})).toEqual([])
    expect(faultsOf(kind({ "3": "00????", "44": "abc", "60.1": ["22", "23"] }))).toEqual([])
    expect(faultsOf(kind({ "39": "present", "44": ["ab", "abcde"], "mti": "0?00" }))).toEqual([])
    expect(faultsOf(kind({ "39": "absent", "direction": "request" }))).toEqual([])
  })

  it.each([
    ["a reversal", { reversal: { mti: "0420" } }, "reversal.mti", "0420"],
    ["a repeat", { reversal: { mti: "0400", repeatMti: "0401" } }, "reversal.repeatMti", "0401"],
    ["a kind", { kinds: [{ kind: "sale", mti: ["0200", "0100"] }] }, "kinds[0].mti", "0100"],
    [
      "a sign-on",
      { keyDownload: { mti: "0800", by: "3", path: "44", shapes: {} } },
      "keyDownload.mti",
      "0800"
    ],
    [
      "a response",
      { messages: { ...right.messages, "0200": { response: "0211" } } },
      "messages.0200.response",
      "0211"
    ]
  ])("without the message type of %s", (_, change, path, mti) => {
    expect(faultsOf(change)).toEqual([`${path}: ${mti} is no message of the dialect`])
  })

  it.each([
    ["x9.19", "iso87-single", ["iso87-double"]],
    ["x9.19", "cup-40", []],
    ["x9.19", "cup-84", []],
    ["x9.9", "iso87-double", ["iso87-single", "cup-24"]],
    ["cup-ecb", "cup-57-sm4", ["cup-24", "cup-40", "cup-56", "cup-60", "cup-84"]],
    ["cup-cbc", "cup-84", ["cup-24", "iso87-double"]],
    ["cup-ecb-sm4", "cup-40", ["cup-57-sm4"]]
  ])("with MACs by %s, and key downloads as %s", (name, wrong, fitting) => {
    const shapes = Object.fromEntries([wrong, ...fitting].map((shape, at) => [`00${at}`, shape]))
    const change = {
      fields: { ...right.fields, 64: { type: "b", length: 8 } },
      mac: { field: 64, algorithm: { name } },
      keyDownload: { mti: "0200", by: "3", path: "44", shapes }
    }
    expect(faultsOf(change)).toEqual([
      `keyDownload.shapes.000: ${wrong} brings no MAC key for ${name}`
    ])
  })

  it.each([
    [{ "3": "00" }, "kinds[0].when.3: 00 never is its value, which has 6 characters"],
    [{ "60.2": "22" }, "kinds[0].when.60.2: 22 never is its value, which has 6 characters"],
    [
      { "44": "abcdef" },
      "kinds[0].when.44: abcdef never is its value, which has 2 to 5 characters"
    ],
    [{ "39": ["present", "00"] }, "kinds[0].when.39: present and absent stand alone"],
    [{ "39": ["00", "absent"] }, "kinds[0].when.39: present and absent stand alone"],
    [{ "44": "a" }, "kinds[0].when.44: a never is its value, which has 2 to 5 characters"],
    [{ "3": [] }, "kinds[0].when.3: asks for nothing"],
    [{ "99": "1" }, "kinds[0].when.99: names no field of the dialect"],
    [{ "direction": "sideways" }, "kinds[0].when.direction: must be request or response"],
    [
      { "direction": ["request", "response"] },
      "kinds[0].when.direction: must be request or response"
    ],
    [{ "mti": "200" }, "kinds[0].when.mti: must be 4 digits, of which ? is any"],
    [{ "mti": ["0200", "x0200"] }, "kinds[0].when.mti: must be 4 digits, of which ? is any"],
    [{ "mti": ["0200", "02000"] }, "kinds[0].when.mti: must be 4 digits, of which ? is any"]
  ])("with a condition that never holds: %j", (when, fault) => {
    expect(faultsOf(kind(when))).toContain(fault)
  })

  it("that demands what it forbids", () => {
    const messages = { ...right.messages, "0400": { mandatory: [3, 39], forbidden: [39] } }
    expect(faultsOf({ messages })).toEqual(["messages.0400.forbidden: 39 is mandatory too"])
  })

  it("whose echo names no field, whether or not a message uses it", () => {
    const messages = { ...right.messages, "0400": { response: "0210", echo: [41] } }
    expect(faultsOf({ messages, echo: [3, 99] })).toEqual([
      "echo[1]: is no field of the dialect",
      "messages.0400.echo[0]: is no field of the dialect"
    ])
    expect(faultsOf({ messages: { "0400": {} }, echo: [99] })).toContain(
      "echo[0]: is no field of the dialect"
    )
  })

  it("that echoes what may never be stored", () => {
    const fields = { ...right.fields, 35: { type: "z", length: 9, neverStored: true } }
    expect(faultsOf({ fields, echo: [3, 35] })).toEqual([
      "echo: 35 may never be stored, and answers are"
    ])
  })

  it.each([
    [{ type: "an", length: 2, align: "left" }, "align: says nothing to ascii"],
    [{ type: "n", length: 3, encoding: "ebcdic", fill: 15 }, "fill: says nothing to ebcdic"],
    [{ type: "ans", length: 9, max: 5 }, "max: says nothing beside length"],
    [{ type: "ans", length: 9, min: 5 }, "min: says nothing beside length"]
  ])("with a word that changes nothing: %j", (field, fault) => {
    expect(faultsOf({ fields: { ...right.fields, 40: field } })).toEqual([`fields.40.${fault}`])
    // The same from a shape that it builds on.
    const { type, ...built } = field
    const fields = { ...right.fields, 40: { is: "base", type } }
    expect(faultsOf({ fields, shapes: { base: built } })).toEqual([`fields.40.${fault}`])
  })

  it("whose definition for all other fields is wrong, which is said once", () => {
    expect(faultsOf({ otherwise: { type: "ans" } })).toEqual([
      "otherwise: needs a length, a prefix or rest"
    ])
  })
})
