/**
 * The generator processes as one: opens their sessions, runs a plan on all of them at once, adds
 * their reports up. Must hold: a report is whole or there is none; a process that fails fails the
 * run.
 */

import { build, decodeFromCompressedBase64 } from "hdr-histogram-js"
import type { Histogram } from "hdr-histogram-js"
import type { OpenOrder, Order, RunReport, StepReport, Tell, TerminalKey } from "./orders.ts"
import type { Step } from "./plan.ts"
import { forkNode } from "./processes.ts"
import type { Running } from "./processes.ts"

const patienceMs = 120_000

interface StepResult extends Omit<StepReport, "histogram"> {
  readonly latencyUs: Histogram
}

interface FleetReport extends Omit<RunReport, "tell" | "steps"> {
  readonly steps: ReadonlyArray<StepResult>
}

interface FleetRun {
  readonly steps: ReadonlyArray<Step>
  readonly seed: number
  readonly batch: string
  readonly verifyMacs: boolean
  readonly book?: string
  /** Called when the first measured send is due, and when the last answer is in. */
  readonly onMeasured: () => void
  readonly onDriven: () => void
}

function tell(running: Running, order: Order): void {
  running.child.send(order)
}

function hear<Name extends Tell["tell"]>(
  running: Running,
  name: Name,
  withinMs: number
): Promise<Extract<Tell, { tell: Name }>> {
  return new Promise((resolve, reject) => {
    const finish = (act: () => void) => {
      clearTimeout(timer)
      running.child.off("message", take)
      running.child.off("close", gone)
      act()
    }
    const take = (message: unknown) => {
      const told = message as Tell // The channel carries what `orders.ts` declares.
      if (told.tell === name) {
        finish(() => resolve(told as Extract<Tell, { tell: Name }>)) // Just compared.
      }
      if (told.tell === "failed") finish(() => reject(new Error(told.why)))
    }
    const gone = () => finish(() => reject(new Error(`a generator ended: ${running.said()}`)))
    const timer = setTimeout(
      () => finish(() => reject(new Error(`a generator did not say "${name}" in time`))),
      withinMs
    )
    running.child.on("message", take)
    running.child.once("close", gone)
  })
}

export class Fleet {
  readonly #processes: ReadonlyArray<Running>

  constructor(processes: number) {
    this.#processes = Array.from({ length: processes }, () => forkNode("bench/load/generator.ts"))
  }

  get pids(): ReadonlyArray<number> {
    return this.#processes.map((running) => running.pid)
  }

  /** Connects one session per key, spread over the processes. */
  async open(order: Omit<OpenOrder, "ask">): Promise<number> {
    const counts = await Promise.all(this.#processes.map(async (running, part) => {
      const opened = hear(running, "opened", patienceMs)
      tell(running, {
        ...order,
        ask: "open",
        perSecond: order.perSecond / this.#processes.length,
        keys: order.keys.filter((_: TerminalKey, index) => index % this.#processes.length === part)
      })
      return (await opened).sessions
    }))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  async run(run: FleetRun): Promise<FleetReport> {
    const { onDriven, onMeasured, ...order } = run
    const parts = this.#processes.length
    await Promise.all(this.#processes.map((running, part) => {
      const signed = hear(running, "signed", patienceMs)
      tell(running, { ...order, ask: "run", part, parts })
      return signed
    }))
    const lengthMs = run.steps.reduce((sum, step) => sum + step.seconds * 1000, 0) + patienceMs
    const measured = this.#processes.map((running) => hear(running, "measured", lengthMs))
    const driven = this.#processes.map((running) => hear(running, "driven", lengthMs))
    const reports = this.#processes.map((running) => hear(running, "report", lengthMs))
    for (const running of this.#processes) tell(running, { ask: "go" })
    void Promise.race(measured).then(onMeasured, () => {})
    void Promise.all(driven).then(onDriven, () => {})
    return addUp(await Promise.all(reports))
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((running) => {
      tell(running, { ask: "quit" })
      return running.stop()
    }))
  }
}

function addUp(reports: ReadonlyArray<RunReport>): FleetReport {
  const sum = <Item>(items: ReadonlyArray<Item>, of: (item: Item) => number) =>
    items.reduce((total, item) => total + of(item), 0)
  const [first] = reports
  return {
    sent: sum(reports, (report) => report.sent),
    answered: sum(reports, (report) => report.answered),
    strays: sum(reports, (report) => report.strays),
    macsSampled: sum(reports, (report) => report.macsSampled),
    wrongMacs: sum(reports, (report) => report.wrongMacs),
    frameBytes: first?.frameBytes ?? 0,
    steps: (first?.steps ?? []).map(({ ratePerSecond }, index) => {
      const parts = reports.map((report) => report.steps[index]!)
      const latencyUs = build({ numberOfSignificantValueDigits: 3 })
      for (const part of parts) latencyUs.add(decodeFromCompressedBase64(part.histogram))
      return {
        ratePerSecond,
        planned: sum(parts, (part) => part.planned),
        sent: sum(parts, (part) => part.sent),
        late: sum(parts, (part) => part.late),
        busy: sum(parts, (part) => part.busy),
        answered: sum(parts, (part) => part.answered),
        approved: sum(parts, (part) => part.approved),
        latencyUs
      }
    })
  }
}
