/**
 * Verbs as processes of their own: the same program under the same Node. What must hold: a child
 * never outlives its parent; what it says to people reaches people.
 */

import { type ChildProcess, spawn } from "node:child_process"

const alive = new Set<ChildProcess>()

export interface RunningVerb {
  readonly pid: number | undefined
  /** Everything it wrote to standard output, when it has ended, and its exit code. */
  readonly ended: Promise<{ readonly output: string; readonly code: number }>
  /** Asks it to end, as an operator would. */
  readonly stop: () => void
}

let watching = false

function watch(): void {
  if (watching) return
  watching = true
  process.on("exit", () => {
    for (const child of alive) child.kill("SIGKILL")
  })
}

/** `quiet` keeps what it says to itself. */
export function startVerb(
  words: ReadonlyArray<string | number>,
  options: { readonly quiet?: boolean; readonly environment?: Record<string, string> } = {}
): RunningVerb {
  watch()
  const program = process.argv[1] ?? ""
  const child = spawn(process.execPath, [program, ...words.map(String)], {
    stdio: ["ignore", "pipe", options.quiet === true ? "ignore" : "inherit"],
    // A Ctrl-C is for the parent, who ends its children in order.
    detached: true,
    env: { ...process.env, ...options.environment }
  })
  alive.add(child)
  let output = ""
  child.stdout?.on("data", (chunk: Buffer) => output += chunk.toString())
  const ended = new Promise<{ output: string; code: number }>((resolve) => {
    child.on("close", (code) => {
      alive.delete(child)
      resolve({ output, code: code ?? 3 })
    })
    child.on("error", () => resolve({ output, code: 3 }))
  })
  return { pid: child.pid, ended, stop: () => void child.kill("SIGTERM") }
}
