/**
 * The batch of a terminal as the switch knows it: rows of PostgreSQL, overtaken by what the journal
 * holds in newer versions. PostgreSQL away is a definite refusal: half a batch is no batch.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { type BatchClose, closeBatch, type Counted } from "../domain/batch-totals.ts"
import type { Stan, TerminalId } from "../domain/brand.ts"
import type { BatchTotals } from "../domain/ports/journal.ts"
import type { LedgerUnavailable } from "../domain/ports/ledger.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { unavailable } from "./database-failure.ts"

export interface BatchQuery {
  readonly terminal: TerminalId
  /** Undefined: its dialect has no batches; everything since `sinceMs` is meant. */
  readonly batch: string | undefined
  /** A terminal's batch numbers come round again: nothing older than this belongs to it. */
  readonly sinceMs: number
}

export type BatchRecord = Counted & { readonly stan: Stan; readonly version: number }

const columns = `id, version, kind, state, approved, amount::float8 AS amount, stan, scheme,
  approved_amount::float8 AS "approvedAmount", pan_mask AS "panMask", original`

/**
 * Every transaction of the batch in its newest version, in the order of their ids. `held` is what
 * the journal has of the terminal, looked up before PostgreSQL is asked: what moved meanwhile is
 * then in one of the two, and the higher version counts.
 */
export const batchRecords = (
  query: BatchQuery,
  held: ReadonlyArray<TransactionRecord>
): Effect.Effect<ReadonlyArray<BatchRecord>, LedgerUnavailable, PgClient.PgClient> =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const ofBatch = query.batch === undefined ? sql`true` : sql`batch = ${query.batch}`
    const rows = yield* sql<Record<string, unknown>>`SELECT ${sql.literal(columns)}
      FROM transactions WHERE terminal = ${query.terminal} AND ${ofBatch}
        AND received_at >= to_timestamp(${query.sinceMs}::float8 / 1000)
        AND day >= to_timestamp(${query.sinceMs}::float8 / 1000)::date - 1`
    const newest = new Map<string, BatchRecord>()
    for (const row of rows) {
      const record = Object.fromEntries(
        Object.entries(row).filter(([, value]) => value !== null)
      ) as unknown as BatchRecord
      newest.set(record.id, record)
    }
    for (const record of held) {
      const belongs = record.terminal === query.terminal &&
        (query.batch === undefined || record.batch === query.batch) &&
        record.times.receivedMs >= query.sinceMs
      if (belongs && record.version >= (newest.get(record.id)?.version ?? 0)) {
        newest.set(record.id, record)
      }
    }
    return [...newest.values()].sort((a, b) => a.id < b.id ? -1 : 1)
  }).pipe(Effect.mapError(unavailable))

/** When this terminal closed a batch last; undefined when it never did. */
export const lastClose = (
  terminal: TerminalId
): Effect.Effect<number | undefined, LedgerUnavailable, PgClient.PgClient> =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const [row] = yield* sql<{ ms: number | null }>`
      SELECT (extract(epoch FROM max(closed_at)) * 1000)::float8 AS ms FROM batches
      WHERE terminal = ${terminal}`
    return row?.ms ?? undefined
  }).pipe(Effect.mapError(unavailable))

/** Compares the totals that a terminal declares with ours, and decides deliveries in doubt. */
export const settle = (
  query: BatchQuery,
  declared: BatchTotals,
  held: ReadonlyArray<TransactionRecord>,
  halves = true
): Effect.Effect<BatchClose, LedgerUnavailable, PgClient.PgClient> =>
  Effect.map(batchRecords(query, held), (records) => closeBatch(declared, records, halves))
