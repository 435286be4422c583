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
  /** Writes all entries or none, and the mark with them. Repeating it changes nothing. */
  readonly write: (
    entries: ReadonlyArray<LedgerEntry>,
    mark?: LedgerMark
  ) => Effect.Effect<LedgerWritten, LedgerUnavailable | LedgerRejected>
  /** The highest sequence that each lane of this node has written, by lane. */
  readonly marks: Effect.Effect<ReadonlyMap<number, number>, LedgerUnavailable>
}

/** How far a lane of the writer has come in the journal's feed. */
export interface LedgerMark {
  readonly lane: number
  readonly sequence: number
  /**
   * The mark moves only from here on. Where less is held, something was lost, and a mark that moved
   * on all the same would hide it, should the answer to this very statement be lost too.
   */
  readonly after?: number
}

export interface LedgerWritten {
  readonly rows: number
  /** `table:key` of rows whose stored content contradicts what was to be written. */
  readonly conflicts: ReadonlyArray<string>
  /** What each lane of this node had written before this batch, as PostgreSQL has it. */
  readonly heldMarks: ReadonlyMap<number, number>
}

export class LedgerStore
  extends Context.Service<LedgerStore, LedgerStoreShape>()("pointsman/domain/ports/LedgerStore")
{}

/** The ledger cannot be used as it is, and trying again will not help. */
export class LedgerUnusable extends Schema.TaggedError<LedgerUnusable>()("LedgerUnusable", {
  /**
   * `binaries`, `folder`, `account`, `initdb`, `owned`, `port-taken`, `not-ready`, `url`,
   * `unreachable`, `schema-newer`, `schema-older`, `migration`, `export`.
   */
  reason: Schema.String,
  /** One line that says what to do. */
  advice: Schema.String
}) {}

export interface LedgerStatus {
  /** The last thing PostgreSQL was asked went well. */
  readonly connected: boolean
  /** Schema checked and migrated: the writer may write. */
  readonly ready: boolean
  /** Rows in the journal that PostgreSQL does not have yet. */
  readonly pendingRows: number
  /** Age of the oldest of them. */
  readonly oldestMs: number | undefined
  readonly writtenRows: number
  readonly batches: number
  readonly batchesInFlight: number
  /** Rows a batch may have at the moment; adapts to what PostgreSQL can take. */
  readonly batchRows: number
  /** Batches that had to be tried again. */
  readonly retries: number
  /** Rows that PostgreSQL refused, each now in the exceptions. */
  readonly refusedRows: number
  /** Rows whose stored content contradicts ours, each now in the exceptions. */
  readonly conflicts: number
  /** Partitions that the writer had to make because they were missing. */
  readonly partitionsMissing: number
  /** How often PostgreSQL was found to have lost rows that it had confirmed. */
  readonly rewinds: number
  /** Why it is not well, for people. */
  readonly trouble: string | undefined
}

/** What the ledger says about itself. It never waits. */
export class LedgerHealth extends Context.Service<LedgerHealth, {
  readonly status: () => LedgerStatus
}>()("pointsman/domain/ports/LedgerHealth") {}
