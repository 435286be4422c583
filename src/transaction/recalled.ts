/**
 * Originals that came back from PostgreSQL for a follow-on or a reversal. They stand in the journal
 * beside the windows, with what was taken from them, for as long as a follow-on may still give it
 * back or a chain is pending, and long enough that no question which began before finds an older
 * version in PostgreSQL.
 */

import type { Timer } from "../actor/timer-wheel.ts"
import type { TransactionId } from "../domain/brand.ts"
import type { Chains } from "./chains.ts"
import type { Floor } from "./floor.ts"
import type { Room } from "./room.ts"

/** At once; a follow-on that needs one more is refused as overloaded. */
export const maxRecalled = 10_000

/** Longer than a question to the archive may take. */
export const keepMs = 60_000

interface Kept {
  /** Follow-ons that took from it. */
  readonly followOns: Set<TransactionId>
  timer: Timer
}

export class Recalled {
  readonly #room: Room
  readonly #floor: Floor
  readonly #chains: Chains
  readonly #kept = new Map<TransactionId, Kept>()

  constructor(room: Room, floor: Floor, chains: Chains) {
    this.#room = room
    this.#floor = floor
    this.#chains = chains
  }

  get isFull(): boolean {
    return this.#kept.size >= maxRecalled
  }

  /** `followOn` takes from `original`, or takes it back; that is in the journal from now on. */
  keep(original: TransactionId, followOn: TransactionId): void {
    const kept = this.#kept.get(original)
    if (kept === undefined) {
      this.#kept.set(original, { followOns: new Set([followOn]), timer: this.#later(original) })
      return
    }
    kept.followOns.add(followOn)
    kept.timer.cancel()
    kept.timer = this.#later(original)
  }

  /** Kept already: another follow-on's original, too. */
  has(original: TransactionId): boolean {
    return this.#kept.has(original)
  }

  #later(original: TransactionId): Timer {
    return this.#room.timers.after(keepMs, () => this.#look(original))
  }

  #look(original: TransactionId): void {
    const kept = this.#kept.get(original)
    if (kept === undefined) return
    for (const id of kept.followOns) {
      if (!this.#floor.byId.has(id) && !this.#chains.has(id)) kept.followOns.delete(id)
    }
    if (kept.followOns.size > 0 || this.#chains.isOwing(original)) {
      kept.timer = this.#later(original)
      return
    }
    this.#kept.delete(original)
    this.#room.journal.note([{ table: "transactions", key: original, value: undefined }], [])
  }
}
