/** The command line as people run it: a process, its exit code and what it wrote. */

import { spawn } from "node:child_process"
import { join } from "node:path"

export const root = join(import.meta.dirname, "..", "..")

export interface Ended {
  readonly exit: number | null
  readonly out: string
  readonly talk: string
}

export function pointsman(
  words: ReadonlyArray<string>,
  input?: string | Uint8Array
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, "src", "main.ts"), ...words], {
      stdio: ["pipe", "pipe", "pipe"]
    })
    let out = ""
    let talk = ""
    child.stdout.on("data", (chunk: Buffer) => out += chunk.toString())
    child.stderr.on("data", (chunk: Buffer) => talk += chunk.toString())
    child.on("close", (exit) => resolve({ exit, out, talk }))
    // A process that refuses its words may be gone before it read anything.
    child.stdin.on("error", () => {})
    child.stdin.end(input)
  })
}
