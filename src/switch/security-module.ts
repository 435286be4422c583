/**
 * Which security module a configuration has, host commands where it names one, software else; and
 * the keys in it that the upstreams share with us. What must hold: a key that is not there, or not
 * one for its work, stops the start.
 */

import { Effect, Layer } from "effect"
import { Timers } from "../actor/timers.ts"
import type { KeyHandle } from "../domain/brand.ts"
import type { BreakerConfig, SwitchConfig, UpstreamConfig } from "../domain/config.ts"
import { type KeyPurpose, SecurityModule } from "../domain/ports/security-module.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import { Random, Time } from "../domain/ports/time.ts"
import type { Transport } from "../domain/ports/transport.ts"
import { Observatory } from "../observe/observatory.ts"
import type { HsmStatus } from "../observe/station-gauges.ts"
import { defaultCacheLimits } from "../security/cipher-cache.ts"
import { hsmModuleLayer } from "../security/hsm-module.ts"
import { attributesOf } from "../security/key-block.ts"
import type { KeyStore, StoredKey } from "../security/key-store.ts"
import { type SecurityFault, SecurityRefused } from "../security/security-fault.ts"
import { softwareModuleLayer } from "../security/software-module.ts"
import { Breaker } from "../upstream/breaker.ts"
import type { PinZone } from "../upstream/pin-translation.ts"
import type { UpstreamKeys } from "../upstream/upstreams.ts"
import type { Prepared } from "./production.ts"

/** A module that fails half of its commands is left alone for a while, then probed. */
const breakerConfig: BreakerConfig = {
  windowMs: 10_000,
  minimumCalls: 20,
  failuresInARow: 5,
  failureShare: 0.5,
  slowShare: 1,
  slowMs: 60_000,
  openMs: 1000,
  maxOpenMs: 15_000,
  probesToClose: 3,
  technicalCodes: []
}

export interface SecurityHooks {
  readonly refused: (refusal: SecurityFault) => void
  /** Gets what tells how the module does, where there is one. */
  readonly watch: (status: () => HsmStatus) => void
}

export function securityModuleLayer(
  { hsm, test }: SwitchConfig["keyStore"],
  store: KeyStore,
  hsmKeys: ReadonlyArray<StoredKey>,
  { refused: onRefused, watch }: SecurityHooks
): Layer.Layer<SecurityModule, never, Random | Time | Timers | Transport> {
  if (hsm === undefined) return softwareModuleLayer({ store, testEnvironment: test, onRefused })
  const keyBlock = currentBlocks(hsmKeys)
  return Layer.unwrap(Effect.gen(function*() {
    const timers = yield* Timers
    const time = yield* Time
    const random = yield* Random
    const breaker = new Breaker(breakerConfig, random.next, time.monotonicMs())
    return hsmModuleLayer({
      client: { ...hsm, hosts: hsm.links },
      breaker,
      timers,
      keyBlock,
      maxKeys: defaultCacheLimits.maxKeys,
      onRefused,
      watch: (counts) =>
        watch(() => ({ ...counts(), breaker: breaker.state, queueCapacity: hsm.queue }))
    })
  }))
}

/** Only current versions are asked for by name. */
function currentBlocks(keys: ReadonlyArray<StoredKey>): (name: string) => string | undefined {
  const blocks = new Map(
    keys.toSorted((a, b) => a.version - b.version).map(({ block, name }) => [name, block])
  )
  return (name) => blocks.get(name)
}

interface LackingKey {
  readonly key: string
  /** The first terminal that names it, and how many do. */
  readonly terminal: string
  terminals: number
}

/** Master keys and base keys of terminals that are not there, or are keys for something else. */
export function lackingKeys(
  terminals: ReadonlyArray<TerminalProfile>,
  keys: ReadonlyArray<StoredKey>
): ReadonlyArray<LackingKey> {
  const block = currentBlocks(keys)
  const lacking = new Map<string, LackingKey>()
  const look = (terminal: string, usage: string, key: string | undefined) => {
    if (key === undefined || attributesOf(block(key) ?? "").usage === usage) return
    const entry = lacking.get(`${usage} ${key}`)
    if (entry === undefined) lacking.set(`${usage} ${key}`, { key, terminal, terminals: 1 })
    else entry.terminals++
  }
  for (const { baseKey, masterKey, terminal } of terminals) {
    look(terminal, "K0", masterKey)
    look(terminal, "B0", baseKey)
  }
  return [...lacking.values()]
}

/** A start with such keys goes on: the other terminals can work. */
export const tellLackingKeys = Effect.fnUntraced(function*(
  terminals: ReadonlyArray<TerminalProfile>,
  { hsm }: SwitchConfig["keyStore"],
  { hsmKeys = [], store }: Pick<Prepared, "hsmKeys" | "store">
) {
  const { lines } = yield* Observatory
  for (const lacking of lackingKeys(terminals, hsm === undefined ? store.keys : hsmKeys)) {
    lines.write("warn", "terminal-key-missing", { ...lacking })
  }
})

/** The MAC keys and zone PIN keys of the upstreams, installed in the module. */
export const upstreamKeys = Effect.fnUntraced(function*(
  upstreams: ReadonlyArray<UpstreamConfig>,
  { hsm }: SwitchConfig["keyStore"],
  store: KeyStore,
  hsmKeys: ReadonlyArray<StoredKey>
): Effect.fn.Return<UpstreamKeys, SecurityRefused, SecurityModule> {
  const security = yield* SecurityModule
  const block = currentBlocks(hsm === undefined ? store.keys : hsmKeys)
  const install = Effect.fnUntraced(function*(key: string, purpose: KeyPurpose) {
    const found = block(key)
    if (found === undefined) return yield* new SecurityRefused({ code: "key-unknown", key })
    const handle = security.install(Buffer.from(found, "latin1"), purpose)
    if (typeof handle === "number") return handle
    return yield* new SecurityRefused({ code: "key-usage", key })
  })
  const macs = new Map<string, KeyHandle>()
  const pins = new Map<string, PinZone>()
  for (const { macKey, name, pin } of upstreams) {
    if (macKey !== undefined) macs.set(name, yield* install(macKey, "mac"))
    if (pin !== undefined) {
      pins.set(name, { key: yield* install(pin.key, "pin"), format: pin.format })
    }
  }
  return { security, macs, pins }
})
