/** What must never happen to a dialect, whatever the bytes: the fuzzer's and the corpus's judge. */

import { describe } from "../../src/iso8583/describe.ts"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import { documentOf, encodeDocument } from "../../src/iso8583/document.ts"
import { indexCapacity } from "../../src/iso8583/indexer.ts"

const out = new Int32Array(indexCapacity)

/** Undefined: refused by name. `accepted`: read, and written again byte for byte. Else the harm. */
export function harm(spoken: CompiledDialect, bytes: Buffer): string | undefined {
  try {
    const read = spoken.read(bytes)
    if ("failure" in read) {
      if (spoken.index(bytes, 0, bytes.length, out) >= 0) return "index and read disagree"
      if (read.offset < 0 || read.offset > bytes.length) return "a fault outside of the message"
      if (read.path === "" || read.expected === "") return "a fault without a name"
      spoken.salvage(bytes)
      return undefined
    }
    for (const field of read.fields()) {
      const [text, view] = [read.text(String(field)), read.raw(String(field))]
      if (text === undefined || view === undefined) return `field ${field} is there and is not`
    }
    for (const row of describe(read)) {
      if (row.offset > bytes.length) return "a row outside of the message"
      if ([...row.value].some((each) => each < " " || each === "\u007f")) {
        return "a control character is shown"
      }
    }
    spoken.transactionKey(read)
    spoken.channel(read)
    read.kind()
    const again = encodeDocument(spoken, JSON.parse(JSON.stringify(documentOf(read))))
    if (!(again instanceof Uint8Array)) return `cannot be written again: ${again.path}`
    return again.equals(bytes) ? "accepted" : "is written differently"
  } catch (error) {
    return `throws ${error instanceof Error ? error.message : "something"}`
  }
}
