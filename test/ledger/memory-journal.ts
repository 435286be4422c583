/** The feed side of the journal port, in memory, for tests and the bench of the ledger writer. */

import { Layer } from "effect"
import {
  Journal,
  type JournalShape,
  type JournalTable,
  type JournalTables,
  type LedgerEntry
} from "../../src/domain/ports/journal.ts"
import { healthyJournal } from "../domain/healthy-journal.ts"

interface Numbered {
  readonly sequence: number
  readonly entry: LedgerEntry
}

export class MemoryJournal {
  /** Highest sequence that the writer called written, and safe. */
  written = 0
  released = 0
  /** Called whenever the writer calls a sequence written. */
  onWritten: ((sequence: number) => void) | undefined
  /** What `entries` gives. */
  readonly kept = new Map<JournalTable, Array<readonly [string, unknown]>>()
  readonly state = new Map<string, unknown>()
  /** While set, commits wait here for their sync. */
  syncs: Array<() => void> | undefined
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
    return this.appended - this.written
  }

  readonly shape: JournalShape = {
    commit: (_writes, feed, done) => {
      this.append(feed)
      if (this.syncs === undefined) done(undefined)
      else this.syncs.push(() => done(undefined))
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
    survey: () => ({ take: () => [], next: () => undefined }),
    greatestKey: () => undefined,
    feedAfter: (sequence, limit) => {
      const from = Math.max(0, sequence - this.#dropped)
      return this.#feed.slice(from, from + limit)
    },
    feedMark: () => this.written,
    feedWritten: (written, safe) => {
      this.written = Math.max(this.written, written)
      this.onWritten?.(written)
      const count = safe - this.#dropped
      if (count <= 0) return
      this.#feed.splice(0, count)
      this.#dropped = safe
      this.released = safe
    },
    onFeed: (listener) => void this.#listeners.push(listener),
    health: () => ({ ...healthyJournal, feedPending: this.pending })
  }

  get layer(): Layer.Layer<Journal> {
    return Layer.succeed(Journal, Journal.of(this.shape))
  }
}
