/**
 * What a device maker can hold against a switch, or a stand-in for one: a script of exchanges by
 * the schema of `qr/device-schema.ts`, each with what must come back. A step that fails says what
 * came instead; later steps go on, each on a connection of its own.
 */

import { Effect } from "effect"
import type { RandomShape } from "../domain/ports/time.ts"
import type { TransportShape } from "../domain/ports/transport.ts"
import {
  deviceNotices,
  deviceVersion,
  type FieldRule,
  fits,
  nonceBytes
} from "../qr/device-schema.ts"
import { DeviceWire, type Heard, proofOf } from "./device-wire.ts"
import { type DeviceMessage } from "./device.ts"

interface ConformanceOptions {
  readonly transport: TransportShape
  readonly random: RandomShape
  readonly host: string
  readonly port: number
  readonly terminal: string
  /** The key that it shares with the switch. */
  readonly key: Uint8Array
  readonly currency: string
  /** A code that some wallet pays. */
  readonly payCode: string
  /** Tells the switch of a payment at this terminal's counter; absent: that step is left out. */
  readonly pay?: Effect.Effect<void>
}

export interface StepResult {
  readonly step: string
  /** Undefined: it held. */
  readonly fault?: string
}

type Step = (bench: Bench) => Effect.Effect<string | undefined>

const firstStep = "challenges whoever connects"
const pushStep = "announces a payment until it is acknowledged, and then no more"

/** How often a device that signs on too often waits a moment, and for how long. */
const busyTries = 5
const busyMs = 1000

/** Names, in the order in which they are taken. */
const steps: Readonly<Record<string, Step>> = {
  [firstStep]: (bench) => bench.fresh(() => Effect.succeed(undefined)),
  "hears nothing before the hello": (bench) =>
    bench.fresh((wire) => {
      wire.send({ type: "ping" })
      return expectRefused(wire, "not-signed-on")
    }),
  "refuses a wrong proof": (bench) =>
    bench.fresh((wire, challenge) => {
      const nonce = bench.nonce()
      const proof = bench.proof("device", challenge, nonce).map((byte) => byte ^ 1)
      wire.send(bench.hello(nonce, proof))
      return expectRefused(wire, "mac-wrong")
    }),
  "welcomes the right one, and proves itself": (bench) =>
    bench.proven(() => Effect.succeed(undefined)),
  "answers a ping": (bench) =>
    bench.proven((wire) => {
      wire.send({ type: "ping" })
      return expectIs(wire.hear("pong"), "pong")
    }),
  "notes a status": (bench) =>
    bench.proven((wire) => {
      wire.send({ type: "status", software: "conform", batteryPercent: 80 })
      return expectIs(wire.hear("noted"), "noted")
    }),
  "answers a sale by the customer's code, and its repeat alike": (bench) =>
    bench.proven((wire) => bench.sale(wire)),
  "gives a code to show": (bench) =>
    bench.proven((wire) => {
      const stan = bench.stan()
      wire.send({ type: "show", stan, amount: 150, currency: bench.options.currency })
      return expectIs(wire.hear("code"), "code", { stan })
    }),
  "refuses what is no map, and goes on": (bench) =>
    bench.proven((wire) => {
      wire.sendBody(Buffer.of(0xc1))
      return Effect.flatMap(expectRefused(wire, "message-format"), (fault) => {
        if (fault !== undefined) return Effect.succeed(fault)
        wire.send({ type: "ping" })
        return expectIs(wire.hear("pong"), "pong")
      })
    }),
  "refuses what its schema does not have": (bench) =>
    bench.proven((wire) => {
      wire.send({ type: "sale", stan: "12", amount: -1, currency: "156", code: "1" })
      return expectRefused(wire, "message-format")
    }),
  "ends a connection whose frame is too long": (bench) =>
    bench.proven((wire) => {
      wire.sendBytes(Buffer.of(0xff, 0xff))
      return Effect.map(
        wire.hear("nothing"),
        (heard) => heard === "closed" ? undefined : `expected an end, heard ${words(heard)}`
      )
    }),
  [pushStep]: (bench) => bench.pushes
}

/** Every step, whatever the one before said; none after a first one that failed. */
export const conform = (options: ConformanceOptions): Effect.Effect<ReadonlyArray<StepResult>> =>
  Effect.gen(function*() {
    const bench = new Bench(options)
    const results: Array<StepResult> = []
    for (const [step, run] of Object.entries(steps)) {
      if (step === pushStep && options.pay === undefined) continue
      const lost = results[0]?.fault === undefined ? undefined : "not tried"
      const fault = lost ?? (yield* run(bench))
      results.push(fault === undefined ? { step } : { step, fault })
    }
    return results
  })

class Bench {
  readonly options: ConformanceOptions
  /** Where a run begins its numbers is chance, so that two runs are not taken for repeats. */
  #stan: number

  constructor(options: ConformanceOptions) {
    this.options = options
    this.#stan = Math.floor(options.random.next() * 900_000)
  }

  stan(): string {
    return String(++this.#stan).padStart(6, "0")
  }

  nonce(): Uint8Array {
    return this.options.random.bytes(nonceBytes)
  }

  proof(who: "device" | "switch", first: Uint8Array, second: Uint8Array): Uint8Array {
    return proofOf(this.options.key, who, first, second, this.options.terminal)
  }

  hello(nonce: Uint8Array, proof: Uint8Array): DeviceMessage {
    return { type: "hello", version: deviceVersion, terminal: this.options.terminal, nonce, proof }
  }

  /** On a connection of its own, after the challenge. */
  fresh(
    step: (wire: DeviceWire, challenge: Uint8Array) => Effect.Effect<string | undefined>
  ): Effect.Effect<string | undefined> {
    const { host, port, transport } = this.options
    return Effect.gen(function*() {
      const wire = yield* DeviceWire.connect(transport, host, port)
      if (wire === undefined) return `nobody listens on ${host}:${port}`
      const ended = Effect.sync(() => wire.close())
      return yield* Effect.ensuring(
        Effect.gen(function*() {
          const heard = yield* wire.next
          const fault = faultOf(heard, "challenge")
          if (fault !== undefined || typeof heard === "string") return fault
          return yield* step(wire, heard["nonce"] as Uint8Array)
        }),
        ended
      )
    })
  }

  /** The same, after both have proven themselves. */
  proven(
    step: (wire: DeviceWire) => Effect.Effect<string | undefined>
  ): Effect.Effect<string | undefined> {
    let busy = false
    const once = this.fresh((wire, challenge) => {
      const nonce = this.nonce()
      wire.send(this.hello(nonce, this.proof("device", challenge, nonce)))
      return Effect.flatMap(wire.hear("welcome"), (heard) => {
        busy = typeof heard !== "string" && heard["failure"] === "session-busy"
        const fault = faultOf(heard, "welcome")
        if (fault !== undefined || typeof heard === "string") return Effect.succeed(fault)
        const expected = this.proof("switch", nonce, challenge)
        const right = Buffer.from(expected).equals(Buffer.from(heard["proof"] as Uint8Array))
        return right ? step(wire) : Effect.succeed("its own proof is wrong")
      })
    })
    return Effect.gen(function*() {
      for (let tries = 1; tries < busyTries; tries++) {
        const fault = yield* once
        if (!busy) return fault
        yield* Effect.sleep(busyMs)
      }
      return yield* once
    })
  }

  sale(wire: DeviceWire): Effect.Effect<string | undefined> {
    const { currency, payCode } = this.options
    const stan = this.stan()
    const sale = { type: "sale", stan, amount: 120, currency, code: payCode }
    return Effect.gen(function*() {
      wire.send(sale)
      const first = yield* wire.hear("result")
      const fault = faultOf(first, "result", { stan })
      if (fault !== undefined || typeof first === "string") return fault
      wire.send({ ...sale, repeat: true })
      const again = yield* wire.hear("result")
      const other = faultOf(again, "result", first)
      return other === undefined ? undefined : `the repeat was answered otherwise: ${other}`
    })
  }

  /** Not acknowledged: it comes again to the next session, under its number; then it does not. */
  get pushes(): Effect.Effect<string | undefined> {
    const { pay } = this.options
    if (pay === undefined) return Effect.succeed("nobody can pay at its counter")
    const acknowledging = (until: number) => (wire: DeviceWire) =>
      Effect.gen(function*() {
        for (let heardPushes = 0; heardPushes < 256; heardPushes++) {
          const heard = yield* wire.hear("push")
          const fault = faultOf(heard, "push")
          if (fault !== undefined || typeof heard === "string") return fault
          const sequence = heard["sequence"] as number
          wire.send({ type: "ack", sequence })
          if (sequence > until) break
          if (sequence === until) return undefined
        }
        return "the push did not come again"
      })
    return Effect.gen({ self: this }, function*() {
      let last = 0
      const seen = (wire: DeviceWire) =>
        Effect.gen(function*() {
          yield* pay
          const heard = yield* wire.hear("push")
          if (typeof heard !== "string") last = Number(heard["sequence"])
          return faultOf(heard, "push")
        })
      const first = yield* this.proven(seen)
      if (first !== undefined) return first
      const again = yield* this.proven(acknowledging(last))
      if (again !== undefined) return again
      return yield* this.proven((wire) => {
        wire.send({ type: "ping" })
        return Effect.map(
          wire.next,
          (heard) =>
            typeof heard !== "string" && heard["type"] === "push" && heard["sequence"] !== last
              ? undefined
              : faultOf(heard, "pong")
        )
      })
    })
  }
}

const expectIs = (
  heard: Effect.Effect<Heard>,
  type: keyof typeof deviceNotices,
  fields: DeviceMessage = {}
): Effect.Effect<string | undefined> => Effect.map(heard, (each) => faultOf(each, type, fields))

const expectRefused = (wire: DeviceWire, failure: string) =>
  expectIs(wire.hear("refused"), "refused", { failure })

/** Undefined: it is a message of this type, fits the schema, and has these fields. */
function faultOf(
  heard: Heard,
  type: keyof typeof deviceNotices,
  fields: DeviceMessage = {}
): string | undefined {
  if (typeof heard === "string" || heard["type"] !== type) {
    return `expected ${type}, heard ${words(heard)}`
  }
  const rules: Readonly<Record<string, FieldRule>> = deviceNotices[type]
  for (const [name, rule] of Object.entries(rules)) {
    const value = heard[name]
    if (value === undefined ? rule.optional !== true : !fits(rule, value)) {
      return `${type} has a wrong ${name}`
    }
  }
  for (const [name, value] of Object.entries(fields)) {
    if (heard[name] !== value) return `expected ${name} ${String(value)}, heard ${words(heard)}`
  }
  return undefined
}

function words(heard: Heard): string {
  if (typeof heard === "string") return heard
  const { failure, type } = heard
  return failure === undefined ? String(type) : `${String(type)} (${String(failure)})`
}
