/**
 * Digits: packed two to a byte (BCD), and signs.
 *
 *     021, fill right   02 10         C00000123 packed     43 00 00 01 23
 *     021, fill left    00 21         overpunched -123   "12L"  ({ABC… plus, }JKL… minus)
 */

import type { FieldShape } from "./field.ts"
import { pairTable, shortHex, spelled } from "./short-text.ts"

export function bcdText(
  shape: FieldShape,
  bytes: Uint8Array,
  start: number,
  end: number,
  digits: number
): string {
  if (shape.type === "x+n") {
    const text = shortHex(bytes, start + 1, end)
    // Where bytes are counted, the sign was taken for two digits.
    const wanted = Math.min(digits - 1, text.length)
    return String.fromCharCode(bytes[start]!) + cut(text, text.length, wanted, shape.fillLeft)
  }
  const text = shape.type === "z"
    ? spelled(trackPairs, bytes, start, end - start)
    : shortHex(bytes, start, end)
  return cut(text, (end - start) * 2, digits, shape.fillLeft)
}

/** Track data writes its separator as half byte D. */
const trackPairs = pairTable("0123456789ABC=EF")

function cut(text: string, present: number, digits: number, fillLeft: boolean): string {
  if (digits === present) return text
  return fillLeft ? text.slice(present - digits) : text.slice(0, digits)
}

/** The half byte of a digit; in track data also of `=`, and of A to F where it is enciphered. */
export function nibbleOf(character: number, shape: FieldShape): number {
  if (character >= 0x30 && character <= 0x39) return character - 0x30
  if (shape.type !== "z") return -1
  if (character === 0x3d || character === 0x44) return 0xd
  return shape.unchecked && character >= 0x41 && character <= 0x46 ? character - 0x37 : -1
}

const plus = "{ABCDEFGHI"
const minus = "}JKLMNOPQR"

/** Overpunched digits as `C123` or `D123`; text that carries no sign stays as it is. */
export function signedText(text: string): string {
  const last = text.slice(-1)
  const rest = text.slice(0, -1)
  if (last !== "" && plus.includes(last)) return `C${rest}${plus.indexOf(last)}`
  if (last !== "" && minus.includes(last)) return `D${rest}${minus.indexOf(last)}`
  return text
}

/** The reverse; undefined when the text has no sign or no digits. */
export function overpunched(text: string): string | undefined {
  if (/^[0-9]+$/.test(text)) return text
  if (!/^[CD][0-9]+$/.test(text)) return undefined
  const digit = Number(text.slice(-1))
  return text.slice(1, -1) + (text.startsWith("C") ? plus : minus)[digit]!
}
