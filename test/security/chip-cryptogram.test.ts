/** EMV cryptograms against pyemv's vectors, which its authors checked with an HSM. */

import { describe, expect, it } from "vitest"
import {
  applicationCryptogram,
  cardCryptogram,
  cardKey,
  type ChipFields,
  commonSessionKey,
  cryptogramVersion,
  issuerAuthentication,
  responseByMethod1,
  responseByMethod2,
  scriptMac,
  verifyCryptogram,
  visaScriptKey
} from "../../src/security/chip-cryptogram.ts"
import { checkValue } from "../../src/security/key-material.ts"
import { fault, isFault, type SecurityFault } from "../../src/security/security-fault.ts"

const hex = (text: string) => Buffer.from(text, "hex")
const upper = (bytes: Uint8Array | SecurityFault) =>
  isFault(bytes) ? bytes.code : Buffer.from(bytes).toString("hex").toUpperCase()
const check = (key: Uint8Array | SecurityFault) =>
  isFault(key) ? key.code : upper(checkValue("tdes", key, "ecb", 2))

const master = hex("0123456789ABCDEFFEDCBA9876543210")
const integrity = hex("FEDCBA98765432100123456789ABCDEF")
const card = { pan: "1234567890123456", sequence: "00" }

function fields(issuerData: string, cryptogram: string): ChipFields {
  return new Map(
    Object.entries({
      "9F02": "000000004000",
      "9F03": "000000000000",
      "9F1A": "0124",
      "95": "8000048000",
      "5F2A": "0124",
      "9A": "191105",
      "9C": "01",
      "9F37": "52BF4585",
      "82": "1800",
      "9F36": "001C",
      "9F10": issuerData,
      "9F26": cryptogram
    }).map(([tag, value]) => [tag, hex(value)])
  )
}

describe("card keys", () => {
  it.each([
    ["A", "1234567890123456", "00", "BAB0"],
    ["A", "9901234567890123", "45", "1DA5"],
    ["A", "12345678901234567", "45", "FF08"],
    ["B", "1234567890123456", "00", "BAB0"],
    ["B", "12345678901234567", "45", "0BAF"],
    ["B", "12345678901234567", "00", "4626"],
    ["B", "123456789012345679", "00", "C2F3"],
    ["B", "000000000000000005", "23", "DD73"]
  ])("by option %s for card %s, sequence %s", (option, pan, sequence, value) => {
    expect(check(cardKey(master, { pan, sequence }, option as "A"))).toBe(value)
  })

  it("lead to the published session keys", () => {
    const key = cardKey(master, { pan: "9901234567890123", sequence: "45" }, "A") as Buffer
    expect(check(commonSessionKey(key, hex("1234567890123456")))).toBe("0995")
    const script = cardKey(integrity, card, "B") as Buffer
    expect(check(visaScriptKey(script, hex("001C")))).toBe("DB10")
  })
})

describe("cryptogram and response", () => {
  const key = cardKey(master, { pan: "9901234567890123", sequence: "45" }, "A") as Buffer
  const session = commonSessionKey(key, hex("1234567890123456")) as Buffer
  const block = hex("0123456789ABCDEF0123456789ABCDEF")

  it.each([
    [2, "0123456789ABCDEF0123456789ABCDEF", "4B46013359B7A58B", "F8C9CECAABD55AD1"],
    [1, "0123456789ABCDEF0123456789ABCDEF01", "2E141C6BC4A20DA8", "16A49AAB314B9262"],
    [1, "0123456789ABCDEF0123456789ABCDEF", "922F3E83125EB46B", "8AE6E836084B0E80"]
  ])("with padding %i and method 1", (padding, data, cryptogram, response) => {
    const made = applicationCryptogram(session, hex(data), padding as 1)
    expect(upper(made)).toBe(cryptogram)
    expect(upper(responseByMethod1(key, hex(cryptogram), hex("0000")))).toBe(response)
  })

  it("with method 2", () => {
    const made = applicationCryptogram(session, block, 2) as Buffer
    const status = hex("00000000")
    expect(upper(responseByMethod2(session, made, status, hex("1234567890ABCDEF"))))
      .toBe("4962B76C")
    expect(upper(responseByMethod2(session, made, status))).toBe("7DFB1188")
  })
})

describe("Visa cryptogram version", () => {
  it("10 verifies, answers and authenticates scripts", () => {
    const sent = fields("06010A03A06010", "29CCA15AE665FA2E")
    expect(verifyCryptogram(master, card, sent)).toBe(true)
    expect(upper(issuerAuthentication(master, card, sent, hex("3030"))))
      .toBe("28993816AFAE4AEB3030")
    expect(upper(scriptMac(integrity, card, sent, hex("8418000008")))).toBe("DB56BA60087CEFD3")
  })

  it("18 verifies, answers and authenticates scripts", () => {
    const sent = fields("06011203A0B800", "7A788EA6B8A3E733")
    expect(verifyCryptogram(master, card, sent)).toBe(true)
    expect(upper(issuerAuthentication(master, card, sent, hex("3030"))))
      .toBe("9AF514C100000000")
    expect(upper(scriptMac(integrity, card, sent, hex("8418000008")))).toBe("04EDE90BC24CC35E")
  })

  it("22 covers all of its issuer data under the common key, scripts under the cryptogram's", () => {
    const issuerData = "1F2201A000000000".padEnd(64, "0")
    const key = cardKey(master, card, "B") as Buffer
    const session = commonSessionKey(key, hex("001C000000000000")) as Buffer
    const unsigned = fields(issuerData, "0000000000000000")
    const covered = ["9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36", "9F10"]
    const data = Buffer.concat(covered.map((tag) => unsigned.get(tag)!))
    const cryptogram = applicationCryptogram(session, data, 2) as Buffer
    expect(cardCryptogram(master, card, unsigned)).toEqual(cryptogram)
    expect(verifyCryptogram(master, card, fields(issuerData, upper(cryptogram)))).toBe(true)
    // The published common-key script vector, reached through this card's data.
    const script = fields(issuerData, "ABCDEF1234567890")
    const other = { pan: "1234567890123456", sequence: "01" }
    expect(upper(scriptMac(master, other, script, hex("8424000008")))).toBe("CF323F09A0F6AB9E")
  })
})

describe("a cryptogram that is refused", () => {
  it("was made for other data", () => {
    for (const tag of ["9F02", "9F37", "9F36", "9F10", "95"]) {
      const sent = new Map(fields("06010A03A06010", "29CCA15AE665FA2E"))
      const changed = Buffer.from(sent.get(tag)!)
      changed[changed.length - 1]! ^= 1
      sent.set(tag, changed)
      expect(verifyCryptogram(master, card, sent)).toBe(fault("cryptogram-wrong"))
    }
  })

  it("lacks a field, or one has another length", () => {
    for (const tag of ["9F02", "9F36", "9F10", "9F26", "82"]) {
      const sent = new Map(fields("06011203A0B800", "7A788EA6B8A3E733"))
      sent.delete(tag)
      expect(verifyCryptogram(master, card, sent)).toBe(fault("cryptogram-field"))
      if (tag === "9F10") continue
      sent.set(tag, Buffer.alloc(3))
      expect(verifyCryptogram(master, card, sent)).toBe(fault("cryptogram-field"))
    }
  })

  it("names no version that we know", () => {
    for (const data of ["", "06010A", "06019903A06010", "1F2301A0000000"]) {
      expect(cryptogramVersion(hex(data))).toBe(fault("cryptogram-version"))
    }
    expect(issuerAuthentication(master, card, new Map(), hex("3030")))
      .toBe(fault("cryptogram-version"))
  })

  it("is for a card or a key that is none", () => {
    expect(cardKey(master.subarray(0, 8), card, "A")).toBe(fault("key-length"))
    expect(cardKey(master, { ...card, sequence: "1" }, "A")).toBe(fault("card-field"))
    expect(cardKey(master, { ...card, pan: "12" }, "A")).toBe(fault("card-field"))
    expect(commonSessionKey(master, hex("00"))).toBe(fault("cryptogram-field"))
    expect(responseByMethod1(master, hex("00"), hex("0000"))).toBe(fault("cryptogram-field"))
  })
})
