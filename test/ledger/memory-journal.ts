/** The feed side of the journal port, in memory, for tests and the bench of the ledger writer. */

import { Layer } from "effect"
import {
  Journal,
  type JournalShape,
  type JournalTable,
  type JournalTables,
  type LedgerEntry
} from "../../src/domain/ports/journal.ts"

interface Numbered {
  readonly sequence: number
  readonly entry: LedgerEntry
}

export class MemoryJournal {
  /** Highest sequence that the writer called written. */
  released = 0
  /** Called whenever the writer calls a sequence written. */
  onWritten: ((sequence: number) => void) | undefined
  /** What `entries` gives. */
  readonly kept = new Map<JournalTable, Array<readonly [string, unknown]>>()
  readonly state = new Map<string, unknown>()
  readonly #feed: Array<Numbered> = []
  readonly #listeners: Array<() => void> = []
  #dropped = 0

  append(entries: ReadonlyArray<LedgerEntry>): void {
    let sequence = this.#dropped + this.#feed.length
    for (const entry of entries) this.#feed.push({ sequence: ++sequence, entry })
    for (const listener of this.#listeners) listener()
  }

  /** Highest sequence so far. */
  get appended(): number {
    return this.#dropped + this.#feed.length
  }

  get pending(): number {
    return this.#feed.length
  }

  readonly shape: JournalShape = {
    commit: (_writes, feed, done) => {
      this.append(feed)
      done(undefined)
    },
    note: (writes, feed) => {
      for (const { key, table, value } of writes) if (table === "state") this.state.set(key, value)
      if (feed.length > 0) this.append(feed)
    },
    get: <T extends JournalTable>(table: T, key: string) =>
      (table === "state" ? this.state.get(key) : undefined) as JournalTables[T] | undefined,
    has: () => false,
    keys: () => [],
    entries: <T extends JournalTable>(table: T) =>
      (this.kept.get(table) ?? []) as Array<readonly [string, JournalTables[T]]>,
    feedAfter: (sequence, limit) => {
      const from = Math.max(0, sequence - this.#dropped)
      return this.#feed.slice(from, from + limit)
    },
    feedMark: () => this.#dropped,
    feedWritten: (sequence) => {
      this.released = sequence
      this.onWritten?.(sequence)
      const count = sequence - this.#dropped
      if (count <= 0) return
      this.#feed.splice(0, count)
      this.#dropped = sequence
    },
    onFeed: (listener) => void this.#listeners.push(listener),
    health: () => ({
      mode: "strict",
      givenUp: [],
      bytes: 0,
      maxBytes: 1,
      records: 0,
      maxRecords: 1,
      level: "open",
      feedPending: this.#feed.length,
      oldestFeedMs: undefined,
      waitingMs: 0,
      commitP50Ms: 0,
      commitP99Ms: 0
    })
  }

  get layer(): Layer.Layer<Journal> {
    return Layer.succeed(Journal, Journal.of(this.shape))
  }
}
