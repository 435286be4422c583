/**
 * Host commands of a payShield-style security module: how each is written, and how its answer is
 * read (protocol facts §5.7). ASCII, keys as key blocks with scheme letter `S`. What holds: an
 * answer is read only when it is one to the command that was sent, and read to its end.
 *
 *   request   | length 2 | header, ours, comes back | command 2 | fields |
 *   answer    | length 2 | header | command, second letter + 1 | error 2 | fields |
 *
 *   NC  diagnostics                         ND 00 | LMK check value 16 | firmware |
 *   B2  | length 4H | bytes |               B3 00 | bytes |
 *   A0  | 1 | FFF | S | ; 1 | TMK | scheme | # | header |
 *                                           A1 00 | block | scheme and cryptogram | KCV 6 |
 *   BU  | FF | F | block | ;FFF ;000 |      BV 00 | KCV 16 |
 *   M6  | mode 0 | input 0 | size 1 | algorithm | padding | FFF | block | length 4H | bytes |
 *                                           M7 00 | MAC 16 |
 *   M8  | as M6 | MAC 16 |                  M9 00, or 01: it does not verify
 *   CA  | TPK | ZPK | 12 | PIN block | format 2 | format 2 | account |
 *   CC  | ZPK | ZPK | as CA |               CB CD G1 00 | PIN length 2 | PIN block | format 2 |
 *   G0  | BDK | ZPK | descriptor 3 | KSN | PIN block | format 2 | format 2 | account |
 *
 * From memory, not from a published sample: the fields of A0 behind the scheme, of BU behind the
 * key, format code 48 and its whole account number with `;` behind it, the descriptor of AES KSNs.
 */

import { invariant } from "../domain/invariant.ts"
import type { PinFormat } from "../domain/ports/security-module.ts"
import { compileFraming } from "../frame/compile.ts"
import type { Framing } from "../frame/framing.ts"
import type { KeyAttributes } from "./key-block.ts"
import { fault, type SecurityFault } from "./security-fault.ts"

/** A longer frame ends the connection. */
export const maxHsmFrameBytes = 32_768

/** `FFF`: the key's use stands in its block. */
const blockKeyType = "FFF"

type HsmMacAlgorithm = "1" | "3" | "6"

/** What M6 and M8 share. */
export interface HsmMacRequest {
  readonly algorithm: HsmMacAlgorithm
  /** ISO 9797-1 method, `0` for data that is whole blocks or for CMAC. */
  readonly padding: "0" | "1" | "2" | "3"
  readonly block: string
  readonly bytes: Uint8Array
}

export interface HsmPinRequest {
  /** A terminal's or a zone's PIN key; a base key with its KSN. */
  readonly from: string
  readonly serial?: Uint8Array
  readonly to: string
  readonly fromFormat: PinFormat
  readonly toFormat: PinFormat
  readonly pan: string
  readonly pinBlock: Uint8Array
}

interface GeneratedKey {
  readonly block: string
  /** Under the terminal's master key. */
  readonly cryptogram: Buffer
}

/** The framing: 2-byte length, then a header of this many characters, 1 to 12. */
export function hsmFraming(headerLength: number): Framing {
  invariant(headerLength >= 1 && headerLength <= 12, "a header has 1 to 12 characters")
  const framing = compileFraming({
    name: "host-command",
    length: { bytes: 2, encoding: "binary" },
    header: [{ name: "header", bytes: headerLength, fresh: "30".repeat(headerLength) }]
  })
  invariant(!Array.isArray(framing), "the host command framing compiles")
  return framing as Framing
}

/** The command that answers `command`. */
export function answerTo(command: string): string {
  return command[0]! + String.fromCharCode(command.charCodeAt(1) + 1)
}

/** Format codes; 48 from memory. */
export const pinFormatCodes: Readonly<Record<PinFormat, string>> = {
  0: "01",
  1: "05",
  3: "47",
  4: "48"
}

export function diagnostics(): Buffer {
  return ascii("NC")
}

export function echo(text: string): Buffer {
  return ascii(`B2${hex4(text.length)}${text}`)
}

/** A new key with this header, and a copy under the terminal's master key `master`. */
export function generate(
  master: string,
  attributes: KeyAttributes,
  length: 8 | 16 | 24
): Buffer {
  const { usage, mode, keyVersion, exportability } = attributes
  const size = length === 8 ? "D1" : length === 16 ? "T2" : "T3"
  const header = `${usage}${size}${mode}${keyVersion}${exportability}00`
  return ascii(`A01${blockKeyType}S;1S${master}${exportSchemes[length]}#${header}`)
}

/** X9.17 schemes: single without a letter, double and triple with one. */
export const exportSchemes = { 8: "Z", 16: "X", 24: "Y" } as const

export function checkValueOf(block: string): Buffer {
  return ascii(`BUFFFS${block};${blockKeyType};000`)
}

export function generateMac(request: HsmMacRequest): Buffer {
  return Buffer.concat([macHead("M6", request), request.bytes])
}

export function verifyMac(request: HsmMacRequest, mac: Uint8Array): Buffer {
  return Buffer.concat([macHead("M8", request), request.bytes, ascii(hexOf(mac))])
}

export function translatePin(command: "CA" | "CC", request: HsmPinRequest): Buffer {
  return ascii(`${command}S${request.from}S${request.to}12${pinFields(request)}`)
}

export function translateDukptPin(request: HsmPinRequest, serial: Uint8Array): Buffer {
  const descriptor = serial.length === 12 ? "808" : "A05"
  return ascii(
    `G0S${request.from}S${request.to}${descriptor}${hexOf(serial)}${pinFields(request)}`
  )
}

/**
 * What stands behind the error code of an answer to `command`. Faults: `hsm-answer` when it is none
 * to that command, and what the error code says.
 */
export function answerFields(command: string, body: Uint8Array): string | SecurityFault {
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString("latin1")
  if (text.slice(0, 2) !== answerTo(command) || !/^[0-9A-Z]{2}$/.test(text.slice(2, 4))) {
    return fault("hsm-answer")
  }
  const error = text.slice(2, 4)
  return error === "00" ? text.slice(4) : errors[error] ?? fault("hsm-refused")
}

/** 8 bytes of MAC; fault `hsm-answer`. */
export function readMac(fields: string): Buffer | SecurityFault {
  return /^[0-9A-F]{16}$/.test(fields) ? Buffer.from(fields, "hex") : fault("hsm-answer")
}

/** The block in the format that was asked for; fault `hsm-answer`. */
export function readPinBlock(fields: string, format: PinFormat): Buffer | SecurityFault {
  const digits = format === 4 ? 32 : 16
  const [length, block, code] = [
    fields.slice(0, 2),
    fields.slice(2, 2 + digits),
    fields.slice(2 + digits)
  ]
  return /^\d\d$/.test(length) && /^[0-9A-F]+$/.test(block) && block.length === digits &&
      code === pinFormatCodes[format]
    ? Buffer.from(block, "hex")
    : fault("hsm-answer")
}

/** Fault `hsm-answer`. */
export function readGenerated(fields: string, length: 8 | 16 | 24): GeneratedKey | SecurityFault {
  const size = Number(fields.slice(2, 6))
  if (fields[0] !== "S" || !Number.isInteger(size) || size < 16) return fault("hsm-answer")
  const block = fields.slice(1, 1 + size)
  const rest = fields.slice(1 + size)
  const scheme = length === 8 ? "" : exportSchemes[length]
  const cryptogram = rest.slice(scheme.length, scheme.length + length * 2)
  const right = block.length === size && rest.startsWith(scheme) &&
    rest.length === scheme.length + length * 2 + 6 && /^[0-9A-F]+$/.test(rest.slice(scheme.length))
  return right ? { block, cryptogram: Buffer.from(cryptogram, "hex") } : fault("hsm-answer")
}

/** The whole first block, 8 bytes; fault `hsm-answer`. */
export function readCheckValue(fields: string): Buffer | SecurityFault {
  return readMac(fields)
}

// ---------------------------------------------------------------------------------------------
// internals

/** Error codes that say more than that the module refused. */
const errors: Readonly<Record<string, SecurityFault>> = {
  "10": fault("key-usage"),
  "11": fault("key-usage"),
  "13": fault("hsm-failed"),
  "20": fault("pin-digits"),
  "22": fault("pin-pan"),
  "23": fault("pin-translation"),
  "24": fault("pin-length"),
  "26": fault("key-usage"),
  "33": fault("hsm-failed"),
  "40": fault("hsm-failed"),
  "41": fault("hsm-failed"),
  "42": fault("hsm-failed"),
  "69": fault("pin-translation"),
  A4: fault("block-forged"),
  A6: fault("key-usage"),
  A7: fault("key-usage"),
  A8: fault("key-usage")
}

function macHead(command: "M6" | "M8", request: HsmMacRequest): Buffer {
  const { algorithm, padding, block, bytes } = request
  return ascii(`${command}001${algorithm}${padding}${blockKeyType}S${block}${hex4(bytes.length)}`)
}

function pinFields(request: HsmPinRequest): string {
  const { fromFormat, toFormat, pan, pinBlock } = request
  const whole = fromFormat === 4 || toFormat === 4
  const account = whole ? `${pan};` : pan.slice(0, -1).slice(-12).padStart(12, "0")
  const formats = pinFormatCodes[fromFormat] + pinFormatCodes[toFormat]
  return hexOf(pinBlock) + formats + account
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex").toUpperCase()
}

function hex4(value: number): string {
  return value.toString(16).toUpperCase().padStart(4, "0")
}

function ascii(text: string): Buffer {
  return Buffer.from(text, "latin1")
}
