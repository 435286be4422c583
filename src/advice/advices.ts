/**
 * The advice station: a lane per upstream, each with its own pace. Chains arrive durable and leave
 * through `onEnd`, whose listener makes the end durable.
 */

import { Effect, Layer } from "effect"
import { Timers } from "../actor/timers.ts"
import type { AdviceRecord } from "../domain/advice.ts"
import type { AdviceConfig } from "../domain/config.ts"
import { type AdviceEnd, Advices } from "../domain/ports/advices.ts"
import { Journal } from "../domain/ports/journal.ts"
import { Random, Time } from "../domain/ports/time.ts"
import { Upstreams } from "../domain/ports/upstream.ts"
import { Vault } from "../domain/ports/vault.ts"
import { makeSealing } from "../domain/sealing.ts"
import { Lane, type LaneMeter, type LaneServices } from "./lane.ts"

interface AdvicesOptions {
  /** By upstream name; every upstream has one. */
  readonly lanes: ReadonlyMap<string, AdviceConfig>
  readonly meter: LaneMeter
}

export const advicesLayer = (options: AdvicesOptions) =>
  Layer.effect(
    Advices,
    Effect.gen(function*() {
      const time = yield* Time
      const upstreams = yield* Upstreams
      const listeners: Array<(end: AdviceEnd) => void> = []
      const services: LaneServices = {
        time,
        timers: yield* Timers,
        random: yield* Random,
        journal: yield* Journal,
        upstreams,
        sealing: makeSealing(yield* Vault),
        meter: options.meter,
        ended: (end) => {
          for (const listener of listeners) listener(end)
        }
      }
      const lanes = new Map<string, Lane>()
      for (const [name, config] of options.lanes) lanes.set(name, new Lane(name, config, services))
      upstreams.onUp((upstream) => lanes.get(upstream)?.resume())
      return Advices.of({
        open: (transaction, upstream, reason, kind) => ({
          transaction,
          kind,
          upstream,
          reason,
          stan: upstreams.adviceStan(upstream),
          attempts: 0,
          createdMs: time.wallMs(),
          nextMs: time.wallMs(),
          state: "pending"
        }),
        start: (record) => {
          const lane = lanes.get(record.upstream)
          if (lane === undefined) services.ended(orphaned(record, time.wallMs()))
          else lane.start(record)
        },
        onEnd: (listener) => void listeners.push(listener),
        pending: () => new Map([...lanes].map(([name, lane]) => [name, lane.pending])),
        stanOf: (transaction) => {
          for (const lane of lanes.values()) {
            const stan = lane.stanOf(transaction)
            if (stan !== undefined) return stan
          }
          return undefined
        }
      })
    })
  )

/** A chain whose upstream is no longer configured cannot be sent: a human must end it. */
function orphaned(record: AdviceRecord, atMs: number): AdviceEnd {
  return {
    record: { ...record, state: "exhausted" },
    exception: {
      id: `${record.transaction}:upstream-removed`,
      transaction: record.transaction,
      reason: "upstream-removed",
      detail: `${record.kind} to ${record.upstream}, which is not configured`,
      atMs
    }
  }
}
