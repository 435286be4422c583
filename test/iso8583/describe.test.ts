/** Messages for people: rows with masks, documents without loss, differences, and the doctor. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { compileFraming } from "../../src/frame/compile.ts"
import { convert, diff } from "../../src/iso8583/compare.ts"
import { describe as rowsOf, printable } from "../../src/iso8583/describe.ts"
import { doctor } from "../../src/iso8583/doctor.ts"
import { documentOf, encodeDocument } from "../../src/iso8583/document.ts"
import { masked } from "../../src/iso8583/mask.ts"
import type { Values } from "../../src/iso8583/message.ts"
import { maskPayCode } from "../../src/qr/pay-code.ts"
import { captured, dialect, mapping, read } from "./shipped.ts"

const cup = dialect("cup-pos")
const iso = dialect("iso87-ascii")
const sale = read(cup, captured["mac-c"]!)

describe("rows", () => {
  const rows = rowsOf(sale)
  const value = (path: string) => rows.find((row) => row.path === path)?.value

  it("show what is no secret, in order and with its place", () => {
    expect(rows[0]).toMatchObject({ path: "mti", value: "0200", note: "financial, sale" })
    expect(value("60.2")).toBe("000105")
    expect(value("55.9F02")).toBe("000000000000")
    expect(value("49")).toBe("156")
    expect(rows.find((row) => row.path === "4")).toMatchObject({ offset: 24, length: 6 })
  })

  it("mask card number, track, PIN block and pay code, and hold no clear one anywhere", () => {
    expect(value("2")).toBe("623501*********0069")
    expect(value("35.pan")).toBe("623501*********0069")
    expect(value("35.service")).toBe("****")
    expect(value("52")).toBe("****")
    const shown = JSON.stringify(rows)
    expect(shown).not.toContain("6235013452200000069")
    expect(shown).not.toContain("FF0C47F016D61C79")
    expect(shown).not.toContain("7788010000")
  })

  it("say which value may never be stored, and which tag nobody knows", () => {
    expect(rows.find((row) => row.path === "52")?.note).toBe("never stored")
    const odd = cup.build("0200", {
      "3": "000000",
      "11": "000001",
      "41": "00000001",
      "42": "000000000000001",
      "55.DF7F": "01",
      "55.57": "6235013452200000069D26112200"
    })
    const rowsOfOdd = rowsOf(read(cup, odd.toString("hex")))
    expect(rowsOfOdd.find((row) => row.path === "55.DF7F")?.note).toContain("unknown")
    expect(rowsOfOdd.find((row) => row.path === "55.57")?.value).toBe("623501*********0069=****")
    expect(rowsOfOdd.find((row) => row.path === "55")?.value).toBe("")
  })

  it("show of a card no more than its mask, and of what holds none nothing", () => {
    const track = (text: string) => masked("track", text)
    const shown = "411111******1111=****"
    for (const start of ["", ";", "B", "%B"]) {
      for (const end of ["=2512101", "D2512101", "^A CUSTOMER^2512101"]) {
        expect(track(`${start}4111111111111111${end}`)).toBe(shown)
      }
    }
    for (const none of ["x4111111111111111=2512", "4111111=2512", "4111111111111111", "25121010"]) {
      expect(track(none)).toBe("****")
    }
    expect([track(""), masked("hidden", ""), masked("hidden", "1")]).toEqual(["", "", "****"])
    expect(masked("pan", "4111111111111111FF ")).toBe("411111******1111")
    expect(masked("pan", "FF ")).toBe("")
    expect(masked("code", "134919586213926735")).toBe(maskPayCode("134919586213926735"))
    expect(masked("none", "shop 4111111111111111")).toBe("shop 411111******1111")
  })

  it("show all of a value that its parts do not say, and nothing where parts are masked", () => {
    const shown = (spoken: typeof cup, values: Values, field: string) => {
      const body = spoken.build("0200", { "3": "0", "11": "1", "41": "T1", ...values })
      return rowsOf(read(spoken, body.toString("hex")))
        .flatMap((row) => row.path.split(".")[0] === field ? [`${row.path} ${row.value}`] : [])
    }
    const batch = (text: string) => shown(cup, { "42": "M1", "60": text }, "60")
    expect(batch("22000105")).toEqual(["60 ", "60.1 22", "60.2 000105"])
    expect(batch("220001059")).toEqual(["60 220001059", "60.1 22", "60.2 000105"])
    const nac = dialect("pos-nac")
    // Table 16 is the verification value, 123: behind a head that is none of the layout.
    const table = Buffer.from("00053136313233", "hex")
    const tables = (...pieces: ReadonlyArray<string>) => {
      const all = Buffer.concat([...pieces.map((each) => Buffer.from(each, "hex")), table])
      return shown(nac, { "4": "100", "24": "1", "63": all }, "63")
    }
    expect(tables()).toEqual(["63 ", "63.16 ****"])
    expect(tables("0099")).toEqual(["63 ****"])
  })

  it("bring no control character to a terminal", () => {
    expect(printable("a\u001b[2Jb\r\nc\u2028")).toBe("a\\x1b[2Jb\\x0d\\x0ac\\x2028")
    // What turns the order of a line round, or takes no room in it: GBK can spell it too.
    expect(printable("店\u2066b\u200f\ud800")).toBe("店\\x2066b\\x200f\\xd800")
  })
})

describe("documents", () => {
  it.each(Object.keys(captured))("of %s make the same bytes again", (name) => {
    const document = JSON.parse(JSON.stringify(documentOf(read(cup, captured[name]!)))) as unknown
    const again = encodeDocument(cup, document)
    expect(Buffer.from(again as Uint8Array).toString("hex").toUpperCase()).toBe(captured[name])
  })

  it("are refused with the path of what is wrong", () => {
    const good = { mti: "0800", fields: { "11": "000001" } }
    for (
      const [document, path] of [
        [[], ""],
        [{ ...good, extra: 1 }, "extra"],
        [{ ...good, mti: 800 }, "mti"],
        [{ ...good, fields: { "11": 1 } }, "11"],
        [{ ...good, fields: { "11": "00000A" } }, "11"],
        [{ ...good, fields: { "11": "0000001" } }, "11"],
        [{ ...good, fields: { "65": "1" } }, "65"],
        [{ ...good, fields: { "55.9F2": "1" } }, "55.9F2"],
        [{ ...good, fields: { "52": { hex: "0g" } } }, "52"],
        [JSON.parse("{\"mti\":\"0800\",\"fields\":{\"__proto__\":\"1\"}}"), "__proto__"]
      ] as const
    ) expect(encodeDocument(cup, document)).toMatchObject({ path })
  })
})

describe("two messages", () => {
  it("differ where their parts do, masked", () => {
    const other = cup.patch(sale, { set: { "60.2": "000106", "2": "6235013452200000051" } })
    expect(diff(sale, read(cup, other.toString("hex")))).toEqual([
      { path: "2", name: "card number", left: "623501*********0069", right: "623501*********0051" },
      { path: "60.2", name: "batch", left: "000105", right: "000106" },
      { path: "64", name: "MAC", left: "4132354434343436", right: undefined }
    ])
  })

  it("are carried into another dialect, and what stayed behind is listed", () => {
    const result = convert(
      read(cup, cup.patch(sale, { set: { "37": "000000000001" } }).toString("hex")),
      iso,
      mapping(cup, iso)
    )
    if (!("rows" in result)) throw new Error(JSON.stringify(result))
    expect(result.rows[0]).toMatchObject({ value: "0200" })
    expect(result.left).toEqual(expect.arrayContaining(["52", "53", "60"]))
    expect(result.left).not.toContain("2")
  })
})

describe("the doctor", () => {
  const folder = join(import.meta.dirname, "../../config/framings")
  const framings = readdirSync(folder).flatMap((file) => {
    const framing = compileFraming(parse(readFileSync(join(folder, file), "utf8")))
    return "deframer" in framing ? [framing] : []
  })

  it("names the dialect and the framing of a captured frame", () => {
    const body = Buffer.from(captured["mac-c"]!, "hex")
    const header = Buffer.from("6000140000603100310006", "hex")
    const length = Buffer.from([0, 0])
    length.writeUInt16BE(header.length + body.length)
    const [first] = doctor(Buffer.concat([length, header, body]), [iso, cup], framings)
    expect(first).toMatchObject({ dialect: "cup-pos", fault: undefined })
    expect(first!.framing).toMatch(/cup|tpdu/)
  })

  it("reads bodies without a frame, and says how far it came with what fits nothing", () => {
    const [first] = doctor(Buffer.from(captured["sample-6"]!, "hex"), [iso, cup], framings)
    expect(first).toMatchObject({ dialect: "cup-pos", framing: undefined, fault: undefined })
    const nonsense = doctor(Buffer.from("not a message at all"), [iso, cup], framings)
    expect(nonsense.every(({ fault }) => fault !== undefined)).toBe(true)
    expect(doctor(Buffer.alloc(0), [iso, cup], framings)).toEqual([])
  })

  it("supposes no serial number where none is seen, and keeps twins in the order given", () => {
    const [nac, des, aes] = [dialect("pos-nac"), dialect("pos-dukpt"), dialect("pos-dukpt-aes")]
    const names = (values: Record<string, string>, dialects: ReadonlyArray<typeof nac>) =>
      doctor(nac.build("0810", { "3": "990000", "39": "00", ...values }), dialects, [])
        .filter(({ fault }) => fault === undefined).map((each) => each.dialect)
    expect(names({}, [aes, des, nac])).toEqual(["pos-nac", "pos-dukpt-aes", "pos-dukpt"])
    expect(names({}, [des, nac, aes])).toEqual(["pos-nac", "pos-dukpt", "pos-dukpt-aes"])
    // A PIN block of 8 bytes is none of format 4.
    const pin = { "52": "FF0C47F016D61C79" }
    expect(names(pin, [des, aes, nac])).toEqual(["pos-nac", "pos-dukpt"])
    const keyed = des.build("0810", { "3": "990000", "39": "00", "53": "FFFF9876543210E00001" })
    expect(doctor(keyed, [nac, aes, des], [])[0]).toMatchObject({ dialect: "pos-dukpt" })
  })
})
