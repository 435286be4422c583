/** A simulated terminal's DUKPT: the vectors of X9.24 come out of it, and no number comes twice. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { compileDialect } from "../../src/iso8583/compile.ts"
import type { Dialect } from "../../src/iso8583/message.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { deriveDukpt } from "../../src/security/dukpt-key.ts"
import type { UnwrappedKey } from "../../src/security/key-block.ts"
import { keyKinds } from "../../src/security/key-kind.ts"
import { makeMac } from "../../src/security/mac.ts"
import { isFault } from "../../src/security/security-fault.ts"
import { DukptKeys } from "../../src/simulate/dukpt-keys.ts"
import { noKeyCounts } from "../../src/simulate/terminal-keys.ts"
import { root } from "../cli/process.ts"

function dialectOf(name: string): Dialect {
  const text = readFileSync(join(root, "config", "dialects", `${name}.yaml`), "utf8")
  const made = compileDialect(parse(text), 1)
  if (!("index" in made)) throw new Error(`${name} does not compile`)
  return made
}

function baseOf(kind: "dukpt-base" | "dukpt-base-aes", hex: string): UnwrappedKey {
  const { attributes } = keyKinds[kind]
  return { version: "D", attributes, optional: [], key: Buffer.from(hex, "hex") }
}

const noKeys = new CipherCache({ maxKeys: 0, maxCiphers: 0 })
const random = { next: () => 0, bytes: (length: number) => new Uint8Array(length).fill(0xff) }
const tdes = dialectOf("pos-dukpt")
const base = baseOf("dukpt-base", "0123456789ABCDEFFEDCBA9876543210")
// Key set FFFF987654 and device 3210E00000: 0x8708, as the vectors of X9.24-1 have it.
const device = Number(0x3210e00000n >> 21n)

const serialOf = (keys: DukptKeys, path: string) => {
  const value = keys.next()[path]
  return Buffer.from(value as Uint8Array).toString("hex").toUpperCase()
}

describe("triple DES", () => {
  it("gives the PIN block of the second vector at the second count", () => {
    const counts = noKeyCounts()
    const keys = new DukptKeys({ dialect: tdes, base, device, format: 0, random, counts })
    expect(serialOf(keys, "53")).toBe("FFFF9876543210E00001")
    expect(keys.pinBlock("4012345678909", "1234")?.toString("hex")).toBe("1b9c1845eb993a7a")
    expect(serialOf(keys, "53")).toBe("FFFF9876543210E00002")
    expect(keys.pinBlock("4012345678909", "1234")?.toString("hex")).toBe("10a01c8d02c69107")
    expect(counts.pins).toBe(2)
  })

  it("skips counts with more than ten bits, and uses none twice", () => {
    const lastCount = 0b11111111110
    const keys = new DukptKeys({ dialect: tdes, base, device, format: 0, random, lastCount })
    const counted = Array.from({ length: 4 }, () => serialOf(keys, "53").slice(-5))
    expect(counted).toEqual(["00800", "00801", "00802", "00803"])
  })

  it("says again what it said as it was, or under a number of its own", () => {
    const options = { dialect: tdes, base, device, format: 0, random } as const
    expect(new DukptKeys(options).again()).toBeUndefined()
    const renewing = new DukptKeys({ ...options, renews: true })
    expect([serialOf(renewing, "53").slice(-5), renewing.again()]).toEqual([
      "00001",
      { 53: Buffer.from("FFFF9876543210E00002", "hex") }
    ])
  })

  it("believes answers to what it asked just now, each under the number that it names", () => {
    const keys = new DukptKeys({ dialect: tdes, base, device, format: 0, random })
    const serials = Array.from({ length: 10 }, () => Buffer.from(serialOf(keys, "53"), "hex"))
    const answer = (named: Buffer, under: Buffer) => {
      const key = deriveDukpt(base.attributes, base.key, under, "mac-response")
      const fields = { "3": "000000", "11": "000001", "39": "00", "41": "D0000001", "53": named }
      const body = tdes.build("0210", fields, true)
      if (isFault(key)) throw new Error(key.code)
      const mac = makeMac(noKeys, key.key, { name: "x9.19" }, body.subarray(0, -8))
      if (isFault(mac)) throw new Error(mac.code)
      body.set(mac.subarray(0, 8), body.length - 8)
      const message = tdes.read(body)
      if ("failure" in message) throw new Error("cannot be read")
      return keys.isRight(message)
    }
    const [first, , third] = serials
    const last = serials.at(-1)!
    expect([answer(last, last), answer(third!, third!)]).toEqual([true, true])
    expect([answer(third!, last), answer(last, third!)]).toEqual([false, false])
    // Nobody waits for it any more.
    expect(answer(first!, first!)).toBe(false)
  })

  it("does not take its own question for an answer", () => {
    const keys = new DukptKeys({ dialect: tdes, base, device, format: 0, random })
    const values = { ...keys.next(), "3": "000000", "11": "000001", "24": "001", "41": "D0000001" }
    const body = keys.seal(tdes.build("0200", { ...values, "4": "000000000100" }, true))
    const asked = tdes.read(body)
    if ("failure" in asked) throw new Error("cannot be read")
    // A request's MAC is no answer's: the variants differ.
    expect(keys.isRight(asked)).toBe(false)
    expect(body.subarray(-8).every((byte) => byte === 0)).toBe(false)
  })
})

describe("AES", () => {
  it("makes PIN blocks of format 4 with a serial number of twelve bytes", () => {
    const dialect = dialectOf("pos-dukpt-aes")
    const key = baseOf("dukpt-base-aes", "FEDCBA9876543210F1F1F1F1F1F1F1F1")
    const options = { dialect, base: key, device: 0x90123456, format: 4, random } as const
    const keys = new DukptKeys(options)
    expect(serialOf(keys, "53")).toBe("123456789012345600000001")
    expect(keys.pinBlock("4111111111111111", "1234")).toHaveLength(16)
  })
})
