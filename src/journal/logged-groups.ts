/**
 * The journal's groups on their way: durable by one write to the write-ahead log, and settled later
 * by one commit for many. Must hold: a step is acknowledged when it and all before it are in the
 * log or have settled; the place of an entry is used again only after its groups have settled on
 * disk; after a write or a commit that failed, nothing is acknowledged any more. A step for which
 * the log has no room, now or ever, settles itself together with all that waits.
 */

import type { LoggedGroup, OpenLog } from "../domain/ports/journal.ts"
import { TurnoverMap } from "../domain/turnover-map.ts"
import type { SettledMark, Settlement } from "./settled-groups.ts"
import {
  entryPages,
  type LogEntry,
  type Missing,
  pageBytes,
  RingSpace,
  unsettledIn,
  writeEntry
} from "./write-ahead-log.ts"

/** The file of the ring. */
export interface LogDisk {
  readonly ringBytes: number
  /** Writes whole pages; true: they are on disk. One write at a time. */
  readonly write: (
    place: number,
    bytes: Buffer,
    done: (durable: boolean) => void
  ) => void
}

/** What groups settle in. */
export interface GroupStore {
  readonly settle: (step: Settlement, done: (failure: unknown) => void) => void
  readonly visit: (each: (sequence: number, bytes: Uint8Array) => void) => void
  readonly read: (sequence: number) => Uint8Array | undefined
}

/**
 * The step that opens a journal: what the log holds settles, under the next epoch, so that nothing
 * in the ring is needed or believed any more. `first`: sequence of the oldest group in the store;
 * undefined when it is empty.
 */
export function openingStep(
  before: SettledMark,
  first: number | undefined,
  entries: ReadonlyArray<LogEntry>
): Settlement | Missing {
  const { epoch, identity, settled } = before
  const unsettled = unsettledIn(entries, epoch, settled)
  if ("missing" in unsettled) return unsettled
  const from = first ?? settled + 1
  const oldest = Math.max(from, unsettled.oldest)
  return {
    mark: { identity, epoch: epoch + 1, settled: settled + unsettled.groups.length },
    groups: unsettled.groups.filter(({ sequence }) => sequence >= oldest),
    removed: [from, oldest]
  }
}

/**
 * So many bytes of the log, or an eighth of it, are settled together: of lone commits 256, whose
 * handing over to LMDB takes the main thread half a millisecond; more at once would be felt.
 */
const settleBytes = 1024 * 1024
/** Of the bytes that are settled together: memory of what has not settled, used in turn. */
const memoryShare = 4
/** Larger values get pages of their own in LMDB, smaller ones share. */
const sharedPageBytes = 2020
const lmdbEntryBytes = 32
const pageHeaderBytes = 16

interface Step {
  readonly groups: ReadonlyArray<LoggedGroup>
  readonly removed: ReadonlyArray<number>
  readonly done: (durable: boolean) => void
}

export class LoggedGroups implements OpenLog {
  readonly maxBytes: number
  readonly #log: LogDisk
  readonly #store: GroupStore
  readonly #space: RingSpace
  readonly #settleBytes: number
  /** Entries as they are written to the log, until they have settled. */
  readonly #memory: Buffer
  readonly #memorySpace: RingSpace
  /** Durable in the log and not settled, oldest first: views of `#memory`. */
  readonly #unsettled = new TurnoverMap<number, Uint8Array>()
  readonly #sizes = new Map<number, number>()
  #mark: SettledMark
  /** Groups before this were removed, and so far those before `#cleared` have left the store. */
  #oldest: number
  #cleared: number
  #used = 0
  /** Appended and not durable. */
  #step: Step | undefined
  /** It waits for room in the log. */
  #waits = false
  /** What of the log's and the memory's space was taken when the last step became durable. */
  #durableSpace = { log: 0, memory: 0 }
  #settling = false
  #failed = false
  readonly #onSettled: Array<() => void> = []

  /** `opening`: the step with which the store was opened. */
  constructor(log: LogDisk, store: GroupStore, opening: Settlement, maxBytes: number) {
    this.#log = log
    this.#store = store
    this.#space = new RingSpace(log.ringBytes)
    this.#settleBytes = Math.min(settleBytes, log.ringBytes / 8)
    this.#memory = Buffer.allocUnsafeSlow(memoryShare * this.#settleBytes)
    this.#memorySpace = new RingSpace(this.#memory.length)
    this.#mark = opening.mark
    this.#oldest = opening.removed[1]
    this.#cleared = opening.removed[1]
    this.maxBytes = maxBytes
  }

  replay(each: (sequence: number, bytes: Uint8Array) => void): void {
    this.#store.visit((sequence, bytes) => {
      this.#count(sequence, bytes.length)
      each(sequence, bytes)
    })
  }

  append(
    groups: ReadonlyArray<LoggedGroup>,
    removed: ReadonlyArray<number>,
    done: (durable: boolean) => void
  ): void {
    for (const { bytes, sequence } of groups) this.#count(sequence, bytes.length)
    for (const sequence of removed) this.#discount(sequence)
    if (this.#failed) void Promise.resolve(false).then(done)
    else {
      this.#step = { groups, removed, done }
      this.#write(this.#step)
    }
  }

  read(sequence: number): Uint8Array | undefined {
    const kept = this.#unsettled.get(sequence)
    // A copy: its memory will be another entry's.
    return kept === undefined ? this.#store.read(sequence) : Uint8Array.from(kept)
  }

  usedBytes(): number {
    return this.#used
  }

  /** Calls back when everything has settled, or never will. */
  settleAll(done: () => void): void {
    if (this.#failed || (this.#unsettled.size === 0 && !this.#settling)) done()
    else {
      this.#onSettled.push(() => this.settleAll(done))
      if (!this.#settling) this.#settle(undefined)
    }
  }

  #write(step: Step): void {
    const bytes = entryPages(step.groups)
    const place = this.#space.take(bytes)
    if (place !== undefined) {
      const entry = this.#room(bytes)
      const { epoch, identity } = this.#mark
      const { groups } = step
      const kept = writeEntry(entry, identity, { epoch, groups, oldest: this.#oldestAfter(step) })
      this.#log.write(place, entry, (durable) => this.#written(step, kept, durable))
    } else if (this.#settling) this.#waits = true
    else this.#settle(step)
  }

  /** What finds no place gets memory of its own. */
  #room(bytes: number): Buffer {
    const at = this.#memorySpace.take(bytes)
    if (at === undefined) return Buffer.allocUnsafeSlow(bytes)
    return this.#memory.subarray(at, at + bytes)
  }

  /** Groups are removed oldest first. */
  #oldestAfter({ removed }: Step): number {
    const last = removed.at(-1)
    return last === undefined ? this.#oldest : Math.max(this.#oldest, last + 1)
  }

  /** `kept`: the step's groups in memory of the log's own. */
  #written(step: Step, kept: ReadonlyArray<LoggedGroup>, durable: boolean): void {
    if (!durable || this.#failed) {
      this.#fail()
      return
    }
    this.#durableSpace = { log: this.#space.taken, memory: this.#memorySpace.taken }
    for (const { bytes, sequence } of kept) this.#unsettled.set(sequence, bytes)
    this.#ended(step)
    if (this.#space.used >= this.#settleBytes && !this.#settling) this.#settle(undefined)
  }

  /** A step is durable. */
  #ended(step: Step): void {
    this.#oldest = this.#oldestAfter(step)
    for (const sequence of step.removed) this.#unsettled.delete(sequence)
    this.#step = undefined
    step.done(true)
  }

  /** Settles what is durable, and `step`, which has no place in the log. */
  #settle(step: Step | undefined): void {
    this.#settling = true
    const logged = Array.from(
      this.#unsettled.entries(),
      ([sequence, bytes]) => ({ sequence, bytes })
    )
    const oldest = step === undefined ? this.#oldest : this.#oldestAfter(step)
    const groups = [...logged, ...step?.groups ?? []].filter((each) => each.sequence >= oldest)
    const mark = { ...this.#mark, settled: groups.at(-1)?.sequence ?? this.#mark.settled }
    const space = this.#durableSpace
    const removed = [this.#cleared, oldest] as const
    this.#store.settle({ mark, groups, removed }, (failure) => {
      this.#settling = false
      if (failure !== undefined || this.#failed) {
        this.#fail()
        return
      }
      this.#mark = mark
      this.#cleared = oldest
      this.#space.free(space.log)
      this.#memorySpace.free(space.memory)
      for (const { sequence } of logged) this.#unsettled.delete(sequence)
      this.#afterSettling(step)
    })
  }

  #afterSettling(step: Step | undefined): void {
    for (const listener of this.#onSettled.splice(0)) listener()
    if (step !== undefined) this.#ended(step)
    else if (this.#waits) {
      this.#waits = false
      this.#write(this.#step!)
    }
  }

  #fail(): void {
    this.#failed = true
    const step = this.#step
    this.#step = undefined
    for (const listener of this.#onSettled.splice(0)) listener()
    step?.done(false)
  }

  #count(sequence: number, bytes: number): void {
    const taken = pagedBytes(bytes)
    this.#sizes.set(sequence, taken)
    this.#used += taken
  }

  #discount(sequence: number): void {
    this.#used -= this.#sizes.get(sequence) ?? 0
    this.#sizes.delete(sequence)
  }
}

/** What a value of this size takes in LMDB's file. */
function pagedBytes(bytes: number): number {
  return bytes < sharedPageBytes
    ? bytes + lmdbEntryBytes
    : Math.ceil((bytes + pageHeaderBytes) / pageBytes) * pageBytes + lmdbEntryBytes
}
