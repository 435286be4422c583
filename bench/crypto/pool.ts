/**
 * What the worker pool adds to one operation: MACs over China UnionPay answers, sealed through the
 * pool with 32 in a batch, less the same MACs made by the thread that wants them. Processor time of
 * all threads. Must hold: every body comes back sealed, and workers never sleep.
 */

import { Context, Effect, Exit, Layer, Scope } from "effect"
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import { pooledCodecLayer } from "../../src/codec/codec-layer.ts"
import type { KeyHandle } from "../../src/domain/brand.ts"
import { Codec, type CodecLane, type CodecShape } from "../../src/domain/ports/codec.ts"
import { SecurityModule, type SecurityModuleShape } from "../../src/domain/ports/security-module.ts"
import { compileDialect } from "../../src/iso8583/compile.ts"
import type { Dialect } from "../../src/iso8583/message.ts"
import { MachineTime } from "../../src/listen/machine-time.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { makeMac } from "../../src/security/mac.ts"
import { race, shuffled } from "./measure.ts"

const keyCount = 2000
const inBatch = 32
/** Batches given and not returned. */
const outstanding = 4
const bodyBytes = 96

interface PoolCost {
  /** Microseconds of one message. */
  readonly pooled: number
  readonly bare: number
}

export async function poolCost(rounds: number): Promise<PoolCost> {
  const keys = Array.from({ length: keyCount }, () => randomBytes(16))
  const order = shuffled(keyCount, 1 << 16)
  const pick = (index: number) => order[index & 0xffff]!
  const dialect = compiled()
  const body = randomBytes(bodyBytes)
  const cache = new CipherCache()
  keys.forEach((key, index) => cache.put(index + 1 as KeyHandle, key))
  const algorithm = dialect.mac!.algorithm
  const covered = body.subarray(0, -8)
  const [bare = 0] = race(
    [{
      name: "bare",
      run: (index) => makeMac(cache, pick(index) + 1 as KeyHandle, algorithm, covered)
    }],
    rounds,
    8 * keyCount
  )
  const scope = Effect.runSync(Scope.make())
  const codec = await poolOf(keys, scope)
  const lanes = keys.map(() => codec.lane())
  const give = (index: number, done: () => void) =>
    seal(codec, lanes[pick(index)]!, dialect, Buffer.from(body), pick(index) + 1, done)
  await busy(give, 10 * keyCount)
  const costs: Array<number> = []
  for (let round = 0; round < rounds; round++) costs.push(await busy(give, 4 * keyCount))
  await Effect.runPromise(Scope.close(scope, Exit.void))
  const quiet = costs.toSorted((a, b) => a - b).slice(0, Math.ceil(rounds / 4))
  return { pooled: quiet.reduce((one, other) => one + other, 0) / quiet.length, bare }
}

function compiled(): Dialect {
  const file = new URL("../../config/dialects/cup-pos.yaml", import.meta.url)
  const made = compileDialect(parse(readFileSync(file, "utf8")), 1)
  if (!("index" in made)) throw new Error("the dialect does not compile")
  return made
}

function poolOf(keys: ReadonlyArray<Uint8Array>, scope: Scope.Scope): Promise<CodecShape> {
  const module = {
    place: "software",
    onForgotten: () => () => {},
    exportToWorker: (handle) => keys[handle - 1]
  } as Partial<SecurityModuleShape> as SecurityModuleShape
  const layer = pooledCodecLayer({ accounts: () => undefined, workers: 1, queueFrames: 8192 })
  const needs = Layer.merge(MachineTime, Layer.succeed(SecurityModule, module))
  return Effect.runPromise(
    Effect.map(
      Layer.buildWithScope(Layer.provide(layer, needs), scope),
      (built) => Context.get(built, Codec)
    )
  )
}

function seal(
  codec: CodecShape,
  lane: CodecLane,
  dialect: Dialect,
  body: Buffer,
  key: number,
  done: () => void
): void {
  codec.seal(lane, dialect, body, key as KeyHandle, (sealed) => {
    if (sealed === undefined) throw new Error("a body came back without its MAC")
    done()
  })
}

/** Microseconds of processor time for each of `count` messages, all threads together. */
function busy(give: (index: number, done: () => void) => void, count: number): Promise<number> {
  return new Promise((resolve) => {
    const before = process.cpuUsage()
    let given = 0
    let ended = 0
    let scheduled = false
    const schedule = () => {
      if (scheduled || given >= count || given - ended > (outstanding - 1) * inBatch) return
      scheduled = true
      setImmediate(turn)
    }
    const done = () => {
      if (++ended < count) return schedule()
      const { system, user } = process.cpuUsage(before)
      resolve((system + user) / count)
    }
    const turn = () => {
      scheduled = false
      for (let each = 0; each < inBatch && given < count; each++) give(given++, done)
      schedule()
    }
    schedule()
  })
}
