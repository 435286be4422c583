/** PIN blocks against published ones (ISO 9564, psec; protocol facts §1.9 and §5.1), and misuse. */

import fc from "fast-check"
import { describe, expect, it, vi } from "vitest"
import type { PinFormat } from "../../src/domain/ports/security-module.ts"
import { encryptBlocks } from "../../src/security/block-cipher.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import {
  openPinBlock,
  type PinKey,
  sealPinBlock,
  translatePin,
  translationAllowed
} from "../../src/security/pin-block.ts"
import { fault, isFault } from "../../src/security/security-fault.ts"

const hex = (text: string) => Buffer.from(text, "hex")
const upper = (bytes: unknown) => Buffer.from(bytes as Uint8Array).toString("hex").toUpperCase()
const filled = (byte: number) => (length: number) => new Uint8Array(length).fill(byte)

const cache = new CipherCache()
const tdes: PinKey = { source: hex("0123456789ABCDEFFEDCBA9876543210"), algorithm: "tdes" }
const otherTdes: PinKey = { source: hex("1032547698BADCFE89ABCDEF01234567"), algorithm: "tdes" }
const aes: PinKey = { source: hex("00112233445566778899AABBCCDDEEFF"), algorithm: "aes" }
const sm4: PinKey = { source: hex("0123456789ABCDEFFEDCBA9876543210"), algorithm: "sm4" }

/** The clear field as it stands before the cipher. */
function clearField(
  format: PinFormat,
  pan: string,
  pin: string,
  random: (length: number) => Uint8Array
): string {
  const block = sealPinBlock(cache, tdes, format, pan, pin, random)
  if (isFault(block)) throw new Error(block.code)
  const decipher = cache.live(tdes.source, "tdesDecrypt")
  if (isFault(decipher)) throw new Error(decipher.code)
  return upper(decipher.apply(block))
}

function under(key: PinKey, field: string): Buffer {
  return encryptBlocks(key.algorithm, key.source as Uint8Array, hex(field))
}

function opened(key: PinKey, format: PinFormat, pan: string, block: Uint8Array): string {
  const pin = openPinBlock(cache, key, format, pan, block, (digits) => digits.join(""))
  return isFault(pin) ? pin.code : pin
}

describe("the clear field", () => {
  it.each([
    ["1234", "5555555551234567", "041261AAAAEDCBA9"],
    ["123456789012", "5555555551234567", "0C1261032D8226A9"],
    ["1234", "4012345678909", "041274EDCBA9876F"],
    ["123456", "123456789012345678", "061253DFFEDCBA98"],
    ["123456", "1234567890123456", "0612713176FEDCBA"]
  ])("of format 0 for PIN %s and card %s is %s", (pin, pan, field) => {
    expect(clearField(0, pan, pin, filled(0))).toBe(field)
    expect(opened(tdes, 0, pan, under(tdes, field))).toBe(pin)
  })

  it("of format 1 has random filler and no card number", () => {
    expect(clearField(1, "", "1234", filled(0x55))).toBe("1412345555555555")
    expect(opened(tdes, 1, "", under(tdes, "1412345555555555"))).toBe("1234")
  })

  it.each([[0xff, "341261AAAAEDCBA9"], [0x00, "341261FFFFB89EFC"]])(
    "of format 3 is filled with A to F",
    (chance, field) => {
      expect(clearField(3, "5555555551234567", "1234", filled(chance))).toBe(field)
      expect(opened(tdes, 3, "5555555551234567", under(tdes, field))).toBe("1234")
    }
  )
})

describe("format 4", () => {
  it("gives the published block", () => {
    const block = sealPinBlock(cache, aes, 4, "1234567890123456789", "1234", filled(0xff))
    expect(upper(block)).toBe("28B41FDDD29B743E93124BD8E32D921E")
    expect(opened(aes, 4, "1234567890123456789", block as Uint8Array)).toBe("1234")
  })

  it("opens a published block and keeps its PIN field", () => {
    const key: PinKey = { source: hex("C1D0F8FB4958670DBA40AB1F3752EF0D"), algorithm: "aes" }
    const pan = "432198765432109870"
    const block = hex("CC17F65586BFD0953010226C4FC5B3CA")
    expect(opened(key, 4, pan, block)).toBe("1234")
    const again = sealPinBlock(cache, key, 4, pan, "1234", () => hex("146C6601F4A8035C"))
    expect(again).toEqual(block)
  })

  it("does not open for another card", () => {
    const block = sealPinBlock(cache, aes, 4, "4111111111111111", "1234", filled(1)) as Buffer
    expect(opened(aes, 4, "4111111111111112", block)).toMatch(/^pin-/)
  })
})

describe("format 0 under SM4 (inferred)", () => {
  it("goes there and back in 16 bytes", () => {
    const block = sealPinBlock(cache, sm4, 0, "6212345678901234", "123456", filled(0)) as Buffer
    expect(block).toHaveLength(16)
    expect(opened(sm4, 0, "6212345678901234", block)).toBe("123456")
  })
})

describe("translation", () => {
  const formats: ReadonlyArray<PinFormat> = [0, 1, 3, 4]
  const pan = "4012345678909"
  const keyFor = (format: PinFormat, second: boolean): PinKey =>
    format === 4 ? aes : second ? otherTdes : tdes

  it("follows the PCI PIN table and keeps the PIN", () => {
    for (const from of formats) {
      for (const to of formats) {
        const block = sealPinBlock(cache, keyFor(from, false), from, pan, "1234", filled(7))
        const result = translatePin(cache, {
          from: keyFor(from, false),
          to: keyFor(to, true),
          fromFormat: from,
          toFormat: to,
          pan,
          block: block as Buffer
        }, filled(9))
        expect(translationAllowed(from, to)).toBe(to !== 1 || from === 1)
        if (translationAllowed(from, to)) {
          expect(opened(keyFor(to, true), to, pan, result as Buffer)).toBe("1234")
        } else expect(result).toBe(fault("pin-translation"))
      }
    }
  })

  it("keeps every PIN of 4 to 12 digits for every card", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^\d{4,12}$/),
        fc.stringMatching(/^\d{13,19}$/),
        fc.constantFrom<PinFormat>(0, 3, 4),
        fc.constantFrom<PinFormat>(0, 3, 4),
        (pin, card, from, to) => {
          const block = sealPinBlock(cache, keyFor(from, false), from, card, pin, filled(200))
          const result = translatePin(cache, {
            from: keyFor(from, false),
            to: keyFor(to, true),
            fromFormat: from,
            toFormat: to,
            pan: card,
            block: block as Buffer
          }, filled(3))
          expect(opened(keyFor(to, true), to, card, result as Buffer)).toBe(pin)
        }
      ),
      { numRuns: 300 }
    )
  })
})

describe("a block that is refused", () => {
  const pan = "5555555551234567"
  it.each([
    ["a PIN of 3 digits", "031261AAAAEDCBA9", "pin-length"],
    ["a PIN of 13 digits", "0D1261AAAAEDCBA9", "pin-length"],
    ["a length nibble of 15", "0F1261AAAAEDCBA9", "pin-length"],
    ["another format's control nibble", "141261AAAAEDCBA9", "pin-format"],
    ["filler that is not F", "041261AAAAEDCBA8", "pin-digits"],
    ["a PIN digit above 9", "0412F1AAAAEDCBA9", "pin-digits"]
  ])("has %s", (_, field, code) => {
    expect(opened(tdes, 0, pan, under(tdes, field))).toBe(code)
  })

  it("has filler in format 3 that is a digit", () => {
    expect(opened(tdes, 3, pan, under(tdes, "341261FFFFB89EFC"))).toBe("1234")
    expect(opened(tdes, 3, pan, under(tdes, "341261FFFFB89EFF"))).toBe("pin-digits")
  })

  it("has filler in format 4 that is not A", () => {
    const block = (field: string) => {
      const joined = under(aes, field)
      hex("45555555551234567000000000000000").forEach((byte, at) => joined[at]! ^= byte)
      return encryptBlocks("aes", aes.source as Uint8Array, joined)
    }
    expect(opened(aes, 4, pan, block("441234AAAAAAAAAA0123456789ABCDEF"))).toBe("1234")
    expect(opened(aes, 4, pan, block("441234AAAAAAAAAB0123456789ABCDEF"))).toBe("pin-digits")
  })

  it.each([
    ["a PIN of 3 digits", "123", pan, "pin-length"],
    ["a PIN of 13 digits", "1234567890123", pan, "pin-length"],
    ["a letter", "12a4", pan, "pin-digits"],
    ["a card too short for the block", "1234", "411111111111", "pin-pan"],
    ["a card too long", "1234", "41111111111111111111", "pin-pan"],
    ["a card with a letter", "1234", "55555555512345a7", "pin-pan"]
  ])("would hold %s", (_, pin, card, code) => {
    expect(sealPinBlock(cache, tdes, 0, card, pin, filled(0))).toBe(fault(code as "pin-pan"))
  })

  it("does not fit its key", () => {
    const block = Buffer.alloc(8)
    expect(opened(aes, 0, pan, block)).toBe("algorithm-unfit")
    expect(opened(tdes, 4, pan, block)).toBe("algorithm-unfit")
    expect(opened(sm4, 3, pan, Buffer.alloc(16))).toBe("algorithm-unfit")
    expect(opened(tdes, 0, pan, Buffer.alloc(7))).toBe("length-unfit")
    expect(opened(tdes, 0, pan, Buffer.alloc(16))).toBe("length-unfit")
    expect(opened(aes, 4, pan, block)).toBe("length-unfit")
  })

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 20 }),
        fc.constantFrom<PinFormat>(0, 1, 3, 4),
        fc.string(),
        (block, format, card) => {
          opened(format === 4 ? aes : tdes, format, card, block)
        }
      )
    )
  })
})

describe("a PIN that cannot be put into the block that is asked for", () => {
  it("is overwritten wherever it was", () => {
    const from = { source: Buffer.alloc(16, 0x31), algorithm: "aes" } as const
    const to = { source: Buffer.alloc(16, 0x32), algorithm: "tdes" } as const
    const random = (length: number) => new Uint8Array(length)
    // Long enough for format 4, too short for format 0.
    const pan = "123456789012"
    const block = sealPinBlock(cache, from, 4, pan, "92746183", random) as Buffer
    const alloc = vi.spyOn(Buffer, "alloc")
    const translation = { from, to, fromFormat: 4, toFormat: 0, pan, block } as const
    const result = translatePin(cache, translation, random)
    const fields = alloc.mock.results.map(({ value }) => value as Buffer)
    alloc.mockRestore()
    expect(result).toBe(fault("pin-pan"))
    expect(fields.length).toBeGreaterThan(0)
    for (const field of fields) expect(field).toEqual(Buffer.alloc(field.length))
  })
})
