/**
 * One field or part of a field: type x encoding x length prefix x padding, in all combinations.
 *
 *     [ length prefix ][ value ]        variable
 *     [ value, padded to its length ]   fixed
 *
 * Must hold: what `text` gives, `write` turns into the same bytes, unless the wire form was not the
 * canonical one (another fill nibble, lower-case hex); then the raw bytes do.
 */

import { ebcdic, ebcdic037, ebcdic1047, gbk, latin1 } from "./character-set.ts"
import type { Composite } from "./composite.ts"
import { bcdText, signedText } from "./digits.ts"
import { digitsOf } from "./field-size.ts"
import type { LengthPrefix } from "./length-prefix.ts"
import type { Mask } from "./mask.ts"
import { shortHex, shortText } from "./short-text.ts"

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

/** Numbers of the encodings, for switches that are taken for every value. */
export const encodingCode = {
  ascii: 0,
  bcd: 1,
  ebcdic: 2,
  ebcdic1047: 3,
  binary: 4,
  hex: 5,
  "ebcdic-hex": 6,
  gbk: 7
} as const satisfies Record<Encoding, number>

/** What characters a value may hold, as a number. */
export const characterTest = { any: 0, digits: 1, track: 2, hex: 3, signed: 4 } as const

/** What a shape is made of. */
type ShapeParts = Omit<FieldShape, "code" | "test" | "prefixBytes" | "with">

/**
 * A shape with what is asked of it for every message worked out. One class for all, so that the
 * engine sees one kind of object wherever a value is read or written.
 */
export class FieldShape {
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
  /** Set once, by the compiler, before anybody else sees the shape. */
  composite: Composite | undefined
  /** Structure is for reading only: a value that does not follow it is kept as it came. */
  readonly lenient: boolean
  readonly code: number
  readonly test: number
  readonly prefixBytes: number

  constructor(parts: ShapeParts) {
    this.path = parts.path
    this.name = parts.name
    this.type = parts.type
    this.encoding = parts.encoding
    this.fixed = parts.fixed
    this.min = parts.min
    this.max = parts.max
    this.prefix = parts.prefix
    this.rest = parts.rest
    this.fillLeft = parts.fillLeft
    this.fill = parts.fill
    this.padLeft = parts.padLeft
    this.pad = parts.pad
    this.overpunch = parts.overpunch
    this.unchecked = parts.unchecked
    this.mask = parts.mask
    this.neverStored = parts.neverStored
    this.composite = parts.composite
    this.lenient = parts.lenient
    this.code = encodingCode[parts.encoding]
    this.test = testOf(parts)
    this.prefixBytes = parts.prefix?.bytes ?? 0
  }

  with(changes: Partial<ShapeParts>): FieldShape {
    return new FieldShape({ ...this, ...changes })
  }
}

function testOf({ encoding, overpunch, type }: ShapeParts): number {
  if (type === "n") return characterTest.digits
  if (type === "z") return characterTest.track
  if (type === "b") return encoding === "binary" ? characterTest.any : characterTest.hex
  return type === "x+n" && !overpunch ? characterTest.signed : characterTest.any
}

/** The value as people write it. */
export function textOf(shape: FieldShape, bytes: Uint8Array, start: number, end: number): string {
  switch (shape.code) {
    case encodingCode.ascii:
      return shape.overpunch
        ? signedText(shortText(bytes, start, end))
        : shortText(bytes, start, end)
    case encodingCode.bcd:
      return bcdText(shape, bytes, start, end, digitsOf(shape, bytes, start, end))
    case encodingCode.binary:
      return shortHex(bytes, start, end)
    case encodingCode.hex:
      return latin1(bytes, start, end)
    case encodingCode["ebcdic-hex"]:
      return ebcdic(ebcdic037, bytes, start, end)
    case encodingCode.gbk:
      return gbk(bytes, start, end)
    default: {
      const page = shape.code === encodingCode.ebcdic ? ebcdic037 : ebcdic1047
      const text = ebcdic(page, bytes, start, end)
      return shape.overpunch ? signedText(text) : text
    }
  }
}
