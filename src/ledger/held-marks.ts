/**
 * What PostgreSQL has confirmed, as one mark a lane, and what the journal remembers of it. What
 * must hold: batches of a lane commit one after the other, so that a lane whose mark went back has
 * lost exactly what came after it; the mark of one lane says nothing about another, whose earlier
 * rows may have committed later and be gone; the journal's watermark is never on disk without the
 * marks that stand behind it.
 */

import type { JournalShape } from "../domain/ports/journal.ts"
import type { LedgerMark } from "../domain/ports/ledger.ts"

export type Marks = ReadonlyMap<number, number>

/** What a lane writes beside the feed (rewritten rows, exceptions) has marks of its own. */
const besideLanes = 10_000

const besideLane = (lane: number): number => besideLanes + lane

/** The mark of whatever this lane writes beside the feed next. */
export const besideMark = (lane: number): LedgerMark => ({ lane: besideLane(lane), sequence: 0 })

const key = "ledger-marks"

/** In the journal's `state`. */
interface Kept {
  readonly marks: Readonly<Record<string, number>>
  /** A loss was noticed and is not known to have been made good. */
  readonly owing: boolean
}

export class HeldMarks {
  readonly #journal: JournalShape
  /** How far the journal's feed went when this process opened it. */
  readonly #known: number
  readonly #confirmed = new Map<number, number>()
  /** Losses that were noticed and are not made good yet. */
  #owed = 0
  #noticed = 0

  constructor(journal: JournalShape) {
    this.#journal = journal
    this.#known = journal.feedMark() + journal.health().feedPending
  }

  /** As of now: what a statement that is sent now must find. */
  get confirmed(): Marks {
    return new Map(this.#confirmed)
  }

  /**
   * A mark that moves when it is written. Rows of the feed that come again are behind the mark that
   * their lane had before a restart, and go beside it.
   */
  moving(mark: LedgerMark): LedgerMark {
    const isBeside = mark.lane >= besideLanes
    if (!isBeside && mark.sequence > (this.#confirmed.get(mark.lane) ?? 0)) return mark
    const lane = isBeside ? mark.lane : besideLane(mark.lane)
    return { lane, sequence: (this.#confirmed.get(lane) ?? 0) + 1 }
  }

  /** Losses that were ever noticed; undefined while one is not made good. */
  get noticed(): number | undefined {
    return this.#owed > 0 ? undefined : this.#noticed
  }

  confirm({ lane, sequence }: LedgerMark): void {
    this.#confirmed.set(lane, sequence)
  }

  /**
   * Of what was `confirmed` before a statement, is something not `held` by it? Then those lanes go
   * back to what is held, and a loss is owed until it is called made good. 0 or 1.
   */
  losses(confirmed: Marks, held: Marks): number {
    let lacking = false
    for (const [lane, sequence] of confirmed) {
      const found = held.get(lane) ?? 0
      if (found >= sequence) continue
      lacking = true
      if (this.#confirmed.get(lane) === sequence) this.#confirmed.set(lane, found)
    }
    return lacking ? this.#owe() : 0
  }

  /**
   * At the start of a process: how far PostgreSQL has the feed of this node, when that is further
   * than its journal ever came. Then this is another journal, or an older copy.
   */
  beyondJournal(held: Marks): number | undefined {
    const highest = highestOf(held)
    return highest > this.#known ? highest : undefined
  }

  /** At the start of a process: does PostgreSQL hold what the journal remembers as confirmed? */
  lossesAtStart(held: Marks): number {
    for (const [lane, sequence] of held) this.#confirmed.set(lane, sequence)
    // Written by this file alone.
    const kept = this.#journal.get("state", key) as Kept | undefined
    if (kept === undefined) return highestOf(held) < this.#journal.feedMark() ? this.#owe() : 0
    const lacking = Object.entries(kept.marks).some(([lane, sequence]) =>
      (held.get(Number(lane)) ?? 0) < sequence
    )
    return lacking || kept.owing ? this.#owe() : 0
  }

  madeGood(losses: number): void {
    this.#owed -= losses
    this.remember()
  }

  /** Before the watermark moves. */
  remember(): void {
    const value: Kept = {
      marks: Object.fromEntries(this.#confirmed),
      owing: this.#owed > 0
    }
    this.#journal.note([{ table: "state", key, value }], [])
  }

  #owe(): number {
    this.#owed++
    this.#noticed++
    this.remember()
    return 1
  }
}

/** Of the feed, not of what goes beside it. */
function highestOf(held: Marks): number {
  const lanes = [...held].filter(([lane]) => lane < besideLanes)
  return Math.max(0, ...lanes.map(([, sequence]) => sequence))
}
