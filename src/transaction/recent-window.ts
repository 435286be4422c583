/**
 * One terminal's last transactions, oldest first. Every request looks here for its own key and
 * mostly finds nothing: beside each entry stands a mark of its key, so that a search reads a row of
 * small numbers and not each entry with its texts.
 */

import type { TransactionRecord } from "../domain/transaction.ts"

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

export class RecentWindow {
  readonly #entries: Array<Remembered>
  readonly #marks: Array<number>

  /** In any order. */
  constructor(entries: Array<Remembered>) {
    this.#entries = entries.sort(byAge)
    this.#marks = entries.map(({ key }) => markOf(key))
  }

  add(entry: Remembered): void {
    this.#entries.push(entry)
    this.#marks.push(markOf(entry.key))
  }

  /** Takes out the oldest beyond so many. */
  cut(size: number): ReadonlyArray<Remembered> {
    const over = this.#entries.length - size
    if (over <= 0) return none
    if (over === 1) {
      this.#marks.shift()
      return [this.#entries.shift()!]
    }
    this.#marks.splice(0, over)
    return this.#entries.splice(0, over)
  }

  find(key: string): Remembered | undefined {
    const mark = markOf(key)
    const marks = this.#marks
    for (let index = marks.length - 1; index >= 0; index--) {
      if (marks[index] === mark && this.#entries[index]!.key === key) return this.#entries[index]
    }
    return undefined
  }

  /**
   * Is (batch, stan) older than the newest that the terminal sent, where the dialect has batches?
   * Numbers wrap, so "older" means less than half the number space behind.
   */
  isStale(batch: string | undefined, stan: string): boolean {
    if (batch === undefined) return false
    // What came by notification has no batch and says nothing about the terminal's numbers.
    const newest = this.#entries.findLast(hasBatch)
    if (newest?.batch === undefined) return false
    if (newest.batch !== batch) return isBehind(batch, newest.batch)
    return isBehind(stan, newest.stan)
  }

  *newestFirst(): Generator<Remembered> {
    for (let index = this.#entries.length - 1; index >= 0; index--) yield this.#entries[index]!
  }
}

const none: ReadonlyArray<Remembered> = []

const stanSpace = 1_000_000

function hasBatch({ batch }: Remembered): boolean {
  return batch !== undefined
}

function isBehind(older: string, newer: string): boolean {
  const distance = (Number(newer) - Number(older) + stanSpace) % stanSpace
  return distance > 0 && distance < stanSpace / 2
}

/** Identifiers begin with the time at which they were given. */
function byAge(left: Remembered, right: Remembered): number {
  return left.id < right.id ? -1 : 1
}

/** Thirty bits: what the engine keeps in an array without an object each. */
function markOf(key: string): number {
  let mark = 0
  for (let at = 0; at < key.length; at++) mark = (mark * 31 + key.charCodeAt(at)) | 0
  return mark & 0x3fff_ffff
}
