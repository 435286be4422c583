/**
 * Finding transactions by what people have in their hands: a retrieval reference number from either
 * side, a trace number, a terminal, an amount, a time. Name a span of time or a day whenever you
 * can: then only the partitions of those days are read. An id tells its own day.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { Fragment } from "effect/sql/Statement"
import type { TransactionId } from "../domain/brand.ts"
import type { LedgerUnavailable } from "../domain/ports/ledger.ts"
import { unavailable } from "./database-failure.ts"
import { storedColumns, storedOf, type StoredTransaction } from "./stored-transaction.ts"

interface TransactionQuery {
  readonly fromMs?: number
  readonly toMs?: number
  /** Business day, `YYYY-MM-DD`. */
  readonly day?: string
  readonly id?: TransactionId
  /** As either side knows it. */
  readonly rrn?: string
  /** The terminal's own. */
  readonly stan?: string
  readonly terminal?: string
  readonly merchant?: string
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
    const conditions = spanOf(sql, query)
    if (query.id !== undefined) conditions.push(sql`id = ${query.id}::uuid`)
    if (query.rrn !== undefined) {
      conditions.push(sql`(rrn = ${query.rrn} OR upstream_rrn = ${query.rrn})`)
    }
    if (query.stan !== undefined) conditions.push(sql`stan = ${query.stan}`)
    if (query.terminal !== undefined) conditions.push(sql`terminal = ${query.terminal}`)
    if (query.merchant !== undefined) conditions.push(sql`merchant = ${query.merchant}`)
    if (query.amount !== undefined) conditions.push(sql`amount = ${query.amount}::float8::int8`)
    const rows = yield* sql<Record<string, unknown>>`SELECT ${sql.literal(storedColumns)}
      FROM transactions WHERE ${conditions.length === 0 ? sql`true` : sql.and(conditions)}
      ORDER BY received_at DESC, id DESC LIMIT ${query.limit}::float8::int4`
    return rows.map(storedOf)
  }).pipe(Effect.mapError(unavailable))

/** A business day is at most a day before or two after the UTC date of its transactions. */
function spanOf(
  sql: PgClient.PgClient,
  { day, fromMs, id, toMs }: TransactionQuery
): Array<Fragment> {
  const conditions: Array<Fragment> = []
  if (day !== undefined) conditions.push(sql`day = ${day}::date`)
  if (fromMs !== undefined) {
    conditions.push(sql`received_at >= to_timestamp(${fromMs}::float8 / 1000)
      AND day >= to_timestamp(${fromMs}::float8 / 1000)::date - 1`)
  }
  if (toMs !== undefined) {
    conditions.push(sql`received_at <= to_timestamp(${toMs}::float8 / 1000)
      AND day <= to_timestamp(${toMs}::float8 / 1000)::date + 2`)
  }
  if (id !== undefined) {
    // The first 48 bits of a UUID version 7 are its milliseconds.
    const madeMs = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
    conditions.push(sql`day BETWEEN to_timestamp(${madeMs}::float8 / 1000)::date - 1
      AND to_timestamp(${madeMs}::float8 / 1000)::date + 2`)
  }
  return conditions
}
