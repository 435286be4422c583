/** The journal's side of an audit: read from a copy, beside a running switch or without one. */

import { Effect, Stream } from "effect"
import { existsSync } from "node:fs"
import type { PushRecord } from "../domain/order.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { exportJournal } from "../journal/inspection.ts"
import type { SwitchRecord } from "../simulate/audit.ts"

export interface JournalSide {
  readonly records: ReadonlyArray<SwitchRecord>
  readonly chains: ReadonlySet<string>
  /** Transactions whose push waits for its terminal. */
  readonly unannounced: ReadonlySet<string>
}

export const journalSide = (path: string) =>
  Effect.gen(function*() {
    const records: Array<SwitchRecord> = []
    const chains = new Set<string>()
    const unannounced = new Set<string>()
    const side: JournalSide = { records, chains, unannounced }
    if (!existsSync(path)) return side
    yield* Stream.runForEach(exportJournal(path), ({ key, row, table }) =>
      Effect.sync(() => {
        // Rows of these tables are what the journal's port says.
        if (table === "transactions") records.push(row as TransactionRecord)
        if (table === "advices") chains.add(key)
        if (table === "pushes") unannounced.add((row as PushRecord).transaction)
      }))
    return side
  })
