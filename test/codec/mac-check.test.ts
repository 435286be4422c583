/** What a MAC covers, where it goes, and when it is believed. */

import { describe, expect, it } from "vitest"
import { compareMac, coveredBy, sealed, verdicts } from "../../src/codec/mac-check.ts"
import { cup } from "./station.ts"

describe("a MAC of four bytes", () => {
  it("is the first half of one, where a dialect's field is that short", () => {
    const rule = { ...cup.mac!, bytes: 4 }
    const body = Buffer.from("0800AABBCCDD00000000", "hex")
    expect(coveredBy(rule, body)).toEqual(body.subarray(0, 6))
    expect(coveredBy(rule, Buffer.alloc(3))).toBeUndefined()
    sealed(rule, body, Buffer.from("0102030405060708", "hex"))
    expect(body.toString("hex")).toBe("0800aabbccdd01020304")
    const mac = Buffer.from("0102030405060708", "hex")
    const verdict = (length: number) => verdicts[compareMac(mac, mac.subarray(0, length))]
    expect([8, 4, 3, 0].map(verdict)).toEqual(["right", "right", "wrong", "wrong"])
  })
})
