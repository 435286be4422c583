/**
 * `npm run bench -- road [--quick] [--marks] [--report <file>] [--pairs N]`: the whole
 * road, socket to socket, durable before it answers, beside a bare relay on the same machine.
 *
 *   2 generators, 2,000 terminals ─► switch (journal strict, PostgreSQL on) ─► responder
 *                                 ─► relay                                  ─► responder
 *
 * Must hold: arms alternate, and both get the same plan at the same rate; a run counts only when
 * the ledger is at most two seconds behind at its end, every answer is one row in PostgreSQL, no
 * send was missed at a steady rate, and every sampled MAC is right. Machines differ: what counts is
 * the ratio within one run. CPU a transaction is that at the knee; pool and place are compared at
 * nine tenths of it, which both hold.
 */

import { mkdirSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { dirname } from "node:path"
import { terminalKeys } from "./load/site.ts"
import { optionsOf } from "./options.ts"
import { type Arm, commitP99Ms, lagSeconds, type Measured, percentile } from "./road/arm.ts"
import { type House, openHouse } from "./road/house.ts"
import { climb, heldLagSeconds, type Knee, type Stretch } from "./road/knee.ts"
import { report } from "./road/report.ts"
import { median, type PairResult, poolShare, type RoadResult } from "./road/result.ts"

const { values: options } = optionsOf({
  options: {
    marks: { type: "boolean" },
    quick: { type: "boolean" },
    report: { type: "string", default: "data/road-report.html" },
    pairs: { type: "string" },
    terminals: { type: "string", default: "2000" }
  }
})
const quick = options.quick === true
const pairCount = Number(options.pairs ?? (quick ? 1 : 5))
const stretch: Stretch = quick
  ? { seconds: 2, warmupSeconds: 0.5 }
  : { seconds: 4, warmupSeconds: 1 }
const steady: Stretch = quick
  ? { seconds: 3, warmupSeconds: 1 }
  : { seconds: 10, warmupSeconds: 2 }
const firstRate = 1500
/** Before anything counts, so that what runs is compiled code. */
const warming = { ratePerSecond: 1000, seconds: quick ? 4 : 10 }

function say(text: string): void {
  if (options.marks !== true) process.stdout.write(`${text}\n`)
}

let missed = 0
function mark(name: string, measured: number, target: number, met: boolean): void {
  if (!met) missed++
  const figures = `measured=${measured.toFixed(3)} target=${target.toFixed(3)}`
  process.stdout.write(`mark road.${name} ${figures} ${met ? "met" : "missed"}\n`)
}

function line(measured: Measured): string {
  const { answered, arm, cpu, late, mainBusy, perSecond, planned, ratePerSecond } = measured
  const times = [50, 99, 99.9].map((each) => percentile(measured, each).toFixed(2)).join(" / ")
  const children = cpu.children > 0 ? `, PostgreSQL ${cpu.children.toFixed(0)}` : ""
  return `${arm} at ${ratePerSecond.toFixed(0)}/s: ${perSecond.toFixed(0)}/s answered ` +
    `(${answered}/${planned}, ${late} late), p50/p99/p99.9 ${times} ms, CPU ${
      cpu.all.toFixed(1)
    } µs (main ${cpu.main.toFixed(1)}${children}), main thread ${
      (100 * mainBusy).toFixed(0)
    } % busy, lag ${lagSeconds(measured).toFixed(2)} s`
}

async function at(arm: Arm, rate: number, { seconds, warmupSeconds }: Stretch): Promise<Measured> {
  const measured = await arm.run(rate, seconds, warmupSeconds)
  say(`  ${line(measured)}`)
  return measured
}

/** A steady rate is measured once more when sends were missed: such a stretch says nothing. */
async function steadyAt(arm: Arm, rate: number): Promise<Measured> {
  const measured = await at(arm, rate, steady)
  return measured.sent === measured.planned ? measured : at(arm, rate, steady)
}

const known = new Map<Arm, number>()

async function kneeOf(arm: Arm): Promise<Knee> {
  const knee = await climb(arm, known.get(arm) ?? firstRate, stretch)
  known.set(arm, knee.held.ratePerSecond * 0.7)
  say(`  knee: ${line(knee.held)}`)
  return knee
}

/** Switch and relay, each first in every other pair. */
async function pair(house: House, index: number): Promise<PairResult> {
  say(`pair ${index + 1}`)
  const arms = index % 2 === 0 ? [house.switch, house.relay] : [house.relay, house.switch]
  if (house.haproxy !== undefined) arms.push(house.haproxy)
  const knees = new Map<Arm, Knee>()
  for (const arm of arms) knees.set(arm, await kneeOf(arm))
  const knee = knees.get(house.switch)!.held
  const quarter: Array<Measured> = []
  const half: Array<Measured> = []
  for (const arm of arms) quarter.push(await steadyAt(arm, knee.perSecond / 4))
  for (const arm of arms) half.push(await steadyAt(arm, knee.perSecond / 2))
  const full: Array<Measured> = []
  const places = index % 2 === 0 ? [house.switch, house.inPlace] : [house.inPlace, house.switch]
  for (const arm of places) full.push(await at(arm, knee.perSecond * 0.9, stretch))
  half.push(await steadyAt(house.inPlace, knee.perSecond / 2))
  return { knees: [...knees.values()], quarter, half, full }
}

/** Why the run does not count; empty when it does. */
async function objections(house: House, pairs: ReadonlyArray<PairResult>): Promise<Array<string>> {
  const found: Array<string> = []
  const runs = pairs.flatMap(({ full, half, knees, quarter }) => [
    ...knees.map(({ held }) => held),
    ...quarter,
    ...half,
    ...full
  ])
  for (const each of runs) {
    const where = `${each.arm} at ${each.ratePerSecond.toFixed(0)}/s`
    if (lagSeconds(each) > heldLagSeconds) found.push(`${where}: the ledger was behind`)
    if (each.wrongMacs > 0) found.push(`${where}: ${each.wrongMacs} wrong MACs`)
    if (each.strays > 0) found.push(`${where}: ${each.strays} answers nobody waited for`)
    if (each.approved < each.answered) {
      found.push(`${where}: ${each.answered - each.approved} answers were no approvals`)
    }
  }
  for (
    const { arm, planned, ratePerSecond, sent } of pairs.flatMap((each) => [
      ...each.quarter,
      ...each.half
    ])
  ) {
    const missing = planned - sent
    if (missing > 0) found.push(`${arm} at ${ratePerSecond.toFixed(0)}/s: ${missing} missed sends`)
  }
  return [...found, ...await house.books(say)]
}

function marks({ pairs }: RoadResult): void {
  const over = (of: (result: PairResult) => number) => median(pairs.map(of))
  const named = (runs: ReadonlyArray<Measured>, name: string) =>
    runs.find((each) => each.arm === name)!
  const knee = (result: PairResult, name: string) =>
    result.knees.find(({ held }) => held.arm === name)!.held
  const ratio = over((each) => knee(each, "switch").perSecond / knee(each, "relay").perSecond)
  mark("knee-ratio", ratio, 0.25, ratio >= 0.25)
  const cpu = over((each) => knee(each, "switch").cpu.all)
  mark("cpu-us", cpu, 110, cpu <= 110)
  const p99 = over(({ half }) => percentile(named(half, "switch"), 99))
  const allowed = over(({ half }) =>
    percentile(named(half, "relay"), 99) + 2 * commitP99Ms(named(half, "switch")) + 5
  )
  mark("p99-over-relay", p99, allowed, p99 <= allowed)
  const share = over(({ full }) => poolShare(named(full, "switch")))
  mark("pool-share", share, 0.8, share >= 0.8)
  const total = over(({ full }) =>
    named(full, "switch").cpu.all / named(full, "switch in place").cpu.all
  )
  mark("pool-total-cpu", total, 1.2, total <= 1.2)
  const main = over(({ full }) =>
    named(full, "switch").cpu.main / named(full, "switch in place").cpu.main
  )
  mark("pool-main-cpu", main, 0.9, main <= 0.9)
  const added = over(({ half }) =>
    percentile(named(half, "switch"), 50) - percentile(named(half, "switch in place"), 50)
  )
  mark("pool-added-p50-ms", added, 0.5, added <= 0.5)
}

const house = await openHouse({
  terminals: terminalKeys(Number(options.terminals)),
  generators: 2
})
try {
  for (const arm of [house.switch, house.inPlace, house.relay]) {
    await arm.run(warming.ratePerSecond, warming.seconds, 0)
  }
  const pairs: Array<PairResult> = []
  for (let index = 0; index < pairCount; index++) pairs.push(await pair(house, index))
  const result: RoadResult = {
    pairs,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? "processor"}, Node ${process.version}`,
    terminals: Number(options.terminals),
    objections: await objections(house, pairs)
  }
  for (const objection of result.objections) process.stdout.write(`does not count: ${objection}\n`)
  marks(result)
  mkdirSync(dirname(options.report), { recursive: true })
  writeFileSync(options.report, report(result))
  say(`report: ${options.report}`)
  process.exitCode = missed > 0 || result.objections.length > 0 ? 1 : 0
} finally {
  await house.close()
}
process.exit()
