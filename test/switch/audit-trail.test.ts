/** The audit trail over an outage and a kill: nothing is missing, order is kept, the bound holds. */

import { PgClient } from "@effect/sql-pg"
import { Effect, Exit, Layer, Scope } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { JournalShape, JournalWrite } from "../../src/domain/ports/journal.ts"
import { Journal } from "../../src/domain/ports/journal.ts"
import { verifyAudit } from "../../src/ledger/audit-log.ts"
import { migrateSchema } from "../../src/ledger/schema.ts"
import { makeMetrics } from "../../src/observe/metrics.ts"
import { Observatory } from "../../src/observe/observatory.ts"
import { type AuditTrail, makeAuditTrail, maxPending } from "../../src/switch/audit-trail.ts"
import { machine } from "../ledger/machine.ts"
import { SharedServer, until } from "../ledger/server.ts"
import { writtenLines } from "../observe/written-lines.ts"

const server = new SharedServer()
const state = new Map<string, unknown>()
const { lines, written: said } = writtenLines("error")

const journal = {
  entries: () => [...state],
  note: (writes: ReadonlyArray<JournalWrite>) => {
    for (const { key, value } of writes) {
      if (value === undefined) state.delete(key)
      else state.set(key, value)
    }
  }
} as unknown as JournalShape

const ground = Layer.mergeAll(
  Layer.succeed(Journal, journal),
  Layer.succeed(Observatory, {
    metrics: makeMetrics(),
    lines,
    onScrape: () => {},
    scrape: () => ""
  }),
  machine
)

/** A trail until its process is killed; `missing`: PostgreSQL is away all the while. */
async function withTrail(
  body: (trail: AuditTrail) => Effect.Effect<void>,
  missing = false
): Promise<void> {
  const scope = Scope.makeUnsafe()
  const built = Effect.gen(function*() {
    const trail = yield* makeAuditTrail
    yield* body(trail)
  }).pipe(Effect.provide(ground), Effect.provideService(Scope.Scope, scope))
  const away = { withTransaction: () => Effect.fail(new Error("away")) } as never
  await (missing
    ? Effect.runPromise(Effect.provideService(built, PgClient.PgClient, away))
    : server.run(built))
  await Effect.runPromise(Scope.close(scope, Exit.void))
}

const entry = (detail: string) =>
  ({
    actor: "operator",
    origin: "admin",
    action: "reload",
    target: "",
    outcome: "done",
    detail
  }) as const

beforeAll(async () => {
  await server.start()
  await server.run(migrateSchema)
}, 60_000)
afterAll(() => server.stop())

it(
  "keeps what PostgreSQL could not take, and writes it after the next start, in order",
  async () => {
    await withTrail((trail) =>
      Effect.sync(() => {
        for (let each = 0; each < 450; each++) trail.add(entry(`first ${each}`))
      }), true)
    expect(state.size).toBe(450)
    await withTrail((trail) =>
      Effect.gen(function*() {
        trail.add(entry("second"))
        yield* until(() => trail.pending() === 0, "everything is written")
      })
    )
    expect(state.size).toBe(0)
    expect(await server.run(verifyAudit)).toMatchObject({ entries: 451, faults: [] })
    const details = await server.run(Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      return yield* sql<{ detail: string }>`SELECT detail FROM audit_log ORDER BY sequence`
    }))
    const expected = [...Array.from({ length: 450 }, (_, each) => `first ${each}`), "second"]
    expect(details.map(({ detail }) => detail)).toEqual(expected)
  },
  60_000
)

it("lets no text stand in the way of the entries behind it, and no card number rest", async () => {
  const before = await server.run(verifyAudit)
  await withTrail((trail) =>
    Effect.gen(function*() {
      trail.add({ ...entry("card 4111111111111111"), actor: "T\0", target: "\0", origin: "\uD800" })
      expect(JSON.stringify([...state])).not.toContain("4111111111111111")
      trail.add(entry("behind it"))
      yield* until(() => trail.pending() === 0, "everything is written")
    })
  )
  const after = await server.run(verifyAudit)
  expect(after).toMatchObject({ entries: before.entries + 2, faults: [] })
}, 60_000)

it("does not let a night of knocking fill the journal", async () => {
  await withTrail((trail) =>
    Effect.sync(() => {
      for (let each = 0; each < maxPending + 3; each++) trail.add(entry("knock"))
      expect(trail.pending()).toBe(maxPending)
    }), true)
  expect(said.join("").match(/audit-entry-lost/g)).toHaveLength(3)
})
