/**
 * Messages that the load generator sends: one sale with chip data and a sign-on, made by hand (see
 * `wire.ts` for the frame). Must hold: every frame of one template has the same length and layout,
 * so that STAN, amount and MAC can be written into copies of it.
 */

import { stanOffset } from "./wire.ts"

/** The published test card number of MAC vector C (protocol-facts §1.9). */
const pan = "6235013452200000069"

const tpduAndHeader = "6000030000602200000000"

const chipData = [
  "9F2608AE60C8CABA4C02F9",
  "9F270180",
  "9F101307020103A0A002010A010000001100B96D058B",
  "9F370432997146",
  "9F36020391",
  "950500A0047000",
  "9A03190319",
  "9C0100",
  "9F0206000000010000",
  "5F2A020156",
  "82027C00",
  "9F1A020156",
  "9F0306000000000000",
  "9F3303E0F0C8",
  "9F3403020300",
  "9F350122",
  "8408A000000333010101",
  "9F09020000",
  "9F410400000725",
  "9F1E083635343634353634",
  "9F2103101500",
  "9F0608A000000333010101",
  "9F7406454343303031",
  "9F4E14434F554E54455220303120202020202020202020",
  "9F6310303130323030303000000000000000000000"
].join("")

/** Terminal description in field 59: tag A2, sub-tags 01 type … 05 software version. */
const terminalText = [
  "A260",
  "010204",
  "02160000600001000123",
  "0306123456",
  "04081A2B3C4D",
  "0508V1.20.03"
].join("")

interface SaleTemplate {
  readonly frame: Buffer
  readonly stan: number
  readonly amount: number
}

function packed(digits: string): string {
  return digits.length % 2 === 0 ? digits : `${digits}0`
}

function ascii(text: string): string {
  return Buffer.from(text, "latin1").toString("hex")
}

function counted(bytesHex: string): string {
  return (bytesHex.length / 2).toString().padStart(4, "0") + bytesHex
}

function countedDigits(digits: string): string {
  return digits.length.toString().padStart(4, "0") + packed(digits)
}

/** One sale with chip data, without PIN, of about 400 bytes; STAN, amount and MAC still zero. */
export function saleTemplate(terminal: string, merchant: string, batch: string): SaleTemplate {
  const fields: ReadonlyArray<readonly [number, string]> = [
    [2, pan.length + packed(pan)],
    [3, "000000"],
    [4, "000000000000"],
    [11, "000000"],
    [14, "3010"],
    [22, "0520"],
    [23, "0001"],
    [25, "00"],
    [35, "37" + packed(`${pan}D30102010000000010`.slice(0, 37).padEnd(37, "0"))],
    [41, ascii(terminal)],
    [42, ascii(merchant)],
    [49, ascii("156")],
    [55, counted(chipData)],
    [59, counted(ascii(terminalText))],
    [60, countedDigits(`22${batch}000601`)],
    [64, "0000000000000000"]
  ]
  const frame = assemble("0200", fields)
  const stan = stanOffset(frame)
  return { frame, stan, amount: stan - 6 }
}

/** Sign-on for double-length keys: 60.3 is 003 (protocol-facts §1.4). */
export function signOnFrame(terminal: string, merchant: string): Buffer {
  return assemble("0800", [
    [11, "000001"],
    [41, ascii(terminal)],
    [42, ascii(merchant)],
    [60, countedDigits("00000001003")],
    [63, counted(ascii("01 "))]
  ])
}

function assemble(mti: string, fields: ReadonlyArray<readonly [number, string]>): Buffer {
  const bitmap = Buffer.alloc(8)
  for (const [field] of fields) bitmap[(field - 1) >> 3]! |= 0x80 >> ((field - 1) & 7)
  const values = fields.map(([, hex]) => hex).join("")
  const after = Buffer.from(`${tpduAndHeader}${mti}${bitmap.toString("hex")}${values}`, "hex")
  return Buffer.concat([Buffer.from([after.length >> 8, after.length & 255]), after])
}

/** An approval without field 2: the STAN stands at one place, the MAC is eight zeros. */
export function preparedAnswer(): Buffer {
  return assemble("0210", [
    [3, "000000"],
    [4, "000000010000"],
    [11, "000000"],
    [12, "101500"],
    [13, "0317"],
    [15, "0317"],
    [32, "0800010000"],
    [37, ascii("000000000001")],
    [38, ascii("123456")],
    [39, ascii("00")],
    [41, ascii("T0000001")],
    [42, ascii("M00000000000001")],
    [49, ascii("156")],
    [60, countedDigits("22000001000")],
    [64, "0000000000000000"]
  ])
}
