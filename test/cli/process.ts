/**
 * The command line: as people run it, a process with its exit code and what it wrote; and the same
 * words inside this process, which is many times faster and knows no other difference.
 */

import { spawn } from "node:child_process"
import { join } from "node:path"
import { runCommandLine } from "../../src/cli/run.ts"
import { maskText } from "../../src/domain/pan.ts"

export const root = join(import.meta.dirname, "..", "..")

export interface Ended {
  readonly exit: number | null
  readonly out: string
  readonly talk: string
}

export function pointsmanProcess(
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

/** As {@link pointsmanProcess}, without a process. */
export async function pointsman(
  words: ReadonlyArray<string>,
  input: string | Uint8Array = ""
): Promise<Ended> {
  let out = ""
  let talk = ""
  const answers = Buffer.from(input).toString().split("\n")
  const exit = await runCommandLine(words, {
    out: (text) => out += maskText(text),
    raw: (bytes) =>
      out += typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("latin1"),
    say: (line) => talk += `${maskText(line)}\n`,
    input: async () => Buffer.from(input),
    ask: async (question) => {
      talk += `${question}\n`
      return answers.shift() ?? ""
    },
    environment: () => undefined,
    signals: () => {}
  })
  return { exit, out, talk }
}
