/**
 * Group commit. What is committed in a turn of the event loop, or while the disk is busy, becomes
 * one group and shares one sync; a lone writer waits for one sync. Must hold: nobody is told
 * before the sync of their group returned, everybody is told in commit order, and after a commit
 * that failed nobody is told anything but that.
 */

import { buggify } from "../domain/buggify.ts"
import type { FailureCode } from "../domain/failures.ts"
import { invariant } from "../domain/invariant.ts"
import type { JournalWrite, LedgerEntry, OpenLog } from "../domain/ports/journal.ts"
import type { TimeShape } from "../domain/ports/time.ts"
import type { Contents } from "./contents.ts"
import { type FeedSlot, feedWeight } from "./feed.ts"
import { GroupWriter } from "./group.ts"
import { Latencies } from "./latencies.ts"
import { type LogGroup, newGroup } from "./log-groups.ts"
import { type JournalMode, waitsForSync } from "./modes.ts"
import { encodeRow, tableNumber } from "./rows.ts"
import type { Slot } from "./warm-values.ts"

/** A group is closed when it has this many bytes, so that the disk finds a place for it. */
const groupBytes = 256 * 1024
/** Of old groups, at least this much is moved with a group when there is too much garbage. */
const moveBytes = 64 * 1024
/** Groups without anything live are dropped unread, up to this many with one group. */
const dropGroups = 256

type Done = (failure: FailureCode | undefined) => void

/** A group being gathered, or on its way to the disk. */
interface Pending {
  readonly group: LogGroup
  readonly slots: Array<Slot>
  readonly fed: Array<FeedSlot>
  readonly waiting: Array<Done>
  /** Monotonic time of its first commit. */
  openedMs: number
  lastFeed: number
}

export interface CommitterOptions {
  readonly mode: JournalMode
  readonly maxBytes: number
  /** Called once. */
  readonly onFailed: () => void
  /** Called after each sync, when all who waited for it were told. */
  readonly onDurable: (feedGrew: boolean) => void
}

export class Committer {
  readonly latencies = new Latencies()
  readonly #contents: Contents
  readonly #log: OpenLog
  readonly #time: TimeShape
  readonly #options: CommitterOptions
  readonly #writer = new GroupWriter(groupBytes)
  #nextGroup: number
  #open: Pending
  /** Closed and not yet on disk, oldest first. */
  readonly #closed: Array<Pending> = []
  /** What was closed when the last step began is on its way to the disk. */
  #writing = false
  #scheduled = false
  #failed = false
  /** The watermark moved, or there is what nobody waits for. */
  #dirty = false

  constructor(
    contents: Contents,
    log: OpenLog,
    time: TimeShape,
    options: CommitterOptions
  ) {
    this.#contents = contents
    this.#log = log
    this.#time = time
    this.#options = options
    this.#nextGroup = contents.groups.newest + 1
    this.#open = this.#begin()
  }

  get failed(): boolean {
    return this.#failed
  }

  /** Bytes that are not on disk yet. */
  get backlogBytes(): number {
    let bytes = this.#writer.bytes
    for (const pending of this.#closed) bytes += pending.group.bytes
    return bytes
  }

  /** When the oldest commit that was not acknowledged was made, on the monotonic clock. */
  get waitingSinceMs(): number | undefined {
    for (const { openedMs, waiting } of this.#closed) if (waiting.length > 0) return openedMs
    return this.#open.waiting.length > 0 ? this.#open.openedMs : undefined
  }

  commit(
    writes: ReadonlyArray<JournalWrite>,
    feed: ReadonlyArray<LedgerEntry>,
    done: Done
  ): void {
    if (this.#failed) {
      this.#time.defer(() => done("journal-failed"))
      return
    }
    this.#add(writes, feed)
    if (waitsForSync(this.#options.mode, writes)) this.#open.waiting.push(done)
    else {
      this.#dirty = true
      this.#time.defer(() => done(undefined))
    }
    this.#schedule()
  }

  /** `done` when all so far is on disk, whatever the mode, or never will be. */
  flush(done: () => void): void {
    if (this.#failed) {
      done()
      return
    }
    this.#stamp()
    this.#open.waiting.push(done)
    this.#schedule()
  }

  note(writes: ReadonlyArray<JournalWrite>, feed: ReadonlyArray<LedgerEntry>): void {
    if (this.#failed) return
    this.#add(writes, feed)
    this.#dirty = true
  }

  feedWritten(written: number, safe: number): void {
    if (this.#contents.feed.move(written, safe, this.#contents.groups)) this.#dirty = true
  }

  /** Writes what nobody waits for, so that it does not stay in memory when all is quiet. */
  flushNotes(): void {
    if (this.#dirty && !this.#failed) this.#schedule()
  }

  #begin(): Pending {
    const group = newGroup(this.#nextGroup++)
    this.#contents.groups.add(group)
    return { group, slots: [], fed: [], waiting: [], openedMs: 0, lastFeed: 0 }
  }

  #schedule(): void {
    if (this.#scheduled || this.#writing) return
    this.#scheduled = true
    const flush = () => {
      this.#scheduled = false
      if (!this.#writing) this.#flush()
    }
    const late = buggify("group-flushed-late", 0.1)
    this.#time.atTurnEnd(late ? () => this.#time.defer(flush) : flush)
  }

  #add(writes: ReadonlyArray<JournalWrite>, feed: ReadonlyArray<LedgerEntry>): void {
    const early = this.#writer.records > 0 && buggify("group-closed-early", 0.05)
    if (this.#writer.bytes >= groupBytes || early) this.#close()
    this.#stamp()
    const first = this.#open.slots.length
    for (const write of writes) this.#write(write)
    for (const entry of feed) this.#feed(entry, first)
  }

  /** The open group begins with what comes first into it. */
  #stamp(): void {
    if (this.#writer.records > 0 || this.#open.waiting.length > 0) return
    this.#open.openedMs = this.#time.monotonicMs()
    this.#open.group.wallMs = this.#time.wallMs()
  }

  #write({ table, key, value }: JournalWrite): void {
    invariant(table !== "feed", "the feed is appended to, not written")
    const number = tableNumber(table)
    if (value === undefined) {
      if (this.#contents.remove(number, key)) this.#writer.removed(number, key)
      return
    }
    const bytes = encodeRow(number, value)
    const offset = this.#writer.value(number, key, bytes)
    const { group, slots } = this.#open
    slots.push(this.#contents.set(number, key, group, offset, bytes.length, value))
  }

  /** `first`: the slots of this commit begin there. */
  #feed({ row, table }: LedgerEntry, first: number): void {
    const { fed, group, slots } = this.#open
    const number = tableNumber(table)
    const sequence = this.#contents.feed.next
    // Mostly the row was written to its table just now: then its bytes are there already.
    let same: Slot | undefined
    for (let index = first; index < slots.length; index++) {
      if (slots[index]!.value === row) same = slots[index]
    }
    const bytes = same === undefined ? encodeRow(number, row) : undefined
    const length = same?.length ?? bytes!.length
    if (same !== undefined) this.#writer.feedSame(number, sequence, same.offset, length)
    const slot: FeedSlot = {
      sequence,
      table: number,
      group,
      offset: same?.offset ?? this.#writer.feed(number, sequence, bytes!),
      length,
      value: row,
      origin: group,
      weight: same === undefined ? feedWeight(length) : 0
    }
    this.#contents.groups.needs(group, slot.weight)
    this.#contents.feed.add(slot)
    this.#open.lastFeed = sequence
    fed.push(slot)
  }

  #close(): void {
    const { feed, groups } = this.#contents
    const pending = this.#open
    const bytes = this.#writer.finish({
      sequence: pending.group.sequence,
      wallMs: pending.group.wallMs,
      watermark: feed.watermark,
      nextFeed: feed.next
    })
    groups.closed(pending.group, bytes)
    this.#closed.push(pending)
    this.#open = this.#begin()
  }

  #flush(): void {
    if (this.#failed || !this.#hasWork()) return
    this.#stamp()
    const removed = this.#compact()
    if (this.#writer.records > 0 || this.#open.waiting.length > 0 || this.#dirty) this.#close()
    // What is left to drop is dropped although all is quiet.
    this.#dirty = removed.length === dropGroups
    const pending = [...this.#closed]
    this.#writing = true
    // Removals are durable with the groups that hold what moved.
    const groups = pending.map(({ group }) => ({
      sequence: group.sequence,
      bytes: group.unsynced!
    }))
    this.#log.append(groups, removed, (durable) => this.#ended(pending, durable))
  }

  #hasWork(): boolean {
    return this.#dirty || this.#closed.length > 0 || this.#writer.records > 0 ||
      this.#open.waiting.length > 0
  }

  #ended(pending: ReadonlyArray<Pending>, durable: boolean): void {
    if (this.#failed) return
    if (!durable) {
      this.#fail()
      return
    }
    this.#closed.splice(0, pending.length)
    this.#writing = false
    for (const each of pending) this.#durable(each)
    if (this.#closed.length > 0 || this.#open.waiting.length > 0) this.#schedule()
  }

  #durable({ fed, group, lastFeed, openedMs, slots, waiting }: Pending): void {
    group.durable = true
    if (group.unsynced !== undefined) this.#writer.giveBack(group.unsynced)
    group.unsynced = undefined
    this.latencies.add(this.#time.monotonicMs() - openedMs)
    for (const slot of slots) if (slot.group === group) this.#contents.warm.keep(slot)
    for (const slot of fed) this.#contents.warmFeed.keep(slot)
    if (lastFeed > 0) this.#contents.feed.nowDurable(lastFeed)
    for (const done of waiting) done(undefined)
    this.#options.onDurable(lastFeed > 0)
  }

  #fail(): void {
    this.#failed = true
    const waiting = [...this.#closed, this.#open].flatMap((pending) => pending.waiting)
    this.#closed.length = 0
    this.#options.onFailed()
    for (const done of waiting) done("journal-failed")
  }

  /** Drops and moves old groups; returns those to remove with the group that is written next. */
  #compact(): Array<number> {
    const { groups } = this.#contents
    const removed: Array<number> = []
    const garbage = buggify("groups-moved-early", 0.05)
      ? 0
      : garbageLimit(groups.liveBytes, this.#options.maxBytes)
    const until = this.#writer.bytes + Math.max(moveBytes, this.#writer.bytes)
    for (let steps = 0; steps < dropGroups; steps++) {
      const oldest = groups.oldest()
      if (oldest === undefined || !oldest.durable) break
      if (oldest.live > 0) {
        if (groups.garbage <= garbage || this.#writer.bytes >= until) break
        this.#contents.moveOldest(this.#writer, this.#open.group)
      }
      removed.push(oldest.sequence)
      groups.removeOldest()
    }
    return removed
  }
}

/** As much garbage as there is content, but neither too little to bother nor a waste of disk. */
function garbageLimit(liveBytes: number, maxBytes: number): number {
  return Math.min(Math.max(liveBytes, maxBytes / 64), maxBytes / 8)
}
