/** What the demo shows of a running switch: one line, from its admin listener and its terminals. */

import { pause } from "./stopwatch.ts"

const patienceMs = 2_000

interface Health {
  readonly ready?: boolean
  readonly inFlight?: number
  readonly sessions?: Readonly<Record<string, number>>
  readonly journal?: { readonly feedPending?: number }
  readonly ledger?: { readonly writtenRows?: number; readonly oldestMs?: number }
  readonly advices?: Readonly<Record<string, number>>
}

interface Report {
  readonly asked?: number
  readonly approved?: number
  readonly pushes?: number
  readonly p50Ms?: number
  readonly p99Ms?: number
  readonly p999Ms?: number
}

export class DemoBoard {
  readonly #base: string
  #asked = 0

  constructor(port: number) {
    this.#base = `http://127.0.0.1:${port}`
  }

  async answers(seconds: number, goesOn: () => boolean): Promise<boolean> {
    return this.#until(seconds, async () => await this.#get("/livez") !== undefined, goesOn)
  }

  async isReady(seconds: number): Promise<boolean> {
    return this.#until(seconds, async () => {
      const upstreams = await this.#upstreams()
      return upstreams.length > 0 &&
        upstreams.every(({ kind, links }) =>
          kind === "wallet" || links.some(({ state }) => state === "up")
        )
    })
  }

  /** Nothing in flight, no reversal pending, nothing that PostgreSQL does not have. */
  async comesToRest(seconds: number): Promise<boolean> {
    return this.#until(seconds, async () => {
      const health = await this.#health()
      const pending = Object.values(health.advices ?? {}).reduce((sum, each) => sum + each, 0)
      return health.inFlight === 0 && pending === 0 && health.journal?.feedPending === 0
    })
  }

  /** Sessions, throughput, latency as terminals saw it, breakers, and how far the books are. */
  async line(reports: ReadonlyArray<string>): Promise<string> {
    const health = await this.#health()
    const fleets = reports.map(reportOf)
    const sum = (of: (report: Report) => number | undefined) =>
      fleets.reduce((total, report) => total + (of(report) ?? 0), 0)
    const worst = (of: (report: Report) => number | undefined) =>
      Math.max(0, ...fleets.map((report) => of(report) ?? 0)).toFixed(1)
    const asked = sum((report) => report.asked)
    const tps = asked - this.#asked
    this.#asked = asked
    const share = asked === 0 ? 0 : 100 * sum((report) => report.approved) / asked
    const breakers = (await this.#upstreams()).map(({ breaker, name }) => `${name} ${breaker}`)
    const advices = Object.values(health.advices ?? {}).reduce((total, each) => total + each, 0)
    return [
      `${health.sessions?.["proven"] ?? 0} sessions`,
      `${tps} tps`,
      `p50/p99/p99.9 ${worst((each) => each.p50Ms)}/${worst((each) => each.p99Ms)}/` +
      `${worst((each) => each.p999Ms)} ms`,
      `${share.toFixed(0)} % approved`,
      `${sum((report) => report.pushes)} payments announced`,
      breakers.join(", "),
      `${advices} reversals pending`,
      `journal lag ${health.journal?.feedPending ?? "?"}`,
      `${health.ledger?.writtenRows ?? "?"} rows`
    ].join("  ")
  }

  async #until(
    seconds: number,
    done: () => Promise<boolean>,
    goesOn: () => boolean = () => true
  ): Promise<boolean> {
    for (let tries = 0; tries < seconds * 4 && goesOn(); tries++) {
      if (await done()) return true
      await pause(0.25)
    }
    return false
  }

  async #health(): Promise<Health> {
    // The switch's own page; what is missing is shown as unknown.
    return JSON.parse(await this.#get("/healthz") ?? "{}") as Health
  }

  async #upstreams() {
    const text = await this.#get("/api/upstreams") ?? "[]"
    return JSON.parse(text) as ReadonlyArray<{
      readonly name: string
      readonly kind: string
      readonly breaker: string
      readonly links: ReadonlyArray<{ readonly state: string }>
    }>
  }

  async #get(path: string): Promise<string | undefined> {
    try {
      const response = await fetch(`${this.#base}${path}`, {
        signal: AbortSignal.timeout(patienceMs)
      })
      return await response.text()
    } catch {
      return undefined
    }
  }
}

function reportOf(line: string): Report {
  try {
    return JSON.parse(line) as Report // Written by `pointsman terminals --report`.
  } catch {
    return {}
  }
}
