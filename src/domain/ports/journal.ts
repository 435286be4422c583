/**
 * The journal: what must be on disk before anyone is told. `Journal` is what stations use;
 * `JournalStore` is the disk below it, bound to a write-ahead log before LMDB in production and to
 * a disk that loses what was not synced in the seeded world.
 */

import { Context, type Effect, Schema, type Scope } from "effect"
import type { AdviceRecord } from "../advice.ts"
import type { MerchantId, TerminalId, TransactionId } from "../brand.ts"
import type { FailureCode } from "../failures.ts"
import type { NotificationRecord, OrderRecord, PushRecord } from "../order.ts"
import type { TransactionRecord } from "../transaction.ts"

/** What each table holds. Keys are strings, unique within their table. */
export interface JournalTables {
  /** Key: transaction id. In flight, answered, and the last 32 of each terminal. */
  readonly transactions: TransactionRecord
  /** Key: transaction id. An outcome that is not known to have been handed to a live socket. */
  readonly undelivered: true
  /** Key: transaction id. */
  readonly advices: AdviceRecord
  /** Key: order number. */
  readonly orders: OrderRecord
  /** Key: `scheme:notice id`; kept for the replay window. */
  readonly notifications: NotificationRecord
  /** Key: `terminal:sequence`, sequence zero-padded to 10 digits. */
  readonly pushes: PushRecord
  /** Key: terminal id. Wrapped working keys, high-water mark of (batch, STAN), push sequence. */
  readonly terminals: TerminalState
  /** Key: terminal id. The DUKPT device that speaks for it, and the counters it has used. */
  readonly serials: SerialState
  /** Key: ledger sequence, zero-padded to 16 digits. Rows that PostgreSQL may not have. */
  readonly feed: LedgerEntry
  /** Small singletons: business day, configuration version, registry snapshot, node identity. */
  readonly state: unknown
}

export type JournalTable = keyof JournalTables

export interface TerminalState {
  /** Key blocks under the local master key, never clear: by purpose. */
  readonly keys: Readonly<Partial<Record<"pin" | "mac" | "track", Uint8Array>>>
  readonly keysChangedMs: number
  readonly batch: string
  readonly highStan: string
  readonly pushSequence: number
}

export interface SerialState {
  /** Name of the base key in the key store. */
  readonly baseKey: string
  /** The serial number of the device's initial key: hex in fours, with a counter of zero. */
  readonly device: string
  /** The highest counter of a message that was right. */
  readonly highest: number
  /** 32 bits, the lowest for `highest`, the next for the counter before it: it was used. */
  readonly seen: number
  /** An operator said that another device comes; this one may count on until it does. */
  readonly released?: true
}

/** One row for PostgreSQL: table and full content. Versions only move forward. */
export type LedgerEntry =
  | { readonly table: "transactions"; readonly row: TransactionRecord }
  | { readonly table: "advices"; readonly row: AdviceRecord }
  | { readonly table: "notifications"; readonly row: NotificationRecord }
  | { readonly table: "pushes"; readonly row: PushRecord }
  | { readonly table: "orders"; readonly row: OrderRecord }
  | { readonly table: "batches"; readonly row: BatchRow }
  | { readonly table: "exceptions"; readonly row: ExceptionRow }

/** Sums of one side of a terminal's batch, in minor units, with their counts. */
export interface BatchSums {
  readonly debit: number
  readonly debits: number
  readonly credit: number
  readonly credits: number
}

/** Totals of a terminal's batch: cards of this country and foreign ones apart. */
export interface BatchTotals {
  readonly domestic: BatchSums
  readonly foreign: BatchSums
}

/** A batch close: what the terminal declared beside what the switch counted. */
export interface BatchRow {
  /** The close request's transaction id. */
  readonly id: TransactionId
  readonly terminal: TerminalId
  readonly merchant: MerchantId
  readonly batch: string
  readonly closedMs: number
  readonly balanced: boolean
  readonly declared: BatchTotals
  readonly counted: BatchTotals
}

export interface ExceptionRow {
  readonly id: string
  readonly transaction?: string
  readonly reason: string
  readonly detail: string
  readonly atMs: number
}

/** Records by their terminal, packed until somebody takes them. */
export interface TerminalWindows<R> {
  /** All of a terminal, in no order; they are not here any more. */
  readonly take: (terminal: string) => Array<R>
  /** A terminal whose records are here. */
  readonly next: () => string | undefined
}

/** One change: `value` undefined removes the key. */
export type JournalWrite = {
  readonly [T in JournalTable]: {
    readonly table: T
    readonly key: string
    readonly value: JournalTables[T] | undefined
  }
}[JournalTable]

/** The feed is appended with `feed`, which numbers it; all other tables with `write`. */
export interface JournalShape {
  /**
   * Adds writes and ledger entries to the open group, all or nothing. Reads see them at once;
   * `done` is called in commit order, after the group's sync returned, or with the failure after
   * which nothing more may be acknowledged.
   */
  readonly commit: (
    writes: ReadonlyArray<JournalWrite>,
    feed: ReadonlyArray<LedgerEntry>,
    done: (failure: FailureCode | undefined) => void
  ) => void
  /** As `commit`, for changes that nobody waits for: they ride with the next group. */
  readonly note: (
    writes: ReadonlyArray<JournalWrite>,
    feed: ReadonlyArray<LedgerEntry>
  ) => void
  readonly get: <T extends JournalTable>(table: T, key: string) => JournalTables[T] | undefined
  /** Whether there is a value, without decoding it. */
  readonly has: (table: Exclude<JournalTable, "feed">, key: string) => boolean
  /** The live keys of a table, in the order of the log. */
  readonly keys: (table: Exclude<JournalTable, "feed">) => Iterable<string>
  /**
   * All live entries of a table, in the order of the log; who needs another order sorts by key.
   * Values are decoded one by one and not kept. For recovery and for people, not for the road.
   */
  readonly entries: <T extends JournalTable>(
    table: T
  ) => Iterable<readonly [key: string, value: JournalTables[T]]>
  /**
   * Looks at some fields of every transaction, in the order of the log; `seen` is the same object
   * every time. Of each the `kept` fields stay in memory, by terminal. For recovery.
   */
  readonly survey: <L extends keyof TransactionRecord, K extends keyof TransactionRecord>(
    looked: ReadonlyArray<L>,
    kept: ReadonlyArray<K>,
    each: (seen: Pick<TransactionRecord, L>) => void
  ) => TerminalWindows<Pick<TransactionRecord, K>>
  /** No live key of the table is greater; undefined: it has never had any. */
  readonly greatestKey: (table: Exclude<JournalTable, "feed">) => string | undefined
  /** Up to `limit` entries after `sequence` that are on disk, kept ones included; in order. */
  readonly feedAfter: (
    sequence: number,
    limit: number
  ) => ReadonlyArray<{ readonly sequence: number; readonly entry: LedgerEntry }>
  /**
   * Everything up to and including `written` is in PostgreSQL; it is kept all the same, until it is
   * called safe: written again after a restart, and by whoever finds that PostgreSQL has lost it.
   */
  readonly feedWritten: (written: number, safe: number) => void
  /** Everything up to and including this was in PostgreSQL when it was last heard of. */
  readonly feedMark: () => number
  /** Called after every sync with which the feed grew. */
  readonly onFeed: (listener: () => void) => void
  /** The same object every time; its properties are read from the journal when looked at. */
  readonly health: () => JournalHealth
}

export interface JournalHealth {
  readonly mode: "strict" | "outcome" | "relaxed"
  /** The invariants that the mode gives up, one line each; empty when `strict`. */
  readonly givenUp: ReadonlyArray<string>
  readonly bytes: number
  readonly maxBytes: number
  /** Live keys and feed entries, those that are only kept included. */
  readonly records: number
  readonly maxRecords: number
  /**
   * `open`: all well. `alarm`: above 50 % of bytes or records. `full`: above 90 %, or the disk does
   * not keep up: new transactions are refused. `failed`: nothing is acknowledged any more.
   */
  readonly level: "open" | "alarm" | "full" | "failed"
  /** Entries that PostgreSQL does not have. */
  readonly feedPending: number
  /** Age of the oldest entry that PostgreSQL does not have. */
  readonly oldestFeedMs: number | undefined
  /** How long the oldest commit has been waiting for its sync; 0 when none waits. */
  readonly waitingMs: number
  readonly commitP50Ms: number
  readonly commitP99Ms: number
}

export class Journal
  extends Context.Service<Journal, JournalShape>()("pointsman/domain/ports/Journal")
{}

export class JournalUnusable extends Schema.TaggedError<JournalUnusable>()("JournalUnusable", {
  /**
   * `owned`, `newer-format`, `corrupt`, `foreign`, `missing`, `absent`, `half`, `read-only`,
   * `no-space`, `long-name`, `system`, `unsafe`.
   */
  reason: Schema.String,
  /** One line that says what to do. */
  advice: Schema.String
}) {}

/** The disk below the journal: an ordered log of opaque groups. */
interface JournalStoreShape {
  /** Opens the log; fails when another process owns it or its format is newer. */
  readonly open: Effect.Effect<OpenLog, JournalUnusable, Scope.Scope>
}

export interface LoggedGroup {
  readonly sequence: number
  readonly bytes: Uint8Array
}

export interface OpenLog {
  /**
   * Every group that is on disk, oldest first; `bytes` may be reused after the callback returns.
   * Called once, before the first append.
   */
  readonly replay: (each: (sequence: number, bytes: Uint8Array) => void) => void
  /**
   * Appends groups, at least one, that follow each other and what is there, and removes the oldest
   * that are there, in one durable step. `done` is called after the sync; with false when the
   * step failed, after which every later call fails too. The next call comes after that. The bytes
   * must not change before.
   */
  readonly append: (
    groups: ReadonlyArray<LoggedGroup>,
    removed: ReadonlyArray<number>,
    done: (durable: boolean) => void
  ) => void
  /** One group; the bytes may be reused by the next read. */
  readonly read: (sequence: number) => Uint8Array | undefined
  readonly usedBytes: () => number
  readonly maxBytes: number
}

export class JournalStore
  extends Context.Service<JournalStore, JournalStoreShape>()("pointsman/domain/ports/JournalStore")
{}
