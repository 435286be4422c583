/** A real switch of a site: started and waited for, and what its metrics and its log say. */

import type { Site } from "./site.ts"
import { until } from "./site.ts"
import type { Started } from "./started.ts"

interface Health {
  readonly inFlight: number
  readonly advices: Readonly<Record<string, number>>
  readonly journal: { readonly feedPending: number }
  readonly ledger: { readonly connected: boolean; readonly pendingRows: number }
  readonly sessions: Readonly<Record<string, number>>
}

interface LogLine {
  readonly event: string
  readonly [key: string]: unknown
}

export class Switch {
  readonly process: Started
  readonly #admin: string

  constructor(process: Started, site: Site) {
    this.process = process
    this.#admin = `http://127.0.0.1:${site.ports.admin}`
  }

  async ask(path: string, init?: RequestInit): Promise<{ status: number; text: string }> {
    const signal = AbortSignal.timeout(10_000)
    const response = await fetch(`${this.#admin}${path}`, { signal, ...init })
    return { status: response.status, text: await response.text() }
  }

  /** Undefined while it does not answer. */
  async health(): Promise<Health | undefined> {
    try {
      return JSON.parse((await this.ask("/healthz")).text) as Health
    } catch {
      return undefined
    }
  }

  /** The value of one sample, labels as Prometheus writes them; 0 while it was never counted. */
  async metric(sample: string): Promise<number> {
    const { text } = await this.ask("/metrics")
    const line = text.split("\n").find((each) => each.startsWith(`pointsman_${sample} `))
    return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(" ")))
  }

  /** Lines of the log so far, those of one event. */
  log(event: string): ReadonlyArray<LogLine> {
    return this.process.talk.split("\n").flatMap((line) => {
      if (!line.includes(`"event":"${event}"`)) return []
      try {
        // Written by the switch's own logger, one object a line.
        return [JSON.parse(line) as LogLine]
      } catch {
        return []
      }
    })
  }

  /**
   * Waits for a line of one event that has these values. The log comes down a pipe: what the switch
   * answered may be here before what it wrote about it.
   */
  logs(event: string, values: Readonly<Record<string, unknown>>): Promise<LogLine> {
    const holds = (line: LogLine): boolean =>
      Object.entries(values).every(([key, value]) => line[key] === value)
    const what = `a line ${event} with ${JSON.stringify(values)}`
    return until(what, 10_000, () => this.log(event).find(holds))
  }

  /** Nothing in flight, no reversal owed, everything in PostgreSQL. */
  async comesToRest(withinMs = 60_000): Promise<Health> {
    let last: Health | undefined
    const story = () => `rest; ${JSON.stringify(last)}`
    return until(story, withinMs, async () => {
      const health = await this.health()
      if (health === undefined) return undefined
      last = health
      const owed = Object.values(health.advices).reduce((sum, each) => sum + each, 0)
      const { feedPending } = health.journal
      return health.inFlight + owed + feedPending === 0 ? health : undefined
    })
  }
}

/** Starts a switch and waits until it answers its admin port and has opened its listeners. */
export async function startSwitch(
  site: Site,
  words: ReadonlyArray<string> = [],
  before: ReadonlyArray<string> = []
): Promise<Switch> {
  const running = new Switch(site.run(["start", ...words], before), site)
  await until("a switch that answers", 90_000, async () => {
    const { end } = running.process
    if (end !== undefined) throw new Error(`the switch ended: ${running.process.last()}`)
    return await running.health()
  })
  return running
}

/** Waits until every link that is asked for stands. */
export function linked(running: Switch, ...upstreams: ReadonlyArray<string>): Promise<true> {
  return until(`links to ${upstreams.join(", ")}`, 30_000, async () => {
    for (const name of upstreams) {
      if (await running.metric(`upstream_up{upstream="${name}",link="0"}`) !== 1) return undefined
    }
    return true as const
  })
}
