/** The world's database: the ledger's memory store and writer, under the torment's hand. */

import { Effect, Layer } from "effect"
import { Archive } from "../domain/ports/archive.ts"
import type { LedgerEntry } from "../domain/ports/journal.ts"
import { LedgerStore } from "../domain/ports/ledger.ts"
import { makeArchive } from "../ledger/archive.ts"
import { BatchBooks } from "../ledger/batch-books.ts"
import { ledgerTables } from "../ledger/batch-statement.ts"
import { makeMemoryLedger } from "../ledger/memory-ledger.ts"
import { startWriter } from "../ledger/writer.ts"
import { closeOf, isAboutMoney, refusedClose, refusedRecord } from "../simulate/audit.ts"
import type { WorldDatabase } from "../simulate/world/house.ts"
import { replicaLagMs } from "../simulate/world/torment.ts"
import { BackOffice, closedOffice, settlementDesks } from "../switch/back-office.ts"

const writerOptions = {
  batchRows: 200,
  batchMs: 20,
  lanes: 2,
  drainMs: 5_000,
  replicaLagMs
}
const slowMs = 4_000
const lostAcknowledgements = 3
/** One row in so many is refused while the database is in that mood. */
const refusedShare = 15

/** One database that outlives the switches which write to it. */
export function makeWorldDatabase() {
  const { books, ledger, newest, store } = makeMemoryLedger()
  const watcher: Watcher = { onRow: undefined }
  let count = 0
  const hand: WorldDatabase = {
    setMood: (mood) => {
      ledger.away(mood === "away")
      ledger.slow(mood === "slow" ? slowMs : 0)
      ledger.refuse(mood === "refuses" ? () => ++count % refusedShare === 0 : undefined)
      ledger.loseAcknowledgements(mood === "loses-acknowledgement" ? lostAcknowledgements : 0)
    },
    failOver: (sinceMs) => ledger.failOver(1, sinceMs),
    rows: () => ledger.rows("transactions"),
    closes: () => [
      ...ledger.rows("batches").map(closeOf),
      ...ledger.rows("exceptions").flatMap(({ detail, reason }) =>
        isAboutMoney(reason) ? [] : refusedClose(detail) ?? []
      )
    ],
    raised: () => ledger.rows("exceptions").map(({ detail }) => detail),
    unannounced: () =>
      new Set(
        ledger.rows("pushes").flatMap(({ state, transaction }) =>
          state === "expired" ? [transaction] : []
        )
      ),
    exceptions: () =>
      new Set(
        ledger.rows("exceptions").flatMap(({ reason, transaction }) =>
          isAboutMoney(reason) ? transaction ?? [] : []
        )
      ),
    refusedRows: () =>
      ledger.rows("exceptions").flatMap(({ detail, reason, transaction }) => {
        if (isAboutMoney(reason)) return []
        const held = ledger.rows("transactions").find(({ id }) => id === transaction)
        return refusedRecord(detail) ?? held ?? []
      }),
    contradict: (id) => {
      const row = ledger.rows("transactions").find((each) => each.id === id)
      if (row === undefined) return
      const key = ledgerTables.transactions.identity(row)
      ledger.alter("transactions", key, { fingerprint: `${row.fingerprint}, by another hand` })
    },
    reasons: () => ledger.rows("exceptions").map(({ reason }) => reason)
  }
  const office = Effect.map(
    settlementDesks,
    (settlement) => BackOffice.of({ ...closedOffice, settlement })
  )
  const layer = Layer.effectDiscard(startWriter(writerOptions, Effect.void)).pipe(
    Layer.provideMerge(Layer.effect(BackOffice, office)),
    Layer.provideMerge(Layer.effect(Archive, makeArchive(newest))),
    Layer.provide(Layer.succeed(BatchBooks, books)),
    Layer.provideMerge(Layer.succeed(LedgerStore, shown(store, watcher)))
  )
  return { hand, layer, watcher, knowsNode: () => ledger.marks.size > 0 }
}

interface Watcher {
  /** Is given the rows of each batch, also of one that is refused. */
  onRow: ((row: LedgerEntry["row"]) => void) | undefined
}

function shown(store: LedgerStore["Service"], watcher: Watcher): LedgerStore["Service"] {
  return LedgerStore.of({
    ...store,
    write: (entries, mark) => {
      for (const { row } of entries) watcher.onRow?.(row)
      return store.write(entries, mark)
    }
  })
}
