/** What waits for a person: open exceptions, and their end. */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { TransactionId } from "../domain/brand.ts"
import type { LedgerUnavailable } from "../domain/ports/ledger.ts"
import { restingText } from "./audit-log.ts"
import { unavailable } from "./database-failure.ts"

interface OpenException {
  readonly id: string
  readonly transaction: TransactionId | null
  readonly reason: string
  readonly detail: string
  readonly raisedMs: number
}

/** Oldest first. */
export const openExceptions = (
  limit: number
): Effect.Effect<ReadonlyArray<OpenException>, LedgerUnavailable, PgClient.PgClient> =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    return yield* sql<OpenException>`SELECT id, transaction, reason, detail,
        (extract(epoch FROM raised_at) * 1000)::float8 AS "raisedMs"
      FROM exceptions WHERE resolved_at IS NULL ORDER BY raised_at, id
      LIMIT ${limit}::float8::int4`
  }).pipe(Effect.mapError(unavailable))

/** False: no open exception has this id. */
export const resolveException = (
  id: string,
  by: string,
  resolution: string
): Effect.Effect<boolean, LedgerUnavailable, PgClient.PgClient> =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const rows = yield* sql`UPDATE exceptions
      SET resolved_at = now(), resolved_by = ${by}, resolution = ${restingText(resolution)}
      WHERE id = ${id} AND resolved_at IS NULL RETURNING id`
    return rows.length > 0
  }).pipe(Effect.mapError(unavailable))
