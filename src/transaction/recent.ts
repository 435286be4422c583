/**
 * The last transactions of each terminal, by transaction key: what makes a repeat a repeat and what
 * a follow-on or a reversal can refer to without asking PostgreSQL. Only keys and references live
 * here; the records are in the journal. Bounded: {@link recentPerTerminal} a terminal.
 */

import type { TerminalWindows } from "../domain/ports/journal.ts"
import type { TransactionRecord } from "../domain/transaction.ts"

/** Design rule 9: the journal keeps this many per terminal, with their answers. */
export const recentPerTerminal = 32

const stanSpace = 1_000_000

/** What the recent window looks at in a record. */
export const rememberedFields = [
  "id",
  "key",
  "kind",
  "stan",
  "batch",
  "terminal",
  "walletReference"
] as const satisfies ReadonlyArray<keyof TransactionRecord>

export type Remembered = Pick<TransactionRecord, typeof rememberedFields[number]>

export class RecentTransactions {
  readonly #rings = new Map<string, Array<Remembered>>()
  /** Of terminals that have said nothing since the start: as the journal gave them. */
  #unread: TerminalWindows<Remembered> | undefined

  /** Adds the newest; returns what fell out of the window. */
  add(record: Remembered): ReadonlyArray<Remembered> {
    let ring = this.#ring(record.terminal)
    if (ring === undefined) {
      ring = []
      this.#rings.set(record.terminal, ring)
    }
    ring.push(copied(record))
    return cut(ring)
  }

  /** What the journal held when we started; before anything is added. */
  restore(windows: TerminalWindows<Remembered>): void {
    this.#unread = windows
  }

  /** Reads the next window that was restored; returns what is outside of it. */
  readNext(): ReadonlyArray<Remembered> | "all-read" {
    const terminal = this.#unread?.next()
    if (terminal !== undefined) return cut(this.#ring(terminal)!)
    this.#unread = undefined
    return "all-read"
  }

  #ring(terminal: string): Array<Remembered> | undefined {
    const ring = this.#unread?.take(terminal)
    if (ring === undefined || ring.length === 0) return this.#rings.get(terminal)
    ring.sort(byAge)
    this.#rings.set(terminal, ring)
    return ring
  }

  find(terminal: string, key: string): Remembered | undefined {
    const ring = this.#ring(terminal)
    if (ring === undefined) return undefined
    for (let index = ring.length - 1; index >= 0; index--) {
      if (ring[index]!.key === key) return ring[index]
    }
    return undefined
  }

  /** Newest first. */
  *of(terminal: string): Generator<Remembered> {
    const ring = this.#ring(terminal)
    if (ring === undefined) return
    for (let index = ring.length - 1; index >= 0; index--) yield ring[index]!
  }

  /**
   * Is (batch, stan) older than the newest that the terminal sent, where the dialect has batches?
   * Numbers wrap, so "older" means less than half the number space behind.
   */
  isStale(terminal: string, batch: string | undefined, stan: string): boolean {
    if (batch === undefined) return false
    // What came by notification has no batch and says nothing about the terminal's numbers.
    const newest = this.#ring(terminal)?.findLast((entry) => entry.batch !== undefined)
    if (newest?.batch === undefined) return false
    if (newest.batch !== batch) return isBehind(batch, newest.batch)
    return isBehind(stan, newest.stan)
  }
}

/** Of the record only what the window looks at: the rest is in the journal. */
function copied(record: Remembered): Remembered {
  const { batch, id, key, kind, stan, terminal, walletReference } = record
  return {
    id,
    key,
    kind,
    stan,
    terminal,
    ...(batch === undefined ? {} : { batch }),
    ...(walletReference === undefined ? {} : { walletReference })
  }
}

/** Identifiers begin with the time at which they were given. */
function byAge(left: Remembered, right: Remembered): number {
  return left.id < right.id ? -1 : 1
}

/** Takes out what is older than the window. */
function cut(ring: Array<Remembered>): ReadonlyArray<Remembered> {
  return ring.length > recentPerTerminal ? ring.splice(0, ring.length - recentPerTerminal) : []
}

function isBehind(older: string, newer: string): boolean {
  const distance = (Number(newer) - Number(older) + stanSpace) % stanSpace
  return distance > 0 && distance < stanSpace / 2
}
