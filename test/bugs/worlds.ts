/** `pointsman simulate` of a copy, as far as the hunt for bugs looks at it. */

import { spawn, spawnSync } from "node:child_process"
import { join } from "node:path"
import type { Bug } from "./bug.ts"

const transactions = 300
/** One bug's worlds take this long at most; then it counts as missed. */
const patienceMs = 600_000

interface Sum {
  readonly worlds: number
  readonly findings: ReadonlyArray<{
    readonly seed: number
    readonly violations: ReadonlyArray<{ readonly kind: string; readonly what: string }>
  }>
}

/** Worlds from seed 1 on, until one finds something; undefined: they did not come to an end. */
export function simulate(
  folder: string,
  { flags, seeds }: Pick<Bug, "flags" | "seeds">,
  jobs = 1
): Promise<Sum | undefined> {
  const words = ["simulate", "--seeds", seeds, "--jobs", jobs, "--transactions", transactions]
  const args = [join(folder, "src/main.ts"), ...words.map(String), ...flags, "--first"]
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...args, "--format", "json"], {
      stdio: ["ignore", "pipe", "ignore"]
    })
    const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs)
    let output = ""
    child.stdout.on("data", (chunk: Buffer) => output += chunk.toString())
    child.on("close", (code) => {
      clearTimeout(timer)
      resolve(code === 0 || code === 1 ? sumIn(output) : undefined)
    })
  })
}

/** What did not come true in a story; undefined: everything did, or it did not come to an end. */
export function playOut(folder: string, id: string): string | undefined {
  const file = join(import.meta.dirname, "../sim/scenarios", `${id}.scenario`)
  const args = [join(folder, "src/main.ts"), "simulate", "--scenario", file]
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    timeout: patienceMs
  })
  return status === 1 ? stdout.split("\n")[1] : undefined
}

/** Printed by the program that was copied from here; not by one that crashed. */
function sumIn(output: string): Sum | undefined {
  try {
    return JSON.parse(output) as Sum
  } catch {
    return undefined
  }
}
