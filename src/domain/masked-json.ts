/**
 * JSON for people and programs outside: whatever looks like a card number is masked, in strings, in
 * numbers and in keys, and what comes out is still JSON. Byte strings show only their length.
 */

import { maskPan, maskText } from "./pan.ts"

export function maskedJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, shown, indent)
}

function shown(this: Readonly<Record<string, unknown>>, key: string, given: unknown): unknown {
  // A Buffer has become a list of its bytes by now; what it was is still in its place.
  const value = this[key] instanceof Uint8Array ? this[key] : given
  if (typeof value === "string") return maskText(value)
  if (typeof value === "number") return maskedNumber(value)
  if (typeof value === "bigint") return maskText(value.toString())
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (value instanceof Error) return { name: value.name, message: maskText(value.message) }
  if (value instanceof Map) return maskedKeys(Object.fromEntries(value) as object)
  if (value instanceof Set) return [...value] as unknown
  return typeof value === "object" && value !== null ? maskedKeys(value) : value
}

function maskedNumber(value: number): unknown {
  // The digits behind a point are nobody's card number.
  if (!Number.isInteger(value)) return value
  const text = String(value)
  return maskText(text) === text ? value : maskPan(text)
}

function maskedKeys(value: object): object {
  const keys = Array.isArray(value) ? [] : Object.keys(value)
  if (keys.every((key) => maskText(key) === key)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [maskText(key), each]))
}
