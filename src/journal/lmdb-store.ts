/**
 * The journal's disk: groups in LMDB, keyed by their sequence. Must hold (all measured with lmdb
 * 3.5): `overlappingSync` stays off, or a group could be read before it is on disk, and one whose
 * commit was refused could be there after reopening; a commit that failed is in doubt, so every
 * later one fails too; the file is written out to its full size first, because on a full disk even
 * a removal fails; no read transaction outlives the turn that began it, or the file would grow.
 */

import { Effect, Layer, type Scope } from "effect"
import { open as openLmdb, type RootDatabase } from "lmdb"
import { existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { JournalStore, type JournalUnusable, type OpenLog } from "../domain/ports/journal.ts"
import { fileFault, fill, pageBytes } from "./lmdb-file.ts"
import { ownFolder } from "./ownership.ts"
import { refusalOf, refuse } from "./refusals.ts"

export interface LmdbStoreOptions {
  /** A folder of the journal's own; made when it is missing. */
  readonly path: string
  /**
   * What the journal may fill; new work is refused at 90 % of it. The file is a third larger, so
   * that what is in flight can end and removals find room.
   */
  readonly maxBytes: number
  /** PostgreSQL has a watermark of this node, so an absent journal is a loss, not a beginning. */
  readonly expectExisting?: boolean
}

export const fileName = "journal.lmdb"
/** Layout of the environment: keys, and what is beside the groups. */
const storeFormat = 1
/** Sorts before every group. */
const formatKey = 0
/** Larger values get pages of their own, smaller ones share. */
const sharedPageBytes = 2020
const entryBytes = 32
const pageHeaderBytes = 16
/** Room for a group; it grows when one needs more. */
const bufferBytes = 512 * 1024
const minimumBytes = 1024 * 1024

type Groups = RootDatabase<Buffer, number>

export const lmdbStoreLayer = (options: LmdbStoreOptions): Layer.Layer<JournalStore> =>
  Layer.succeed(JournalStore, JournalStore.of({ open: open(options) }))

const open = Effect.fnUntraced(function*(
  options: LmdbStoreOptions
): Effect.fn.Return<OpenLog, JournalUnusable, Scope.Scope> {
  const file = join(options.path, fileName)
  const exists = existsSync(file)
  if (!exists && options.expectExisting === true) return yield* refuse("missing", options.path)
  yield* attempt(options.path, () => mkdirSync(options.path, { recursive: true }))
  yield* ownFolder(options.path)
  const fault = exists ? yield* attempt(file, () => fileFault(file)) : undefined
  if (fault !== undefined) return yield* refuse(fault, file)
  const fileBytes = Math.ceil(Math.max(minimumBytes, options.maxBytes) * 4 / 3 / 65536) * 65536
  const groups = yield* Effect.acquireRelease(
    attempt(options.path, () => openGroups(file, fileBytes)),
    (opened) => Effect.promise(() => opened.close())
  )
  const format = groups.get(formatKey)
  if (format === undefined) yield* begin(groups, options.path)
  else if (format[0]! > storeFormat) return yield* refuse("newer-format", options.path)
  yield* Effect.tryPromise({
    try: () => fill(file, fileBytes),
    catch: (error) => refusalOf(error, options.path)
  })
  return new LmdbLog(groups, options.maxBytes)
})

const attempt = <A>(path: string, body: () => A): Effect.Effect<A, JournalUnusable> =>
  Effect.try({ try: body, catch: (error) => refusalOf(error, path) })

function openGroups(file: string, mapSize: number): Groups {
  return openLmdb<Buffer, number>({
    path: file,
    mapSize,
    pageSize: pageBytes,
    overlappingSync: false,
    eventTurnBatching: false,
    encoding: "binary"
  })
}

const begin = (groups: Groups, path: string) =>
  Effect.tryPromise({
    try: () => groups.put(formatKey, Buffer.from([storeFormat])),
    catch: (error) => {
      settle(error)
      return refusalOf(error, path)
    }
  })

/** A failed commit rejects twice; the second rejection is nobody's. */
function settle(error: unknown): void {
  const inner = (error as { readonly commitError?: Promise<unknown> }).commitError
  inner?.catch(() => {})
}

class LmdbLog implements OpenLog {
  readonly maxBytes: number
  readonly #groups: Groups
  readonly #sizes = new Map<number, number>()
  #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  #used = 0
  #failed = false

  constructor(groups: Groups, maxBytes: number) {
    this.#groups = groups
    this.maxBytes = maxBytes
  }

  replay(each: (sequence: number, bytes: Uint8Array) => void): void {
    // All keys first: reading a value and walking the keys would share LMDB's buffers.
    const sequences = Array.from(this.#groups.getKeys({ start: 1 }))
    for (const sequence of sequences) {
      const bytes = this.#get(sequence)!
      this.#count(sequence, bytes.length)
      each(sequence, bytes)
    }
    this.#groups.resetReadTxn()
  }

  append(
    sequence: number,
    bytes: Uint8Array,
    removed: ReadonlyArray<number>,
    done: (durable: boolean) => void
  ): void {
    const groups = this.#groups
    const committed = this.#failed ? Promise.resolve(false) : groups.batch(() => {
      void groups.put(sequence, bytes as Buffer)
      for (const old of removed) void groups.remove(old)
    })
    this.#count(sequence, bytes.length)
    for (const old of removed) this.#discount(old)
    const ended = (durable: boolean) => {
      if (!durable) this.#failed = true
      done(durable && !this.#failed)
    }
    committed.then(ended, (error: unknown) => {
      settle(error)
      ended(false)
    })
  }

  read(sequence: number): Uint8Array | undefined {
    const bytes = this.#get(sequence)
    this.#groups.resetReadTxn()
    return bytes
  }

  /** Into the same buffer every time: new ones for a whole journal keep the collector busy. */
  #get(sequence: number): Uint8Array | undefined {
    // A buffer of LMDB's own, whose `length` says how much of it is the value.
    const bytes = this.#groups.getBinaryFast(sequence)
    if (bytes === undefined) return undefined
    const { length } = bytes
    if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(length * 2)
    this.#buffer.set(bytes.subarray(0, length))
    return this.#buffer.subarray(0, length)
  }

  usedBytes(): number {
    return this.#used
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

/** What a value of this size takes in the file. */
function pagedBytes(bytes: number): number {
  return bytes < sharedPageBytes
    ? bytes + entryBytes
    : Math.ceil((bytes + pageHeaderBytes) / pageBytes) * pageBytes + entryBytes
}
