/** What a worker thread does: what the pool sends, a runner of this thread does. */

import { move } from "piscina"
import { compileDialect } from "../iso8583/compile.ts"
import { BatchRunner, type WorkerDialect } from "./batch-runner.ts"
import type { BatchTask } from "./batch.ts"

/** A key stream of its own for the vault of this thread, whoever else seals under the same key. */
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))

const runner = new BatchRunner(compiled, random)

export function runBatch(task: BatchTask): unknown {
  return move(runner.run(task))
}

/** The pool compiled the same source before, so it compiles here. */
function compiled(source: unknown, number: number): WorkerDialect {
  const dialect = compileDialect(source, number)
  if ("index" in dialect) return dialect
  throw new Error(`dialect ${number} does not compile in a worker`)
}
