/**
 * Verbs as processes of their own: the same program under the same Node. What must hold: a child
 * never outlives its parent; what it says to people reaches people, or its log.
 */

import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"

const alive = new Set<ChildProcess>()

export interface RunningVerb {
  /** Everything it wrote to standard output, when it has ended, and its exit code. */
  readonly ended: Promise<{ readonly output: string; readonly code: number }>
  readonly isEnded: () => boolean
  /** The last whole line that it wrote. */
  readonly lastLine: () => string
  /** Asks it to end, as an operator would, and ends it when it does not. */
  readonly stop: () => void
}

interface VerbOptions {
  /** What it says is dropped. */
  readonly quiet?: boolean
  /** What it says goes to this file. */
  readonly log?: string
}

/** How long a child may take to end when it was asked to. */
const patienceMs = 90_000

/** Output that is kept; of more, the end. */
const keptCharacters = 16 * 1024 * 1024

let watching = false

function watch(): void {
  if (watching) return
  watching = true
  process.on("exit", () => {
    for (const child of alive) child.kill("SIGKILL")
  })
}

export function startVerb(
  words: ReadonlyArray<string | number>,
  { log, quiet }: VerbOptions = {}
): RunningVerb {
  watch()
  const program = process.argv[1] ?? ""
  const file = log === undefined ? undefined : openSync(log, "a")
  const child = spawn(process.execPath, [program, ...words.map(String)], {
    // By the channel, the child hears when this process is killed, and ends too.
    stdio: ["ignore", "pipe", file ?? (quiet === true ? "ignore" : "inherit"), "ipc"],
    // A Ctrl-C is for the parent, who ends its children in order.
    detached: true
  })
  if (file !== undefined) closeSync(file)
  alive.add(child)
  let output = ""
  child.stdout?.on("data", (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-keptCharacters)
  })
  let isEnded = false
  const ended = new Promise<{ output: string; code: number }>((resolve) => {
    const end = (code: number | null) => {
      isEnded = true
      alive.delete(child)
      resolve({ output, code: code ?? 3 })
    }
    child.on("close", end)
    child.on("error", () => end(null))
  })
  return {
    ended,
    isEnded: () => isEnded,
    lastLine: () =>
      output.slice(0, output.lastIndexOf("\n") + 1).trimEnd().split("\n").at(-1) ?? "",
    stop: () => {
      child.kill("SIGTERM")
      setTimeout(() => child.kill("SIGKILL"), patienceMs).unref()
    }
  }
}
