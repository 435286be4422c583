/**
 * The write-ahead log as bytes: a ring of pages of 4096 bytes in which every durable step of the
 * journal is one entry, written by one write. Must hold: an entry is believed only when it is
 * whole, of this journal, of its present epoch, and next in sequence, so that neither a torn write
 * nor an old lap of the ring nor another run is ever taken for what was acknowledged. All numbers
 * are little-endian; an entry begins at a page and does not wrap.
 *
 * ```
 *  0   4  CRC-32 (IEEE) of everything that follows, up to the first group's bytes
 *  4   4  bytes of the entry
 *  8  16  identity of the journal
 * 24   8  epoch: how often the journal was opened, float64
 * 32   8  sequence of the first group; the others follow it, float64
 * 40   8  sequence of the oldest group that is still needed after this entry, float64
 * 48   4  groups
 * 52      of each group: 4 its length, 5 its first bytes (format and checksum, see group.ts)
 *         the groups
 * ```
 *
 * A group brings its own checksum, which takes a third of what a commit costs here; an entry is
 * whole when its head is, and every group is what its head says.
 */

import { crc32 } from "node:zlib"
import type { LoggedGroup } from "../domain/ports/journal.ts"
import { groupFault } from "./group.ts"

export const pageBytes = 4096
export const identityBytes = 16
const headerBytes = 52
/** Of a group: its length, then its format and checksum. */
const lengthBytes = 4
const groupHeadBytes = 9

export interface LogEntry {
  readonly epoch: number
  readonly oldest: number
  /** At least one, in sequence. */
  readonly groups: ReadonlyArray<LoggedGroup>
}

/** Bytes that an entry with these groups takes of the ring: whole pages. */
export function entryPages(groups: ReadonlyArray<LoggedGroup>): number {
  let bytes = headerBytes + groups.length * groupHeadBytes
  for (const group of groups) bytes += group.bytes.length
  return pagesOf(bytes)
}

function pagesOf(bytes: number): number {
  return Math.ceil(bytes / pageBytes) * pageBytes
}

/** Writes an entry to `to`, and zeros up to its end; returns the groups where they lie in it. */
export function writeEntry(
  to: Buffer,
  identity: Uint8Array,
  entry: LogEntry
): ReadonlyArray<LoggedGroup> {
  const { epoch, groups, oldest } = entry
  to.set(identity, 8)
  to.writeDoubleLE(epoch, 24)
  to.writeDoubleLE(groups[0]!.sequence, 32)
  to.writeDoubleLE(oldest, 40)
  to.writeUInt32LE(groups.length, 48)
  const head = headerBytes + groups.length * groupHeadBytes
  let at = headerBytes
  let end = head
  const written: Array<LoggedGroup> = []
  for (const { bytes, sequence } of groups) {
    to.writeUInt32LE(bytes.length, at)
    for (let each = 0; each < groupHeadBytes - lengthBytes; each++) {
      to[at + lengthBytes + each] = bytes[each]!
    }
    to.set(bytes, end)
    written.push({ sequence, bytes: to.subarray(end, end + bytes.length) })
    at += groupHeadBytes
    end += bytes.length
  }
  to.writeUInt32LE(end, 4)
  to.writeUInt32LE(crc32(to.subarray(4, head)), 0)
  to.fill(0, end)
  return written
}

/** Every whole entry of this journal in a ring, of whatever epoch and lap, in no order. */
export function entriesIn(ring: Buffer, identity: Uint8Array): Array<LogEntry> {
  const entries: Array<LogEntry> = []
  for (let at = 0; at < ring.length;) {
    const entry = entryAt(ring, at, identity)
    if (entry !== undefined) entries.push(entry)
    at += entry === undefined ? pageBytes : entryPages(entry.groups)
  }
  return entries
}

/** The entry that begins at `at`; undefined: there is none, or not a whole one. */
function entryAt(ring: Buffer, at: number, identity: Uint8Array): LogEntry | undefined {
  if (ring.compare(identity, 0, identityBytes, at + 8, at + 8 + identityBytes) !== 0) {
    return undefined
  }
  const count = ring.readUInt32LE(at + 48)
  const head = at + headerBytes + count * groupHeadBytes
  if (head > ring.length || ring.readUInt32LE(at) !== crc32(ring.subarray(at + 4, head))) {
    return undefined
  }
  const groups = groupsAt(ring, at + headerBytes, head, ring.readDoubleLE(at + 32))
  if (groups === undefined) return undefined
  return { epoch: ring.readDoubleLE(at + 24), oldest: ring.readDoubleLE(at + 40), groups }
}

/** The groups whose heads lie from `at` on and whose bytes begin at `from`, when all are whole. */
function groupsAt(
  ring: Buffer,
  at: number,
  from: number,
  first: number
): ReadonlyArray<LoggedGroup> | undefined {
  const groups: Array<LoggedGroup> = []
  let start = from
  for (let head = at; head < from; head += groupHeadBytes) {
    const sequence = first + groups.length
    const end = start + ring.readUInt32LE(head)
    const bytes = ring.subarray(start, end)
    const same = ring.compare(
      bytes.subarray(0, groupHeadBytes - lengthBytes),
      0,
      groupHeadBytes - lengthBytes,
      head + lengthBytes,
      head + groupHeadBytes
    ) === 0
    if (end > ring.length || !same || groupFault(bytes, sequence) !== undefined) return undefined
    groups.push({ sequence, bytes })
    start = end
  }
  return groups
}

export interface Unsettled {
  /** Groups after `settled`, in sequence. */
  readonly groups: ReadonlyArray<LoggedGroup>
  /** Groups before this are not needed, wherever they are. */
  readonly oldest: number
}

/** A group that was acknowledged and is not there. */
export interface Missing {
  readonly missing: number
}

/**
 * What a ring holds that has not settled, or the first group that is missing. Entries are written
 * one after the other, so a whole one proves that those before it were on disk: only behind the
 * last is a torn one what a power cut leaves.
 */
export function unsettledIn(
  entries: ReadonlyArray<LogEntry>,
  epoch: number,
  settled: number
): Unsettled | Missing {
  // The store is older than the log: what settled in between is not there.
  if (entries.some((entry) => entry.epoch > epoch)) return { missing: settled + 1 }
  const following = entries
    .filter((entry) => entry.epoch === epoch && lastOf(entry) > settled)
    .sort((left, right) => lastOf(left) - lastOf(right))
  const groups: Array<LoggedGroup> = []
  let oldest = 0
  for (const entry of following) {
    const missing = settled + 1 + groups.length
    if (entry.groups[0]!.sequence !== missing) return { missing }
    groups.push(...entry.groups)
    oldest = Math.max(oldest, entry.oldest)
  }
  return { groups, oldest }
}

function lastOf({ groups }: LogEntry): number {
  return groups.at(-1)!.sequence
}

/** Who may write where in a ring: entries take places in turn and free them in the same order. */
export class RingSpace {
  readonly #bytes: number
  /** Bytes taken and freed since the beginning, over all laps. */
  #taken = 0
  #freed = 0

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  get taken(): number {
    return this.#taken
  }

  get used(): number {
    return this.#taken - this.#freed
  }

  /** A place for so many bytes, which then are taken; undefined: there is none now. */
  take(bytes: number): number | undefined {
    const at = this.#taken % this.#bytes
    // What is left at the end of a lap and too short is passed over.
    const passed = at + bytes > this.#bytes ? this.#bytes - at : 0
    if (this.used + passed + bytes > this.#bytes) return undefined
    this.#taken += passed + bytes
    return (at + passed) % this.#bytes
  }

  /** Everything up to `taken`, as it was then, is needed no more. */
  free(taken: number): void {
    this.#freed = taken
  }
}
