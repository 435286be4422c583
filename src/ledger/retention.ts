/**
 * The end of a business day's partition: detached, exported to a file, the file counted against the
 * table, and only then, if asked for, dropped. Nothing disappears without its file.
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

export interface ExportedDay {
  readonly day: string
  readonly file: string
  readonly rows: number
  readonly dropped: boolean
}

const detachedName = (day: string): string => `detached_transactions_${day.replaceAll("-", "")}`

/** Days that have a partition, or a detached table that was not dropped, before `beforeDay`. */
export const daysBefore = (beforeDay: string) =>
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
    for (const day of yield* daysBefore(query.beforeDay)) {
      yield* detach(day)
      done.push(yield* exportDay(day, query))
    }
    return done
  })

/**
 * Out of `transactions`, under another name: a row that still comes for the day gets a partition of
 * its own.
 */
const detach = (day: string) =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const name = `transactions_${day.replaceAll("-", "")}`
    const [there] = yield* sql<{ part: boolean; table: boolean }>`
      SELECT to_regclass(${name}) IS NOT NULL AS part,
        to_regclass(${detachedName(day)}) IS NOT NULL AS "table"`
    if (there?.part !== true || there.table) return
    yield* sql.withTransaction(Effect.gen(function*() {
      yield* sql`ALTER TABLE transactions DETACH PARTITION ${sql(name)}`
      yield* sql`ALTER TABLE ${sql(name)} RENAME TO ${sql(detachedName(day))}`
    }))
  }).pipe(Effect.mapError(unavailable))

const exportDay = Effect.fnUntraced(function*(day: string, query: RetentionQuery) {
  const sql = yield* PgClient.PgClient
  const name = detachedName(day)
  const { file, lines } = yield* exportLines(
    sql`SELECT row_to_json(t)::text AS line FROM ${sql(name)} AS t ORDER BY id`,
    query.folder,
    `transactions-${day}`
  )
  const [row] = yield* Effect.mapError(
    sql<{ rows: number }>`SELECT count(*)::float8 AS rows FROM ${sql(name)}`,
    unavailable
  )
  const rows = row?.rows ?? 0
  if (lines !== rows) return yield* new ExportIncomplete({ file, rows, lines })
  if (query.drop) yield* Effect.mapError(sql`DROP TABLE ${sql(name)}`, unavailable)
  const exported: ExportedDay = { day, file, rows, dropped: query.drop }
  return exported
})
