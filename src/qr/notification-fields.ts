/**
 * Bodies of notices and what is read from them. What must hold: a body is looked over for its
 * depth and its number of values before it is decoded; a value of another type is as good as none.
 */

import { isUtf8 } from "node:buffer"
import type { FailureCode } from "../domain/failures.ts"
import type { NotificationVerdict } from "../domain/ports/codec.ts"

interface BodyLimits {
  readonly maxBytes: number
  /** Objects and arrays inside each other. */
  readonly maxDepth: number
  /** Values of objects and arrays, all levels together. */
  readonly maxValues: number
}

/** Every notice that the facts know is below 8 KiB, flat but for one or two levels. */
export const bodyLimits: BodyLimits = { maxBytes: 65_536, maxDepth: 8, maxValues: 512 }

export type Fields = Readonly<Record<string, unknown>>

/** The object that the bytes hold as JSON; undefined for anything else. */
export function parseFields(bytes: Uint8Array): Fields | undefined {
  if (!isShallow(bytes, bodyLimits) || !isUtf8(bytes)) return undefined
  try {
    return asFields(
      JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())
    )
  } catch {
    return undefined
  }
}

export function asFields(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Fields
    : undefined
}

/** One pass over JSON text: does it stay within the limits? Says nothing about its correctness. */
export function isShallow(bytes: Uint8Array, limits: BodyLimits): boolean {
  let depth = 0
  let values = 0
  let inText = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (inText) {
      if (byte === backslash) at++
      else if (byte === quote) inText = false
    } else if (byte === quote) {
      inText = true
    } else if (byte === openBrace || byte === openBracket) {
      values++
      if (++depth > limits.maxDepth) return false
    } else if (byte === closeBrace || byte === closeBracket) {
      depth--
    } else if (byte === comma && ++values > limits.maxValues) {
      return false
    }
  }
  return values <= limits.maxValues
}

const quote = 0x22
const comma = 0x2c
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** A text of 1 to `max` characters, none of them a control character. */
export function textOf(fields: Fields, name: string, max = 64): string | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (typeof value !== "string" || value.length === 0 || value.length > max) return undefined
  for (let at = 0; at < value.length; at++) if (value.charCodeAt(at) < 0x20) return undefined
  return value
}

/** A whole number from 0 on. */
export function countOf(fields: Fields, name: string): number | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** Optional parts of a record: absent rather than undefined. */
export function present<Name extends string>(
  name: Name,
  value: string | undefined
): { readonly [key in Name]?: string } {
  return value === undefined ? {} : { [name]: value } as { readonly [key in Name]?: string }
}

/** `2026-09-21 22:13:20` or `20260921221320`, Beijing time, as milliseconds since the epoch. */
export function beijingMs(text: string | undefined): number | undefined {
  const match = /^(\d{4})-?(\d\d)-?(\d\d) ?(\d\d):?(\d\d):?(\d\d)(?:\.\d+)?$/.exec(text ?? "")
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second] = match
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}+08:00`)
  return Number.isNaN(at) ? undefined : at
}

/** The first and the last characters of a payer's name at the wallet; short ones show nothing. */
export function maskPayer(payer: string | undefined): string | undefined {
  if (payer === undefined) return undefined
  return payer.length < 12 ? "***" : `${payer.slice(0, 3)}***${payer.slice(-3)}`
}

/** `detail` says what was wrong in a word or two, never what stood there. */
export function refused(failure: FailureCode, detail: string): NotificationVerdict {
  return { _tag: "refused", failure, detail }
}

/** A time in Unix seconds against ours. */
export function isStale(seconds: string, nowMs: number, windowMs: number): boolean {
  return Math.abs(nowMs - Number(seconds) * 1000) > windowMs
}
