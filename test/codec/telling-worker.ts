/** A worker that tells, on a channel, of the keys that it was given and was told to forget. */

import { move } from "piscina"
import { BatchRunner } from "../../src/codec/batch-runner.ts"
import type { BatchTask } from "../../src/codec/batch.ts"
import { compileDialect } from "../../src/iso8583/compile.ts"

const channel = new BroadcastChannel("pointsman-telling-worker")
const tell = channel.postMessage.bind(channel)

const runner = new BatchRunner((source, number) => {
  const dialect = compileDialect(source, number)
  if (!("index" in dialect)) throw new Error("no dialect")
  return dialect
}, (bytes) => new Uint8Array(bytes))

export function runBatch(task: BatchTask): unknown {
  const keys = (task.keys ?? []).map(({ handle }) => handle)
  const results = move(runner.run(task))
  tell({ keys, drops: task.drops ?? [] })
  return results
}
