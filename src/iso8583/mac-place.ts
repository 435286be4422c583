/**
 * Where the MAC of a message stands. Must hold: it is the last field or there is none, since it
 * covers what stands before it and nothing else.
 */

import type { MacRule, Message } from "./message.ts"

/** Does one of its MAC fields stand in the message, wherever? */
export function hasMac(message: Message): boolean {
  const { mac } = message.dialect
  if (mac === undefined) return false
  for (const field of mac.fields) if (message.has(field)) return true
  return false
}

/** Where the MAC's entry (`field, start, end`) stands in an index of `count` fields, or -1. */
export function macPlace(
  rule: MacRule | undefined,
  index: Int32Array,
  count: number = index[0]!
): number {
  const last = 3 * count - 2
  return rule !== undefined && last > 0 && rule.fields.includes(index[last]!) ? last : -1
}
