/**
 * The end of a business day's partition: exported to a file, detached, the file counted against the
 * table, and only then, if asked for, dropped. Nothing leaves `transactions` without its file.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { unavailable } from "./database-failure.ts"
import { ExportIncomplete, exportLines } from "./export-file.ts"

export interface RetentionQuery {
  /** Partitions of business days before this one, `YYYY-MM-DD`, end. */
  readonly beforeDay: string
  readonly folder: string
  /** Drop what was exported; otherwise it stays as a detached table. */
  readonly drop: boolean
}

interface ExportedDay {
  readonly day: string
  readonly file: string
  readonly rows: number
  readonly dropped: boolean
}

/** Days that have a partition, or a detached table that was not dropped, before `beforeDay`. */
const daysBefore = (beforeDay: string) =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const rows = yield* sql<{ day: string }>`
      SELECT DISTINCT to_date(substring(relname FROM '\\d{8}$'), 'YYYYMMDD')::text AS day
      FROM pg_class WHERE relkind = 'r' AND pg_table_is_visible(oid)
        AND relname ~ '^(detached_)?transactions_\\d{8}$'
        AND to_date(substring(relname FROM '\\d{8}$'), 'YYYYMMDD') < ${beforeDay}::date
      ORDER BY 1`
    return rows.map(({ day }) => day)
  }).pipe(Effect.mapError(unavailable))

/** Runs again where it was cut off: each step looks at what is there. */
export const retain = (query: RetentionQuery) =>
  Effect.gen(function*() {
    const done: Array<ExportedDay> = []
    for (const day of yield* daysBefore(query.beforeDay)) done.push(yield* endDay(day, query))
    return done
  })

const endDay = Effect.fnUntraced(function*(day: string, { drop, folder }: RetentionQuery) {
  const sql = yield* PgClient.PgClient
  const partition = `transactions_${day.replaceAll("-", "")}`
  const detached = `detached_${partition}`
  const exported = (table: string) =>
    exportLines(
      sql`SELECT row_to_json(t)::text AS line FROM ${sql(table)} AS t ORDER BY id`,
      folder,
      `transactions-${day}`
    )
  // One that an earlier run left detached goes first; what came late for its day waits.
  const attached = !(yield* isThere(detached))
  const before = attached ? yield* writtenOf(partition) : undefined
  let written = yield* exported(attached ? partition : detached)
  if (attached) yield* detach(partition, detached)
  const { rows, writes } = yield* writtenOf(detached)
  // What was written to it meanwhile is in a file of its own, with all the rest.
  if (before !== undefined && before.writes !== writes) written = yield* exported(detached)
  const { file, lines } = written
  if (lines !== rows) return yield* new ExportIncomplete({ file, rows, lines })
  if (drop) yield* Effect.mapError(sql`DROP TABLE ${sql(detached)}`, unavailable)
  const ended: ExportedDay = { day, file, rows, dropped: drop }
  return ended
})

const isThere = (table: string) =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const [row] = yield* sql<{ there: boolean }>`
      SELECT to_regclass(${table}) IS NOT NULL AS there`
    return row?.there === true
  }).pipe(Effect.mapError(unavailable))

/** How many rows, and how often they were written: with each write of the ledger that grows. */
const writtenOf = (table: string) =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const [row] = yield* sql<{ rows: number; writes: number }>`
      SELECT count(*)::float8 AS rows, coalesce(sum(version + 1), 0)::float8 AS writes
      FROM ${sql(table)}`
    return { rows: row?.rows ?? 0, writes: row?.writes ?? 0 }
  }).pipe(Effect.mapError(unavailable))

/**
 * Out of `transactions`, under another name: a row that still comes for the day gets a partition of
 * its own.
 */
const detach = (partition: string, detached: string) =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    yield* sql.withTransaction(Effect.gen(function*() {
      yield* sql`ALTER TABLE transactions DETACH PARTITION ${sql(partition)}`
      yield* sql`ALTER TABLE ${sql(partition)} RENAME TO ${sql(detached)}`
    }))
  }).pipe(Effect.mapError(unavailable))
