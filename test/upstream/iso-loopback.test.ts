/**
 * The station with the shipped dialects over real loopback sockets, against the simulated acquirer:
 * a China UnionPay terminal's captured sale before a host that speaks ISO 8583:1987.
 */

import { Effect, Exit, Layer, Scope } from "effect"
import { readFileSync } from "node:fs"
import { afterEach, describe, expect, it } from "vitest"
import { parse } from "yaml"
import { HotActors } from "../../src/actor/hot-actor.ts"
import { Timers } from "../../src/actor/timers.ts"
import type { Stan } from "../../src/domain/brand.ts"
import type { UpstreamConfig } from "../../src/domain/config.ts"
import { Codec, type CodecShape } from "../../src/domain/ports/codec.ts"
import { Http, type HttpShape } from "../../src/domain/ports/http.ts"
import { Random, Time } from "../../src/domain/ports/time.ts"
import { Transport } from "../../src/domain/ports/transport.ts"
import {
  type Ending,
  type Reservation,
  type UpstreamRequest,
  Upstreams
} from "../../src/domain/ports/upstream.ts"
import { compileFraming } from "../../src/frame/compile.ts"
import type { Framing } from "../../src/frame/framing.ts"
import { identityMapping } from "../../src/iso8583/compile-mapping.ts"
import { MachineRandom, MachineTime } from "../../src/listen/machine-time.ts"
import { MachineTransport } from "../../src/listen/machine-transport.ts"
import {
  Acquirer,
  type AcquirerTemper,
  goodTemper,
  type Mood
} from "../../src/simulate/acquirer.ts"
import { UpstreamBook, type UpstreamEntry } from "../../src/simulate/book.ts"
import { upstreamsLayer } from "../../src/upstream/upstreams.ts"
import { captured, dialect, mapping, read } from "../iso8583/shipped.ts"
import { Counts, record, upstreamConfig } from "./station.ts"

const cup = dialect("cup-pos")
const iso = dialect("iso87-ascii")
const framing = compileFraming(
  parse(readFileSync(new URL("../../config/framings/length2.yaml", import.meta.url), "utf8"))
) as Framing

/** Long enough for anything on loopback; nobody measures it. */
const patienceMs = 10_000

const base = Layer.mergeAll(
  MachineTransport,
  HotActors.layer,
  MachineRandom,
  Layer.succeed(Codec, Codec.of({ lane: () => ({}) } as unknown as CodecShape)),
  Layer.succeed(Http, Http.of({} as HttpShape))
).pipe(Layer.provideMerge(Timers.layer), Layer.provideMerge(MachineTime))

const opened: Array<Scope.Closeable> = []

afterEach(async () => {
  for (const scope of opened.splice(0)) await Effect.runPromise(Scope.close(scope, Exit.void))
})

class Bank {
  readonly meter: Counts
  readonly book: UpstreamBook
  readonly acquirer: Acquirer
  readonly upstreams

  private constructor(acquirer: Acquirer, book: UpstreamBook, meter: Counts, upstreams: unknown) {
    this.acquirer = acquirer
    this.book = book
    this.meter = meter
    this.upstreams = upstreams as typeof Upstreams.Service
  }

  static async open(
    temper: Partial<AcquirerTemper> = {},
    change: Partial<UpstreamConfig> = {},
    spoken = iso
  ): Promise<Bank> {
    const scope = Effect.runSync(Scope.make())
    opened.push(scope)
    return Effect.runPromise(Bank.#made(temper, change, spoken, scope))
  }

  static #made = Effect.fnUntraced(function*(
    temper: Partial<AcquirerTemper>,
    change: Partial<UpstreamConfig>,
    spoken: typeof iso,
    scope: Scope.Closeable
  ) {
    const context = yield* Layer.buildWithScope(base, scope)
    const run = Effect.provide(context)
    const book = new UpstreamBook(() => {})
    const services = yield* run(Effect.all({ random: Random, time: Time, timers: Timers }))
    const acquirer = new Acquirer({
      name: "bank",
      dialect: spoken,
      framing,
      book,
      temper: { ...goodTemper, ...temper },
      ...services
    })
    const transport = yield* run(Transport)
    const listen = { name: "acquirer", host: "127.0.0.1", port: 0, backlog: 16 }
    const { port } = yield* Scope.provide(
      transport.listen(listen, (connection) => acquirer.accept(connection)),
      scope
    )
    const meter = new Counts()
    const place = { host: "127.0.0.1", port }
    const layer = upstreamsLayer({
      node: "n1",
      timeZone: "Asia/Shanghai",
      upstreams: [{
        ...upstreamConfig,
        links: [place, place],
        dialect: spoken.name,
        signOn: true,
        ...change
      }],
      dialects: new Map([[cup.name, cup], [iso.name, iso]]),
      framings: new Map([["length-2", framing]]),
      mappings: new Map([
        ["cup-pos>iso87-ascii", mapping(cup, iso)],
        ["cup-pos>cup-pos", identityMapping(cup)]
      ]),
      maxFrameBytes: 8192,
      meter
    })
    const built = yield* run(Layer.buildWithScope(layer, scope))
    const bank = new Bank(acquirer, book, meter, yield* Effect.provide(Upstreams, built))
    yield* Effect.promise(() =>
      until(() => bank.upstreams.status()[0]!.links.every(({ state }) => state === "up"))
    )
    return bank
  })

  booked(): Array<UpstreamEntry> {
    return [...this.book.entries.values()]
  }

  reserve(id: string): Reservation {
    const reserved = this.upstreams.reserve("bank", sale(id))
    if (typeof reserved === "string") throw new Error(reserved)
    return reserved
  }

  send(reservation: Reservation, timeoutMs = patienceMs): Promise<Ending> {
    return new Promise((done, failed) => {
      if (!reservation.dispatch(timeoutMs, done)) failed(new Error("not written"))
    })
  }

  /** One mood for all. */
  mood(mood: Mood): void {
    this.acquirer.temper = { ...this.acquirer.temper, shares: { [mood]: 1 } }
  }
}

/** Sale vector C: chip, 0.01, the terminal's own STAN and time. */
function sale(id: string): UpstreamRequest {
  return { record: record(id), facts: {}, message: read(cup, captured["mac-c"]!) }
}

async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000 && !holds(); turn++) {
    await new Promise<void>((done) => setTimeout(done, 5))
  }
  expect(holds()).toBe(true)
}

describe("a terminal's sale over loopback", () => {
  it("reaches a host of another dialect under our numbers and comes back approved", async () => {
    const bank = await Bank.open()
    const reservations = Array.from({ length: 8 }, (_, index) => bank.reserve(`t${index}`))
    const ends = await Promise.all(reservations.map((each) => bank.send(each)))
    for (const [index, end] of ends.entries()) {
      expect(end).toMatchObject({ _tag: "answered", answer: { approved: true, response: "00" } })
      const entry = bank.booked().find(({ reference }) => reference === reservations[index]!.stan)
      expect(entry).toMatchObject({ times: 1, rrn: reservations[index]!.rrn, kind: "sale" })
    }
    expect(new Set(reservations.map(({ link }) => link)).size).toBe(2)
  })

  it("is declined, altered, answered twice, dropped and garbled, each to its own end", async () => {
    const bank = await Bank.open()
    const ends: Array<string> = []
    for (
      const mood of ["decline", "altered", "duplicate", "drop-after-write", "garbage"] as const
    ) {
      bank.mood(mood)
      const reservation = bank.reserve(mood)
      const end = await bank.send(reservation, mood === "garbage" ? 300 : patienceMs)
      ends.push(end._tag === "answered" ? `${end.answer.approved}` : end._tag)
    }
    expect(ends).toEqual(["false", "invalid", "true", "lost", "timed-out"])
    await until(() => bank.meter.of("duplicate") === 1)
    expect(bank.meter.of("malformed")).toBe(1)
    await until(() => bank.upstreams.status()[0]!.links.every(({ state }) => state === "up"))
  })

  it("is reversed at a host of 1987, with its original named", async () => {
    const bank = await Bank.open()
    bank.mood("silent")
    const reservation = bank.reserve("t1")
    expect(await bank.send(reservation, 100)).toEqual({ _tag: "timed-out" })
    const original = record("t1", {
      upstreamStan: reservation.stan,
      upstreamRrn: reservation.rrn!,
      upstreamTime: reservation.time!
    })
    const stan = bank.upstreams.adviceStan("bank")
    const end = await advise(bank, original, stan, 0)
    expect(end).toMatchObject({ _tag: "answered", answer: { approved: true } })
    await advise(bank, original, stan, 1)
    expect(bank.booked()).toMatchObject([
      { reference: reservation.stan, reversed: true, reversals: 2, repeats: 1 }
    ])
  })

  it("and its reversal reach a host that speaks as the terminal does", async () => {
    const bank = await Bank.open({}, { signOn: false, dialect: cup.name }, cup)
    const reservation = bank.reserve("t1")
    expect(await bank.send(reservation)).toMatchObject({ answer: { approved: true } })
    const original = record("t1", { upstreamStan: reservation.stan, batch: "000001" })
    const end = await advise(bank, original, bank.upstreams.adviceStan("bank"), 0)
    expect(end).toMatchObject({ _tag: "answered", answer: { approved: true } })
    expect(bank.booked()).toMatchObject([{ reference: reservation.stan, reversed: true }])
  })
})

function advise(
  bank: Bank,
  original: ReturnType<typeof record>,
  stan: Stan,
  attempt: number
): Promise<Ending> {
  const advice = { record: original, facts: {}, reason: "98", attempt, stan }
  return new Promise((done, failed) => {
    if (!bank.upstreams.advise("bank", advice, patienceMs, done)) failed(new Error("not written"))
  })
}
