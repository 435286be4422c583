/** Response codes, ours of 1987 to the dialect's own and back; protocol facts §6.3. */

import { describe, expect, it } from "vitest"
import { compileDialect } from "../../src/iso8583/compile.ts"
import { dialect } from "./shipped.ts"

describe.each(["iso93-ascii", "iso93-binary"])("%s", (name) => {
  const spoken = dialect(name)

  it.each([
    ["000", "00"],
    ["117", "55"],
    ["120", "58"],
    ["302", "25"],
    ["907", "91"],
    ["908", "92"],
    ["914", "25"],
    ["921", "21"],
    ["923", "09"]
  ])("hears %s as %s", (theirs, ours) => expect(spoken.response1987(theirs)).toBe(ours))

  it.each([["92", "908"], ["15", "908"], ["97", "120"], ["77", "921"], ["22", "914"]])(
    "says %s as %s",
    (ours, theirs) => expect(spoken.responseCode(ours)).toBe(theirs)
  )
})

it("two that become the same are refused where nothing says which one comes back", () => {
  const made = (responses: unknown) =>
    compileDialect({
      dialect: "test",
      mti: { encoding: "bcd" },
      bitmap: { encoding: "binary", bits: 64 },
      fields: { 39: { type: "n", length: 3 } },
      messages: { "0210": {} },
      key: ["stan"],
      reversal: { mti: "0210" },
      responses
    }, 1)
  expect(made({ "92": "908", "15": "908" })).toEqual([
    { path: "responses.92", problem: "becomes 908 as 15 does: give a list of maps" }
  ])
  expect(made([{ "92": "908" }, { "15": "908" }])).toMatchObject({ name: "test" })
  expect(made([{ "92": "908" }, { "15": 908 }])).toMatchObject([{ path: "responses[1].15" }])
})

it("a repeat of a type that the dialect does not have is answered as its original is", () => {
  const spoken = dialect("iso87-ascii")
  const answered = (mti: string) => {
    const request = spoken.salvage(spoken.build(mti, { "11": "000001" }))
    return spoken.respond(request!, "12", {}, false).toString("latin1", 0, 4)
  }
  expect(["0620", "0621", "0600", "0605"].map(answered)).toEqual(["0630", "0630", "0610", "0614"])
})
