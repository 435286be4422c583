/**
 * Each framing of `config/framings/` by the bytes it makes of one message and by what it hears in
 * them. The bytes follow the classes of protocol-facts §6.2; `0036…` is the published frame of
 * juks/iso-8583-socket-queue issue 52, the China UnionPay frames are samples 3 and 6 of §1.11.
 */

import { describe, expect, it } from "vitest"
import { bytes, framing, framingNames, framingSource, heard, hex } from "./framings.ts"

/** `0800` in BCD and some bytes, enough that a BCD length differs from a binary one. */
const body = bytes("0800 2038010000800000 313233")

const drawings: Readonly<Record<string, string>> = {
  length2: "000D | 08002038010000800000313233",
  "length2-tpdu": "0012 6000000000 | 08002038010000800000313233",
  "cup-tpdu": "0018 6000000000 602200000000 | 08002038010000800000313233",
  amex: "000F | 08002038010000800000313233",
  length4: "0000000D | 08002038010000800000313233",
  cmf: "00000D | 08002038010000800000313233",
  bcd2: "0013 | 08002038010000800000313233",
  ncc: "0018 6000000000 | 08002038010000800000313233",
  ascii4: "30303133 | 08002038010000800000313233",
  hex4: "30303044 | 08002038010000800000313233",
  cs: "000D 0000 | 08002038010000800000313233",
  gicc: "0000 000D | 08002038010000800000313233",
  rbp: "D04A 000D 0000 | 08002038010000800000313233",
  vap: "0023 0000 16010200230000000000000000000000000000000000 | 08002038010000800000313233",
  vmlh: "000D 0000 | 08002038010000800000313233",
  base24: "| 08002038010000800000313233 03",
  "cup-interbank": [
    "30303539 2E02 30303539 3030303130303030202020 3030303130303030202020",
    "303030303030303030303030303030303030 | 08002038010000800000313233"
  ].join(""),
  "base24-tcp": "000E | 08002038010000800000313233 03"
}

describe("the named framings", () => {
  it("are all drawn here, and named as their files", () => {
    expect(Object.keys(drawings).sort()).toEqual(framingNames)
    for (const name of framingNames) {
      expect((framingSource(name) as { name: string }).name).toBe(name)
    }
  })

  for (const [name, drawing] of Object.entries(drawings)) {
    it(`${name} writes and reads its drawing`, () => {
      const shape = framing(name)
      const frame = shape.encode(shape.requestHeader(), body)
      expect(hex(frame ?? Buffer.alloc(0))).toBe(drawing.replace(/[ |]/g, ""))
      const [only, ...more] = heard(shape, [bytes(drawing.replace("|", ""))])
      expect(only?.split("|")[1]).toBe(hex(body))
      expect(more).toEqual([])
    })
  }

  it("tell a BCD length from a binary one only by configuration", () => {
    const frame = bytes(
      "0036 6000100000 0800 2038010000800000 920000 000019 082906 0702 0068 3337313030303133"
    )
    expect(heard(framing("ncc"), [frame])).toHaveLength(1)
    expect(heard(framing("length2-tpdu"), [frame])).toEqual(["+38"])
  })

  it("read China UnionPay samples 3 and 6", () => {
    const stream = bytes(
      "0041600000000060220000000008000038000000C000120001721705100510353030383030303133303933313030" +
        "383339383530303800110000017200300003435550" +
        "0053600004000060220000000004003020048002C080130000000000010020003002030210003938313034333132" +
        "353838373434343033343531313235313031353600082200070500033031203342463735343838"
    )
    const frames = heard(framing("cup-tpdu"), [stream])
    expect(frames.map((frame) => frame.slice(0, 30))).toEqual([
      "6000000000602200000000|0800003",
      "6000040000602200000000|0400302"
    ])
  })
})

describe("reply headers", () => {
  it("swap the addresses of a TPDU and leave the header's nibbles alone", () => {
    const header = framing("cup-tpdu").replyHeader(bytes("6000030102 60310031110E"))
    expect(hex(header)).toBe("600102000360310031110E")
  })

  it("know the caller's numbers of a dial-up line and do not send them back", () => {
    const shape = framing("cup-tpdu")
    const lri = `4C5249001C${"11".repeat(28)}`
    const frame = shape.encode(bytes(`6000030000${lri}602200000000`), body) as Buffer
    const [only] = heard(shape, [frame])
    expect(only).toBe(`6000030000${lri}602200000000|${hex(body)}`)
    expect(hex(shape.replyHeader(bytes(`6000030000${lri}602200000000`)))).toBe(
      "6000000003602200000000"
    )
  })

  it("swap the addresses of BASE I, and stamp its length anew", () => {
    const shape = framing("vap")
    const header = bytes("16010200FF 111111 222222 0000000000000000000000")
    const frame = shape.encode(shape.replyHeader(header), body) as Buffer
    expect(hex(frame.subarray(4, 26))).toBe("16010200232222221111110000000000000000000000")
  })

  it("swap the institutions of China UnionPay's 46 bytes, and stamp their length anew", () => {
    // The published header of protocol-facts §1.1: destination 03050011, source 00010000.
    const shape = framing("cup-interbank")
    const header = bytes(
      "2E023034303730333035303031312020203030303130303030202020414139013030303030303030003030303030"
    )
    const frame = shape.encode(shape.replyHeader(header), body) as Buffer
    expect(frame.subarray(0, 4).toString()).toBe("0059")
    const back = frame.subarray(4, 50).toString("latin1")
    expect(back.slice(2, 28)).toBe("005900010000   03050011   ")
    expect(hex(frame.subarray(4 + 28, 50))).toBe("414139013030303030303030003030303030")
    expect(heard(shape, [bytes("30303030"), frame])).toEqual([
      "alive",
      `${hex(frame.subarray(4, 50))}|${hex(body)}`
    ])
  })

  it("take the longer BASE I header of a rejected message", () => {
    const shape = framing("vap")
    const frame = bytes(`002700001A0102${"00".repeat(19)}80000123${hex(body)}`)
    expect(heard(shape, [frame])).toEqual([`1A0102${"00".repeat(19)}80000123|${hex(body)}`])
  })

  it("of a header that was cut short are fresh ones, and its body is empty", () => {
    const shape = framing("cup-tpdu")
    expect(heard(shape, [bytes("0004 60000300")])).toEqual(["60000300|"])
    expect(hex(shape.replyHeader(bytes("60000300")))).toBe("6000000000602200000000")
  })
})

describe("keep-alives", () => {
  it("go back as they came, where the framing says so", () => {
    expect(heard(framing("vap"), [bytes("00000000")])).toEqual(["alive>00000000"])
    expect(heard(framing("amex"), [bytes("0000 0002")])).toEqual(["alive>0000", "alive>0002"])
    expect(heard(framing("base24-tcp"), [bytes("0000 000103")])).toEqual([
      "alive>0000",
      "alive>000103"
    ])
    expect(heard(framing("cmf"), [bytes("000000")])).toEqual(["alive"])
  })

  it("may be marked messages that hold something", () => {
    expect(heard(framing("vmlh"), [bytes("0002 0020 ABCD 0001 0000 FF")])).toEqual(["alive", "|FF"])
  })

  it("are bounded in a row, and counted anew after a message", () => {
    const shape = framing("cmf")
    const alive = (count: number) => Buffer.alloc(3 * count)
    expect(heard(shape, [alive(10), bytes("000001FF"), alive(10)])).toHaveLength(21)
    expect(heard(shape, [alive(11)]).at(-1)).toBe("!frame-empty")
  })

  it("are refused where the framing has none", () => {
    for (const name of ["length2", "cup-tpdu", "base24"]) {
      const zero = name === "base24" ? bytes("03") : bytes("0000")
      expect(heard(framing(name), [zero])).toEqual(["!frame-empty"])
    }
  })
})
