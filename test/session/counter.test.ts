/**
 * A shop's counter: sessions before the real transaction station, so that both sides of their
 * contract are held to it (I2, I3, I4; faults N4, N8, N10, M6). Journal and upstreams are the
 * stage's: commits become durable and upstreams answer when the story says so.
 */

import { describe, expect, it } from "vitest"
import type { Rrn } from "../../src/domain/brand.ts"
import { Stage } from "../transaction/stage.ts"
import { reversal, sale, signOn } from "./messages.ts"
import { Place, profile } from "./place.ts"

class Counter {
  readonly stage = new Stage()
  readonly place = new Place({
    time: this.stage.time,
    journal: this.stage.journal,
    transactions: {
      submit: (submission, asker) => this.stage.desk.submit(submission, asker),
      inFlight: () => this.stage.desk.floor.inFlight.size,
      drain: () => this.stage.desk.drain(),
      knows: (terminal, key) => this.stage.desk.knows(terminal, key),
      refusedEarly: (key, code) => this.stage.desk.refusedEarly(key, code),
      openOrder: (request, done) => this.stage.orders.open(request, done),
      book: (notification) => this.stage.orders.book(notification),
      unhandled: () => [],
      recent: () => [],
      decide: (doubts) => this.stage.desk.outcomes.decide(doubts)
    }
  })

  arrive() {
    const caller = this.place.connect()
    caller.say(signOn("T0000001"))
    this.settle()
    return caller
  }

  settle(): void {
    for (let turn = 0; turn < 20; turn++) {
      this.place.settle()
      this.stage.journal.sync()
    }
  }

  /** The only upstream request answers. */
  approve(rrn?: string): void {
    const flights = this.stage.upstreams.flights.filter(({ written }) => written)
    flights.at(-1)!.end({
      _tag: "answered",
      answer: {
        approved: true,
        response: "00",
        response1987: "00",
        authCode: "A12345",
        ...(rrn === undefined ? {} : { rrn: rrn as Rrn })
      }
    })
    this.settle()
  }

  written(): number {
    return this.stage.upstreams.flights.filter(({ written }) => written).length
  }
}

/** A sale is approved when its terminal is gone. */
function approvedToNobody(): Counter {
  const counter = new Counter()
  const caller = counter.arrive()
  caller.say(sale("T0000001", "000001"))
  counter.settle()
  caller.close("reset")
  counter.approve()
  return counter
}

describe("a sale at the counter", () => {
  it("goes upstream once and comes back approved; nothing is owed then", () => {
    const counter = new Counter()
    const caller = counter.arrive()
    caller.say(sale("T0000001", "000001"))
    counter.settle()
    counter.approve()
    expect(caller.last()).toMatchObject({ 11: "000001", 38: "A12345", 39: "00" })
    counter.place.time.pass(20_000, 500)
    counter.settle()
    expect(counter.stage.advices.started).toEqual([])
    expect([...counter.stage.journal.entries("undelivered")]).toEqual([])
  })

  it("is reversed when the terminal was gone and did not come back (N4)", () => {
    const counter = approvedToNobody()
    expect(counter.stage.advices.started).toEqual([])
    counter.place.time.pass(6000, 500)
    counter.settle()
    expect(counter.stage.advices.started).toMatchObject([{ reason: "undeliverable" }])
  })

  it("is kept when the terminal comes back and repeats in time", () => {
    const counter = approvedToNobody()
    const back = counter.arrive()
    back.say(sale("T0000001", "000001", { mti: "0201" }))
    counter.settle()
    expect(back.last()).toMatchObject({ mti: "0210", 11: "000001", 38: "A12345", 39: "00" })
    counter.place.time.pass(20_000, 500)
    counter.settle()
    expect(counter.stage.advices.started).toEqual([])
    expect(counter.written()).toBe(1)
  })

  it("sent on two connections is forwarded once; the newer session hears (N8, N10)", () => {
    const counter = new Counter()
    const older = counter.arrive()
    older.say(sale("T0000001", "000001"))
    counter.settle()
    const newer = counter.arrive()
    newer.say(sale("T0000001", "000001"))
    counter.settle()
    expect(counter.written()).toBe(1)
    const heard = older.heard.length
    counter.approve()
    expect(newer.last()).toMatchObject({ 11: "000001", 39: "00" })
    expect(older.heard.length).toBe(heard)
    counter.place.time.pass(20_000, 500)
    counter.settle()
    expect(counter.stage.advices.started).toEqual([])
  })

  it("repeated under the same number with another amount is refused", () => {
    const counter = new Counter()
    const caller = counter.arrive()
    caller.say(sale("T0000001", "000001"))
    counter.settle()
    counter.approve()
    caller.say(sale("T0000001", "000001", { 4: "000000000999" }))
    counter.settle()
    expect(caller.last()).toMatchObject({ 11: "000001", 39: "94" })
    expect(counter.written()).toBe(1)
  })

  it.each([
    ["chose itself", { 37: "TERMINALRRN1" }, "TERMINALRRN1"],
    ["was told by the host", {}, "HOSTRRN00001"]
  ])("is voided by the reference that the terminal %s", (_, own, known) => {
    const counter = new Counter()
    const caller = counter.arrive()
    caller.say(sale("T0000001", "000001", own))
    counter.settle()
    counter.approve("HOSTRRN00001")
    expect(caller.last()).toMatchObject({ 11: "000001", 37: known, 39: "00" })
    caller.say(sale("T0000001", "000002", { 3: "200000", 37: known }))
    counter.settle()
    const { original } = counter.stage.upstreams.flights[1]!.request
    expect(original).toMatchObject({ rrn: known, upstreamRrn: "HOSTRRN00001" })
    counter.approve("HOSTRRN00002")
    expect(caller.last()).toMatchObject({ 11: "000002", 37: "HOSTRRN00002", 39: "00" })
  })

  it("from a recording, played again later, is refused as stale (M6)", () => {
    const counter = new Counter()
    const caller = counter.arrive()
    const recorded = sale("T0000001", "000001", { 60: "000007" })
    for (let stan = 1; stan <= 40; stan++) {
      caller.say({ ...recorded, 11: String(stan).padStart(6, "0") })
      counter.settle()
      counter.approve()
    }
    expect(counter.written()).toBe(40)
    caller.say(recorded)
    counter.settle()
    expect(caller.last()).toMatchObject({ 11: "000001", 39: "94" })
    expect(counter.written()).toBe(40)
  })

  it("that timed out is told 68, and the terminal's own reversal joins the chain", () => {
    const counter = new Counter()
    const caller = counter.arrive()
    caller.say(sale("T0000001", "000001"))
    counter.settle()
    counter.stage.upstreams.flights[0]!.end({ _tag: "timed-out" })
    counter.settle()
    expect(caller.last()).toMatchObject({ 11: "000001", 39: "68" })
    caller.say(reversal("T0000001", "000001"))
    counter.settle()
    expect(caller.last()).toMatchObject({ mti: "0410", 39: "00" })
    expect(counter.stage.advices.started.length).toBe(1)
  })
})

describe("a terminal that is blocked at the counter", () => {
  const block = ({ place }: Counter, blocked: boolean) =>
    place.swap([profile("T0000001", { blocked })])

  it("hears of what it had asked, and takes it back", () => {
    const counter = approvedToNobody()
    block(counter, true)
    const back = counter.arrive()
    back.say(sale("T0000001", "000001"))
    counter.settle()
    expect(back.last()).toMatchObject({ 11: "000001", 38: "A12345", 39: "00" })
    back.say(reversal("T0000001", "000002", { 61: "000001" }))
    counter.settle()
    expect(back.last()).toMatchObject({ mti: "0410", 39: "00" })
    expect(counter.stage.advices.started).toMatchObject([{ reason: "terminal-reversal" }])
    expect(counter.written()).toBe(1)
  })

  it("hears the same of every copy of its question, though it is let go in between", () => {
    const counter = new Counter()
    block(counter, true)
    const caller = counter.arrive()
    caller.say(sale("T0000001", "000001"))
    counter.settle()
    expect(caller.last()).toMatchObject({ 11: "000001", 39: "58" })
    block(counter, false)
    caller.say(sale("T0000001", "000001"), sale("T0000001", "000002"))
    counter.settle()
    expect(caller.last()).toMatchObject({ 11: "000001", 39: "58" })
    expect(counter.written()).toBe(1)
    counter.approve()
    expect(caller.last()).toMatchObject({ 11: "000002", 39: "00" })
  })
})
