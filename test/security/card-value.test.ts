/** Card values against psec's test vectors, and track encryption against protocol facts §1.9. */

import { describe, expect, it } from "vitest"
import {
  cardVerificationValue,
  decryptTrack,
  encryptTrack,
  ibmNaturalPin,
  ibmOffset,
  pinMatchesOffset,
  pinMatchesPvv,
  pinVerificationValue,
  serviceCodes
} from "../../src/security/card-value.ts"
import { fault } from "../../src/security/security-fault.ts"

const hex = (text: string) => Buffer.from(text, "hex")
const pinOf = (text: string) => Uint8Array.from(text, Number)
const key = hex("0123456789ABCDEFFEDCBA9876543210")

describe("the card verification value", () => {
  it("is the published one", () => {
    const cvk = hex("99999999999999998888888888888888")
    expect(cardVerificationValue(cvk, "2222222222222222", "3333", "111")).toBe("361")
  })

  it("differs between stripe, print and chip", () => {
    const values = ["201", serviceCodes.cvv2, serviceCodes.icvv].map((code) =>
      cardVerificationValue(key, "4012345678909", "2912", code)
    )
    expect(new Set(values).size).toBe(3)
    for (const value of values) expect(value).toMatch(/^\d{3}$/)
  })

  it.each([
    ["5555555551234567", "201", "220"],
    ["5555555551234567", "201A", "220"],
    ["5555555551234567", "2012", "22"],
    ["555555555123456A", "2012", "220"],
    ["55555555512345671234", "2012", "220"]
  ])("is refused for %s %s %s", (pan, expiry, code) => {
    expect(cardVerificationValue(key, pan, expiry, code)).toBe(fault("card-field"))
  })

  it("needs a key pair", () => {
    expect(cardVerificationValue(key.subarray(0, 8), "5555555551234567", "2012", "220"))
      .toBe(fault("key-length"))
  })
})

describe("the PIN verification value", () => {
  it.each([
    [1, "4524", "1122334455667788", "8523"],
    [2, "1912", "1122334455667788", "3244"],
    [1, "0570", "1122334455667718", "3144"],
    [1, "8299", "1122334455667708", "4422"]
  ])("with index %i for PIN %s is the published one", (index, pin, pan, pvv) => {
    expect(pinVerificationValue(key, index, pan, pinOf(pin))).toBe(pvv)
    expect(pinMatchesPvv(key, index, pan, pinOf(pin), pvv)).toBe(true)
    expect(pinMatchesPvv(key, index, pan, pinOf("0000"), pvv)).toBe(false)
  })

  it("is refused for malformed input", () => {
    const pan = "1122334455667788"
    expect(pinVerificationValue(key, 1, pan, pinOf("123"))).toBe(fault("pin-length"))
    expect(pinVerificationValue(key, 1, pan, pinOf("1234567890123"))).toBe(fault("pin-length"))
    expect(pinVerificationValue(key, 1, pan, Uint8Array.of(1, 2, 3, 10))).toBe(fault("pin-digits"))
    expect(pinVerificationValue(key, 1, "11223344556", pinOf("1234"))).toBe(fault("pin-pan"))
    expect(pinVerificationValue(key, 10, pan, pinOf("1234"))).toBe(fault("card-field"))
    expect(pinVerificationValue(key.subarray(8), 1, pan, pinOf("1234"))).toBe(fault("key-length"))
  })
})

describe("IBM 3624", () => {
  it.each([
    ["1122334455667788", "4524", "0000"],
    ["1122334455667788", "5635", "1111"],
    ["1122334455667788", "0000", "6586"],
    ["1122334455667788", "1111", "7697"],
    ["1122334455667788", "1234", "7710"],
    ["11223344556677FF", "5518", "0000"],
    ["1223344556677811", "3675", "0000"],
    ["2233445566778811", "5550", "0000"]
  ])("for validation value %s and PIN %s gives offset %s", (validation, pin, offset) => {
    const scheme = { decimalisation: "1234567890123456", validation }
    expect(ibmOffset(key, scheme, pinOf(pin))).toBe(offset)
    expect(pinMatchesOffset(key, scheme, pinOf(pin), offset)).toBe(true)
    expect(pinMatchesOffset(key, scheme, pinOf("9876"), offset)).toBe(false)
    if (offset === "0000") expect(ibmNaturalPin(key, scheme, 4)).toEqual(pinOf(pin))
  })

  it("is refused for malformed input", () => {
    const scheme = { decimalisation: "1234567890123456", validation: "1122334455667788" }
    const short = { ...scheme, decimalisation: "123456789012345" }
    expect(ibmNaturalPin(key, short, 4)).toBe(fault("card-field"))
    expect(ibmNaturalPin(key, { ...scheme, validation: "11" }, 4)).toBe(fault("card-field"))
    expect(ibmNaturalPin(key, scheme, 13)).toBe(fault("pin-length"))
    expect(ibmNaturalPin(key.subarray(1), scheme, 4)).toBe(fault("key-length"))
    expect(ibmOffset(key, scheme, pinOf("123"))).toBe(fault("pin-length"))
  })
})

describe("track encryption", () => {
  it("enciphers the block before the last byte of track 2 and track 3, and back", () => {
    // 1234567890123456789=0508201781999168302, packed, `=` as D.
    const track2 = hex("1234567890123456789D0508201781999168302F")
    const sealed = encryptTrack("tdes", key, track2) as Buffer
    expect(sealed.toString("hex").toUpperCase())
      .toBe("1234567890123456789D054CFC20D6F04568AC2F")
    expect(decryptTrack("tdes", key, sealed)).toEqual(track2)
    const track3 = Buffer.concat([Buffer.alloc(4, 0x99), hex("0000003D00000000"), hex("00")])
    expect(
      (encryptTrack("tdes", key, track3) as Buffer).subarray(4, 12).toString("hex").toUpperCase()
    )
      .toBe("B95A14C2E036B091")
  })

  it("goes there and back in a block of 16 bytes under SM4 (inferred)", () => {
    const track = Buffer.from("1234567890123456789D0508201781999168302F", "hex")
    const sealed = encryptTrack("sm4", key, track) as Buffer
    expect(sealed.subarray(0, 3)).toEqual(track.subarray(0, 3))
    expect(sealed.subarray(3, 19)).not.toEqual(track.subarray(3, 19))
    expect(sealed[19]).toBe(0x2f)
    expect(decryptTrack("sm4", key, sealed)).toEqual(track)
    expect(encryptTrack("sm4", key, track.subarray(0, 16))).toBe(fault("length-unfit"))
  })

  it("is refused for a track that is too short", () => {
    expect(encryptTrack("tdes", key, Buffer.alloc(8))).toBe(fault("length-unfit"))
    expect(encryptTrack("tdes", key.subarray(1), Buffer.alloc(20))).toBe(fault("key-length"))
  })
})
