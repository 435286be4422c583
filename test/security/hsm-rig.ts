/** A simulated security module on a loopback socket, and a client to it. */

import { Effect, Layer, Scope } from "effect"
import { Timers } from "../../src/actor/timers.ts"
import { Random, Time } from "../../src/domain/ports/time.ts"
import { Transport } from "../../src/domain/ports/transport.ts"
import { MachineRandom, MachineTime } from "../../src/listen/machine-time.ts"
import { MachineTransport } from "../../src/listen/machine-transport.ts"
import { HsmClient, type HsmClientOptions } from "../../src/security/hsm-client.ts"
import type { HsmModuleOptions } from "../../src/security/hsm-module.ts"
import { listenHsm, SimulatedHsm } from "../../src/simulate/hsm.ts"
import { Breaker } from "../../src/upstream/breaker.ts"
import { built } from "../actor/built.ts"
import { demoStore } from "./demo-store.ts"

const base = Layer.mergeAll(MachineTime, MachineRandom)
const timed = Timers.layer.pipe(Layer.provideMerge(base))
export const machine = MachineTransport.pipe(Layer.provideMerge(timed))

/** Waits for something that another turn brings, at most five seconds. */
export async function until(what: () => boolean): Promise<void> {
  for (let round = 0; round < 1000; round++) {
    if (what()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`never happened: ${what.toString()}`)
}

export interface HsmRig {
  readonly hsm: SimulatedHsm
  readonly client: HsmClient
  readonly module: HsmModuleOptions
  readonly close: () => Promise<void>
}

export async function hsmRig(
  change: Partial<HsmClientOptions> = {},
  minimumCalls = 1000
): Promise<HsmRig> {
  const house = built(machine)
  const transport = house.get(Transport)
  const timers = house.get(Timers)
  const time = house.get(Time)
  const random = house.get(Random)
  const store = demoStore()
  const hsm = new SimulatedHsm({
    store,
    headerLength: change.headerLength ?? 4,
    random,
    timers
  })
  const { port } = await Effect.runPromise(
    Scope.provide(listenHsm(transport, hsm, { host: "127.0.0.1", port: 0 }), house.scope)
  )
  const breaker = new Breaker(
    {
      windowMs: 10_000,
      minimumCalls,
      failuresInARow: minimumCalls,
      failureShare: 0.5,
      slowShare: 1,
      slowMs: 60_000,
      openMs: 100,
      maxOpenMs: 1000,
      probesToClose: 2,
      technicalCodes: []
    },
    () => 0,
    time.monotonicMs()
  )
  const options: HsmClientOptions = {
    hosts: [{ host: "127.0.0.1", port }],
    connections: 2,
    headerLength: 4,
    window: 16,
    queue: 64,
    timeoutMs: 3000,
    connectTimeoutMs: 3000,
    reconnect: { firstMs: 20, maxMs: 200 },
    ...change
  }
  const parts = {
    permit: () => breaker.permit(),
    ended: (permit: number, outcome: "good" | "failed", nowMs: number) =>
      breaker.ended(permit, outcome, nowMs),
    echoWanted: (nowMs: number) => breaker.echoWanted(nowMs),
    echoSent: () => breaker.echoSent(),
    echoEnded: (permit: number, outcome: "good" | "failed", nowMs: number) =>
      breaker.echoEnded(permit, outcome, nowMs)
  }
  const { defer, monotonicMs } = time
  const client = new HsmClient(options, { transport, timers, breaker: parts, monotonicMs, defer })
  await until(() => client.counts().links === options.connections)
  return {
    hsm,
    client,
    module: {
      client: options,
      breaker: parts,
      timers,
      keyBlock: (name) => store.current(name)?.block,
      maxKeys: 1000
    },
    close: async () => {
      client.close()
      await house.close()
    }
  }
}
