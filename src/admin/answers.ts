/** Answers of the admin listener. What must hold: none of them has a card number or a key in it. */

import { maskText } from "../domain/pan.ts"
import type { HttpResponse } from "../domain/ports/http.ts"

const headers = (type: string): ReadonlyMap<string, string> =>
  new Map([["content-type", type], ["cache-control", "no-store"]])

export function textAnswer(
  text: string,
  status = 200,
  type = "text/plain; charset=utf-8"
): HttpResponse {
  return { status, headers: headers(type), body: Buffer.from(text) }
}

export function jsonAnswer(value: unknown, status = 200): HttpResponse {
  const text = maskText(JSON.stringify(value, shown))
  return { status, headers: headers("application/json"), body: Buffer.from(`${text}\n`) }
}

/** `advice` says what to do about it. */
export function refusal(status: number, advice: string): HttpResponse {
  return jsonAnswer({ error: advice }, status)
}

/** Byte strings are sealed content and stay inside; sets and maps get the form JSON has. */
function shown(_: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return undefined
  if (value instanceof Set) return [...value] as unknown
  if (value instanceof Map) return Object.fromEntries(value) as unknown
  return typeof value === "bigint" ? value.toString() : value
}
