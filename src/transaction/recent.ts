/**
 * The last transactions of each terminal, by transaction key: what makes a repeat a repeat and what
 * a follow-on or a reversal can refer to without asking PostgreSQL. Only keys and references live
 * here; the records are in the journal. Bounded: {@link recentPerTerminal} a terminal.
 */

import type { TransactionId } from "../domain/brand.ts"
import type { Kind } from "../domain/kind.ts"

/** Design rule 9: the journal keeps this many per terminal, with their answers. */
export const recentPerTerminal = 32

const stanSpace = 1_000_000

export interface RecentEntry {
  readonly key: string
  readonly id: TransactionId
  readonly kind: Kind
  readonly stan: string
  readonly batch: string | undefined
  /** Order number at a wallet: a notice may name it. */
  readonly reference: string | undefined
}

export class RecentTransactions {
  readonly #rings = new Map<string, Array<RecentEntry>>()

  /** Adds the newest; returns what fell out of the window. */
  add(terminal: string, entry: RecentEntry): RecentEntry | undefined {
    let ring = this.#rings.get(terminal)
    if (ring === undefined) {
      ring = []
      this.#rings.set(terminal, ring)
    }
    ring.push(entry)
    return ring.length > recentPerTerminal ? ring.shift() : undefined
  }

  find(terminal: string, key: string): RecentEntry | undefined {
    const ring = this.#rings.get(terminal)
    if (ring === undefined) return undefined
    for (let index = ring.length - 1; index >= 0; index--) {
      if (ring[index]!.key === key) return ring[index]
    }
    return undefined
  }

  /** Newest first. */
  *of(terminal: string): Generator<RecentEntry> {
    const ring = this.#rings.get(terminal)
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
    const newest = this.#rings.get(terminal)?.findLast((entry) => entry.batch !== undefined)
    if (newest?.batch === undefined) return false
    if (newest.batch !== batch) return isBehind(batch, newest.batch)
    return isBehind(stan, newest.stan)
  }
}

function isBehind(older: string, newer: string): boolean {
  const distance = (Number(newer) - Number(older) + stanSpace) % stanSpace
  return distance > 0 && distance < stanSpace / 2
}
