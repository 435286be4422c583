/** The journal's side of an audit: read from a copy, beside a running switch or without one. */

import { Effect, Stream } from "effect"
import { existsSync } from "node:fs"
import type { PushRecord } from "../domain/order.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { exportJournal } from "../journal/inspection.ts"
import type { SwitchRecord } from "../simulate/audit.ts"

interface JournalSide {
  readonly records: ReadonlyArray<SwitchRecord>
  readonly chains: ReadonlySet<string>
  /** Transactions whose push waits for its terminal. */
  readonly unannounced: ReadonlySet<string>
}

/** Of the same span of time as PostgreSQL's side: terminals' windows reach further back. */
export const journalSide = (path: string, fromMs: number, toMs: number) =>
  Effect.gen(function*() {
    const records: Array<SwitchRecord> = []
    const chains = new Set<string>()
    const unannounced = new Set<string>()
    const side: JournalSide = { records, chains, unannounced }
    if (!existsSync(path)) return side
    yield* Stream.runForEach(exportJournal(path), ({ key, row, table }) =>
      Effect.sync(() => {
        // Rows of these tables are what the journal's port says.
        if (table === "transactions") {
          const record = row as TransactionRecord
          const { receivedMs } = record.times
          if (receivedMs >= fromMs && receivedMs <= toMs) records.push(record)
        }
        if (table === "advices") chains.add(key)
        if (table === "pushes") unannounced.add((row as PushRecord).transaction)
      }))
    return side
  })
