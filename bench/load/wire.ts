/**
 * The bytes of the bench: a walk over a China UnionPay frame just far enough to know whose it is
 * and what it says. Written apart from the codec on purpose, so that the generator costs the same
 * in every arm and does not share the codec's mistakes.
 *
 *   | len 2 | TPDU 5 | header 6 | MTI 2 | bitmap 8 | fields … |
 *   0       2        7          13      15         23         n
 *
 * Must hold: `len` counts everything after itself; a field that the table lacks ends the walk.
 * Source: protocol-facts §1.1 to §1.3 (China UnionPay POS).
 */

/** First byte of the MTI in a frame: where the MAC begins to count. */
export const bodyStart = 13
const bitmapStart = 15
const fieldsStart = 23

/** `value` as packed decimal digits, right-aligned in `length` bytes. */
export function putDigits(bytes: Buffer, offset: number, length: number, value: number): void {
  let rest = value
  for (let at = offset + length - 1; at >= offset; at--) {
    const low = rest % 10
    rest = (rest - low) / 10
    const high = rest % 10
    rest = (rest - high) / 10
    bytes[at] = (high << 4) | low
  }
}

export function readDigits(bytes: Buffer, offset: number, length: number): number {
  let value = 0
  for (let at = offset; at < offset + length; at++) {
    value = value * 100 + (bytes[at]! >> 4) * 10 + (bytes[at]! & 15)
  }
  return value
}

function has(frame: Buffer, field: number): boolean {
  return (frame[bitmapStart + ((field - 1) >> 3)]! & (0x80 >> ((field - 1) & 7))) !== 0
}

function decimal(byte: number): number {
  return (byte >> 4) * 10 + (byte & 15)
}

/** Offset of field 11 in a frame whose bits 5 to 10 are clear. */
export function stanOffset(frame: Buffer): number {
  let offset = fieldsStart
  if (has(frame, 2)) offset += 1 + ((decimal(frame[offset]!) + 1) >> 1)
  if (has(frame, 3)) offset += 3
  if (has(frame, 4)) offset += 6
  return offset
}

/** Kinds of length: packed count of digits or bytes in one or two bytes before the value. */
const digits2 = -1
const digits3 = -2
const bytes2 = -3
const bytes3 = -4

/**
 * Length of every field in bytes, or how it announces itself; 0 = the dialect has no such field.
 */
const lengths = new Int8Array(65)
for (
  const [length, fields] of [
    [1, [25, 26]],
    [2, [13, 14, 15, 22, 23, 39]],
    [3, [3, 11, 12, 49]],
    [6, [4, 38]],
    [8, [41, 52, 53, 64]],
    [12, [37]],
    [15, [42]],
    [40, [43]],
    [digits2, [2, 32, 35]],
    [digits3, [36, 48, 60, 61]],
    [bytes2, [44]],
    [bytes3, [46, 47, 54, 55, 56, 57, 58, 59, 62, 63]]
  ] as const
) {
  for (const field of fields) lengths[field] = length
}

/**
 * Calls `found` with the bounds of `field`'s value; its result, or undefined where it is absent.
 */
function locate<Found>(
  frame: Buffer,
  field: number,
  found: (start: number, end: number) => Found
): Found | undefined {
  if (!has(frame, field)) return undefined
  let offset = fieldsStart
  for (let at = 2; at <= field; at++) {
    if (!has(frame, at)) continue
    const kind = lengths[at]!
    if (kind === 0) return undefined
    let length: number = kind
    if (kind < 0) {
      const three = kind === digits3 || kind === bytes3
      const count = decimal(frame[offset]!) * (three ? 100 : 1) +
        (three ? decimal(frame[offset + 1]!) : 0)
      offset += three ? 2 : 1
      length = kind === digits2 || kind === digits3 ? (count + 1) >> 1 : count
    }
    if (at === field) return found(offset, offset + length)
    offset += length
  }
  return undefined
}

/** The bytes of a field, without its length: a view. */
export function fieldAt(frame: Buffer, field: number): Buffer | undefined {
  return locate(frame, field, (start, end) => frame.subarray(start, end))
}

/** The two characters of field 39 in one number (first × 256 + second); 0 = it has none. */
export function responseCode(frame: Buffer): number {
  return locate(frame, 39, (start) => (frame[start]! << 8) | frame[start + 1]!) ?? 0
}

export function codeText(code: number): string {
  return code === 0 ? "" : String.fromCharCode(code >> 8, code & 255)
}

/** Splits a byte stream into frames by the two length bytes; keeps what is unfinished. */
export class FrameSplitter {
  #rest: Buffer | undefined

  /** Calls `take` with each whole frame (views of the chunk, valid during the call). */
  push(chunk: Buffer, take: (frame: Buffer) => void): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let offset = 0
    while (bytes.length - offset >= 2) {
      const end = offset + 2 + ((bytes[offset]! << 8) | bytes[offset + 1]!)
      if (end > bytes.length) break
      take(bytes.subarray(offset, end))
      offset = end
    }
    this.#rest = offset < bytes.length ? bytes.subarray(offset) : undefined
  }
}
