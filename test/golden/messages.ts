/**
 * Messages for each shipped dialect: a sign-on or echo, a sale with chip data, its answer; for China
 * UnionPay POS also key download, settlement, pay code, reversal, sealed track and texts.
 * Their bytes and their human-readable twins stand in `test/golden/iso8583/`; `regenerate.ts` writes
 * them anew, and the test compares. Card numbers are published test numbers.
 */

import { join } from "node:path"
import { describe } from "../../src/iso8583/describe.ts"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import { encodeDocument } from "../../src/iso8583/document.ts"
import { read } from "../iso8583/shipped.ts"

export const folder = join(import.meta.dirname, "iso8583")

const chip = {
  "55.9F26": "AE60C8CABA4C02F9",
  "55.9F27": "80",
  "55.9F10": "07020103A0A002010A010000001100B96D058B",
  "55.9F37": "32997146",
  "55.9F36": "0391",
  "55.95": "0500A00470",
  "55.9A": "261126",
  "55.9C": "00",
  "55.9F02": "000000010000",
  "55.5F2A": "0156",
  "55.82": "7C00",
  "55.9F1A": "0156",
  "55.9F03": "000000000000",
  "55.9F33": "E0F0C8",
  "55.9F34": "020300",
  "55.9F35": "22",
  "55.84": "A000000333010101",
  "55.9F09": "0200",
  "55.9F41": "00000725"
}

const card = { "2": "6235013452200000069", "14": "2611", "35": "6235013452200000069=26112201000" }
const shop = { "41": "65465423", "42": "941130659999925" }
const mac = { "64": "0011223344556677" }
const clock = { "7": "1126134400", "11": "000317", "12": "134400", "13": "1126" }

const iso87: Messages = [
  ["0800", { ...clock, "33": "48020000", "70": "001" }],
  ["0200", {
    ...card,
    ...clock,
    ...shop,
    ...chip,
    ...mac,
    "3": "000000",
    "4": "000000010000",
    "18": "5411",
    "22": "051",
    "23": "001",
    "25": "00",
    "28": "D00000050",
    "32": "48020000",
    "37": "A00000000317",
    "43": "CORNER SHOP 12           BRNO        CZE",
    "49": "156",
    "52": "FF0C47F016D61C79"
  }],
  ["0210", {
    ...clock,
    ...shop,
    ...mac,
    "3": "000000",
    "4": "000000010000",
    "37": "A00000000317",
    "38": "A1B2C3",
    "39": "00",
    "49": "156",
    "54": "0002156C000000123456",
    "102": "6235013452200000069"
  }]
]

const iso93: Messages = [
  ["1800", { "7": "1126134400", "11": "000001", "12": "261126134400", "24": "831" }],
  ["1200", {
    ...card,
    ...shop,
    ...chip,
    ...mac,
    "3": "000000",
    "4": "000000010000",
    "7": "1126134400",
    "11": "000317",
    "12": "261126134400",
    "22": "511101511344",
    "24": "200",
    "26": "5411",
    "32": "48020000",
    "43": "CORNER SHOP 12 BRNO",
    "49": "156"
  }],
  ["1430", { "4": "000000010000", "11": "000318", "12": "261126134401", "39": "400" }]
]

type Messages = ReadonlyArray<readonly [string, Readonly<Record<string, string>>]>

const cup: Messages = [
  ["0800", { ...shop, "11": "000001", "60": "00000105003", "63.1": "01 " }],
  ["0200", {
    ...card,
    ...shop,
    ...chip,
    "3": "000000",
    "4": "000000010000",
    "11": "000317",
    "22": "051",
    "23": "001",
    "25": "00",
    "26": "12",
    "49": "156",
    "52": "FF0C47F016D61C79",
    "53": "2600000000000000",
    "60": "22000105000601",
    "64": "4132354434343436"
  }],
  ["0210", {
    ...shop,
    "3": "000000",
    "4": "000000010000",
    "11": "000317",
    "12": "134400",
    "13": "1126",
    "32": "48020000",
    "37": "000000000317",
    "38": "123456",
    "39": "00",
    "43": "街角商店",
    "49": "156",
    "60": "22000105000601",
    "64": "4132354434343436"
  }],
  // The keys of protocol facts §1.8: PIK and MAK, enciphered, each with its check value.
  ["0810", {
    ...shop,
    "11": "000001",
    "12": "105008",
    "13": "1017",
    "32": "48020000",
    "37": "000000000001",
    "39": "00",
    "60": "00000105003",
    "62": "6701EAD6A9AD51E51AA406E2C27FCFA98D0A74B8B651F9E9BACE9AE10000000000000000AB7153CA"
  }],
  ["0500", {
    ...shop,
    "11": "000320",
    "48": `${"000000000700"}${"007"}${"000000000100"}${"001"}0${"0".repeat(31)}`,
    "49": "156",
    "60": "00000105201",
    "63.1": "01 "
  }],
  ["0200", {
    ...shop,
    "3": "000000",
    "4": "000000010000",
    "11": "000318",
    "22": "032",
    "25": "00",
    "49": "156",
    "59.A3": "6222095947245984168",
    "60": "22000105000601"
  }],
  ["0400", {
    ...shop,
    "3": "000000",
    "4": "000000010000",
    "11": "000317",
    "22": "051",
    "25": "00",
    "39": "98",
    "49": "156",
    "60": "22000105",
    "61": "0001050003171126",
    "64": "3246343735343838"
  }],
  ["0200", {
    ...shop,
    "3": "000000",
    "4": "000000010000",
    "11": "000319",
    "22": "021",
    "25": "00",
    "26": "12",
    "35": "6235013452200000=2614CFC20A6F04568AC0",
    "49": "156",
    "52": "FF0C47F016D61C79",
    "53": "2610000000000000",
    "60": "22000105000601"
  }],
  ["0210", {
    ...shop,
    "3": "310000",
    "11": "000321",
    "39": "00",
    "44": "48020000   48020000   ",
    "54": "0002156C000000123456",
    "60": "01000105",
    "63.1": "CUP",
    "63.2": "交易成功",
    "63.4": "BALANCE"
  }]
]

const nac: Messages = [
  ["0800", {
    "3": "920000",
    "11": "000019",
    "12": "082906",
    "13": "0702",
    "24": "068",
    "41": "37100013"
  }],
  ["0200", {
    ...shop,
    ...chip,
    "3": "000000",
    "4": "000000010000",
    "11": "000317",
    "22": "051",
    "23": "001",
    "24": "068",
    "25": "00",
    "35": "6235013452200000069=26112201000",
    "62": "000123",
    "63.16": "31 ",
    "63.22": "THANK YOU"
  }],
  ["0510", {
    "3": "920000",
    "11": "000320",
    "24": "068",
    "39": "00",
    "41": "65465423",
    "60.1": "000007"
  }]
]

/** As of pos-nac, each under keys of its own: with a serial number, and a MAC made under it. */
function dukpt(ksn: string, pinBlock: string): Messages {
  const keyed = { ...mac, "53": ksn }
  const [signOn, sale] = nac
  return [
    ["0800", { ...signOn![1], ...keyed }],
    ["0200", { ...sale![1], ...keyed, "52": pinBlock }],
    ["0210", {
      ...shop,
      ...keyed,
      "3": "000000",
      "4": "000000010000",
      "11": "000317",
      "12": "134400",
      "13": "1126",
      "24": "068",
      "37": "A00000000317",
      "38": "A1B2C3",
      "39": "00"
    }]
  ]
}

export const golden: Readonly<Record<string, Messages>> = {
  "iso87-ascii": iso87,
  "iso87-binary": iso87,
  "iso87-ebcdic": iso87,
  "iso93-ascii": iso93,
  "iso93-binary": iso93,
  "iso2003-ascii": iso93.map(([mti, values]) => {
    const { "4": amount, "12": time, "22": _entry, "49": _currency, "64": _mac, ...same } = values
    return [`2${mti.slice(1)}`, {
      ...same,
      ...(amount === undefined ? {} : { "4": `1562${amount}` }),
      "12": `20${time}`,
      ...(values["39"] === undefined ? {} : { "39": "4000" }),
      ...(mti === "1200" ? { "64": "00112233", "22": "00112233445566778899AABBCCDDEEFF" } : {})
    }]
  }),
  "cup-pos": cup,
  "cup-interbank": iso87.map(([mti, { "64": code, ...values }]) => [
    mti,
    code === undefined ? values : { ...values, "43": "街角商店", "128": "3531363138433232" }
  ]),
  "pos-nac": nac,
  // The serial numbers are those of the test vectors of X9.24-1 and X9.24-3.
  "pos-dukpt": dukpt("FFFF9876543210E00001", "FF0C47F016D61C79"),
  "pos-dukpt-aes": dukpt("123456789012345600000001", "FF0C47F016D61C790123456789ABCDEF")
}

/** Hex of each message, and the twin that people read. */
export function goldenOf(
  dialect: CompiledDialect
): { readonly hex: string; readonly twin: string } {
  const hex: Array<string> = []
  const twin: Array<string> = []
  for (const [mti, fields] of golden[dialect.name] ?? []) {
    const body = encodeDocument(dialect, { mti, fields })
    if (!(body instanceof Uint8Array)) {
      throw new Error(`${dialect.name} ${mti} ${body.path} ${body.problem}`)
    }
    hex.push(body.toString("hex").toUpperCase())
    twin.push(twinOf(dialect, body))
  }
  return { hex: `${hex.join("\n")}\n`, twin: twin.join("\n") }
}

function twinOf(dialect: CompiledDialect, body: Buffer): string {
  const rows = describe(read(dialect, body.toString("hex")))
  return rows.map(({ depth, name, note, offset, path, value }) => {
    const place = offset < 0 ? "" : String(offset)
    const line = `${place.padStart(4)}  ${"  ".repeat(depth)}${path.padEnd(10)} ${name.padEnd(34)} `
    return `${line}${value}${note === "" ? "" : `  (${note})`}`.trimEnd()
  }).join("\n") + "\n"
}
