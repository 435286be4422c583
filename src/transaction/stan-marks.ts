/**
 * How far each upstream's numbers have gone, durable: a restart counts on behind it. Records alone
 * do not tell, because the newest that an upstream got may have left its terminal's window. What
 * must hold: no number leaves the process that lies more than {@link markEvery} ahead of the mark
 * on disk, and a restart leaves out more than that.
 */

import type { Stan } from "../domain/brand.ts"
import type { JournalShape, JournalWrite } from "../domain/ports/journal.ts"

const prefix = "stan:"

/** Numbers go round. */
const stanSpace = 999_999

/** Numbers between two marks; half of what a restart leaves out (`restartGap` in upstream). */
export const markEvery = 500

/** How many numbers `stan` lies ahead of `other`, going round. */
function aheadOf(stan: Stan, other: Stan): number {
  return (Number(stan) - Number(other) + stanSpace) % stanSpace
}

/**
 * Was this number given after that one? No two that a journal holds are half a round apart. Ids do
 * not tell: they follow the wall clock, which may have been set back.
 */
export function isAhead(stan: Stan, other: Stan): boolean {
  return aheadOf(stan, other) < stanSpace / 2
}

export class StanMarks {
  readonly #marks = new Map<string, Stan>()

  /** What goes into the commit before this number leaves: mostly nothing. */
  writes(upstream: string, stan: Stan): ReadonlyArray<JournalWrite> {
    // No number at all: its upstream is not configured now, and may be again.
    if (Number(stan) === 0) return []
    const mark = this.#marks.get(upstream)
    // One that waited for its PIN may come behind a later one: marks never go back.
    if (mark !== undefined && !(isAhead(stan, mark) && aheadOf(stan, mark) >= markEvery)) return []
    this.#marks.set(upstream, stan)
    return [{ table: "state", key: prefix + upstream, value: stan }]
  }

  /** The marks on disk, by upstream. */
  static read(journal: JournalShape): Map<string, Stan> {
    const found = new Map<string, Stan>()
    for (const [key, value] of journal.entries("state")) {
      // Written by `writes` alone.
      if (key.startsWith(prefix)) found.set(key.slice(prefix.length), value as Stan)
    }
    return found
  }
}
