/** What moves the breaker of an ISO 8583 upstream, and how it finds its way back. */

import { describe, expect, it } from "vitest"
import { highestStan } from "../../src/upstream/stan-allocator.ts"
import { fakeDialect } from "./fake-dialect.ts"
import { links, record, Station } from "./station.ts"

function tripByCode(station: Station, code: string, count: number): void {
  for (let call = 0; call < count; call++) station.answer(station.send(), { 39: code })
}

describe("the breaker of an upstream", () => {
  it("stays closed while everything is declined (U15)", () => {
    const station = new Station()
    tripByCode(station, "05", 100)
    expect(station.control.breaker("bank")).toMatchObject({ state: "closed", failed: 0 })
  })

  it("opens on codes that its profile calls technical (U16)", () => {
    const station = new Station()
    tripByCode(station, "91", 20)
    expect(station.status.breaker).toBe("open")
    expect(station.upstreams.reserve("bank", station.sale())).toBe("breaker-open")
  })

  it("opens on silence, and lets an echo go first when its time is over (U5)", () => {
    const station = new Station({ window: 30 })
    const sent = Array.from({ length: 20 }, () => station.send())
    station.time.pass(5100)
    expect(sent.every(({ endings }) => endings[0]?._tag === "timed-out")).toBe(true)
    expect(station.status.breaker).toBe("open")
    station.time.pass(1700)
    expect(station.peer().of("0800")).toEqual([])
    station.time.pass(300)
    expect(station.peer().of("0800")).toMatchObject([{ 70: "301" }])
    expect(station.status.breaker).toBe("half-open")
    // The echo was the first of two proofs: one customer is the second.
    const probes = [station.send()]
    expect(station.upstreams.reserve("bank", station.sale())).toBe("breaker-open")
    for (const probe of probes) station.answer(probe)
    expect(station.status.breaker).toBe("closed")
    expect(station.meter.seen.filter((each) => each.includes(" to "))).toEqual([
      "closed to open",
      "open to half-open",
      "half-open to closed"
    ])
  })

  it("opens on slow answers that are all good (U13)", () => {
    const station = new Station({ window: 30 })
    const sent = Array.from({ length: 20 }, () => station.send())
    station.time.pass(3000)
    for (const each of sent) station.answer(each)
    expect(station.status.breaker).toBe("open")
  })

  it("opens when requests have waited too long, before any of them ends (U5)", () => {
    const station = new Station({ window: 30 })
    const sent = Array.from({ length: 20 }, () => station.send())
    station.time.pass(1900)
    expect(station.status.breaker).toBe("closed")
    station.time.pass(200)
    expect(station.status.breaker).toBe("open")
    expect(sent.every(({ endings }) => endings.length === 0)).toBe(true)
    expect(station.control.breaker("bank")).toMatchObject({ calls: 0 })
  })

  it("counts a request once: as slow when it waits, and as failed too when it times out", () => {
    const station = new Station({ window: 30 })
    const sent = Array.from({ length: 15 }, () => station.send())
    station.time.pass(2100)
    expect(station.control.breaker("bank")).toMatchObject({ calls: 15, failed: 0, slow: 15 })
    for (const each of sent.slice(0, 5)) station.answer(each)
    expect(station.control.breaker("bank")).toMatchObject({ calls: 15, failed: 0, slow: 15 })
    station.time.pass(3000)
    expect(station.control.breaker("bank")).toMatchObject({ calls: 15, failed: 10, slow: 15 })
    // Those that timed out count since then.
    station.time.pass(7500)
    expect(station.control.breaker("bank")).toMatchObject({ calls: 10, failed: 10, slow: 10 })
  })

  it("watches those that come while others wait, and no longer than any does", () => {
    const station = new Station({ window: 30 })
    station.send()
    station.time.pass(1500)
    const late = station.send()
    station.time.pass(600)
    expect(station.control.breaker("bank")).toMatchObject({ calls: 1, slow: 1 })
    station.time.pass(1300)
    station.answer(late)
    expect(station.control.breaker("bank")).toMatchObject({ calls: 2, slow: 1 })
    station.time.pass(20_000)
    station.send()
    station.time.pass(2100)
    expect(station.control.breaker("bank")).toMatchObject({ calls: 1, slow: 1 })
  })

  it("is open again as soon as a customer's probe has waited too long (U14)", () => {
    const station = new Station()
    tripByCode(station, "96", 20)
    station.time.pass(5100)
    expect(station.status.breaker).toBe("half-open")
    const probe = station.send()
    station.time.pass(2300)
    expect(station.status.breaker).toBe("open")
    expect(probe.endings).toEqual([])
  })

  it("takes no answer for slow that lay unread while we were held (rule 11)", () => {
    const station = new Station({ window: 30 })
    const sent = Array.from({ length: 20 }, () => station.send())
    station.time.hold(3000)
    for (const each of sent) station.answer(each)
    expect(sent.every(({ endings }) => endings[0]?._tag === "answered")).toBe(true)
    expect(station.control.breaker("bank")).toMatchObject({ state: "closed", calls: 0 })
  })

  it("takes no request for slow whose time a stall of ours fell into (rule 11)", () => {
    const station = new Station({ window: 30 })
    for (let call = 0; call < 20; call++) station.send()
    station.time.pass(1000)
    station.time.hold(1500)
    station.time.settle()
    station.time.pass(1000)
    expect(station.control.breaker("bank")).toMatchObject({ state: "closed", calls: 0 })
  })

  it("stays open longer when its echo is not answered (U14)", () => {
    const station = new Station()
    tripByCode(station, "96", 20)
    station.peer().polite = false
    station.time.pass(5100 + 2100)
    expect(station.status.breaker).toBe("open")
    station.time.pass(9000)
    expect(station.peer().of("0800")).toHaveLength(1)
    station.time.pass(1200)
    expect(station.peer().of("0800")).toHaveLength(2)
  })

  it("opens when customers come and no link stands, and recovers with the link (U1, U21)", () => {
    const station = new Station()
    station.transport.ports.set(1, "refuse")
    station.peer().close("reset")
    station.time.pass(100)
    for (let call = 0; call < 30; call++) {
      expect(station.upstreams.reserve("bank", station.sale())).toBe("upstream-down")
    }
    expect(station.status.breaker).toBe("open")
    station.transport.ports.set(1, "accept")
    station.time.pass(20_000)
    expect(station.status.breaker).toBe("half-open")
    station.answer(station.send())
    expect(station.status.breaker).toBe("closed")
  })

  it("opens when people hold one link and the other fell, but not when they hold both", () => {
    for (const held of [[0], [0, 1]]) {
      const station = new Station(links(2))
      for (const link of held) station.control.drain("bank", link)
      station.transport.ports.set(2, "refuse")
      station.time.pass(50)
      if (held.length === 1) station.peer(1).close("reset")
      station.time.pass(100)
      for (let call = 0; call < 30; call++) {
        expect(station.upstreams.reserve("bank", station.sale())).toBe("upstream-down")
      }
      expect(station.status.breaker).toBe(held.length === 1 ? "open" : "closed")
    }
  })

  it("finds its way back when the peer reads again long after the open time was over", () => {
    const station = new Station()
    tripByCode(station, "96", 20)
    const peer = station.peer()
    peer.stuckBytes = 2 << 20
    // Whatever leaves next shows that nothing is read there.
    peer.say({ mti: "0800", 70: "301", 11: "000001" })
    station.time.pass(20_000)
    expect(station.status.breaker).toBe("open")
    peer.stuckBytes = 0
    peer.handler!.onDrain()
    station.time.pass(2000)
    expect(station.status.breaker).toBe("half-open")
  })

  it("asks customers where the dialect has no echo", () => {
    const station = new Station({}, {}, fakeDialect({ forms: [] }))
    tripByCode(station, "96", 20)
    station.time.pass(5100)
    expect(station.peer().of("0800")).toEqual([])
    expect(station.status.breaker).toBe("half-open")
    station.answer(station.send())
    expect(station.status.breaker).toBe("closed")
  })

  it("says nothing about an upstream that nobody has reached yet", () => {
    const station = new Station({ links: [{ host: "127.0.0.1", port: 9 }] }, {}, undefined, {
      9: "silent"
    })
    expect(station.linkStates).toEqual(["connecting"])
    const tries = 30
    for (let call = 0; call < tries; call++) station.upstreams.reserve("bank", station.sale())
    expect(station.status.breaker).toBe("closed")
  })

  it("echoes over another link when the first stays silent", () => {
    const station = new Station(links(2))
    tripByCode(station, "91", 20)
    station.peer(0).polite = station.peer(1).polite = false
    station.time.pass(5100 + 2100 + 10_100 + 100)
    expect(station.peer(0).of("0800").length).toBe(1)
    expect(station.peer(1).of("0800").length).toBe(1)
  })

  it("counts a lost link once for each request on it", () => {
    const station = new Station({ window: 30 })
    Array.from({ length: 20 }, () => station.send())
    station.peer().close("reset")
    station.time.settle()
    expect(station.status.breaker).toBe("open")
  })
})

describe("the numbers of an upstream", () => {
  it("wrap around what is still in use, and no number serves two (U22)", () => {
    const station = new Station({ window: 1_000 })
    const held = Array.from({ length: 10 }, () => station.reserve().stan)
    const advice = station.upstreams.adviceStan("bank")
    const inUse = new Set([...held, advice])
    for (let step = 0; step < highestStan - 11; step++) {
      const stan = station.upstreams.adviceStan("bank")
      if (inUse.has(stan)) throw new Error(`${stan} was given twice`)
    }
    expect(station.upstreams.reserve("bank", station.sale())).toBe("window-full")
  })

  it("come back with every end of a request, and are given again", () => {
    const station = new Station()
    for (let step = 0; step < highestStan - 2; step++) station.upstreams.adviceStan("bank")
    const stans = new Set<string>()
    for (let call = 0; call < 12; call++) {
      const sent = station.send()
      stans.add(sent.reservation.stan)
      if (call % 3 === 0) station.answer(sent)
      else if (call % 3 === 1) station.time.pass(5100)
      else {
        station.peer().close("reset")
        station.time.pass(9000)
      }
      station.reserve().release()
    }
    // Two were left, and each served again and again.
    expect(stans.size).toBeLessThanOrEqual(2)
  })

  it("of a chain from before a restart wait for a request that holds them", () => {
    const station = new Station()
    const sent = station.send()
    const { stan } = sent.reservation
    const advice = { record: record("t0"), facts: {}, reason: "98", attempt: 1, stan }
    const offer = () => station.upstreams.advise("bank", advice, 3000, () => {})
    expect(offer()).toBe(false)
    station.answer(sent)
    expect(offer()).toBe(true)
    station.time.settle()
    station.peer().answer(station.peer().of("0420")[0]!, { 39: "00" })
    station.time.settle()
    expect(station.status.inFlight).toBe(0)
  })

  it("stay with an advice through all its repeats, until its chain is over", () => {
    const station = new Station()
    for (let step = 0; step < highestStan - 1; step++) station.upstreams.adviceStan("bank")
    const stan = station.upstreams.adviceStan("bank")
    const advice = { record: record("t1"), facts: {}, reason: "98", attempt: 0, stan }
    const isFree = () => {
      const reserved = station.upstreams.reserve("bank", station.sale())
      if (typeof reserved === "string") return false
      reserved.release()
      return true
    }
    station.upstreams.advise("bank", advice, 3000, () => {})
    station.time.pass(3100)
    expect(isFree()).toBe(false)
    station.upstreams.advise("bank", advice, 3000, () => {})
    station.time.settle()
    station.peer().answer(station.peer().of("0420").at(-1)!, { 39: "00" })
    station.time.settle()
    expect(isFree()).toBe(false)
    station.upstreams.adviceOver("bank", stan)
    expect(isFree()).toBe(true)
  })
})
