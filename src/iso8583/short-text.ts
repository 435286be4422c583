/**
 * Short values as text, without a call into the engine's C++, which costs more than all of the work
 * on a value of a few bytes. Must hold: the same text as Buffer's own slices give.
 */

import { hex, latin1 } from "./character-set.ts"

const from = String.fromCharCode

/** `bytes[start, end)`, one character a byte. */
export function shortText(bytes: Uint8Array, start: number, end: number): string {
  const size = end - start
  if (size > 15) return latin1(bytes, start, end)
  if (size >= 8) {
    const head = eight(bytes, start)
    return size === 8 ? head : head + few(bytes, start + 8, size - 8)
  }
  return few(bytes, start, size)
}

function eight(b: Uint8Array, s: number): string {
  return from(
    b[s]!,
    b[s + 1]!,
    b[s + 2]!,
    b[s + 3]!,
    b[s + 4]!,
    b[s + 5]!,
    b[s + 6]!,
    b[s + 7]!
  )
}

function few(b: Uint8Array, s: number, size: number): string {
  switch (size) {
    case 0:
      return ""
    case 1:
      return from(b[s]!)
    case 2:
      return from(b[s]!, b[s + 1]!)
    case 3:
      return from(b[s]!, b[s + 1]!, b[s + 2]!)
    case 4:
      return from(b[s]!, b[s + 1]!, b[s + 2]!, b[s + 3]!)
    case 5:
      return from(b[s]!, b[s + 1]!, b[s + 2]!, b[s + 3]!, b[s + 4]!)
    case 6:
      return from(b[s]!, b[s + 1]!, b[s + 2]!, b[s + 3]!, b[s + 4]!, b[s + 5]!)
    default:
      return from(b[s]!, b[s + 1]!, b[s + 2]!, b[s + 3]!, b[s + 4]!, b[s + 5]!, b[s + 6]!)
  }
}

const hexDigits = "0123456789ABCDEF"
/** Character codes of the high and the low half byte. */
const high = Uint8Array.from({ length: 256 }, (_, byte) => hexDigits.charCodeAt(byte >> 4))
const low = Uint8Array.from({ length: 256 }, (_, byte) => hexDigits.charCodeAt(byte & 15))

/** Both characters of each byte of packed half bytes, in the machine's own order. */
export function pairTable(characters: string): Uint16Array {
  const table = new Uint16Array(256)
  const codes = new Uint8Array(table.buffer)
  for (let byte = 0; byte < 256; byte++) {
    codes[2 * byte] = characters.charCodeAt(byte >> 4)
    codes[2 * byte + 1] = characters.charCodeAt(byte & 15)
  }
  return table
}

const hexPairs = pairTable(hexDigits)

const scratch = new Uint16Array(32)
const scratchBytes = new Uint8Array(scratch.buffer)

/** Hex in capitals, which is also packed digits. */
export function shortHex(bytes: Uint8Array, start: number, end: number): string {
  const size = end - start
  if (size >= 8 && size < 15) {
    const head = eightPairs(bytes, start)
    return size === 8 ? head : head + fewPairs(bytes, start + 8, size - 8)
  }
  if (size > scratch.length) return hex(bytes, start, end).toUpperCase()
  if (size > 7) return spelled(hexPairs, bytes, start, size)
  return size > 3
    ? three(bytes, start) + fewPairs(bytes, start + 3, size - 3)
    : fewPairs(bytes, start, size)
}

/** Two characters a byte, by a table of both. */
export function spelled(
  table: Uint16Array,
  bytes: Uint8Array,
  start: number,
  size: number
): string {
  const room = size > scratch.length ? new Uint16Array(size) : scratch
  for (let at = 0; at < size; at++) room[at] = table[bytes[start + at]!]!
  return room === scratch
    ? latin1(scratchBytes, 0, size * 2)
    : latin1(new Uint8Array(room.buffer), 0, size * 2)
}

/** PIN blocks and MACs. */
function eightPairs(bytes: Uint8Array, s: number): string {
  const a = bytes[s]!
  const b = bytes[s + 1]!
  const c = bytes[s + 2]!
  const d = bytes[s + 3]!
  const e = bytes[s + 4]!
  const f = bytes[s + 5]!
  const g = bytes[s + 6]!
  const h = bytes[s + 7]!
  return from(
    high[a]!,
    low[a]!,
    high[b]!,
    low[b]!,
    high[c]!,
    low[c]!,
    high[d]!,
    low[d]!,
    high[e]!,
    low[e]!,
    high[f]!,
    low[f]!,
    high[g]!,
    low[g]!,
    high[h]!,
    low[h]!
  )
}

function three(bytes: Uint8Array, s: number): string {
  const a = bytes[s]!
  const b = bytes[s + 1]!
  const c = bytes[s + 2]!
  return from(high[a]!, low[a]!, high[b]!, low[b]!, high[c]!, low[c]!)
}

function fewPairs(bytes: Uint8Array, s: number, size: number): string {
  switch (size) {
    case 0:
      return ""
    case 1: {
      const a = bytes[s]!
      return from(high[a]!, low[a]!)
    }
    case 2: {
      const a = bytes[s]!
      const b = bytes[s + 1]!
      return from(high[a]!, low[a]!, high[b]!, low[b]!)
    }
    case 3:
      return three(bytes, s)
    default:
      return three(bytes, s) + fewPairs(bytes, s + 3, size - 3)
  }
}
