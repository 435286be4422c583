/**
 * The end of what is around transactions: rows of tables without partitions that have ended before
 * a day are exported to a file, the file is counted, and only then, if asked for, exactly those
 * rows go, all or none. What is still open stays, however old; the audit log, the estate and the
 * watermarks always stay.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { unavailable } from "./database-failure.ts"
import { ExportIncomplete, exportLines } from "./export-file.ts"
import type { RetentionQuery } from "./retention.ts"

interface Aging {
  readonly table: string
  /** When a row came about, and a condition: nothing more will happen to it. */
  readonly since: string
  readonly ended: string
  readonly order: string
}

const aging: ReadonlyArray<Aging> = [
  { table: "advices", since: "created_at", ended: "state <> 'pending'", order: "transaction" },
  {
    table: "orders",
    since: "created_at",
    ended: "state <> 'waiting' OR expires_at < now()",
    order: "order_number"
  },
  { table: "notifications", since: "received_at", ended: "true", order: "id" },
  {
    table: "pushes",
    since: "created_at",
    ended: "state <> 'pending'",
    order: "terminal, sequence"
  },
  { table: "batches", since: "closed_at", ended: "true", order: "id" },
  { table: "exceptions", since: "raised_at", ended: "resolved_at IS NOT NULL", order: "id" }
]

interface ExportedRows {
  readonly table: string
  readonly file: string
  readonly rows: number
  readonly dropped: boolean
}

/** Days end at midnight UTC here. Tables without such rows leave no file. */
export const retainRows = (query: RetentionQuery) =>
  Effect.gen(function*() {
    const done: Array<ExportedRows> = []
    for (const each of aging) {
      const exported = yield* exportRows(each, query)
      if (exported !== undefined) done.push(exported)
    }
    return done
  })

const exportRows = Effect.fnUntraced(function*(
  { ended, order, since, table }: Aging,
  { beforeDay, drop, folder }: RetentionQuery
) {
  const sql = yield* PgClient.PgClient
  const old = `${since} < $1::date AND (${ended})`
  const [any] = yield* Effect.mapError(
    sql.unsafe(`SELECT 1 FROM ${table} WHERE ${old} LIMIT 1`, [beforeDay]),
    unavailable
  )
  if (any === undefined) return undefined
  const rows = sql.unsafe(
    `SELECT row_to_json(t)::text AS line FROM ${table} AS t WHERE ${old} ORDER BY ${order}`,
    [beforeDay]
  )
  const { file, lines } = yield* exportLines(rows, folder, `${table}-before-${beforeDay}`)
  if (drop) {
    yield* sql.withTransaction(Effect.gen(function*() {
      const [gone] = yield* sql.unsafe<{ rows: number }>(
        `WITH gone AS (DELETE FROM ${table} WHERE ${old} RETURNING 1)
          SELECT count(*)::float8 AS rows FROM gone`,
        [beforeDay]
      )
      const deleted = gone?.rows ?? 0
      if (deleted !== lines) yield* new ExportIncomplete({ file, rows: deleted, lines })
    })).pipe(Effect.catchTag("SqlError", (error) => Effect.fail(unavailable(error))))
  }
  const exported: ExportedRows = { table, file, rows: lines, dropped: drop }
  return exported
})
