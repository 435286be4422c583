/**
 * One load generator process: terminals as sockets, each with at most one question outstanding, a
 * plan made and signed before the first byte leaves, latency from the planned moment.
 *
 * Spoken to over the IPC channel of `fork` with the messages of `orders.ts`. Must hold: a send is
 * never moved because an answer is late. A terminal that still waits when its next send is due
 * misses that send, and the run says so; a late generator counts its own lateness.
 */

import { build, encodeIntoCompressedBase64 } from "hdr-histogram-js"
import { createWriteStream } from "node:fs"
import { performance } from "node:perf_hooks"
import { MacKey, sign, signedRight } from "./mac.ts"
import type { Order, RunOrder, RunReport, StepReport, TerminalKey } from "./orders.ts"
import { makePlan, shareOf } from "./plan.ts"
import type { Plan } from "./plan.ts"
import { saleTemplate } from "./sale.ts"
import { Terminal } from "./terminal.ts"
import { codeText, putDigits } from "./wire.ts"

/** A send that leaves this long after its planned moment counts as late. */
const lateMs = 10
/** How long after the last send answers are waited for. */
const graceMs = 5_000
/** One answer in so many is kept, and its MAC verified after the run. */
const sampleEvery = 64
const bucketLimitUs = 60_000_000

/** Terminals that are connecting or signing on at once. */
const opening = 500

let terminals: Array<Terminal> = []
let stanByTerminal = new Uint32Array(0)
let batch = "000001"

interface Tally {
  readonly plan: Plan
  readonly frames: ReadonlyArray<Buffer>
  /** Milliseconds after the start; NaN = never. */
  readonly sentMs: Float64Array
  readonly answeredMs: Float64Array
  /** Response code as two characters in one number; 0 = none. */
  readonly codes: Uint16Array
  readonly samples: Array<{ readonly terminal: number; readonly frame: Buffer }>
  answers: number
  strays: number
}

/** Makes and signs every frame of the plan: one buffer, so that the run allocates nothing. */
function signPlan(plan: Plan): Array<Buffer> {
  const count = plan.dueMs.length
  const templates = terminals.map((terminal) =>
    saleTemplate(terminal.key.terminal, terminal.key.merchant, batch)
  )
  const keys = terminals.map((terminal) => new MacKey(Buffer.from(terminal.key.macKey, "hex")))
  const size = templates[0]!.frame.length
  const block = Buffer.alloc(count * size)
  const frames: Array<Buffer> = []
  for (let index = 0; index < count; index++) {
    const which = index % terminals.length
    const { frame, stan, amount } = templates[which]!
    const made = block.subarray(index * size, (index + 1) * size)
    frame.copy(made)
    stanByTerminal[which] = stanByTerminal[which]! % 999_999 + 1
    putDigits(made, stan, 3, stanByTerminal[which]!)
    putDigits(made, amount, 6, 100 + index % 90_000)
    sign(made, keys[which]!)
    frames.push(made)
  }
  return frames
}

function nothing(length: number): Float64Array {
  return new Float64Array(length).fill(Number.NaN)
}

/** Sends what is due; resolves when every answer is in or the grace is over. */
function drive(tally: Tally, onMeasured: () => void): Promise<void> {
  const { plan, frames, sentMs } = tally
  const count = plan.dueMs.length
  const startMs = performance.now()
  let next = 0
  let sent = 0
  let told = false
  for (const terminal of terminals) {
    terminal.onAnswer = (index, code, frame) => {
      if (index < 0) {
        tally.strays++
        return
      }
      tally.answeredMs[index] = performance.now() - startMs
      tally.codes[index] = code
      tally.answers++
      if (tally.answers % sampleEvery === 0) {
        tally.samples.push({ terminal: index % terminals.length, frame: Buffer.from(frame) })
      }
    }
  }
  return new Promise((resolve) => {
    const turn = () => {
      const nowMs = performance.now() - startMs
      while (next < count && plan.dueMs[next]! <= nowMs) {
        if (!told && plan.measured[next] === 1) {
          told = true
          onMeasured()
        }
        if (terminals[next % terminals.length]!.ask(next, frames[next]!)) {
          sentMs[next] = nowMs
          sent++
        }
        next++
      }
      const over = next === count && nowMs >= plan.endMs
      if (over && (tally.answers >= sent || nowMs > plan.endMs + graceMs)) resolve()
      else setTimeout(turn, 1)
    }
    turn()
  })
}

function reportStep(tally: Tally, step: number, ratePerSecond: number): StepReport {
  const { plan, sentMs, answeredMs, codes } = tally
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: bucketLimitUs,
    numberOfSignificantValueDigits: 3
  })
  const report = { planned: 0, sent: 0, late: 0, busy: 0, answered: 0, approved: 0 }
  const approvedCode = (48 << 8) | 48
  for (let index = 0; index < plan.dueMs.length; index++) {
    if (plan.step[index] !== step || plan.measured[index] === 0) continue
    report.planned++
    if (Number.isNaN(sentMs[index]!)) {
      report.busy++
      continue
    }
    report.sent++
    if (sentMs[index]! - plan.dueMs[index]! > lateMs) report.late++
    if (Number.isNaN(answeredMs[index]!)) continue
    report.answered++
    if (codes[index] === approvedCode) report.approved++
    const latencyUs = Math.round((answeredMs[index]! - plan.dueMs[index]!) * 1000)
    histogram.recordValue(Math.min(bucketLimitUs, Math.max(1, latencyUs)))
  }
  return { ratePerSecond, ...report, histogram: encodeIntoCompressedBase64(histogram) }
}

/** One JSON line per send: this generator's own book, for the comparison with PostgreSQL. */
function writeBook(path: string, tally: Tally): Promise<void> {
  const stream = createWriteStream(path, { flags: "a" })
  const { plan, frames, sentMs, answeredMs, codes } = tally
  for (let index = 0; index < frames.length; index++) {
    if (Number.isNaN(sentMs[index]!)) continue
    const { terminal, merchant } = terminals[index % terminals.length]!.key
    const code = codes[index]!
    const line = {
      terminal,
      merchant,
      batch,
      stan: terminals[index % terminals.length]!.stanOf(frames[index]!),
      plannedMs: plan.dueMs[index]!,
      sentMs: sentMs[index]!,
      answeredMs: Number.isNaN(answeredMs[index]!) ? null : answeredMs[index]!,
      code: codeText(code)
    }
    stream.write(`${JSON.stringify(line)}\n`)
  }
  return new Promise((resolve) => stream.end(resolve))
}

async function run(order: RunOrder): Promise<RunReport> {
  const whole = makePlan(order.steps, order.seed)
  const plan = shareOf(whole, order.part, order.parts)
  const frames = signPlan(plan)
  const count = frames.length
  const tally: Tally = {
    plan,
    frames,
    sentMs: nothing(count),
    answeredMs: nothing(count),
    codes: new Uint16Array(count),
    samples: [],
    answers: 0,
    strays: 0
  }
  process.send!({ tell: "signed", count })
  await new Promise<void>((resolve) => process.once("message", () => resolve()))
  await drive(tally, () => process.send!({ tell: "measured" }))
  process.send!({ tell: "driven" })
  const wrongMacs = order.verifyMacs
    ? tally.samples.filter(({ terminal, frame }) =>
      !signedRight(frame, new MacKey(Buffer.from(terminals[terminal]!.key.macKey, "hex")))
    ).length
    : 0
  if (order.book !== undefined) await writeBook(order.book, tally)
  let sent = 0
  let answered = 0
  for (let index = 0; index < count; index++) {
    if (!Number.isNaN(tally.sentMs[index]!)) sent++
    if (!Number.isNaN(tally.answeredMs[index]!)) answered++
  }
  for (const terminal of terminals) terminal.forget()
  return {
    tell: "report",
    sent,
    answered,
    strays: tally.strays,
    macsSampled: order.verifyMacs ? tally.samples.length : 0,
    wrongMacs,
    frameBytes: frames[0]?.length ?? 0,
    steps: order.steps.map((step, index) => reportStep(tally, index, step.ratePerSecond))
  }
}

async function open(order: {
  readonly port: number
  readonly sources: number
  readonly perSecond: number
  readonly keys: ReadonlyArray<TerminalKey>
  readonly signOn: boolean
}): Promise<void> {
  for (const terminal of terminals) terminal.close()
  terminals = []
  const startedMs = performance.now()
  const opened: Array<Promise<void>> = []
  for (const [index, key] of order.keys.entries()) {
    const dueMs = (index / order.perSecond) * 1000
    const waitMs = startedMs + dueMs - performance.now()
    if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs))
    // A switch that is slower than this pace is not flooded, so that no sign-on times out.
    if (index >= opening) await opened[index - opening]
    const terminal = new Terminal(key, order.port, `127.0.0.${1 + index % order.sources}`)
    terminals.push(terminal)
    const { connected } = terminal
    opened.push(order.signOn ? connected.then(() => terminal.signOn()) : connected)
  }
  await Promise.all(opened)
  stanByTerminal = new Uint32Array(terminals.length).fill(1)
  process.send!({ tell: "opened", sessions: terminals.length })
}

function obey(order: Order): void {
  const failed = (error: unknown) => {
    process.send!({ tell: "failed", why: error instanceof Error ? error.message : String(error) })
  }
  if (order.ask === "open") void open(order).catch(failed)
  if (order.ask === "run") {
    batch = order.batch
    void run(order).then((report) => process.send!(report), failed)
  }
  if (order.ask === "quit") process.exit(0)
}

process.on("message", obey)
process.on("disconnect", () => process.exit(0))
