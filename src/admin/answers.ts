/** Answers of the admin listener. What must hold: none of them has a card number or a key in it. */

import { maskedJson } from "../domain/masked-json.ts"
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
  const body = Buffer.from(`${maskedJson(value)}\n`)
  return { status, headers: headers("application/json"), body }
}

/** `advice` says what to do about it. */
export function refusal(status: number, advice: string): HttpResponse {
  return jsonAnswer({ error: advice }, status)
}
