/**
 * The same `LedgerStore` with its batches timed, for the metrics: whatever becomes of a batch, its
 * meter hears of it once.
 */

import { Effect, Layer } from "effect"
import { LedgerStore } from "../domain/ports/ledger.ts"
import { Time } from "../domain/ports/time.ts"

export interface BatchMeter {
  /** `result`: `written`, `unavailable`, `rejected`. */
  readonly batch: (rows: number, seconds: number, result: string) => void
}

const results: Readonly<Record<string, string>> = {
  LedgerUnavailable: "unavailable",
  LedgerRejected: "rejected"
}

export const meteredStore = ({ batch }: BatchMeter) =>
  Layer.effect(
    LedgerStore,
    Effect.gen(function*() {
      const store = yield* LedgerStore
      const time = yield* Time
      return LedgerStore.of({
        ...store,
        write: (entries, mark) =>
          Effect.suspend(() => {
            const startedMs = time.monotonicMs()
            const heard = (result: string) =>
              Effect.sync(() => {
                batch(entries.length, (time.monotonicMs() - startedMs) / 1000, result)
              })
            return store.write(entries, mark).pipe(
              Effect.tap(() => heard("written")),
              Effect.tapError(({ _tag }) => heard(results[_tag] ?? _tag))
            )
          })
      })
    })
  )
