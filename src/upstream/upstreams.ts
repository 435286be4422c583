/**
 * The upstream station: every configured upstream as a group, joined by name into the `Upstreams`
 * service, and the hand that operators have on them. Built from a checked configuration; what it
 * lacks is a programmer's error here, because `check` refused it before.
 */

import { Context, Effect, Layer } from "effect"
import { HotActors } from "../actor/hot-actor.ts"
import { Timers } from "../actor/timers.ts"
import { TurnFlush } from "../actor/turn-writer.ts"
import type { KeyHandle } from "../domain/brand.ts"
import { makeLocalClock } from "../domain/business-day.ts"
import type { UpstreamConfig } from "../domain/config.ts"
import { invariant } from "../domain/invariant.ts"
import { Codec } from "../domain/ports/codec.ts"
import { Http } from "../domain/ports/http.ts"
import type { SecurityModuleShape } from "../domain/ports/security-module.ts"
import { Random, Time } from "../domain/ports/time.ts"
import { Transport } from "../domain/ports/transport.ts"
import { type UpstreamAnswer, Upstreams } from "../domain/ports/upstream.ts"
import type { Framing } from "../frame/framing.ts"
import type { Mapping } from "../iso8583/mapping.ts"
import type { Dialect } from "../iso8583/message.ts"
import type { Wallet } from "../qr/wallet.ts"
import type { BreakerStatus } from "./breaker.ts"
import { ForcedReminder } from "./forced-reminder.ts"
import type { ControlledGroup } from "./group.ts"
import { type GroupServices, IsoGroup } from "./iso-group.ts"
import { IsoPlanner, type PlannerServices } from "./iso-planner.ts"
import type { UpstreamMeter } from "./meter.ts"
import type { PinZone } from "./pin-translation.ts"
import { makeSeal } from "./seal.ts"
import { formatStan, RrnAllocator } from "./stan-allocator.ts"
import { makeCaller } from "./wallet-caller.ts"
import { WalletGroup } from "./wallet-group.ts"

/** What upstreams share with us, by their names. */
export interface UpstreamKeys {
  readonly security: SecurityModuleShape
  /** Without one nothing is sealed and nothing checked. */
  readonly macs: ReadonlyMap<string, KeyHandle>
  /** Without one no PIN is sent but as it came. */
  readonly pins: ReadonlyMap<string, PinZone>
}

export interface UpstreamsOptions {
  /** Name of this node: part of every RRN. */
  readonly node: string
  /** IANA name, for fields 12 and 13. */
  readonly timeZone: string
  readonly upstreams: ReadonlyArray<UpstreamConfig>
  readonly dialects: ReadonlyMap<string, Dialect>
  readonly framings: ReadonlyMap<string, Framing>
  /** By terminal dialect and upstream dialect: `cup-pos>iso87-ascii`. */
  readonly mappings: ReadonlyMap<string, Mapping>
  readonly keys?: UpstreamKeys
  /** By account name: see `qr/wallet-keys.ts`. */
  readonly wallets?: ReadonlyMap<string, Wallet>
  readonly maxFrameBytes: number
  readonly meter: UpstreamMeter
}

interface UpstreamControlShape {
  /** The operator's hand on a breaker; false: no such upstream. */
  readonly force: (upstream: string, to: "open" | "closed" | "auto") => boolean
  readonly breaker: (upstream: string) => BreakerStatus | undefined
  /** Takes a link out of service gently, or lets it back; false: no such link. */
  readonly drain: (upstream: string, link: number) => boolean
  readonly resume: (upstream: string, link: number) => boolean
}

/** For chains to an upstream that a restart no longer found (G2): they are never sent. */
const noStan = formatStan(0)

/** The side of the upstreams that people use. */
export class UpstreamControl extends Context.Service<UpstreamControl, UpstreamControlShape>()(
  "pointsman/upstream/UpstreamControl"
) {}

export const upstreamsLayer = (options: UpstreamsOptions) =>
  Layer.effectContext(Effect.gen(function*() {
    const late: Array<(id: string, answer: UpstreamAnswer) => void> = []
    const up: Array<(upstream: string) => void> = []
    const build = yield* builder(options, {
      late: (id, answer) => late.forEach((listener) => listener(id, answer)),
      up: (upstream) => up.forEach((listener) => listener(upstream))
    })
    const groups = new Map<string, ControlledGroup>()
    for (const config of options.upstreams) groups.set(config.name, build(config))
    const reminder = new ForcedReminder(yield* Timers, options.meter.forced)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        reminder.close()
        for (const group of groups.values()) group.close()
      })
    )
    const find = (name: string): ControlledGroup => {
      const group = groups.get(name)
      invariant(group !== undefined, `there is no upstream named ${name}`)
      return group
    }
    const upstreams = Upstreams.of({
      reserve: (name, request) => groups.get(name)?.reserve(request) ?? "upstream-down",
      adviceStan: (name) => groups.get(name)?.adviceStan() ?? noStan,
      advise: (name, advice, timeoutMs, ended) => find(name).advise(advice, timeoutMs, ended),
      adviceOver: (name, stan) => groups.get(name)?.adviceOver(stan),
      onLate: (listener) => void late.push(listener),
      onUp: (listener) => void up.push(listener),
      continueAfter: (name, stan) => groups.get(name)?.continueAfter(stan),
      status: () => [...groups.values()].map((group) => group.status())
    })
    return Context.make(Upstreams, upstreams).pipe(
      Context.add(UpstreamControl, controlOf(groups, reminder))
    )
  }))

const builder = Effect.fnUntraced(function*(
  options: UpstreamsOptions,
  events: GroupServices["events"]
) {
  const time = yield* Time
  const codec = yield* Codec
  const http = yield* Http
  const services: GroupServices = {
    time,
    transport: yield* Transport,
    timers: yield* Timers,
    random: yield* Random,
    actors: yield* HotActors,
    flush: new TurnFlush(time),
    meter: options.meter,
    events,
    ...(options.keys === undefined ? {} : { security: options.keys.security }),
    maxFrameBytes: options.maxFrameBytes
  }
  const planning: PlannerServices = {
    time,
    rrns: new RrnAllocator(options.node, time.wallMs()),
    local: makeLocalClock(options.timeZone),
    utc: makeLocalClock("UTC")
  }
  const walletGroup = (config: UpstreamConfig): ControlledGroup => {
    const wallet = options.wallets?.get(config.account ?? "")
    invariant(wallet !== undefined, `upstream ${config.name} has an account`)
    invariant(config.url !== undefined, `upstream ${config.name} has a URL`)
    const ask = makeCaller(config.url, http, time, services.random)
    return new WalletGroup(config, { ...services, rrns: planning.rrns }, wallet, ask)
  }
  return (config: UpstreamConfig): ControlledGroup => {
    if (config.kind === "wallet") return walletGroup(config)
    const dialect = options.dialects.get(config.dialect)
    const framing = options.framings.get(config.framing)
    invariant(dialect !== undefined, `upstream ${config.name} has a dialect`)
    invariant(framing !== undefined, `upstream ${config.name} has a framing`)
    const key = options.keys?.macs.get(config.name)
    const zone = options.keys?.pins.get(config.name)
    const seal = key === undefined ? undefined : makeSeal(codec, dialect, key)
    const mappings = mappingsInto(config.dialect, options.mappings)
    const planner = new IsoPlanner(config, planning, dialect, mappings, seal !== undefined, zone)
    return new IsoGroup(config, services, planner, framing, seal)
  }
})

/** The mappings that end in a dialect, by the terminal's. */
function mappingsInto(
  dialect: string,
  all: ReadonlyMap<string, Mapping>
): ReadonlyMap<string, Mapping> {
  const found = new Map<string, Mapping>()
  for (const mapping of all.values()) if (mapping.to === dialect) found.set(mapping.from, mapping)
  return found
}

function controlOf(
  groups: ReadonlyMap<string, ControlledGroup>,
  reminder: ForcedReminder
): UpstreamControlShape {
  return UpstreamControl.of({
    force: (upstream, to) => {
      const group = groups.get(upstream)
      if (group === undefined) return false
      group.force(to)
      reminder.moved(upstream, group.breakerStatus().state)
      return true
    },
    breaker: (upstream) => groups.get(upstream)?.breakerStatus(),
    drain: (upstream, link) => groups.get(upstream)?.hold(link, true) ?? false,
    resume: (upstream, link) => groups.get(upstream)?.hold(link, false) ?? false
  })
}
