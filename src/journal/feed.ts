/**
 * What PostgreSQL does not have, or could lose, in order. Entries are numbered without gaps; those
 * up to the watermark are gone, those from there to `written` are in PostgreSQL and kept until they
 * are safe there. Only what is on disk is shown to the ledger, so that it never knows of something
 * that a restart does not.
 */

import { feedKeyBytes, recordWeight } from "./group.ts"
import type { LogGroup, LogGroups } from "./log-groups.ts"
import type { RestoredFeed } from "./restored-feed.ts"
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

/** What a feed entry takes that shares its value with nobody. */
export function feedWeight(length: number): number {
  return recordWeight(feedKeyBytes, length)
}

export class Feed {
  /** What a replay found, while any of it is here; the other slots come after it. */
  #restored: RestoredFeed | undefined
  /** Those that left are no longer held: what they lead to would be kept with them. */
  #slots: Array<FeedSlot | undefined> = []
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
    const restored = this.#restored
    const before = restored === undefined ? 0 : restored.last - this.#watermark
    return before + this.#slots.length - this.#first
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
    if (sequence <= this.#watermark) return undefined
    const restored = this.#restored
    if (restored === undefined) return this.#slots[this.#first + sequence - this.#watermark - 1]
    if (sequence <= restored.last) return restored.at(sequence)
    return this.#slots[this.#first + sequence - restored.last - 1]
  }

  nowDurable(sequence: number): void {
    this.#durable = sequence
  }

  /** Moves the marks; returns whether the watermark moved. What is written is no longer warm. */
  move(written: number, safe: number, groups: LogGroups): boolean {
    const before = this.#written
    this.#written = Math.max(before, written)
    const cool = Math.max(before, this.#restored?.last ?? 0)
    for (let each = cool + 1; each <= this.#written; each++) this.at(each)!.value = undefined
    const until = Math.min(safe, this.#written)
    if (until <= this.#watermark) return false
    while (this.#watermark < until) this.#leave(groups)
    if (this.#first > trimSlots && this.#first * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#first)
      this.#first = 0
    }
    return true
  }

  /** The oldest entry leaves. */
  #leave(groups: LogGroups): void {
    const restored = this.#restored
    this.#watermark++
    if (restored === undefined) {
      const { group, weight } = this.#slots[this.#first]!
      this.#slots[this.#first++] = undefined
      groups.frees(group, weight)
      return
    }
    restored.free(this.#watermark, groups)
    if (this.#watermark === restored.last) this.#restored = undefined
  }

  /** What a replay found; before anything is added. */
  restore(restored: RestoredFeed, groups: LogGroups): void {
    this.#watermark = restored.first - 1
    this.#written = this.#watermark
    this.#durable = restored.last
    if (restored.last < restored.first) return
    restored.needed(groups)
    this.#restored = restored
  }
}
