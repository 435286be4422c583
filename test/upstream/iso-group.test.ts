/** An ISO 8583 upstream in stories: sending, answers, ends in doubt, advices, the breaker. */

import { describe, expect, it } from "vitest"
import type { Rrn, Stan } from "../../src/domain/brand.ts"
import type { AdviceSend, Ending } from "../../src/domain/ports/upstream.ts"
import type { Framing } from "../../src/frame/framing.ts"
import type { Dialect } from "../../src/iso8583/message.ts"
import { fakeDialect, fakeFraming, listOf } from "./fake-dialect.ts"
import { links, record, Station } from "./station.ts"

const answered = { _tag: "answered", answer: { approved: true } }

function advice(change: Partial<AdviceSend> = {}): AdviceSend {
  const original = record("t1", { upstreamStan: "000042" as Stan, upstreamRrn: "RRN" as Rrn })
  return {
    record: original,
    facts: {},
    reason: "98",
    attempt: 0,
    stan: "000099" as Stan,
    ...change
  }
}

describe("a request", () => {
  it("is stamped with the switch's own numbers and times, and written by dispatch alone", () => {
    const station = new Station()
    const reservation = station.reserve()
    station.time.settle()
    expect(station.peer().heard).toEqual([])
    reservation.dispatch(5000, () => {})
    station.time.settle()
    const [sent] = station.peer().heard
    // 2023-11-14 22:13:20 UTC, which is the next morning in Shanghai.
    expect(sent).toMatchObject({
      mti: "0200",
      4: "000000000100",
      7: "1114221320",
      11: reservation.stan,
      12: "061320",
      13: "1115",
      32: "12345",
      37: reservation.rrn,
      41: "T1"
    })
    expect(reservation.stan).not.toBe("000777")
    expect(reservation.time).toBe("1114221320")
    expect(reservation.rrn).toMatch(/^N1[0-9A-Z]{10}$/)
  })

  it("keeps the local time that the terminal wrote", () => {
    const station = new Station()
    const sent = station.send({ 12: "101112", 13: "0203" })
    expect(station.seen(sent)).toMatchObject({ 12: "101112", 13: "0203" })
  })

  it("is answered once, with what the mapping brings back", () => {
    const station = new Station()
    const sent = station.send()
    station.answer(sent, { 39: "00", 38: "A1B2C3", 37: "HOSTRRN", 54: "balance" })
    expect(sent.endings).toEqual([{
      _tag: "answered",
      answer: {
        approved: true,
        response: "00",
        response1987: "00",
        authCode: "A1B2C3",
        rrn: "HOSTRRN",
        values: listOf({ 38: "A1B2C3", 54: "balance" })
      }
    }])
    expect(station.status.inFlight).toBe(0)
  })

  it("names its original by the upstream's own references", () => {
    const station = new Station()
    const original = record("t0", {
      upstreamStan: "000042" as Stan,
      rrn: "HOSTRRN" as Rrn,
      authCode: "A1B2C3"
    })
    const sent = station.send({ 37: "TERMRRN", 90: "terminal's own" }, { original })
    expect(station.seen(sent)).toMatchObject({ 37: "HOSTRRN", 38: "A1B2C3", 90: "0200:000042" })
    expect(sent.reservation.rrn).toBe("HOSTRRN")
  })

  it("that cannot be mapped gives its place back", () => {
    const station = new Station({ window: 1 })
    expect(station.upstreams.reserve("bank", station.sale({ 98: "x" }))).toBe("untranslatable")
    expect(station.upstreams.reserve("nobody", station.sale())).toBe("upstream-down")
    expect(station.status.inFlight).toBe(0)
    expect(typeof station.upstreams.reserve("bank", station.sale())).not.toBe("string")
  })

  it("finds no place when every window is full, and finds one again after a release", () => {
    const station = new Station({ ...links(2), window: 2 })
    const taken = [1, 2, 3, 4].map(() => station.reserve())
    expect(taken.map((each) => each.link).sort()).toEqual([0, 0, 1, 1])
    expect(station.upstreams.reserve("bank", station.sale())).toBe("window-full")
    taken[2]!.release()
    taken[2]!.release()
    expect(station.reserve().link).toBe(taken[2]!.link)
  })
})

describe("a request that has ended", () => {
  it.each(["answered", "released", "timed-out", "lost"])(
    "leaves no card behind: %s (I6)",
    (how) => {
      const dialect = fakeDialect()
      const bodies: Array<Uint8Array> = []
      const read: Dialect["read"] = (bytes) => {
        bodies.push(bytes)
        return dialect.read(bytes)
      }
      const station = new Station({}, {}, { ...dialect, read })
      const sale = station.sale({ 2: "6235012345678900" })
      bodies.length = 0
      const reserved = station.upstreams.reserve("bank", sale)
      if (typeof reserved === "string") throw new Error(reserved)
      expect(Buffer.from(bodies[0]!).toString()).toContain("6235012345678900")
      if (how === "released") reserved.release()
      else {
        reserved.dispatch(5000, () => {})
        station.time.settle()
        if (how === "answered") station.peer().answer(station.peer().heard[0]!, { 39: "00" })
        else if (how === "lost") station.peer().close("reset")
        else station.time.pass(5100)
        station.time.settle()
      }
      // Nor does its answer stay, which may have the card in it as well.
      expect(bodies.map((body) => body.every((byte) => byte === 0)))
        .toEqual(how === "answered" ? [true, true] : [true])
    }
  )
})

describe("a request that cannot be read again", () => {
  it("is refused, and leaves no card behind (I6)", () => {
    const dialect = fakeDialect()
    const bodies: Array<Uint8Array> = []
    let mute = false
    const read: Dialect["read"] = (bytes) => {
      if (!mute) return dialect.read(bytes)
      bodies.push(bytes)
      return dialect.read(Buffer.of())
    }
    const station = new Station({}, {}, { ...dialect, read })
    const sale = station.sale()
    mute = true
    expect(station.upstreams.reserve("bank", sale)).toBe("untranslatable")
    expect(bodies.map((body) => body.every((byte) => byte === 0))).toEqual([true])
  })
})

describe("an answer", () => {
  it("finds its request whatever the order (U10)", () => {
    const station = new Station(links(2))
    const sent = [1, 2, 3, 4, 5].map(() => station.send())
    for (const index of [3, 0, 4, 2, 1]) {
      station.answer(sent[index]!, { 39: "00", 38: `CODE0${index}` })
    }
    sent.forEach(({ endings }, index) =>
      expect(endings).toMatchObject([{ answer: { authCode: `CODE0${index}` } }])
    )
  })

  it("that comes twice is counted the second time (U8)", () => {
    const station = new Station()
    const sent = station.send()
    station.answer(sent)
    station.answer(sent)
    expect(sent.endings).toHaveLength(1)
    expect(station.meter.of("duplicate")).toBe(1)
  })

  it("to nobody changes nothing (U9)", () => {
    const station = new Station()
    const sent = station.send()
    station.peer().say({ mti: "0210", 11: "000001", 39: "00" })
    station.peer().say({ mti: "0210", 39: "00" })
    station.time.settle()
    expect(station.meter.of("unmatched")).toBe(2)
    expect(sent.endings).toEqual([])
  })

  it("of another class is no answer, whatever its STAN", () => {
    const station = new Station()
    const sent = station.send()
    station.peer().say({ mti: "0430", 11: sent.reservation.stan, 39: "00" })
    station.time.settle()
    expect(sent.endings).toEqual([])
  })

  it("that is malformed costs itself alone (U12)", () => {
    const station = new Station()
    const sent = station.send()
    station.peer().bytes(Buffer.from([0, 3, 1, 2, 3]))
    station.answer(sent)
    expect(station.meter.of("malformed")).toBe(1)
    expect(sent.endings).toMatchObject([answered])
    expect(station.linkStates).toEqual(["up"])
  })

  it("that alters amount, terminal or currency is in doubt (U11)", () => {
    for (const change of [{ 4: "000000000200" }, { 4: "000000000050" }, { 41: "T2" }]) {
      const station = new Station()
      const sent = station.send({ 49: "156" })
      station.answer(sent, { 39: "00", ...change })
      expect(sent.endings).toMatchObject([{ _tag: "invalid" }])
      expect(station.status.inFlight).toBe(0)
    }
  })

  it("without a response code is in doubt, and what comes after it is late (U7)", () => {
    const station = new Station()
    const sent = station.send()
    station.answer(sent, {})
    expect(sent.endings).toEqual([{ _tag: "invalid", detail: "no response code" }])
    station.answer(sent)
    expect(station.late).toMatchObject([{ id: sent.id, answer: { approved: true } }])
  })

  it("may approve less when its code says so and the terminal understands it", () => {
    const partial = { 39: "10", 4: "000000000060" }
    const station = new Station()
    const understood = station.send({ 49: "156" }, { partialApproval: true })
    station.answer(understood, partial)
    expect(understood.endings).toMatchObject([
      { _tag: "answered", answer: { approvedAmount: { minor: 60, currency: "156" } } }
    ])
    const deaf = station.send()
    station.answer(deaf, partial)
    expect(deaf.endings).toMatchObject([{ _tag: "invalid", detail: "amount altered" }])
    const more = station.send({}, { partialApproval: true })
    station.answer(more, { 39: "10", 4: "000000000160" })
    expect(more.endings).toMatchObject([{ _tag: "invalid" }])
  })

  it("is in doubt when it approves in part and does not say how much", () => {
    const station = new Station()
    const sent = station.send({}, { partialApproval: true })
    const { 4: amount, ...seen } = station.seen(sent)
    expect(amount).toBe("000000000100")
    station.peer(sent.reservation.link).answer(seen, { 39: "10" })
    station.time.settle()
    expect(sent.endings).toEqual([{ _tag: "invalid", detail: "approved amount missing" }])
  })
})

describe("an end in doubt", () => {
  it("is a timeout when no answer comes, and a late answer is told once (U5 to U7)", () => {
    const station = new Station()
    const sent = station.send()
    station.time.pass(4980)
    expect(sent.endings).toEqual([])
    station.time.pass(40)
    expect(sent.endings).toEqual([{ _tag: "timed-out" }])
    station.answer(sent, { 39: "00", 38: "LATE01" })
    station.answer(sent, { 39: "00", 38: "LATE01" })
    expect(sent.endings).toHaveLength(1)
    expect(station.late).toMatchObject([{ id: sent.id, answer: { approved: true } }])
    expect([station.meter.of("late"), station.meter.of("duplicate")]).toEqual([1, 1])
  })

  it("is counted when it is written and when it ends, with how long that took", () => {
    const station = new Station()
    const first = station.send()
    const second = station.send()
    expect(station.meter.of("sent request")).toBe(2)
    station.time.pass(1500)
    station.answer(first)
    station.time.pass(4000)
    expect(second.endings).toEqual([{ _tag: "timed-out" }])
    expect([station.meter.of("request answered"), station.meter.of("request timed-out")]).toEqual([
      1,
      1
    ])
    const [heard, silent] = station.meter.seconds
    expect([heard, Math.round(silent!)]).toEqual([1.5, 5])
  })

  it("is no timeout when the answer was there before a stall was over", () => {
    const station = new Station()
    const sent = station.send()
    station.time.hold(6000)
    station.answer(sent)
    station.time.settle()
    expect(sent.endings).toMatchObject([answered])
  })

  it("does not feed the breaker when a stall of ours made it", () => {
    const station = new Station({ window: 100 })
    const sent = Array.from({ length: 30 }, () => station.send())
    station.time.hold(6000)
    station.time.settle()
    expect(sent.every(({ endings }) => endings[0]?._tag === "timed-out")).toBe(true)
    expect(station.control.breaker("bank")).toMatchObject({ state: "closed", calls: 0 })
  })

  it("is lost when the link breaks after the write, and the answer is late elsewhere (U3)", () => {
    const station = new Station(links(2))
    const sent = station.send()
    const request = station.seen(sent)
    station.peer(sent.reservation.link).close("reset")
    station.time.settle()
    expect(sent.endings).toEqual([{ _tag: "lost" }])
    station.peer(1 - sent.reservation.link).answer(request, { 39: "00" })
    station.time.settle()
    expect(station.late).toMatchObject([{ id: sent.id }])
  })

  it("is lost when the link breaks in the very write (U4)", () => {
    const station = new Station()
    const peer = station.peer()
    peer.write = () => {
      peer.close("reset")
      return false
    }
    expect(station.send().endings).toEqual([{ _tag: "lost" }])
  })

  it("is none when the link broke before the end of the turn: nothing was written (U2)", () => {
    const station = new Station()
    const endings: Array<Ending> = []
    expect(station.reserve().dispatch(5000, (ending) => void endings.push(ending))).toBe(true)
    const peer = station.peer()
    peer.close("reset")
    station.time.settle()
    expect(peer.heard).toEqual([])
    expect(endings).toEqual([{ _tag: "unwritten" }])
  })

  it("is none when the link broke before dispatch", () => {
    const station = new Station()
    const reservation = station.reserve()
    station.peer().close("reset")
    const endings: Array<Ending> = []
    expect(reservation.dispatch(5000, (ending) => void endings.push(ending))).toBe(false)
    station.time.settle()
    expect(endings).toEqual([])
    expect(station.status.inFlight).toBe(0)
  })

  it("is none when the link began to drain before dispatch", () => {
    const station = new Station()
    const reservation = station.reserve()
    station.peer().say({ mti: "0800", 11: "000009", 70: "002" })
    station.time.settle()
    expect(reservation.dispatch(5000, () => {})).toBe(false)
    station.time.settle()
    expect(station.transport.peers[0]!.of("0200")).toEqual([])
    expect(station.transport.peers[0]!.open).toBe(false)
  })

  it("keeps an answer that came in the same turn as the end of the connection", () => {
    const station = new Station()
    const sent = station.send()
    const peer = station.peer()
    peer.answer(station.seen(sent), { 39: "00" })
    peer.close("ended")
    station.time.settle()
    expect(sent.endings).toMatchObject([answered])
  })
})

describe("an advice", () => {
  it("that no frame can carry ends by itself, and keeps no other chain waiting", () => {
    const framing: Framing = {
      ...fakeFraming,
      encode: (header, body) =>
        Buffer.from(body).includes("0420") ? undefined : fakeFraming.encode(header, body)
    }
    const station = new Station({}, { framings: new Map([["length-2", framing]]) })
    const ends: Array<Ending> = []
    expect(station.upstreams.advise("bank", advice(), 3000, (end) => void ends.push(end)))
      .toBe(true)
    station.time.pass(100)
    expect(ends).toMatchObject([{ _tag: "invalid" }])
    expect(station.status.inFlight).toBe(0)
  })

  it("says what it reverses, and repeats itself under the same STAN (U19)", () => {
    const station = new Station({}, {}, fakeDialect({ repeatMti: "0421" }))
    const stan = station.upstreams.adviceStan("bank")
    const ends: Array<Ending> = []
    const send = (attempt: number) =>
      station.upstreams.advise(
        "bank",
        advice({ stan, attempt }),
        3000,
        (end) => void ends.push(end)
      )
    expect(send(0)).toBe(true)
    station.time.settle()
    expect(send(1)).toBe(false)
    station.time.pass(3100)
    expect(ends).toEqual([{ _tag: "timed-out" }])
    expect(send(1)).toBe(true)
    station.time.settle()
    const [first, second] = [station.peer().of("0420")[0]!, station.peer().of("0421")[0]!]
    expect(first).toMatchObject({ 11: stan, 37: "RRN", 90: "0200:000042", 60: "98" })
    expect(second).toMatchObject({ 11: stan, 37: "RRN", 90: "0200:000042" })
    station.peer().answer(second, { 39: "00" })
    station.time.settle()
    expect(ends[1]).toMatchObject(answered)
    // A late acknowledgement of an advice concerns no transaction.
    station.peer().answer(first, { 39: "00" })
    station.time.settle()
    expect(station.late).toEqual([])
  })

  it("leaves no card behind when it must wait for another under its STAN (I6)", () => {
    const dialect = fakeDialect()
    const bodies: Array<Buffer> = []
    const encode: Dialect["encode"] = (mti, values, mac) => {
      const body = dialect.encode(mti, values, mac)
      if (body instanceof Buffer) bodies.push(body)
      return body
    }
    const station = new Station({}, {}, { ...dialect, encode })
    const stan = station.upstreams.adviceStan("bank")
    const offer = () => station.upstreams.advise("bank", advice({ stan }), 3000, () => {})
    expect(offer()).toBe(true)
    bodies.length = 0
    expect(offer()).toBe(false)
    expect(bodies.map((body) => body.every((byte) => byte === 0))).toEqual([true])
  })

  it("is over with a code of the accepting set, and not with another (U18)", () => {
    const station = new Station()
    for (const [code, accepted] of [["25", true], ["96", false], ["05", false]] as const) {
      const ends: Array<Ending> = []
      const stan = station.upstreams.adviceStan("bank")
      station.upstreams.advise("bank", advice({ stan }), 3000, (end) => void ends.push(end))
      station.time.settle()
      station.peer().answer(station.peer().of("0420").at(-1)!, { 39: code })
      station.time.settle()
      expect(ends).toMatchObject([{ answer: { approved: accepted, response: code } }])
    }
  })

  it("may carry the STAN of its original beside a new sale under it", () => {
    const station = new Station({}, {}, fakeDialect({ originalStan: true }))
    const ends: Array<Ending> = []
    station.upstreams.advise("bank", advice(), 3000, (end) => void ends.push(end))
    station.time.settle()
    const [sent] = station.peer().of("0420")
    expect(sent).toMatchObject({ 11: "000042" })
    station.peer().say({ mti: "0210", 11: "000042", 39: "00" })
    station.peer().answer(sent!, { 39: "00" })
    station.time.settle()
    expect(ends).toMatchObject([answered])
  })

  it("keeps to its share of the window", () => {
    const station = new Station({ window: 10, adviceShare: 0.2 })
    const offer = () =>
      station.upstreams.advise(
        "bank",
        advice({ stan: station.upstreams.adviceStan("bank") }),
        3000,
        () => {}
      )
    expect([offer(), offer(), offer()]).toEqual([true, true, false])
    expect(typeof station.upstreams.reserve("bank", station.sale())).not.toBe("string")
  })

  it("goes out although the breaker is open, and waits when no link stands", () => {
    const station = new Station()
    station.control.force("bank", "open")
    expect(station.upstreams.reserve("bank", station.sale())).toBe("breaker-open")
    expect(station.upstreams.advise("bank", advice(), 3000, () => {})).toBe(true)
    station.peer().close("reset")
    station.time.settle()
    expect(station.upstreams.advise("bank", advice(), 3000, () => {})).toBe(false)
    station.time.pass(1100)
    expect(station.ups).toEqual(["bank", "bank"])
    expect(station.upstreams.advise("bank", advice(), 3000, () => {})).toBe(true)
  })
})
