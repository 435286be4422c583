/** The ledger in memory and PostgreSQL are the same ledger: whatever is written, they agree. */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import fc from "fast-check"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { LedgerEntry } from "../../src/domain/ports/journal.ts"
import { LedgerStore } from "../../src/domain/ports/ledger.ts"
import { makeMemoryLedger } from "../../src/ledger/memory-ledger.ts"
import { postgresStoreLayer } from "../../src/ledger/postgres-store.ts"
import { migrateSchema } from "../../src/ledger/schema.ts"
import { entry, sale } from "./records.ts"
import { SharedServer } from "./server.ts"

const server = new SharedServer()
beforeAll(async () => {
  await server.start()
  await server.run(migrateSchema)
})
afterAll(() => server.stop())

const transaction = fc.record({
  number: fc.integer({ min: 0, max: 3 }),
  version: fc.integer({ min: 1, max: 4 }),
  response: fc.constantFrom("00", "05"),
  fingerprint: fc.constantFrom("f", "f", "f", "g")
}).map(({ number, ...changes }) => entry(sale(number, changes)))

const advice = fc.record({
  number: fc.integer({ min: 0, max: 2 }),
  attempts: fc.integer({ min: 0, max: 3 }),
  state: fc.constantFrom("pending" as const, "exhausted" as const, "acknowledged" as const),
  upstream: fc.constantFrom("a", "a", "a", "b")
}).map(({ number, ...row }): LedgerEntry => ({
  table: "advices",
  row: {
    ...row,
    transaction: sale(number).id,
    kind: "reversal",
    reason: "upstream-timeout",
    stan: sale(number).stan,
    createdMs: 1,
    nextMs: 2
  }
}))

const exception = fc.integer({ min: 0, max: 2 }).map((number): LedgerEntry => ({
  table: "exceptions",
  row: { id: `e${number}`, reason: "r", detail: "d", atMs: 1 }
}))

const batches = fc.array(
  fc.record({
    entries: fc.array(fc.oneof(transaction, advice, exception), { maxLength: 8 }),
    lane: fc.integer({ min: 0, max: 1 }),
    sequence: fc.integer({ min: 1, max: 20 })
  }),
  { minLength: 1, maxLength: 8 }
)

const postgres = postgresStoreLayer({
  node: "n1",
  timeoutMs: 10_000,
  partitionMissing: () => undefined
})

it("agrees on rows, contradictions and marks", async () => {
  await fc.assert(
    fc.asyncProperty(batches, async (given) => {
      const memory = makeMemoryLedger()
      await server.run(
        Effect.gen(function*() {
          const store = yield* LedgerStore
          const sql = yield* PgClient.PgClient
          yield* sql`TRUNCATE transactions, advices, exceptions, watermarks`
          for (const { entries, ...mark } of given) {
            const real = yield* store.write(entries, mark)
            const model = yield* memory.store.write(entries, mark)
            expect({ ...real, conflicts: [...real.conflicts].sort() })
              .toEqual({ ...model, conflicts: [...model.conflicts].sort() })
          }
          const stored = yield* sql`SELECT id, version, response, fingerprint FROM transactions
            ORDER BY id`
          const held = memory.ledger.rows("transactions").map((row) => ({
            id: row.id,
            version: row.version,
            response: row.response,
            fingerprint: row.fingerprint
          }))
          expect(stored).toEqual(held.sort((a, b) => a.id < b.id ? -1 : 1))
          expect(yield* store.marks).toEqual(yield* memory.store.marks)
        }).pipe(Effect.provide(postgres))
      )
    }),
    { numRuns: 60 }
  )
})
