/** A journal in memory whose groups become durable when the test lets a turn pass. */

import type {
  JournalShape,
  JournalTable,
  JournalTables,
  LedgerEntry
} from "../../src/domain/ports/journal.ts"
import { healthyJournal } from "../domain/healthy-journal.ts"

export interface MemoryJournal extends JournalShape {
  readonly fed: Array<LedgerEntry>
  /** Commits wait while this is true. */
  held: boolean
  /** Age of the oldest commit, as its health tells. */
  waitingMs: number
  readonly release: () => void
}

export function memoryJournal(defer: (task: () => void) => void): MemoryJournal {
  const tables = new Map<JournalTable, Map<string, unknown>>()
  const table = (name: JournalTable): Map<string, unknown> => {
    const found = tables.get(name) ?? new Map<string, unknown>()
    tables.set(name, found)
    return found
  }
  const waiting: Array<() => void> = []
  const apply: JournalShape["note"] = (writes, feed) => {
    for (const { key, table: name, value } of writes) {
      if (value === undefined) table(name).delete(key)
      else table(name).set(key, value)
    }
    journal.fed.push(...feed)
  }
  const journal: MemoryJournal = {
    fed: [],
    held: false,
    waitingMs: 0,
    release: () => {
      journal.held = false
      for (const done of waiting.splice(0)) done()
    },
    commit: (writes, feed, done) => {
      apply(writes, feed)
      if (journal.held) waiting.push(() => done(undefined))
      else defer(() => done(undefined))
    },
    note: apply,
    get: <T extends JournalTable>(name: T, key: string) =>
      table(name).get(key) as JournalTables[T] | undefined,
    has: (name, key) => table(name).has(key),
    keys: (name) => table(name).keys(),
    entries: <T extends JournalTable>(name: T) =>
      [...table(name).entries()] as Array<readonly [string, JournalTables[T]]>,
    survey: () => ({ take: () => [], next: () => undefined }),
    greatestKey: (name) => [...table(name).keys()].sort().at(-1),
    feedAfter: () => [],
    feedWritten: () => {},
    feedMark: () => 0,
    onFeed: () => {},
    health: () => ({ ...healthyJournal, waitingMs: journal.waitingMs })
  }
  return journal
}
