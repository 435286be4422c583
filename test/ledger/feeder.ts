/**
 * A switch in miniature: the real journal and the real ledger on the folder it is given. Commits
 * transactions from `first` on until `count` are durable, prints each number when it is, then
 * drains and prints `drained`. Made to be killed at any moment.
 */

import { Effect, Layer } from "effect"
import { join } from "node:path"
import { Journal } from "../../src/domain/ports/journal.ts"
import { LedgerHealth } from "../../src/domain/ports/ledger.ts"
import { diskStoreLayer } from "../../src/journal/disk-store.ts"
import { journalLayer } from "../../src/journal/journal.ts"
import { ledgerLayer } from "../../src/ledger/ledger.ts"
import { machine } from "./machine.ts"
import { day, entry, sale } from "./records.ts"

const [folder = "", first = "0", count = "0"] = process.argv.slice(2)

/** Commits that share a sync. */
const together = 20

const journal = journalLayer({
  mode: "strict",
  unsafe: false,
  onFailed: () => process.exit(3)
}).pipe(
  Layer.provide(diskStoreLayer({ path: join(folder, "journal"), maxBytes: 64 * 1024 * 1024 }))
)

const ledger = ledgerLayer({
  config: {
    dataPath: join(folder, "postgres"),
    port: 0,
    batchRows: 200,
    batchMs: 5,
    replicaLagMs: 0,
    connections: 3,
    migrate: "auto",
    required: true
  },
  node: "n1",
  businessDay: () => day,
  drainMs: 30_000,
  durable: false
})

await Effect.runPromise(
  Effect.gen(function*() {
    const { commit: write } = yield* Journal
    yield* LedgerHealth
    const last = Number(first) + Number(count)
    for (let number = Number(first); number < last; number += together) {
      const numbers = Array.from({ length: together }, (_, index) => number + index)
      yield* Effect.forEach(
        numbers,
        (each) =>
          Effect.callback<void>((resume) =>
            write([], [entry(sale(each))], (failure) => {
              if (failure === undefined) process.stdout.write(`${each}\n`)
              resume(Effect.void)
            })
          ),
        { concurrency: "unbounded", discard: true }
      )
    }
  }).pipe(
    Effect.provide(ledger.pipe(Layer.provideMerge(journal), Layer.provideMerge(machine)))
  )
)
process.stdout.write("drained\n")
