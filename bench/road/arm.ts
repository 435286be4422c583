/**
 * An arm of the road bench: a program under load (switch, bare relay, HAProxy), the terminals
 * connected to it, and one run of traffic through it with everything that is read beside it. Must
 * hold: every arm is measured by the same reading of the same things.
 */

import type { Histogram } from "hdr-histogram-js"
import { Fleet } from "../load/fleet.ts"
import type { TerminalKey } from "../load/orders.ts"
import type { Running } from "../load/processes.ts"
import { type Scrape, scrape, sumOf } from "../load/scrape.ts"
import {
  descendants,
  groupTimes,
  type ThreadTimes,
  threadTimes,
  usedMicroseconds
} from "../load/usage.ts"

export type ArmName = "switch" | "switch in place" | "relay" | "haproxy"

interface ArmOptions {
  readonly name: ArmName
  readonly running: Running
  readonly port: number
  /** The switch's, for its metrics. */
  readonly adminPort?: number
  readonly terminals: ReadonlyArray<TerminalKey>
  readonly generators: number
}

/** Microseconds of CPU a transaction. */
interface Cpu {
  readonly all: number
  readonly main: number
  /** Children of the program: the switch's PostgreSQL. */
  readonly children: number
  /** By thread, those above a hundredth of a microsecond. */
  readonly threads: ReadonlyArray<readonly [name: string, microseconds: number]>
}

export interface Measured {
  readonly arm: ArmName
  readonly ratePerSecond: number
  readonly seconds: number
  readonly planned: number
  readonly sent: number
  readonly late: number
  readonly busy: number
  readonly answered: number
  readonly approved: number
  readonly perSecond: number
  readonly strays: number
  readonly wrongMacs: number
  readonly frameBytes: number
  readonly latencyUs: Histogram
  readonly cpu: Cpu
  readonly generatorCpu: number
  /** Of the switch's main thread and wall time: 1 = always busy. */
  readonly mainBusy: number
  readonly before: Scrape
  readonly after: Scrape
}

/** Loopback addresses the terminals come from. */
const sources = 8
const connectsPerSecond = 2000

const nothing: Scrape = new Map()

export class Arm {
  readonly name: ArmName
  readonly running: Running
  readonly adminPort: number | undefined
  readonly #fleet: Fleet
  readonly #options: ArmOptions
  /** Of all runs. */
  answered = 0
  sent = 0
  #runs = 0

  constructor(options: ArmOptions) {
    this.name = options.name
    this.running = options.running
    this.adminPort = options.adminPort
    this.#options = options
    this.#fleet = new Fleet(options.generators)
  }

  get isSwitch(): boolean {
    return this.adminPort !== undefined
  }

  async open(): Promise<void> {
    const { port, terminals } = this.#options
    await this.#fleet.open({
      port,
      sources,
      perSecond: connectsPerSecond,
      keys: terminals,
      signOn: this.isSwitch
    })
  }

  scrape(): Promise<Scrape> {
    return this.adminPort === undefined ? Promise.resolve(nothing) : scrape(this.adminPort)
  }

  /** One stretch of constant rate; what is measured begins after the warm-up. */
  async run(ratePerSecond: number, seconds: number, warmupSeconds: number): Promise<Measured> {
    const { pid } = this.running
    const children = descendants(pid)
    const reading = () => ({
      own: threadTimes(pid),
      children: groupTimes(children),
      generators: groupTimes(this.#fleet.pids),
      atMs: performance.now()
    })
    let from = reading()
    let to = from
    const before = await this.scrape()
    const report = await this.#fleet.run({
      steps: [{ ratePerSecond, seconds, warmupSeconds }],
      seed: ++this.#runs,
      batch: String(this.#runs).padStart(6, "0"),
      verifyMacs: this.isSwitch,
      onMeasured: () => {
        from = reading()
      },
      onDriven: () => {
        to = reading()
      }
    })
    const after = await this.scrape()
    const step = report.steps[0]!
    this.sent += report.sent
    this.answered += report.answered
    const measuredSeconds = seconds - warmupSeconds
    const wallUs = (to.atMs - from.atMs) * 1000
    return {
      ...step,
      arm: this.name,
      seconds: measuredSeconds,
      perSecond: step.answered / measuredSeconds,
      strays: report.strays,
      wrongMacs: report.wrongMacs,
      frameBytes: report.frameBytes,
      cpu: cpuOf(from, to, step.answered),
      generatorCpu: usedMicroseconds(from.generators, to.generators).all / step.answered,
      mainBusy: usedMicroseconds(from.own, to.own).main / wallUs,
      before,
      after
    }
  }

  async close(): Promise<void> {
    await this.#fleet.close()
    await this.running.stop()
  }
}

interface Reading {
  readonly own: ThreadTimes
  readonly children: ThreadTimes
}

function cpuOf(from: Reading, to: Reading, answers: number): Cpu {
  const own = usedMicroseconds(from.own, to.own)
  const threads = [...own.byThread]
    .map(([name, used]) => [name, used / answers] as const)
    .filter(([, used]) => used >= 0.01)
    .toSorted((a, b) => b[1] - a[1])
  return {
    all: own.all / answers,
    main: own.main / answers,
    children: usedMicroseconds(from.children, to.children).all / answers,
    threads
  }
}

/** Milliseconds. */
export function percentile(measured: Measured, percent: number): number {
  return measured.latencyUs.getValueAtPercentile(percent) / 1000
}

/** Age of the oldest record that PostgreSQL lacked when the run ended. */
export function lagSeconds(measured: Measured): number {
  return sumOf(measured.after, "store_watermark_lag_seconds")
}

export function commitP99Ms(measured: Measured): number {
  return sumOf(measured.after, "journal_sync_seconds", "quantile=\"0.99\"") * 1000
}
