/**
 * The MAC ends its message, since it covers what stands before it: in field 64, and in 128 where
 * fields above 64 are there (ISO 8583:1987, security). A reversal that names its original in field
 * 90 is such a message.
 */

import { readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { coveredBy, sealed } from "../../src/codec/mac-check.ts"
import { compileDialect } from "../../src/iso8583/compile.ts"
import { hasMac, macPlace } from "../../src/iso8583/mac-place.ts"
import type { OriginalFacts } from "../../src/iso8583/message.ts"
import { dialect, read } from "./shipped.ts"

const names = readdirSync(join(import.meta.dirname, "../../config/dialects"))
  .map((file) => file.replace(".yaml", ""))

const original: OriginalFacts = {
  kind: "sale",
  mti: "0200",
  stan: "000123",
  processingCode: "000000",
  amount: "000000001000",
  currency: "156",
  pan: "6235013452200000069",
  entryMode: "021",
  batch: "000001",
  transmissionTime: "1127081500",
  rrn: "000000000001",
  acquirer: "12345678",
  terminal: "T1",
  merchant: "M1"
}

describe.each(names)("%s", (name) => {
  const spoken = dialect(name)
  const rule = spoken.mac!

  it("leaves room for a MAC at the end of a reversal, and finds it there", () => {
    const { compose, mti } = spoken.reversal
    const facts = { ...original, mti: spoken.form("sale")!.mti }
    // The switch stamps it; of the dialects with field 12 in one piece it is the whole time.
    const time = { "iso93-ascii": "261127081500", "iso93-binary": "261127081500" }[name] ??
      (name === "iso2003-ascii" ? "20261127081500" : undefined)
    const values = { "11": "000124", "12": time, ...compose(facts, "98") }
    const body = spoken.build(mti, values, true)
    const covered = Buffer.from(coveredBy(rule, body)!)
    const mac = Buffer.from("A1B2C3D4E5F60718", "hex")
    const message = read(spoken, Buffer.from(sealed(rule, body, mac)).toString("hex"))
    const place = macPlace(rule, message.index)
    expect(message.fields().at(-1)).toBe(message.index[place])
    expect(body.subarray(0, message.index[place + 1])).toEqual(covered)
    expect(hasMac(message)).toBe(true)
    expect(read(spoken, spoken.patch(message, {}).toString("hex")).fields()).toEqual(
      message.fields().slice(0, -1)
    )
  })
})

describe("1987", () => {
  const spoken = dialect("iso87-ascii")
  const rule = spoken.mac!
  const built = (values: object): Buffer => spoken.build("0200", { ...sale, ...values }, true)
  const sale = { "3": "000000", "4": "000000000100", "11": "1", "41": "T1" }

  it("seals in field 64, in 128 where another field follows, and never in both", () => {
    const short = read(spoken, built({}).toString("hex"))
    expect([short.has(64), short.has(128)]).toEqual([true, false])
    const long = read(spoken, built({ "102": "4321" }).toString("hex"))
    expect([long.has(64), long.has(128)]).toEqual([false, true])
    const grown = spoken.patch(short, { set: { "102": "4321" }, mac: true })
    expect(read(spoken, grown.toString("hex")).fields()).toEqual(long.fields())
    const shrunk = spoken.patch(long, { drop: [102], mac: true })
    expect(read(spoken, shrunk.toString("hex")).fields()).toEqual(short.fields())
  })

  it("believes no MAC that does not cover all of its message", () => {
    const values = { ...sale, "64": new Uint8Array(8), "102": "4321" }
    const message = read(spoken, spoken.build("0200", values).toString("hex"))
    expect([hasMac(message), macPlace(rule, message.index)]).toEqual([true, -1])
    const none = read(spoken, spoken.build("0200", sale).toString("hex"))
    expect([hasMac(none), macPlace(rule, none.index)]).toEqual([false, -1])
    expect(macPlace(undefined, none.index)).toBe(-1)
  })
})

describe("a dialect", () => {
  const faultsOf = (fields: object, field: number) =>
    compileDialect({
      dialect: "test",
      mti: { encoding: "bcd" },
      bitmap: { encoding: "binary", bits: 128 },
      fields: { 63: { type: "b", length: 8 }, 64: { type: "b", length: 8 }, ...fields },
      messages: { "0200": {} },
      key: ["stan"],
      mac: { field, algorithm: { name: "x9.19" } },
      reversal: { mti: "0200" }
    }, 1)

  it("without a place for the MAC behind each of its fields is refused", () => {
    expect(faultsOf({}, 64)).toMatchObject({ mac: { fields: [64] } })
    expect(faultsOf({ 128: { type: "b", length: 8 } }, 64)).toMatchObject({
      mac: { fields: [64, 128] }
    })
    for (const fields of [{ 70: { type: "n", length: 3 } }, { 128: { type: "b", length: 4 } }]) {
      expect(faultsOf(fields, 64)).toMatchObject([{ path: "mac.field" }])
    }
    expect(faultsOf({}, 63)).toMatchObject([{ path: "mac.field" }])
  })
})
