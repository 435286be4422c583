/**
 * Some cells of a packed row, without decoding the others: a restart looks at a few fields of every
 * record, and decoding all of them would be most of its time. Understands what MessagePack has for
 * texts, numbers, flags, bytes, arrays and maps; a row holds nothing else.
 */

import { unpack } from "msgpackr"
import { unreachable } from "../domain/invariant.ts"

/**
 * Copies the wanted cells of a packed array, whose places ascend, into `to`; absent ones as nil.
 * Returns the end of the copy, or -1 when `to` has no room for it.
 */
export function copyCells(
  bytes: Buffer,
  start: number,
  wanted: ReadonlyArray<number>,
  to: Buffer,
  toStart: number
): number {
  const count = cellsOf(bytes, start)
  let at = start + arrayHeader(bytes[start]!)
  let toAt = toStart
  let next = 0
  for (let index = 0; next < wanted.length && index < count; index++) {
    const end = cellEnd(bytes, at)
    if (index === wanted[next]) {
      if (toAt + end - at > to.length) return -1
      for (let each = at; each < end; each++) to[toAt++] = bytes[each]!
      next++
    }
    at = end
  }
  if (toAt + wanted.length - next > to.length) return -1
  for (; next < wanted.length; next++) to[toAt++] = nil
  return toAt
}

/** The cell that comes `index` cells after the one at `start`. */
export function cellAfter(bytes: Buffer, start: number, index: number): unknown {
  const at = skip(bytes, start, index)
  return cell(bytes, at, cellEnd(bytes, at))
}

const nil = 0xc0

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

/** Where the value that begins at `at` ends. */
function cellEnd(bytes: Buffer, at: number): number {
  const first = bytes[at]!
  if (first < 0x80 || first >= 0xe0) return at + 1
  if (first < 0x90) return skip(bytes, at + 1, (first & 0x0f) * 2)
  if (first < 0xa0) return skip(bytes, at + 1, first & 0x0f)
  if (first < 0xc0) return at + 1 + (first & 0x1f)
  switch (first) {
    case nil:
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
