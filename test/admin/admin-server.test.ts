/** The admin listener over a real socket, and readiness without one. */

import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { describe } from "vitest"
import { Timers } from "../../src/actor/timers.ts"
import { answerTo, serveAdmin } from "../../src/admin/admin-server.ts"
import type { AdminFaces } from "../../src/admin/faces.ts"
import { obstacles } from "../../src/admin/readiness.ts"
import { MachineHttp } from "../../src/listen/machine-http.ts"
import { MachineTime } from "../../src/listen/machine-time.ts"
import { goodJournal, goodUpstream, makeFaces } from "./faces.ts"

const machine = MachineHttp.pipe(
  Layer.provideMerge(Timers.layer),
  Layer.provideMerge(MachineTime)
)

interface Reply {
  readonly status: number
  readonly text: string
  readonly json: () => unknown
}

/** Serves `faces` and asks them. */
const asking = (
  faces: AdminFaces,
  questions: (
    ask: (path: string, init?: RequestInit) => Effect.Effect<Reply>
  ) => Effect.Effect<void>
) =>
  Effect.gen(function*() {
    const { port } = yield* serveAdmin({ host: "127.0.0.1", port: 0 }, faces)
    yield* questions((path, init) =>
      Effect.promise(async () => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
        const text = await response.text()
        return { status: response.status, text, json: () => JSON.parse(text) as unknown }
      })
    )
  }).pipe(Effect.scoped, Effect.provide(machine))

const post = (body: object): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body)
})

describe("the admin listener", () => {
  it.live("answers probes, metrics and questions", () => {
    const { faces } = makeFaces()
    return asking(faces, (ask) =>
      Effect.gen(function*() {
        expect((yield* ask("/livez")).status).toBe(200)
        expect((yield* ask("/readyz")).text).toBe("ready\n")
        expect((yield* ask("/metrics")).text).toBe("pointsman_sessions 0\n")
        expect((yield* ask("/healthz")).json()).toMatchObject({ ready: true, mode: "strict" })
        const sessions = (yield* ask("/api/sessions?terminal=T9")).json()
        expect(sessions).toMatchObject([{ terminals: ["T9"] }])
        expect((yield* ask("/api/exceptions")).json()).toMatchObject([{ id: "e1" }])
        expect((yield* ask("/nowhere")).status).toBe(404)
        expect((yield* ask("/api/drain")).status).toBe(405)
      }))
  })

  it.live("D8: does nothing that the audit log would not hold", () => {
    const { calls, faces } = makeFaces({ recordable: () => false })
    return asking(faces, (ask) =>
      Effect.gen(function*() {
        for (const path of ["upstreams/acquirer/links/0/drain", "sessions/T1/close", "drain"]) {
          const refused = yield* ask(`/api/${path}`, post({}))
          expect([refused.status, refused.text]).toEqual([
            503,
            expect.stringContaining("audit log")
          ])
        }
        expect(calls).toEqual([])
        expect((yield* ask("/api/sessions")).status).toBe(200)
      }))
  })

  it.live("changes what it is asked to change, and says when there is no such thing", () => {
    const { calls, faces } = makeFaces()
    return asking(faces, (ask) =>
      Effect.gen(function*() {
        const force = "/api/upstreams/acquirer/breaker"
        expect((yield* ask(force, post({ to: "open" }))).status).toBe(200)
        expect((yield* ask(force, post({ to: "ajar" }))).status).toBe(400)
        expect((yield* ask("/api/upstreams/x/breaker", post({ to: "auto" }))).status).toBe(404)
        const link = "/api/upstreams/acquirer/links"
        expect((yield* ask(`${link}/0/drain`, post({}))).status).toBe(200)
        expect((yield* ask(`${link}/7/resume`, post({}))).status).toBe(404)
        for (const none of ["%20", "0x0", "00000", "-0", "1e0"]) {
          expect((yield* ask(`${link}/${none}/drain`, post({}))).status).toBe(404)
        }
        expect(calls.splice(4)).toEqual(Array.from({ length: 5 }, () => "drain acquirer -1"))
        expect((yield* ask("/api/exceptions/e1/resolve", post({ note: " " }))).status).toBe(400)
        expect((yield* ask("/api/exceptions/e1/resolve", post({ note: "paid" }))).status).toBe(200)
        expect((yield* ask("/api/sessions/T%31/close", post({}))).status).toBe(200)
        expect((yield* ask("/api/reload", post({}))).json()).toMatchObject({ version: 2 })
        expect((yield* ask("/api/drain", post({}))).status).toBe(202)
        expect(calls).toEqual([
          "force acquirer open",
          "force x auto",
          "drain acquirer 0",
          "resume acquirer 7",
          "resolve e1 paid",
          "close T1",
          "drain"
        ])
      }))
  })

  it.live("lets no page of a stranger change or read anything", () => {
    const { calls, faces } = makeFaces()
    return asking(faces, (ask) =>
      Effect.gen(function*() {
        // What a form or a simple request can send without asking first.
        const form = { method: "POST", body: "{}", headers: { "content-type": "text/plain" } }
        expect((yield* ask("/api/drain", form)).status).toBe(415)
        const guise = { "content-type": "text/plain; a=application/json" }
        expect((yield* ask("/api/drain", { ...form, headers: guise })).status).toBe(415)
        expect((yield* ask("/api/drain", { method: "OPTIONS" })).status).toBe(405)
        expect((yield* ask("/api/drain", post([]))).status).toBe(415)
        const rebound = {
          method: "GET",
          path: "/api/transactions?stan=1",
          remote: "",
          body: Buffer.of()
        }
        const headers = new Map([["host", "evil.example.org:8080"]])
        expect(answerTo(faces, "127.0.0.1", { ...rebound, headers })).toMatchObject({ status: 421 })
        const bare = new Map([["host", "evil.example.org:"]])
        expect(answerTo(faces, "127.0.0.1", { ...rebound, headers: bare }))
          .toMatchObject({ status: 421 })
        const ours = new Map([["host", "[::1]:8080"]])
        expect(answerTo(faces, "127.0.0.1", { ...rebound, path: "/api/sessions", headers: ours }))
          .toMatchObject({ status: 200 })
        expect(calls).toEqual([])
      }))
  })

  it("answers by the name it listens on, and probes and scrapers by any", () => {
    const { faces } = makeFaces()
    const asked = (path: string, host: string) => {
      const headers = new Map([["host", host]])
      const answer = answerTo(faces, "admin.test", {
        method: "GET",
        path,
        remote: "",
        headers,
        body: Buffer.of()
      })
      return "status" in answer ? answer.status : undefined
    }
    expect(asked("/api/sessions", "admin.test:8587")).toBe(200)
    expect(asked("/api/sessions", "pointsman.test:8587")).toBe(421)
    for (const path of ["/metrics", "/livez", "/readyz", "/healthz"]) {
      expect([path, asked(path, "pointsman.test:8587")]).toEqual([path, 200])
    }
  })

  it("lets nobody keep what it shows", () => {
    const { faces } = makeFaces()
    const headers = new Map([["host", "localhost"]])
    for (const path of ["/api/sessions", "/metrics", "/api/nothing"]) {
      const asked = { method: "GET", path, remote: "", headers, body: Buffer.of() }
      expect(answerTo(faces, "127.0.0.1", asked)).toMatchObject({
        headers: new Map([
          ["content-type", expect.any(String)],
          ["cache-control", "no-store"]
        ])
      })
    }
  })

  it.live("shows no card number and no sealed content, and needs something to search for", () => {
    const { calls, faces } = makeFaces()
    return asking(faces, (ask) =>
      Effect.gen(function*() {
        expect((yield* ask("/api/transactions")).status).toBe(400)
        const { text } = yield* ask("/api/transactions?rrn=123&limit=99999999")
        expect(text).toContain("411111******1111")
        expect(JSON.parse(text)).toMatchObject([{ sealed: "3 bytes" }])
        expect(calls).toEqual(["search {\"rrn\":\"123\",\"limit\":10000}"])
      }))
  })

  it.live("blames the question, not PostgreSQL, for what nobody could look up", () => {
    const { calls, faces } = makeFaces()
    return asking(faces, (ask) =>
      Effect.gen(function*() {
        const wrong = ["day=2026-02-30", "day=0000-01-01", "rrn=%00", "rrn=1&limit=0", "id=x"]
        for (const query of wrong) {
          expect([query, (yield* ask(`/api/transactions?${query}`)).status]).toEqual([query, 400])
        }
        for (const path of ["sessions?limit=x", "advices?limit=-1", "exceptions?limit=1.5"]) {
          expect((yield* ask(`/api/${path}`)).status).toBe(400)
        }
        expect((yield* ask("/api/sessions/%00/close", post({}))).status).toBe(404)
        expect(calls).toEqual([])
      }))
  })

  it.live("says that PostgreSQL is away, and survives a face that breaks", () => {
    const away = Effect.fail({ advice: "PostgreSQL is away" })
    const { faces } = makeFaces({
      transactions: { search: () => away },
      reload: Effect.die("broken"),
      scrape: () => {
        throw new Error("broken")
      }
    })
    return asking(faces, (ask) =>
      Effect.gen(function*() {
        const { status, text } = yield* ask("/api/transactions?rrn=1")
        expect([status, text]).toEqual([503, expect.stringContaining("PostgreSQL is away")])
        expect((yield* ask("/api/reload", post({}))).status).toBe(500)
        expect((yield* ask("/metrics")).status).toBe(500)
        expect((yield* ask("/livez")).status).toBe(200)
      }))
  })
})

describe("readiness", () => {
  const { faces } = makeFaces()
  const good = faces.readiness
  const cases: ReadonlyArray<readonly [string, Partial<typeof good>]> = [
    ["the switch is draining", { draining: () => true }],
    ["no listener accepts", { listening: () => false }],
    ["the journal is full", { journal: () => ({ ...goodJournal, level: "full" }) }],
    ["the journal failed", { journal: () => ({ ...goodJournal, level: "failed" }) }],
    ["no upstream can take a request", { upstreams: () => [{ ...goodUpstream, breaker: "open" }] }],
    ["no upstream can take a request", {
      upstreams: () => [{ ...goodUpstream, breaker: "forced-open" }]
    }],
    ["no upstream can take a request", {
      upstreams: () => [{ ...goodUpstream, links: [{ index: 0, state: "down" }] }]
    }]
  ]
  for (const [reason, change] of cases) {
    it(`is lost when ${reason}`, () => {
      expect(obstacles({ ...good, ...change }).join()).toContain(reason)
    })
  }

  it("is lost while people hold the only wallet, and is back when they let go", () => {
    const wallet = (state: "up" | "draining") => ({
      ...good,
      upstreams: () => [{ ...goodUpstream, kind: "wallet" as const, links: [{ index: 0, state }] }]
    })
    expect(obstacles(wallet("draining"))).toHaveLength(1)
    expect(obstacles(wallet("up"))).toEqual([])
  })

  it("stays while one of several upstreams can answer, and while PostgreSQL is away", () => {
    const down = { ...goodUpstream, name: "b", breaker: "open" as const }
    const alarm = { ...goodJournal, level: "alarm" as const, feedPending: 1_000_000 }
    const change = { upstreams: () => [down, goodUpstream], journal: () => alarm }
    expect(obstacles({ ...good, ...change })).toEqual([])
  })
})
