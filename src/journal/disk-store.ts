/**
 * The journal's disk: a write-ahead log before LMDB, both in one folder and of one identity. Must
 * hold: both files have their full size before the first commit, because on a full disk even a
 * removal fails; what the log holds has settled, in one commit with the next epoch, before anything
 * is written to the log again.
 */

import { Effect, Layer, type Scope } from "effect"
import { existsSync, mkdirSync, statfsSync, statSync } from "node:fs"
import { join } from "node:path"
import { JournalStore, type JournalUnusable, type OpenLog } from "../domain/ports/journal.ts"
import { Random } from "../domain/ports/time.ts"
import { fileFault, fill } from "./lmdb-file.ts"
import { logFault, logFileName, makeLog, openLog, readRing } from "./log-file.ts"
import { LoggedGroups, openingStep } from "./logged-groups.ts"
import { ownFolder } from "./ownership.ts"
import { attempt, refusalOf, refuse } from "./refusals.ts"
import {
  openSettled,
  readMark,
  type SettledDatabase,
  settledEnds,
  SettledGroups,
  type SettledMark,
  storeFileName
} from "./settled-groups.ts"
import { entriesIn, identityBytes, pageBytes } from "./write-ahead-log.ts"

export interface DiskStoreOptions {
  /** A folder of the journal's own; made when it is missing. */
  readonly path: string
  /**
   * What the journal may fill; new work is refused at 90 % of it. LMDB's file is a third larger,
   * so that what is in flight can end and removals find room; the log comes on top.
   */
  readonly maxBytes: number
  /** PostgreSQL has a watermark of this node, so an absent journal is a loss, not a beginning. */
  readonly expectExisting?: boolean
}

const minimumBytes = 1024 * 1024
/** The log is an eighth of the journal, within these. */
const leastRingBytes = 256 * 1024
const mostRingBytes = 32 * 1024 * 1024

export const diskStoreLayer = (
  options: DiskStoreOptions
): Layer.Layer<JournalStore, never, Random> =>
  Layer.effect(
    JournalStore,
    Effect.map(Random, (random) => JournalStore.of({ open: open(options, random) }))
  )

/** Whether there is anything of a journal in a folder. */
export const isJournal = (path: string): boolean =>
  sizeOf(join(path, storeFileName)) > 0 || sizeOf(join(path, logFileName)) > 0

/** 0: it is not there, or nothing was written to it when it was made. */
const sizeOf = (file: string): number => existsSync(file) ? statSync(file).size : 0

const open = Effect.fnUntraced(function*(
  options: DiskStoreOptions,
  random: Random["Service"]
): Effect.fn.Return<OpenLog, JournalUnusable, Scope.Scope> {
  const { maxBytes, path } = options
  const storeFile = join(path, storeFileName)
  const logFile = join(path, logFileName)
  const size = yield* attempt(storeFile, () => sizeOf(storeFile))
  const exists = size > 0
  if (!exists && sizeOf(logFile) > 0) return yield* refuse("half", storeFile)
  if (!exists && options.expectExisting === true) return yield* refuse("missing", path)
  yield* attempt(path, () => mkdirSync(path, { recursive: true }))
  yield* ownFolder(path)
  const fault = exists ? yield* attempt(storeFile, () => fileFault(storeFile)) : undefined
  if (fault !== undefined) return yield* refuse(fault, storeFile)
  const fileBytes = Math.ceil(Math.max(minimumBytes, maxBytes) * 4 / 3 / 65536) * 65536
  // LMDB ends the process when it finds no room for its first pages. Some file systems do not say.
  const needed = fileBytes - size + (exists ? 0 : ringBytesFor(maxBytes))
  const { bavail, blocks, bsize } = yield* attempt(path, () => statfsSync(path))
  if (blocks > 0 && needed > bavail * bsize) return yield* refuse("no-space", path)
  const database = yield* Effect.acquireRelease(
    attempt(path, () => openSettled(storeFile, { mapSize: fileBytes })),
    (opened) => Effect.promise(() => opened.close())
  )
  const found = readMark(database)
  if (typeof found === "string" && found !== "new") return yield* refuse(found, storeFile)
  yield* attemptLater(storeFile, () => fill(storeFile, fileBytes))
  const mark = found === "new"
    ? yield* withLog(database, logFile, random.bytes(identityBytes), ringBytesFor(maxBytes))
    : found
  return yield* opened(database, mark, storeFile, logFile, maxBytes)
})

/** A journal that has no log yet gets one: it is new, or was written before there were logs. */
const withLog = Effect.fnUntraced(function*(
  database: SettledDatabase,
  logFile: string,
  identity: Uint8Array,
  ringBytes: number
): Effect.fn.Return<SettledMark, JournalUnusable> {
  yield* attemptLater(logFile, () => makeLog(logFile, identity, ringBytes))
  return { identity, epoch: 0, settled: settledEnds(database)?.newest ?? 0 }
})

const opened = Effect.fnUntraced(function*(
  database: SettledDatabase,
  before: SettledMark,
  storeFile: string,
  logFile: string,
  maxBytes: number
): Effect.fn.Return<OpenLog, JournalUnusable, Scope.Scope> {
  const { identity } = before
  if (sizeOf(logFile) === 0) return yield* refuse("half", logFile)
  const fault = yield* attempt(logFile, () => logFault(logFile, identity))
  if (fault !== undefined) return yield* refuse(fault, logFile)
  const entries = yield* attempt(logFile, () => entriesIn(readRing(logFile), identity))
  const opening = openingStep(before, settledEnds(database)?.oldest, entries)
  if ("missing" in opening) {
    return yield* refuse("corrupt", `${logFile}: group ${opening.missing}`)
  }
  const store = new SettledGroups(database)
  yield* Effect.callback<void, JournalUnusable>((resume) =>
    store.settle(
      opening,
      (failure) =>
        resume(failure === undefined ? Effect.void : Effect.fail(refusalOf(failure, storeFile)))
    )
  )
  const log = yield* Effect.acquireRelease(
    attempt(logFile, () => openLog(logFile)),
    (file) => Effect.sync(file.close)
  )
  return yield* Effect.acquireRelease(
    Effect.sync(() => new LoggedGroups(log, store, opening, maxBytes)),
    (logged) => Effect.callback<void>((resume) => logged.settleAll(() => resume(Effect.void)))
  )
})

function ringBytesFor(maxBytes: number): number {
  const bytes = Math.min(mostRingBytes, Math.max(leastRingBytes, maxBytes / 8))
  return Math.floor(bytes / pageBytes) * pageBytes
}

const attemptLater = (path: string, body: () => Promise<void>) =>
  Effect.tryPromise({ try: body, catch: (error) => refusalOf(error, path) })
