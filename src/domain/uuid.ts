/**
 * Transaction ids: UUID version 7 (RFC 9562 section 5.7), so that they sort by time.
 *
 *     tttttttt-tttt-7sss-vrrr-rrrrrrrrrrrr
 *     t: 48 bits of milliseconds   s: 12 bits of sequence   r: random (v: variant 10)
 *
 * Ids of one maker are strictly increasing: within a millisecond the sequence grows, and when it
 * overflows the time part runs ahead of the clock.
 */

import type { TransactionId } from "./brand.ts"
import type { RandomShape } from "./ports/time.ts"

const pool = 512
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

export function makeTransactionIds(random: RandomShape): (wallMs: number) => TransactionId {
  let bytes = random.bytes(pool * 8)
  let at = 0
  let lastMs = 0
  let sequence = 0
  return (wallMs) => {
    if (wallMs > lastMs) {
      lastMs = wallMs
      sequence = 0
    } else if (++sequence > 0xfff) {
      lastMs++
      sequence = 0
    }
    if (at === bytes.length) {
      bytes = random.bytes(pool * 8)
      at = 0
    }
    const time = lastMs.toString(16).padStart(12, "0")
    let tail = hex[(bytes[at]! & 0x3f) | 0x80]!
    for (let index = 1; index < 8; index++) tail += hex[bytes[at + index]!]!
    at += 8
    const middle = (0x7000 | sequence).toString(16)
    return `${time.slice(0, 8)}-${time.slice(8)}-${middle}-${tail.slice(0, 4)}-${
      tail.slice(4)
    }` as TransactionId
  }
}

/** When an id was made: milliseconds since the epoch. */
export function madeMs(id: TransactionId): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}
