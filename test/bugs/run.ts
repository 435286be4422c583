/**
 * `npm run bugs`: the proof that the referee sees. Each `*.patch` beside this file is a deliberate
 * bug; it is applied to a scratch copy of the sources, and the seeded worlds must find it within
 * the number of seeds that its first line names. A patch that no longer applies fails the run, and
 * so does a world that finds something in the sources as they are.
 *
 *     npm run bugs [-- --resume <file>] [--keep] [name …]
 *
 * With `--resume` what was seen is kept in the file, and not looked at again as long as neither the
 * sources nor the patch change. With `--keep` the sum goes to `docs/measured`, for the README.
 */

import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Bug, readBugs } from "./bug.ts"
import { Memory } from "./memory.ts"
import { type Copy, scratchCopy, sourcesHash } from "./scratch.ts"
import { playOut, simulate } from "./worlds.ts"

interface Verdict {
  readonly caught: boolean
  readonly how: string
}

const kept = join(import.meta.dirname, "../../docs/measured/bugs.json")
const jobs = Math.max(1, Math.min(4, cpus().length))
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { resume: { type: "string" }, keep: { type: "boolean" } }
})
process.exitCode = await run(positionals, values.resume)

async function run(names: ReadonlyArray<string>, file: string | undefined): Promise<0 | 1 | 2> {
  const all = readBugs()
  const unknown = names.filter((name) => !all.some((bug) => bug.name === name))
  if (unknown.length > 0) {
    process.stderr.write(`no such bug: ${unknown.join(" ")}\n`)
    return 2
  }
  const bugs = all.filter(({ name }) => names.length === 0 || names.includes(name))
  const memory = new Memory(file, sourcesHash())
  const copies = Array.from({ length: jobs }, scratchCopy)
  try {
    const stale = bugs.filter((bug) => !copies[0]!.takes(bug.patch))
    for (const { name } of stale) process.stdout.write(`STALE   ${name} does not apply any more\n`)
    const caught = await huntAll(bugs.filter((bug) => !stale.includes(bug)), copies, memory)
    const clean = names.length > 0 || await isClean(bugs, copies, memory)
    process.stdout.write(`bugs caught ${caught} of ${bugs.length}\n`)
    if (values.keep === true && names.length === 0) {
      writeFileSync(kept, `${JSON.stringify({ caught, of: bugs.length })}\n`)
    }
    return caught === bugs.length && clean ? 0 : 1
  } finally {
    for (const copy of copies) copy.remove()
  }
}

/** One bug at a time in each copy, told as they come. */
async function huntAll(
  bugs: ReadonlyArray<Bug>,
  copies: ReadonlyArray<Copy>,
  memory: Memory
): Promise<number> {
  const width = Math.max(0, ...bugs.map(({ name }) => name.length))
  let caught = 0
  let next = 0
  const worker = async (copy: Copy) => {
    for (let bug = bugs[next++]; bug !== undefined; bug = bugs[next++]) {
      const known = memory.recall(bug.text)
      const how = known ?? (await hunt(bug, copy))
      const verdict = typeof how === "string" ? { caught: true, how } : how
      if (verdict.caught) {
        caught++
        memory.keep(bug.text, verdict.how)
      }
      const [line = ""] = verdict.how.split("\n", 1)
      const mark = verdict.caught ? "caught" : "MISSED"
      process.stdout.write(`${mark}  ${bug.name.padEnd(width)}  ${line.slice(0, 110)}\n`)
    }
  }
  await Promise.all(copies.map(worker))
  return caught
}

async function hunt(bug: Bug, copy: Copy): Promise<Verdict> {
  copy.apply(bug.patch)
  if (bug.scenario !== undefined) {
    const fault = playOut(copy.folder, bug.scenario)
    copy.revert(bug.patch)
    const how = `scenario ${bug.scenario}: ${fault ?? "all came true"}`
    return { caught: fault !== undefined, how }
  }
  const sum = await simulate(copy.folder, bug).finally(() => copy.revert(bug.patch))
  if (sum === undefined) return { caught: false, how: "the worlds did not come to an end" }
  const [finding] = sum.findings
  if (finding === undefined) return { caught: false, how: `not in ${sum.worlds} seeds` }
  const [violation] = finding.violations
  return { caught: true, how: `seed ${finding.seed}: ${violation?.kind}, ${violation?.what}` }
}

/** The same worlds find nothing where there is no bug: each kind of worlds once. */
async function isClean(
  bugs: ReadonlyArray<Bug>,
  copies: ReadonlyArray<Copy>,
  memory: Memory
): Promise<boolean> {
  const most = new Map<string, Bug>()
  for (const bug of bugs) {
    if (bug.seeds === 0) continue
    const known = most.get(bug.flags.join(" "))
    if (known === undefined || known.seeds < bug.seeds) most.set(bug.flags.join(" "), bug)
  }
  let clean = true
  for (const { flags, seeds } of most.values()) {
    const name = ["without a bug", ...flags].join(" ")
    const known = memory.recall(`${name} ${seeds}`)
    const sum = known === undefined
      ? await simulate(copies[0]!.folder, { flags, seeds }, jobs)
      : { findings: [] }
    if (sum?.findings.length === 0) memory.keep(`${name} ${seeds}`, "nothing")
    else clean = false
    const found = sum?.findings.length === 0 ? "nothing found" : "FOUND SOMETHING"
    process.stdout.write(`${name}: ${found} in ${seeds} seeds\n`)
  }
  return clean
}
