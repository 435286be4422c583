/**
 * Transaction, advice and upstream stations together, each the real one: what a terminal is told,
 * what the upstreams hear, and that every doubt ends in one acknowledged chain.
 */

import { Effect, Layer } from "effect"
import { describe, expect, it, vi } from "vitest"
import { Timers } from "../../src/actor/timers.ts"
import { advicesLayer } from "../../src/advice/advices.ts"
import type { UpstreamConfig } from "../../src/domain/config.ts"
import { Advices } from "../../src/domain/ports/advices.ts"
import { Journal } from "../../src/domain/ports/journal.ts"
import { Random } from "../../src/domain/ports/time.ts"
import type { Submission } from "../../src/domain/ports/transactions.ts"
import { Upstreams } from "../../src/domain/ports/upstream.ts"
import { Vault } from "../../src/domain/ports/vault.ts"
import type { Framing } from "../../src/frame/framing.ts"
import type { Message } from "../../src/iso8583/message.ts"
import { Desk } from "../../src/transaction/desk.ts"
import { recover } from "../../src/transaction/recovery.ts"
import type { Room } from "../../src/transaction/room.ts"
import { built } from "../actor/built.ts"
import { FakeAsker, FakeJournal, Stage } from "../transaction/stage.ts"
import { encode, fakeDialect, fakeFraming, type Fields } from "./fake-dialect.ts"
import { Station, upstreamConfig } from "./station.ts"

function bank(name: string, port: number, change: Partial<UpstreamConfig> = {}): UpstreamConfig {
  return { ...upstreamConfig, name, links: [{ host: "127.0.0.1", port }], ...change }
}

class House {
  readonly journal = new FakeJournal()
  readonly stage = new Stage()
  readonly station: Station
  readonly desk: Desk
  readonly #room: Room

  constructor(upstreams = [bank("a", 1), bank("b", 2)], narrow?: Framing) {
    const framings = new Map([["length-2", fakeFraming], ["narrow", narrow ?? fakeFraming]])
    this.station = new Station({}, { upstreams, framings }, fakeDialect({ repeatMti: "0421" }))
    const { time } = this.station
    const commit = this.journal.commit.bind(this.journal)
    this.journal.commit = (writes, feed, done) => {
      commit(writes, feed, done)
      time.shape.defer(() => this.journal.sync())
    }
    const timers = built(Timers.layer.pipe(Layer.provide(time.layer))).get(Timers)
    const advices = built(
      advicesLayer({
        lanes: new Map(upstreams.map(({ advice, name }) => [name, advice])),
        meter: { sent: () => {}, ended: () => {}, alert: () => {} }
      }).pipe(
        Layer.provide([
          time.layer,
          Layer.succeed(Timers, timers),
          Layer.succeed(Journal, Journal.of(this.journal)),
          Layer.succeed(Upstreams, this.station.upstreams),
          Layer.succeed(Random, Random.of({ next: () => 0.5, bytes: (n) => new Uint8Array(n) })),
          Layer.succeed(
            Vault,
            Vault.of({
              seal: (clear) => Uint8Array.from(clear),
              open: (sealed) => sealed,
              digest: (text) => text
            })
          )
        ])
      )
    ).get(Advices)
    const patience = new Map(upstreams.map(({ name, timeoutMs }) => [name, timeoutMs]))
    this.#room = {
      ...this.stage.room,
      time: time.shape,
      timers,
      journal: this.journal,
      upstreams: this.station.upstreams,
      advices,
      router: {
        decide: () => ({
          route: "r",
          candidates: upstreams.map(({ name }) => name),
          configVersion: 1
        })
      },
      settings: { ...this.stage.room.settings, upstreamTimeoutMs: patience }
    }
    this.desk = new Desk(this.#room)
  }

  recover(): void {
    const fiber = Effect.runFork(recover(this.#room, this.desk))
    for (let turn = 0; turn < 100 && fiber.pollUnsafe() === undefined; turn++) this.journal.sync()
    expect(fiber.pollUnsafe()).toMatchObject({ _tag: "Success" })
    this.journal.sync()
    this.station.time.settle()
  }

  ask(change: Partial<Submission> = {}, fields: Fields = {}): FakeAsker {
    const submission = this.stage.sale(change)
    const bytes = encode({
      mti: "0200",
      3: "000000",
      4: "000000000100",
      11: submission.stan,
      41: submission.terminal,
      ...fields
    })
    const asker = new FakeAsker()
    const message = this.station.dialect.read(bytes) as Message
    this.desk.submit({ ...submission, message, arrivedMs: this.station.time.now }, asker)
    this.station.time.settle()
    return asker
  }

  heard(port: number, mti: string): Array<Fields> {
    return this.station.transport.peers.filter((peer) => peer.port === port)
      .flatMap((peer) => peer.of(mti))
  }

  answer(port: number, request: Fields, change: Fields): void {
    this.station.transport.peer(port).answer(request, change)
    this.station.time.settle()
  }

  get states(): Array<string> {
    return [...this.journal.entries("transactions")].map(([, record]) => record.state)
  }

  get chains(): number {
    return [...this.journal.entries("advices")].length
  }
}

describe("a sale from the desk to an upstream", () => {
  it("is reversed at its pace where the reversal's seal fails at once", () => {
    const house = new House()
    house.ask()
    const advise = vi.spyOn(house.station.upstreams, "advise")
    advise.mockImplementation((_name, _advice, _timeoutMs, ended) => {
      ended({ _tag: "unwritten" })
      return true
    })
    house.station.time.pass(5100)
    house.journal.sync()
    expect([advise.mock.calls.length, house.chains]).toEqual([1, 1])
    house.station.time.pass(2000)
    expect(advise.mock.calls.length).toBeGreaterThan(1)
    advise.mockRestore()
  })

  it("is answered", () => {
    const house = new House()
    const asker = house.ask()
    house.answer(1, house.heard(1, "0200")[0]!, { 39: "00", 38: "A1B2C3" })
    expect(asker.delivered).toEqual(["answer 00"])
    expect(house.states).toEqual(["answered"])
  })

  it("is handed to people when a restart finds it without its upstream (G2)", () => {
    const before = new House([bank("a", 1)])
    before.ask()
    expect(before.states).toEqual(["forwarded"])
    const after = new House([bank("b", 2)])
    for (const [name, rows] of before.journal.tables) {
      after.journal.tables.set(name, new Map(rows))
    }
    after.recover()
    expect(after.states).toEqual(["exception"])
    expect(after.journal.fed).toContainEqual(
      expect.objectContaining({
        table: "exceptions",
        row: expect.objectContaining({ reason: "upstream-removed" })
      })
    )
  })

  it("gets a number for its chain when its upstream is there again (G2)", () => {
    const before = new House([bank("a", 1)])
    before.ask()
    before.station.time.pass(5100)
    const after = new House([bank("a", 1)])
    for (const [name, rows] of before.journal.tables) {
      after.journal.tables.set(name, new Map(rows))
    }
    // As a start without that upstream leaves it when it is killed before people have it.
    const [[id, chain] = ["", undefined]] = [...after.journal.entries("advices")]
    after.journal.tables.get("advices")!.set(id, { ...chain, stan: "000000" })
    after.recover()
    after.station.time.pass(5200)
    const [reversal] = after.heard(1, "0421")
    expect(Number(reversal!["11"])).toBeGreaterThan(0)
    after.answer(1, reversal!, { 39: "00" })
    expect([after.states, after.chains]).toEqual([["reversed"], 0])
  })

  it("goes to the next candidate when its link died before the write (U2)", () => {
    const house = new House()
    const submission = house.stage.sale()
    const asker = new FakeAsker()
    const message = house.station.dialect.read(
      encode({ mti: "0200", 4: "000000000100", 41: submission.terminal })
    ) as Message
    house.desk.submit({ ...submission, message }, asker)
    house.station.transport.peer(1).close("reset")
    house.station.time.settle()
    expect([house.heard(1, "0200"), house.heard(2, "0200")].map((each) => each.length)).toEqual([
      0,
      1
    ])
    house.answer(2, house.heard(2, "0200")[0]!, { 39: "00" })
    expect(asker.delivered).toEqual(["answer 00"])
  })

  it("is refused at once when no candidate stands, and owes nothing (U1, U21)", () => {
    const house = new House()
    for (const port of [1, 2]) {
      house.station.transport.ports.set(port, "refuse")
      house.station.transport.peer(port).close("reset")
    }
    house.station.time.pass(100)
    expect(house.ask().delivered).toEqual(["answer 91"])
    expect([house.states, house.chains]).toEqual([["refused"], 0])
  })

  it("moves to the other upstream when the breaker of the first opens (U13)", () => {
    const house = new House([bank("a", 1, { window: 50 }), bank("b", 2)])
    house.station.control.force("a", "open")
    house.ask()
    expect(house.heard(2, "0200")).toHaveLength(1)
  })
})

describe("a sale that no frame of its upstream can carry", () => {
  const narrow: Framing = {
    ...fakeFraming,
    encode: (header, body) =>
      Buffer.from(body).includes("\"0200\"") ? undefined : fakeFraming.encode(header, body)
  }

  it("is refused by that name", () => {
    const house = new House([bank("a", 1, { framing: "narrow" })], narrow)
    const asker = house.ask()
    expect(asker.verdict?.failure).toBe("untranslatable")
    expect(asker.delivered).toEqual(["answer 30"])
    expect([house.states, house.chains]).toEqual([["refused"], 0])
    expect(house.station.upstreams.status()[0]).toMatchObject({ breaker: "closed", inFlight: 0 })
  })

  it("goes to the next, whose frames can", () => {
    const house = new House([bank("a", 1, { framing: "narrow" }), bank("b", 2)], narrow)
    const asker = house.ask()
    house.answer(2, house.heard(2, "0200")[0]!, { 39: "00" })
    expect(asker.delivered).toEqual(["answer 00"])
    expect(house.heard(1, "0200")).toEqual([])
  })
})

describe("a sale in doubt", () => {
  it("is reversed at the same upstream until that says so, and never sent again (U5, U18)", () => {
    const house = new House()
    const asker = house.ask()
    const [sale] = house.heard(1, "0200")
    house.station.time.pass(5100)
    expect(asker.delivered).toEqual(["answer 68"])
    const [first] = house.heard(1, "0420")
    expect(first).toMatchObject({ 90: `0200:${sale!["11"]}`, 37: sale!["37"], 60: "98" })
    house.answer(1, first!, { 39: "96" })
    house.station.time.pass(1100)
    const [second] = house.heard(1, "0421")
    expect(second).toMatchObject({ 11: first!["11"], 90: first!["90"] })
    house.answer(1, second!, { 39: "00" })
    expect([house.states, house.chains]).toEqual([["reversed"], 0])
    expect([house.heard(1, "0200").length, house.heard(2, "0200").length]).toEqual([1, 0])
  })

  it.each([
    ["acknowledged", "00", "reversed"],
    ["exhausted", "96", "exception"]
  ])("gives its chain's STAN back when that is %s", (_, code, state) => {
    const advice = { ...upstreamConfig.advice, expireAfterMs: 60_000 }
    const house = new House([bank("a", 1, { advice })])
    const over = vi.spyOn(house.station.upstreams, "adviceOver")
    house.ask()
    for (let second = 0; second < 90; second++) {
      house.station.time.pass(1000)
      for (const mti of ["0420", "0421"]) {
        for (const each of house.heard(1, mti)) house.answer(1, each, { 39: code })
      }
    }
    expect([house.states, house.chains]).toEqual([[state], 0])
    const [reversal] = house.heard(1, "0420")
    expect(over.mock.calls).toEqual([["a", reversal!["11"]]])
    over.mockRestore()
  })

  it("is not given up because the wall clock was set forward (K1, rule 11)", () => {
    const house = new House()
    house.ask()
    house.station.time.pass(5100)
    house.answer(1, house.heard(1, "0420")[0]!, { 39: "96" })
    house.station.time.wall += 366 * 86_400_000
    house.station.time.pass(2000)
    expect([house.states, house.chains]).toEqual([["reversing"], 1])
    house.answer(1, house.heard(1, "0421")[0]!, { 39: "00" })
    expect([house.states, house.chains]).toEqual([["reversed"], 0])
  })

  it("is handed to people with what stands in its way", () => {
    const advice = { ...upstreamConfig.advice, expireAfterMs: 60_000 }
    const house = new House([bank("a", 1, { advice })])
    house.ask()
    house.station.time.pass(5100)
    for (let second = 0; second < 90; second++) {
      house.station.time.pass(1000)
      for (const mti of ["0420", "0421"]) {
        for (const each of house.heard(1, mti)) house.answer(1, each, { 39: "96" })
      }
    }
    expect(house.journal.fed).toContainEqual(
      expect.objectContaining({
        table: "exceptions",
        row: expect.objectContaining({ detail: expect.stringMatching(/attempts, the last: 96$/) })
      })
    )
  })

  it("hears the late approval and tells nobody (U7)", () => {
    const house = new House()
    const asker = house.ask()
    house.station.time.pass(5100)
    house.answer(1, house.heard(1, "0200")[0]!, { 39: "00" })
    house.answer(1, house.heard(1, "0420")[0]!, { 39: "00" })
    expect(asker.delivered).toEqual(["answer 68"])
    expect(house.states).toEqual(["reversed"])
  })

  it.each([["00", 0], ["25", 1]])(
    "whose reversal was accepted with %s shows people %i late approvals",
    (code, raised) => {
      const house = new House()
      house.ask()
      house.station.time.pass(5100)
      house.answer(1, house.heard(1, "0420")[0]!, { 39: code })
      expect(house.states).toEqual(["reversed"])
      house.answer(1, house.heard(1, "0200")[0]!, { 39: "00" })
      const exceptions = house.journal.fed.filter(({ table }) => table === "exceptions")
      expect(exceptions).toHaveLength(raised)
    }
  )

  it("waits for its upstream to come back, and reverses there (U3)", () => {
    const house = new House()
    house.ask()
    house.station.transport.ports.set(1, "refuse")
    house.station.transport.peer(1).close("reset")
    house.station.time.pass(20_000)
    expect([house.states, house.chains]).toEqual([["reversing"], 1])
    house.station.transport.ports.set(1, "accept")
    house.station.time.pass(9000)
    const [reversal] = house.heard(1, "0420")
    house.answer(1, reversal!, { 39: "00" })
    expect([house.states, house.chains]).toEqual([["reversed"], 0])
    expect(house.heard(2, "0420")).toEqual([])
  })

  it("is reversed when its answer was altered (U11)", () => {
    const house = new House()
    const asker = house.ask()
    house.answer(1, house.heard(1, "0200")[0]!, { 39: "00", 4: "000000000900" })
    expect(asker.delivered).toEqual(["answer 96"])
    house.answer(1, house.heard(1, "0420")[0]!, { 39: "00" })
    expect(house.states).toEqual(["reversed"])
  })
})

describe("a void", () => {
  it("goes to the upstream of its sale with that upstream's references", () => {
    const house = new House()
    const sale = house.stage.sale()
    house.ask({ ...sale })
    const [sent] = house.heard(1, "0200")
    house.answer(1, sent!, { 39: "00", 38: "A1B2C3", 37: "HOSTRRN" })
    house.ask({ kind: "void", key: "void", original: { stan: sale.stan } }, { 3: "020000" })
    const voided = house.heard(1, "0200")[1]
    expect(voided).toMatchObject({ 37: "HOSTRRN", 38: "A1B2C3", 90: `0200:${sent!["11"]}` })
    house.answer(1, voided!, { 39: "00" })
    expect(house.states.toSorted()).toEqual(["answered", "answered"])
  })
})
