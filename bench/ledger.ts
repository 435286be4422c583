/**
 * `npm run bench -- ledger`: how fast the writer moves a feed into `transactions` with all shipped
 * indexes and partitions, what a row costs our own process, and how long a row takes to be visible,
 * beside single inserts and `COPY` into a bare staging table on the same server in the same run.
 * Every row is counted in the table afterwards. The server is the embedded one, durable.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { LedgerEntry } from "../src/domain/ports/journal.ts"
import { LedgerHealth, LedgerStore } from "../src/domain/ports/ledger.ts"
import { EmbeddedServer, visitedServerLayer } from "../src/ledger/embedded-server.ts"
import { ledgerLayer, type LedgerOptions } from "../src/ledger/ledger.ts"
import { machine } from "../test/ledger/machine.ts"
import { MemoryJournal } from "../test/ledger/memory-journal.ts"
import { day, sales } from "../test/ledger/records.ts"
import { optionsOf } from "./options.ts"

const { values: options } = optionsOf({
  options: { marks: { type: "boolean" }, quick: { type: "boolean" } }
})
const quick = options.quick === true
const sustainedRows = quick ? 50_000 : 400_000
const offeredPerSecond = 5000
const offeredSeconds = quick ? 3 : 15
const singleRows = quick ? 500 : 3000
const chunk = 1000

const say = (text: string): void => {
  if (options.marks !== true) process.stdout.write(`${text}\n`)
}

let missed = 0
function mark(name: string, measured: number, target: number, met: boolean): void {
  if (!met) missed++
  const verdict = met ? "met" : "missed"
  process.stdout.write(
    `mark ledger.${name} measured=${measured.toFixed(1)} target=${target} ${verdict}\n`
  )
}

const folder = mkdtempSync(join(tmpdir(), "pointsman-bench-"))
const ledger: LedgerOptions = {
  config: {
    dataPath: folder,
    port: 0,
    batchRows: 500,
    batchMs: 50,
    replicaLagMs: 0,
    connections: 4,
    migrate: "auto",
    required: true
  },
  node: "bench",
  businessDay: () => day,
  drainMs: 10_000,
  durable: true
}
const journal = new MemoryJournal()

const count = Effect.flatMap(PgClient.PgClient, (sql) =>
  Effect.map(
    sql<{ n: number }>`SELECT count(*)::int4 AS n FROM transactions`,
    ([row]) => row?.n ?? 0
  ))

const truncate = Effect.flatMap(PgClient.PgClient, (sql) => sql`TRUNCATE transactions`)

/** Rows that nobody has written yet, made before the clock runs. */
let made = 0
function next(rows: number): Array<LedgerEntry> {
  made += rows
  return sales(rows, made - rows)
}

const check = (expected: number) =>
  Effect.map(count, (found) => {
    if (found !== expected) throw new Error(`${expected} rows were written, ${found} are there`)
  })

/** The feed is never empty and never above two dozen batches, as behind a busy switch. */
const sustained = Effect.gen(function*() {
  const entries = Array.from({ length: sustainedRows / chunk }, () => next(chunk))
  yield* truncate
  const started = performance.now()
  const cpu = process.cpuUsage()
  for (const each of entries) {
    while (journal.pending > 12_000) yield* Effect.sleep(1)
    journal.append(each)
  }
  while (journal.pending > 0) yield* Effect.sleep(1)
  const seconds = (performance.now() - started) / 1000
  const used = process.cpuUsage(cpu)
  yield* check(sustainedRows)
  return {
    perSecond: sustainedRows / seconds,
    cpuUs: (used.user + used.system) / sustainedRows
  }
})

/** Open loop at a fixed rate; visible when the writer has the commit of it and of all before. */
const offered = Effect.gen(function*() {
  yield* truncate
  const total = offeredPerSecond * offeredSeconds
  const entries = next(total)
  const first = journal.appended
  const latencies = new Float64Array(total)
  const started = performance.now()
  let told = 0
  const due = (index: number): number => started + index * 1000 / offeredPerSecond
  journal.onWritten = (sequence) => {
    const now = performance.now()
    for (; told < sequence - first; told++) latencies[told] = now - due(told)
  }
  let sent = 0
  while (sent < total) {
    const wanted = Math.min(
      total,
      Math.floor((performance.now() - started) * offeredPerSecond / 1000)
    )
    if (wanted > sent) journal.append(entries.slice(sent, wanted))
    sent = Math.max(sent, wanted)
    yield* Effect.sleep(2)
  }
  while (journal.pending > 0) yield* Effect.sleep(2)
  journal.onWritten = undefined
  yield* check(total)
  latencies.sort()
  const at = (share: number): number => latencies[Math.floor(total * share)] ?? 0
  return { p50: at(0.5), p99: at(0.99), most: at(0.9999) }
})

const singles = Effect.gen(function*() {
  yield* truncate
  const store = yield* LedgerStore
  const entries = next(singleRows)
  const started = performance.now()
  for (const entry of entries) yield* store.write([entry])
  const seconds = (performance.now() - started) / 1000
  yield* check(singleRows)
  return singleRows / seconds
})

/** `COPY` into a table without index or partition, by `psql` where the machine has it. */
const copied = Effect.gen(function*() {
  const { passwordFile, port } = yield* EmbeddedServer
  const sql = yield* PgClient.PgClient
  yield* truncate
  const rows = Math.min(sustainedRows, 100_000)
  const store = yield* LedgerStore
  for (let left = rows; left > 0; left -= chunk) yield* store.write(next(chunk))
  yield* sql`CREATE TABLE staging (LIKE transactions)`
  const file = join(folder, "rows.copy")
  const psql = (command: string) =>
    spawnSync("psql", [
      "-q",
      "-h",
      "127.0.0.1",
      "-p",
      String(port),
      "-U",
      "pointsman",
      "-c",
      command
    ], {
      env: {
        ...process.env,
        PGPASSWORD: readFileSync(passwordFile() ?? "", "utf8").trim(),
        PGDATABASE: "pointsman"
      }
    }).status === 0
  if (!psql(`\\copy (SELECT * FROM transactions) TO '${file}'`)) return undefined
  const started = performance.now()
  if (!psql(`\\copy staging FROM '${file}'`)) return undefined
  return rows / ((performance.now() - started) / 1000)
})

const program = Effect.gen(function*() {
  // Once unmeasured: the first batches pay for plans, caches and the compiler.
  journal.append(next(20_000))
  while (journal.pending > 0) yield* Effect.sleep(5)
  const { cpuUs, perSecond } = yield* sustained
  const latency = yield* offered
  const single = yield* singles
  const copy = yield* copied
  const { status } = yield* LedgerHealth
  const { conflicts, refusedRows, retries } = status()
  say(`${sustainedRows} rows with 47 columns, 5 indexes, batches of 500, 4 in flight`)
  say(
    `single inserts: ${single.toFixed(0)} rows/s; the writer: ${(perSecond / single).toFixed(1)}x`
  )
  say(
    copy === undefined
      ? "COPY: not measured, there is no psql on this machine and the client has no COPY"
      : `COPY into a bare table: ${copy.toFixed(0)} rows/s; the writer: ${
        (perSecond / copy).toFixed(2)
      }x`
  )
  say(
    `visible at ${offeredPerSecond} rows/s: p50 ${latency.p50.toFixed(0)} ms, p99 ${
      latency.p99.toFixed(0)
    } ms, p99.99 ${latency.most.toFixed(0)} ms`
  )
  say(`retries ${retries}, refused ${refusedRows}, contradictions ${conflicts}`)
  mark("rows-per-second", perSecond, 18_000, perSecond >= 18_000)
  mark("cpu-us-per-row", cpuUs, 12, cpuUs <= 12)
  mark("visible-p99-ms", latency.p99, 500, latency.p99 <= 500)
})

/** The server beside its ledger, for the port and the password that `psql` needs. */
const beside = Layer.unwrap(
  Effect.sync(() =>
    visitedServerLayer({ dataPath: folder, port: 0, durable: true, required: true })
  )
)

try {
  await Effect.runPromise(
    program.pipe(
      Effect.provide(
        beside.pipe(
          Layer.provideMerge(ledgerLayer(ledger)),
          Layer.provide(Layer.merge(machine, journal.layer))
        )
      )
    )
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = missed === 0 ? 0 : 1
