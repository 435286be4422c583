/**
 * The admin listener: finds the route, checks that the question may be asked, answers. What must
 * hold: whatever is asked gives an answer; a page in somebody's browser cannot change anything here
 * (it can neither send JSON without asking first, nor pass for the host that we are).
 */

import { Effect, FiberSet } from "effect"
import { isIP } from "node:net"
import { Http, type HttpRequest, type HttpResponse } from "../domain/ports/http.ts"
import { jsonAnswer, refusal } from "./answers.ts"
import type { AdminFaces } from "./faces.ts"
import { type Asked, type Route, routes } from "./routes.ts"

interface AdminOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

const maxBodyBytes = 64 * 1024

/** Accepts until the scope closes. Gives the port. */
export const serveAdmin = Effect.fn("serveAdmin")(
  function*(options: AdminOptions, faces: AdminFaces) {
    const http = yield* Http
    const run = yield* FiberSet.makeRuntime()
    return yield* http.serve(
      { name: "admin", host: options.host, port: options.port, maxBodyBytes },
      (request, respond) =>
        void run(
          Effect.suspend(() => {
            const answer = answerTo(faces, options.host, request)
            return Effect.isEffect(answer) ? answer : Effect.succeed(answer)
          }).pipe(
            Effect.catchCause((cause) =>
              Effect.as(
                Effect.logError("admin-answer-failed", { path: request.path }, cause),
                refusal(500, "something broke while answering; the log says what")
              )
            ),
            Effect.map(respond)
          )
        )
    )
  }
)

/** What to answer; pure but for what the faces do. */
export function answerTo(
  faces: AdminFaces,
  host: string,
  request: HttpRequest
): HttpResponse | Effect.Effect<HttpResponse> {
  const [path = "", search = ""] = request.path.split("?", 2)
  if (path.startsWith("/api/") && !isOurName(request.headers.get("host") ?? "", host)) {
    return refusal(421, "ask by address, or by localhost")
  }
  const found = find(request.method, path)
  if (found === undefined) {
    const allowed = routes.filter((route) => match(route.path, path) !== undefined)
    if (allowed.length > 0) return refusal(405, `use ${allowed.map(({ method }) => method).join()}`)
    const known = routes.map(({ method, path: each }) => `${method} ${each}`)
    return jsonAnswer({ error: "there is no such path", known }, 404)
  }
  const body = found.route.method === "GET" ? {} : bodyOf(request)
  if (body === undefined) return refusal(415, "send a JSON object as application/json")
  return found.route.answer(faces, { ...found, query: new URLSearchParams(search), body })
}

function find(
  method: string,
  path: string
): { readonly route: Route; readonly names: Asked["names"] } | undefined {
  const asked = method === "HEAD" ? "GET" : method
  for (const route of routes) {
    const names = route.method === asked ? match(route.path, path) : undefined
    if (names !== undefined) return { route, names }
  }
  return undefined
}

function match(pattern: string, path: string): Map<string, string> | undefined {
  const wanted = pattern.split("/")
  const given = path.split("/")
  if (wanted.length !== given.length) return undefined
  const names = new Map<string, string>()
  for (const [index, segment] of wanted.entries()) {
    const word = given[index]!
    if (!segment.startsWith(":")) {
      if (segment !== word) return undefined
    } else {
      const decoded = percentDecoded(word)
      if (decoded === undefined || decoded === "") return undefined
      names.set(segment.slice(1), decoded)
    }
  }
  return names
}

function percentDecoded(word: string): string | undefined {
  try {
    const decoded = decodeURIComponent(word)
    return /\p{Cc}/u.test(decoded) ? undefined : decoded
  } catch {
    return undefined
  }
}

function bodyOf(request: HttpRequest): Readonly<Record<string, unknown>> | undefined {
  const type = request.headers.get("content-type") ?? ""
  if (!/^application\/json\b/.test(type)) return undefined
  if (request.body.length === 0) return {}
  try {
    const value: unknown = JSON.parse(Buffer.from(request.body).toString())
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value)
    return isObject ? value as Readonly<Record<string, unknown>> : undefined
  } catch {
    return undefined
  }
}

/** A name that a stranger's DNS could give to our loopback address is refused (DNS rebinding). */
function isOurName(header: string, host: string): boolean {
  const name = header.replace(/:\d+$/, "").replace(/^\[|\]$/g, "")
  return name === "localhost" || name === host || isIP(name) !== 0
}
