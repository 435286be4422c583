/** Which security module a configuration has: host commands where it names one, software else. */

import { Effect, Layer } from "effect"
import { Timers } from "../actor/timers.ts"
import type { BreakerConfig, SwitchConfig } from "../domain/config.ts"
import type { SecurityModule } from "../domain/ports/security-module.ts"
import { Random, Time } from "../domain/ports/time.ts"
import type { Transport } from "../domain/ports/transport.ts"
import { hsmModuleLayer } from "../security/hsm-module.ts"
import type { KeyStore, StoredKey } from "../security/key-store.ts"
import { softwareModuleLayer } from "../security/software-module.ts"
import { Breaker } from "../upstream/breaker.ts"

/** A module that fails half of its commands is left alone for a while, then probed. */
const breakerConfig: BreakerConfig = {
  windowMs: 10_000,
  minimumCalls: 20,
  failureShare: 0.5,
  slowShare: 1,
  slowMs: 60_000,
  openMs: 1000,
  maxOpenMs: 15_000,
  probesToClose: 3,
  technicalCodes: []
}

/** A handle for each working key of 60,000 terminals, three each. */
const maxKeys = 180_000

export function securityModuleLayer(
  { hsm, test }: SwitchConfig["keyStore"],
  store: KeyStore,
  hsmKeys: ReadonlyArray<StoredKey>
): Layer.Layer<SecurityModule, never, Random | Time | Timers | Transport> {
  if (hsm === undefined) return softwareModuleLayer({ store, testEnvironment: test })
  // Only current versions are asked for by name.
  const blocks = new Map(
    hsmKeys.toSorted((a, b) => a.version - b.version).map(({ block, name }) => [name, block])
  )
  return Layer.unwrap(Effect.gen(function*() {
    const timers = yield* Timers
    const time = yield* Time
    const random = yield* Random
    const breaker = new Breaker(breakerConfig, random.next, time.monotonicMs())
    return hsmModuleLayer({
      client: { ...hsm, hosts: hsm.links },
      breaker: {
        permit: () => breaker.permit(),
        ended: (permit, outcome, nowMs) => breaker.ended(permit, outcome, nowMs),
        echoWanted: (nowMs) => breaker.echoWanted(nowMs),
        echoSent: () => breaker.echoSent(),
        echoEnded: (permit, outcome, nowMs) => breaker.echoEnded(permit, outcome, nowMs)
      },
      timers,
      keyBlock: (name) => blocks.get(name),
      maxKeys
    })
  }))
}
