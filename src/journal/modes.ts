/**
 * How long a commit waits. `strict` keeps every promise; the other two exist to be measured
 * against, or for those who accept in writing what they give up.
 */

import type { JournalConfig } from "../domain/config.ts"
import type { JournalWrite } from "../domain/ports/journal.ts"

export type JournalMode = JournalConfig["mode"]

const promises: Readonly<Record<JournalMode, ReadonlyArray<string>>> = {
  strict: [],
  outcome: [
    "I1: after a crash a request that was forwarded may have no record",
    "I2: after a crash its repeat may be forwarded as new",
    "I3: after a crash it may stay approved upstream without a reversal"
  ],
  relaxed: [
    "I1: after a crash an answer that left may have no record",
    "I2: after a crash a repeat may be executed again",
    "I3: after a crash an approval may stay without a reversal",
    "I8: after a crash the books may not balance"
  ]
}

/** The invariants that a mode gives up, one line each; shown at start, in health and in audit. */
export function givenUp(mode: JournalMode): ReadonlyArray<string> {
  return promises[mode]
}

/** Whether whoever commits these writes is told only after the sync. */
export function waitsForSync(mode: JournalMode, writes: ReadonlyArray<JournalWrite>): boolean {
  if (mode === "strict") return true
  return mode === "outcome" && !writes.some(isForwarded)
}

function isForwarded(write: JournalWrite): boolean {
  return write.table === "transactions" && write.value?.state === "forwarded"
}
