/** Programs of this folder as processes of their own, started under the same Node and ended by id. */

import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"

export interface Program {
  readonly process: ChildProcess
  /** The next line it prints; undefined when it ended. */
  readonly line: () => Promise<string | undefined>
  readonly ended: Promise<readonly [code: number | null, signal: string | null]>
}

/** `before`: a program that is to run it, with its arguments. */
export function start(
  name: string,
  args: ReadonlyArray<string>,
  before: ReadonlyArray<string> = []
): Program {
  const [file = "", ...rest] = [...before, process.execPath, join(import.meta.dirname, name)]
  const child = spawn(file, [...rest, ...args], { stdio: ["ignore", "pipe", "pipe"] })
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  child.stderr?.resume()
  const ended = once(child, "exit") as Promise<[number | null, string | null]>
  return {
    process: child,
    ended,
    line: async () => {
      const next = await lines.next()
      return next.done === true ? undefined : next.value
    }
  }
}
