/**
 * Feed entries as a replay found them, flat for the same reason as {@link RestoredKeys}: half of
 * what a restart finds after PostgreSQL was away. Must hold: the account of the groups is that of
 * what is here.
 */

import { type FeedSlot, feedWeight } from "./feed.ts"
import type { LogGroup, LogGroups } from "./log-groups.ts"

const startEntries = 1024

/** What a replay comes upon, in any order. */
export class FoundEntries {
  count = 0
  sequences = new Float64Array(startEntries)
  /** Number of the replayed group, place and length in it. */
  groups = new Int32Array(startEntries)
  offsets = new Int32Array(startEntries)
  lengths = new Int32Array(startEntries)
  tables = new Uint8Array(startEntries)
  /** 1: a table of the same group has the same bytes. */
  shared = new Uint8Array(startEntries)

  add(
    sequence: number,
    table: number,
    group: number,
    offset: number,
    length: number,
    shared: boolean
  ): void {
    const at = this.count++
    if (at === this.sequences.length) this.#grow()
    this.sequences[at] = sequence
    this.tables[at] = table
    this.groups[at] = group
    this.offsets[at] = offset
    this.lengths[at] = length
    this.shared[at] = shared ? 1 : 0
  }

  #grow(): void {
    const more = this.sequences.length * 2
    const sequences = this.sequences
    this.sequences = new Float64Array(more)
    this.sequences.set(sequences)
    this.groups = wider(this.groups, new Int32Array(more))
    this.offsets = wider(this.offsets, new Int32Array(more))
    this.lengths = wider(this.lengths, new Int32Array(more))
    this.tables = wider(this.tables, new Uint8Array(more))
    this.shared = wider(this.shared, new Uint8Array(more))
  }
}

function wider<A extends Int32Array | Uint8Array>(from: A, to: A): A {
  to.set(from)
  return to
}

/** The entries from `first` to `last`, without gaps. */
export class RestoredFeed {
  readonly first: number
  readonly last: number
  readonly #found: FoundEntries
  readonly #replayed: ReadonlyArray<LogGroup>
  /** Which of the found ones an entry is. */
  readonly #chosen: Int32Array
  /** Entries that somebody has asked for: the slot says where the value is now. */
  readonly #slots = new Map<number, FeedSlot>()

  constructor(
    first: number,
    chosen: Int32Array,
    found: FoundEntries,
    replayed: ReadonlyArray<LogGroup>
  ) {
    this.first = first
    this.last = first + chosen.length - 1
    this.#chosen = chosen
    this.#found = found
    this.#replayed = replayed
  }

  at(sequence: number): FeedSlot {
    const known = this.#slots.get(sequence)
    if (known !== undefined) return known
    const found = this.#found
    const at = this.#chosen[sequence - this.first]!
    const group = this.#group(at)
    const length = found.lengths[at]!
    const slot: FeedSlot = {
      sequence,
      table: found.tables[at]!,
      group,
      offset: found.offsets[at]!,
      length,
      value: undefined,
      origin: group,
      weight: this.#weight(at)
    }
    this.#slots.set(sequence, slot)
    return slot
  }

  /** All of it is needed, as far as the groups know. */
  needed(groups: LogGroups): void {
    for (const at of this.#chosen) groups.needs(this.#group(at), this.#weight(at))
  }

  /** The entry is not needed any more. */
  free(sequence: number, groups: LogGroups): void {
    const slot = this.#slots.get(sequence)
    if (slot !== undefined) {
      groups.frees(slot.group, slot.weight)
      this.#slots.delete(sequence)
      return
    }
    const at = this.#chosen[sequence - this.first]!
    groups.frees(this.#group(at), this.#weight(at))
  }

  #group(at: number): LogGroup {
    return this.#replayed[this.#found.groups[at]!]!
  }

  /** What it adds to its group: nothing while a table has the same bytes. */
  #weight(at: number): number {
    return this.#found.shared[at] === 1 ? 0 : feedWeight(this.#found.lengths[at]!)
  }
}

/**
 * What of the found entries is the feed after `watermark` and before `next`: entries that were
 * moved forward come late. Returns the first number that is missing, if any.
 */
export function restoredFeed(
  found: FoundEntries,
  replayed: ReadonlyArray<LogGroup>,
  watermark: number,
  next: number
): RestoredFeed | number {
  const first = watermark + 1
  const chosen = new Int32Array(Math.max(0, next - first)).fill(-1)
  for (let at = 0; at < found.count; at++) {
    const place = found.sequences[at]! - first
    if (place >= chosen.length) return found.sequences[at]!
    if (place >= 0) chosen[place] = at
  }
  const missing = chosen.indexOf(-1)
  return missing < 0 ? new RestoredFeed(first, chosen, found, replayed) : first + missing
}
