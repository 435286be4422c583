/** What people ask the ledger, on a real server, and that each answer is read from an index. */

import { PgClient } from "@effect/sql-pg"
import { Deferred, Effect } from "effect"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { closeBatch } from "../../src/domain/batch-totals.ts"
import type { LedgerEntry } from "../../src/domain/ports/journal.ts"
import { LedgerStore, type LedgerUnusable } from "../../src/domain/ports/ledger.ts"
import type { TerminalProfile } from "../../src/domain/ports/terminals.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { retainRows } from "../../src/ledger/aged-rows.ts"
import { appendAudit, verifyAudit } from "../../src/ledger/audit-log.ts"
import { postgresBooksLayer } from "../../src/ledger/batch-books.ts"
import { storeEstate } from "../../src/ledger/estate-rows.ts"
import { openExceptions, resolveException } from "../../src/ledger/exceptions.ts"
import { postgresStoreLayer } from "../../src/ledger/postgres-store.ts"
import { compare, reconcile } from "../../src/ledger/reconcile.ts"
import { report } from "../../src/ledger/report.ts"
import { retain } from "../../src/ledger/retention.ts"
import { eachRoutedRow } from "../../src/ledger/routed-rows.ts"
import { migrateSchema, schemaTables } from "../../src/ledger/schema.ts"
import { searchTransactions } from "../../src/ledger/search.ts"
import { batchRecords } from "../../src/ledger/settlement.ts"
import { baseMs, entry, idOf, sale } from "./records.ts"
import { SharedServer, temporaryFolder, until } from "./server.ts"

const server = new SharedServer()
const folder = temporaryFolder()

const store = postgresStoreLayer({
  node: "n1",
  timeoutMs: 10_000,
  partitionMissing: () => undefined
})

const hold = (rows: ReadonlyArray<TransactionRecord>) =>
  server.run(
    Effect.flatMap(LedgerStore, (ledger) => ledger.write(rows.map(entry))).pipe(
      Effect.provide(store)
    )
  )

/** No upstream has answered it. */
function unseen(row: TransactionRecord): TransactionRecord {
  const { upstreamResponse, ...rest } = row
  expect(upstreamResponse).toBe("00")
  return rest
}

/** Ten sales of terminal 10000000 and its kin, and what else can happen to money. */
const rows: ReadonlyArray<TransactionRecord> = [
  ...Array.from({ length: 10 }, (_, n) => sale(n, { amount: 1000, panToken: "0f1e2d3c" })),
  sale(10, { approved: false, response: "51", upstreamResponse: "51", amount: 500 }),
  sale(11, { kind: "refund", amount: 300, original: idOf(1) }),
  sale(12, { state: "reversed", amount: 700 }),
  sale(13, { kind: "void", amount: 1000, original: idOf(2) }),
  sale(14, { channel: "qr-customer", scheme: "wechat", upstream: "wechat", amount: 250 }),
  unseen(sale(15, { approved: false, failure: "upstream-down", state: "refused", amount: 100 })),
  sale(17, { state: "exception", amount: 6000 }),
  sale(16, { day: "2026-03-03" as never, amount: 9999 })
]

beforeAll(async () => {
  await server.start()
  await server.run(migrateSchema)
  await hold(rows)
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const span = { fromMs: baseMs - 1000, toMs: baseMs + 1000, limit: 50 }

const found = (query: object) =>
  server.run(
    Effect.map(searchTransactions({ ...span, ...query }), (list) => list.map(({ id }) => id))
  )

describe("the search", () => {
  it("finds by what people have in their hands", async () => {
    expect(await found({ rrn: rows[3]?.rrn })).toEqual([idOf(3)])
    expect(await found({ rrn: rows[4]?.upstreamRrn })).toEqual([idOf(4)])
    expect(await found({ stan: "000005", terminal: rows[5]?.terminal })).toEqual([idOf(5)])
    expect(await found({ amount: 250 })).toEqual([idOf(14)])
    expect(await found({ id: idOf(7) })).toEqual([idOf(7)])
    expect(await found({ day: "2026-03-03" })).toEqual([idOf(16)])
    expect(await found({ merchant: "nobody's" })).toEqual([])
    expect(await found({ limit: 2 })).toEqual([idOf(17), idOf(16)])
    expect(await found({ rrn: rows[3]?.rrn, toMs: baseMs - 500 })).toEqual([])
  })

  it("tells the whole row, absent where nothing is", async () => {
    const [row] = await server.run(searchTransactions({ ...span, id: idOf(1) }))
    expect(row).toMatchObject({ amount: 1000, panMask: "621234******4567", node: "n1" })
    expect(row).not.toHaveProperty("failure")
    expect(row?.story).toEqual([
      ["received", baseMs + 1],
      ["forwarded", baseMs + 3],
      ["answered", baseMs + 42]
    ])
  })

  it("reads indexes and only the days asked for", async () => {
    const plan = (condition: string) =>
      server.run(Effect.gen(function*() {
        const sql = yield* PgClient.PgClient
        return yield* sql.withTransaction(Effect.gen(function*() {
          yield* sql`SET LOCAL enable_seqscan = off`
          const lines = yield* sql.unsafe<{ "QUERY PLAN": string }>(
            `EXPLAIN SELECT * FROM transactions WHERE ${condition}`
          )
          return lines.map((line) => line["QUERY PLAN"]).join("\n")
        }))
      }))
    expect(await plan("(rrn = '1' OR upstream_rrn = '1')")).toMatch(
      /_rrn_idx[\s\S]*_upstream_rrn_idx/
    )
    expect(await plan("terminal = '1' AND received_at > now()")).toContain("terminal_received_at")
    expect(await plan("day = '2026-03-02' AND stan = '1'")).not.toContain("20260303")
  })
})

describe("the rows that routes are held against", () => {
  it("are those of the days asked for, under the names that an archive has", async () => {
    const lines: Array<Record<string, unknown>> = []
    const take = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>)
    const days = { fromDay: "2026-03-03", toDay: "2026-03-04" }
    await server.run(eachRoutedRow(days, take))
    const {
      amount,
      channel,
      currency,
      id,
      kind,
      merchant,
      panMask,
      route,
      scheme,
      terminal,
      times
    } = rows.find((row) => row.day === "2026-03-03")!
    expect(lines).toEqual([{
      id,
      kind,
      channel,
      scheme,
      terminal,
      merchant,
      amount,
      currency,
      pan_mask: panMask,
      route,
      upstream: "acquirer",
      failure: null,
      received_at: expect.any(String) as unknown
    }])
    expect(Date.parse(String(lines[0]?.["received_at"]))).toBe(times.receivedMs)
    await server.run(eachRoutedRow({ fromDay: "2026-03-02", toDay: "2026-03-03" }, take))
    expect(lines).toHaveLength(rows.length + 1)
  })
})

describe("the documentation", () => {
  it("has only queries that the ledger answers", async () => {
    const text = readFileSync(
      join(import.meta.dirname, "..", "..", "docs", "operate", "ledger.md"),
      "utf8"
    )
    const queries = [...text.matchAll(/```sql\n([\s\S]*?);\n```/g)].map((match) => match[1] ?? "")
    expect(queries.length).toBeGreaterThan(10)
    const answers: Array<number> = []
    for (const query of queries) {
      const rowsFound = await server.run(
        Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(query))
      )
      answers.push(rowsFound.length)
    }
    // By reference, by terminal, and the life of one: the data of these tests has them.
    expect(answers.slice(0, 3)).toEqual([1, 1, 3])
  })
})

describe("the report", () => {
  it("counts what stands, and names the rest", async () => {
    const books = await server.run(
      report({ fromDay: "2026-03-02", toDay: "2026-03-02", timeZone: "Asia/Shanghai" })
    )
    expect(books.totals).toEqual([{
      name: "",
      currency: "156",
      sales: 11,
      salesAmount: 10_250,
      averageTicket: 932,
      refunds: 1,
      refundAmount: 300,
      voids: 1,
      voidAmount: 1000,
      approved: 15,
      declined: 1,
      approvalRate: 15 / 16,
      reversed: 1
    }])
    expect(books.hours.map(({ name }) => name)).toEqual(["18"])
    expect(books.channels.map(({ name, sales }) => [name, sales])).toEqual([
      ["chip", 10],
      ["qr-customer", 1]
    ])
    expect(books.upstreams.map(({ name, salesAmount }) => [name, salesAmount])).toEqual([
      ["acquirer", 10_000],
      ["wechat", 250]
    ])
    expect(books.merchants).toHaveLength(17)
  })
})

describe("the settlement", () => {
  it("adds the ledger and the journal up, newest version first", async () => {
    const terminal = "T0000001" as never
    const batch = "000042"
    const own = (n: number, changes: Partial<TransactionRecord> = {}) =>
      sale(n, { terminal, batch, amount: 1000, ...changes })
    await hold([own(100), own(101), own(102, { version: 1, state: "forwarded" })])
    const later = [
      own(102, { version: 5, state: "reversed" }),
      own(103),
      own(104, { state: "delivery-unconfirmed" }),
      sale(105)
    ]
    const query = { terminal, batch, sinceMs: baseMs - 1000 }
    const records = await server.run(Effect.provide(batchRecords(query, later), postgresBooksLayer))
    expect(records.map(({ id, state }) => [id, state])).toEqual([
      [idOf(100), "answered"],
      [idOf(101), "answered"],
      [idOf(102), "reversed"],
      [idOf(103), "answered"],
      [idOf(104), "delivery-unconfirmed"]
    ])
    const none = { debit: 0, debits: 0, credit: 0, credits: 0 }
    const declared = { domestic: { ...none, debit: 3000, debits: 3 }, foreign: none }
    expect(closeBatch(declared, records, true)).toMatchObject({
      balanced: true,
      undelivered: [idOf(104)]
    })
  })
})

describe("the reconciliation", () => {
  it("names what only one side has, and what differs", async () => {
    const day = "2026-03-02"
    const reference = (n: number) => rows[n]?.upstreamRrn ?? ""
    const query = { upstream: "wechat", fromDay: day, toDay: day }
    const line = { reference: reference(14), amount: 250, currency: "156" }
    expect(await server.run(reconcile(query, [line]))).toEqual({
      matched: 1,
      matchedAmount: 250,
      onlyHere: [],
      onlyThere: [],
      differing: []
    })
    const wrong = await server.run(reconcile(query, [{ ...line, amount: 251 }, {
      ...line,
      reference: "other"
    }]))
    expect(wrong.matched).toBe(0)
    expect(wrong.differing).toMatchObject([{ ours: { id: idOf(14) }, theirs: { amount: 251 } }])
    expect(wrong.onlyThere).toMatchObject([{ reference: "other" }])
    expect((await server.run(reconcile(query, []))).onlyHere).toMatchObject([{ id: idOf(14) }])
    // What we tried to reverse in vain, and they still have, is for people to look at.
    const there = { reference: rows.find(({ state }) => state === "exception")?.upstreamRrn ?? "" }
    const kept = { ...line, ...there, amount: 6000 }
    const { onlyThere } = await server.run(
      reconcile({ ...query, upstream: "acquirer" }, [kept])
    )
    expect(onlyThere).toEqual([kept])
  })

  it("lets lines of one reference agree in any order", () => {
    const line = (amount: number) => ({ reference: "1", amount, currency: "156" })
    const ours = [1, 2, 3].map((amount) => Object.assign(line(amount), { id: idOf(amount) }))
    expect(compare(ours, [line(3), line(9), line(1)])).toMatchObject({
      matched: 2,
      matchedAmount: 4,
      onlyHere: [],
      onlyThere: [],
      differing: [{ ours: { amount: 2 }, theirs: { amount: 9 } }]
    })
  })

  it("takes the same figure in another currency for other money", () => {
    const ours = { reference: "1", amount: 250, currency: "156", id: idOf(1) }
    const theirs = { reference: "1", amount: 250, currency: "840" }
    expect(compare([ours], [theirs])).toMatchObject({ matched: 0, differing: [{ ours, theirs }] })
  })

  it("leaves out what is only held: no money moved yet", async () => {
    const day = "2026-03-02"
    const upstream = "holding"
    await hold([
      sale(300, { upstream, kind: "preauth" }),
      sale(301, {
        upstream,
        kind: "preauth-cancel"
      })
    ])
    const query = { upstream, fromDay: day, toDay: day }
    expect((await server.run(reconcile(query, []))).onlyHere).toEqual([])
  })
})

describe("the audit log", () => {
  const done = (detail: string) =>
    appendAudit({
      atMs: baseMs,
      actor: "ann",
      origin: "127.0.0.1",
      action: "reload",
      target: "configuration",
      outcome: "done",
      detail
    })

  it("chains its entries, and shows a change, a gap and nothing else", async () => {
    await server.run(Effect.all(
      ["one", "two 6212345678901265", "three"].map(done),
      { concurrency: "unbounded" }
    ))
    const verdict = await server.run(verifyAudit)
    expect(verdict).toMatchObject({ entries: 3, faults: [] })
    const stored = await server.run(
      Effect.flatMap(
        PgClient.PgClient,
        (sql) => sql<{ detail: string }>`SELECT detail FROM audit_log`
      )
    )
    expect(JSON.stringify(stored)).not.toContain("6212345678901265")

    const tamper = (text: string) =>
      server.run(Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(text)))
    await expect(tamper("UPDATE audit_log SET actor = 'bob'")).rejects.toThrow()
    await expect(tamper("DELETE FROM audit_log")).rejects.toThrow()
    await tamper("ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only")
    await tamper("UPDATE audit_log SET actor = 'bob' WHERE sequence = 2")
    expect((await server.run(verifyAudit)).faults).toEqual(["entry 2 was changed"])
    await tamper("DELETE FROM audit_log WHERE sequence = 2")
    expect((await server.run(verifyAudit)).faults).toEqual([
      "entries before 3 are missing",
      "entry 3 does not follow"
    ])
  })
})

describe("the exceptions", () => {
  it("are open until somebody ends them, once", async () => {
    const raise = (id: string, atMs: number): LedgerEntry => ({
      table: "exceptions",
      row: { id, reason: "advice-exhausted", detail: "d", atMs }
    })
    await server.run(
      Effect.flatMap(LedgerStore, (ledger) => ledger.write([raise("b", 2), raise("a", 1)])).pipe(
        Effect.provide(store)
      )
    )
    const open = () =>
      server.run(Effect.map(openExceptions(10), (list) => list.map(({ id }) => id)))
    expect(await open()).toEqual(["a", "b"])
    expect(await server.run(resolveException("a", "ann", "4111111111111111\0 paid"))).toBe(true)
    const [kept] = await server.run(Effect.flatMap(
      PgClient.PgClient,
      (sql) => sql<{ resolution: string }>`SELECT resolution FROM exceptions WHERE id = 'a'`
    ))
    expect(kept?.resolution).toBe("411111******1111\uFFFD paid")
    expect(await server.run(resolveException("a", "bob", "again"))).toBe(false)
    expect(await open()).toEqual(["b"])
  })
})

describe("the estate", () => {
  it("is stored as configured, and touched only where it changed", async () => {
    const profile: TerminalProfile = {
      terminal: "T0000001" as never,
      merchant: "M1" as never,
      merchantName: "Tea",
      group: "north",
      identity: "sign-on",
      category: "5499",
      macRequired: true,
      window: 1,
      kinds: new Set(["sale"]),
      channels: new Set(["chip"]),
      currencies: new Set(["156"]),
      partialApproval: false,
      reverseUnconfirmed: false,
      blocked: false
    }
    const other = { ...profile, terminal: "T0000002" as never }
    const updated = Effect.flatMap(
      PgClient.PgClient,
      (sql) => sql`SELECT terminal, blocked, updated_at FROM terminals ORDER BY terminal`
    )
    await server.run(storeEstate([profile, other]))
    const before = await server.run(updated)
    await server.run(storeEstate([profile, { ...other, blocked: true }]))
    const after = await server.run(updated)
    expect(after[0]).toEqual(before[0])
    expect(after[1]).toMatchObject({ terminal: "T0000002", blocked: true })
  })
})

const held = () =>
  server.run(Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const [row] = yield* sql<{ n: number }>`SELECT count(*)::int AS n FROM transactions`
    return row?.n
  }))

describe("retention", () => {
  it("leaves a day where it is until its file is safe", async () => {
    const before = await held()
    const file = join(folder, "file")
    writeFileSync(file, "")
    const query = { beforeDay: "2026-03-04", folder: file, drop: true }
    const error = await server.run(Effect.flip(retain(query)))
    expect(error).toMatchObject({ _tag: "LedgerUnusable", reason: "export" })
    expect((error as LedgerUnusable).advice).toContain(file)
    expect(await held()).toBe(before)
  })

  it("has a file of its own for a day that was written to while it was exported", async () => {
    await hold([sale(300, { day: "2026-03-01" as never, version: 0 })])
    const there = join(folder, "transactions-2026-03-01.jsonl.gz")
    const query = { beforeDay: "2026-03-02", folder, drop: true }
    // Else the day may be gone before anything is written to it.
    const begun = Effect.runSync(Deferred.make<void>())
    const written = Effect.flatMap(
      PgClient.PgClient,
      (sql) =>
        sql.withTransaction(Effect.gen(function*() {
          yield* sql`UPDATE transactions SET version = 1, state = 'reversed'
          WHERE day = '2026-03-01'`
          yield* Deferred.succeed(begun, undefined)
          yield* until(() => existsSync(there), "the file of the day as it was")
        }))
    )
    const [, [gone]] = await server.run(
      Effect.all([written, Effect.andThen(Deferred.await(begun), retain(query))], {
        concurrency: "unbounded"
      })
    )
    expect(gone).toMatchObject({ day: "2026-03-01", rows: 1, dropped: true })
    const [before, after] = [there, gone?.file ?? ""].map((file) =>
      JSON.parse(gunzipSync(readFileSync(file)).toString()) as { readonly state: string }
    )
    expect([before?.state, after?.state]).toEqual(["answered", "reversed"])
  })

  it("exports, detaches and counts a day before it may go", async () => {
    const query = { beforeDay: "2026-03-03", folder, drop: false }
    const [kept] = await server.run(retain(query))
    expect(kept).toMatchObject({ day: "2026-03-02", dropped: false })
    const lines = gunzipSync(readFileSync(kept?.file ?? "")).toString().trim().split("\n")
    expect(lines).toHaveLength(kept?.rows ?? 0)
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ id: idOf(0), amount: 1000 })
    expect(await held()).toBe(1)
    // A row that comes late for that day finds a partition; then the day goes for good.
    await hold([sale(200)])
    const dropped = await server.run(retain({ ...query, drop: true }))
    expect(dropped).toMatchObject([{ day: "2026-03-02", rows: kept?.rows, dropped: true }])
    expect(dropped[0]?.file).toBe(kept?.file)
    // What came late has a file of its own, beside the first one.
    const [late] = await server.run(retain({ ...query, drop: true }))
    expect(late).toMatchObject({ day: "2026-03-02", rows: 1, dropped: true })
    expect(late?.file).toMatch(/transactions-2026-03-02-2\.jsonl\.gz$/)
    expect(gunzipSync(readFileSync(kept?.file ?? "")).toString().trim().split("\n"))
      .toHaveLength(kept?.rows ?? 0)
  })

  it("lets go of other rows that have ended, and of none that is open", async () => {
    const old = Date.parse("2026-01-05T00:00:00Z")
    const raised = (id: string, atMs: number): LedgerEntry => ({
      table: "exceptions",
      row: { id, reason: "aged", detail: "", atMs }
    })
    const advice = (n: number, state: "pending" | "acknowledged"): LedgerEntry => ({
      table: "advices",
      row: {
        transaction: idOf(n),
        kind: "reversal",
        upstream: "a",
        reason: "upstream-timeout",
        stan: "000001" as never,
        attempts: 1,
        createdMs: old,
        nextMs: old,
        state
      }
    })
    await server.run(
      Effect.flatMap(LedgerStore, (ledger) =>
        ledger.write([
          raised("old-open", old),
          raised("old-ended", old),
          raised("new-ended", Date.parse("2026-02-05T00:00:00Z")),
          advice(900, "pending"),
          advice(901, "acknowledged")
        ])).pipe(Effect.provide(store))
    )
    for (const id of ["old-ended", "new-ended"]) {
      await server.run(resolveException(id, "ann", "done"))
    }
    const query = { beforeDay: "2026-02-01", folder, drop: false }
    const kept = await server.run(retainRows(query))
    expect(kept.map(({ rows: count, table }) => [table, count])).toEqual([
      ["advices", 1],
      // The other one was resolved above.
      ["exceptions", 2]
    ])
    const dropped = await server.run(retainRows({ ...query, drop: true }))
    expect(dropped.map(({ file }) => file)).toEqual(kept.map(({ file }) => file))
    expect(gunzipSync(readFileSync(dropped[1]?.file ?? "")).toString()).toContain("old-ended")
    const left = await server.run(
      Effect.flatMap(
        PgClient.PgClient,
        (sql) => sql<{ id: string }>`SELECT id FROM exceptions WHERE reason = 'aged' ORDER BY id`
      )
    )
    expect(left.map(({ id }) => id)).toEqual(["new-ended", "old-open"])
    expect(await server.run(retainRows({ ...query, drop: true }))).toEqual([])
  })
})

describe("the schema", () => {
  it("says of every table and column in the database what the reference says", async () => {
    const comments = await server.run(
      Effect.flatMap(PgClient.PgClient, (sql) =>
        sql<{ place: string; comment: string | null }>`
          SELECT c.relname || '.' || a.attname AS place,
            col_description(c.oid, a.attnum) AS comment
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
          WHERE c.relnamespace = 'public'::regnamespace
          UNION ALL SELECT relname, obj_description(oid) FROM pg_class
          WHERE relnamespace = 'public'::regnamespace`)
    )
    const said = new Map(comments.map(({ comment, place }) => [place, comment]))
    const expected = new Map<string, string>()
    for (const { columns, comment, name } of schemaTables) {
      expected.set(name, comment)
      for (const [column, , about] of columns) expected.set(`${name}.${column}`, about)
    }
    expect(new Map([...expected.keys()].map((place) => [place, said.get(place)])))
      .toEqual(expected)
  })

  it("explains every table and column, and lets readers only read", async () => {
    const silent = await server.run(
      Effect.flatMap(PgClient.PgClient, (sql) =>
        sql`SELECT c.relname, a.attname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND c.relname <> 'schema_versions' AND c.relname !~ '\\d{8}$'
          AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)`)
    )
    expect(silent).toEqual([])
    const as = (role: string, text: string) =>
      server.run(Effect.gen(function*() {
        const sql = yield* PgClient.PgClient
        return yield* sql.withTransaction(Effect.gen(function*() {
          yield* sql`SET LOCAL ROLE ${sql(role)}`
          return yield* sql.unsafe(text)
        }))
      }))
    await as("pointsman_reader", "SELECT 1 FROM transactions LIMIT 1")
    await expect(as("pointsman_reader", "DELETE FROM transactions")).rejects.toThrow()
    await expect(as("pointsman_writer", "DELETE FROM transactions")).rejects.toThrow()
    await expect(as("pointsman_writer", "UPDATE notifications SET scheme = 'x'")).rejects.toThrow()
    await as("pointsman_writer", "SELECT ledger_partition('2030-01-01')")
    await as("pointsman_operator", "UPDATE exceptions SET resolved_by = 'ann'")
    await expect(as("pointsman_operator", "UPDATE exceptions SET reason = 'x'")).rejects.toThrow()
  })
})
