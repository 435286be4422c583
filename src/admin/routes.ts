/**
 * The admin API as a table: what is asked, and what happens. Reads are GET and change nothing;
 * everything else is POST with a JSON body, which no web page of a stranger can send.
 */

import { Effect } from "effect"
import { isDay } from "../domain/business-day.ts"
import type { HttpResponse } from "../domain/ports/http.ts"
import { prometheusContentType } from "../observe/prometheus-text.ts"
import { jsonAnswer, refusal, textAnswer } from "./answers.ts"
import type { AdminFaces, TransactionQuery, Unavailable } from "./faces.ts"
import { obstacles } from "./readiness.ts"

/** One question, taken apart. */
export interface Asked {
  /** Values of the `:names` in the path. */
  readonly names: ReadonlyMap<string, string>
  readonly query: URLSearchParams
  readonly body: Readonly<Record<string, unknown>>
}

type Answer = HttpResponse | Effect.Effect<HttpResponse>

export interface Route {
  readonly method: "GET" | "POST"
  /** Segments that begin with a colon are names. */
  readonly path: string
  /** One sentence for the reference. */
  readonly about: string
  readonly answer: (faces: AdminFaces, asked: Asked) => Answer
}

/** Rows of one answer; more are asked for with `limit`, up to `mostRows`. */
const usualRows = 100
const mostRows = 10_000

const get = (path: string, about: string, answer: Route["answer"]): Route =>
  Object.freeze({ method: "GET", path, about, answer })
const post = (path: string, about: string, answer: Route["answer"]): Route =>
  Object.freeze({ method: "POST", path, about, answer })

/** What changes something: only while it can be put on record. */
const act = (path: string, about: string, answer: Route["answer"]): Route =>
  post(
    path,
    about,
    (faces, asked) =>
      faces.recordable()
        ? answer(faces, asked)
        : refusal(503, "the audit log takes no entry: see to PostgreSQL and the journal first")
  )

const queryKeys = ["id", "rrn", "stan", "terminal", "merchant", "day"] as const
const queryWords = [...queryKeys, "amount"].join(", ")

const page = (path: string, about: string): Route =>
  get(path, about, (faces) => faces.console.get(path) ?? refusal(404, "the console is not there"))

export const routes: ReadonlyArray<Route> = [
  page("/", "The console, for a browser on this machine."),
  page("/console.css", "Its looks."),
  page("/console.js", "What it does: it asks this API."),
  get(
    "/metrics",
    "Prometheus text.",
    ({ scrape }) => textAnswer(scrape(), 200, prometheusContentType)
  ),
  get("/livez", "200 while the event loop turns.", () => textAnswer("alive\n")),
  get("/readyz", "200 when a new transaction could complete, or why it could not.", (faces) => {
    const found = obstacles(faces.readiness)
    return found.length === 0
      ? textAnswer("ready\n")
      : textAnswer(found.map((line) => `${line}\n`).join(""), 503)
  }),
  get("/healthz", "Journal mode, versions, and invariants that were given up.", (faces) => {
    const found = obstacles(faces.readiness)
    return jsonAnswer({ ready: found.length === 0, obstacles: found, ...faces.health() })
  }),

  get(
    "/api/sessions",
    "Sessions; `terminal`, `limit`.",
    ({ sessions }, { query }) =>
      limited(
        query,
        (limit) => jsonAnswer(sessions.list(query.get("terminal") ?? undefined, limit))
      )
  ),
  get("/api/sessions/ended", "Why the last ones ended; `terminal`, `limit`.", (
    { sessions },
    { query }
  ) =>
    limited(
      query,
      (limit) => jsonAnswer(sessions.ended(query.get("terminal") ?? undefined, limit))
    )),
  act(
    "/api/sessions/:terminal/close",
    "Ends a terminal's session.",
    ({ sessions }, { names }) =>
      done(sessions.close(names.get("terminal")!), "that terminal has no session")
  ),

  get(
    "/api/serials",
    "The DUKPT device of each terminal, and how far it has counted; `terminal`, `limit`.",
    ({ serials }, { query }) =>
      limited(query, (limit) => jsonAnswer(serials.list(query.get("terminal") ?? undefined, limit)))
  ),
  act(
    "/api/serials/:terminal/forget",
    "The terminal was given other keys: it may begin with another device; `{sameDevice}`: true " +
      "when the one that it has begins anew.",
    ({ serials }, { body, names }) =>
      orAway(
        serials.forget(names.get("terminal")!, body["sameDevice"] === true).pipe(
          Effect.map((found) => done(found, "that terminal has no DUKPT device"))
        )
      )
  ),

  get(
    "/api/upstreams",
    "Links, breakers, windows.",
    ({ upstreams }) => jsonAnswer(upstreams.list())
  ),
  act("/api/upstreams/:name/breaker", "`{to}`: open, closed or auto.", (
    { upstreams },
    { body, names }
  ) => {
    const to = (["open", "closed", "auto"] as const).find((each) => each === body["to"])
    if (to === undefined) return refusal(400, "to: expected open, closed or auto")
    return done(upstreams.force(names.get("name")!, to), "there is no such upstream")
  }),
  act("/api/upstreams/:name/links/:link/drain", "Takes a link out of service gently.", (
    { upstreams },
    { names }
  ) => done(upstreams.drain(names.get("name")!, linkOf(names)), "there is no such link")),
  act("/api/upstreams/:name/links/:link/resume", "Lets a drained link back.", (
    { upstreams },
    { names }
  ) => done(upstreams.resume(names.get("name")!, linkOf(names)), "there is no such link")),

  get("/api/advices", "Reversals and other advices not yet taken; `limit`.", (
    { advices },
    { query }
  ) => limited(query, (limit) => jsonAnswer(advices.list(limit)))),
  get(
    "/api/exceptions",
    "What was handed to a human; `limit`.",
    ({ exceptions }, { query }) =>
      limited(
        query,
        (limit) => orAway(exceptions.list(limit).pipe(Effect.map((rows) => jsonAnswer(rows))))
      )
  ),
  act("/api/exceptions/:id/resolve", "`{note}`: closes an exception with a reason.", (
    { exceptions },
    { body, names }
  ) => {
    const note = body["note"]
    if (typeof note !== "string" || note.trim() === "") {
      return refusal(400, "note: say in a sentence how it was resolved")
    }
    const resolved = exceptions.resolve(names.get("id")!, note)
    return orAway(resolved.pipe(
      Effect.map((found) => done(found, "there is no open exception of that id"))
    ))
  }),
  get("/api/transactions", `Search by ${queryWords}; \`limit\`.`, ({ transactions }, { query }) => {
    return limited(query, (limit) => {
      const asked = queryOf(query, limit)
      if (Object.keys(asked).length === 1) return refusal(400, `give one of ${queryWords}`)
      const fault = malformed(asked)
      if (fault !== undefined) return refusal(400, fault)
      return orAway(transactions.search(asked).pipe(Effect.map((rows) => jsonAnswer(rows))))
    })
  }),

  post("/api/lab/decode", "`{hex}`: reads a message, masked; nothing of it is kept.", (
    { lab },
    { body }
  ) => {
    const hex = body["hex"]
    const read = typeof hex === "string" ? lab.decode(hex) : undefined
    return read === undefined
      ? refusal(400, "hex: expected two digits a byte, and up to 8,192 bytes")
      : jsonAnswer(read)
  }),

  act(
    "/api/reload",
    "Reads the configuration again; all of it is applied, or none.",
    (faces) =>
      faces.reload.pipe(
        Effect.map((report) => jsonAnswer(report, report.refused.length === 0 ? 200 : 409))
      )
  ),
  act(
    "/api/drain",
    "Stops accepting, lets what is in flight end, and ends the process.",
    (faces) => faces.drain.pipe(Effect.as(jsonAnswer({ draining: true }, 202)))
  )
]

function done(found: boolean, advice: string): HttpResponse {
  return found ? jsonAnswer({ done: true }) : refusal(404, advice)
}

function orAway(
  answer: Effect.Effect<HttpResponse, Unavailable>
): Effect.Effect<HttpResponse> {
  return answer.pipe(
    Effect.catch(({ advice }) => Effect.succeed(refusal(503, advice)))
  )
}

function limited(query: URLSearchParams, answer: (limit: number) => Answer): Answer {
  const limit = Number(query.get("limit") ?? usualRows)
  return Number.isSafeInteger(limit) && limit > 0
    ? answer(Math.min(limit, mostRows))
    : refusal(400, "limit: expected a whole number from 1 on")
}

function linkOf(names: ReadonlyMap<string, string>): number {
  const text = names.get("link")!
  return /^\d{1,4}$/.test(text) ? Number(text) : -1
}

/** Why PostgreSQL could not read it. */
function malformed({ amount, day, id, ...texts }: TransactionQuery): string | undefined {
  if (id !== undefined && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) {
    return "id: expected a UUID in lower case"
  }
  if (day !== undefined && !isDay(day)) return "day: expected YYYY-MM-DD"
  for (const [key, text] of Object.entries(texts)) {
    if (/[^\x20-\x7E]/.test(String(text))) return `${key}: expected printable ASCII characters`
  }
  const isAmount = amount === undefined || (Number.isSafeInteger(amount) && amount >= 0)
  return isAmount ? undefined : "amount: expected minor units"
}

function queryOf(query: URLSearchParams, limit: number): TransactionQuery {
  const given = queryKeys.map((key) => [key, query.get(key) ?? ""] as const)
  const amount = query.get("amount") ?? ""
  return {
    ...Object.fromEntries(given.filter(([, value]) => value !== "")),
    ...(amount === "" ? {} : { amount: Number(amount) }),
    limit
  }
}
