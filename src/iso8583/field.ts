/**
 * One field or part of a field: type x encoding x length prefix x padding, in all combinations.
 *
 *     [ length prefix ][ value ]        variable
 *     [ value, padded to its length ]   fixed
 *
 * Must hold: what `text` gives, `write` turns into the same bytes, unless the wire form was not the
 * canonical one (another fill nibble, lower-case hex); then the raw bytes do.
 */

import { ebcdic, ebcdic037, ebcdic1047, gbk, hex, latin1 } from "./character-set.ts"
import type { Composite } from "./composite.ts"
import { bcdText, signedText } from "./digits.ts"
import { digitsOf } from "./field-size.ts"
import type { LengthPrefix } from "./length-prefix.ts"
import type { Mask } from "./mask.ts"

export const fieldTypes = ["n", "a", "an", "ans", "z", "b", "x+n"] as const
/** n digits, a/an/ans text, z track digits with `=`, b bytes, x+n digits with C or D first. */
export type FieldType = typeof fieldTypes[number]

export const encodings = [
  "ascii",
  "bcd",
  "ebcdic",
  "ebcdic1047",
  "binary",
  "hex",
  "ebcdic-hex",
  "gbk"
] as const
export type Encoding = typeof encodings[number]

export interface FieldShape {
  readonly path: string
  readonly name: string
  readonly type: FieldType
  readonly encoding: Encoding
  /** Characters of the value (bytes, where it is binary, gbk or hex of bytes); -1 = variable. */
  readonly fixed: number
  readonly min: number
  readonly max: number
  readonly prefix: LengthPrefix | undefined
  /** A value without end of its own: it takes what is left of its container. */
  readonly rest: boolean
  /** Where the odd half byte of BCD stands: `left` = the digits are aligned to the right. */
  readonly fillLeft: boolean
  /** The half byte that fills. */
  readonly fill: number
  /** Side and character that bring a short text to its fixed length; undefined = must be exact. */
  readonly padLeft: boolean
  readonly pad: number | undefined
  /** The last character carries the sign of an `x+n` value. */
  readonly overpunch: boolean
  /** Digits are not judged: the value may be enciphered in part. */
  readonly unchecked: boolean
  readonly mask: Mask
  /** May never be stored after authorisation (PCI DSS 3.3.1). */
  readonly neverStored: boolean
  readonly composite: Composite | undefined
  /** Structure is for reading only: a value that does not follow it is kept as it came. */
  readonly lenient: boolean
}

/** The value as people write it. */
export function textOf(shape: FieldShape, bytes: Uint8Array, start: number, end: number): string {
  switch (shape.encoding) {
    case "ascii":
      return shape.overpunch ? signedText(latin1(bytes, start, end)) : latin1(bytes, start, end)
    case "bcd":
      return bcdText(shape, bytes, start, end, digitsOf(shape, bytes, start, end))
    case "binary":
      return hex(bytes, start, end).toUpperCase()
    case "hex":
      return latin1(bytes, start, end)
    case "ebcdic-hex":
      return ebcdic(ebcdic037, bytes, start, end)
    case "gbk":
      return gbk(bytes, start, end)
    default: {
      const page = shape.encoding === "ebcdic" ? ebcdic037 : ebcdic1047
      const text = ebcdic(page, bytes, start, end)
      return shape.overpunch ? signedText(text) : text
    }
  }
}
