/**
 * The field packager classes of jPOS, taken apart by their names, for they are one product written
 * out: encoding of the length x its width x what it counts x encoding of the value x its type.
 *
 *     IFB_LLLHBINARY    BCD family, LLL, H = the length is a binary number, bytes
 *     IFEA_LLCHAR       length in EBCDIC, value in ASCII
 *     IFB_FLLNUM        packed digits whose odd half byte is filled with F
 *     IFA_TTLLCHAR      a tag of two characters ahead of IFA_LLCHAR
 *
 * What each does was read in the sources of jPOS, which do not always do what the name says.
 */

import type { Source } from "./source-reader.ts"

type Maker = (length: number, align: string) => Source

const fixed: Readonly<Record<string, Maker>> = {
  IF_CHAR: (length) => ({ type: "ans", encoding: "ascii", length }),
  IF_ECHAR: (length) => ({ type: "ans", encoding: "ebcdic", length }),
  IFE_CHAR: (length) => ({ type: "ans", encoding: "ebcdic", length }),
  IFA_NUMERIC: (length) => ({ type: "n", encoding: "ascii", length }),
  IFB_NUMERIC: (length, align) => ({ type: "n", encoding: "bcd", length, align }),
  IFB_FNUMERIC: (length, align) => ({ type: "n", encoding: "bcd", length, align, fill: 15 }),
  IFE_NUMERIC: (length) => ({ type: "n", encoding: "ebcdic", length }),
  IFA_AMOUNT: (length) => ({ type: "x+n", encoding: "ascii", length }),
  IFB_AMOUNT: (length) => ({ type: "x+n", encoding: "bcd", length }),
  IFE_AMOUNT: (length) => ({ type: "x+n", encoding: "ebcdic", length }),
  IFE_SIGNED_NUMERIC: (length) => ({ type: "x+n", encoding: "ebcdic", length, overpunch: true }),
  IFA_BINARY: (length) => ({ type: "b", encoding: "hex", length }),
  IFB_BINARY: (length) => ({ type: "b", encoding: "binary", length }),
  IFE_BINARY: (length) => ({ type: "b", encoding: "ebcdic-hex", length })
}

/** Encodings of the length and of text, by family. */
const families: Readonly<Record<string, { readonly length: string; readonly text: string }>> = {
  A: { length: "ascii", text: "ascii" },
  B: { length: "bcd", text: "ascii" },
  E: { length: "ebcdic", text: "ebcdic" },
  EA: { length: "ebcdic", text: "ascii" },
  AE: { length: "ascii", text: "ebcdic" },
  EB: { length: "ebcdic", text: "ascii" }
}
const variable = /^IF(A|B|E|EA|AE|EB)_(F?)(L{1,6})(H?)([ABE]?)(NUM|CHAR|BINARY|HEX)$/

/** Undefined: no class of the product, or one that has no like. */
export function shapeOfClass(kind: string, length: number, pad: boolean): Source | undefined {
  const align = pad ? "right" : "left"
  if (Object.hasOwn(fixed, kind)) return fixed[kind]!(length, align)
  const match = variable.exec(kind)
  if (match === null) return undefined
  const [, name = "", fill, digits = "", binaryLength, value, what] = match
  const family = families[name]!
  const prefix = binaryLength === "H"
    ? { width: Math.max(1, digits.length - 1), encoding: "binary" }
    : { width: digits.length, encoding: family.length }
  const packed = name === "B" || name === "EB" || value === "B"
  // Filled to their full length, outside of packed digits: nothing here has such a form.
  if (fill === "F" && !(what === "NUM" && packed)) return undefined
  const bytes = { max: length, prefix: { ...prefix, counts: "bytes" } }
  switch (what) {
    case "BINARY":
      if (value === "A") {
        return { type: "b", encoding: "hex", max: length, prefix: { ...prefix, counts: "octets" } }
      }
      return value === "" ? { type: "b", encoding: "binary", ...bytes } : undefined
    case "HEX":
      return { type: "b", encoding: "binary", ...bytes, prefix: { ...prefix, counts: "nibbles" } }
    case "NUM":
      if (!packed) break
      return {
        type: "z",
        encoding: "bcd",
        max: length,
        align,
        ...(fill === "F" ? { fill: 15 } : {}),
        prefix: { ...prefix, counts: "digits" }
      }
    default:
  }
  // Track data travels in numeric classes too, so digits alone are not demanded.
  return { type: "ans", encoding: value === "E" ? "ebcdic" : family.text, ...bytes }
}

export interface TagClass {
  readonly tagWidth: number
  readonly lengthWidth: number
  readonly binary: boolean
}

/** Undefined: no class with a tag. */
export function tagOfClass(kind: string): TagClass | undefined {
  const match = /^IFA_(T{2,3})(L{1,4})(CHAR|NUM|BINARY)$/.exec(kind)
  if (match === null) return undefined
  const [, tag = "", length = "", what] = match
  return { tagWidth: tag.length, lengthWidth: length.length, binary: what === "BINARY" }
}
