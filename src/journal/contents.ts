/**
 * The journal's tables and feed in memory: for every live key where its value lies in the log, and
 * the value itself while it is warm. Rebuilt by replaying the log; values are decoded when someone
 * asks. Must hold: what is here equals what a replay of the log would give, plus what is open.
 */

import { invariant } from "../domain/invariant.ts"
import type {
  JournalTable,
  JournalTables,
  LedgerEntry,
  OpenLog,
  TerminalWindows
} from "../domain/ports/journal.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { Feed, type FeedSlot, feedWeight } from "./feed.ts"
import {
  asBuffer,
  type GroupFault,
  groupFault,
  type GroupWriter,
  readHeader,
  recordWeight,
  visitRecords
} from "./group.ts"
import { type LogGroup, LogGroups, newGroup } from "./log-groups.ts"
import { FoundEntries, restoredFeed } from "./restored-feed.ts"
import type { RestoredKeys } from "./restored-keys.ts"
import {
  decodeFeed,
  decodeRow,
  encodeRow,
  type TableName,
  tableNames,
  tableNumber,
  undeliveredTable
} from "./rows.ts"
import { Survey } from "./survey.ts"
import { TableKeys } from "./table-keys.ts"
import { type Slot, WarmValues } from "./warm-values.ts"

/**
 * So few that a value is gone before the collector has copied it twice; what a terminal asks for
 * within the second is still there where there is little traffic.
 */
const warmValues = 512

/** Entries that the ledger is behind by while all is well. */
const warmEntries = 16_384

export interface ReplayFault {
  readonly reason: GroupFault
  readonly what: string
}

export class Contents {
  readonly feed = new Feed()
  readonly groups = new LogGroups()
  readonly warm = new WarmValues(warmValues)
  readonly warmFeed = new WarmValues(warmEntries)
  /** The groups of the replay, by the number that is theirs in it. */
  readonly #replayed: Array<LogGroup> = []
  readonly #tables = tableNames.map(() => new TableKeys(this.groups, this.#replayed))
  readonly #log: OpenLog
  /** The group read last: neighbours in a table are mostly neighbours in the log. */
  #readGroup: LogGroup | undefined
  #readBytes: Buffer = Buffer.alloc(0)

  constructor(log: OpenLog) {
    this.#log = log
  }

  get records(): number {
    return this.#tables.reduce((sum, table) => sum + table.size, this.feed.held)
  }

  /** Live keys by table. */
  sizes(): Record<TableName, number> {
    const sizes = tableNames.map((name, number) => [name, this.#tables[number]!.size])
    return Object.fromEntries(sizes) as Record<TableName, number>
  }

  slot(table: number, key: string): Slot | undefined {
    return this.#tables[table]!.get(key)
  }

  /** Puts or replaces a value; returns its slot. */
  set(
    table: number,
    key: string,
    group: LogGroup,
    offset: number,
    length: number,
    value: unknown
  ): Slot {
    this.groups.needs(group, recordWeight(key.length, length))
    const slot = this.#tables[table]!.get(key)
    if (slot === undefined) {
      const added = { group, offset, length, value }
      this.#tables[table]!.add(key, added)
      return added
    }
    this.groups.frees(slot.group, recordWeight(key.length, slot.length))
    slot.group = group
    slot.offset = offset
    slot.length = length
    slot.value = value
    return slot
  }

  /** Returns whether there was anything to remove. */
  remove(table: number, key: string): boolean {
    const slot = this.#tables[table]!.get(key)
    if (slot === undefined) return false
    this.groups.frees(slot.group, recordWeight(key.length, slot.length))
    this.#tables[table]!.remove(key)
    return true
  }

  has(table: TableName, key: string): boolean {
    return this.#tables[tableNumber(table)]!.has(key)
  }

  keys(table: TableName): Iterable<string> {
    return this.#tables[tableNumber(table)]!.keys()
  }

  /** No live key is greater. */
  greatestKey(table: TableName): string | undefined {
    return this.#tables[tableNumber(table)]!.greatest()
  }

  get<T extends Exclude<JournalTable, "feed">>(
    table: T,
    key: string
  ): JournalTables[T] | undefined {
    const number = tableNumber(table)
    const slot = this.#tables[number]!.get(key)
    if (slot === undefined) return undefined
    if (slot.value === undefined) {
      const value = this.#decode(number, slot)
      // First: what goes cold for it may be an earlier turn of its own.
      this.warm.keep(slot)
      slot.value = value
    }
    // A slot holds a value of its table: only commits and the replay set any.
    return slot.value as JournalTables[T]
  }

  *entries<T extends Exclude<JournalTable, "feed">>(
    table: T
  ): Generator<readonly [string, JournalTables[T]]> {
    const number = tableNumber(table)
    for (const [key, slot] of this.#tables[number]!.entries()) {
      yield [key, (slot.value ?? this.#decode(number, slot)) as JournalTables[T]]
    }
  }

  /** As the port says. */
  survey<L extends keyof TransactionRecord, K extends keyof TransactionRecord>(
    looked: ReadonlyArray<L>,
    kept: ReadonlyArray<K>,
    each: (seen: Pick<TransactionRecord, L>) => void
  ): TerminalWindows<Pick<TransactionRecord, K>> {
    const survey = new Survey(looked, kept)
    const table = tableNumber("transactions")
    for (const { group, offset, value } of this.#tables[table]!.slots()) {
      if (value === undefined) survey.look(this.#readAgain(group), offset)
      else survey.look(asBuffer(encodeRow(table, value)), 0)
      each(survey.seen)
    }
    this.#readGroup = undefined
    return survey.windows
  }

  *feedEntries(): Generator<readonly [string, LedgerEntry]> {
    for (let sequence = this.feed.watermark + 1; sequence < this.feed.next; sequence++) {
      yield [String(sequence).padStart(16, "0"), this.entry(this.feed.at(sequence)!)]
    }
  }

  /** The content of a feed slot; not kept, since it is read once. */
  entry(slot: FeedSlot): LedgerEntry {
    if (slot.value === undefined) {
      return decodeFeed(slot.table, this.#bytesOf(slot))
    }
    return { table: tableNames[slot.table], row: slot.value } as LedgerEntry
  }

  /** Writes what is still needed of the oldest group into `writer`, which becomes `group`. */
  moveOldest(writer: GroupWriter, group: LogGroup): void {
    const from = this.groups.oldest()!
    const bytes = this.#read(from)
    /** New places by old ones, so that what was shared stays shared. */
    const moved = new Map<number, number>()
    visitRecords(bytes, {
      record: (table, keyStart, keyEnd, offset, length) => {
        const key = bytes.toString("utf8", keyStart, keyEnd)
        const slot = this.slot(table, key)
        if (slot === undefined || slot.group !== from || slot.offset !== offset) return
        const place = writer.value(table, key, bytes.subarray(offset, offset + length))
        moved.set(offset, place)
        this.set(table, key, group, place, length, undefined)
      },
      removed: () => {},
      feed: (table, sequence, offset, length) => {
        const slot = this.feed.at(sequence)
        if (slot === undefined || slot.group !== from) return
        const shared = moved.get(offset)
        const value = bytes.subarray(offset, offset + length)
        if (shared !== undefined) writer.feedSame(table, sequence, shared, length)
        this.groups.frees(from, slot.weight)
        slot.weight = shared === undefined ? feedWeight(length) : 0
        slot.offset = shared ?? writer.feed(table, sequence, value)
        slot.group = group
        slot.value = undefined
        this.groups.needs(group, slot.weight)
      }
    })
    invariant(from.live === 0, "a group whose live records have moved is not needed")
  }

  /** Reads the whole log once. Returns what makes it unusable; undefined: all is well. */
  replay(): ReplayFault | undefined {
    const found = new FoundEntries()
    let watermark = 0
    let next = 1
    let fault: ReplayFault | undefined
    this.#log.replay((sequence, raw) => {
      if (fault !== undefined) return
      const before = this.groups.newest
      if (before > 0 && sequence !== before + 1) {
        fault = { reason: "corrupt", what: `group ${before + 1} is missing` }
        return
      }
      const reason = groupFault(raw, sequence)
      if (reason !== undefined) {
        fault = { reason, what: `group ${sequence}` }
        return
      }
      const bytes = asBuffer(raw)
      const header = readHeader(bytes)
      watermark = Math.max(watermark, header.watermark)
      next = Math.max(next, header.nextFeed)
      if (this.#replayGroup(bytes, header.wallMs, sequence, found)) return
      fault = { reason: "newer-format", what: `group ${sequence}: a table unknown here` }
    })
    if (fault !== undefined) return fault
    for (const { restored } of this.#tables) restored.close()
    const restored = restoredFeed(found, this.#replayed, watermark, next)
    if (typeof restored === "number") {
      return { reason: "corrupt", what: `feed entry ${restored} is missing` }
    }
    this.feed.restore(restored, this.groups)
    return undefined
  }

  /** False: it has records of a table that a later version has added. */
  #replayGroup(bytes: Buffer, wallMs: number, of: number, found: FoundEntries): boolean {
    let isKnown = true
    const restored = (table: number): RestoredKeys | undefined => {
      const keys = this.#tables[table]
      if (keys === undefined) isKnown = false
      return keys?.restored
    }
    const group = newGroup(of)
    group.wallMs = wallMs
    group.bytes = bytes.length
    group.durable = true
    this.groups.add(group)
    const number = this.#replayed.push(group) - 1
    visitRecords(bytes, {
      record: (table, keyStart, keyEnd, offset, length) =>
        restored(table)?.put(bytes, keyStart, keyEnd, number, offset, length),
      removed: (table, keyStart, keyEnd) => restored(table)?.drop(bytes, keyStart, keyEnd),
      feed: (table, sequence, offset, length, shared) => {
        if (restored(table) !== undefined) {
          found.add(sequence, table, number, offset, length, shared)
        }
      }
    })
    return isKnown
  }

  #decode(table: number, slot: Slot): JournalTables[JournalTable] {
    if (table === undeliveredTable) return true
    return decodeRow(table, this.#bytesOf(slot))
  }

  /** Plain bytes, so that what is decoded from them is plain too. */
  #bytesOf(slot: Slot): Uint8Array {
    const { buffer, byteOffset } = this.#read(slot.group)
    return new Uint8Array(buffer, byteOffset + slot.offset, slot.length)
  }

  #read(group: LogGroup): Buffer {
    const known = group.unsynced !== undefined || this.#readGroup === group
    const bytes = this.#readAgain(group)
    const isWhole = known || groupFault(bytes, group.sequence) === undefined
    invariant(isWhole, "a group read back is whole")
    return bytes
  }

  /** Without proving it, which the replay has done a moment ago. */
  #readAgain(group: LogGroup): Buffer {
    // Not kept: once it is durable, these bytes become another group's.
    if (group.unsynced !== undefined) return group.unsynced
    if (this.#readGroup !== group) {
      const bytes = this.#log.read(group.sequence)
      invariant(bytes !== undefined, "a group that is needed is in the log")
      this.#readBytes = asBuffer(bytes)
      this.#readGroup = group
    }
    return this.#readBytes
  }
}
