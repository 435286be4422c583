/**
 * The batch of a terminal as the switch knows it: rows of PostgreSQL, overtaken by what the journal
 * holds in newer versions. PostgreSQL away is a definite refusal: half a batch is no batch.
 */

import { Effect } from "effect"
import type { LedgerUnavailable } from "../domain/ports/ledger.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { BatchBooks, type BatchQuery, type BatchRecord } from "./batch-books.ts"

/**
 * Every transaction of the batch in its newest version, in the order of their ids. `held` is what
 * the journal has of the terminal, looked up before PostgreSQL is asked: what moved meanwhile is
 * then in one of the two, and the higher version counts.
 */
export const batchRecords = (
  query: BatchQuery,
  held: ReadonlyArray<TransactionRecord>
): Effect.Effect<ReadonlyArray<BatchRecord>, LedgerUnavailable, BatchBooks> =>
  Effect.gen(function*() {
    const newest = new Map<string, BatchRecord>()
    for (const record of yield* (yield* BatchBooks).rows(query)) newest.set(record.id, record)
    for (const record of held) {
      const belongs = record.terminal === query.terminal &&
        (query.batch === undefined || record.batch === query.batch) &&
        record.times.receivedMs >= query.sinceMs
      if (belongs && record.version >= (newest.get(record.id)?.version ?? 0)) {
        newest.set(record.id, record)
      }
    }
    return [...newest.values()].sort((a, b) => a.id < b.id ? -1 : 1)
  })
