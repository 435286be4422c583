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

  it("lists what could not be carried over", () => {
    const problems = notes.map(({ path, problem }) => `${path} ${problem}`)
    expect(problems).toContain("fields.60 String, ROT13, ASCII.LL cannot be carried over")
    expect(problems).toContain("fields.61.colour is not a known key")
    expect(importMoov([], "x").notes[0]).toMatchObject({ problem: "must be a map" })
  })
})
