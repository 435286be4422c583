/**
 * The length that stands before a variable value.
 *
 *     ascii "012"   ebcdic F0 F1 F2   bcd 00 12   hex "00C"   binary 00 0C
 *      a character for each digit     2 digits    characters  width = bytes
 *                                     a byte
 *
 * Must hold: anything but a number in that notation is refused; a length never turns negative.
 */

export const prefixEncodings = ["ascii", "bcd", "ebcdic", "binary", "hex"] as const
type PrefixEncoding = typeof prefixEncodings[number]

/** What the number counts: characters, bytes on the wire, half bytes, or bytes behind their hex. */
export const prefixUnits = ["digits", "bytes", "nibbles", "octets"] as const
type PrefixUnit = typeof prefixUnits[number]

export interface LengthPrefix {
  readonly encoding: PrefixEncoding
  /** Digits of the number; bytes of it where the encoding is binary. */
  readonly width: number
  readonly counts: PrefixUnit
  /** Bytes the prefix takes. */
  readonly bytes: number
}

/** Can the number say that one half byte of packed digits is fill? Bytes alone cannot. */
export function countsHalves(prefix: LengthPrefix): boolean {
  return prefix.counts === "digits" || prefix.counts === "nibbles"
}

export function prefixBytes(encoding: PrefixEncoding, width: number): number {
  return encoding === "bcd" ? (width + 1) >> 1 : width
}

/** Largest number the prefix can say. */
export function prefixLimit(prefix: LengthPrefix): number {
  if (prefix.encoding === "binary") return 2 ** (8 * prefix.width) - 1
  return (prefix.encoding === "hex" ? 16 : 10) ** prefix.width - 1
}

/** Numbers of {@link prefixEncodings} in the tables of the indexer. */
export const prefixCode: Readonly<Record<PrefixEncoding, number>> = {
  ascii: 0,
  bcd: 1,
  ebcdic: 2,
  binary: 3,
  hex: 4
}

/** The number at `at`, or -1. The caller has checked that `size` bytes are there. */
export function readPrefix(code: number, bytes: Uint8Array, at: number, size: number): number {
  let value = 0
  switch (code) {
    case 1:
      for (let index = at; index < at + size; index++) {
        const byte = bytes[index]!
        if (byte > 0x99 || (byte & 0x0f) > 9) return -1
        value = value * 100 + (byte >> 4) * 10 + (byte & 0x0f)
      }
      return value
    case 3:
      for (let index = at; index < at + size; index++) value = value * 256 + bytes[index]!
      return value
    case 4:
      for (let index = at; index < at + size; index++) {
        const nibble = hexValue(bytes[index]!)
        if (nibble < 0) return -1
        value = value * 16 + nibble
      }
      return value
    default: {
      const zero = code === 0 ? 0x30 : 0xf0
      for (let index = at; index < at + size; index++) {
        const digit = bytes[index]! - zero
        if (digit < 0 || digit > 9) return -1
        value = value * 10 + digit
      }
      return value
    }
  }
}

/** Writes `value`, which fits, and returns the offset behind it. */
export function writePrefix(
  prefix: LengthPrefix,
  value: number,
  out: Uint8Array,
  at: number
): number {
  const { encoding, bytes } = prefix
  let rest = value
  for (let index = at + bytes - 1; index >= at; index--) {
    if (encoding === "bcd") {
      out[index] = ((Math.trunc(rest / 10) % 10) << 4) | (rest % 10)
      rest = Math.trunc(rest / 100)
    } else if (encoding === "binary") {
      out[index] = rest % 256
      rest = Math.trunc(rest / 256)
    } else if (encoding === "hex") {
      out[index] = "0123456789ABCDEF".charCodeAt(rest % 16)
      rest = Math.trunc(rest / 16)
    } else {
      out[index] = (encoding === "ascii" ? 0x30 : 0xf0) + rest % 10
      rest = Math.trunc(rest / 10)
    }
  }
  return at + bytes
}

/** The value of each ASCII hex character; -1 for every other byte. */
export const hexValues = Int8Array.from({ length: 256 }, (_, byte) => {
  const digit = "0123456789abcdef".indexOf(String.fromCharCode(byte).toLowerCase())
  return byte < 0x80 ? digit : -1
})

/** The value of an ASCII hex character, or -1; characters above 255 are none. */
export function hexValue(code: number): number {
  return code < 256 ? hexValues[code]! : -1
}
