/**
 * Bitmaps: which fields are present. Bit 1 of each says that another one follows.
 *
 *     binary   8 bytes             hex   16 characters, ASCII or EBCDIC
 *     [ 1..64 ][ 65..128 if bit 1 ][ 129..192 if bit 65 ]
 *     [ 1..64 ][ 65..128 if bit 1 ] fields ... [ 129..192 as field 65, or another ] ... fields
 *
 * The letters of hex are all capitals or all small, so that a message can be written again as it
 * came. Kept as 32-bit words, most significant bit first: bit 1 is the sign bit of word 0.
 */

import { ebcdic037 } from "./character-set.ts"
import { hexValue, hexValues } from "./length-prefix.ts"

export const bitmapEncodings = ["binary", "hex", "ebcdic-hex"] as const
type BitmapEncoding = typeof bitmapEncodings[number]

export interface BitmapForm {
  readonly encoding: BitmapEncoding
  /** 64, 128 or 192. */
  readonly bits: number
  /** All of them are always there, whatever bit 1 says. */
  readonly always: boolean
  /** The field that is the third bitmap; 0: it stands behind the second. */
  readonly third: number
  /** Blocks of 64 bits ahead of the first field, at most. */
  readonly ahead: number
}

/** What letters the hex of a bitmap has; `mixed` is refused. */
export const letters = { none: 0, capital: 1, small: 2, mixed: 3 } as const

/** The value of each hex digit, and above it which {@link letters} it shows; -1 is none. */
const digits = Int16Array.from(
  hexValues,
  (value, byte) => value < 10 ? value : value | (byte > 0x46 ? letters.small : letters.capital) << 4
)
const ebcdicDigits = digits.map((_, byte) => digits[ebcdic037.toLatin1[byte]!]!)

/** Bytes of 64 bits. */
export function blockBytes(form: BitmapForm): number {
  return form.encoding === "binary" ? 8 : 16
}

export const wordCount = 6

/** Reads the 64 bits at `at` into two words. Which {@link letters} were seen; -1: not all hex. */
export function readBlock(
  form: BitmapForm,
  bytes: Uint8Array,
  at: number,
  words: Int32Array,
  word: number
): number {
  if (form.encoding === "binary") {
    words[word] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) |
      bytes[at + 3]!
    words[word + 1] = (bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) |
      bytes[at + 7]!
    return letters.none
  }
  const values = form.encoding === "hex" ? digits : ebcdicDigits
  let seen = 0
  for (let half = 0; half < 2; half++) {
    let value = 0
    for (let index = 0; index < 8; index++) {
      const digit = values[bytes[at + half * 8 + index]!]!
      seen |= digit
      value = (value << 4) | (digit & 0x0f)
    }
    words[word + half] = value
  }
  return seen >> 4
}

/** Does the first letter of these blocks, if there is one, stand small? */
export function hasSmallLetters(
  form: BitmapForm,
  bytes: Uint8Array,
  at: number,
  blocks: number
): boolean {
  if (form.encoding === "binary") return false
  const values = form.encoding === "hex" ? digits : ebcdicDigits
  for (let index = at; index < at + 16 * blocks; index++) {
    const digit = values[bytes[index]!]!
    if (digit > 0x0f) return digit >> 4 === letters.small
  }
  return false
}

export function writeBlock(
  form: BitmapForm,
  words: Int32Array,
  word: number,
  out: Uint8Array,
  at: number,
  small: boolean
): void {
  const characters = small ? "0123456789abcdef" : "0123456789ABCDEF"
  for (let half = 0; half < 2; half++) {
    const value = words[word + half]!
    if (form.encoding === "binary") {
      for (let index = 0; index < 4; index++) {
        out[at + half * 4 + index] = value >>> (24 - 8 * index)
      }
      continue
    }
    for (let index = 0; index < 8; index++) {
      const digit = characters.charCodeAt((value >>> (28 - 4 * index)) & 0x0f)
      out[at + half * 8 + index] = form.encoding === "hex" ? digit : ebcdic037.fromLatin1[digit]!
    }
  }
}

export function hasBit(words: Int32Array, field: number): boolean {
  return (words[(field - 1) >> 5]! & (0x80000000 >>> ((field - 1) & 31))) !== 0
}

export function setBit(words: Int32Array, field: number): void {
  words[(field - 1) >> 5]! |= 0x80000000 >>> ((field - 1) & 31)
}

export function clearBit(words: Int32Array, field: number): void {
  words[(field - 1) >> 5]! &= ~(0x80000000 >>> ((field - 1) & 31))
}

/** Words with these fields set. */
export function bitsOf(fields: Iterable<number>): Int32Array {
  const words = new Int32Array(wordCount)
  for (const field of fields) setBit(words, field)
  return words
}

/** How many blocks stand at `at`. */
export function blocksAt(form: BitmapForm, bytes: Uint8Array, at: number): number {
  if (form.always) return form.ahead
  const size = blockBytes(form)
  let blocks = 1
  while (blocks < form.ahead && firstBit(form, bytes[at + (blocks - 1) * size]!)) blocks++
  return blocks
}

function firstBit(form: BitmapForm, byte: number): boolean {
  if (form.encoding === "binary") return byte >= 0x80
  return hexValue(form.encoding === "hex" ? byte : ebcdic037.toLatin1[byte]!) >= 8
}

/**
 * Sets the bits that announce further blocks, and returns how many stand ahead of the fields: as
 * many as the fields need, and at least `least`.
 */
export function announce(form: BitmapForm, words: Int32Array, least: number): number {
  const third = form.third === 0 && (words[4]! | words[5]!) !== 0
  const second = (words[2]! | words[3]!) !== 0
  const needed = form.always ? form.ahead : third ? 3 : second ? 2 : 1
  const blocks = Math.max(needed, least)
  if (blocks > 1) setBit(words, 1)
  if (blocks > 2) setBit(words, 65)
  return blocks
}
