/** The verbs that look at messages, on captured ones. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { framingOf } from "../../src/cli/dialect-files.ts"
import { folder as goldenFolder, golden } from "../golden/messages.ts"
import { pointsman, pointsmanProcess } from "./process.ts"

/** China UnionPay sale with its own MAC (code456.com/article/3628193.html), whole frame. */
const sale =
  "011660001400006031003100060200702406C020C09A1119623501345220000006900000000000000000580003" +
  "172611071000000012376235013452200000069D261122077880100000363534363534323339343131333036353939" +
  "3939393235313536FF0C47F016D61C79260000000000000001459F2608AE60C8CABA4C02F99F2701809F1013070201" +
  "03A0A002010A010000001100B96D058B9F3704329971469F36020391950500A00470009A031903199C01009F020600" +
  "00000000005F2A02015682027C009F1A0201569F03060000000000009F3303E0F0C89F34030203009F3501228408A0" +
  "000003330101019F090200009F4104000007259F1E0836353436353432330014220001050006014132354434343436"

/** A sign-on (Ajsgn `QuickStart.java`), whole frame. */
const signOn =
  "0041600000000060220000000008000038000000C00012000172170510051035303038303030313330" +
  "3933313030383339383530303800110000017200300003435550"

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-cli-"))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe("decode", () => {
  it("explains every field, and shows no card, track or PIN block", async () => {
    const { exit, out, talk } = await pointsman(["decode", "--dialect", "cup-pos", sale])
    expect(exit).toBe(0)
    expect(talk).toBe("")
    expect(out).toContain("0200 · sale · China UnionPay POS · header 6000140000603100310006")
    for (
      const row of [
        /11 +10 {2}2 +card number +623501\*{9}0069/,
        /24 +6 {2}4 +amount +000000000058/,
        /61 +8 {2}41 +terminal +65465423/,
        /55\.9F26 +application cryptogram +AE60C8CABA4C02F9/,
        /60\.2 +batch +000105/,
        /PIN block +\*{4} {2}\(never stored\)\n/,
        /discretionary part +\*{4} {2}\(never stored\)\n/
      ]
    ) expect(out).toMatch(row)
    expect(out).not.toMatch(/6235013452200000069|FF0C47F016D61C79|2611220778801/)
  })

  it(
    "takes hex with spaces, base64, binary, files and standard input, and guesses what fits",
    async () => {
      const bytes = Buffer.from(signOn, "hex")
      const binary = join(folder, "a.bin")
      writeFileSync(binary, bytes)
      const spaced = signOn.replace(/(..)/g, "$1 ").toLowerCase()
      const ways: ReadonlyArray<readonly [ReadonlyArray<string>, Buffer | string | undefined]> = [
        [[spaced], undefined],
        [[bytes.toString("base64")], undefined],
        [[binary], undefined],
        [["-"], bytes],
        [[], `${signOn}\n`]
      ]
      for (const [words, input] of ways) {
        const { exit, out, talk } = await pointsman(["decode", ...words], input)
        expect([exit, talk]).toEqual([0, "read as cup-pos, framed by cup-tpdu\n"])
        expect(out).toContain("0800 · sign-on")
      }
    },
    60_000
  )

  it("gives JSON for programs, masked too", async () => {
    const { out } = await pointsman(["decode", "--format", "json", "--dialect", "cup-pos", sale])
    const decoded = JSON.parse(out) as { kind: string; fields: ReadonlyArray<{ path: string }> }
    expect(decoded).toMatchObject({ dialect: "cup-pos", framing: "cup-tpdu", kind: "sale" })
    expect(decoded.fields).toContainEqual({
      path: "60.2",
      name: "batch",
      depth: 1,
      offset: 253,
      length: -1,
      note: "",
      value: "000105"
    })
    expect(out).not.toContain("6235013452200000069")
  })

  it("names the byte at which a message is cut short, and shows what came before", async () => {
    const words = ["--dialect", "cup-pos", "--framing", "none"]
    const { exit, out, talk } = await pointsman(["decode", ...words, sale.slice(26, 26 + 150)])
    expect(exit).toBe(1)
    expect(out).toContain("STAN")
    expect(talk).toMatch(/field-?\w*|message-format: 42 at byte \d+ of 75: expected/)
  })

  it("says what is wrong with input that is no message at all", async () => {
    const odd = await pointsman(["decode", "0800ABC"])
    expect([odd.exit, odd.talk]).toEqual([
      2,
      "pointsman: 7 hex digits: one is missing or one too many (neither base64, nor a file's name)\n"
    ])
    const dialect = await pointsman(["decode", "--dialect", "cup-pso", "0800"])
    expect(dialect.exit).toBe(2)
    expect(dialect.talk).toContain("cup-pso: no such dialect. Did you mean cup-pos?")
    expect((await pointsman(["decode", "-"], "")).exit).toBe(2)
  })
})

describe("doctor", () => {
  it("puts what fits first, and says where the others stopped", async () => {
    const { exit, out } = await pointsman(["doctor", sale, "--format", "json", "--rows", "3"])
    expect(exit).toBe(0)
    const rows = JSON.parse(out) as ReadonlyArray<Record<string, unknown>>
    expect(rows[0]).toMatchObject({ fits: "yes", dialect: "cup-pos", framing: "cup-tpdu" })
    expect(rows[1]).toMatchObject({ fits: "no" })
    expect(rows[1]?.["fault"]).toContain("at byte")
  })
})

describe("the golden messages", () => {
  /** As people have them: hex as an argument, base64 on standard input, a capture with a frame. */
  const ways = (hex: string): ReadonlyArray<{
    readonly words: ReadonlyArray<string>
    readonly input?: string
    readonly framing: string
  }> => {
    const body = Buffer.from(hex, "hex")
    const file = join(folder, "golden.bin")
    const framing = framingOf("length2-tpdu")
    writeFileSync(file, framing.encode(framing.requestHeader(), body)!)
    return [
      { words: [hex], framing: "none" },
      { words: ["-"], input: body.toString("base64"), framing: "none" },
      { words: [file], framing: "length2-tpdu" }
    ]
  }

  // Each dialect with another of its three messages; test/iso8583 has all of them.
  it.each(Object.keys(golden).map((name, place) => [name, place % 3] as const))(
    "of %s are named by the doctor, and shown by decode as their twins say",
    async (name, place) => {
      const line = readFileSync(join(goldenFolder, `${name}.hex`), "utf8").split("\n")[place]!
      const twin = readFileSync(join(goldenFolder, `${name}.txt`), "utf8").split("\n\n")[place]!
      const { framing, input, words } = ways(line)[(place + name.length) % 3]!
      const found = await pointsman(["doctor", ...words, "--format", "json"], input)
      expect(found.exit).toBe(0)
      const [best] = JSON.parse(found.out) as ReadonlyArray<unknown>
      expect(best).toMatchObject({ fits: "yes", dialect: name, framing, frames: 1 })
      const { exit, out } = await pointsman(["decode", ...words, "--dialect", name], input)
      expect(exit).toBe(0)
      const rows = out.trim().split("\n").slice(2).map(squeezed)
      // The twin has no column of sizes.
      for (const row of twin.trim().split("\n").map(squeezed)) {
        expect(rows.some((each) => each.endsWith(row.replace(/^\d+ (?=\S+ \S)/, "")))).toBe(true)
      }
      expect(out).not.toContain("6235013452200000069")
    }
  )

  function squeezed(row: string): string {
    return row.trim().replace(/\s+/g, " ")
  }
})

describe("import", () => {
  const packager = `<isopackager>
    <isofield id="0" length="4" name="MTI" class="org.jpos.iso.IFA_NUMERIC"/>
    <isofield id="1" length="16" name="Bitmap" class="org.jpos.iso.IFA_BITMAP"/>
    <isofield id="2" length="19" name="PAN" class="org.jpos.iso.IFA_LLNUM"/>
    <isofield id="11" length="6" name="STAN" class="org.jpos.iso.IFA_NUMERIC"/>
    <isofield id="41" length="8" name="Terminal" class="org.jpos.iso.IF_CHAR"/>
    <isofield id="60" length="99" name="Odd" class="com.example.MyPackager"/>
  </isopackager>`
  const message = Buffer.from(`0800${"4020000000800000"}196235013452200000069000001TERM0001`)

  it("makes a file that the other verbs take, and lists what is lost", async () => {
    const from = join(folder, "Bank.xml")
    const out = join(folder, "bank.yaml")
    writeFileSync(from, packager)
    const made = await pointsmanProcess(["import", from, "--out", out])
    expect([made.exit, made.out]).toEqual([0, ""])
    expect(made.talk).toContain("isofield 60: MyPackager cannot be carried over\n")
    expect(made.talk).toMatch(/^kinds: /m)
    const read = await pointsmanProcess(["decode", "--dialect", out], message)
    expect([read.exit, read.talk]).toEqual([0, ""])
    expect(read.out).toMatch(/ 2 +PAN +623501\*{9}0069\n/)
    expect(read.out).toMatch(/ 41 +Terminal +TERM0001\n/)
    const again = await pointsman(["import", from, "--out", out])
    expect([again.exit, again.talk]).toEqual([2, expect.stringContaining("is there already")])
    const nowhere = join(folder, "absent", "bank.yaml")
    const lost = await pointsman(["import", from, "--out", nowhere])
    expect([lost.exit, lost.talk]).toEqual([3, expect.stringContaining("cannot be written")])
  }, 30_000)

  it("reads a moov specification from standard input", async () => {
    const fixed = (length: number) => ({
      type: "String",
      length,
      enc: "ASCII",
      prefix: "ASCII.Fixed"
    })
    const fields = {
      "0": fixed(4),
      "1": { type: "Bitmap", length: 8, enc: "HexToASCII", prefix: "Hex.Fixed" },
      "2": { type: "String", length: 19, enc: "ASCII", prefix: "ASCII.LL" },
      "11": fixed(6),
      "41": fixed(8),
      "60": { ...fixed(9), enc: "ROT13" }
    }
    const input = JSON.stringify({ name: "A network", fields })
    const made = await pointsman(["import", "--name", "network"], input)
    expect(made.exit).toBe(0)
    expect(made.talk).toMatch(/^fields\.60: .*ROT13.* cannot be carried over$/m)
    const file = join(folder, "network.yaml")
    writeFileSync(file, made.out)
    const read = await pointsman(["decode", "--dialect", file, message.toString("hex")])
    expect(read.out).toContain("0800 · no kind of the dialect · A network · 55 bytes")
    expect(read.exit).toBe(0)
  })

  it("refuses what is neither, and what holds no field", async () => {
    const cases = [
      ["<isopackager>", /^pointsman: not XML/],
      ["hello", /^pointsman: neither XML nor JSON/],
      ["<html/>", /file: has no isopackager element[^]*fields: has no field[^]*nothing is written/]
    ] as const
    for (const [input, talk] of cases) {
      const refused = await pointsman(["import"], input)
      expect([refused.exit, refused.out]).toEqual([1, ""])
      expect(refused.talk).toMatch(talk)
    }
    expect((await pointsman(["import", join(folder, "nowhere.xml")])).exit).toBe(3)
  })
})

describe("as a process", () => {
  it(
    "decode takes binary from a pipe, and names field, byte, expectation and what it found",
    async () => {
      const [, body] = readFileSync(join(goldenFolder, "iso87-ascii.hex"), "utf8").split("\n")
      const bytes = Buffer.from(body!, "hex")
      const whole = await pointsmanProcess(["decode", "--as", "binary"], bytes)
      expect([whole.exit, whole.talk]).toEqual([0, "read as iso87-ascii, framed by nothing\n"])
      const text = bytes.toString("latin1")
      const broken = Buffer.from(text.replace("000000010000", "0000000100x0"), "latin1")
      const refused = await pointsmanProcess(["decode", "--dialect", "iso87-ascii"], broken)
      expect(refused.exit).toBe(1)
      expect(refused.out).toMatch(/ 2 +primary account number +623501/)
      expect(refused.talk).toMatch(
        /: 4 at byte \d+ of \d+: expected .*, found .* \(iso87-ascii\)\n$/
      )
      expect(refused.talk).not.toContain("6235013452200000069")
      // Digits alone could be hex, and are what they look like.
      const echo = "0800822000000000000004000000000000001126134400000317301"
      const digits = await pointsman(["decode"], `${echo}\n`)
      expect(digits.out).toContain("0800 · echo · ISO 8583:1987, ASCII · 55 bytes")
    },
    30_000
  )
})

describe("encode and diff", () => {
  const echo = (stan: string) =>
    JSON.stringify({ mti: "0800", fields: { 7: "0102030405", 11: stan, 70: "301" } })
  const encoded = async (stan: string, ...more: Array<string>) =>
    (await pointsman(["encode", "--dialect", "iso87-ascii", ...more], echo(stan))).out.trim()

  it("make a message that decode reads, and name the field in which two differ", async () => {
    const one = await encoded("000001")
    const two = await encoded("000002", "--framing", "length2")
    expect(Buffer.from(one, "hex").toString("latin1")).toMatch(/^0800.*0102030405000001301$/s)
    const words = ["--dialect", "iso87-ascii", one, two]
    const different = await pointsman(["diff", "--format", "json", ...words])
    expect(different.exit).toBe(1)
    expect(JSON.parse(different.out)).toEqual([{
      field: "11",
      name: "STAN",
      left: "000001",
      right: "000002"
    }])
    const same = await pointsman(["diff", "--dialect", "iso87-ascii", one, one])
    expect([same.exit, same.talk]).toEqual([0, "the same\n"])
  })

  it("take files and standard input, and write hex, base64, binary and JSON", async () => {
    const words = ["--dialect", "iso87-ascii"]
    const hex = await encoded("000001")
    const file = join(folder, "echo.json")
    writeFileSync(file, echo("000001"))
    const from = (...more: Array<string>) => pointsman(["encode", ...words, ...more])
    expect((await from(file)).out.trim()).toBe(hex)
    expect((await from(echo("000001"))).out.trim()).toBe(hex)
    expect((await from(file, "--to", "binary")).out).toBe(
      Buffer.from(hex, "hex").toString("latin1")
    )
    const base64 = Buffer.from(hex, "hex").toString("base64")
    expect((await from(file, "--to", "base64")).out.trim()).toBe(base64)
    expect(JSON.parse((await from(file, "--format", "json")).out)).toEqual({
      bytes: hex.length / 2,
      hex
    })
    expect(JSON.parse((await from(file, "--to", "base64", "--format", "json")).out)).toEqual({
      bytes: hex.length / 2,
      base64
    })
    const other = join(folder, "other.bin")
    writeFileSync(other, Buffer.from(await encoded("000002"), "hex"))
    const compared = await pointsman(["diff", ...words, "-", other], base64)
    expect([compared.exit, compared.out]).toEqual([1, expect.stringMatching(/11 +STAN +000001/)])
  })

  it("refuse values that do not fit, by field", async () => {
    const { exit, talk } = await pointsman(["encode"], echo("12345678"))
    expect(exit).toBe(1)
    expect(talk).toMatch(/^pointsman: 11: /)
    expect((await pointsman(["encode"], "{}")).talk).toBe(
      "pointsman: mti: must be 4 digits, in quotes\n"
    )
    expect((await pointsman(["encode"], "mti=0800")).exit).toBe(2)
  })
})

describe("convert", () => {
  it("writes what the acquirer would see, and only what a mapping names", async () => {
    const words = ["convert", "iso87-ascii", sale, "--dialect", "cup-pos"]
    const set = "7=0102030405,12=030405,13=0102,18=5411,32=00010000,37=000000000317,43=Shop"
    const converted = await pointsman([...words, "--set", set])
    expect([converted.exit, converted.talk]).toEqual([0, "stays behind: 52, 53, 60, 64\n"])
    expect(converted.out).not.toContain("FF0C47F016D61C79")
    const asJson = await pointsman([...words, "--set", set, "--format", "json"])
    expect(JSON.parse(asJson.out)).toEqual({
      dialect: "iso87-ascii",
      bytes: converted.out.trim().length / 2,
      hex: converted.out.trim(),
      staysBehind: ["52", "53", "60", "64"]
    })
    const { out } = await pointsman(["decode", "--dialect", "iso87-ascii", converted.out.trim()])
    expect(out).toMatch(/ 41 .*65465423/)
    expect(out).toMatch(/ 11 .*000317/)
    expect(out).not.toContain(" 60 ")
    expect(out).not.toContain("6235013452200000069")
  })

  it("refuses a dialect without a mapping, and stamps that are none", async () => {
    const same = await pointsman(["convert", "cup-pos", signOn])
    expect([same.exit, same.talk]).toEqual([2, expect.stringContaining("in cup-pos already")])
    const wrong = await pointsman(["convert", "iso87-ascii", signOn, "--set", "seven"])
    expect([wrong.exit, wrong.talk]).toEqual([2, expect.stringContaining("--set seven: expected")])
  })
})
