/**
 * Walks MessagePack from outside before anything is decoded, and refuses what a peer of ours never
 * sends. Must hold: one pass, no allocation, no recursion, at most one step for each byte.
 *
 *     80-8f map   90-9f array   a0-bf text   00-7f e0-ff small number
 *     +------+----------------+-------------+
 *     | head | length, if any | content ... |      head c0-df: what follows, and how long
 *     +------+----------------+-------------+
 *       1       0, 1, 2, 4       counted: bytes, elements, or pairs (key, value, key, value ...)
 *
 * Format: https://github.com/msgpack/msgpack/blob/master/spec.md
 */

import { isUtf8 } from "node:buffer"

export interface MessagePackLimits {
  /** Of the whole value, in bytes. */
  readonly maxBytes: number
  /** Maps and arrays inside each other; at most {@link deepestNesting}. A flat map has depth 1. */
  readonly maxDepth: number
  /** Elements of arrays and pairs of maps, all levels together. */
  readonly maxEntries: number
}

/** What devices and notification streams may send in one frame. */
export const frameLimits: MessagePackLimits = { maxBytes: 65_536, maxDepth: 8, maxEntries: 512 }

const deepestNesting = 64

export type MessagePackFault =
  | "too-long"
  | "too-deep"
  | "too-many-entries"
  | "extension"
  | "reserved"
  | "key-not-text"
  | "text-not-utf8"
  | "number-unsafe"
  | "truncated"
  | "trailing"

type ScanResult =
  | { readonly _tag: "sound"; readonly pairs: number }
  | { readonly _tag: "refused"; readonly fault: MessagePackFault; readonly offset: number }

/** Elements still to come, by level; a map counts its keys and its values. */
const remaining = new Float64Array(deepestNesting + 1)
/** 1 where the level is a map; the outermost is none. */
const isMap = new Uint8Array(deepestNesting + 1)

/** Exactly one value in `bytes`, nothing after it; says how many map pairs it has. */
export function scanMessagePack(bytes: Uint8Array, limits: MessagePackLimits): ScanResult {
  if (bytes.length > limits.maxBytes) return refused("too-long", limits.maxBytes)
  const maxDepth = Math.min(limits.maxDepth, deepestNesting)
  let offset = 0
  let depth = 0
  let entries = 0
  let pairs = 0
  remaining[0] = 1
  for (;;) {
    while (remaining[depth] === 0) {
      if (depth === 0) {
        if (offset !== bytes.length) return refused("trailing", offset)
        return { _tag: "sound", pairs }
      }
      depth--
    }
    const head = bytes[offset]
    if (head === undefined) return refused("truncated", offset)
    const isKey = isMap[depth] === 1 && remaining[depth]! % 2 === 0
    remaining[depth]!--
    if (isKey && !isText(head)) return refused("key-not-text", offset)
    const lengthBytes = lengthWidth(head)
    if (lengthBytes < 0) return refused(head === 0xc1 ? "reserved" : "extension", offset)
    if (offset + 1 + lengthBytes > bytes.length) return refused("truncated", offset)
    const count = lengthBytes === 0 ? embedded(head) : bigEndian(bytes, offset + 1, lengthBytes)
    const content = offset + 1 + lengthBytes
    if (isContainer(head)) {
      entries += count
      if (entries > limits.maxEntries) return refused("too-many-entries", offset)
      if (depth + 1 > maxDepth) return refused("too-deep", offset)
      depth++
      isMap[depth] = isMapHead(head) ? 1 : 0
      if (isMap[depth] === 1) pairs += count
      remaining[depth] = isMap[depth] === 1 ? count * 2 : count
      offset = content
      continue
    }
    if (content + count > bytes.length) return refused("truncated", offset)
    if (isText(head) && !soundText(bytes, content, count)) return refused("text-not-utf8", offset)
    if ((head === 0xcf || head === 0xd3) && !safeInteger(bytes, content, head === 0xd3)) {
      return refused("number-unsafe", offset)
    }
    offset = content + count
  }
}

function refused(fault: MessagePackFault, offset: number): ScanResult {
  return { _tag: "refused", fault, offset }
}

function isText(head: number): boolean {
  return (head & 0xe0) === 0xa0 || (head >= 0xd9 && head <= 0xdb)
}

function isMapHead(head: number): boolean {
  return (head & 0xf0) === 0x80 || head === 0xde || head === 0xdf
}

function isContainer(head: number): boolean {
  return isMapHead(head) || (head & 0xf0) === 0x90 || head === 0xdc || head === 0xdd
}

/** Bytes of the length that follows a head; -1 for extensions and the reserved head. */
function lengthWidth(head: number): number {
  if (head === 0xc1 || (head >= 0xc7 && head <= 0xc9) || (head >= 0xd4 && head <= 0xd8)) return -1
  if (head === 0xc4 || head === 0xd9) return 1
  if (head === 0xc5 || head === 0xda || head === 0xdc || head === 0xde) return 2
  if (head === 0xc6 || head === 0xdb || head === 0xdd || head === 0xdf) return 4
  return 0
}

/** What the head alone says: length of short texts and containers, width of numbers. */
function embedded(head: number): number {
  if ((head & 0xe0) === 0xa0) return head & 0x1f
  if (head >= 0x80 && head < 0xa0) return head & 0x0f
  switch (head) {
    case 0xcc:
    case 0xd0:
      return 1
    case 0xcd:
    case 0xd1:
      return 2
    case 0xca:
    case 0xce:
    case 0xd2:
      return 4
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return 8
    default:
      return 0
  }
}

function bigEndian(bytes: Uint8Array, start: number, width: number): number {
  let value = 0
  for (let index = start; index < start + width; index++) value = value * 256 + bytes[index]!
  return value
}

function soundText(bytes: Uint8Array, start: number, length: number): boolean {
  for (let index = start; index < start + length; index++) {
    // A view is made only for text that is not plain ASCII.
    if (bytes[index]! >= 0x80) return isUtf8(bytes.subarray(start, start + length))
  }
  return true
}

/** Does the 64-bit number fit a JavaScript number exactly? */
function safeInteger(bytes: Uint8Array, start: number, signed: boolean): boolean {
  const high = bigEndian(bytes, start, 4)
  if (high <= 0x1f_ffff) return true
  if (!signed || high < 0xffe0_0000) return false
  // -2^53 itself is one below the smallest safe integer.
  return high > 0xffe0_0000 || bigEndian(bytes, start + 4, 4) > 0
}
