/** Host commands as bytes, and answers that are none: all of an answer counts, or nothing. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  answerFields,
  answerTo,
  checkValueOf,
  diagnostics,
  echo,
  generate,
  generateMac,
  hsmFraming,
  readGenerated,
  readMac,
  readPinBlock,
  translateDukptPin,
  translatePin
} from "../../src/security/hsm-command.ts"
import { workingAttributes } from "../../src/security/key-usage.ts"
import { fault } from "../../src/security/security-fault.ts"

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1")
const bytes = (value: string) => Buffer.from(value, "latin1")
const misfit = fault("hsm-answer")

const pin = {
  from: "FROM",
  to: "TO",
  fromFormat: 0,
  toFormat: 3,
  pan: "4012345678909",
  pinBlock: Buffer.from("1B9C1845EB993A7A", "hex")
} as const

describe("a command", () => {
  it("is framed as the published ones", () => {
    const framing = hsmFraming(4)
    const frame = framing.encode(bytes("SSSS"), diagnostics())
    expect(frame?.toString("hex").toUpperCase()).toBe("0006535353534E43")
    expect(framing.encode(bytes("9999"), echo("PING"))?.subarray(2).toString("hex"))
      .toBe("3939393942323030303450494e47")
    expect(() => hsmFraming(0)).toThrow()
  })

  it("has its fields in order", () => {
    const request = { algorithm: "3", padding: "1", block: "KEY", bytes: bytes("abc") } as const
    expect(text(generateMac(request))).toBe("M600131FFFSKEY0003abc")
    expect(text(generate("TMK", workingAttributes("mac", "tdes", 16), 16)))
      .toBe("A01FFFS;1STMKX#M3T2C00S00")
    expect(text(checkValueOf("KEY"))).toBe("BUFFFSKEY;FFF;000")
    expect(text(translatePin("CA", pin))).toBe("CASFROMSTO121B9C1845EB993A7A0147401234567890")
    expect(text(translatePin("CC", { ...pin, toFormat: 4 })))
      .toBe("CCSFROMSTO121B9C1845EB993A7A01484012345678909;")
    const serial = Buffer.from("FFFF9876543210E00001", "hex")
    expect(text(translateDukptPin(pin, serial)))
      .toBe("G0SFROMSTOA05FFFF9876543210E000011B9C1845EB993A7A0147401234567890")
  })

  it("is answered by its second letter plus one", () => {
    expect(["NC", "A0", "CA", "M6", "B2", "BU"].map(answerTo))
      .toEqual(["ND", "A1", "CB", "M7", "B3", "BV"])
  })
})

describe("an answer", () => {
  it("gives its fields, or says what the error code means", () => {
    expect(answerFields("NC", bytes("ND00abc"))).toBe("abc")
    const codes = {
      "10": "key-usage",
      "20": "pin-digits",
      "22": "pin-pan",
      "24": "pin-length",
      "13": "hsm-failed",
      "15": "hsm-refused",
      "41": "hsm-failed",
      "68": "hsm-refused",
      "69": "pin-translation",
      A4: "block-forged",
      A6: "key-usage",
      A8: "key-usage"
    } as const
    for (const [error, code] of Object.entries(codes)) {
      expect(answerFields("CA", bytes(`CB${error}`))).toBe(fault(code))
    }
  })

  it.each(["", "N", "ND", "ND0", "NC00", "CB00", "nd00", "ND--", "ND\n0"])(
    "%j is none to a diagnosis",
    (answer) => {
      expect(answerFields("NC", bytes(answer))).toBe(misfit)
    }
  )

  it("of another length or alphabet holds no MAC", () => {
    expect(readMac("0123456789ABCDEF")).toEqual(Buffer.from("0123456789ABCDEF", "hex"))
    for (const fields of ["", "0123456789ABCDE", "0123456789ABCDEF0", "0123456789abcdef"]) {
      expect(readMac(fields)).toBe(misfit)
    }
  })

  it("of another format or length holds no PIN block", () => {
    const right = "120123456789ABCDEF47"
    expect(readPinBlock(right, 3)).toEqual(Buffer.from("0123456789ABCDEF", "hex"))
    expect(readPinBlock(`12${"AB".repeat(16)}48`, 4)).toEqual(Buffer.alloc(16, 0xab))
    for (
      const fields of ["", right.slice(0, -1), `${right}0`, `${right.slice(0, -2)}01`, `1x${right}`]
    ) {
      expect(readPinBlock(fields, 3)).toBe(misfit)
    }
    expect(readPinBlock(right, 4)).toBe(misfit)
  })

  it("that is cut or too long holds no key", () => {
    const block = `D0020${"K".repeat(15)}`
    const right = `S${block}X${"0".repeat(32)}ABCDEF`
    expect(readGenerated(right, 16)).toEqual({ block, cryptogram: Buffer.alloc(16) })
    for (let length = 0; length < right.length; length++) {
      expect(readGenerated(right.slice(0, length), 16)).toBe(misfit)
    }
    for (const fields of [`${right}0`, right.replace("X", "Y"), right.replace("S", "U")]) {
      expect(readGenerated(fields, 16)).toBe(misfit)
    }
    expect(readGenerated(right, 24)).toBe(misfit)
  })

  it("never throws, whatever it is", () => {
    fc.assert(
      fc.property(fc.string(), (answer) => {
        answerFields("NC", bytes(answer))
        readMac(answer)
        readPinBlock(answer, 0)
        readGenerated(answer, 8)
        readGenerated(`S${answer}`, 16)
      })
    )
  })
})
