/**
 * What stands between length and body, in parts. What must hold: any bytes have a header length;
 * a header that is cut short takes all there is and leaves an empty body, which the codec refuses
 * by name, so that a bad message costs that message and not the connection.
 *
 *   TPDU       | 60 | destination 2 | source 2 |                  a reply swaps the two addresses
 *   LRI        | 4C 52 49 | 00 1C | ANI 8 | DNIS 8 | 12 |         there only if it begins so
 *   BASE I     | 16 | … | total 2 | destination 3 | source 3 | …  the first byte is its length
 */

import { copyRun } from "../domain/byte-run.ts"
import type { HeaderPart } from "./description.ts"
import { largestLength, writeLength } from "./length-field.ts"

export const emptyHeader: Buffer = Buffer.alloc(0)

export class HeaderShape {
  readonly #parts: ReadonlyArray<HeaderPart>
  /** The header of a message of our own. */
  readonly fresh: Buffer
  /** Where every part is always there, the bytes of all; -1 where they must be looked at. */
  readonly #fixedBytes: number

  constructor(parts: ReadonlyArray<HeaderPart>) {
    this.#parts = parts
    this.fresh = Buffer.concat(parts.flatMap((part) => part.fresh ?? []))
    const fixed = parts.every((part) => part.bytes > 0 && part.when === undefined)
    this.#fixedBytes = fixed ? parts.reduce((sum, part) => sum + part.bytes, 0) : -1
  }

  /** How many bytes of `bytes[start, end)` are header. */
  measure(bytes: Uint8Array, start: number, end: number): number {
    if (this.#fixedBytes >= 0) return Math.min(this.#fixedBytes, end - start)
    let at = start
    for (const part of this.#parts) {
      const length = partLength(part, bytes, at, end)
      if (length < 0) return end - start
      at += length
    }
    return at - start
  }

  /** The header of a reply; to one that is cut short, a fresh one. */
  reply(header: Uint8Array): Buffer {
    const reply = Buffer.allocUnsafe(header.length)
    let size = 0
    let at = 0
    for (const part of this.#parts) {
      const length = partLength(part, header, at, header.length)
      if (length < 0) return this.fresh
      if (length > 0 && part.reply === "same") {
        copyRun(header, at, at + length, reply, size)
        swap(part, reply, size, length)
        size += length
      }
      at += length
    }
    return size === reply.length ? reply : reply.subarray(0, size)
  }

  /**
   * Writes the length of header and body into the parts of `bytes[start, end)` that hold it. False
   * when one of them is too small for it.
   */
  stamp(bytes: Uint8Array, start: number, end: number, total: number): boolean {
    let at = start
    for (const part of this.#parts) {
      const length = partLength(part, bytes, at, end)
      if (length < 0) return true
      const place = part.total
      if (length > 0 && place !== undefined && place.at + place.bytes <= length) {
        if (total > largestLength(place)) return false
        writeLength(place, total, bytes, at + place.at)
      }
      at += length
    }
    return true
  }
}

/** 0 when the part is not there, -1 when it is cut short. */
function partLength(part: HeaderPart, bytes: Uint8Array, at: number, end: number): number {
  if (part.when !== undefined && !begins(bytes, at, end, part.when)) return 0
  const length = part.bytes > 0 ? part.bytes : at < end ? bytes[at]! : 0
  return length === 0 || at + length > end ? -1 : length
}

function begins(bytes: Uint8Array, at: number, end: number, mark: Uint8Array): boolean {
  if (at + mark.length > end) return false
  for (let index = 0; index < mark.length; index++) {
    if (bytes[at + index] !== mark[index]) return false
  }
  return true
}

/** Who is spoken to was who spoke: exchanges the two addresses of a part that has them. */
function swap(part: HeaderPart, bytes: Uint8Array, start: number, length: number): void {
  if (part.swap === undefined || part.swap.at + 2 * part.swap.bytes > length) return
  const first = start + part.swap.at
  const second = first + part.swap.bytes
  for (let index = 0; index < part.swap.bytes; index++) {
    const byte = bytes[first + index]!
    bytes[first + index] = bytes[second + index]!
    bytes[second + index] = byte
  }
}
