/**
 * Some cells of a packed row, without decoding the others: a restart looks at a few fields of every
 * record, and decoding all of them would be most of its time. Understands what MessagePack has for
 * texts, numbers, flags, bytes, arrays and maps; a row holds nothing else.
 */

import { unpack } from "msgpackr"
import { unreachable } from "../domain/invariant.ts"

/** Calls `each` for the wanted cells of a packed array, in ascending order of `wanted`. */
export function visitCells(
  bytes: Buffer,
  start: number,
  wanted: ReadonlyArray<number>,
  each: (index: number, value: unknown) => void
): void {
  const count = cellsOf(bytes, start)
  let at = start + arrayHeader(bytes[start]!)
  let next = 0
  for (let index = 0; next < wanted.length && index < count; index++) {
    const end = cellEnd(bytes, at)
    if (index === wanted[next]) {
      each(index, cell(bytes, at, end))
      next++
    }
    at = end
  }
}

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
  if (first === 0xc0) return undefined
  if (first === 0xc2 || first === 0xc3) return first === 0xc3
  if (first === 0xd9) return bytes.toString("utf8", at + 2, end)
  return unpack(bytes.subarray(at, end))
}

/** Where the value that begins at `at` ends. */
function cellEnd(bytes: Buffer, at: number): number {
  const first = bytes[at]!
  if (first < 0x80 || first >= 0xe0) return at + 1
  if (first < 0x90) return skip(bytes, at + 1, (first & 0x0f) * 2)
  if (first < 0xa0) return skip(bytes, at + 1, first & 0x0f)
  if (first < 0xc0) return at + 1 + (first & 0x1f)
  switch (first) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return at + 1
    case 0xc4:
    case 0xd9:
      return at + 2 + bytes[at + 1]!
    case 0xc5:
    case 0xda:
      return at + 3 + bytes.readUInt16BE(at + 1)
    case 0xc6:
    case 0xdb:
      return at + 5 + bytes.readUInt32BE(at + 1)
    case 0xcc:
    case 0xd0:
      return at + 2
    case 0xcd:
    case 0xd1:
      return at + 3
    case 0xca:
    case 0xce:
    case 0xd2:
      return at + 5
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return at + 9
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
