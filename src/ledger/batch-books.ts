/**
 * Where the batches of terminals are looked up: in PostgreSQL, or in what stands for it in the
 * seeded world. What must hold: a question that nobody can answer fails; it never answers half.
 */

import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer } from "effect"
import type { Counted } from "../domain/batch-totals.ts"
import type { Stan, TerminalId } from "../domain/brand.ts"
import type { LedgerUnavailable } from "../domain/ports/ledger.ts"
import { unavailable } from "./database-failure.ts"

export interface BatchQuery {
  readonly terminal: TerminalId
  /** Undefined: its dialect has no batches; everything since `sinceMs` is meant. */
  readonly batch: string | undefined
  /** A terminal's batch numbers come round again: nothing older than this belongs to it. */
  readonly sinceMs: number
}

export type BatchRecord = Counted & { readonly stan: Stan; readonly version: number }

/** How many closes of a terminal are looked at: one and its repeats. */
export const mostCloses = 8

interface BatchBooksShape {
  /** What is stored of a batch, in any order. */
  readonly rows: (
    query: BatchQuery
  ) => Effect.Effect<ReadonlyArray<BatchRecord>, LedgerUnavailable>
  /** When this terminal closed a batch, the last few times; the last one first. */
  readonly closes: (
    terminal: TerminalId
  ) => Effect.Effect<ReadonlyArray<number>, LedgerUnavailable>
}

export class BatchBooks
  extends Context.Service<BatchBooks, BatchBooksShape>()("pointsman/ledger/BatchBooks")
{}

const columns = `id, version, kind, state, approved, amount::float8 AS amount, stan, scheme,
  approved_amount::float8 AS "approvedAmount", pan_mask AS "panMask", original`

export const postgresBooksLayer = Layer.effect(
  BatchBooks,
  Effect.map(PgClient.PgClient, (sql) => ({
    rows: ({ batch, sinceMs, terminal }) => {
      const ofBatch = batch === undefined ? sql`true` : sql`batch = ${batch}`
      return sql<Record<string, unknown>>`SELECT ${sql.literal(columns)}
        FROM transactions WHERE terminal = ${terminal} AND ${ofBatch}
          AND received_at >= to_timestamp(${sinceMs}::float8 / 1000)
          AND day >= to_timestamp(${sinceMs}::float8 / 1000)::date - 1`.pipe(
        Effect.map((rows) => rows.map(recordOf)),
        Effect.mapError(unavailable)
      )
    },
    closes: (terminal) =>
      sql<{ ms: number }>`
        SELECT (extract(epoch FROM closed_at) * 1000)::float8 AS ms FROM batches
        WHERE terminal = ${terminal} ORDER BY closed_at DESC LIMIT ${mostCloses}::float8::int4`
        .pipe(
          Effect.map((rows) => rows.map(({ ms }) => ms)),
          Effect.mapError(unavailable)
        )
  }))
)

/** Absent instead of null. */
const recordOf = (row: Record<string, unknown>): BatchRecord =>
  Object.fromEntries(
    Object.entries(row).filter(([, value]) => value !== null)
  ) as unknown as BatchRecord
