/** A simulator's book on disk: one JSON line an event, appended in order, flushed at the end. */

import { closeSync, openSync, writeSync } from "node:fs"
import type { BookLine } from "../simulate/book.ts"
import type { PaymentLine } from "../simulate/payment-book.ts"
import { Refusal } from "./verb.ts"

/** Lines are written together once they are this many characters. */
const flushCharacters = 65_536

export interface BookFile {
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
  let waiting = ""
  const flush = () => {
    if (waiting !== "") writeSync(file, waiting)
    waiting = ""
  }
  return {
    sink: (line) => {
      waiting += `${JSON.stringify(line)}\n`
      if (waiting.length >= flushCharacters) flush()
    },
    close: () => {
      flush()
      closeSync(file)
    }
  }
}
