/**
 * `npm run bench -- pool [--quick] [--marks] [--workers N]`: what a frame costs in place and in
 * the worker pool: a China UnionPay sale of 390 bytes decoded with its MAC verified, and an answer
 * of 96 bytes sealed; 2,000 terminals with a key each. Must hold: every MAC is right in both arms,
 * and the arms alternate in one run.
 *
 * `busy`: a turn's frames are given as long as less than four turns are outstanding, so that
 * workers never sleep. `alone`: the next turn begins when the last one is done.
 */

import { Context, Effect, Exit, Layer, Scope } from "effect"
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import { inPlaceCodecLayer, pooledCodecLayer } from "../src/codec/codec-layer.ts"
import type { KeyHandle } from "../src/domain/brand.ts"
import { Codec, type CodecLane, type CodecShape } from "../src/domain/ports/codec.ts"
import { SecurityModule, type SecurityModuleShape } from "../src/domain/ports/security-module.ts"
import { compileDialect } from "../src/iso8583/compile.ts"
import { MachineTime } from "../src/listen/machine-time.ts"
import { CipherCache } from "../src/security/cipher-cache.ts"
import { makeMac } from "../src/security/mac.ts"
import { isFault } from "../src/security/security-fault.ts"
import { preparedAnswer, saleTemplate } from "./load/sale.ts"
import { bodyStart } from "./load/wire.ts"
import { optionsOf } from "./options.ts"

const { values: options } = optionsOf({
  options: {
    marks: { type: "boolean" },
    quick: { type: "boolean" },
    workers: { type: "string", default: "1" }
  }
})
const rounds = options.quick === true ? 3 : 9
const framesPerRound = options.quick === true ? 8192 : 32_768
const terminals = 2000
const batches = [1, 8, 32, 64]

const keys = Array.from({ length: terminals }, () => randomBytes(16))
const cache = new CipherCache()
keys.forEach((key, index) => cache.put(index + 1 as KeyHandle, key))
const answer = preparedAnswer().subarray(bodyStart)
const dialect = compiled()
const frames = keys.map((_, index) => signed(index))

function compiled() {
  const file = new URL("../config/dialects/cup-pos.yaml", import.meta.url)
  const made = compileDialect(parse(readFileSync(file, "utf8")), 1)
  if (!("index" in made)) throw new Error("the dialect does not compile")
  return made
}

function signed(index: number): Buffer {
  const terminal = `T${String(index).padStart(7, "0")}`
  const body = saleTemplate(terminal, "M00000000000001", "000001").frame.subarray(bodyStart)
  const mac = makeMac(cache, index + 1 as KeyHandle, { name: "cup-ecb" }, body.subarray(0, -8))
  if (isFault(mac)) throw new Error(mac.code)
  body.set(mac, body.length - 8)
  return body
}

const module = {
  place: "software",
  onForgotten: () => () => {},
  exportToWorker: (handle) => keys[handle - 1],
  makeMac: (_handle, _algorithm, _bytes, done) => done(undefined)
} as Partial<SecurityModuleShape> as SecurityModuleShape

interface Arm {
  readonly codec: CodecShape
  readonly lanes: ReadonlyArray<CodecLane>
  readonly close: () => Promise<void>
}

async function arm(workers: number): Promise<Arm> {
  const accounts = () => undefined
  const layer = workers === 0
    ? inPlaceCodecLayer({ accounts })
    : pooledCodecLayer({ accounts, workers, queueFrames: 8192 })
  const needs = Layer.merge(MachineTime, Layer.succeed(SecurityModule, module))
  const scope = Effect.runSync(Scope.make())
  const built = Layer.buildWithScope(Layer.provide(layer, needs), scope)
  const codec = Context.get(await Effect.runPromise(built), Codec)
  return {
    codec,
    lanes: keys.map(() => codec.lane()),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

let next = 0

/** One frame in and its answer out; `done` when the answer is sealed. */
function transact({ codec, lanes }: Arm, done: () => void): void {
  next = (next + 7) % terminals
  const key = next + 1 as KeyHandle
  const lane = lanes[next]!
  const taken = codec.decode(lane, dialect, frames[next]!, key, (result) => {
    if (result._tag !== "message" || result.mac !== "right") {
      throw new Error(result._tag === "fault" ? result.fault.path : "the MAC is not right")
    }
    codec.seal(lane, dialect, Buffer.from(answer), key, done)
  })
  if (!taken) throw new Error("declined")
}

interface Cost {
  /** Microseconds of a frame. */
  readonly wall: number
  readonly main: number
  readonly total: number
}

/** Turns of `batch` frames, four of them outstanding at most. */
function busy(of: Arm, batch: number, count: number): Promise<Cost> {
  return new Promise((resolve) => {
    const started = process.hrtime.bigint()
    const [main, total] = [process.threadCpuUsage(), process.cpuUsage()]
    let given = 0
    let ended = 0
    let scheduled = false
    const end = () => {
      const wall = Number(process.hrtime.bigint() - started) / 1000
      const [ownUse, allUse] = [process.threadCpuUsage(main), process.cpuUsage(total)]
      resolve({
        wall: wall / count,
        main: (ownUse.user + ownUse.system) / count,
        total: (allUse.user + allUse.system) / count
      })
    }
    const schedule = () => {
      if (scheduled || given === count || given - ended > 3 * batch) return
      scheduled = true
      setImmediate(turn)
    }
    const done = () => {
      if (++ended === count) end()
      else schedule()
    }
    const turn = () => {
      scheduled = false
      for (let each = 0; each < batch && given < count; each++) {
        given++
        transact(of, done)
      }
      schedule()
    }
    schedule()
  })
}

/** Median milliseconds from giving a turn's frames to the last answer, workers asleep. */
async function alone(of: Arm, batch: number, count: number): Promise<number> {
  const times: Array<number> = []
  for (let turn = 0; turn < count; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 2))
    const started = performance.now()
    let left = batch
    await new Promise<void>((resolve) => {
      for (let each = 0; each < batch; each++) {
        transact(of, () => {
          if (--left === 0) resolve()
        })
      }
    })
    times.push(performance.now() - started)
  }
  return median(times)
}

function median(values: ReadonlyArray<number>): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

let missed = 0
function mark(name: string, measured: number, target: number): void {
  const met = measured <= target
  if (!met) missed++
  const figure = `measured=${measured.toFixed(2)} target=${target}`
  process.stdout.write(`mark pool.${name} ${figure} ${met ? "met" : "missed"}\n`)
}

function say(text: string): void {
  if (options.marks !== true) process.stdout.write(`${text}\n`)
}

const [here, pool] = [await arm(0), await arm(Number(options.workers))]
for (const each of [here, pool]) await busy(each, 64, framesPerRound)
for (const batch of batches) {
  const costs: ReadonlyArray<Array<Cost>> = [[], []]
  for (let round = 0; round < rounds; round++) {
    for (const [index, each] of [here, pool].entries()) {
      costs[index]!.push(await busy(each, batch, framesPerRound))
    }
  }
  const [one, other] = costs.map((each) => ({
    wall: median(each.map(({ wall }) => wall)),
    main: median(each.map(({ main }) => main)),
    total: median(each.map(({ total }) => total))
  })) as [Cost, Cost]
  for (const [name, cost] of [["in place", one], ["pool", other]] as const) {
    const figures = [cost.wall, cost.main, cost.total].map((each) => each.toFixed(1))
    say(`batch ${batch}, ${name}: ${figures[0]} µs, CPU ${figures[1]} main, ${figures[2]} all`)
  }
  if (batch < 32) continue
  mark(`total-cpu-ratio-${batch}`, other.total / one.total, 1.2)
  mark(`main-cpu-ratio-${batch}`, other.main / one.main, 0.9)
}
const turns = options.quick === true ? 60 : 300
for (const batch of [1, 8]) {
  const [one, other] = [await alone(here, batch, turns), await alone(pool, batch, turns)]
  say(`alone ${batch}: ${one.toFixed(3)} ms in place, ${other.toFixed(3)} ms with the pool`)
  mark(`added-ms-${batch}`, other - one, 0.5)
}
for (const each of [here, pool]) await each.close()
process.exitCode = missed > 0 ? 1 : 0
