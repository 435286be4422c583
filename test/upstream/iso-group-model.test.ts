/**
 * Whatever order answers, repeats, timeouts, deaths of links and stalls come in: every dispatch has
 * exactly one ending, every place and every number comes back, no two live requests of a class
 * share a STAN, and no answer ends anybody else's request.
 */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Stan } from "../../src/domain/brand.ts"
import type { Ending, Reservation } from "../../src/domain/ports/upstream.ts"
import { links, record, Station } from "./station.ts"

interface Life {
  readonly reservation: Reservation
  readonly endings: Array<Ending>
  /** Index in the order sent: the upstream writes it into its authorisation code. */
  readonly mark: string
  readonly terminal: string
}

type Step =
  | { readonly step: "send" | "reserve" | "release" | "death" | "end-turn" | "drain" }
  | { readonly step: "answer"; readonly which: number; readonly times: number }
  | { readonly step: "alter" | "acknowledge"; readonly which: number }
  | { readonly step: "advise"; readonly which: number; readonly foreign: boolean }
  | { readonly step: "pass" | "stall"; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom<Step>(
      { step: "send" },
      { step: "send" },
      { step: "reserve" },
      { step: "release" },
      { step: "end-turn" },
      { step: "end-turn" },
      { step: "death" },
      { step: "drain" }
    )
  },
  {
    weight: 4,
    arbitrary: fc.record({
      step: fc.constant("answer" as const),
      which: fc.nat(30),
      times: fc.integer({ min: 1, max: 3 })
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      step: fc.constantFrom("alter" as const, "acknowledge" as const),
      which: fc.nat(30)
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      step: fc.constant("advise" as const),
      which: fc.nat(30),
      foreign: fc.boolean()
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      step: fc.constantFrom("pass" as const, "stall" as const),
      ms: fc.integer({ min: 1, max: 4000 })
    })
  }
)

/** A chain: sent again and again under one STAN until it is accepted. */
interface Chain {
  readonly stan: Stan
  sends: number
  ends: number
  accepted: boolean
}

class Model {
  readonly chains: Array<Chain> = []
  readonly station = new Station({ ...links(3), window: 8, echoAfterIdleMs: 2000 })
  readonly lives: Array<Life> = []
  readonly held: Array<Reservation> = []

  send(): void {
    const terminal = `T${this.lives.length}`
    const reserved = this.station.upstreams.reserve("bank", this.station.sale({ 41: terminal }))
    if (typeof reserved === "string") return
    const live = new Set(this.alive().map(({ reservation }) => reservation.stan))
    expect(live.has(reserved.stan)).toBe(false)
    const endings: Array<Ending> = []
    const life = { reservation: reserved, endings, mark: `M${this.lives.length}`, terminal }
    if (reserved.dispatch(5000, (ending) => void endings.push(ending))) this.lives.push(life)
  }

  alive(): Array<Life> {
    return this.lives.filter(({ endings }) => endings.length === 0)
  }

  /** The upstream answers something it has heard, over any link that stands. */
  answer(which: number, times: number, change: Readonly<Record<string, string>>): void {
    const { peers } = this.station.transport
    const heard = peers.flatMap((peer) => peer.of("0200"))
    const standing = peers.filter((peer) => peer.open)
    const request = heard[which % Math.max(1, heard.length)]
    const peer = standing[which % Math.max(1, standing.length)]
    if (request === undefined || peer === undefined) return
    const life = this.lives.find(({ terminal }) => terminal === request["41"])
    for (let time = 0; time < times; time++) {
      peer.answer(request, { 39: "00", 38: life?.mark ?? "", ...change })
    }
  }

  /** `foreign`: an earlier process gave the chain a number that a request may hold today. */
  advise(which: number, foreign: boolean): void {
    const { upstreams } = this.station
    const open = this.chains.filter(({ accepted }) => !accepted)
    const today = this.lives[which % Math.max(1, this.lives.length)]?.reservation.stan
    const known = this.chains.some(({ stan }) => stan === today)
    const stan = foreign && today !== undefined && !known ? today : upstreams.adviceStan("bank")
    const chain = which % 2 === 0 && open.length > 0
      ? open[which % open.length]!
      : { stan, sends: 0, ends: 0, accepted: false }
    if (!this.chains.includes(chain)) this.chains.push(chain)
    const original = record("t0", { upstreamStan: chain.stan })
    const advice = { record: original, facts: {}, reason: "98", attempt: 0, stan: chain.stan }
    const sent = upstreams.advise("bank", advice, 3000, (end) => {
      chain.ends++
      chain.accepted ||= end._tag === "answered" && end.answer.approved
    })
    if (sent) chain.sends++
  }

  acknowledge(which: number): void {
    const { peers } = this.station.transport
    const heard = peers.flatMap((peer) => peer.of("0420"))
    const request = heard[which % Math.max(1, heard.length)]
    const peer = peers.findLast((each) => each.open)
    if (request !== undefined) peer?.answer(request, { 39: which % 3 === 0 ? "96" : "00" })
  }

  run(action: Step): void {
    const { station } = this
    switch (action.step) {
      case "send":
        return this.send()
      case "reserve": {
        const reserved = station.upstreams.reserve("bank", station.sale())
        return typeof reserved === "string" ? undefined : void this.held.push(reserved)
      }
      case "release":
        return this.held.pop()?.release()
      case "end-turn":
        return station.time.endTurn()
      case "death":
        return station.transport.peers.findLast((peer) => peer.open)?.close("reset")
      case "drain":
        station.control.drain("bank", this.lives.length % 3)
        return void station.control.resume("bank", this.lives.length % 3)
      case "answer":
        return this.answer(action.which, action.times, {})
      case "alter":
        return this.answer(action.which, 1, { 4: "000000000999" })
      case "advise":
        return this.advise(action.which, action.foreign)
      case "acknowledge":
        return this.acknowledge(action.which)
      case "pass":
        return station.time.pass(action.ms)
      case "stall":
        return station.time.hold(action.ms)
    }
  }

  check(): void {
    for (const { endings, mark, terminal } of this.lives) {
      expect(endings.length).toBeLessThanOrEqual(1)
      const [ending] = endings
      if (ending?._tag === "answered") expect(ending.answer.authCode).toBe(mark)
      if (ending?._tag !== "unwritten") continue
      // Definite means that no upstream has ever heard of it.
      const heard = this.station.transport.peers.flatMap((peer) => peer.of("0200"))
      expect(heard.some((fields) => fields["41"] === terminal)).toBe(false)
    }
    const advising = this.chains.reduce((sum, { ends, sends }) => sum + sends - ends, 0)
    for (const { ends, sends } of this.chains) expect(sends - ends).toBeLessThanOrEqual(1)
    const places = this.alive().length + this.held.length + advising
    expect(this.station.status.inFlight).toBe(places)
  }
}

describe("an upstream group", () => {
  it("ends every dispatch exactly once, whatever happens", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const model = new Model()
        for (const action of steps) {
          model.run(action)
          model.check()
        }
        model.station.time.pass(12_000)
        for (const reservation of model.held.splice(0)) reservation.release()
        model.check()
        expect(model.alive()).toEqual([])
        expect(model.station.status.inFlight).toBe(0)
        for (const { id } of model.station.late) expect(id).toMatch(/^t\d+$/)
      }),
      { numRuns: 150 }
    )
  })
})
