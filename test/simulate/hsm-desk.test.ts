/** The simulated security module's answers, byte by byte, and its refusals. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { generateMac, verifyMac } from "../../src/security/hsm-command.ts"
import { workingAttributes } from "../../src/security/key-usage.ts"
import { HsmDesk } from "../../src/simulate/hsm-desk.ts"
import { demoStore } from "../security/demo-store.ts"
import { randomFrom } from "../security/seeded-random.ts"

const store = demoStore()
const desk = new HsmDesk(store, randomFrom(1))
const answer = (text: string) => desk.answer(Buffer.from(text, "latin1"))
const blockOf = (name: string) => `S${store.current(name)!.block}`

const retail = Buffer.from("0123456789ABCDEFFEDCBA9876543210", "hex")
const mac = store.wrap(workingAttributes("mac", "tdes", 16), retail, randomFrom(2)) as string
const request = {
  algorithm: "3",
  padding: "1",
  block: mac,
  bytes: Buffer.from("Now is the time for all ")
} as const

describe("the desk", () => {
  it("answers diagnostics and the published echo", () => {
    expect(answer("NC")).toBe("ND00809D767E960000000007-E000")
    expect(answer("B20004PING")).toBe("B300PING")
  })

  it("makes and verifies the published retail MAC", () => {
    expect(desk.answer(generateMac(request))).toBe("M700A1C72E74EA3FA9B6")
    const right = Buffer.from("A1C72E74EA3FA9B6", "hex")
    expect(desk.answer(verifyMac(request, right))).toBe("M900")
    right[0]! ^= 1
    expect(desk.answer(verifyMac(request, right))).toBe("M901")
  })

  it("makes check values", () => {
    expect(answer(`BUFFF${blockOf("tmk-demo")};FFF;000`)).toBe("BV0008D7B4FB629D0885")
  })

  it.each([
    ["an unknown command", "QQ", "QR68"],
    ["no command", "", "ZZ15"],
    ["an echo shorter than it says", "B20005PING", "B380"],
    ["a key without its letter", `BUFFF${blockOf("tmk-demo").slice(1)};FFF;000`, "BV26"],
    ["half a key", `BUFFF${blockOf("tmk-demo").slice(0, 40)}`, "BV80"],
    [
      "a forged key",
      `BUFFF${blockOf("tmk-demo").replace("K0TB", "K0TN")};FFF;000`,
      "BVA4"
    ],
    [
      "a key for something else",
      `M600131FFF${blockOf("zpk-demo")}0004ABCD`,
      "M710"
    ],
    ["a padding that there is not", `M60011XFFF${blockOf("zpk-demo")}0004ABCD`, "M715"],
    ["a master key that is none", `A01FFFS;1${blockOf("zpk-demo")}X#M3T2C00S00`, "A110"],
    ["a scheme of another length", `A01FFFS;1${blockOf("tmk-demo")}Z#M3T2C00S00`, "A126"],
    [
      "a PIN format that there is not",
      `CA${blockOf("zpk-demo")}${blockOf("zpk-demo")}12${"0".repeat(16)}0199${"1".repeat(12)}`,
      "CB23"
    ],
    [
      "an account that is too short",
      `CA${blockOf("zpk-demo")}${blockOf("zpk-demo")}12${"0".repeat(16)}0147${"1".repeat(11)}`,
      "CB22"
    ]
  ])("refuses %s", (_, text, expected) => {
    expect(answer(text)).toBe(expected)
  })

  it("never throws, whatever the bytes", () => {
    const command = fc.constantFrom("NC", "B2", "A0", "BU", "M6", "M8", "CA", "CC", "G0", "ZZ")
    const piece = fc.oneof(
      fc.constantFrom("1FFFS;1", "FFF", "001", "31", "0004", "12", "A05", blockOf("tmk-demo")),
      fc.constantFrom(`S${mac}`, blockOf("zpk-demo"), blockOf("bdk-demo-tdes"), "0147"),
      fc.string({ maxLength: 20 })
    )
    fc.assert(
      fc.property(command, fc.array(piece, { maxLength: 6 }), (name, pieces) => {
        expect(answer(name + pieces.join(""))).toMatch(/^[A-Z][0-9A-Z[]/)
      }),
      { numRuns: 500 }
    )
  })
})
