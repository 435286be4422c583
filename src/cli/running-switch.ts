/** The admin listener of a running switch, as verbs ask it. */

import { type Call, type Flag, Refusal } from "./verb.ts"

export const adminFlag: Flag = {
  type: "text",
  value: "<host:port>",
  about: "admin listener of the switch",
  fallback: "127.0.0.1:8080"
}

const patienceMs = 10_000

interface Reply {
  readonly status: number
  readonly body: unknown
}

/** Asks, and gives what it says; any refusal of the switch becomes one of the verb's. */
export async function askSwitch(
  call: Call,
  method: "GET" | "POST",
  path: string,
  body?: object
): Promise<unknown> {
  const reply = await replyOf(call, method, path, body)
  if (reply.status < 300) return reply.body
  throw new Refusal(reply.status === 400 ? 2 : 1, refusalLine(reply))
}

/** As {@link askSwitch}, but a refusal is an answer too. Exit code 3 when nobody answers. */
export async function replyOf(
  { text }: Call,
  method: "GET" | "POST",
  path: string,
  body?: object
): Promise<Reply> {
  const address = text("admin") ?? ""
  if (!/^[A-Za-z0-9.[\]:_-]+:\d+$/.test(address)) {
    throw new Refusal(2, `--admin ${address}: expected host:port`)
  }
  try {
    const response = await fetch(`http://${address}${path}`, {
      method,
      // Kept alive, the connection would keep this process alive as well.
      headers: { connection: "close", "content-type": "application/json" },
      signal: AbortSignal.timeout(patienceMs),
      ...(method === "POST" ? { body: JSON.stringify(body ?? {}) } : {})
    })
    const words = await response.text()
    const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false
    return { status: response.status, body: isJson ? JSON.parse(words) as unknown : words }
  } catch {
    throw new Refusal(3, `no switch answers on ${address}: is it running? name it with --admin`)
  }
}

export function refusalLine({ body, status }: Reply): string {
  if (typeof body === "object" && body !== null && "error" in body) return String(body.error)
  return `the switch answered ${status}`
}

/** What the switch sent as rows; it is our own program, so anything else is a fault. */
export function rowsOf(value: unknown): ReadonlyArray<Readonly<Record<string, unknown>>> {
  if (!Array.isArray(value)) throw new Refusal(3, "the answer is no list: not a pointsman?")
  return value as ReadonlyArray<Readonly<Record<string, unknown>>>
}

export const limitFlag: Flag = {
  type: "number",
  value: "<rows>",
  about: "rows at most",
  fallback: 100
}
