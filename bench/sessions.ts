/**
 * `npm run bench -- sessions`: what a signed-on idle terminal costs, and how fast all of them come
 * back at once. One process is the session station, two are the terminals; then the whole switch,
 * with live traffic beside idle terminals. Must hold: every sign-on succeeds and brings keys;
 * memory is measured after the garbage has been collected.
 */

import { type ChildProcess, fork } from "node:child_process"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { openFilesLimit } from "./load/usage.ts"
import { percentile } from "./road/arm.ts"
import { liveTraffic, slowdown } from "./sessions/live.ts"
import type { Measured } from "./sessions/switch.ts"
import type { Connected } from "./sessions/terminals.ts"

const { values: options } = parseArgs({
  options: { marks: { type: "boolean" }, quick: { type: "boolean" } }
})
/** Files that a process needs beside its sessions. */
const spareFiles = 1000
const openFiles = openFilesLimit()
const most = Math.min(15_000, openFiles - spareFiles)
const [few, many] = options.quick === true ? [500, 2000] : [Math.min(5000, most / 2), most]
const extrapolated = 50_000

const started: Array<ChildProcess> = []
process.on("exit", () => {
  for (const child of started) child.kill("SIGKILL")
})

const say = (text: string): void => {
  if (options.marks !== true) process.stdout.write(`${text}\n`)
}
let missed = 0
function mark(name: string, measured: number, target: number, digits = 0): void {
  const met = measured <= target
  if (!met) missed++
  const verdict = met ? "met" : "missed"
  process.stdout.write(
    `mark sessions.${name} measured=${measured.toFixed(digits)} target=${target} ${verdict}\n`
  )
}

function start(file: string, args: ReadonlyArray<string>): ChildProcess {
  const child = fork(join(import.meta.dirname, "sessions", file), args, {
    execArgv: ["--expose-gc"]
  })
  started.push(child)
  return child
}

function hear<A>(child: ChildProcess): Promise<A> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as A))
    child.once("exit", (code) => reject(new Error(`a process of the bench ended with ${code}`)))
  })
}

function ask<A>(child: ChildProcess, question: object): Promise<A> {
  const answer = hear<A>(child)
  child.send(question)
  return answer
}

const station = start("switch.ts", [String(many)])
const { port } = await hear<{ readonly port: number }>(station)
const fleets = [start("terminals.ts", []), start("terminals.ts", [])]

const measure = () => ask<Measured>(station, { measure: true })

/** Both processes connect half of the range. */
async function connect(from: number, to: number): Promise<Connected> {
  const half = Math.floor((from + to) / 2)
  const halves = await Promise.all([
    ask<Connected>(fleets[0]!, { from, to: half, port }),
    ask<Connected>(fleets[1]!, { from: half, to, port })
  ])
  return {
    signedOn: halves[0]!.signedOn + halves[1]!.signedOn,
    failed: halves[0]!.failed + halves[1]!.failed,
    ms: Math.max(halves[0]!.ms, halves[1]!.ms)
  }
}

const drop = () => Promise.all(fleets.map((fleet) => ask<Connected>(fleet, { drop: true })))

// A first round that is dropped again, so that code and tables are warm before anything counts.
await connect(0, 200)
await drop()
await new Promise((resolve) => setTimeout(resolve, 500))
const none = await measure()
await connect(0, few)
const first = await measure()
await connect(few, many)
const second = await measure()

const per = (value: (measured: Measured) => number, from: Measured, to: Measured): number =>
  (value(to) - value(from)) / (to.proven - from.proven)
const heap = (measured: Measured) => measured.heapBytes
const whole = (measured: Measured) => measured.processBytes
say(`open files: ${openFiles} a process, so ${many} terminals`)
say(`${second.proven} of ${many} terminals are signed on, ${second.refusals} refusals`)
say(
  `${few}: ${per(heap, none, first).toFixed(0)} B heap and external a session, ` +
    `${per(whole, none, first).toFixed(0)} B of process memory`
)
say(
  `${many}: ${per(heap, none, second).toFixed(0)} B heap and external a session, ` +
    `${per(whole, none, second).toFixed(0)} B of process memory`
)
const slope = per(whole, first, second)
const far = (second.processBytes + slope * (extrapolated - many)) / 2 ** 20
say(
  `slope from ${few} to ${many}: ${slope.toFixed(0)} B of process memory a session; ` +
    `extrapolated, not measured: ${far.toFixed(0)} MiB at ${extrapolated}`
)
mark("idle-process-bytes-few", per(whole, none, first), 16_384)
mark("idle-heap-bytes", per(heap, none, second), 8192)
mark("idle-process-bytes", per(whole, none, second), 16_384)

await drop()
await measure()
const storm = await connect(0, many)
const after = await measure()
say(
  `storm: ${many} connected and signed on in ${(storm.ms / 1000).toFixed(1)} s, ` +
    `${(many / storm.ms * 1000).toFixed(0)} a second; loop delay p99 ${
      after.loopP99Ms.toFixed(1)
    } ms`
)
mark("storm-failed", storm.failed + many - after.proven, 0)
mark("storm-loop-p99-ms", after.loopP99Ms, 100)

for (const child of started) child.kill()

const live = await liveTraffic(
  options.quick === true ? { few: 20, many: 500, seconds: 4 } : { few: 100, many, seconds: 15 }
)
const [before, crowded, afterwards] = [live.before, live.many, live.after].map((each) =>
  `p50 ${percentile(each, 50).toFixed(2)} ms, p99 ${percentile(each, 99).toFixed(2)} ms`
)
say(`500 sales a second: ${before} with few idle, ${crowded} with many, ${afterwards} after`)
for (const { answered, planned } of [live.before, live.many, live.after]) {
  if (answered >= 0.99 * planned) continue
  missed++
  process.stdout.write(`does not count: ${planned - answered} of ${planned} sends unanswered\n`)
}
mark("live-p99-ratio", slowdown(live), 1.5, 2)

process.exit(missed === 0 ? 0 : 1)
