/**
 * May these bytes stand in this field? One numbered test for each kind of content, so that the
 * indexer can keep them in a table. Only what cannot be mistaken is judged: digits, track data, hex
 * and signs; text is anybody's.
 */

import { type CodePage, ebcdic037 } from "./character-set.ts"
import { bytesOf, countOf, isHex, sizeOf } from "./field-size.ts"
import type { FieldShape } from "./field.ts"
import { countsHalves, prefixCode, readPrefix } from "./length-prefix.ts"

const anything = 0
const asciiDigits = 1
const ebcdicDigits = 2
const packedDigits = 3
const packedTrack = 4
const packedFill = 5
const asciiTrack = 6
const asciiHex = 7
const signedAscii = 8
const signedEbcdic = 9
const signedPacked = 10
const overpunchedAscii = 11
const overpunchedEbcdic = 12
const ebcdicTrack = 13
const ebcdicHex = 14
/** Added to a packed test whose odd half byte stands on the left. */
const fillLeft = 16
/** Added to one whose digits nothing counts, so that a half byte F is fill wherever it stands. */
const fillShows = 32

/** The number of the test that a shape's bytes must pass. */
export function conformityOf(shape: FieldShape): number {
  const { encoding, fixed, prefix, type } = shape
  if (encoding === "hex") return asciiHex
  if (encoding === "ebcdic-hex") return ebcdicHex
  if (encoding === "binary" || encoding === "gbk") return anything
  if (encoding === "bcd") {
    if (type === "x+n") return signedPacked
    const counted = fixed >= 0 || prefix !== undefined && countsHalves(prefix)
    const fill = (shape.fillLeft ? fillLeft : 0) +
      (shape.fill === 0x0f && !counted ? fillShows : 0)
    if (shape.unchecked) return packedFill + fill
    return (type === "z" ? packedTrack : packedDigits) + fill
  }
  if (shape.unchecked) return anything
  const ascii = encoding === "ascii"
  if (type === "n") return ascii ? asciiDigits : ebcdicDigits
  if (type === "z") return ascii ? asciiTrack : ebcdicTrack
  if (type !== "x+n") return anything
  if (shape.overpunch) return ascii ? overpunchedAscii : overpunchedEbcdic
  return ascii ? signedAscii : signedEbcdic
}

/** Offset of the first byte that may not stand there, or -1. `odd`: a half byte is fill. */
export function misfit(
  test: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  odd: boolean
): number {
  switch (test) {
    case anything:
      return -1
    case asciiDigits:
      return digits(bytes, start, end, 0x30)
    case ebcdicDigits:
      return digits(bytes, start, end, 0xf0)
    case asciiTrack:
      return strange(bytes, start, end, tracks)
    case ebcdicTrack:
      return strange(bytes, start, end, tracksInEbcdic)
    case asciiHex:
      return strange(bytes, start, end, hexDigits)
    case ebcdicHex:
      return strange(bytes, start, end, hexDigitsInEbcdic)
    case signedAscii:
    case signedPacked:
      if (end > start && bytes[start] !== 0x43 && bytes[start] !== 0x44) return start
      return test === signedAscii
        ? digits(bytes, start + 1, end, 0x30)
        : strange(bytes, start + 1, end, packedAllowed)
    case signedEbcdic:
      if (end > start && bytes[start] !== 0xc3 && bytes[start] !== 0xc4) return start
      return digits(bytes, start + 1, end, 0xf0)
    case overpunchedAscii:
      return overpunch(bytes, start, end, 0x30, asciiSigns)
    case overpunchedEbcdic:
      return overpunch(bytes, start, end, 0xf0, ebcdicSigns)
    default:
      return packedWithFill(test, bytes, start, end, odd)
  }
}

function digits(bytes: Uint8Array, start: number, end: number, zero: number): number {
  for (let at = start; at < end; at++) {
    if ((bytes[at]! - zero) >>> 0 > 9) return at
  }
  return -1
}

/** The first byte that is not allowed, or -1. */
function strange(bytes: Uint8Array, start: number, end: number, allowed: Uint8Array): number {
  for (let at = start; at < end; at++) if (allowed[bytes[at]!] === 0) return at
  return -1
}

/** By byte: is it one of these characters? */
function characters(text: string, page?: CodePage): Uint8Array {
  const allowed = new Uint8Array(256)
  for (const byte of Buffer.from(text)) allowed[page?.fromLatin1[byte] ?? byte] = 1
  return allowed
}

// Both code pages have these characters in the same places.
const tracks = characters("0123456789=D")
const tracksInEbcdic = characters("0123456789=D", ebcdic037)
const hexDigits = characters("0123456789ABCDEFabcdef")
const hexDigitsInEbcdic = characters("0123456789ABCDEFabcdef", ebcdic037)

function allowance(highest: number): Uint8Array {
  const fits = (half: number): boolean => half <= 9 || half === highest
  return Uint8Array.from({ length: 256 }, (_, byte) => Number(fits(byte >> 4) && fits(byte & 15)))
}

/** By byte: are both halves digits, or D where track data has its separator? */
const packedAllowed = allowance(9)
const trackAllowed = allowance(0x0d)

/** The fill is 0 or F; what is not fill is a digit, or D in track data. */
function packedWithFill(
  test: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  odd: boolean
): number {
  const left = (test & fillLeft) !== 0
  const kind = test & 0x0f
  const allowed = kind === packedTrack ? trackAllowed : packedAllowed
  const edge = left ? start : end - 1
  const byte = end === start ? 0 : bytes[edge]!
  const fill = left ? byte >> 4 : byte & 0x0f
  if (end === start || !odd && !(test >= fillShows && fill === 0x0f)) {
    return kind === packedFill ? -1 : strange(bytes, start, end, allowed)
  }
  if (fill !== 0 && fill !== 0x0f) return edge
  if (kind === packedFill) return -1
  const digit = left ? byte & 0x0f : byte >> 4
  if (allowed[digit] === 0) return edge
  return left
    ? strange(bytes, start + 1, end, allowed)
    : strange(bytes, start, end - 1, allowed)
}

function overpunch(
  bytes: Uint8Array,
  start: number,
  end: number,
  zero: number,
  signs: ReadonlySet<number>
): number {
  if (end === start) return -1
  const bad = digits(bytes, start, end - 1, zero)
  if (bad >= 0) return bad
  const last = bytes[end - 1]!
  return last - zero >= 0 && last - zero <= 9 || signs.has(last) ? -1 : end - 1
}

/** `{`, A to I, `}` and J to R: a digit with its sign. */
const asciiSigns: ReadonlySet<number> = new Set(Buffer.from("{ABCDEFGHI}JKLMNOPQR"))
const ebcdicSigns: ReadonlySet<number> = new Set(
  Array.from({ length: 10 }, (_, digit) => [0xc0 + digit, 0xd0 + digit]).flat()
)

/** Does the count of the prefix stand within the field's own limits? */
export function countsOf(shape: FieldShape): { readonly least: number; readonly most: number } {
  if (shape.prefix === undefined) return { least: 0, most: 0 }
  return { least: countFor(shape, shape.min), most: countFor(shape, shape.max) }
}

function countFor(shape: FieldShape, units: number): number {
  return countOf(shape, units, sizeOf(shape, units))
}

/**
 * The end of a value of this shape that begins, prefix first, at `at`; or the offset of the byte
 * that is wrong, less one and negated.
 */
export function measure(shape: FieldShape, bytes: Uint8Array, at: number, limit: number): number {
  const { prefix } = shape
  if (shape.rest) return limit
  let start = at
  let units = shape.fixed
  if (prefix !== undefined) {
    start = at + prefix.bytes
    if (start > limit) return -1 - at
    units = readPrefix(prefixCode[prefix.encoding], bytes, at, prefix.bytes)
    if (units < countFor(shape, shape.min) || units > countFor(shape, shape.max)) return -1 - at
    if (isHex(shape.encoding) && prefix.counts !== "octets" && units % 2 !== 0) return -1 - at
  }
  const end = start + bytesOf(shape, units)
  if (end > limit) return -1 - at
  const bad = misfit(conformityOf(shape), bytes, start, end, isOdd(shape, units))
  return bad < 0 ? end : -1 - bad
}

/** Does BCD of so many units leave a half byte over? */
export function isOdd(shape: FieldShape, units: number): boolean {
  return (units & 1) === 1 && (shape.prefix === undefined || countsHalves(shape.prefix))
}
