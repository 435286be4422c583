/** Specifications of two other systems become dialects, and decode a message; what is lost is said. */

import { Effect, Exit } from "effect"
import { describe, expect, it } from "vitest"
import { importJpos } from "../../src/iso8583/import-jpos.ts"
import { importMoov } from "../../src/iso8583/import-moov.ts"
import { compiled, read } from "./shipped.ts"

const jpos = `<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE isopackager PUBLIC "-//jPOS/jPOS Generic Packager DTD 1.0//EN" "generic-packager.dtd">
<isopackager>
  <isofield id="0" length="4" name="Message Type Indicator" class="org.jpos.iso.IFB_NUMERIC"/>
  <isofield id="1" length="16" name="Bitmap" class="org.jpos.iso.IFB_BITMAP"/>
  <isofield id="2" length="19" name="PAN" pad="false" class="org.jpos.iso.IFB_LLNUM"/>
  <isofield id="3" length="6" name="Processing &amp; code" class="org.jpos.iso.IFB_NUMERIC"/>
  <isofield id="4" length="12" name="Amount" class="org.jpos.iso.IFB_NUMERIC"/>
  <isofield id="11" length="6" name="STAN" class="org.jpos.iso.IFB_NUMERIC"/>
  <isofield id="22" length="3" name="Entry mode" pad="true" class="org.jpos.iso.IFB_NUMERIC"/>
  <isofield id="28" length="9" name="Fee" class="org.jpos.iso.IFB_AMOUNT"/>
  <isofield id="35" length="37" name="Track 2" pad="false" class="org.jpos.iso.IFB_LLNUM"/>
  <isofield id="41" length="8" name="Terminal" class="org.jpos.iso.IF_CHAR"/>
  <isofield id="44" length="25" name="Response" class="org.jpos.iso.IFB_LLHCHAR"/>
  <isofieldpackager id="48" length="999" name="Private" class="org.jpos.iso.IFB_LLLBINARY"
      packager="org.jpos.iso.packager.GenericSubFieldPackager" emitBitmap="false" firstField="1">
    <isofield id="1" length="2" name="Kind" class="org.jpos.iso.IF_CHAR"/>
    <isofield id="2" length="99" name="Text" class="org.jpos.iso.IFA_LLCHAR"/>
  </isofieldpackager>
  <isofield id="52" length="8" name="PIN" class="org.jpos.iso.IFB_BINARY"/>
  <isofield id="55" length="255" name="ICC" class="org.jpos.iso.IFB_LLLBINARY"/>
  <isofield id="60" length="99" name="Odd" class="com.example.MyPackager"/>
  <isofield id="64" length="8" name="MAC" class="org.jpos.iso.IFA_BINARY"/>
</isopackager>`

describe("a jPOS packager", () => {
  const { notes, source } = Effect.runSync(importJpos(jpos, "Bank of Tests"))
  const dialect = compiled(source)

  it("becomes a dialect that decodes a message", () => {
    expect(dialect.name).toBe("bank-of-tests")
    const values = [
      "1962350134522000000690",
      "000000",
      "000000001000",
      "0051",
      "4300000050",
      "3132333435363738",
      "024142",
      "0006",
      Buffer.from("AB02hi").toString("hex"),
      Buffer.from("0011223344556677").toString("hex")
    ].join("")
    const bitmap = Buffer.alloc(8)
    for (const field of [2, 3, 4, 22, 28, 41, 44, 48, 64]) {
      bitmap[(field - 1) >> 3]! |= 0x80 >> ((field - 1) & 7)
    }
    const bytes = `0200${bitmap.toString("hex")}${values}`
    const message = read(dialect, bytes)
    expect(message.role("pan")).toBe("6235013452200000069")
    expect(message.text("22")).toBe("051")
    expect(message.text("28")).toBe("C00000050")
    expect(message.text("44")).toBe("AB")
    expect([message.text("48.1"), message.text("48.2")]).toEqual(["AB", "hi"])
    expect(message.text("64")).toBe("0011223344556677")
    expect(dialect.layout.access("2")!.shape.mask).toBe("pan")
    expect(dialect.layout.access("3")!.shape.name).toBe("Processing & code")
  })

  it("lists what could not be carried over, and what was assumed", () => {
    const paths = notes.map(({ path }) => path)
    expect(notes).toContainEqual({
      path: "isofield 60",
      problem: "MyPackager cannot be carried over"
    })
    expect(paths).toEqual(expect.arrayContaining(["messages", "roles", "kinds", "reversal"]))
    expect(paths.filter((path) => path.startsWith("isofield"))).toEqual(["isofield 60"])
  })

  it("that is no XML fails as such; one that is no packager has no fields", () => {
    expect(Exit.isFailure(Effect.runSyncExit(importJpos("<isopackager>", "x")))).toBe(true)
    const other = Effect.runSync(importJpos("<html/>", "x"))
    expect(other.notes[0]).toMatchObject({ problem: "has no isopackager element" })
  })
})

/** What is harder to carry over, and what has no like here. */
const richJpos = `<isopackager maxValidField="192" thirdBitmapField="65" headerLength="12">
  <isofield id="0" length="4" name="MTI" class="org.jpos.iso.IFA_NUMERIC"/>
  <isofield id="1" length="16" name="Bitmap" class="org.jpos.iso.IFB_BITMAP"/>
  <isofield id="2" length="19" name="PAN" class="org.jpos.iso.IFB_FLLNUM"/>
  <isofield id="11" length="6" name="STAN" class="org.jpos.iso.IFA_NUMERIC" trim="true"/>
  <isofield id="41" length="8" name="Terminal" class="org.jpos.iso.IFEA_LLCHAR"/>
  <isofield id="42" length="15" name="Merchant" class="org.jpos.iso.IFAE_LLCHAR"/>
  <isofield id="43" length="20" name="Code" class="org.jpos.iso.IFB_LLHEX"/>
  <isofield id="44" length="20" name="Filled" class="org.jpos.iso.IFA_FLLCHAR"/>
  <isofieldpackager id="46" length="99" name="Tagged" class="org.jpos.iso.IFA_LLLCHAR"
      packager="org.jpos.iso.packager.GenericTaggedFieldsPackager">
    <isofield id="1" length="9" name="First" class="org.jpos.iso.IFA_TTLLCHAR"/>
    <isofield id="7" length="9" name="Named" class="org.jpos.iso.IFA_TTLLCHAR" token="XY"/>
  </isofieldpackager>
  <isofieldpackager id="47" length="99" name="Mixed" class="org.jpos.iso.IFA_LLLCHAR"
      packager="org.jpos.iso.packager.GenericTaggedFieldsPackager">
    <isofield id="1" length="9" name="First" class="org.jpos.iso.IFA_TTLLCHAR"/>
    <isofield id="2" length="9" name="Other" class="org.jpos.iso.IFA_TTLLLCHAR"/>
  </isofieldpackager>
  <isofieldpackager id="48" length="20" name="Packed" class="org.jpos.iso.IFB_LLLNUM"
      packager="org.jpos.iso.packager.GenericSubFieldPackager">
    <isofield id="1" length="3" name="Odd" class="org.jpos.iso.IFB_NUMERIC" pad="true"/>
    <isofield id="2" length="4" name="Even" class="org.jpos.iso.IFB_NUMERIC"/>
  </isofieldpackager>
  <isofieldpackager id="54" length="99" name="In hex" class="org.jpos.iso.IFA_LLLABINARY"
      packager="org.jpos.iso.packager.GenericSubFieldPackager">
    <isofield id="1" length="2" name="Kind" class="org.jpos.iso.IFA_NUMERIC"/>
    <isofield id="2" length="9" name="Text" class="org.jpos.iso.IFA_LLCHAR"/>
  </isofieldpackager>
  <isofieldpackager id="55" length="255" name="ICC" class="org.jpos.iso.IFB_LLLBINARY"
      packager="org.jpos.tlv.packager.BERTLVBinaryPackager"/>
  <isofieldpackager id="56" length="255" name="ICC" class="org.jpos.iso.IFA_LLLCHAR"
      packager="org.jpos.tlv.packager.BERTLVAsciiHexPackager"/>
  <isofieldpackager id="57" length="99" name="Theirs" class="org.jpos.iso.IFA_LLLCHAR"
      packager="com.example.OwnPackager">
    <isofield id="1" length="2" name="Kind" class="org.jpos.iso.IF_CHAR"/>
  </isofieldpackager>
  <isofieldpackager id="58" length="99" name="Mapped" class="org.jpos.iso.IFA_LLLBINARY"
      packager="org.jpos.iso.packager.GenericPackager" emitBitmap="true">
    <isofield id="0" length="1" name="Bitmap" class="org.jpos.iso.IFB_BITMAP"/>
    <isofield id="2" length="3" name="Two" class="org.jpos.iso.IF_CHAR"/>
  </isofieldpackager>
  <isofield id="59" length="99" name="Bytes as EBCDIC" class="org.jpos.iso.IFE_LLLEBINARY"/>
  <isofield id="65" length="8" name="Third" class="org.jpos.iso.IFB_BITMAP"/>
  <isofield id="66" length="8" name="Lost" class="org.jpos.iso.IFB_BITMAP"/>
  <isofield id="130" length="3" name="Far" class="org.jpos.iso.IFA_LLBNUM"/>
</isopackager>`

describe("a jPOS packager with parts of every kind", () => {
  const { notes, source } = Effect.runSync(importJpos(richJpos, "rich"))
  const dialect = compiled(source)
  const text = (value: string) => Buffer.from(value).toString("hex")

  it("is read and written with all of them", () => {
    const values = [
      "196235013452200000069F",
      text("000001"),
      `f0f3${text("T01")}`,
      `${text("02")}d4f1`,
      "04BEEF",
      text("0180103abcXY02de9901?"),
      "000801230045",
      text("00731323033616263"),
      "00099F0206000000010000",
      text("0189F0206000000010000"),
      `${text("004")}40${text("xyz")}`,
      "4000000000000000",
      `${text("03")}1230`
    ]
    const fields = [2, 11, 41, 42, 43, 46, 48, 54, 55, 56, 58, 65]
    const map = Buffer.alloc(16)
    map[0] = 0x80
    for (const field of fields) map[(field - 1) >> 3]! |= 0x80 >> ((field - 1) & 7)
    const bytes = text("0800") + map.toString("hex") + values.join("")
    const message = read(dialect, bytes)
    expect(message.fields()).toEqual([...fields, 130])
    const expected: Readonly<Record<string, string>> = {
      "2": "6235013452200000069",
      "41": "T01",
      "42": "M1",
      "43": "BEEF",
      "46.01": "abc",
      "46.XY": "de",
      "46.99": "?",
      "48.1": "123",
      "48.2": "0045",
      "54.1": "12",
      "54.2": "abc",
      "55.9F02": "000000010000",
      "56.9F02": "000000010000",
      "58.2": "xyz",
      "130": "123"
    }
    for (const [path, value] of Object.entries(expected)) {
      expect([path, message.text(path)]).toEqual([path, value])
    }
    const changed = dialect.patch(message, { set: { "48.2": "0099", "54.2": "zz", "56.9A": "26" } })
    const again = read(dialect, changed.toString("hex"))
    expect([again.text("48"), again.text("54.2"), again.text("56.9A")]).toEqual([
      "01230099",
      "zz",
      "26"
    ])
  })

  it("names everything that has no like here, once", () => {
    const own = notes.filter(({ path }) => path.startsWith("iso"))
    expect(own.map(({ path, problem }) => `${path} ${problem}`)).toEqual([
      `isopackager maxValidField="192" is not carried over`,
      `isopackager headerLength="12" is not carried over`,
      "isofield 11 trim is not carried over",
      "isofield 44 IFA_FLLCHAR cannot be carried over",
      "isofield 47 the parts of GenericTaggedFieldsPackager are not carried over: kept as one value",
      "isofield 57 the parts of OwnPackager are not carried over: kept as one value",
      "isofield 59 IFE_LLLEBINARY cannot be carried over",
      "isofield 66 IFB_BITMAP: a bitmap among the fields is not carried over"
    ])
  })
})

const moov = {
  name: "ISO 8583 v1987 ASCII",
  fields: {
    "0": { type: "String", length: 4, enc: "ASCII", prefix: "ASCII.Fixed" },
    "1": { type: "Bitmap", length: 8, enc: "HexToASCII", prefix: "Hex.Fixed" },
    "2": { type: "String", length: 19, enc: "ASCII", prefix: "ASCII.LL", description: "PAN" },
    "3": {
      type: "Numeric",
      length: 6,
      enc: "ASCII",
      prefix: "ASCII.Fixed",
      padding: { type: "Left", pad: "0" }
    },
    "11": { type: "String", length: 6, enc: "ASCII", prefix: "ASCII.Fixed" },
    "41": {
      type: "String",
      length: 8,
      enc: "ASCII",
      prefix: "ASCII.Fixed",
      padding: { type: "Right", pad: "*" }
    },
    "48": {
      type: "Composite",
      length: 999,
      prefix: "ASCII.LLL",
      tag: { length: 2, enc: "ASCII", sort: "StringsByInt", padding: { type: "Left", pad: "0" } },
      subfields: {
        "1": { type: "String", length: 99, enc: "ASCII", prefix: "ASCII.LL" },
        "2": { type: "String", length: 99, enc: "ASCII", prefix: "ASCII.LL" }
      }
    },
    "52": { type: "Binary", length: 8, enc: "HexToASCII", prefix: "Hex.Fixed" },
    "54": {
      type: "Composite",
      length: 99,
      prefix: "ASCII.LL",
      subfields: {
        "1": { type: "String", length: 2, enc: "ASCII", prefix: "ASCII.Fixed" },
        "10": { type: "String", length: 3, enc: "ASCII", prefix: "ASCII.Fixed" },
        "2": { type: "String", length: 1, enc: "ASCII", prefix: "ASCII.Fixed" }
      }
    },
    "55": { type: "Composite", length: 255, prefix: "ASCII.LLL", tag: { enc: "BerTLVTag" } },
    "60": { type: "String", length: 9, enc: "ROT13", prefix: "ASCII.LL" },
    "61": { type: "String", length: 9, enc: "ASCII", prefix: "ASCII.LL", colour: "red" }
  }
}

describe("a moov specification", () => {
  const { notes, source } = importMoov(moov, "moov")
  const dialect = compiled(source)

  it("becomes a dialect that decodes a message", () => {
    const built = dialect.build("0100", {
      "2": "6235013452200000069",
      "3": "1",
      "11": "000001",
      "41": "T1",
      "48.02": "two",
      "48.01": "one",
      "52": "FF0C47F016D61C79",
      "54.1": "AB",
      "54.2": "C",
      "54.10": "DEF",
      "55.9F02": "000000000100"
    })
    const text = built.toString("latin1")
    expect(text.slice(0, 46)).toBe("01006020000000811600196235013452200000069000001".slice(0, 46))
    const message = read(dialect, built.toString("hex"))
    expect(message.text("41")).toBe("T1******")
    expect(message.text("48")).toBe(Buffer.from("0203two0103one").toString("hex").toUpperCase())
    expect([message.text("54.1"), message.text("54.2"), message.text("54.10")]).toEqual([
      "AB",
      "C",
      "DEF"
    ])
    expect(message.text("55.9F02")).toBe("000000000100")
    expect(message.text("52")).toBe("FF0C47F016D61C79")
  })

  it("carries over tags of BER-TLV with their names, not without their masks", () => {
    const numeric = { type: "Numeric", length: 4, enc: "BCD", prefix: "BerTLV" }
    const rich = importMoov({
      name: "rich",
      fields: {
        ...moov.fields,
        "1": { ...moov.fields["1"], disableautoexpand: true },
        "12": { type: "String", length: 6, enc: "EBCDIC1047", prefix: "EBCDIC1047.LL" },
        "13": { type: "String", length: 6, enc: "ASCII", prefix: "Hex.LL" },
        "55": {
          type: "Composite",
          length: 255,
          prefix: "ASCII.LLL",
          tag: { enc: "BerTLVTag", sort: "StringsByHex", skipUnknownTLVTags: true },
          subfields: {
            "9F1E": { type: "String", enc: "ASCII", prefix: "BerTLV", description: "serial" },
            "57": { type: "Binary", enc: "Binary", prefix: "BerTLV", description: "track" },
            "9F99": { type: "String", enc: "ROT13", prefix: "BerTLV" },
            "9F36": numeric
          }
        }
      }
    }, "rich")
    const spoken = compiled(rich.source)
    const body = spoken.build("0100", {
      "12": "123456",
      "55.9F1E": "SN01",
      "55.57": "1234",
      "55.9F36": "0012"
    })
    const message = read(spoken, body.toString("hex"))
    expect([message.text("55.9F1E"), message.text("12")]).toEqual(["SN01", "123456"])
    expect(body.toString("latin1").slice(4, 20)).toMatch(/^[0-9A-F]{16}$/)
    expect(spoken.layout.access("55.9F1E")!.shape.name).toBe("serial")
    expect(spoken.layout.access("55.57")!.shape).toMatchObject({ name: "track", mask: "track" })
    expect(rich.notes.map(({ path }) => path)).toEqual(expect.arrayContaining([
      "fields.13",
      "fields.55.tag.skipUnknownTLVTags",
      "fields.55.subfields.9F99"
    ]))
  })

  it.each([["BCD"], ["HexToASCII"]])(
    "keeps tags whose lengths count no bytes as one value",
    (enc) => {
      const tagged = {
        type: "Composite",
        length: 99,
        prefix: "ASCII.LL",
        tag: { length: 2, enc: "ASCII" },
        subfields: {
          "01": { type: "String", length: 9, enc: "ASCII", prefix: "ASCII.LL" },
          "02": { type: enc === "BCD" ? "String" : "Binary", length: 9, enc, prefix: "ASCII.LL" }
        }
      }
      const made = importMoov({ name: "x", fields: { ...moov.fields, "48": tagged } }, "x")
      expect(made.notes).toContainEqual({
        path: "fields.48",
        problem: "its tags are not carried over: kept as one value"
      })
      expect(compiled(made.source).layout.access("48.02")).toBeUndefined()
    }
  )

  it("lists what could not be carried over", () => {
    const problems = notes.map(({ path, problem }) => `${path} ${problem}`)
    expect(problems).toContain("fields.60 String, ROT13, ASCII.LL cannot be carried over")
    expect(problems).toContain("fields.61.colour is not a known key")
    expect(importMoov([], "x").notes[0]).toMatchObject({ problem: "must be a map" })
  })
})
