/**
 * What PostgreSQL does not have, or could lose, in order. Entries are numbered without gaps; those
 * up to the watermark are gone, those from there to `written` are in PostgreSQL and kept until they
 * are safe there. Only what is on disk is shown to the ledger, so that it never knows of something
 * that a restart does not.
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
  #written = 0
  #durable = 0

  /** The feed up to and including this is in PostgreSQL, and safe. */
  get watermark(): number {
    return this.#watermark
  }

  /** The feed up to and including this is in PostgreSQL. */
  get written(): number {
    return this.#written
  }

  get next(): number {
    return this.#watermark + this.held + 1
  }

  /** Entries that are here. */
  get held(): number {
    return this.#slots.length - this.#first
  }

  /** Those that PostgreSQL does not have. */
  get pending(): number {
    return this.held - (this.#written - this.#watermark)
  }

  /** The last entry that is on disk. */
  get durable(): number {
    return this.#durable
  }

  get oldestMs(): number | undefined {
    return this.at(this.#written + 1)?.origin.wallMs
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

  /** Moves the marks; returns whether the watermark moved. */
  move(written: number, safe: number, groups: LogGroups): boolean {
    this.#written = Math.max(this.#written, Math.min(written, this.#durable))
    const until = Math.min(safe, this.#written)
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
    this.#written = watermark
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
