/** Codec stations for tests, in place and with workers, and messages to give them. */

import { Context, Effect, Exit, Layer, Scope } from "effect"
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import {
  type CodecMeter,
  inPlaceCodecLayer,
  pooledCodecLayer,
  type PooledOptions
} from "../../src/codec/codec-layer.ts"
import type { KeyHandle } from "../../src/domain/brand.ts"
import {
  Codec,
  type CodecLane,
  type CodecShape,
  type Decoded
} from "../../src/domain/ports/codec.ts"
import { SecurityModule } from "../../src/domain/ports/security-module.ts"
import { compileDialect } from "../../src/iso8583/compile.ts"
import type { Dialect } from "../../src/iso8583/message.ts"
import { MachineTime } from "../../src/listen/machine-time.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { makeMac } from "../../src/security/mac.ts"
import { isFault } from "../../src/security/security-fault.ts"
import { macVectors } from "../security/mac-vectors.ts"
import { type TestModule, testModule } from "./keys.ts"

/** Those of vectors A (16 bytes) and C (8 bytes), and one of a length that no MAC takes. */
export const keys: ReadonlyArray<Buffer> = [
  Buffer.from(macVectors[0]!.key, "hex"),
  Buffer.from(macVectors[2]!.key, "hex"),
  Buffer.from("0102030405", "hex")
]

export const keyC = 2 as KeyHandle

function dialect(name: string, number: number): Dialect {
  const file = new URL(`../../config/dialects/${name}.yaml`, import.meta.url)
  const compiled = compileDialect(parse(readFileSync(file, "utf8")), number)
  if (!("index" in compiled)) throw new Error(JSON.stringify(compiled))
  return compiled
}

export const cup = dialect("cup-pos", 1)
export const ascii = dialect("iso87-ascii", 2)

/** The captured sale of vector C, MAC included. */
export function saleC(): Buffer {
  return Buffer.from(macVectors[2]!.covered + macVectors[2]!.field, "hex")
}

/** The sale of vector C by another terminal, its MAC made anew. */
export function saleOf(terminal: string): Buffer {
  const body = saleC()
  body.write(terminal.padEnd(8).slice(0, 8), body.indexOf("65465423"), "latin1")
  const cache = new CipherCache()
  const mac = makeMac(cache, keys[1]!, { name: "cup-ecb" }, body.subarray(0, -8))
  if (isFault(mac)) throw new Error(mac.code)
  body.set(mac, body.length - 8)
  return body
}

export interface Station {
  readonly codec: CodecShape
  readonly module: TestModule
  readonly counts: { pool: number; here: number; died: number; hung: number; defects: number }
  readonly close: () => Promise<void>
}

export async function station(
  options: Partial<PooledOptions> = {},
  module: TestModule = testModule(keys)
): Promise<Station> {
  const counts = { pool: 0, here: 0, died: 0, hung: 0, defects: 0 }
  const meter: CodecMeter = {
    batch: (jobs, place) => counts[place] += jobs,
    replaced: (why) => counts[why]++,
    defect: () => counts.defects++
  }
  const given = { workers: 1, queueFrames: 1000, accounts: () => undefined, meter, ...options }
  const layer = (given.workers === 0 ? inPlaceCodecLayer(given) : pooledCodecLayer(given)).pipe(
    Layer.provide([MachineTime, Layer.succeed(SecurityModule, module)])
  )
  const scope = Effect.runSync(Scope.make())
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  return {
    codec: Context.get(context, Codec),
    module,
    counts,
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

/** A result in words that can be compared. */
export function told(result: Decoded): string {
  switch (result._tag) {
    case "fault":
      return `fault ${JSON.stringify(result.fault)}`
    case "failed":
      return `failed ${result.failure}`
    case "message":
      return `${result.mac} ${result.message.mti} ${result.message.index.join(" ")}`
  }
}

/** Decodes all of them in a turn on one lane; resolves with what was told, in its order. */
export function decodeAll(
  { codec }: Station,
  frames: ReadonlyArray<readonly [Dialect, Uint8Array, KeyHandle | undefined]>,
  lane: CodecLane = codec.lane()
): Promise<Array<string>> {
  return new Promise((resolve, reject) => {
    const results: Array<string> = []
    if (frames.length === 0) resolve(results)
    for (const [of, body, key] of frames) {
      const taken = codec.decode(lane, of, body, key, (result) => {
        if (results.push(told(result)) === frames.length) resolve(results)
      })
      if (!taken) reject(new Error("declined"))
    }
  })
}
