/**
 * The keys of one table as a replay found them, and where their values lie: flat, because a restart
 * finds a million, and a map of as many texts and objects would be most of its time. A key stays
 * here until it is removed; one that is written anew keeps its entry. Must hold: the account of the
 * groups is that of what is here.
 */

import { recordWeight } from "./group.ts"
import type { LogGroup, LogGroups } from "./log-groups.ts"
import type { Slot } from "./warm-values.ts"

const gone = -1
const nothing = new Int32Array(0)
const startEntries = 256
const averageKeyBytes = 40
/** Keys have up to 255 bytes, of up to three for each unit of a text. */
const longestKey = 255
const surrogate = /[\ud800-\udfff]/

export class RestoredKeys {
  readonly #groups: LogGroups
  /** The groups of the replay; entries name them by their number. */
  readonly #replayed: ReadonlyArray<LogGroup>
  /** Open addressing: number of an entry plus one; half are free at least. */
  #places = new Int32Array(startEntries * 2)
  #hashes = new Int32Array(startEntries)
  #groupOf = new Int32Array(startEntries)
  #offsets = new Int32Array(startEntries)
  #lengths = new Int32Array(startEntries)
  /** Where its key ends; it begins where the one before ends. */
  #keyEnds = new Int32Array(startEntries)
  #keys = Buffer.allocUnsafeSlow(startEntries * averageKeyBytes)
  /** Its key's length as a text, which is what it weighs. */
  #units = new Uint8Array(startEntries)
  #entries = 0
  #live = 0
  /** Entries that somebody has asked for: the slot says where the value is now. */
  readonly #slots = new Map<number, Slot>()
  /** The entry with the last key, and that key. */
  #last = 0
  #lastKey: string | undefined
  /** Texts are in the order of their bytes, but for those with surrogates. */
  #isComparable = false
  readonly #asked = Buffer.allocUnsafeSlow(longestKey * 3)

  constructor(groups: LogGroups, replayed: ReadonlyArray<LogGroup>) {
    this.#groups = groups
    this.#replayed = replayed
  }

  get size(): number {
    return this.#live
  }

  /** Of a replay: the key between two places of `bytes` has its value in this group. */
  put(
    bytes: Buffer,
    start: number,
    end: number,
    group: number,
    offset: number,
    length: number
  ): void {
    const hash = hashOf(bytes, start, end)
    let entry = this.#find(hash, bytes, start, end)
    if (entry === gone) entry = this.#add(hash, bytes, start, end)
    else if (this.#groupOf[entry] !== gone) this.#free(entry)
    this.#groupOf[entry] = group
    this.#offsets[entry] = offset
    this.#lengths[entry] = length
    this.#live++
    this.#groups.needs(this.#replayed[group]!, recordWeight(this.#units[entry]!, length))
  }

  /** Of a replay: the key was removed, if it was there. */
  drop(bytes: Buffer, start: number, end: number): void {
    const entry = this.#find(hashOf(bytes, start, end), bytes, start, end)
    if (entry !== gone && this.#groupOf[entry] !== gone) this.#free(entry)
  }

  /** The replay is over. */
  close(): void {
    if (this.#entries > 0) this.#lastKey = this.key(this.#last)
    this.#isComparable = this.#lastKey !== undefined && !surrogate.test(this.#lastKey)
  }

  has(key: string): boolean {
    return this.#entryOf(key) !== gone
  }

  slot(key: string): Slot | undefined {
    const entry = this.#entryOf(key)
    if (entry === gone) return undefined
    const known = this.#slots.get(entry)
    if (known !== undefined) return known
    const slot = this.#found(entry)
    this.#slots.set(entry, slot)
    return slot
  }

  /** Forgets a key, whose slot is no longer counted. */
  forget(key: string): void {
    const entry = this.#entryOf(key)
    if (entry === gone) return
    this.#groupOf[entry] = gone
    this.#slots.delete(entry)
    this.#live--
  }

  /** Numbers of what is here, in the order of the log: neighbours come one after the other. */
  *inOrder(): Generator<number> {
    for (const entry of this.#byGroup()) if (this.#groupOf[entry] !== gone) yield entry
  }

  key(entry: number): string {
    return this.#keys.toString("utf8", this.#keyStart(entry), this.#keyEnds[entry])
  }

  /** Where the value of an entry is; only to look at. */
  place(entry: number): Slot {
    return this.#slots.get(entry) ?? this.#found(entry)
  }

  /** Of all keys that were ever here, the one behind all others. */
  get last(): string | undefined {
    return this.#lastKey
  }

  /** Numbers of live entries, sorted by the group that a replay found them in. */
  #byGroup(): Int32Array {
    if (this.#live === 0) return nothing
    const starts = new Int32Array(this.#replayed.length + 1)
    for (let entry = 0; entry < this.#entries; entry++) {
      const group = this.#groupOf[entry]!
      if (group !== gone) starts[group + 1]!++
    }
    for (let group = 1; group < starts.length; group++) starts[group]! += starts[group - 1]!
    const sorted = new Int32Array(this.#live)
    for (let entry = 0; entry < this.#entries; entry++) {
      const group = this.#groupOf[entry]!
      if (group !== gone) sorted[starts[group]!++] = entry
    }
    return sorted
  }

  #found(entry: number): Slot {
    return {
      group: this.#replayed[this.#groupOf[entry]!]!,
      offset: this.#offsets[entry]!,
      length: this.#lengths[entry]!,
      value: undefined
    }
  }

  /** The live entry of a key. New transactions come behind all that were found: mostly none. */
  #entryOf(key: string): number {
    if (this.#live === 0 || key.length > longestKey) return gone
    if (this.#isComparable && key > this.#lastKey!) return gone
    const end = this.#asked.write(key)
    const entry = this.#find(hashOf(this.#asked, 0, end), this.#asked, 0, end)
    return entry === gone || this.#groupOf[entry] === gone ? gone : entry
  }

  /** The entry of a key, live or not. */
  #find(hash: number, bytes: Buffer, start: number, end: number): number {
    const mask = this.#places.length - 1
    for (let place = hash & mask;; place = (place + 1) & mask) {
      const entry = this.#places[place]! - 1
      if (entry < 0) return gone
      if (this.#hashes[entry] === hash && this.#isKey(entry, bytes, start, end)) return entry
    }
  }

  #isKey(entry: number, bytes: Buffer, start: number, end: number): boolean {
    const keyStart = this.#keyStart(entry)
    if (this.#keyEnds[entry]! - keyStart !== end - start) return false
    const keys = this.#keys
    for (let at = start; at < end; at++) {
      if (bytes[at] !== keys[keyStart + at - start]) return false
    }
    return true
  }

  #keyStart(entry: number): number {
    return entry === 0 ? 0 : this.#keyEnds[entry - 1]!
  }

  #add(hash: number, bytes: Buffer, start: number, end: number): number {
    const entry = this.#entries++
    if (entry === this.#hashes.length) this.#grow()
    const keyStart = this.#keyStart(entry)
    if (keyStart + end - start > this.#keys.length) this.#keys = larger(this.#keys)
    const keys = this.#keys
    let bits = 0
    for (let at = start; at < end; at++) bits |= keys[keyStart + at - start] = bytes[at]!
    this.#hashes[entry] = hash
    this.#keyEnds[entry] = keyStart + end - start
    this.#units[entry] = bits < 0x80 ? end - start : this.key(entry).length
    this.#occupy(entry)
    if (entry > 0 && this.#isAfter(entry, this.#last)) this.#last = entry
    return entry
  }

  #occupy(entry: number): void {
    const mask = this.#places.length - 1
    let place = this.#hashes[entry]! & mask
    while (this.#places[place] !== 0) place = (place + 1) & mask
    this.#places[place] = entry + 1
  }

  #isAfter(left: number, right: number): boolean {
    const keys = this.#keys
    const leftEnd = this.#keyEnds[left]!
    const rightEnd = this.#keyEnds[right]!
    let leftAt = this.#keyStart(left)
    let rightAt = this.#keyStart(right)
    while (leftAt < leftEnd && rightAt < rightEnd && keys[leftAt] === keys[rightAt]) {
      leftAt++
      rightAt++
    }
    if (leftAt === leftEnd) return false
    return rightAt === rightEnd || keys[leftAt]! > keys[rightAt]!
  }

  #free(entry: number): void {
    const group = this.#replayed[this.#groupOf[entry]!]!
    this.#groups.frees(group, recordWeight(this.#units[entry]!, this.#lengths[entry]!))
    this.#groupOf[entry] = gone
    this.#live--
  }

  #grow(): void {
    const units = this.#units
    this.#units = new Uint8Array(units.length * 2)
    this.#units.set(units)
    this.#hashes = twice(this.#hashes)
    this.#groupOf = twice(this.#groupOf)
    this.#offsets = twice(this.#offsets)
    this.#lengths = twice(this.#lengths)
    this.#keyEnds = twice(this.#keyEnds)
    this.#places = new Int32Array(this.#places.length * 2)
    for (let entry = 0; entry < this.#entries - 1; entry++) this.#occupy(entry)
  }
}

/** FNV-1a, its bits mixed so that the lower ones tell keys apart. */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return hash ^ (hash >>> 13)
}

function twice(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const more = new Int32Array(numbers.length * 2)
  more.set(numbers)
  return more
}

function larger(bytes: Buffer): Buffer<ArrayBuffer> {
  const more = Buffer.allocUnsafeSlow(bytes.length * 2)
  more.set(bytes)
  return more
}
