/**
 * Rows of the ledger as a file: one JSON object a line, gzipped, counted after it was written. What
 * must hold: a file has its name only when it is whole, and no file ever takes another's place.
 */

import type { PgClient } from "@effect/sql-pg"
import { Effect, Schema, Stream } from "effect"
import { createHash } from "node:crypto"
import {
  createReadStream,
  createWriteStream,
  existsSync,
  linkSync,
  readFileSync,
  unlinkSync
} from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { createGunzip, createGzip } from "node:zlib"
import { LedgerUnavailable } from "../domain/ports/ledger.ts"

export class ExportIncomplete extends Schema.TaggedError<ExportIncomplete>()("ExportIncomplete", {
  file: Schema.String,
  /** Rows of the table and lines of the file. */
  rows: Schema.Finite,
  lines: Schema.Finite
}) {}

export interface Exported {
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
): Effect.fn.Return<Exported, LedgerUnavailable> {
  const part = join(folder, `${name}.part`)
  const texts = Stream.toAsyncIterable(
    rows.stream.pipe(Stream.map((row) => `${String((row as { line: string }).line)}\n`))
  )
  yield* Effect.tryPromise({
    try: () => pipeline(Readable.from(texts), createGzip(), createWriteStream(part)),
    catch: () => new LedgerUnavailable({ reason: "export" })
  })
  const lines = yield* Effect.promise(() => linesOf(part))
  return { file: yield* Effect.sync(() => placed(part, folder, name)), lines }
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
