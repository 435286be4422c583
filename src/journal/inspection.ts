/**
 * Looking into a journal from outside, beside the switch that runs on it: what it holds, whether it
 * is whole, and its rows. Nothing here changes the journal, and nothing leaves it in clear: cipher
 * text and key blocks become their length, and what looks like a card number its mask.
 */

import { Effect, Stream } from "effect"
import { maskText } from "../domain/pan.ts"
import type { JournalUnusable } from "../domain/ports/journal.ts"
import { Contents } from "./contents.ts"
import { asBuffer, groupFault, readHeader, visitRecords } from "./group.ts"
import { copyLog, type LogCopy } from "./log-copy.ts"
import { refuse } from "./refusals.ts"
import { type TableName, tableNames } from "./rows.ts"

export interface Inspected {
  readonly groups: number
  readonly bytes: number
  /** Bytes of groups that nothing refers to any more. */
  readonly garbageBytes: number
  /** Wall time in milliseconds of the oldest and the newest group; absent in an empty journal. */
  readonly oldestMs?: number
  readonly newestMs?: number
  /** Live records by table. */
  readonly records: Readonly<Record<TableName, number>>
  /** Transactions by their state, advices by upstream. */
  readonly states: Readonly<Record<string, number>>
  readonly advices: Readonly<Record<string, number>>
  /** The feed up to here is safe in PostgreSQL; so many entries may not be there. */
  readonly watermark: number
  readonly feedPending: number
}

export interface Verified {
  readonly groups: number
  readonly records: number
  readonly bytes: number
  /** What is wrong, each with its group; empty: the journal is whole. */
  readonly faults: ReadonlyArray<string>
}

export interface ExportedRow {
  readonly table: string
  readonly key: string
  readonly row: unknown
}

/** Counts what is live. Fails when the journal is not whole: `verifyJournal` says where. */
export const inspectJournal = (path: string): Effect.Effect<Inspected, JournalUnusable> =>
  Effect.scoped(Effect.map(Effect.flatMap(copyLog(path), read), inspected))

/** Checks every group, and that what they hold is complete. */
export const verifyJournal = (path: string): Effect.Effect<Verified, JournalUnusable> =>
  Effect.scoped(Effect.map(copyLog(path), verified))

/** Every live row, masked; the feed last. */
export const exportJournal = (path: string): Stream.Stream<ExportedRow, JournalUnusable> =>
  Stream.unwrap(
    Effect.scoped(Effect.flatMap(copyLog(path), read)).pipe(
      Effect.map((contents) => Stream.fromIterable(rows(contents)))
    )
  )

const read = Effect.fnUntraced(function*(
  log: LogCopy
): Effect.fn.Return<Contents, JournalUnusable> {
  const contents = new Contents(log)
  const fault = contents.replay()
  return fault === undefined ? contents : yield* refuse(fault.reason, fault.what)
})

function inspected(contents: Contents): Inspected {
  const { feed, groups } = contents
  const states: Record<string, number> = {}
  const advices: Record<string, number> = {}
  for (const [, { state }] of contents.entries("transactions")) count(states, state)
  for (const [, { upstream }] of contents.entries("advices")) count(advices, upstream)
  const [oldestMs, newestMs] = groups.wallMs()
  return {
    groups: groups.count,
    bytes: groups.bytes,
    garbageBytes: groups.garbage,
    ...(oldestMs === undefined ? {} : { oldestMs }),
    ...(newestMs === undefined ? {} : { newestMs }),
    records: contents.sizes(),
    states,
    advices,
    watermark: feed.watermark,
    feedPending: feed.pending
  }
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}

function verified(log: LogCopy): Verified {
  const faults: Array<string> = []
  let groups = 0
  let records = 0
  log.replay((sequence, raw) => {
    groups++
    const bytes = asBuffer(raw)
    const fault = groupFault(bytes, sequence)
    if (fault === undefined) records += recordsOf(bytes, faults)
    else faults.push(`group ${sequence}: ${fault}`)
  })
  const fault = faults.length === 0 ? new Contents(log).replay() : undefined
  if (fault !== undefined) faults.push(fault.what)
  return { groups, records, bytes: log.usedBytes(), faults }
}

function recordsOf(bytes: Buffer, faults: Array<string>): number {
  let records = 0
  const known = (table: number) => {
    records++
    if (tableNames[table] !== undefined) return
    faults.push(`group ${readHeader(bytes).sequence}: a table of number ${table}`)
  }
  visitRecords(bytes, { record: known, removed: known, feed: known })
  return records
}

function* rows(contents: Contents): Generator<ExportedRow> {
  for (const table of tableNames) {
    if (table === "exceptions" || table === "batches") continue
    for (const [key, value] of contents.entries(table)) {
      yield { table, key: maskText(key), row: masked(value) }
    }
  }
  for (const [key, entry] of contents.feedEntries()) {
    yield { table: "feed", key, row: masked(entry) }
  }
}

/** Numbers, flags and texts as they are, but for card numbers; bytes as their length. */
function masked(value: unknown): unknown {
  if (typeof value === "string") return maskText(value)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (Array.isArray(value)) return value.map(masked)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, masked(each)]))
}
