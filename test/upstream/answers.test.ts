/** What an answer is worth beside its request: in whose words, for how much, and when it is none. */

import { describe, expect, it } from "vitest"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import type { Mapping } from "../../src/iso8583/mapping.ts"
import type { Message, Values } from "../../src/iso8583/message.ts"
import { echoesOf, judge, readAnswer } from "../../src/upstream/answers.ts"
import { dialect } from "../iso8583/shipped.ts"
import { listOf } from "./fake-dialect.ts"

const cup = dialect("cup-pos")
const iso = dialect("iso87-ascii")

const sale = {
  "3": "000000",
  "4": "000000000100",
  "11": "000042",
  "41": "T0000001",
  "42": "M00000000000001",
  "49": "156"
}

function said(spoken: CompiledDialect, mti: string, values: Values): Message {
  const message = spoken.read(spoken.build(mti, values) as Uint8Array)
  if ("failure" in message) throw new Error(JSON.stringify(message))
  return message
}

/** The verdict on an answer to the sale that says the same, but for `change`. */
function judged(
  change: Partial<Record<string, string | undefined>>,
  spoken = iso,
  { from = spoken.name, partialApproval = false } = {}
) {
  const all = { ...sale, "39": "00", ...change }
  const given = Object.entries(all).filter(([, value]) => value !== undefined)
  const mapping: Mapping = {
    from,
    to: spoken.name,
    pin: false,
    forward: () => Buffer.alloc(0),
    back: () => listOf({ "54": "brought back" })
  }
  return judge(
    { message: said(spoken, "0200", sale), mapping, partialApproval },
    echoesOf(spoken),
    said(spoken, "0210", Object.fromEntries(given) as Values)
  )
}

describe("an answer", () => {
  it("that says the same is one, with what the mapping brings back", () => {
    expect(judged({ "38": "A12345", "37": "123456789012" })).toStrictEqual({
      approved: true,
      response: "00",
      response1987: "00",
      authCode: "A12345",
      rrn: "123456789012",
      values: listOf({ "54": "brought back" })
    })
  })

  it("names no code and no reference that it left out or left blank", () => {
    const plain = { approved: true, response: "00", response1987: "00" }
    const values = listOf({ "54": "brought back" })
    expect(judged({})).toStrictEqual({ ...plain, values })
    expect(judged({ "38": "      ", "37": "            " })).toStrictEqual({ ...plain, values })
    expect(judged({ "38": "A1    ", "37": "R1          " })).toMatchObject({
      authCode: "A1",
      rrn: "R1"
    })
  })

  it.each([
    ["terminal", { "41": "T0000002" }],
    ["merchant", { "42": "M00000000000002" }],
    ["currency", { "49": "840" }],
    // Each place counts, the first and the last.
    ["terminal", { "41": "X0000001" }],
    ["merchant", { "42": "X00000000000001" }]
  ])("that alters the %s is none", (role, change) => {
    expect(judged(change)).toBe(`${role} altered`)
  })

  it.each([["41"], ["42"], ["49"], ["4"]])(
    "that leaves out field %s contradicts nothing",
    (field) => {
      expect(judged({ [field]: undefined })).toMatchObject({ approved: true })
    }
  )

  it("that says a shorter terminal, and fills it up, says the same", () => {
    const asked = said(iso, "0200", { ...sale, "41": "T1      " })
    const told = said(iso, "0210", { ...sale, "39": "00", "41": "T1" })
    const mapping = { from: "a", to: "b", back: () => ({}) } as never
    expect(judge({ message: asked, mapping, partialApproval: false }, echoesOf(iso), told))
      .toMatchObject({ approved: true })
  })
})

describe("an answer for another amount", () => {
  it.each(
    [
      ["in full, is an approval", "10", "000000000100", true, { approved: true }],
      ["for less, by a code that says so", "10", "000000000070", true, {
        approved: true,
        approvedAmount: { minor: 70, currency: "156" }
      }],
      ["for a cent", "10", "000000000001", true, {
        approvedAmount: { minor: 1, currency: "156" }
      }],
      ["for nothing", "10", "000000000000", true, "amount altered"],
      ["for more", "10", "000000000101", true, "amount altered"],
      [
        "for less, to a terminal that does not know it",
        "10",
        "000000000070",
        false,
        "amount altered"
      ],
      ["for less, by a code that does not say so", "00", "000000000070", true, "amount altered"],
      ["for less, and not how much", "10", undefined, true, "approved amount missing"],
      ["declined, for less", "51", "000000000070", true, "amount altered"]
    ] as const
  )("%s", (_, code, amount, partialApproval, verdict) => {
    const read = judged({ "39": code, "4": amount }, iso, { partialApproval })
    if (typeof verdict === "string") expect(read).toBe(verdict)
    else expect(read).toMatchObject(verdict)
  })

  it("in full has no amount of its own", () => {
    const read = judged({ "39": "10" }, iso, { partialApproval: true })
    expect(read).not.toHaveProperty("approvedAmount")
  })
})

describe("a code", () => {
  it.each([
    ["00", true, "00"],
    ["A2", true, "00"],
    ["10", true, "10"],
    ["51", false, "51"],
    ["A0", false, "05"],
    ["ZZ", false, "05"]
  ])("%s of a dialect is told to another in words of 1987", (code, approved, response1987) => {
    const told = { approved, response: code, response1987 }
    expect(judged({ "39": code }, cup, { from: "another" })).toMatchObject(told)
    expect(readAnswer(said(cup, "0210", { ...sale, "39": code }))).toMatchObject(told)
  })

  it.each([["A2", true], ["A0", false], ["51", false]])(
    "%s stays what it is within its dialect",
    (code, approved) => {
      const own = { approved, response: code, response1987: cup.response1987(code) }
      expect(judged({ "39": code }, cup)).toMatchObject(own)
    }
  )
})
