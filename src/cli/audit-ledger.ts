/** PostgreSQL's side of an audit: the rows of a span of time, and what was handed to humans. */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { unavailable } from "../ledger/database-failure.ts"
import { searchTransactions } from "../ledger/search.ts"
import type { StoredTransaction } from "../ledger/stored-transaction.ts"
import {
  closeOf,
  isAboutMoney,
  refusedClose,
  refusedRecord,
  type StoredClose,
  type SwitchRecord
} from "../simulate/audit.ts"
import type { CloseEntry } from "../simulate/book.ts"

/** Transactions of one audit; a longer span is audited in parts. */
const maxRows = 2_000_000

interface LedgerSide {
  readonly rows: ReadonlyArray<SwitchRecord>
  readonly exceptions: ReadonlySet<string>
  readonly refusedRows: ReadonlyArray<SwitchRecord>
  readonly closes: ReadonlyArray<CloseEntry>
  /** Details of all exceptions. */
  readonly raised: ReadonlyArray<string>
  /** Transactions whose push ran out of time, or still waits. */
  readonly unannounced: ReadonlySet<string>
}

export const ledgerSide = (fromMs: number, toMs: number) =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const rows = yield* searchTransactions({ fromMs, toMs, limit: maxRows })
    const raised = yield* sql<{ transaction: string | null; reason: string; detail: string }>`
      SELECT transaction, reason, detail FROM exceptions`.pipe(Effect.mapError(unavailable))
    const pushes = yield* sql<{ transaction: string }>`
      SELECT transaction FROM pushes WHERE state <> 'acknowledged'`.pipe(
      Effect.mapError(unavailable)
    )
    const closes = yield* sql<StoredClose>`
      SELECT terminal, batch, balanced FROM batches`.pipe(Effect.mapError(unavailable))
    const exceptions = new Set(
      raised.flatMap(({ reason, transaction }) => isAboutMoney(reason) ? transaction ?? [] : [])
    )
    const refusedRows = raised.flatMap(({ detail, reason }) =>
      !isAboutMoney(reason) ? refusedRecord(detail) ?? [] : []
    )
    const side: LedgerSide = {
      rows: rows.map(recordOf),
      exceptions,
      refusedRows,
      closes: [
        ...closes.map(closeOf),
        ...raised.flatMap(({ detail, reason }) =>
          isAboutMoney(reason) ? [] : refusedClose(detail) ?? []
        )
      ],
      raised: raised.map(({ detail }) => detail),
      unannounced: new Set(pushes.map(({ transaction }) => transaction))
    }
    return side
  })

function recordOf(row: StoredTransaction): SwitchRecord {
  const { receivedMs, ...rest } = row
  return { ...rest, times: { receivedMs } }
}
