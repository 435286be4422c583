/**
 * Where groups settle: LMDB, keyed by their sequence. Must hold (all measured with lmdb 3.5):
 * `overlappingSync` stays off, or a group could be read before it is on disk, and one whose commit
 * was refused could be there after reopening; a commit that failed is in doubt, so none comes after
 * it; no read transaction outlives the turn that began it, or the file would grow. Beside the
 * groups, under key 0, all numbers little-endian:
 *
 * ```
 *  0   1  format: 2; 1 was a journal without a write-ahead log, and had nothing more
 *  1   4  CRC-32 of what follows
 *  5  16  identity of the journal
 * 21   8  epoch: how often the journal was opened, float64
 * 29   8  sequence of the last group that has settled, or left before it did, float64
 * ```
 */

import { open as openLmdb, type RootDatabase } from "lmdb"
import { crc32 } from "node:zlib"
import type { LoggedGroup } from "../domain/ports/journal.ts"
import { asBuffer } from "./group.ts"
import { identityBytes, pageBytes } from "./write-ahead-log.ts"

export const storeFileName = "journal.lmdb"
const storeFormat = 2
const formatBeforeLog = 1
const markBytes = 37
/** Sorts before every group. */
const markKey = 0
/** Room for a group; it grows when one needs more. */
const bufferBytes = 512 * 1024

export type SettledDatabase = RootDatabase<Buffer, number>

export interface SettledMark {
  readonly identity: Uint8Array
  readonly epoch: number
  readonly settled: number
}

/** One durable step. */
export interface Settlement {
  readonly mark: SettledMark
  readonly groups: ReadonlyArray<LoggedGroup>
  /** Sequences to remove: from the first to before the second. */
  readonly removed: readonly [first: number, end: number]
}

export function openSettled(
  file: string,
  options: { readonly mapSize: number } | { readonly readOnly: true }
): SettledDatabase {
  return openLmdb<Buffer, number>({
    path: file,
    ...options,
    pageSize: pageBytes,
    overlappingSync: false,
    eventTurnBatching: false,
    encoding: "binary"
  })
}

/** `new`: nothing has settled here, or nothing since there is a write-ahead log. */
export function readMark(
  database: SettledDatabase
): SettledMark | "new" | "newer-format" | "corrupt" {
  const bytes = database.get(markKey)
  if (bytes === undefined || bytes[0] === formatBeforeLog) return "new"
  if (bytes[0]! > storeFormat) return "newer-format"
  if (bytes.length !== markBytes || bytes.readUInt32LE(1) !== crc32(bytes.subarray(5))) {
    return "corrupt"
  }
  return {
    identity: Uint8Array.from(bytes.subarray(5, 5 + identityBytes)),
    epoch: bytes.readDoubleLE(21),
    settled: bytes.readDoubleLE(29)
  }
}

function markOf({ epoch, identity, settled }: SettledMark): Buffer {
  const bytes = Buffer.alloc(markBytes)
  bytes[0] = storeFormat
  bytes.set(identity, 5)
  bytes.writeDoubleLE(epoch, 21)
  bytes.writeDoubleLE(settled, 29)
  bytes.writeUInt32LE(crc32(bytes.subarray(5)), 1)
  return bytes
}

/** Sequences of the oldest and the newest group; undefined: there is none. */
export function settledEnds(
  database: SettledDatabase
): { readonly oldest: number; readonly newest: number } | undefined {
  const [oldest] = database.getKeys({ start: markKey + 1, limit: 1 })
  const [newest] = database.getKeys({ reverse: true, limit: 1 })
  return oldest === undefined || newest === undefined ? undefined : { oldest, newest }
}

export class SettledGroups {
  readonly #database: SettledDatabase
  #buffer = Buffer.allocUnsafeSlow(bufferBytes)

  constructor(database: SettledDatabase) {
    this.#database = database
  }

  /** `done` is called when the step is on disk, or with why it is in doubt. */
  settle(step: Settlement, done: (failure: unknown) => void): void {
    const { groups, mark, removed } = step
    const [first, end] = removed
    const database = this.#database
    const committed = database.batch(() => {
      for (const { bytes, sequence } of groups) void database.put(sequence, asBuffer(bytes))
      for (let sequence = first; sequence < end; sequence++) void database.remove(sequence)
      void database.put(markKey, markOf(mark))
    })
    committed.then(() => done(undefined), (error: unknown) => {
      const failed = Promise.reject(error)
      const { commitError = failed } = error as { readonly commitError?: Promise<never> }
      // A failed commit rejects twice; the second rejection, which is there already, says why.
      Promise.race([commitError, failed]).catch(done)
    })
  }

  /** All groups, oldest first; the bytes are reused by the next one. */
  visit(each: (sequence: number, bytes: Uint8Array) => void): void {
    // All keys first: reading a value and walking the keys would share LMDB's buffers.
    const sequences = Array.from(this.#database.getKeys({ start: markKey + 1 }))
    for (const sequence of sequences) each(sequence, this.#get(sequence)!)
    this.#database.resetReadTxn()
  }

  /** The bytes are reused by the next read. */
  read(sequence: number): Uint8Array | undefined {
    const bytes = this.#get(sequence)
    this.#database.resetReadTxn()
    return bytes
  }

  /** Into the same buffer every time: new ones for a whole journal keep the collector busy. */
  #get(sequence: number): Uint8Array | undefined {
    // A buffer of LMDB's own, whose `length` says how much of it is the value.
    const bytes = this.#database.getBinaryFast(sequence)
    if (bytes === undefined) return undefined
    const { length } = bytes
    if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(length * 2)
    this.#buffer.set(bytes.subarray(0, length))
    return this.#buffer.subarray(0, length)
  }
}
