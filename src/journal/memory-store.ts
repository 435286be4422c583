/**
 * A disk in memory for tests and for the seeded world: what was not synced is lost when the power
 * is cut, and it fails, fills up or slows down on command. It outlives the journals opened on it.
 * Nothing happens but through `Time`, so one seed gives one course of events.
 */

import { Effect, Layer, type Scope } from "effect"
import {
  JournalStore,
  type JournalUnusable,
  type LoggedGroup,
  type OpenLog
} from "../domain/ports/journal.ts"
import { Time, type TimeShape } from "../domain/ports/time.ts"
import { refuse } from "./refusals.ts"

interface Write {
  readonly groups: ReadonlyArray<LoggedGroup>
  readonly removed: ReadonlyArray<number>
  readonly done: (durable: boolean) => void
}

export class MemoryDisk {
  readonly maxBytes: number
  /** How long a sync takes; 0: until the end of the turn. */
  slowMs = 0
  /** Every sync fails from now on, as with EIO. */
  failing = false
  /** Where it is full, whatever the journal was promised: a write that does not fit fails. */
  fullAtBytes: number
  /** Is given all that is handed over, synced or not. */
  onWrite: ((bytes: Uint8Array) => void) | undefined
  /** Kept for a test to look at or to damage. */
  readonly groups = new Map<number, Uint8Array>()
  #unsynced: Array<Write> = []
  #used = 0
  /** A write failed, and its journal has not ended yet. */
  #broken = false
  #owner: MemoryLog | undefined

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
    this.fullAtBytes = maxBytes
  }

  get usedBytes(): number {
    return this.#used
  }

  get unsynced(): number {
    return this.#unsynced.length
  }

  /** False: another journal is open on it. */
  own(log: MemoryLog): boolean {
    if (this.#owner !== undefined) return false
    this.#owner = log
    return true
  }

  /** Its journal closed; what it had handed over and was not synced is lost. */
  release(log: MemoryLog): void {
    if (this.#owner !== log) return
    this.#owner = undefined
    this.#broken = false
    this.#unsynced = []
  }

  /**
   * The power goes: of what was not synced only the first `kept` writes are there, and nobody is
   * told about any of them. The journal that was open is dead; another may open.
   */
  powerCut(kept = 0): void {
    // Behind a write that failed nothing is on the disk: commits do not overtake each other.
    for (const write of this.#unsynced.slice(0, this.#broken ? 0 : kept)) this.#apply(write)
    this.#unsynced = []
    this.#broken = false
    this.#owner = undefined
  }

  /** What comes from a journal that is dead or closed goes nowhere. */
  write(owner: MemoryLog, write: Write): void {
    if (this.#owner !== owner) return
    for (const { bytes } of write.groups) this.onWrite?.(bytes)
    this.#unsynced.push(write)
  }

  /** One write after the other, in order. A failed one is in doubt: here it is not on the disk. */
  sync(owner: MemoryLog): void {
    const write = this.#owner === owner ? this.#unsynced.shift() : undefined
    if (write === undefined) return
    const bytes = write.groups.reduce((sum, group) => sum + group.bytes.length, 0)
    const fits = this.#used + bytes <= this.fullAtBytes
    const durable = !this.failing && fits && !this.#broken
    if (durable) this.#apply(write)
    else this.#broken = true
    write.done(durable)
  }

  #apply({ groups, removed }: Write): void {
    for (const { bytes, sequence } of groups) this.#set(sequence, bytes)
    for (const old of removed) this.#set(old, undefined)
  }

  #set(sequence: number, bytes: Uint8Array | undefined): void {
    this.#used += (bytes?.length ?? 0) - (this.groups.get(sequence)?.length ?? 0)
    if (bytes === undefined) this.groups.delete(sequence)
    else this.groups.set(sequence, bytes)
  }
}

/** `expectExisting`: an empty disk is a loss, not a beginning. */
export const memoryStoreLayer = (
  disk: MemoryDisk,
  expectExisting: () => boolean = () => false
): Layer.Layer<JournalStore, never, Time> =>
  Layer.effect(
    JournalStore,
    Effect.map(Time, (time) => JournalStore.of({ open: open(disk, time, expectExisting) }))
  )

const open = Effect.fnUntraced(function*(
  disk: MemoryDisk,
  time: TimeShape,
  expectExisting: () => boolean
): Effect.fn.Return<OpenLog, JournalUnusable, Scope.Scope> {
  if (disk.groups.size === 0 && expectExisting()) return yield* refuse("missing", "memory")
  const log = new MemoryLog(disk, time)
  if (!disk.own(log)) return yield* refuse("owned", "memory")
  yield* Effect.addFinalizer(() => Effect.sync(() => log.close()))
  return log
})

class MemoryLog implements OpenLog {
  readonly maxBytes: number
  readonly #disk: MemoryDisk
  readonly #time: TimeShape
  #failed = false

  constructor(disk: MemoryDisk, time: TimeShape) {
    this.#disk = disk
    this.#time = time
    this.maxBytes = disk.maxBytes
  }

  replay(each: (sequence: number, bytes: Uint8Array) => void): void {
    const sequences = [...this.#disk.groups.keys()].sort((left, right) => left - right)
    for (const sequence of sequences) each(sequence, this.#disk.groups.get(sequence)!)
  }

  append(
    groups: ReadonlyArray<LoggedGroup>,
    removed: ReadonlyArray<number>,
    done: (durable: boolean) => void
  ): void {
    const ended = (durable: boolean) => {
      if (!durable) this.#failed = true
      done(durable && !this.#failed)
    }
    if (this.#failed) this.#time.defer(() => ended(false))
    else {
      const copies = groups.map(({ bytes, sequence }) => ({
        sequence,
        bytes: Uint8Array.from(bytes)
      }))
      this.#disk.write(this, { groups: copies, removed, done: ended })
      this.#later(() => this.#disk.sync(this))
    }
  }

  read(sequence: number): Uint8Array | undefined {
    return this.#disk.groups.get(sequence)
  }

  usedBytes(): number {
    return this.#disk.usedBytes
  }

  close(): void {
    this.#disk.release(this)
  }

  #later(task: () => void): void {
    if (this.#disk.slowMs === 0) {
      this.#time.defer(task)
      return
    }
    const stop = this.#time.every(this.#disk.slowMs, () => {
      stop()
      task()
    })
  }
}
