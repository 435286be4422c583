/** MACs against published vectors (protocol facts §1.9 and §5.2). */

import { describe, expect, it } from "vitest"
import type { KeyHandle } from "../../src/domain/brand.ts"
import type { MacAlgorithm } from "../../src/domain/ports/security-module.ts"
import { encryptBlocks, xor } from "../../src/security/block-cipher.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { cmac, constantTimeEqual, macField, makeMac } from "../../src/security/mac.ts"
import { fault, isFault } from "../../src/security/security-fault.ts"
import { macVectors } from "./mac-vectors.ts"

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex")
const ascii = (text: string) => Buffer.from(text, "latin1")

function mac(key: Uint8Array, algorithm: MacAlgorithm, bytes: Uint8Array): string {
  const cache = new CipherCache()
  const handle = 7 as KeyHandle
  cache.put(handle, key)
  const results = [key, handle, handle].map((source) => makeMac(cache, source, algorithm, bytes))
  const texts = results.map((result) => {
    if (isFault(result)) return result.code
    return Buffer.from(result).toString("hex").toUpperCase()
  })
  expect(new Set(texts).size).toBe(1)
  return texts[0]!
}

describe("the China UnionPay ECB MAC", () => {
  it.each(macVectors)("$name gives the published field 64", ({ key, covered, field }) => {
    expect(mac(hex(key), { name: "cup-ecb" }, hex(covered))).toBe(field)
  })

  it("verifies the whole captured frame of vector C by its own field 64", () => {
    const [, , c] = macVectors
    const sent = hex(c!.field)
    const made = hex(mac(hex(c!.key), { name: "cup-ecb" }, hex(c!.covered)))
    const verify = (received: Uint8Array) => constantTimeEqual(made, received)
    expect(verify(sent)).toBe(true)
    for (let bit = 0; bit < 64; bit++) {
      const wrong = Buffer.from(sent)
      wrong[bit >> 3]! ^= 1 << (bit & 7)
      expect(verify(wrong)).toBe(false)
    }
    expect(verify(Buffer.from("a25d4446", "latin1"))).toBe(false)
    expect(verify(sent.subarray(0, 7))).toBe(false)
  })

  it("is the same from its definition, for every length and for messages of any size", () => {
    const key = hex("55036372B17543ECB173730768B8D6C4")
    for (const length of [...Array.from({ length: 70 }, (_, size) => size), 16_385, 40_001]) {
      const bytes = Buffer.from(Array.from({ length }, (_, index) => index * 7 + length))
      const sum = Buffer.alloc(8)
      bytes.forEach((byte, index) => sum[index % 8]! ^= byte)
      const text = ascii(sum.toString("hex").toUpperCase())
      const first = encryptBlocks("tdes", key, text.subarray(0, 8))
      const second = encryptBlocks("tdes", key, xor(first, text.subarray(8)))
      const field = ascii(second.toString("hex", 0, 4).toUpperCase())
      expect(mac(key, { name: "cup-ecb" }, bytes)).toBe(field.toString("hex").toUpperCase())
    }
  })

  it("takes 24-byte keys, and an SM4 key in its newer form", () => {
    expect(mac(Buffer.alloc(24, 3), { name: "cup-ecb" }, ascii("0200"))).toMatch(/^[0-9A-F]{16}$/)
    expect(mac(Buffer.alloc(16, 3), { name: "cup-ecb-sm4" }, ascii("0200")))
      .toMatch(/^[0-9A-F]{16}$/)
  })
})

describe("ISO 9797-1 MACs", () => {
  const left = "0123456789ABCDEF"
  const right = "FEDCBA9876543210"
  const now = ascii("Now is the time for all ")
  const it22 = ascii("Now is the time for it")
  const doubleKey = hex(left + right)

  it("algorithm 1 gives the published result", () => {
    expect(mac(hex(left), { name: "x9.9" }, now)).toBe("70A30640CC76DD8B")
    expect(mac(hex(left), { name: "x9.9" }, ascii("7654321 Now is the time for ")))
      .toBe("F1D30F6849312CA4")
    expect(mac(hex(left), { name: "cup-cbc" }, now)).toBe("70A30640CC76DD8B")
  })

  it.each(
    [
      [1, now, "A1C72E74EA3FA9B6"],
      [2, now, "E9086230CA3BE796"],
      [3, now, "AB059463D7A7D170"],
      [1, it22, "2E2B1428CC78254F"],
      [2, it22, "5A692CE64F404145"]
    ] as const
  )("algorithm 3 with padding %i gives the published result", (padding, bytes, result) => {
    expect(mac(doubleKey, { name: "x9.19", padding }, bytes)).toBe(result)
    if (padding === 1) expect(mac(doubleKey, { name: "cup-cbc" }, bytes)).toBe(result)
  })

  it.each([[1, "3DDE5C5511661CBF"], [2, "E16941032C3BC7D4"], [3, "BA90F750EF43F668"]] as const)(
    "algorithm 3 with padding %i and triple DES halves agrees with an independent implementation",
    (padding, result) => {
      const key = Buffer.concat([Buffer.alloc(8, "A"), Buffer.alloc(8, "B")])
      expect(mac(key, { name: "x9.19", padding }, ascii("hello world"))).toBe(result)
    }
  )
})

describe("CMAC", () => {
  // NIST SP 800-38B, appendix D.1 (AES-128) and D.5 (two-key triple DES).
  const aesKey = hex("2B7E151628AED2A6ABF7158809CF4F3C")
  const message = hex(
    "6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411"
      + "E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710"
  )

  it.each([
    [0, "BB1D6929E95937287FA37D129B756746"],
    [16, "070A16B46B4D4144F79BDD9DD04A287C"],
    [40, "DFA66747DE9AE63030CA32611497C827"],
    [64, "51F0BEBF7E3B9D92FC49741779363CFE"]
  ])("over %i bytes gives the published result", (length, result) => {
    const cache = new CipherCache()
    cache.put(1 as KeyHandle, aesKey)
    for (let round = 0; round < 3; round++) {
      const made = cmac(cache, 1 as KeyHandle, "aes", message.subarray(0, length))
      expect(Buffer.from(made as Uint8Array).toString("hex").toUpperCase()).toBe(result)
    }
    expect(mac(aesKey, { name: "aes-cmac" }, message.subarray(0, length)))
      .toBe(result.slice(0, 16))
  })

  it("with two-key triple DES gives the published result", () => {
    const key = hex("4CF15134A2850DD58A3D10BA80570D38")
    const made = cmac(new CipherCache(), key, "tdes", message.subarray(0, 20))
    expect(Buffer.from(made as Uint8Array).toString("hex").toUpperCase())
      .toBe("62DD1B471902BD4E")
  })
})

describe("HMAC-SHA-256", () => {
  it("gives the leftmost 8 bytes of RFC 4231 case 2", () => {
    expect(mac(ascii("Jefe"), { name: "hmac-sha256" }, ascii("what do ya want for nothing?")))
      .toBe("5BDCC146BF60754E")
  })
})

describe("HMAC-SM3", () => {
  it("gives the leftmost 8 bytes of GM/T 0042-2015, D.3", () => {
    const key = hex("0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20")
    const text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
    expect(mac(key, { name: "hmac-sm3" }, ascii(text + text))).toBe("CA05E144ED05D185")
  })
})

describe("SM4", () => {
  it("enciphers the standard's example block (GB/T 32907, appendix A)", () => {
    const block = hex("0123456789ABCDEFFEDCBA9876543210")
    expect(mac(block, { name: "sm4-cbc" }, block)).toBe("681EDF34D206965E")
  })
})

describe("a MAC that cannot be made", () => {
  const cache = new CipherCache()
  it.each(
    [
      ["x9.9", 16, "key-length"],
      ["x9.19", 8, "key-length"],
      ["x9.19", 24, "key-length"],
      ["cup-ecb", 7, "key-length"],
      ["cup-cbc", 24, "key-length"],
      ["aes-cmac", 8, "key-length"],
      ["sm4-cbc", 24, "key-length"],
      ["hmac-sha256", 0, "key-length"],
      ["hmac-sm3", 0, "key-length"]
    ] as const
  )("%s with a key of %i bytes is refused as %s", (name, length, code) => {
    expect(makeMac(cache, Buffer.alloc(length, 1), { name }, ascii("0200"))).toBe(fault(code))
  })

  it("is refused when the handle was never given", () => {
    for (
      const name of ["cup-ecb", "x9.9", "x9.19", "cup-cbc", "aes-cmac", "hmac-sha256"] as const
    ) {
      expect(makeMac(cache, 99 as KeyHandle, { name }, ascii("0200"))).toBe(fault("key-unknown"))
    }
  })
})

describe("the form of the field", () => {
  it("is hex characters where the dialect says so, and never twice", () => {
    const binary = hex("70A30640CC76DD8B")
    expect(macField(binary, { name: "x9.9" }, "binary")).toBe(binary)
    expect(Buffer.from(macField(binary, { name: "x9.9" }, "hex")).toString("latin1"))
      .toBe("70A30640")
    expect(macField(ascii("A25D4446"), { name: "cup-ecb" }, "hex")).toEqual(ascii("A25D4446"))
  })

  it("compares without regard to where the difference is", () => {
    expect(constantTimeEqual(hex("0102"), hex("0102"))).toBe(true)
    expect(constantTimeEqual(hex("0102"), hex("0103"))).toBe(false)
    expect(constantTimeEqual(hex("0102"), hex("010203"))).toBe(false)
  })
})
