/**
 * A copy of a journal's log in memory, taken beside the switch that writes it. It is read in steps,
 * each with a read transaction of its own that is over in milliseconds: one held open would keep
 * LMDB from reusing pages, and the file would grow. Groups never change, they are added at one end
 * and leave at the other, so the copy is the log as it was at the last step.
 */

import { Effect, type Scope } from "effect"
import { open as openLmdb, type RootDatabase } from "lmdb"
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { JournalUnusable, OpenLog } from "../domain/ports/journal.ts"
import { fileFault, pageBytes } from "./lmdb-file.ts"
import { fileName } from "./lmdb-store.ts"
import { refusalOf, refuse } from "./refusals.ts"

/** Groups of up to 256 KiB that are copied out at once. */
const stepGroups = 32

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
  const file = join(path, fileName)
  if (!existsSync(file)) return yield* refuse("missing", path)
  const fault = fileFault(file)
  if (fault !== undefined) return yield* refuse(fault, file)
  const database = yield* Effect.acquireRelease(
    Effect.try({ try: () => openReadOnly(file), catch: (error) => refusalOf(error, path) }),
    (opened) => Effect.promise(() => opened.close())
  )
  const groups = new Map<number, Buffer>()
  let last = 0
  for (let copied = stepGroups; copied === stepGroups;) {
    copied = 0
    for (const { key, value } of database.getRange({ start: last + 1, limit: stepGroups })) {
      groups.set(key, value)
      last = key
      copied++
    }
    // In the same transaction: what has left the log meanwhile is not part of the last step.
    const oldest = copied < stepGroups ? first(database) : undefined
    database.resetReadTxn()
    if (oldest !== undefined) {
      for (const sequence of groups.keys()) if (sequence < oldest) groups.delete(sequence)
    }
    yield* Effect.yieldNow
  }
  return new LogCopy(groups)
})

function openReadOnly(file: string): RootDatabase<Buffer, number> {
  return openLmdb<Buffer, number>({
    path: file,
    readOnly: true,
    pageSize: pageBytes,
    overlappingSync: false,
    encoding: "binary"
  })
}

function first(database: RootDatabase<Buffer, number>): number | undefined {
  for (const key of database.getKeys({ start: 1, limit: 1 })) return key
  return undefined
}
