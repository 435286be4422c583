/**
 * Live traffic beside idle terminals, on the whole switch: the same 500 sales a second with few
 * idle sessions, with many, and with few again; then beside those who only hold places. Must hold:
 * the live terminals are the same ones, and the switch was warm before anything counted.
 */

import { Fleet } from "../load/fleet.ts"
import type { TerminalKey } from "../load/orders.ts"
import { forkNode, heard, startNode } from "../load/processes.ts"
import { makeSite, type Site, terminalKeys } from "../load/site.ts"
import { Arm, commitP99Ms, type Measured, percentile } from "../road/arm.ts"
import type { PestOrder, PestReport } from "./pests.ts"

export interface LiveOptions {
  readonly few: number
  readonly many: number
  readonly seconds: number
  readonly pests: Pick<PestOrder, "trickling" | "silent" | "garbagePerSecond">
  readonly say: (text: string) => void
}

/** A stretch between two of the same kind, which it is compared with. */
export interface Between {
  readonly before: Measured
  readonly during: Measured
  readonly after: Measured
}

export interface LiveResult {
  readonly many: Between
  readonly pestered: Between
}

const liveTerminals = 500
const ratePerSecond = 500
const sources = 8
const connectsPerSecond = 800

const pestConnectsPerSecond = 1500
/** Until all of them are there and the first have been cut. */
const settleMs = 12_000

export async function liveTraffic(options: LiveOptions): Promise<LiveResult> {
  const { few, many, say, seconds } = options
  const responder = startNode("bench/load/responder.ts", ["0"])
  const upstreamPort = Number((await heard(responder, /^ready (\d+)/m, 20_000))[1])
  const keys = terminalKeys(liveTerminals + many)
  const site = await makeSite({ terminals: keys, upstreamPort, workers: 1, tls: true })
  const fleets: Array<Fleet> = []
  try {
    const running = await site.start()
    const arm = new Arm({
      name: "switch",
      running,
      port: site.port,
      adminPort: site.adminPort,
      terminals: keys.slice(0, liveTerminals),
      generators: 2
    })
    await arm.open()
    const idle = async (terminals: ReadonlyArray<TerminalKey>) => {
      const fleet = new Fleet(2)
      fleets.push(fleet)
      const perSecond = connectsPerSecond
      await fleet.open({ port: site.port, sources, perSecond, keys: terminals, signOn: true })
      return fleet
    }
    const measure = async (what: string) => {
      const measured = await arm.run(ratePerSecond, seconds + 2, 2)
      const times = [50, 99, 99.9].map((each) => percentile(measured, each).toFixed(2)).join(" / ")
      const { answered, planned } = measured
      say(
        `500 sales a second ${what}: p50 / p99 / p99.9 ${times} ms, ${answered} of ${planned}, ` +
          `commit p99 ${commitP99Ms(measured).toFixed(1)} ms`
      )
      return measured
    }
    await idle(keys.slice(liveTerminals, liveTerminals + few))
    await arm.run(ratePerSecond, 10, 0)
    const first = await measure(`beside ${few} idle`)
    const others = await idle(keys.slice(liveTerminals + few))
    const crowded = await measure(`beside ${many} idle`)
    await others.close()
    fleets.pop()
    const second = await measure(`beside ${few} idle`)
    const pests = await pester(site, options)
    const pestered = await measure("beside the pests")
    say(`pests at the end: ${JSON.stringify(await pests.end())}`)
    const third = await measure(`beside ${few} idle`)
    await arm.close()
    return {
      many: { before: first, during: crowded, after: second },
      pestered: { before: second, during: pestered, after: third }
    }
  } finally {
    for (const fleet of fleets) await fleet.close()
    await responder.stop()
    site.remove()
  }
}

/** One process of them, settled in; `end` says how many there still were. */
async function pester(site: Site, { pests, say }: LiveOptions) {
  const running = forkNode("bench/sessions/pests.ts")
  const report = (wish: PestOrder | { readonly report: true }) =>
    new Promise<PestReport>((resolve) => {
      running.child.once("message", (told) => resolve(told as PestReport))
      running.child.send(wish)
    })
  const { port, tlsPort } = site
  await report({ ...pests, port, tlsPort, connectsPerSecond: pestConnectsPerSecond })
  await new Promise((resolve) => setTimeout(resolve, settleMs))
  say(`pests: ${JSON.stringify(await report({ report: true }))}`)
  return {
    end: async () => {
      const last = await report({ report: true })
      await running.stop()
      return last
    }
  }
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
