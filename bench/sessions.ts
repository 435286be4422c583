/**
 * `npm run bench -- sessions [--only idle|tls|live|pests]`: what a signed-on idle terminal costs,
 * plain and over TLS, and how fast all of them come back at once. One process is the session
 * station, two are the terminals; then the whole switch, with live traffic beside idle terminals,
 * and beside those who only hold places. Must hold: every sign-on succeeds and brings keys; memory
 * is measured after the garbage has been collected.
 */

import { openFilesLimit } from "./load/usage.ts"
import { optionsOf } from "./options.ts"
import { type House, openHouse } from "./sessions/house.ts"
import {
  type Between,
  liveTraffic,
  pesteredTraffic,
  slowdown,
  unanswered
} from "./sessions/live.ts"
import type { Measured } from "./sessions/switch.ts"
import type { Connected } from "./sessions/terminals.ts"

const { values: options } = optionsOf({
  options: {
    marks: { type: "boolean" },
    quick: { type: "boolean" },
    only: { type: "string" }
  }
})
/** Files that a process needs beside its sessions. */
const spareFiles = 1000
const openFiles = openFilesLimit()
const most = Math.min(15_000, openFiles - spareFiles)
const [few, many] = options.quick === true ? [500, 2000] : [Math.min(5000, most / 2), most]
const extrapolated = 50_000
/** Terminals over TLS. */
const secured = options.quick === true ? 500 : Math.min(5000, most)
const part = (name: "idle" | "tls" | "live" | "pests") =>
  options.only === undefined || options.only === name

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

const heap = (measured: Measured) => measured.heapBytes
const whole = (measured: Measured) => measured.processBytes

/** Growth a session from one measurement to the next. */
function per(value: (measured: Measured) => number, from: Measured, to: Measured): number {
  return (value(to) - value(from)) / (to.proven - from.proven)
}

/** What the terminals cost, in memory and when they all come at once. */
async function idleTerminals(): Promise<void> {
  const { close, connect, drop, measure } = await openHouse(many, false)
  const none = await measure()
  await connect(0, few)
  const first = await measure()
  await connect(few, many)
  const second = await measure()

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
  await stormOf({ close, connect, drop, measure }, many, "storm")
  close()
}

/** The same over TLS; the first round gives every terminal the session that it resumes. */
async function securedTerminals(): Promise<void> {
  const house = await openHouse(secured, true)
  const none = await house.measure()
  const fresh = await house.connect(0, secured)
  const all = await house.measure()
  const bytes = per(whole, none, all)
  say(
    `TLS: ${secured} handshakes and sign-ons in ${(fresh.ms / 1000).toFixed(1)} s; ` +
      `${bytes.toFixed(0)} B of process memory a session, ` +
      `${per(heap, none, all).toFixed(0)} B heap and external`
  )
  mark("tls-process-bytes", bytes, 73_728)
  await house.drop()
  await house.measure()
  const { ms, resumed } = await stormOf(house, secured, "tls-storm")
  say(`${resumed} of ${secured} resumed their sessions`)
  mark("tls-storm-seconds", ms / 1000, 20, 1)
  house.close()
}

async function stormOf(house: House, count: number, name: string): Promise<Connected> {
  const storm = await house.connect(0, count)
  const { loopP99Ms, proven } = await house.measure()
  say(
    `${name}: ${count} connected and signed on in ${(storm.ms / 1000).toFixed(1)} s, ` +
      `${(count / storm.ms * 1000).toFixed(0)} a second; loop delay p99 ${loopP99Ms.toFixed(1)} ms`
  )
  mark(`${name}-failed`, storm.failed + count - proven, 0)
  mark(`${name}-loop-p99-ms`, loopP99Ms, 100)
  return storm
}

async function liveTerminals(): Promise<void> {
  const counts = options.quick === true
    ? { few: 20, many: 500, seconds: 4 }
    : { few: 100, many, seconds: 15 }
  markSlowdown("live-p99-ratio", [await liveTraffic({ ...counts, say })])
}

/** Three rounds, because a neighbour on the same processor disturbs one now and then. */
async function pesteredTerminals(): Promise<void> {
  const compared = await pesteredTraffic(
    options.quick === true
      ? {
        rounds: 1,
        calmSeconds: 4,
        pesteredSeconds: 6,
        pests: { trickling: 200, silent: 500, garbagePerSecond: 20 },
        say
      }
      : {
        rounds: 3,
        calmSeconds: 20,
        pesteredSeconds: 30,
        pests: { trickling: 2000, silent: 10_000, garbagePerSecond: 100 },
        say
      }
  )
  say(`ratios of the rounds: ${compared.map((each) => slowdown(each).toFixed(2)).join(", ")}`)
  markSlowdown("pestered-p99-ratio", compared)
}

/** Of several rounds the one in the middle. */
function markSlowdown(name: string, compared: ReadonlyArray<Between>): void {
  const missing = compared.reduce((sum, each) => sum + unanswered(each), 0)
  if (missing > 0) {
    missed++
    process.stdout.write(`does not count: ${missing} sends unanswered\n`)
  }
  const ratios = compared.map(slowdown).sort((a, b) => a - b)
  mark(name, ratios[ratios.length >> 1] ?? Number.NaN, 1.5, 2)
}

if (part("idle")) await idleTerminals()
if (part("tls")) await securedTerminals()
if (part("live")) await liveTerminals()
if (part("pests")) await pesteredTerminals()
process.exit(missed === 0 ? 0 : 1)
