/** What transactions were routed by, row by row, for those who decide again. */

import { PgClient } from "@effect/sql-pg"
import { Effect, Stream } from "effect"
import type { LedgerUnavailable } from "../domain/ports/ledger.ts"
import { unavailable } from "./database-failure.ts"

interface Days {
  readonly fromDay: string
  readonly toDay: string
}

/** `take` hears each row of these business days as JSON, under the names of its columns. */
export const eachRoutedRow = (
  { fromDay, toDay }: Days,
  take: (line: string) => void
): Effect.Effect<void, LedgerUnavailable, PgClient.PgClient> =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const rows = sql<{ line: string }>`SELECT row_to_json(t)::text AS line FROM (
      SELECT id, kind, channel, scheme, terminal, merchant, amount, currency, pan_mask, route,
        upstream, failure, received_at
      FROM transactions WHERE day BETWEEN ${fromDay}::date AND ${toDay}::date) AS t`
    yield* Stream.runForEach(rows.stream, ({ line }) => Effect.sync(() => take(line)))
  }).pipe(Effect.mapError(unavailable))
