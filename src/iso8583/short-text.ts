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

const hexDigits = "0123456789abcdef"
/** Character codes of the high and the low half byte. */
const high = Uint8Array.from({ length: 256 }, (_, byte) => hexDigits.charCodeAt(byte >> 4))
const low = Uint8Array.from({ length: 256 }, (_, byte) => hexDigits.charCodeAt(byte & 15))

/** Lower-case hex, which is also packed digits. */
export function shortHex(bytes: Uint8Array, start: number, end: number): string {
  const size = end - start
  if (size > 7) return hex(bytes, start, end)
  if (size > 3) return three(bytes, start) + fewPairs(bytes, start + 3, size - 3)
  return fewPairs(bytes, start, size)
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
