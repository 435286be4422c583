/**
 * What attackers and broken terminals send, case by case: each is refused by name, at its place, and
 * costs no more than its own length.
 */

import { describe, expect, it } from "vitest"
import { indexCapacity } from "../../src/iso8583/indexer.ts"
import { captured, compiled, dialect, read, refused } from "./shipped.ts"

const cup = dialect("cup-pos")
const iso = dialect("iso87-ascii")
const ebcdic = dialect("iso87-ebcdic")

const hex = (text: string): string => Buffer.from(text, "latin1").toString("hex")

/** A China UnionPay 0200 with fields 3, 11, 41, 42 and one more, whose bytes are given. */
function saleWith(field: number, bytes: string): string {
  const body = cup.build("0200", {
    "3": "000000",
    "11": "000001",
    "41": "00000001",
    "42": "000000000000001"
  })
  const present = [3, 11, 41, 42, field].sort((one, other) => one - other)
  const map = Buffer.alloc(8)
  for (const each of present) map[(each - 1) >> 3]! |= 0x80 >> ((each - 1) & 7)
  const message = read(cup, body.toString("hex"))
  const before = present.filter((each) => each < field && each !== field)
  const end = before.length === 0 ? 10 : message.index[before.length * 3]!
  return body.subarray(0, 2).toString("hex") + map.toString("hex") +
    body.subarray(10, end).toString("hex") + bytes + body.subarray(end).toString("hex")
}

describe("heads", () => {
  it.each([
    ["nothing", "", "mti"],
    ["one byte", "02", "mti"],
    ["less than a bitmap", "020070", "mti"],
    ["letters for a message type", "0A00" + "00".repeat(8), "mti"],
    ["a message type nobody has", "0299" + "00".repeat(8), "mti"]
  ])("%s", (_name, body, path) => {
    expect(refused(cup, body).path).toBe(path)
  })

  it("a bitmap of ones, reserved bits, and a field the dialect lacks", () => {
    expect(refused(cup, "0200" + "FF".repeat(8)).path).toBe("1")
    expect(refused(cup, "02000800000000000000")).toMatchObject({
      failure: "field-unknown",
      path: "5"
    })
    expect(refused(cup, "0200" + "80".padEnd(16, "0"))).toMatchObject({ path: "1" })
  })

  it("bit 1 without a second bitmap, bit 65 without a third", () => {
    expect(refused(iso, hex("0800" + "8".padEnd(16, "0"))).path).toBe("bitmap")
    const third = hex(`0800${"8".padEnd(16, "0")}${"8".padEnd(16, "0")}`)
    expect(refused(iso, third).path).toBe("65")
    const wide = compiled({
      dialect: "wide",
      mti: { encoding: "bcd" },
      bitmap: { encoding: "binary", bits: 192 },
      fields: { 2: { type: "n", length: 1 }, 130: { type: "n", length: 1 } },
      messages: { "0100": {} },
      key: ["stan"],
      reversal: { mti: "0100" }
    })
    expect(refused(wide, "0100" + "80".padEnd(16, "0") + "80".padEnd(16, "0")).path).toBe("bitmap")
    const body = wide.build("0100", { "2": "1", "130": "2" })
    expect(read(wide, body.toString("hex")).fields()).toEqual([2, 130])
  })

  it("a bitmap in hex that is none, and one in letters of two sizes", () => {
    expect(refused(iso, hex(`0800${"G".repeat(16)}`)).path).toBe("bitmap")
    expect(refused(iso, hex("08000000000000000000".replace("8", "8"))).failure).toBe(
      "field-missing"
    )
    expect(refused(iso, hex("0200aA00000000000000")).path).toBe("bitmap")
    expect(refused(iso, hex("0200f0000000000000008A00000000000000")).path).toBe("bitmap")
  })

  it("EBCDIC where ASCII is meant, and the reverse", () => {
    expect(refused(iso, "f0f2f0f0" + "00".repeat(16)).path).toBe("mti")
    expect(refused(ebcdic, hex("0200") + "00".repeat(16)).path).toBe("mti")
  })
})

describe("lengths", () => {
  it.each([
    ["letters", "a012"],
    ["above the maximum", "20" + "00".repeat(10)],
    ["far above what is left", "99"],
    ["a sign", "2d33"]
  ])("of two digits with %s", (_name, bytes) => {
    expect(refused(cup, saleWith(2, bytes))).toMatchObject({ failure: "message-format", path: "2" })
  })

  it.each(["-03", "+03", " 03", "0x1", "03 ", "   ", "1e1"])(
    "of three characters: %j",
    (prefix) => {
      const head = hex(`0200${"0000000000010000"}${prefix}`)
      expect(refused(iso, head)).toMatchObject({ path: "48", failure: "message-format" })
    }
  )

  it("a length at the very end, with nothing behind", () => {
    expect(refused(iso, hex("0200000000000001000099"))).toMatchObject({ path: "48" })
    expect(refused(iso, hex("02000000000000010000999"))).toMatchObject({ path: "48" })
  })
})

describe("digits", () => {
  it("half bytes A to F where digits belong, and a fill that is none", () => {
    const body = saleWith(4, "00000000010A")
    expect(refused(cup, body)).toMatchObject({ path: "4", excerpt: "0a" })
    expect(refused(cup, saleWith(22, "0215"))).toMatchObject({ path: "22" })
    expect(read(cup, saleWith(22, "021F")).text("22")).toBe("021")
    expect(refused(cup, saleWith(23, "1001"))).toMatchObject({ path: "23" })
  })

  it("an amount with sign, spaces or digits that are not ASCII", () => {
    for (
      const amount of ["-00000000100", "       10000", "\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2000000"]
    ) {
      const body = hex(`02003020000000000000000000${amount}000001`)
      expect(refused(iso, body)).toMatchObject({ path: "4", failure: "message-format" })
    }
  })

  it("odd digits on either side keep their value", () => {
    expect(read(cup, saleWith(2, `1962350134522000000690`)).text("2")).toBe("6235013452200000069")
    expect(read(cup, saleWith(23, "0001")).text("23")).toBe("001")
  })
})

describe("chip data", () => {
  const field = (content: string): string => {
    const size = String(content.length / 2).padStart(4, "0")
    return saleWith(55, size + content)
  }

  it.each([
    ["indefinite length", "7080", "55.70"],
    ["a length of 2^31", "9F0284800000009F", "55.9F02"],
    ["a length of 2^63 in eight bytes", "9F02887FFFFFFFFFFFFFFF00", "55.9F02"],
    ["a tag that never ends", "9F" + "FF".repeat(20), "55.9FFFFFFF"],
    ["a tag and no length", "9F02", "55.9F02"],
    ["a value cut short", "9F020600", "55.9F02"],
    ["a cut inside a template", "70059F02060000", "55.70.9F02"]
  ])("%s", (_name, content, path) => {
    expect(refused(cup, field(content))).toMatchObject({ path, failure: "message-format" })
  })

  it("templates two hundred deep", () => {
    const wide = dialect("iso2003-ascii")
    let content = "9F0100"
    for (let depth = 0; depth < 200; depth++) {
      const size = content.length / 2
      const length = size < 128
        ? size.toString(16).padStart(2, "0")
        : `82${size.toString(16).padStart(4, "0")}`
      content = `70${length}${content}`
    }
    const body = wide.encode("2100", { "55": content.toUpperCase() })
    const fault = wide.read(body as Uint8Array)
    expect(fault).toMatchObject({ failure: "message-format" })
    expect((fault as { path: string }).path.split(".").length).toBeLessThan(12)
  })

  it("ten thousand empty tags, in time", () => {
    const wide = dialect("iso2003-ascii")
    const values = {
      "3": "000000",
      "4": "1562000000000100",
      "11": "1",
      "12": "20261126134400",
      "41": "1",
      "55": "5F0100".repeat(3333)
    }
    const body = wide.build("2100", values)
    const out = new Int32Array(indexCapacity)
    expect(wide.index(body, 0, body.length, out)).toBe(6)
    expect(read(wide, body.toString("hex")).text("55.5F01#3333")).toBe("")
    expect(read(wide, body.toString("hex")).text("55.5F01#3334")).toBeUndefined()
  })
})

describe("contents", () => {
  it("a PAN that fails Luhn, a STAN of zeros and the 30th of February are the business of others", () => {
    const body = iso.build("0200", {
      "2": "6235013452200000060",
      "3": "000000",
      "4": "000000000100",
      "11": "000000",
      "13": "0230",
      "41": "1"
    })
    expect(read(iso, body.toString("hex")).role("pan")).toBe("6235013452200000060")
  })

  it("text with line ends and escapes is kept as bytes", () => {
    const body = iso.build("0200", {
      "3": "000000",
      "4": "000000000100",
      "11": "000001",
      "41": "1\r\n\u001b[2J",
      "48": "__proto__"
    })
    expect(read(iso, body.toString("hex")).text("41")).toBe("1\r\n\u001b[2J ")
  })

  it("paths that belong to no field find nothing, whatever they say", () => {
    const message = read(cup, captured["mac-c"]!)
    for (
      const path of [
        "__proto__",
        "constructor",
        "0",
        "00",
        "200",
        "2.",
        "2.1",
        "55.",
        "55.9F02.1",
        "55.zz",
        "60.0",
        "60.99",
        "-2",
        "2e0",
        " 2",
        "59.#1",
        "1000"
      ]
    ) {
      expect(message.text(path)).toBeUndefined()
      expect(message.raw(path)).toBeUndefined()
    }
  })
})

describe("refusals", () => {
  it("a refusal says little, whatever was sent", () => {
    const long = { "3": "000000", "4": "000000000100", "11": "000001", "41": "1" }
    const body = iso.build("0200", { ...long, "48": "9".repeat(900), "63": "8".repeat(900) })
    for (let at = 0; at < body.length; at += 13) {
      const broken = Buffer.from(body)
      broken[at] = 0xff
      const fault = iso.read(broken)
      if ("failure" in fault) expect(JSON.stringify(fault).length).toBeLessThan(250)
    }
  })
})

describe("the longest", () => {
  it("message any dialect takes costs time in proportion to its length", () => {
    const one = iso.build("0200", { ...plainValues(), "48": "9".repeat(400) })
    const many = iso.build("0200", { ...plainValues(), ...everyText() })
    expect(many.length).toBeGreaterThan(20 * one.length)
    const out = new Int32Array(indexCapacity)
    expect(iso.index(many, 0, many.length, out)).toBeGreaterThan(20)
    expect(iso.encode("0200", { ...plainValues(), "48": "9".repeat(1000) })).toMatchObject({
      path: "48"
    })
  })

  function plainValues() {
    return { "3": "000000", "4": "000000000100", "11": "000001", "41": "1" }
  }

  function everyText(): Record<string, string> {
    const fields = [46, 47, 48, 56, 57, 58, 59, 60, 61, 62, 63]
    for (let field = 105; field < 128; field++) fields.push(field)
    return Object.fromEntries(fields.map((field) => [String(field), "x".repeat(999)]))
  }
})
