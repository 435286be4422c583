/**
 * What auditors must find again, on its way to the audit log: kept in the journal until PostgreSQL
 * has it, so that neither an outage nor a kill loses it. What must hold: entries arrive in order;
 * one may stand there twice after a kill between writing and forgetting, none is missing; above
 * the bound only the log has them, and says so.
 */

import type { PgClient } from "@effect/sql-pg"
import { Effect, Latch } from "effect"
import { Journal } from "../domain/ports/journal.ts"
import { Time } from "../domain/ports/time.ts"
import { appendAudits, type AuditEntry, restingEntry } from "../ledger/audit-log.ts"
import { Observatory } from "../observe/observatory.ts"

export interface AuditTrail {
  readonly add: (entry: Omit<AuditEntry, "atMs">) => void
  /** False: one more would be lost. */
  readonly takes: () => boolean
  /** Entries that PostgreSQL does not have yet. */
  readonly pending: () => number
}

/** In the journal's table `state`: `audit:` and a number that only grows. */
const prefix = "audit:"
const digits = 12

/** An attacker who knocks all night must not fill the journal. */
export const maxPending = 10_000

const retryMs = 2_000

export const makeAuditTrail = Effect.gen(function*() {
  const journal = yield* Journal
  const time = yield* Time
  const { lines } = yield* Observatory
  const pending = new Map<string, AuditEntry>()
  const left = [...journal.entries("state")].filter(([key]) => key.startsWith(prefix))
  for (const [key, value] of left.toSorted(byKey)) pending.set(key, value as AuditEntry)
  let next = Number([...pending.keys()].at(-1)?.slice(prefix.length) ?? 0)
  const wanted = yield* Latch.make(pending.size > 0)
  const forget = (keys: ReadonlyArray<string>) => {
    for (const key of keys) pending.delete(key)
    journal.note(keys.map((key) => ({ table: "state", key, value: undefined })), [])
  }
  yield* writing(pending, forget, wanted).pipe(Effect.forkScoped)
  const trail: AuditTrail = {
    add: (entry) => {
      const { action, detail, target } = entry
      if (pending.size >= maxPending) {
        lines.write("error", "audit-entry-lost", { action, target, detail })
        return
      }
      const key = prefix + String(++next).padStart(digits, "0")
      const value = restingEntry({ ...entry, atMs: time.wallMs() })
      pending.set(key, value)
      journal.note([{ table: "state", key, value }], [])
      Latch.openUnsafe(wanted)
    },
    takes: () => pending.size < maxPending && journal.health().level !== "failed",
    pending: () => pending.size
  }
  return trail
})

const byKey = ([left]: readonly [string, unknown], [right]: readonly [string, unknown]) =>
  left < right ? -1 : 1

/** A fleet that signs on at once makes an entry each; they share a transaction. */
const batchEntries = 200

/** In order, for as long as PostgreSQL takes them. */
const writing = (
  pending: ReadonlyMap<string, AuditEntry>,
  forget: (keys: ReadonlyArray<string>) => void,
  wanted: Latch.Latch
): Effect.Effect<never, never, PgClient.PgClient> =>
  Effect.gen(function*() {
    while (true) {
      yield* wanted.await
      const batch = [...pending].slice(0, batchEntries)
      if (batch.length === 0) {
        Latch.closeUnsafe(wanted)
        continue
      }
      const written = yield* Effect.result(appendAudits(batch.map(([, entry]) => entry)))
      if (written._tag === "Success") forget(batch.map(([key]) => key))
      else yield* Effect.sleep(retryMs)
    }
  })
