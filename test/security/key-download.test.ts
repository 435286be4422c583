/** Key downloads against the published vector of protocol facts §1.8, and malformed ones. */

import { describe, expect, it } from "vitest"
import { decryptBlocks } from "../../src/security/block-cipher.ts"
import {
  type ClearKeys,
  downloadLength,
  newWorkingKeys,
  readDownload,
  unionPayShape,
  writeDownload
} from "../../src/security/key-download.ts"
import { hasOddParity } from "../../src/security/key-material.ts"
import { fault } from "../../src/security/security-fault.ts"
import { randomFrom } from "./seeded-random.ts"

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex")
const upper = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").toUpperCase()

const master = hex("CA5D92598DCA48CE8A4C76361A9269E9")
const field62 = hex(
  "6701EAD6A9AD51E51AA406E2C27FCFA9 8D0A74B8 B651F9E9BACE9AE1 0000000000000000 AB7153CA"
)

describe("the published field 62", () => {
  it("gives its keys", () => {
    expect(unionPayShape(field62.length)).toBe("cup-40")
    const keys = readDownload("cup-40", master, field62) as ClearKeys
    expect(upper(keys.pin!)).toBe("807A23AD32B36D457AE91FDF927570EA")
    expect(upper(keys.mac!)).toBe("5BB5C72CD00B7338")
  })

  it("is made from its keys", () => {
    const keys = {
      pin: hex("807A23AD32B36D457AE91FDF927570EA"),
      mac: hex("5BB5C72CD00B7338")
    }
    expect(writeDownload("cup-40", master, keys)).toEqual(field62)
  })

  it("is refused under another master key and with a wrong check value", () => {
    const other = Buffer.from(master)
    other[0]! ^= 0x10
    expect(readDownload("cup-40", other, field62)).toBe(fault("check-value-wrong"))
    for (let at = 0; at < field62.length; at++) {
      const wrong = Buffer.from(field62)
      wrong[at]! ^= 0x80
      expect(readDownload("cup-40", master, wrong)).toBe(fault("check-value-wrong"))
    }
  })

  it("opens the key of MAC vector B", () => {
    const key = decryptBlocks(
      "tdes",
      hex("70F2A84CCBC2AE8625CBB0F2C22AB923"),
      hex("96D605EA176B7E9E")
    )
    expect(upper(key)).toBe("C24A8FB57AA20123")
  })
})

describe("every shape", () => {
  const shapes = [
    ["cup-24", 24],
    ["cup-40", 40],
    ["cup-56", 56],
    ["cup-57-sm4", 57],
    ["cup-60", 60],
    ["cup-84", 84],
    ["iso87-single", 22],
    ["iso87-double", 38]
  ] as const

  it.each(shapes)("%s has its length, goes there and back, and no other length passes", (
    shape,
    length
  ) => {
    expect(downloadLength(shape)).toBe(length)
    const random = randomFrom(length)
    const keys = newWorkingKeys(shape, random)
    if (shape !== "cup-57-sm4") {
      for (const key of Object.values(keys)) expect(hasOddParity(key)).toBe(true)
    }
    const download = writeDownload(shape, master, keys) as Buffer
    expect(readDownload(shape, master, download)).toEqual(keys)
    for (let other = 0; other <= 100; other++) {
      if (other === length) continue
      const bytes = Buffer.alloc(other)
      download.copy(bytes)
      expect(readDownload(shape, master, bytes)).toBe(fault("download-length"))
    }
  })

  it("is known by its length in China UnionPay's dialect, and 55, 0 and 80 are none", () => {
    for (const [shape, length] of shapes) {
      if (shape.startsWith("cup")) expect(unionPayShape(length)).toBe(shape)
    }
    for (const length of [0, 22, 38, 55, 80, 123]) expect(unionPayShape(length)).toBeUndefined()
  })

  it("pads a single-length MAC key with zeros and takes a double-length one", () => {
    const keys = newWorkingKeys("cup-60", randomFrom(1))
    expect(keys.mac).toHaveLength(8)
    const download = writeDownload("cup-60", master, keys) as Buffer
    expect(download.subarray(28, 36)).toEqual(Buffer.alloc(8))
    const double = { ...keys, mac: Buffer.alloc(16, 0x31) }
    const wide = writeDownload("cup-60", master, double) as Buffer
    expect(readDownload("cup-60", master, wide)).toEqual(double)
  })

  it("is refused when a key is missing or too long, or the master key is short", () => {
    const keys = newWorkingKeys("cup-24", randomFrom(2))
    expect(writeDownload("cup-40", master, {})).toBe(fault("key-length"))
    expect(writeDownload("cup-24", master, { ...keys, mac: Buffer.alloc(16, 1) }))
      .toBe(fault("key-length"))
    expect(writeDownload("cup-24", master.subarray(0, 8), keys)).toBe(fault("key-length"))
    expect(readDownload("cup-24", master.subarray(0, 8), Buffer.alloc(24)))
      .toBe(fault("key-length"))
  })
})
