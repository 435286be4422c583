/**
 * Writes one value, prefix first, into a buffer that the caller owns. Must hold: a value that does
 * not fit its field is named as a problem, never cut and never written past the end.
 */

import { copyRun } from "../domain/byte-run.ts"
import { scratchBuffer } from "../domain/scratch.ts"
import { ebcdic037, ebcdic1047, gbkBytes, hex } from "./character-set.ts"
import { nibbleOf, overpunched } from "./digits.ts"
import { bytesOf, countOf, isHex, sizeOf, unitsOfText } from "./field-size.ts"
import { characterTest, encodingCode, type FieldShape } from "./field.ts"
import { countsHalves, hexValues, writePrefix } from "./length-prefix.ts"

type Write = (this: Uint8Array, text: string, at: number, size: number) => number

const { hexWrite, latin1Write } = Buffer.prototype as unknown as {
  readonly hexWrite: Write
  readonly latin1Write: Write
}

/** The offset behind the value, or what is wrong with it. */
export function writeField(
  shape: FieldShape,
  value: string | Uint8Array,
  out: Uint8Array,
  at: number
): number | string {
  if (typeof value !== "string") return writeRaw(shape, value, out, at)
  if (shape.fixed === value.length && shape.code === encodingCode.ascii && !shape.overpunch) {
    // Most fields of most dialects: characters that fill their field.
    if (shape.prefix === undefined && at + value.length <= out.length) {
      return writeCharacters(shape, value, value.length, out, at)
        ? at + value.length
        : expectation(shape)
    }
  }
  if (shape.encoding === "gbk") return writeGbk(shape, value, out, at)
  const text = shape.overpunch
    ? overpunched(value)
    : shape.test === characterTest.signed && value.length < shape.fixed
    ? filledBehindSign(shape, value)
    : value
  if (text === undefined) return "must be C or D and digits"
  const given = unitsOfText(shape, text)
  // Half a byte of hex.
  if (given % 1 !== 0) return expectation(shape)
  const units = shape.fixed < 0 ? given : shape.fixed
  if (given > shape.max) return `must be ${limitOf(shape)}, not ${given}`
  if (given < shape.fixed && shape.pad === undefined || given < shape.min && shape.fixed < 0) {
    return `must be ${limitOf(shape)}, not ${given}`
  }
  if (shape.code === encodingCode.bcd && units % 2 === 1 && losesCount(shape)) {
    return `must be an even count of digits, not ${given}`
  }
  const size = sizeOf(shape, units)
  const prefix = shape.prefix
  const start = prefix === undefined ? at : at + prefix.bytes
  if (start + size > out.length) return "makes the message too long"
  if (prefix !== undefined) {
    // The longest value fits its prefix: the dialect was refused otherwise.
    writePrefix(prefix, countOf(shape, units, size), out, at)
  }
  return writeText(shape, text, units, out, start) ? start + size : expectation(shape)
}

/** Would a half byte of fill read as one of the digits, and not as a leading zero? */
function losesCount({ fill, fillLeft, fixed, prefix, type }: FieldShape): boolean {
  return fixed < 0 && (prefix === undefined || !countsHalves(prefix)) && type !== "x+n" &&
    fill !== 0x0f && !(fillLeft && type === "n")
}

/** The value on bytes of its own, prefix first, or what is wrong with it. */
export function encoded(shape: FieldShape, value: string | Uint8Array): Uint8Array | string {
  const out = new Uint8Array(shape.prefixBytes + 2 * Math.max(value.length, shape.fixed))
  const end = writeField(shape, value, out, 0)
  return typeof end === "string" ? end : out.subarray(0, end)
}

/** The fill of a signed number stands between its sign and its digits. */
function filledBehindSign({ encoding, fixed, pad }: FieldShape, text: string): string {
  if (pad === undefined || encoding === "bcd") return text
  return text.slice(0, 1) + text.slice(1).padStart(fixed - 1, String.fromCharCode(pad))
}

/** How long a value may be, in words. */
export function limitOf(shape: FieldShape): string {
  const unit = shape.type === "b" ? "bytes" : "characters"
  return shape.fixed >= 0 ? `${shape.fixed} ${unit}` : `${shape.min} to ${shape.max} ${unit}`
}

function writeText(
  shape: FieldShape,
  text: string,
  units: number,
  out: Uint8Array,
  at: number
): boolean {
  switch (shape.code) {
    case encodingCode.bcd:
      return shape.type === "x+n"
        ? writeSigned(shape, text, units, out, at)
        : writePacked(shape, text, units, out, at)
    case encodingCode.binary:
      return writeBinary(text, out, filled(shape, units - text.length / 2, units, out, at))
    case encodingCode.ascii:
    case encodingCode.hex: {
      const width = shape.code === encodingCode.hex ? units * 2 : units
      return writeCharacters(shape, text, width, out, at)
    }
    default: {
      const width = shape.code === encodingCode["ebcdic-hex"] ? units * 2 : units
      if (!writeCharacters(shape, text, width, out, at)) return false
      const page = shape.code === encodingCode.ebcdic1047 ? ebcdic1047 : ebcdic037
      for (let index = at; index < at + width; index++) out[index] = page.fromLatin1[out[index]!]!
      return true
    }
  }
}

/** Latin1, padded to `width`. */
function writeCharacters(
  shape: FieldShape,
  text: string,
  width: number,
  out: Uint8Array,
  at: number
): boolean {
  const size = text.length
  let from = at
  if (size < width) {
    const pad = shape.pad!
    if (shape.padLeft) {
      from = at + width - size
      for (let index = at; index < from; index++) out[index] = pad
    } else for (let index = at + size; index < at + width; index++) out[index] = pad
  }
  return size > 32 && (shape.test === characterTest.any || shape.test === characterTest.hex)
    ? writeLong(text, shape.test, out, from)
    : writeAllowed(text, shape.test, out, from)
}

/** Character by character, of which each has a place in one byte. */
function writeAllowed(text: string, test: number, out: Uint8Array, at: number): boolean {
  const allowed = allowances[test]!
  const size = text.length
  let index = 0
  if (test === characterTest.signed && size > 0) {
    const sign = text.charCodeAt(0)
    if (sign !== 0x43 && sign !== 0x44) return false
    out[at] = sign
    index = 1
  }
  for (; index < size; index++) {
    const code = text.charCodeAt(index)
    if (code > 0xff || allowed[code] === 0) return false
    out[at + index] = code
  }
  return true
}

/** A call into the engine writes long texts faster than we do. */
function writeLong(text: string, test: number, out: Uint8Array, at: number): boolean {
  const size = text.length
  if (test === characterTest.any) {
    if (wide.test(text)) return false
  } else if (size > 2 * unpacked.length || size % 2 !== 0) return writeAllowed(text, test, out, at)
  // It stops at the first character that is no hex digit.
  else if (hexWrite.call(unpacked, text, 0, size / 2) !== size / 2) return false
  latin1Write.call(out, text, at, size)
  return true
}

const unpacked = scratchBuffer(1024)

/** What has no place in one byte. */
const wide = /[\u{100}-\u{10ffff}]/u

function allowance(pattern: RegExp): Uint8Array {
  return Uint8Array.from(
    { length: 256 },
    (_, code) => Number(pattern.test(String.fromCharCode(code)))
  )
}

/** By character test: may this character stand there? */
const allowances: Readonly<Record<number, Uint8Array>> = [
  allowance(/[^]/),
  allowance(/[0-9]/),
  allowance(/[0-9=D]/),
  allowance(/[0-9A-Fa-f]/),
  allowance(/[0-9]/)
]

function writePacked(
  shape: FieldShape,
  text: string,
  units: number,
  out: Uint8Array,
  at: number
): boolean {
  const size = (units + 1) >> 1
  if (units === text.length && (units & 1) === 0 && shape.test === characterTest.digits) {
    return writePairs(text, out, at)
  }
  const pad = shape.pad === undefined ? 0 : shape.pad & 0x0f
  const missing = units - text.length
  const first = (units & 1) === 1 && shape.fillLeft ? 1 : 0
  const lead = first + (shape.padLeft || shape.type === "x+n" ? missing : 0)
  for (let index = 0; index < size; index++) {
    const high = nibbleAt(text, 2 * index - lead, shape)
    const low = nibbleAt(text, 2 * index + 1 - lead, shape)
    if (high === -1 || low === -1) return false
    out[at + index] = ((high < 0 ? pad : high) << 4) | (low < 0 ? pad : low)
  }
  if ((units & 1) === 1) {
    const edge = shape.fillLeft ? at : at + size - 1
    out[edge] = shape.fillLeft
      ? (shape.fill << 4) | (out[edge]! & 0x0f)
      : (out[edge]! & 0xf0) | shape.fill
  }
  return true
}

/** An even number of digits, as most are. */
function writePairs(text: string, out: Uint8Array, at: number): boolean {
  let byte = at
  for (let index = 0; index < text.length; index += 2) {
    const high = text.charCodeAt(index) - 0x30
    const low = text.charCodeAt(index + 1) - 0x30
    if (high < 0 || high > 9 || low < 0 || low > 9) return false
    out[byte++] = (high << 4) | low
  }
  return true
}

/** -2 outside of the text, -1 where no digit stands. */
function nibbleAt(text: string, index: number, shape: FieldShape): number {
  return index < 0 || index >= text.length ? -2 : nibbleOf(text.charCodeAt(index), shape)
}

/** A sign as one character, then packed digits with leading zeros. */
function writeSigned(
  shape: FieldShape,
  text: string,
  units: number,
  out: Uint8Array,
  at: number
): boolean {
  const sign = text.charCodeAt(0)
  if (sign !== 0x43 && sign !== 0x44) return false
  out[at] = sign
  return writePacked(shape, text.slice(1), units - 1, out, at + 1)
}

function writeBinary(text: string, out: Uint8Array, at: number): boolean {
  if (text.length % 2 !== 0) return false
  // The engine stops at the first character that is none.
  if (text.length > 32) return hexWrite.call(out, text, at, text.length / 2) === text.length / 2
  for (let index = 0; index < text.length; index += 2) {
    const high = text.charCodeAt(index)
    const low = text.charCodeAt(index + 1)
    if (high > 0xff || low > 0xff) return false
    const byte = (hexValues[high]! << 4) | hexValues[low]!
    if (byte < 0) return false
    out[at + (index >> 1)] = byte
  }
  return true
}

/** Writes the fill of a value that lacks so many bytes; returns where the value begins. */
function filled(
  shape: FieldShape,
  missing: number,
  units: number,
  out: Uint8Array,
  at: number
): number {
  if (missing <= 0) return at
  out.fill(shape.pad!, at, at + units)
  return shape.padLeft ? at + missing : at
}

function writeGbk(
  shape: FieldShape,
  value: string,
  out: Uint8Array,
  at: number
): number | string {
  const bytes = gbkBytes(value)
  if (bytes === undefined) return "must be text of GBK"
  if (shape.fixed < 0 || bytes.length >= shape.fixed) return writeRaw(shape, bytes, out, at)
  if (shape.pad === undefined) return `must be ${limitOf(shape)}, not ${bytes.length}`
  const padded = new Uint8Array(shape.fixed).fill(shape.pad)
  padded.set(bytes, shape.padLeft ? shape.fixed - bytes.length : 0)
  return writeRaw(shape, padded, out, at)
}

/**
 * Bytes as they are on the wire; an odd count of digits shows by a fill of F. A hex field of fixed
 * length takes the bytes behind its hex as well: the two cannot be confused.
 */
function writeRaw(
  shape: FieldShape,
  value: Uint8Array,
  out: Uint8Array,
  at: number
): number | string {
  const { prefix } = shape
  if (shape.fixed > 0 && isHex(shape.encoding) && value.length === shape.fixed) {
    return writeField(shape, hex(value, 0, value.length).toUpperCase(), out, at)
  }
  if (shape.fixed >= 0) {
    if (value.length !== bytesOf(shape, shape.fixed)) return `must be ${limitOf(shape)}`
  } else {
    const units = isHex(shape.encoding) ? value.length / 2 : rawUnits(shape, value)
    if (units % 1 !== 0) return expectation(shape)
    if (units > shape.max || units < shape.min) return `must be ${limitOf(shape)}`
  }
  const start = prefix === undefined ? at : at + prefix.bytes
  if (start + value.length > out.length) return "makes the message too long"
  if (prefix !== undefined) {
    const units = isHex(shape.encoding) ? value.length / 2 : rawUnits(shape, value)
    writePrefix(prefix, countOf(shape, units, value.length), out, at)
  }
  copyRun(value, 0, value.length, out, start)
  return start + value.length
}

function rawUnits(shape: FieldShape, value: Uint8Array): number {
  if (shape.encoding !== "bcd") return value.length
  if (value.length === 0) return 0
  const edge = shape.fillLeft ? value[0]! >> 4 : value.at(-1)! & 0x0f
  const odd = edge > 9 && (shape.prefix === undefined || countsHalves(shape.prefix)) &&
    !(shape.type === "z" && edge === 0xd)
  return value.length * 2 - (odd ? 1 : 0)
}

function expectation(shape: FieldShape): string {
  return `must be ${contentOf(shape)}`
}

/** What a value of this shape holds, in words. */
export function contentOf(shape: FieldShape): string {
  return {
    n: "digits",
    a: "letters",
    an: "letters and digits",
    ans: "text",
    z: "track digits",
    b: "hex digits in pairs",
    "x+n": "C or D and digits"
  }[shape.type]
}
