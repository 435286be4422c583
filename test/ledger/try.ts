import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { LedgerStore } from "../../src/domain/ports/ledger.ts"
import { rowsByTable, statementParameters } from "../../src/ledger/batch-statement.ts"
import { embeddedDatabaseLayer } from "../../src/ledger/database.ts"
import { embeddedServerLayer } from "../../src/ledger/embedded-server.ts"
import { postgresStoreLayer } from "../../src/ledger/postgres-store.ts"
import { ensurePartitions, ensureSchema } from "../../src/ledger/schema.ts"
import { MachineRandom } from "../../src/listen/machine-time.ts"
import { entry, sale, sales } from "./records.ts"
const N = Number(process.argv[2] ?? 100000),
  B = Number(process.argv[3] ?? 500),
  C = Number(process.argv[4] ?? 4)
await Effect.runPromise(
  Effect.gen(function*() {
    let t = performance.now()
    yield* ensureSchema(true)
    yield* ensurePartitions(["2026-03-02"])
    console.log("migrated", performance.now() - t)
    const store = yield* LedgerStore
    const sql = yield* PgClient.PgClient
    yield* sql`truncate transactions`
    const one = yield* store.write(sales(3))
    const two = yield* store.write([
      ...sales(3),
      entry(sale(1, { version: 3, response: "05" })),
      entry(sale(2, { version: 4, fingerprint: "x" }))
    ])
    console.log(one, two)
    const batches = Array.from({ length: N / B }, (_, b) => sales(B, b * B))
    yield* sql`truncate transactions`
    for (const C of [1, 2, 4]) {
      yield* sql`truncate transactions`
      t = performance.now()
      const cpu = process.cpuUsage()
      yield* Effect.forEach(
        batches.map((b, i) => [b, i] as const),
        ([b, i]) => store.write(b, { lane: i % 4, sequence: i }),
        { concurrency: C, discard: true }
      )
      const ms = performance.now() - t, used = process.cpuUsage(cpu)
      console.log({
        C,
        rowsPerS: Math.round(N / ms * 1000),
        cpuUsRow: (used.user + used.system) / N
      })
    }
    t = performance.now()
    for (const b of batches) {
      const g = rowsByTable(b)
      statementParameters("n", g, { lane: 0, sequence: 0 })
    }
    console.log("encode us/row", (performance.now() - t) * 1000 / N)
    console.log((yield* sql`select * from transactions limit 1`)[0])
    console.log(
      yield* sql.unsafe(
        `select s.* from transactions t, transaction_story(t.received_at, t.story) s limit 4`
      )
    )
  }).pipe(Effect.provide(
    postgresStoreLayer({
      node: "n1",
      timeoutMs: 10000,
      partitionMissing: (d) => console.log("missing", d)
    }).pipe(
      Layer.provideMerge(
        embeddedDatabaseLayer({ connections: 6, statementMs: 5000, lockMs: 2000 })
      ),
      Layer.provideMerge(
        embeddedServerLayer({ dataPath: "/tmp/pgtry", port: 0, durable: true, required: true })
      ),
      Layer.provide(MachineRandom)
    )
  ))
)
