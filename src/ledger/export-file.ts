/**
 * Rows of the ledger as a file: one JSON object a line, gzipped, counted after it was written. What
 * must hold: a file has its name only when it is whole and on disk, name included, and no file ever
 * takes another's place.
 */

import type { PgClient } from "@effect/sql-pg"
import { Effect, Schema, Stream } from "effect"
import { SqlError } from "effect/sql/SqlError"
import { createHash } from "node:crypto"
import {
  createReadStream,
  createWriteStream,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  unlinkSync
} from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { createGunzip, createGzip } from "node:zlib"
import { type LedgerUnavailable, LedgerUnusable } from "../domain/ports/ledger.ts"
import { syncFolder } from "../domain/synced-folder.ts"
import { unavailable } from "./database-failure.ts"

export class ExportIncomplete extends Schema.TaggedError<ExportIncomplete>()("ExportIncomplete", {
  file: Schema.String,
  /** Rows of the table and lines of the file. */
  rows: Schema.Finite,
  lines: Schema.Finite
}) {}

interface Exported {
  readonly file: string
  readonly lines: number
}

/** A row of each is a `line` of JSON, in an order of its own. */
type Lines = ReturnType<PgClient.PgClient["unsafe"]>

/** Writes the lines to `<folder>/<name>.jsonl.gz`, or `<name>-2` where that is other content. */
export const exportLines = Effect.fnUntraced(function*(
  rows: Lines,
  folder: string,
  name: string
): Effect.fn.Return<Exported, LedgerUnavailable | LedgerUnusable> {
  const part = join(folder, `${name}.part`)
  yield* filed(async () => void mkdirSync(folder, { recursive: true }))
  const texts = Stream.toAsyncIterable(
    rows.stream.pipe(Stream.map((row) => `${String((row as { line: string }).line)}\n`))
  )
  yield* filed(() =>
    pipeline(Readable.from(texts), createGzip(), createWriteStream(part, { flush: true }))
  )
  const lines = yield* filed(() => linesOf(part))
  return { file: yield* filed(async () => placed(part, folder, name)), lines }
})

/** Work with files, or with the rows that go into one. */
const filed = <A>(work: () => Promise<A>): Effect.Effect<A, LedgerUnavailable | LedgerUnusable> =>
  Effect.tryPromise({
    try: work,
    catch: (error) =>
      error instanceof SqlError
        ? unavailable(error)
        : new LedgerUnusable({
          reason: "export",
          advice: `the export cannot be written: ${(error as Error).message}`
        })
  })

/** The same content has its name already when an export is run again. */
function placed(part: string, folder: string, name: string): string {
  for (let number = 1;; number++) {
    const file = join(folder, `${name}${number === 1 ? "" : `-${number}`}.jsonl.gz`)
    const there = existsSync(file)
    if (there && digest(file) !== digest(part)) continue
    // A link, unlike a new name, never replaces what somebody put there meanwhile.
    if (!there) linkSync(part, file)
    unlinkSync(part)
    syncFolder(folder)
    return file
  }
}

const digest = (file: string): string =>
  createHash("sha256").update(readFileSync(file)).digest("hex")

async function linesOf(file: string): Promise<number> {
  let lines = 0
  const input = createReadStream(file).pipe(createGunzip())
  for await (const line of createInterface({ input })) if (line !== "") lines++
  return lines
}
