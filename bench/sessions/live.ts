/**
 * Live traffic on the whole switch: the same 500 sales a second beside few idle sessions, many, and
 * few again; or without and beside those who only hold places, in turns. Must hold: the live
 * terminals are the same ones, the switch was warm before anything counted, and what a stretch
 * leaves behind is gone before the next one counts.
 */

import { Fleet } from "../load/fleet.ts"
import { forkNode, heard, startNode } from "../load/processes.ts"
import { sumOf } from "../load/scrape.ts"
import { makeSite, type Site, terminalKeys } from "../load/site.ts"
import { Arm, commitP99Ms, type Measured, percentile } from "../road/arm.ts"
import type { PestOrder, PestReport } from "./pests.ts"

type Say = (text: string) => void

interface LiveOptions {
  readonly few: number
  readonly many: number
  readonly seconds: number
  readonly say: Say
}

interface PesteredOptions {
  readonly rounds: number
  readonly calmSeconds: number
  /** Long enough for every deadline that pests are cut by, at the switch's own defaults. */
  readonly pesteredSeconds: number
  readonly pests: Pick<PestOrder, "trickling" | "silent" | "garbagePerSecond">
  readonly say: Say
}

/** A stretch between two of the same kind, which it is compared with. */
export interface Between {
  readonly before: Measured
  readonly during: Measured
  readonly after: Measured
}

const liveTerminals = 500
const ratePerSecond = 500
/** Code is warm sooner at a higher rate. */
const warmRatePerSecond = 1500
const warmSeconds = 10
const sources = 8
const connectsPerSecond = 800
const pestConnectsPerSecond = 1500
const catchUpMs = 8000
/** Until all pests are there and the first have been cut. */
const settleMs = 12_000
/** Until the switch has closed what thousands held. */
const leaveMs = 3000

interface Live {
  readonly site: Site
  readonly measure: (what: string, seconds: number) => Promise<Measured>
  /** Signed on from here to there; the end of them. */
  readonly idle: (from: number, to: number) => Promise<() => Promise<void>>
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** A warm switch with live terminals and up to `idle` others. */
async function withSwitch<A>(idle: number, say: Say, body: (live: Live) => Promise<A>): Promise<A> {
  const responder = startNode("bench/load/responder.ts", ["0"])
  const upstreamPort = Number((await heard(responder, /^ready (\d+)/m, 20_000))[1])
  const keys = terminalKeys(liveTerminals + idle)
  const site = await makeSite({ terminals: keys, upstreamPort, workers: 1, tls: true })
  const fleets = new Set<Fleet>()
  try {
    const running = await site.start()
    const { adminPort, port } = site
    const terminals = keys.slice(0, liveTerminals)
    const arm = new Arm({ name: "switch", running, port, adminPort, terminals, generators: 2 })
    await arm.open()
    await arm.run(warmRatePerSecond, warmSeconds, 0)
    // Until PostgreSQL has what came meanwhile.
    await pause(catchUpMs)
    const result = await body({
      site,
      measure: async (what, seconds) => {
        const measured = await arm.run(ratePerSecond, seconds + 2, 2)
        say(`500 sales a second ${what}: ${told(measured)}`)
        return measured
      },
      idle: async (from, to) => {
        const fleet = new Fleet(2)
        fleets.add(fleet)
        const chosen = keys.slice(liveTerminals + from, liveTerminals + to)
        const perSecond = connectsPerSecond
        await fleet.open({ port, sources, perSecond, keys: chosen, signOn: true })
        return async () => {
          fleets.delete(fleet)
          await fleet.close()
        }
      }
    })
    await arm.close()
    return result
  } finally {
    for (const fleet of fleets) await fleet.close()
    await responder.stop()
    site.remove()
  }
}

function told(measured: Measured): string {
  const times = [50, 99, 99.9].map((each) => percentile(measured, each).toFixed(2)).join(" / ")
  const { after, answered, late, mainBusy, planned } = measured
  const loopMs = sumOf(after, "event_loop_delay_seconds", "quantile=\"0.999\"") * 1000
  return `p50 / p99 / p99.9 ${times} ms, ${answered} of ${planned}, ${late} sent late, ` +
    `main thread ${(mainBusy * 100).toFixed(0)} % busy, loop delay p99.9 ${
      loopMs.toFixed(1)
    } ms, ` +
    `commit p99 ${commitP99Ms(measured).toFixed(1)} ms`
}

export function liveTraffic({ few, many, say, seconds }: LiveOptions): Promise<Between> {
  return withSwitch(many, say, async ({ idle, measure }) => {
    await idle(0, few)
    const before = await measure(`beside ${few} idle`, seconds)
    const dismiss = await idle(few, many)
    const during = await measure(`beside ${many} idle`, seconds)
    await dismiss()
    await pause(leaveMs)
    return { before, during, after: await measure(`beside ${few} idle`, seconds) }
  })
}

/** A comparison for each round. */
export function pesteredTraffic(options: PesteredOptions): Promise<ReadonlyArray<Between>> {
  const { calmSeconds, pesteredSeconds, pests: wanted, rounds, say } = options
  return withSwitch(100, say, async ({ idle, measure, site }) => {
    await idle(0, 100)
    const compared: Array<Between> = []
    let before = await measure("in the calm", calmSeconds)
    for (let round = 0; round < rounds; round++) {
      const pests = await pester(site, wanted)
      say(`pests: ${JSON.stringify(await pests.report())}`)
      const during = await measure("beside the pests", pesteredSeconds)
      say(`pests at the end: ${JSON.stringify(await pests.report())}`)
      await pests.stop()
      await pause(leaveMs)
      const after = await measure("in the calm", calmSeconds)
      compared.push({ before, during, after })
      before = after
    }
    return compared
  })
}

/** One process of them, settled in. */
async function pester({ port, tlsPort }: Site, wanted: PesteredOptions["pests"]) {
  const running = forkNode("bench/sessions/pests.ts")
  const ask = (wish: PestOrder | { readonly report: true }) =>
    new Promise<PestReport>((resolve) => {
      running.child.once("message", (report) => resolve(report as PestReport))
      running.child.send(wish)
    })
  await ask({ ...wanted, port, tlsPort, connectsPerSecond: pestConnectsPerSecond })
  await pause(settleMs)
  return { report: () => ask({ report: true }), stop: () => running.stop() }
}

/** How much slower the slowest hundredth was than in the stretches on both sides of it. */
export function slowdown({ after, before, during }: Between): number {
  return percentile(during, 99) / ((percentile(before, 99) + percentile(after, 99)) / 2)
}

/** Whoever got no answer says nothing about how long answers take. */
export function unanswered({ after, before, during }: Between): number {
  const missing = [before, during, after].map(({ answered, planned }) =>
    answered >= 0.99 * planned ? 0 : planned - answered
  )
  return missing.reduce((sum, each) => sum + each, 0)
}
