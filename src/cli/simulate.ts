/**
 * `pointsman simulate`: seeded worlds, in this thread or in several. A seed says everything; what
 * is found is told with its story and the command that shows it again.
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { Piscina } from "piscina"
import {
  addResult,
  type CampaignSum,
  emptySum,
  findingLines,
  sumLines
} from "../simulate/world/campaign.ts"
import { readPlan } from "../simulate/world/plan-file.ts"
import { calmPlan, drawPlan, type WorldPlan, worldVersion } from "../simulate/world/plan.ts"
import { play, type Played } from "../simulate/world/play.ts"
import { parseScenario } from "../simulate/world/scenario.ts"
import { shrinkPlan } from "../simulate/world/shrink.ts"
import { World, type WorldResult } from "../simulate/world/world.ts"
import { stopwatch } from "./stopwatch.ts"
import { type Action, type Call, Refusal } from "./verb.ts"
import { worldOf, worldRunner } from "./world-maker.ts"

/** Worlds after which the sum is told and kept. */
const portion = 5
/** Every deliberate bug of `test/bugs` shows in worlds of this length. */
const worldTransactions = 300

export const verb: Action = {
  about: "The whole switch with terminals, acquirers, wallets, disk and database in one process " +
    "on a virtual clock. Each seed is a world with faults of its own; the books are compared " +
    "after it.",
  parameters: [],
  flags: {
    seed: { type: "number", value: "<n>", about: "one world, with its trace hash" },
    seeds: { type: "number", value: "<n>", about: "this many worlds", fallback: 100 },
    from: { type: "number", value: "<n>", about: "first seed", fallback: 1 },
    transactions: {
      type: "number",
      value: "<n>",
      about: "of each world; many worlds find more than long ones do",
      fallback: worldTransactions
    },
    calm: { type: "yes", about: "without any fault" },
    first: { type: "yes", about: "end at the first world with a violation" },
    jobs: { type: "number", value: "<n>", about: "threads", fallback: 2 },
    shrink: { type: "yes", about: "with --seed: take away what the failure does not need" },
    plan: { type: "text", value: "<file>", about: "a world as --shrink printed it" },
    scenario: { type: "text", value: "<file>", about: "play one story of the scenario language" },
    resume: { type: "text", value: "<file>", about: "keep the sum here, and go on from it" }
  },
  examples: [
    ["simulate --seeds 2000", "the long form, over two threads"],
    ["simulate --seed 17 --shrink", "one world, made as small as its failure allows"]
  ],
  run
}

async function run(call: Call): Promise<0 | 1> {
  const story = call.text("scenario")
  if (story !== undefined) return scenario(call, story)
  const seed = call.number("seed")
  const file = call.text("plan")
  if (seed !== undefined || file !== undefined) {
    return one(call, file === undefined ? planOf(call, seed ?? 1) : planIn(file))
  }
  const from = call.number("from") ?? 1
  const first = { next: from, sum: emptySum() }
  const state = readState(call.text("resume"), call) ?? first
  const until = from + (call.number("seeds") ?? 0)
  const seconds = stopwatch()
  const jobs = Math.min(call.number("jobs") ?? 1, until - state.next)
  if (jobs > 1) await inThreads(call, state, until, jobs)
  else {
    const runWorld = await worldRunner()
    while (state.next < until && !isOver(call, state.sum)) {
      count(call, state, runWorld(planOf(call, state.next)), from, until)
    }
  }
  saveState(call.text("resume"), call, state)
  return told(call, state.sum, seconds())
}

function planOf(call: Call, seed: number): WorldPlan {
  const transactions = call.number("transactions") ?? worldTransactions
  if (!call.yes("calm")) return drawPlan(seed, { transactions })
  return { ...calmPlan, seed, questions: Math.ceil(transactions / 8) }
}

async function one(call: Call, plan: WorldPlan): Promise<0 | 1> {
  const runWorld = await worldRunner()
  const seconds = stopwatch()
  const result = runWorld(plan)
  const sum = emptySum()
  addResult(sum, result)
  const exit = told(call, sum, seconds())
  if (call.format === "text") call.streams.raw(`hash          ${result.hash}\n`)
  if (exit === 1 && call.yes("shrink")) {
    const small = shrinkPlan(
      plan,
      (next) => runWorld(next).violations.length > 0,
      () => call.streams.say("smaller")
    )
    call.streams.out(`${JSON.stringify(small)}\n`)
  }
  return exit
}

/** One story; the line that did not come true is told, and the exit is 1. */
async function scenario(call: Call, path: string): Promise<0 | 1> {
  const parsed = parseScenario(readText(path))
  if (!("lines" in parsed)) {
    throw new Refusal(
      2,
      parsed.map((fault) => `${path}: ${fault}`).join("\n")
    )
  }
  const stage = await worldOf(parsed)
  if (!(stage instanceof World)) throw new Refusal(2, stage.join("\n"))
  const { fault, result }: Played = play(parsed, stage)
  const { violations } = result
  if (call.format === "json") {
    call.streams.out(`${JSON.stringify({ title: parsed.title, fault, violations })}\n`)
    return fault === undefined ? 0 : 1
  }
  call.streams.out(`${parsed.title}\n${fault === undefined ? "all came true" : fault}\n`)
  for (const { kind, story, what } of violations.slice(0, 5)) {
    call.streams.out(`${kind}: ${what}\n${story.map((each) => `  ${each}\n`).join("")}`)
  }
  return fault === undefined ? 0 : 1
}

function told(call: Call, sum: CampaignSum, seconds: number): 0 | 1 {
  if (call.format === "json") {
    call.streams.out(`${JSON.stringify({ ...sum, seconds: Math.round(seconds) })}\n`)
  } else {
    const transactions = call.number("transactions") ?? worldTransactions
    for (const finding of sum.findings) {
      const command = `npx pointsman simulate --seed ${finding.seed} --transactions ${transactions}`
      call.streams.out(`${findingLines(finding, command).join("\n")}\n`)
    }
    call.streams.out(`${sumLines(sum, seconds).join("\n")}\n`)
  }
  return sum.findings.length === 0 ? 0 : 1
}

function isOver(call: Call, sum: CampaignSum): boolean {
  return call.yes("first") && sum.findings.length > 0
}

interface State {
  next: number
  sum: CampaignSum
}

/** Adds the world of the next seed. */
function count(call: Call, state: State, result: WorldResult, from: number, until: number): void {
  addResult(state.sum, result)
  state.next++
  if ((state.next - from) % portion !== 0) return
  const found = state.sum.findings.length
  call.streams.say(`${state.next - from} of ${until - from} worlds, ${found} with violations`)
  saveState(call.text("resume"), call, state)
}

/** Whichever thread is done with one takes the next seed. */
async function inThreads(call: Call, state: State, until: number, jobs: number): Promise<void> {
  const from = call.number("from") ?? 1
  let begun = state.next
  /** Worlds that ended before one of an earlier seed. */
  const early = new Map<number, WorldResult>()
  const pool = new Piscina({
    filename: new URL("./world-worker.ts", import.meta.url).href,
    minThreads: jobs,
    maxThreads: jobs
  })
  const work = async (): Promise<void> => {
    while (begun < until && !isOver(call, state.sum)) {
      const seed = begun++
      early.set(seed, await worldIn(pool, planOf(call, seed)))
      // What is counted is always a whole beginning, so that a resumed campaign skips no seed.
      for (let next = early.get(state.next); next !== undefined; next = early.get(state.next)) {
        early.delete(state.next)
        count(call, state, next, from, until)
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: jobs }, work))
  } finally {
    await pool.destroy()
  }
}

async function worldIn(pool: Piscina, plan: WorldPlan): Promise<WorldResult> {
  try {
    return await pool.run(plan, { name: "runPlan" }) as WorldResult
  } catch (cause) {
    throw new Refusal(3, `the world of seed ${plan.seed} did not come to its end: ${String(cause)}`)
  }
}

function planIn(path: string): WorldPlan {
  const plan = readPlan(readJson(path))
  if (typeof plan === "string") throw new Refusal(2, `${path}: ${plan}`)
  return plan
}

function readState(path: string | undefined, call: Call): State | undefined {
  if (path === undefined || !existsSync(path)) return undefined
  const state = readJson(path) as (State & Readonly<Record<string, unknown>>) | undefined
  if (state?.["version"] !== worldVersion || state["of"] !== nameOf(call)) {
    throw new Refusal(2, `${path}: the sum of another campaign or world version; remove it`)
  }
  return state
}

function saveState(path: string | undefined, call: Call, state: State): void {
  if (path === undefined) return
  const whole = { version: worldVersion, of: nameOf(call), ...state }
  writeFileSync(`${path}.new`, JSON.stringify(whole))
  renameSync(`${path}.new`, path)
}

/** Sums may be added up only if their worlds were made the same way. */
function nameOf(call: Call): string {
  const calm = call.yes("calm") ? " calm" : ""
  return `from ${call.number("from")} transactions ${call.number("transactions")}${calm}`
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    throw new Refusal(3, `${path}: cannot be read`)
  }
}

function readJson(path: string): unknown {
  const text = readText(path)
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal(2, `${path}: cannot be read as JSON`)
  }
}
