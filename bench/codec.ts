/**
 * `npm run bench -- codec`: what one thread reads, writes, patches and translates in a second,
 * beside the npm package `iso_8583` on the same values in the same run. Rates are calls a second of
 * processor time (`process.cpuUsage`, which counts the collector's and the compiler's threads too;
 * Linux tells that of one thread only at its ticks): what a thread that has a core to itself does,
 * whoever else wants that core now. Must hold: short rounds, each between two yardsticks; the
 * median of those counts in which nobody had the core's other half.
 */

import { createRequire } from "node:module"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { indexCapacity } from "../src/iso8583/indexer.ts"
import type { Dialect } from "../src/iso8583/message.ts"
import {
  loadDialect,
  loadMapping,
  networkValues,
  read,
  replyValues,
  sale,
  stamp,
  unionPayValues
} from "./codec/messages.ts"
import { optionsOf } from "./options.ts"
import { calibrate, undisturbed } from "./yardstick.ts"

const { values: options } = optionsOf({
  options: { marks: { type: "boolean" }, quick: { type: "boolean" } }
})
const rounds = options.quick === true ? 60 : 300
/** For one operation, when the machine is never quiet. */
const boundMs = options.quick === true ? 2500 : 8000
/** Long beside the microseconds that it takes to ask for the processor time. */
const roundMs = 2
/** Long enough for the engine's compiler, which works beside us, to be done. */
const warmMs = options.quick === true ? 100 : 700

const say = (text: string): void => {
  if (options.marks !== true) process.stdout.write(`${text}\n`)
}

function mark(name: string, measured: number, target: number, met: boolean): void {
  process.stdout.write(
    `mark codec.${name} measured=${measured} target=${target} ${met ? "met" : "missed"}\n`
  )
}

interface Rate {
  /** Calls a second of processor time: the median over undisturbed rounds. */
  readonly median: number
  /** Share of rounds that were undisturbed. */
  readonly undisturbed: number
}

function cpuMs(): number {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

function rate(run: () => unknown): Rate {
  const warm = cpuMs() + warmMs
  let calls = 0
  do for (let call = 0; call < 1000; call++, calls++) run()
  while (cpuMs() < warm)
  calls = Math.ceil(calls * roundMs / warmMs)
  const measured = undisturbed(rounds, boundMs, () => {
    const before = cpuMs()
    for (let call = 0; call < calls; call++) run()
    return cpuMs() - before
  })
  const times = [...measured.counted].sort((one, other) => one - other)
  const median = Math.round(calls * 1000 / times[Math.trunc(times.length / 2)]!)
  return { median, undisturbed: measured.undisturbed }
}

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** Bytes of heap that one call takes; the least of several windows without a collection. */
function allocation(run: () => unknown): number {
  const calls = 2000
  let least = Infinity
  for (let window = 0; window < 7; window++) {
    collect()
    const before = process.memoryUsage().heapUsed
    for (let call = 0; call < calls; call++) run()
    least = Math.min(least, Math.max(0, process.memoryUsage().heapUsed - before))
  }
  return Math.round(least / calls)
}

const worst = new Map<string, number>()
const heaviest = new Map<string, number>()

function measure(group: string, name: string, run: () => unknown): void {
  const { median, undisturbed: share } = rate(run)
  const bytes = allocation(run)
  say(
    `${group.padEnd(11)} ${name.padEnd(24)} ${String(median).padStart(9)}/s  ` +
      `(${(share * 100).toFixed(0).padStart(3)} % of rounds undisturbed)  ` +
      `${String(bytes).padStart(6)} bytes allocated`
  )
  worst.set(group, Math.min(worst.get(group) ?? Infinity, median))
  heaviest.set(group, Math.max(heaviest.get(group) ?? 0, bytes))
}

function measureDialect(dialect: Dialect, packed: boolean): void {
  const { body, values } = sale(dialect, packed)
  const network = dialect.build("0800", networkValues)
  const reply = dialect.build("0210", replyValues)
  const out = new Int32Array(indexCapacity)
  const fields = read(dialect, body).fields().length
  say(`${dialect.name}: 0200 of ${body.length} bytes with ${fields} fields`)
  for (const [name, bytes] of [["0800", network], ["0200", body], ["0210", reply]] as const) {
    const group = name === "0200" ? "index" : "index-small"
    measure(group, `${dialect.name} ${name}`, () => dialect.index(bytes, 0, bytes.length, out))
  }
  const paths = Object.keys(values)
  measure("read-all", `${dialect.name} 0200`, () => {
    const message = read(dialect, body)
    let length = 0
    for (const path of paths) length += message.text(path)!.length
    return length
  })
  measure("build", `${dialect.name} 0200`, () => dialect.build("0200", values))
  const message = read(dialect, body)
  measure("patch", `${dialect.name} 0200`, () => dialect.patch(message, { set: stamp, mac: true }))
}

interface Other {
  readonly getBufferMessage: () => Buffer
  readonly getIsoJSON: (body: Buffer) => unknown
}

function measureOther(ascii: Dialect): void {
  const OtherMessage = createRequire(import.meta.url)("iso_8583") as new(values?: unknown) => Other
  const { values } = sale(ascii, false)
  const { "48": _padding, "64": _mac, ...same } = values
  const body = new OtherMessage({ 0: "0200", ...same }).getBufferMessage()
  const mine = ascii.build("0200", same)
  const paths = Object.keys(same)
  const ours = rate(() => {
    const message = read(ascii, mine)
    for (const path of paths) message.text(path)
  }).median
  const theirs = rate(() => new OtherMessage().getIsoJSON(body)).median
  const oursBuild = rate(() => ascii.build("0200", same)).median
  const theirsBuild = rate(() => new OtherMessage({ 0: "0200", ...same }).getBufferMessage()).median
  say(`iso_8583   read ${theirs}/s, ours ${ours}/s; build ${theirsBuild}/s, ours ${oursBuild}/s`)
  const least = Math.min(ours / theirs, oursBuild / theirsBuild)
  mark("times-iso_8583", Number(least.toFixed(1)), 1, least > 1)
}

calibrate(options.quick === true ? 1000 : 3000)
const ascii = loadDialect("iso87-ascii", 1)
const binary = loadDialect("iso87-binary", 2)
const cup = loadDialect("cup-pos", 3)
measureDialect(ascii, false)
measureDialect(binary, true)
const across = loadMapping(cup, ascii)
const unionPay = read(cup, cup.build("0200", unionPayValues))
measure("translate", "cup-pos to iso87-ascii", () => across.forward(unionPay, stamp, true))
measureOther(ascii)

for (
  const [group, target] of [
    ["index", 1_000_000],
    ["read-all", 300_000],
    ["build", 300_000],
    ["patch", 600_000],
    ["translate", 150_000]
  ] as const
) {
  const measured = worst.get(group)!
  mark(group, measured, target, measured >= target)
}
const allocated = Math.max(heaviest.get("index")!, heaviest.get("index-small")!)
mark("index-bytes-allocated", allocated, 0, allocated === 0)
