/** A worker that a frame can throw in, end or hang, by the terminal it names. */

import { move } from "piscina"
import { BatchRunner, type WorkerDialect } from "../../src/codec/batch-runner.ts"
import type { BatchTask } from "../../src/codec/batch.ts"
import { compileDialect } from "../../src/iso8583/compile.ts"

const runner = new BatchRunner((source, number) => {
  const dialect = compileDialect(source, number)
  if (!("index" in dialect)) throw new Error("no dialect")
  const poisoned: WorkerDialect = {
    mac: dialect.mac,
    view: (bytes, index) => dialect.view(bytes, index),
    index: (bytes, start, end, out) => {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      if (text.includes("THROWING")) throw new Error("thrown on purpose")
      if (text.includes("EXITING_")) process.exit(7)
      while (text.includes("SPINNING"));
      return dialect.index(bytes, start, end, out)
    }
  }
  return poisoned
}, (bytes) => new Uint8Array(bytes))

export function runBatch(task: BatchTask): unknown {
  return move(runner.run(task))
}
