/**
 * Live traffic beside idle terminals, on the whole switch: the same 500 sales a second with few
 * idle sessions, with many, and with few again. Must hold: the live terminals are the same ones,
 * and the switch was warm before anything counted.
 */

import { Fleet } from "../load/fleet.ts"
import type { TerminalKey } from "../load/orders.ts"
import { heard, startNode } from "../load/processes.ts"
import { makeSite, terminalKeys } from "../load/site.ts"
import { Arm, type Measured, percentile } from "../road/arm.ts"

export interface LiveOptions {
  readonly few: number
  readonly many: number
  readonly seconds: number
}

export interface LiveResult {
  readonly before: Measured
  readonly many: Measured
  readonly after: Measured
}

const liveTerminals = 500
const ratePerSecond = 500
const sources = 8
const connectsPerSecond = 800

export async function liveTraffic({ few, many, seconds }: LiveOptions): Promise<LiveResult> {
  const responder = startNode("bench/load/responder.ts", ["0"])
  const upstreamPort = Number((await heard(responder, /^ready (\d+)/m, 20_000))[1])
  const keys = terminalKeys(liveTerminals + many)
  const site = await makeSite({ terminals: keys, upstreamPort, workers: 1 })
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
    const measure = () => arm.run(ratePerSecond, seconds + 2, 2)
    await idle(keys.slice(liveTerminals, liveTerminals + few))
    await arm.run(ratePerSecond, 10, 0)
    const before = await measure()
    const others = await idle(keys.slice(liveTerminals + few))
    const crowded = await measure()
    await others.close()
    fleets.pop()
    const after = await measure()
    await arm.close()
    return { before, many: crowded, after }
  } finally {
    for (const fleet of fleets) await fleet.close()
    await responder.stop()
    site.remove()
  }
}

/** How much slower the slowest hundredth is with many idle sessions than with few. */
export function slowdown({ after, before, many }: LiveResult): number {
  return percentile(many, 99) / ((percentile(before, 99) + percentile(after, 99)) / 2)
}
