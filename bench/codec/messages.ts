/**
 * What the codec's bench works on: a plain 0800, a 0200 of 400 bytes with 23 fields and chip data,
 * and its reply, in ASCII and in packed digits. Card numbers are published test numbers.
 */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { compileMapping } from "../../src/iso8583/compile-mapping.ts"
import { compileDialect } from "../../src/iso8583/compile.ts"
import type { Dialect, Message } from "../../src/iso8583/message.ts"

const config = join(import.meta.dirname, "../../config")

function source(path: string): unknown {
  return parse(readFileSync(join(config, path), "utf8"))
}

export function loadDialect(name: string, number: number): Dialect {
  const dialect = compileDialect(source(`dialects/${name}.yaml`), number)
  if (!("read" in dialect)) throw new Error(JSON.stringify(dialect))
  return dialect
}

export function loadMapping(from: Dialect, to: Dialect) {
  const mapping = compileMapping(source(`mappings/${from.name}-to-${to.name}.yaml`), from, to)
  if (!("forward" in mapping)) throw new Error(JSON.stringify(mapping))
  return mapping
}

export function read(dialect: Dialect, body: Uint8Array): Message {
  const message = dialect.read(body)
  if ("failure" in message) throw new Error(JSON.stringify(message))
  return message
}

const chip = [
  "9F2608AE60C8CABA4C02F9",
  "9F270180",
  "9F101307020103A0A002010A010000001100B96D058B",
  "9F370432997146",
  "9F36020391",
  "950500A0047000",
  "9A03261126",
  "9C0100",
  "9F0206000000010000"
].join("")

const wholeChip = [
  chip,
  "5F2A020156",
  "82027C00",
  "9F1A020156",
  "9F0306000000000000",
  "9F3303E0F0C8",
  "9F3403020300",
  "9F350122",
  "8408A000000333010101",
  "9F09020200",
  "9F410400000725",
  "9F1E083635343635343233"
].join("")

export const networkValues = {
  "7": "1126134400",
  "11": "000001",
  "12": "134400",
  "13": "1126",
  "33": "48020000",
  "41": "65465423",
  "42": "941130659999925",
  "70": "001"
}

/** 23 fields; `padding` brings the message to its 400 bytes. */
function saleValues(packed: boolean, padding: string): Record<string, string> {
  return {
    "2": "6235013452200000069",
    "3": "000000",
    "4": "000000010000",
    "7": "1126134400",
    "11": "000317",
    "12": "134400",
    "13": "1126",
    "14": "2611",
    "18": "5411",
    "22": "051",
    "23": "001",
    "25": "00",
    "32": "48020000",
    "35": "6235013452200000069=26112201000",
    "37": "A00000000317",
    "41": "65465423",
    "42": "941130659999925",
    "43": "CORNER SHOP 12           BRNO        CZE",
    "48": padding,
    "49": "156",
    "52": "FF0C47F016D61C79",
    "55": packed ? wholeChip : chip,
    "64": "0011223344556677"
  }
}

/** Grows field 48 until the message has 400 bytes. */
export function sale(dialect: Dialect, packed: boolean) {
  const bare = dialect.build("0200", saleValues(packed, ""))
  const values = saleValues(packed, "X".repeat(Math.max(0, 400 - bare.length)))
  return { values, body: dialect.build("0200", values) }
}

export const replyValues = {
  "3": "000000",
  "4": "000000010000",
  "7": "1126134400",
  "11": "000317",
  "12": "134400",
  "13": "1126",
  "37": "A00000000317",
  "38": "A1B2C3",
  "39": "00",
  "41": "65465423",
  "42": "941130659999925",
  "49": "156",
  "64": "0011223344556677"
}

/** A China UnionPay sale, for translating it into ISO 8583:1987. */
export const unionPayValues = {
  "2": "6235013452200000069",
  "3": "000000",
  "4": "000000010000",
  "11": "000317",
  "14": "2611",
  "22": "051",
  "23": "001",
  "25": "00",
  "26": "12",
  "35": "6235013452200000069=26112201000",
  "41": "65465423",
  "42": "941130659999925",
  "49": "156",
  "52": "FF0C47F016D61C79",
  "53": "2600000000000000",
  "55": wholeChip,
  "60": "22000105000601",
  "64": "4132354434343436"
}

export const stamp = {
  "7": "1126134401",
  "11": "000999",
  "32": "12345678",
  "37": "000000000999"
}
