/**
 * Length fields: how a number of bytes is written ahead of a frame. What must hold: reading takes
 * any bytes and gives a number that fits, or -1; what was written reads back as it was.
 *
 *   418 bytes      binary 2    01 A2
 *                  bcd 2       04 18
 *                  ascii 4     30 34 31 38           "0418"
 *                  hex 4       30 31 41 32           "01A2", lower case is read too
 */

export const lengthEncodings = ["binary", "bcd", "ascii", "hex"] as const

type LengthEncoding = typeof lengthEncodings[number]

export interface LengthField {
  readonly encoding: LengthEncoding
  /** Bytes on the wire, 1 to 6: digits for `ascii` and `hex`, two digits each for `bcd`. */
  readonly bytes: number
}

/** The largest number the field can hold. */
export function largestLength(field: LengthField): number {
  switch (field.encoding) {
    case "binary":
      return 256 ** field.bytes - 1
    case "bcd":
      return 100 ** field.bytes - 1
    case "ascii":
      return 10 ** field.bytes - 1
    case "hex":
      return 16 ** field.bytes - 1
  }
}

/** The number that stands at `at`; -1 when a byte is none of the encoding's digits. */
export function readLength(field: LengthField, bytes: Uint8Array, at: number): number {
  const end = at + field.bytes
  let value = 0
  switch (field.encoding) {
    case "binary":
      // Multiplied, not shifted: six bytes are more than 32 bits.
      for (let index = at; index < end; index++) value = value * 256 + bytes[index]!
      return value
    case "bcd":
      for (let index = at; index < end; index++) {
        const high = bytes[index]! >> 4
        const low = bytes[index]! & 15
        if (high > 9 || low > 9) return -1
        value = value * 100 + high * 10 + low
      }
      return value
    case "ascii":
      for (let index = at; index < end; index++) {
        const digit = bytes[index]! - 0x30
        if (digit < 0 || digit > 9) return -1
        value = value * 10 + digit
      }
      return value
    case "hex":
      for (let index = at; index < end; index++) {
        const digit = hexDigit(bytes[index]!)
        if (digit < 0) return -1
        value = value * 16 + digit
      }
      return value
  }
}

/** Writes a number that is not above `largestLength`. */
export function writeLength(
  field: LengthField,
  value: number,
  bytes: Uint8Array,
  at: number
): void {
  let rest = value
  for (let index = at + field.bytes - 1; index >= at; index--) {
    switch (field.encoding) {
      case "binary":
        bytes[index] = rest % 256
        rest = Math.floor(rest / 256)
        break
      case "bcd":
        bytes[index] = (Math.floor(rest / 10) % 10) << 4 | rest % 10
        rest = Math.floor(rest / 100)
        break
      case "ascii":
        bytes[index] = 0x30 + rest % 10
        rest = Math.floor(rest / 10)
        break
      case "hex":
        bytes[index] = "0123456789ABCDEF".charCodeAt(rest % 16)
        rest = Math.floor(rest / 16)
        break
    }
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const upper = byte & 0xdf
  return upper >= 0x41 && upper <= 0x46 ? upper - 0x37 : -1
}
