/**
 * `LedgerStore` over PostgreSQL. What must hold: a batch is written whole or not at all, writing it
 * again changes nothing, a row never replaces one that is further, a row that contradicts a held
 * one is named; a business day without a partition gets one.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import type { LedgerEntry } from "../domain/ports/journal.ts"
import {
  type LedgerMark,
  LedgerRejected,
  LedgerStore,
  LedgerUnavailable,
  type LedgerWritten
} from "../domain/ports/ledger.ts"
import {
  contradictionParameters,
  contradictionText,
  rowsByTable,
  statementParameters,
  statementText,
  type TableName,
  type TableRows
} from "./batch-statement.ts"
import { failureOf, isPartitionMissing, unavailable } from "./database-failure.ts"

interface PostgresStoreOptions {
  readonly node: string
  /** Beyond PostgreSQL's own statement timeout: what a dead network may cost. */
  readonly timeoutMs: number
  /** Called when a partition had to be made for rows that were there already. */
  readonly partitionMissing: (day: string) => void
}

const noMark: LedgerMark = { lane: -1, sequence: 0 }

/** Rows written by table, and `held`: the marks of all lanes from before. */
type Counts = Readonly<Partial<Record<TableName, number>>> & {
  readonly held?: Readonly<Record<string, number>> | null
}

export const postgresStoreLayer = (options: PostgresStoreOptions) =>
  Layer.effect(
    LedgerStore,
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const bounded = Effect.timeoutOrElse({
        duration: options.timeoutMs,
        orElse: () => Effect.fail(new LedgerUnavailable({ reason: "timeout" }))
      })
      const marks = sql<{ lane: number; sequence: bigint }>`
        SELECT lane, sequence FROM watermarks WHERE node = ${options.node}`.pipe(
        Effect.map((rows) => new Map(rows.map((row) => [row.lane, Number(row.sequence)]))),
        Effect.mapError(unavailable)
      )
      return LedgerStore.of({
        write: (entries, mark = noMark) => bounded(write(sql, options, entries, mark)),
        marks: bounded(marks)
      })
    })
  )

const write = Effect.fnUntraced(function*(
  sql: PgClient.PgClient,
  options: PostgresStoreOptions,
  entries: ReadonlyArray<LedgerEntry>,
  mark: LedgerMark
) {
  const groups = rowsByTable(entries)
  const parameters = statementParameters(options.node, groups, mark)
  if (parameters === undefined) {
    return yield* new LedgerRejected({ reason: "a text with the character NUL" })
  }
  const text = statementText(groups.map(({ table }) => table))
  const insert = sql.unsafe<Counts>(text, parameters)
  const [counts = {}] = yield* insert.pipe(
    Effect.catchIf(
      isPartitionMissing,
      () => Effect.andThen(makePartitions(sql, options, groups), insert)
    ),
    Effect.mapError(failureOf)
  )
  let rows = 0
  const conflicts: Array<string> = []
  for (const group of groups) {
    const count = counts[group.table] ?? 0
    rows += count
    if (count === group.rows.length) continue
    conflicts.push(...yield* Effect.mapError(contradictions(sql, group), unavailable))
  }
  const marks = Object.entries(counts.held ?? {})
  const heldMarks = new Map(marks.map(([lane, sequence]) => [Number(lane), sequence]))
  const written: LedgerWritten = { rows, conflicts, heldMarks }
  return written
})

/** Of a batch that wrote fewer rows than it had: those that were not merely held already. */
const contradictions = Effect.fnUntraced(function*(sql: PgClient.PgClient, group: TableRows) {
  const text = contradictionText(group.table)
  if (text === undefined) return []
  const rows = yield* sql.unsafe<{ id: string }>(text, contradictionParameters(group))
  return rows.map(({ id }) => `${group.table}:${id}`)
})

const makePartitions = Effect.fnUntraced(function*(
  sql: PgClient.PgClient,
  options: PostgresStoreOptions,
  groups: ReadonlyArray<TableRows>
) {
  for (const day of daysOf(groups)) {
    const [made] = yield* sql<{ made: boolean }>`SELECT ledger_partition(${day}::date) AS made`
    if (made?.made !== true) continue
    options.partitionMissing(day)
    yield* Effect.logWarning("partition-missing", { day })
  }
})

function daysOf(groups: ReadonlyArray<TableRows>): ReadonlyArray<string> {
  const days = new Set<string>()
  for (const { rows, table } of groups) {
    for (const row of rows) if (isTransaction(table, row)) days.add(row.day)
  }
  return [...days].sort()
}

const isTransaction = (
  table: TableName,
  row: LedgerEntry["row"]
): row is Extract<LedgerEntry, { table: "transactions" }>["row"] =>
  table === "transactions" && "day" in row
