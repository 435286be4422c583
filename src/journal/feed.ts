/**
 * What PostgreSQL does not have yet, in order. Entries are numbered without gaps; those up to the
 * watermark are gone. Only what is on disk is shown to the ledger, so that it never knows of
 * something that a restart does not.
 */

import type { LogGroup, LogGroups } from "./log-groups.ts"
import type { Slot } from "./warm-values.ts"

export interface FeedSlot extends Slot {
  readonly sequence: number
  /** Number of the entry's table. */
  readonly table: number
  /** Its first group, which knows its time; `group` changes when it is moved. */
  readonly origin: LogGroup
  /** What it adds to its group's live bytes: nothing while a table has the same bytes. */
  weight: number
}

/** Slots that have left are cut off when there are this many of them. */
const trimSlots = 1024

export class Feed {
  #slots: Array<FeedSlot> = []
  #first = 0
  #watermark = 0
  #durable = 0

  /** The feed up to and including this is in PostgreSQL. */
  get watermark(): number {
    return this.#watermark
  }

  get next(): number {
    return this.#watermark + this.pending + 1
  }

  get pending(): number {
    return this.#slots.length - this.#first
  }

  /** The last entry that is on disk. */
  get durable(): number {
    return this.#durable
  }

  get oldestMs(): number | undefined {
    return this.#slots[this.#first]?.origin.wallMs
  }

  /** `slot.sequence` is {@link next}. */
  add(slot: FeedSlot): void {
    this.#slots.push(slot)
  }

  at(sequence: number): FeedSlot | undefined {
    const behind = sequence - this.#watermark - 1
    return behind < 0 ? undefined : this.#slots[this.#first + behind]
  }

  nowDurable(sequence: number): void {
    this.#durable = sequence
  }

  /** Moves the watermark; returns whether it moved. */
  written(sequence: number, groups: LogGroups): boolean {
    const until = Math.min(sequence, this.#durable)
    if (until <= this.#watermark) return false
    while (this.#watermark < until) {
      const slot = this.#slots[this.#first++]!
      groups.frees(slot.group, slot.weight)
      this.#watermark++
    }
    if (this.#first > trimSlots && this.#first * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#first)
      this.#first = 0
    }
    return true
  }

  /**
   * What a replay found, in any order: entries that were moved forward come late, and one whose
   * move was interrupted comes twice. Returns the first number that is missing, if any.
   */
  restore(
    found: Array<FeedSlot>,
    watermark: number,
    next: number,
    groups: LogGroups
  ): number | undefined {
    found.sort((left, right) => left.sequence - right.sequence)
    this.#watermark = watermark
    for (const slot of found) {
      if (slot.sequence < this.next) continue
      if (slot.sequence > this.next) return this.next
      groups.needs(slot.group, slot.weight)
      this.#slots.push(slot)
    }
    this.#durable = this.next - 1
    return this.next === next ? undefined : this.next
  }
}
