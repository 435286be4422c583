/**
 * `npm run bugs`: the proof that the referee sees. Each `*.patch` beside this file is a deliberate
 * bug; it is applied to a scratch copy of the sources, and the seeded worlds must find it within
 * the number of seeds that its first line names. A patch that no longer applies fails the run, and
 * so does a world that finds something in the sources as they are.
 *
 *     npm run bugs [-- name …]
 */

import { spawn, spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"

const root = dirname(dirname(import.meta.dirname))
const copied = ["src", "config", "bin", "package.json", "tsconfig.json"]
const transactions = 300
const jobs = 2
/** One bug's worlds take this long at most; then it counts as missed. */
const patienceMs = 600_000

interface Bug {
  readonly name: string
  readonly title: string
  readonly seeds: number
  readonly patch: string
}

interface Verdict {
  readonly bug: Bug
  readonly caught: boolean
  readonly how: string
}

/** The first line of a patch: `# what is wrong; found within N seeds`. */
function readBug(file: string): Bug {
  const patch = join(import.meta.dirname, file)
  const [first = ""] = readFileSync(patch, "utf8").split("\n", 1)
  const parts = /^# (.+); found within (\d+) seeds$/.exec(first)
  if (parts === null) throw new Error(`${file}: the first line names no bug and no seeds`)
  return { name: basename(file, ".patch"), title: parts[1]!, seeds: Number(parts[2]), patch }
}

/** The sum that `simulate` prints, as far as it is looked at here. */
interface Sum {
  readonly worlds: number
  readonly findings: ReadonlyArray<{
    readonly seed: number
    readonly violations: ReadonlyArray<{ readonly kind: string; readonly what: string }>
  }>
}

/** Worlds from seed 1 on, until one finds something; undefined: they did not come to an end. */
function simulate(folder: string, seeds: number): Promise<Sum | undefined> {
  const words = ["simulate", "--seeds", seeds, "--jobs", 1, "--transactions", transactions]
  const args = [join(folder, "src/main.ts"), ...words.map(String), "--first", "--format", "json"]
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] })
    const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs)
    let output = ""
    child.stdout.on("data", (chunk: Buffer) => output += chunk.toString())
    child.on("close", (code) => {
      clearTimeout(timer)
      resolve(code === 0 || code === 1 ? sumIn(output) : undefined)
    })
  })
}

/** Printed by the program that was copied from here; not by one that crashed. */
function sumIn(output: string): Sum | undefined {
  try {
    return JSON.parse(output) as Sum
  } catch {
    return undefined
  }
}

async function withCopy<A>(use: (folder: string) => Promise<A>): Promise<A> {
  const folder = mkdtempSync(join(tmpdir(), "pointsman-bug-"))
  try {
    for (const name of copied) cpSync(join(root, name), join(folder, name), { recursive: true })
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function hunt(bug: Bug): Promise<Verdict> {
  return withCopy(async (folder) => {
    const applied = spawnSync("git", ["apply", bug.patch], { cwd: folder, encoding: "utf8" })
    if (applied.status !== 0) return { bug, caught: false, how: "the patch does not apply" }
    const sum = await simulate(folder, bug.seeds)
    if (sum === undefined) return { bug, caught: false, how: "the worlds did not come to an end" }
    const [finding] = sum.findings
    if (finding === undefined) return { bug, caught: false, how: `not in ${sum.worlds} seeds` }
    const [violation] = finding.violations
    return {
      bug,
      caught: true,
      how: `seed ${finding.seed}: ${violation?.kind}, ${violation?.what}`
    }
  })
}

/** A few at a time, told as they come. */
async function huntAll(bugs: ReadonlyArray<Bug>): Promise<ReadonlyArray<Verdict>> {
  const verdicts: Array<Verdict> = []
  const width = Math.max(...bugs.map(({ name }) => name.length))
  let next = 0
  const worker = async () => {
    for (let bug = bugs[next++]; bug !== undefined; bug = bugs[next++]) {
      const verdict = await hunt(bug)
      verdicts.push(verdict)
      const [line = ""] = verdict.how.split("\n", 1)
      const mark = verdict.caught ? "caught" : "MISSED"
      process.stdout.write(`${mark}  ${bug.name.padEnd(width)}  ${line.slice(0, 110)}\n`)
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
  return verdicts
}

const wanted = process.argv.slice(2)
const bugs = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".patch")).sort()
  .map(readBug).filter(({ name }) => wanted.length === 0 || wanted.includes(name))
const verdicts = await huntAll(bugs)
const caught = verdicts.filter((verdict) => verdict.caught).length
let clean = true
if (wanted.length === 0) {
  const sum = await simulate(root, Math.max(...bugs.map(({ seeds }) => seeds)))
  clean = sum?.findings.length === 0
  process.stdout.write(`without a bug: ${clean ? "nothing found" : "FOUND SOMETHING"}\n`)
}
process.stdout.write(`bugs caught ${caught} of ${bugs.length}\n`)
process.exitCode = caught === bugs.length && bugs.length > 0 && clean ? 0 : 1
