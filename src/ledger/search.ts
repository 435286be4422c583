/**
 * Finding transactions by what people have in their hands: a retrieval reference number from either
 * side, a trace number, a terminal, an amount, a time. Always within a span of time, so that only
 * the partitions of those days are read.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { TransactionId } from "../domain/brand.ts"
import type { LedgerUnavailable } from "../domain/ports/ledger.ts"
import { unavailable } from "./database-failure.ts"
import { storedColumns, storedOf, type StoredTransaction } from "./stored-transaction.ts"

export interface TransactionQuery {
  readonly fromMs: number
  readonly toMs: number
  readonly id?: TransactionId
  /** As either side knows it. */
  readonly rrn?: string
  /** The terminal's own. */
  readonly stan?: string
  readonly terminal?: string
  readonly merchant?: string
  readonly batch?: string
  /** Minor units. */
  readonly amount?: number
  readonly limit: number
}

/** Newest first. */
export const searchTransactions = (
  query: TransactionQuery
): Effect.Effect<ReadonlyArray<StoredTransaction>, LedgerUnavailable, PgClient.PgClient> =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const conditions = [
      sql`received_at BETWEEN to_timestamp(${query.fromMs}::float8 / 1000)
        AND to_timestamp(${query.toMs}::float8 / 1000)`,
      // A business day is at most a day before or two after the UTC date of its transactions.
      sql`day BETWEEN to_timestamp(${query.fromMs}::float8 / 1000)::date - 1
        AND to_timestamp(${query.toMs}::float8 / 1000)::date + 2`
    ]
    if (query.id !== undefined) conditions.push(sql`id = ${query.id}::uuid`)
    if (query.rrn !== undefined) {
      conditions.push(sql`(rrn = ${query.rrn} OR upstream_rrn = ${query.rrn})`)
    }
    if (query.stan !== undefined) conditions.push(sql`stan = ${query.stan}`)
    if (query.terminal !== undefined) conditions.push(sql`terminal = ${query.terminal}`)
    if (query.merchant !== undefined) conditions.push(sql`merchant = ${query.merchant}`)
    if (query.batch !== undefined) conditions.push(sql`batch = ${query.batch}`)
    if (query.amount !== undefined) conditions.push(sql`amount = ${query.amount}::float8::int8`)
    const rows = yield* sql<Record<string, unknown>>`SELECT ${sql.literal(storedColumns)}
      FROM transactions WHERE ${sql.and(conditions)}
      ORDER BY received_at DESC, id DESC LIMIT ${query.limit}::float8::int4`
    return rows.map(storedOf)
  }).pipe(Effect.mapError(unavailable))
