/** Key blocks against published ones (openemv/tr31 test vectors) and against forgers. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { encryptChain } from "../../src/security/block-cipher.ts"
import {
  type KeyBlockVersion,
  unwrapKeyBlock,
  type UnwrappedKey,
  wrapKeyBlock
} from "../../src/security/key-block.ts"
import { checkValue } from "../../src/security/key-material.ts"
import { fault, isFault } from "../../src/security/security-fault.ts"

const hex = (text: string) => Buffer.from(text, "hex")

const published = [
  {
    version: "A",
    protection: "89E88CF7931444F334BD7547FC3F380C",
    block: "A0072P0TE00E0000F5161ED902807AF26F1D62263644BD24192FDB3193C730301CEE8701",
    key: "F039121BEC83D26B169BDCD5B22AAF8F",
    kcv: ["tdes", "ecb", "CB9DEA"]
  },
  {
    version: "B",
    protection: "DD7515F2BFC17F85CE48F3CA25CB21F6",
    block: "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E",
    key: "3F419E1CB7079442AA37474C2EFBF8B8",
    kcv: ["tdes", "ecb", "57C409"]
  },
  {
    version: "D",
    protection: "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6",
    block: "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A2"
      + "7E8E31DA05F7425509593D03A457DC34",
    key: "3F419E1CB7079442AA37474C2EFBF8B8",
    kcv: ["aes", "cmac", "08793E"]
  }
] as const

const protectionBytes: Record<KeyBlockVersion, number> = { A: 16, B: 24, C: 16, D: 32 }
const attributes = {
  usage: "M3",
  algorithm: "T",
  mode: "C",
  keyVersion: "00",
  exportability: "E"
} as const

function wrapped(version: KeyBlockVersion, key: Uint8Array): string {
  const block = wrapKeyBlock(
    Buffer.alloc(protectionBytes[version], 0x3b),
    version,
    attributes,
    key,
    (length) => new Uint8Array(length).fill(0x5a)
  )
  if (isFault(block)) throw new Error(block.code)
  return block
}

describe("a published key block", () => {
  it.each(published)("of version $version gives its key and check value", (vector) => {
    const opened = unwrapKeyBlock(hex(vector.protection), vector.block) as UnwrappedKey
    expect(opened.key.toString("hex").toUpperCase()).toBe(vector.key)
    expect(opened.version).toBe(vector.version)
    expect(opened.attributes.usage).toBe("P0")
    expect(opened.attributes.mode).toBe("E")
    const [algorithm, method, kcv] = vector.kcv
    expect(checkValue(algorithm, opened.key, method, 3)).toEqual(hex(kcv))
  })

  // TR-31:2018, A.7.3.1 and A.7.3.2: a base key with its initial serial number beside it.
  it.each([
    [
      "B8ED59E0A279A295E9F5ED7944FD06B9",
      "C0096B0TX12S0100KS1800604B120F9292800000BFB9B689CB567E66FC3FEE5AD5F52161FC6545B9D609890"
      + "15D02155C",
      "EDB380DD340BC2620247D445F5B8D678"
    ],
    [
      "1D22BF32387C600AD97F9B97A51311AC",
      "B0104B0TX12S0100KS1800604B120F9292800000BB68BE8680A400D9191AD4ECE45B6E6C0D21C4738A52190"
      + "E248719E24B433627",
      "E8BC63E5479455E26577F715D587FE68"
    ]
  ])("under %s gives its optional block", (protection, block, key) => {
    const opened = unwrapKeyBlock(hex(protection), block) as UnwrappedKey
    expect(opened.optional).toEqual([{ id: "KS", content: "00604B120F9292800000" }])
    expect(opened.attributes.keyVersion).toBe("12")
    expect(opened.key.toString("hex").toUpperCase()).toBe(key)
  })

  it("may say how many bytes an optional block's length takes, each two hex digits", () => {
    const content = "x".repeat(0x110 - 10)
    const block = madeByHand(`A0344M3TC00E0100CT00020110${content}`, 128)
    expect(unwrapKeyBlock(Buffer.alloc(16, 0x3b), block)).toMatchObject({
      optional: [{ id: "CT", content }],
      key: Buffer.alloc(16, 0x5a)
    })
  })

  it("gives no key that is not whole, whoever sealed the block", () => {
    const opened = (bits: number) =>
      unwrapKeyBlock(Buffer.alloc(16, 0x3b), madeByHand("A0072M3TC00E0000", bits))
    expect(opened(176)).toMatchObject({ key: Buffer.alloc(22, 0x5a) })
    for (const bits of [0, 127, 184]) expect(opened(bits)).toBe(fault("key-length"))
  })

  it("does not open under another protection key", () => {
    for (const { protection, block } of published) {
      const other = hex(protection).map((byte) => byte ^ 0x10)
      expect(unwrapKeyBlock(other, block)).toBe(fault("block-forged"))
    }
  })
})

/** Of version A, around 22 bytes, of which so many bits are said to be the key. */
function madeByHand(header: string, bits: number): string {
  const protection = Buffer.alloc(16, 0x3b)
  const plain = Buffer.alloc(24, 0x5a)
  plain.writeUInt16BE(bits, 0)
  const start = Buffer.from(header.slice(0, 8))
  const cipher = encryptChain("tdes", protection.map((byte) => byte ^ 0x45), start, plain)
  const covered = Buffer.concat([Buffer.from(header), cipher])
  const authentication = protection.map((byte) => byte ^ 0x4d)
  const mac = encryptChain("tdes", authentication, Buffer.alloc(8), covered).subarray(-8, -4)
  return header + Buffer.concat([cipher, mac]).toString("hex").toUpperCase()
}

describe("wrapping", () => {
  it.each(["A", "B", "C", "D"] as const)(
    "version %s opens again, for every key length",
    (version) => {
      for (const length of [8, 16, 24, 32]) {
        const key = Buffer.alloc(length, length)
        const opened = unwrapKeyBlock(
          Buffer.alloc(protectionBytes[version], 0x3b),
          wrapped(version, key)
        ) as UnwrappedKey
        expect(opened.key).toEqual(key)
        expect(opened.attributes).toEqual(attributes)
      }
    }
  )

  it("hides the length of a triple DES key", () => {
    const lengths = [8, 16, 24].map((length) => wrapped("D", Buffer.alloc(length, 1)).length)
    expect(new Set(lengths).size).toBe(1)
  })

  it("derives with AES-128 and AES-192 protection keys too", () => {
    for (const length of [16, 24]) {
      const protection = Buffer.alloc(length, 9)
      const block = wrapKeyBlock(protection, "D", attributes, Buffer.alloc(16, 1), Buffer.alloc)
      expect((unwrapKeyBlock(protection, block as string) as UnwrappedKey).key)
        .toEqual(Buffer.alloc(16, 1))
    }
  })

  it("is refused under a protection key that does not fit the version", () => {
    for (const [version, length] of [["A", 8], ["B", 32], ["D", 8]] as const) {
      expect(
        wrapKeyBlock(Buffer.alloc(length), version, attributes, Buffer.alloc(16), Buffer.alloc)
      )
        .toBe(fault("block-protection-key"))
    }
  })

  it("refuses attributes that are not of the standard's shape", () => {
    const odd = { ...attributes, usage: "M31" }
    expect(wrapKeyBlock(Buffer.alloc(32), "D", odd, Buffer.alloc(16), Buffer.alloc))
      .toBe(fault("block-format"))
  })
})

describe("a block that was touched", () => {
  it.each(["A", "B", "C", "D"] as const)("of version %s is refused wherever it was", (version) => {
    const block = wrapped(version, Buffer.alloc(16, 0x61))
    const protection = Buffer.alloc(protectionBytes[version], 0x3b)
    for (let at = 0; at < block.length; at++) {
      const other = block[at] === "0" ? "1" : "0"
      const result = unwrapKeyBlock(protection, block.slice(0, at) + other + block.slice(at + 1))
      expect(isFault(result)).toBe(true)
    }
  })

  it("is refused when it is cut or longer than it says", () => {
    const block = wrapped("D", Buffer.alloc(16, 0x61))
    const protection = Buffer.alloc(32, 0x3b)
    for (let length = 0; length < block.length; length++) {
      expect(unwrapKeyBlock(protection, block.slice(0, length))).toBe(fault("block-length"))
    }
    expect(unwrapKeyBlock(protection, block + "00")).toBe(fault("block-length"))
  })

  it("never throws, whatever the text", () => {
    const protection = Buffer.alloc(32, 0x3b)
    const header = fc.tuple(
      fc.constantFrom("A", "B", "C", "D", "E"),
      fc.constantFrom("P0TE00E", "M3TC00N", "K0AB00E"),
      fc.integer({ min: 0, max: 99 }),
      fc.stringMatching(/^[0-9A-F]{0,200}$/)
    ).map(([version, middle, count, rest]) => {
      const tail = middle + String(count).padStart(2, "0") + "00" + rest
      return version + String(tail.length + 5).padStart(4, "0") + tail
    })
    fc.assert(
      fc.property(fc.oneof(header, fc.string()), (text) => {
        expect(isFault(unwrapKeyBlock(protection, text))).toBe(true)
      }),
      { numRuns: 2000 }
    )
  })
})
