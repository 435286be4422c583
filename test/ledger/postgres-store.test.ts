/** The store on a real server: forward only, all or nothing, every contradiction named. */

import { PgClient } from "@effect/sql-pg"
import { Effect, Logger } from "effect"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { LedgerEntry } from "../../src/domain/ports/journal.ts"
import { LedgerStore } from "../../src/domain/ports/ledger.ts"
import { postgresStoreLayer } from "../../src/ledger/postgres-store.ts"
import { ensurePartitions, migrateSchema } from "../../src/ledger/schema.ts"
import { entry, idOf, sale, sales } from "./records.ts"
import { type Database, SharedServer } from "./server.ts"

const server = new SharedServer()
const missing: Array<string> = []

beforeAll(async () => {
  await server.start()
  await server.run(Effect.andThen(migrateSchema, ensurePartitions(["2026-03-02"])))
})
afterAll(() => server.stop())

beforeEach(() =>
  server.run(Effect.gen(function*() {
    missing.length = 0
    const sql = yield* PgClient.PgClient
    yield* sql`TRUNCATE transactions, advices, orders, notifications, pushes, batches, exceptions,
      watermarks`
  }))
)

const store = postgresStoreLayer({
  node: "n1",
  timeoutMs: 10_000,
  partitionMissing: (day) => void missing.push(day)
})

const run = <A, E>(effect: Effect.Effect<A, E, Database | LedgerStore>): Promise<A> =>
  server.run(Effect.provide(effect, store))

const write = (entries: ReadonlyArray<LedgerEntry>) =>
  Effect.flatMap(LedgerStore, (ledger) => ledger.write(entries))

const query = (text: string) => Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(text))

describe("the store on PostgreSQL", () => {
  it("writes a batch once, however often it is told to", () =>
    run(Effect.gen(function*() {
      expect(yield* write(sales(200))).toMatchObject({ rows: 200, conflicts: [] })
      expect(yield* write(sales(200))).toMatchObject({ rows: 0, conflicts: [] })
      expect(yield* query("SELECT count(*)::int AS n FROM transactions")).toEqual([{ n: 200 }])
    })))

  it("only goes forward, whatever the order of arrival", () =>
    run(Effect.gen(function*() {
      yield* write([entry(sale(1, { version: 2, state: "reversing" }))])
      yield* write([entry(sale(1, { version: 1, state: "forwarded" }))])
      expect(yield* query("SELECT version, state FROM transactions"))
        .toEqual([{ version: 2, state: "reversing" }])
      // Both versions in one batch: the further one is written.
      yield* write([
        entry(sale(1, { version: 4, state: "recorded" })),
        entry(sale(1, { version: 3, state: "reversed" }))
      ])
      expect(yield* query("SELECT version, state FROM transactions"))
        .toEqual([{ version: 4, state: "recorded" }])
    })))

  it("names a row that contradicts the one it holds, and keeps that one", () =>
    run(Effect.gen(function*() {
      yield* write(sales(3))
      const wrong = [
        entry(sale(0, { response: "05" })),
        entry(sale(1, { version: 9, fingerprint: "other" })),
        entry(sale(2))
      ]
      const written = yield* write(wrong)
      expect(written.rows).toBe(0)
      expect([...written.conflicts].sort()).toEqual([
        `transactions:${idOf(0)}`,
        `transactions:${idOf(1)}`
      ])
      expect(yield* query("SELECT DISTINCT version, response FROM transactions"))
        .toEqual([{ version: 3, response: "00" }])
    })))

  it("makes the partition of a day that has none, and says so (B10)", () => {
    const logged: Array<unknown> = []
    const logger = Logger.make(({ message }) => void logged.push(message))
    return run(
      Effect.gen(function*() {
        yield* write([entry(sale(1, { day: "2026-12-31" as never })), entry(sale(2))])
        expect(missing).toEqual(["2026-12-31"])
        expect(yield* query("SELECT count(*)::int AS n FROM transactions_20261231"))
          .toEqual([{ n: 1 }])
        expect(logged).toEqual([["partition-missing", { day: "2026-12-31" }]])
      }).pipe(Effect.provide(Logger.layer([logger])))
    )
  })

  it("refuses a batch that one bad row spoils, whole", () =>
    run(Effect.gen(function*() {
      const bad = [
        sale(7, { merchant: "a\0b" as never }),
        sale(7, { amount: -1 }),
        sale(7, { panMask: "6212341234561234567" }),
        sale(7, { link: 3_000_000_000 })
      ]
      for (const row of bad) {
        const error = yield* Effect.flip(write([...sales(5), entry(row)]))
        expect(error._tag).toBe("LedgerRejected")
      }
      expect(yield* query("SELECT count(*)::int AS n FROM transactions")).toEqual([{ n: 0 }])
    })))

  it("stores every column as it was told, awkward texts included", () =>
    run(Effect.gen(function*() {
      const merchant = `a"b\\c{},null\n\u0001 é`
      yield* write([entry(sale(1, { merchant: merchant as never })), entry(sale(2))])
      const [row] = yield* query(`SELECT *, received_at::text AS received FROM transactions
        WHERE id = '${idOf(1)}'`)
      expect(row).toMatchObject({
        merchant,
        day: "2026-03-02",
        node: "n1",
        amount: 1001n,
        approved: true,
        original: null,
        own_ms: 2.5,
        received: "2026-03-02 10:00:00.001+00",
        story: [0n, 0n, 3n, 2n, 4n, 41n]
      })
      const story = yield* query(`SELECT s.state, s.at::text FROM transactions t,
        transaction_story(t.received_at, t.story) s WHERE t.id = '${idOf(1)}' ORDER BY s.step`)
      expect(story).toEqual([
        { state: "received", at: "2026-03-02 10:00:00.001+00" },
        { state: "forwarded", at: "2026-03-02 10:00:00.003+00" },
        { state: "answered", at: "2026-03-02 10:00:00.042+00" }
      ])
    })))

  it("writes all tables of a batch and its mark together", () =>
    run(Effect.gen(function*() {
      const ledger = yield* LedgerStore
      const entries = everyTable()
      const first = yield* ledger.write(entries, { lane: 2, sequence: 41 })
      expect(first).toEqual({ rows: entries.length, conflicts: [], heldMarks: new Map() })
      expect(yield* ledger.write(entries, { lane: 2, sequence: 40 }))
        .toEqual({ rows: 0, conflicts: [], heldMarks: new Map([[2, 41]]) })
      expect([...(yield* ledger.marks)]).toEqual([[2, 41]])
      expect(yield* ledger.write([], { lane: 2, sequence: 42 })).toMatchObject({
        heldMarks: new Map([[2, 41]])
      })
      expect([...(yield* ledger.marks)]).toEqual([[2, 42]])
    })))

  it("moves advices, orders and pushes by the rank of their states", () =>
    run(Effect.gen(function*() {
      const entries = everyTable()
      const changed = (state: string, attempts: number) =>
        [
          { table: "advices", row: { ...entries[1]!.row, attempts, state } },
          { table: "orders", row: { ...entries[2]!.row, state: "paid" } },
          { table: "pushes", row: { ...entries[4]!.row, attempts, state } }
        ] as Array<LedgerEntry>
      yield* write(entries)
      expect((yield* write(changed("acknowledged", 1))).rows).toBe(3)
      expect((yield* write(changed("pending", 9))).rows).toBe(0)
      expect(yield* query("SELECT state FROM advices UNION ALL SELECT state FROM orders"))
        .toEqual([{ state: "acknowledged" }, { state: "paid" }])
    })))
})

function everyTable(): Array<LedgerEntry> {
  const { id: transaction, merchant, terminal } = sale(1)
  const money = { amount: 100, currency: "156" }
  const sums = { debit: 100, debits: 1, credit: 0, credits: 0 }
  const totals = { domestic: sums, foreign: sums }
  const times = { createdMs: 1, expiresMs: 2 }
  return [
    entry(sale(1)),
    {
      table: "advices",
      row: {
        transaction,
        kind: "reversal",
        upstream: "acquirer",
        reason: "upstream-timeout",
        stan: sale(1).stan,
        attempts: 0,
        createdMs: 1,
        nextMs: 2,
        state: "pending"
      }
    },
    {
      table: "orders",
      row: {
        order: "o1",
        transaction,
        terminal,
        merchant,
        scheme: "wechat",
        channel: "qr-screen",
        ...money,
        ...times,
        state: "waiting"
      }
    },
    {
      table: "notifications",
      row: {
        id: "wechat:1",
        scheme: "wechat",
        payment: "p1",
        event: "paid",
        ...money,
        merchantAccount: "m",
        paidMs: 1,
        receivedMs: 2
      }
    },
    {
      table: "pushes",
      row: {
        terminal,
        sequence: 1,
        transaction,
        body: { text: "paid \"1.00\"\n", ok: true },
        ...times,
        attempts: 0,
        state: "pending"
      }
    },
    {
      table: "batches",
      row: {
        id: transaction,
        terminal,
        merchant,
        batch: "000001",
        closedMs: 1,
        balanced: true,
        declared: totals,
        counted: totals
      }
    },
    { table: "exceptions", row: { id: "e1", reason: "r", detail: "d", atMs: 1 } }
  ]
}
