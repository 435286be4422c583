/** A journal on the real disk in a folder of its own, for the benchmarks. */

import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Journal, JournalStore } from "../../src/domain/ports/journal.ts"
import { diskStoreLayer } from "../../src/journal/disk-store.ts"
import { journalLayer } from "../../src/journal/journal.ts"
import { machineClock, MachineRandom } from "../../src/listen/machine-time.ts"

export interface Opened {
  readonly journal: Journal["Service"]
  readonly close: () => Promise<void>
}

export function makeFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "pointsman-bench-"))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** A failed commit ends the benchmark. */
export async function openJournal(path: string, maxBytes: number): Promise<Opened> {
  const onFailed = () => {
    throw new Error("a commit failed")
  }
  const layer = journalLayer({ mode: "strict", unsafe: false, onFailed }).pipe(
    Layer.provide(diskStoreLayer({ path, maxBytes })),
    Layer.provide(machineClock),
    Layer.provide(Logger.layer([]))
  )
  const scope = Effect.runSync(Scope.make())
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  return {
    journal: Context.get(context, Journal),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

/** The log alone, to fill it faster than a journal would. */
export async function openStore(path: string, maxBytes: number) {
  const scope = Effect.runSync(Scope.make())
  const log = await Effect.runPromise(
    JournalStore.pipe(
      Effect.flatMap((store) => store.open),
      Effect.provide(Layer.provide(diskStoreLayer({ path, maxBytes }), MachineRandom)),
      Scope.provide(scope)
    )
  )
  return { log, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

/** `share` between 0 and 1. */
export function percentile(values: ReadonlyArray<number>, share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
