/**
 * How long a value is, in the three measures that meet at a field: the units of its definition, the
 * number in its length prefix, and bytes on the wire.
 */

import type { Encoding, FieldShape } from "./field.ts"
import { countsHalves, prefixCode, readPrefix } from "./length-prefix.ts"

/** Bytes for `units` of a value, as the prefix counts them or the fixed length says. */
export function bytesOf(shape: FieldShape, units: number): number {
  const { encoding, prefix, type } = shape
  if (prefix !== undefined) {
    if (prefix.counts === "bytes") return units
    if (prefix.counts === "nibbles") return (units + 1) >> 1
    if (prefix.counts === "octets") return isHex(encoding) ? units * 2 : units
  }
  if (encoding === "bcd") {
    return type === "x+n" && !shape.overpunch ? (units >> 1) + 1 : (units + 1) >> 1
  }
  if (encoding === "binary" && prefix !== undefined) return (units + 1) >> 1
  return isHex(encoding) && prefix === undefined ? units * 2 : units
}

export function isHex(encoding: Encoding): boolean {
  return encoding === "hex" || encoding === "ebcdic-hex"
}

/** How many digits stand in `bytes[start, end)` of a BCD field. */
export function digitsOf(
  shape: FieldShape,
  bytes: Uint8Array,
  start: number,
  end: number
): number {
  const { prefix } = shape
  if (shape.fixed >= 0) return shape.fixed
  if (prefix !== undefined && (countsHalves(prefix))) {
    return readPrefix(prefixCode[prefix.encoding], bytes, start - prefix.bytes, prefix.bytes)
  }
  const size = (end - start) * 2
  // Nothing counts the digits, but F is none.
  if (shape.fill !== 0x0f || size === 0) return size
  const edge = shape.fillLeft ? bytes[start]! >> 4 : bytes[end - 1]! & 0x0f
  return edge === 0x0f ? size - 1 : size
}

/** Units as `fixed` and `max` count them: characters, or bytes of a binary value. */
export function unitsOfText(shape: FieldShape, text: string): number {
  return shape.encoding === "binary" || isHex(shape.encoding) ? text.length / 2 : text.length
}

/** Bytes on the wire of `units`. */
export function sizeOf(shape: FieldShape, units: number): number {
  if (shape.encoding === "binary") return units
  if (isHex(shape.encoding)) return units * 2
  if (shape.encoding !== "bcd") return units
  return shape.type === "x+n" ? (units >> 1) + 1 : (units + 1) >> 1
}

/** The number the prefix says for a value of `units` characters in `size` bytes. */
export function countOf(shape: FieldShape, units: number, size: number): number {
  const counts = shape.prefix!.counts
  if (counts === "bytes") return size
  if (counts === "octets") return isHex(shape.encoding) ? units : size
  if (counts === "nibbles") return shape.encoding === "bcd" ? units : size * 2
  return shape.encoding === "binary" || isHex(shape.encoding) ? units * 2 : units
}
