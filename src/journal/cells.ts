/**
 * Some cells of a packed row, without decoding the others: a restart looks at a few fields of every
 * record, and decoding all of them would be most of its time. Understands what MessagePack has for
 * texts, numbers, flags, bytes, arrays and maps; a row holds nothing else.
 */

import { unpack } from "msgpackr"
import { unreachable } from "../domain/invariant.ts"
import type { RepeatedTexts } from "./repeated-texts.ts"

/**
 * Where the wanted cells of a packed array, whose places ascend, begin and end: two numbers each
 * in `found`, the same one for cells that an older row has not.
 */
export function findCells(
  bytes: Buffer,
  start: number,
  wanted: ReadonlyArray<number>,
  found: Int32Array
): void {
  const count = cellsOf(bytes, start)
  let at = start + arrayHeader(bytes[start]!)
  let index = 0
  let to = 0
  for (const place of wanted) {
    for (; index < place && index < count; index++) {
      const length = lengths[bytes[at]!]!
      at = length > 0 ? at + length : longEnd(bytes, at)
    }
    found[to] = at
    if (index < count) {
      at = cellEnd(bytes, at)
      index++
    }
    found[to + 1] = at
    to += 2
  }
}

/** The cell between two places; `texts`: its texts repeat. */
export function cellAt(
  bytes: Buffer,
  start: number,
  end: number,
  texts: RepeatedTexts | undefined
): unknown {
  if (start === end) return undefined
  const first = bytes[start]!
  if (texts !== undefined && first >= 0xa0 && first < nil) return texts.at(bytes, start + 1, end)
  return cell(bytes, start, end)
}

/** The cell that comes `index` cells after the one at `start`. */
export function cellAfter(
  bytes: Buffer,
  start: number,
  index: number,
  texts: RepeatedTexts | undefined
): unknown {
  const at = skip(bytes, start, index)
  return cellAt(bytes, at, cellEnd(bytes, at), texts)
}

/** A cell that is absent. */
export const nil = 0xc0

/** Length of the header of an array that begins with this byte. */
function arrayHeader(first: number): number {
  return first === 0xdd ? 5 : first === 0xdc ? 3 : 1
}

function cellsOf(bytes: Buffer, start: number): number {
  const first = bytes[start]!
  if (first === 0xdd) return bytes.readUInt32BE(start + 1)
  return first === 0xdc ? bytes.readUInt16BE(start + 1) : first & 0x0f
}

function cell(bytes: Buffer, at: number, end: number): unknown {
  const first = bytes[at]!
  if (first < 0x80) return first
  if (first >= 0xa0 && first < 0xc0) return bytes.toString("utf8", at + 1, end)
  if (first === nil) return undefined
  if (first === 0xc2 || first === 0xc3) return first === 0xc3
  if (first === 0xd9) return bytes.toString("utf8", at + 2, end)
  return unpack(bytes.subarray(at, end))
}

/** Length of a cell by its first byte; 0: other bytes say it. */
const lengths = Uint8Array.from({ length: 256 }, (_, first) => {
  if (first < 0x80 || first >= 0xe0 || (first >= nil && first < 0xc4)) return 1
  if (first >= 0xa0 && first < nil) return 1 + (first & 0x1f)
  if (first < 0xca || first > 0xd3) return 0
  return [5, 9, 2, 3, 5, 9, 2, 3, 5, 9][first - 0xca]!
})

/** Where the value that begins at `at` ends. */
function cellEnd(bytes: Buffer, at: number): number {
  const length = lengths[bytes[at]!]!
  return length > 0 ? at + length : longEnd(bytes, at)
}

function longEnd(bytes: Buffer, at: number): number {
  const first = bytes[at]!
  if (first < 0x90) return skip(bytes, at + 1, (first & 0x0f) * 2)
  if (first < 0xa0) return skip(bytes, at + 1, first & 0x0f)
  switch (first) {
    case 0xc4:
    case 0xd9:
      return at + 2 + bytes[at + 1]!
    case 0xc5:
    case 0xda:
      return at + 3 + bytes.readUInt16BE(at + 1)
    case 0xc6:
    case 0xdb:
      return at + 5 + bytes.readUInt32BE(at + 1)
    case 0xdc:
      return skip(bytes, at + 3, bytes.readUInt16BE(at + 1))
    case 0xde:
      return skip(bytes, at + 3, bytes.readUInt16BE(at + 1) * 2)
    default:
      return unreachable(first as never)
  }
}

function skip(bytes: Buffer, start: number, count: number): number {
  let at = start
  for (let index = 0; index < count; index++) at = cellEnd(bytes, at)
  return at
}
