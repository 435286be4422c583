/**
 * A copy of a journal's log in memory, taken beside the switch that writes it. It is read in steps,
 * each with a read transaction of its own that is over in milliseconds: one held open would keep
 * LMDB from reusing pages, and the file would grow. Groups never change, they are added at one end
 * and leave at the other, so the copy is the log as it was at the last step.
 */

import { Effect, type Scope } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { JournalUnusable, OpenLog } from "../domain/ports/journal.ts"
import { asBuffer } from "./group.ts"
import { fileFault } from "./lmdb-file.ts"
import { logFault, logFileName, readRing } from "./log-file.ts"
import { attempt, refuse } from "./refusals.ts"
import {
  openSettled,
  readMark,
  type SettledDatabase,
  settledEnds,
  storeFileName
} from "./settled-groups.ts"
import { entriesIn, type LogEntry, unsettledIn } from "./write-ahead-log.ts"

/** Groups of up to 256 KiB that are copied out at once. */
const stepGroups = 32
/** A reading of a log that is being written may see a later entry and not the one before it. */
const attempts = 4

export class LogCopy implements OpenLog {
  readonly maxBytes = Number.MAX_SAFE_INTEGER
  readonly #groups: ReadonlyMap<number, Buffer>

  constructor(groups: ReadonlyMap<number, Buffer>) {
    this.#groups = groups
  }

  replay(each: (sequence: number, bytes: Uint8Array) => void): void {
    for (const [sequence, bytes] of this.#groups) each(sequence, bytes)
  }

  append(): void {
    // A copy is read.
  }

  read(sequence: number): Uint8Array | undefined {
    return this.#groups.get(sequence)
  }

  usedBytes(): number {
    let bytes = 0
    for (const group of this.#groups.values()) bytes += group.length
    return bytes
  }
}

/** Fails when there is no journal at `path`, or none that this version reads. */
export const copyLog = Effect.fnUntraced(function*(
  path: string
): Effect.fn.Return<LogCopy, JournalUnusable, Scope.Scope> {
  const file = join(path, storeFileName)
  if (!existsSync(file)) return yield* refuse("absent", path)
  const fault = yield* attempt(file, () => fileFault(file))
  if (fault !== undefined) return yield* refuse(fault, file)
  const database = yield* Effect.acquireRelease(
    attempt(path, () => openSettled(file, { readOnly: true })),
    (opened) => Effect.promise(() => opened.close())
  )
  const groups = new Map<number, Buffer>()
  const logFile = join(path, logFileName)
  let missing = 0
  for (let tried = 0; tried < attempts; tried++) {
    // The log first: what leaves it while it is read has settled, and is found there.
    const entries = yield* logEntries(database, logFile)
    const { mark, oldest } = yield* copySettled(database, groups)
    if (typeof mark === "string") {
      if (mark === "new") return new LogCopy(groups)
      return yield* refuse(mark, file)
    }
    // A gap is one only if it is still there: entries are written while they are read.
    const unsettled = unsettledIn(entries, mark.epoch, mark.settled)
    if ("missing" in unsettled) {
      missing = unsettled.missing
      continue
    }
    for (const { bytes, sequence } of unsettled.groups) groups.set(sequence, asBuffer(bytes))
    const first = Math.max(oldest, unsettled.oldest)
    for (const sequence of groups.keys()) if (sequence < first) groups.delete(sequence)
    return new LogCopy(groups)
  }
  return yield* refuse("corrupt", `${logFile}: group ${missing}`)
})

const logEntries = Effect.fnUntraced(function*(
  database: SettledDatabase,
  logFile: string
): Effect.fn.Return<ReadonlyArray<LogEntry>, JournalUnusable> {
  const mark = readMark(database)
  database.resetReadTxn()
  if (typeof mark === "string") return []
  if (!existsSync(logFile)) return yield* refuse("half", logFile)
  const fault = yield* attempt(logFile, () => logFault(logFile, mark.identity))
  if (fault !== undefined) return yield* refuse(fault, logFile)
  return yield* attempt(logFile, () => entriesIn(readRing(logFile), mark.identity))
})

/** Adds what has settled to the copy, in steps. */
const copySettled = Effect.fnUntraced(function*(
  database: SettledDatabase,
  groups: Map<number, Buffer>
) {
  let last = Math.max(0, ...groups.keys())
  for (;;) {
    let copied = 0
    for (const { key, value } of database.getRange({ start: last + 1, limit: stepGroups })) {
      groups.set(key, value)
      last = key
      copied++
    }
    // In the same transaction: what has left the log meanwhile is not part of the last step.
    const mark = readMark(database)
    const oldest = settledEnds(database)?.oldest ?? last + 1
    database.resetReadTxn()
    if (copied < stepGroups) return { mark, oldest }
    yield* Effect.yieldNow
  }
})
