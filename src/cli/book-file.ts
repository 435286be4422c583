/**
 * A simulator's book on disk: one JSON line an event, appended in order. Must hold: an event that
 * happened is in the file, for an audit while the simulator runs, and when it is killed.
 */

import { closeSync, openSync, writeSync } from "node:fs"
import type { BookLine } from "../simulate/book.ts"
import type { PaymentLine } from "../simulate/payment-book.ts"
import { Refusal } from "./verb.ts"

interface BookFile {
  readonly sink: (line: BookLine | PaymentLine) => void
  readonly close: () => void
}

/** Without a path the book is kept in memory alone. */
export function openBook(path: string | undefined): BookFile {
  if (path === undefined) return { sink: () => {}, close: () => {} }
  let file: number
  try {
    file = openSync(path, "a")
  } catch {
    throw new Refusal(3, `cannot write the book ${path}: choose another --book`)
  }
  return {
    sink: (line) => void writeSync(file, `${JSON.stringify(line)}\n`),
    close: () => closeSync(file)
  }
}
