/** PostgreSQL as the writer sees it: batches that are idempotent and only move forward. */

import { Context, type Effect, Schema } from "effect"
import type { LedgerEntry } from "./journal.ts"

export class LedgerUnavailable
  extends Schema.TaggedError<LedgerUnavailable>()("LedgerUnavailable", {
    /** `connection`, `timeout`, `serialization`, `refused`. All of them are worth another try. */
    reason: Schema.String
  })
{}

/** The batch holds at least one row that PostgreSQL will never take; bisect. */
export class LedgerRejected extends Schema.TaggedError<LedgerRejected>()("LedgerRejected", {
  reason: Schema.String
}) {}

export interface LedgerStoreShape {
  /** Writes all entries or none. Repeating it changes nothing. */
  readonly write: (
    entries: ReadonlyArray<LedgerEntry>
  ) => Effect.Effect<LedgerWritten, LedgerUnavailable | LedgerRejected>
}

export interface LedgerWritten {
  readonly rows: number
  /** Ids whose stored content contradicts what was written at the same version. */
  readonly conflicts: ReadonlyArray<string>
}

export class LedgerStore
  extends Context.Service<LedgerStore, LedgerStoreShape>()("pointsman/domain/ports/LedgerStore")
{}
