/** The life of a link in stories: coming up, hearing, falling silent, draining, coming back. */

import { describe, expect, it } from "vitest"
import type { Message } from "../../src/iso8583/message.ts"
import { compiled } from "../frame/framings.ts"
import { fakeDialect } from "./fake-dialect.ts"
import { links, Station } from "./station.ts"

describe("a link", () => {
  it("is up once it stands, and not before", () => {
    const station = new Station()
    expect(station.linkStates).toEqual(["up"])
    expect(station.ups).toEqual(["bank"])
    expect(station.meter.seen.slice(0, 2)).toEqual(["link 0 connecting", "link 0 up"])
  })

  it("is secured as its upstream says, or not at all", () => {
    expect(new Station().transport.tls).toBe(undefined)
    const tls = { authorityFile: "/etc/bank.pem", serverName: "bank.example" }
    expect(new Station({ tls }).transport.tls).toEqual(tls)
  })

  it("signs on first where the upstream wants it, and sends nothing before it is accepted", () => {
    const station = new Station({ signOn: true })
    expect(station.peer().heard).toMatchObject([{ mti: "0800", 70: "001" }])
    expect(station.linkStates).toEqual(["up"])
  })

  it("that is refused at sign-on tries again later", () => {
    const dialect = fakeDialect()
    const station = new Station({ signOn: true }, {}, dialect)
    station.peer().close("reset")
    station.time.settle()
    station.transport.ports.set(1, "accept")
    station.time.pass(480)
    expect(station.transport.tries).toHaveLength(1)
    station.time.pass(60)
    const peer = station.transport.peers.at(-1)!
    expect(station.transport.tries).toHaveLength(2)
    expect(peer.of("0800")).toHaveLength(1)
    expect(station.linkStates).toEqual(["up"])
  })

  it("falls when its sign-on is declined or not answered", () => {
    for (const answer of ["declined", "silence"]) {
      const station = new Station({ signOn: true })
      const impolite = () => {
        const peer = station.transport.peers.at(-1)!
        peer.polite = false
        return peer
      }
      station.peer().close("reset")
      for (let ms = 0; ms < 600 && station.transport.peers.length < 2; ms += 10) {
        station.time.hold(10)
        for (let turn = 0; turn < 3 && station.transport.peers.length < 2; turn++) {
          station.time.endTurn()
        }
      }
      const peer = impolite()
      station.time.settle()
      expect(station.linkStates).toEqual(["connecting"])
      expect(station.upstreams.reserve("bank", station.sale())).toBe("upstream-down")
      if (answer === "declined") peer.answer(peer.of("0800")[0]!, { 39: "05" })
      else station.time.pass(5100)
      station.time.settle()
      expect(station.meter.of("link 0 down identity-refused")).toBe(1)
      expect(peer.open).toBe(false)
    }
  })

  it.each([
    ["connect-failed", "ECONNREFUSED"],
    ["connect-timeout", "ETIMEDOUT"],
    ["certificate-refused", "CERT_HAS_EXPIRED"],
    ["certificate-refused", "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["certificate-refused", "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["certificate-refused", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]
  ])("that cannot connect says why: %s for %s", (reason, code) => {
    const station = new Station()
    station.transport.ports.set(1, "refuse")
    station.transport.refusal = code
    station.peer().close("reset")
    station.time.pass(2000)
    expect(station.meter.of("link 0 down peer-reset")).toBe(1)
    expect(station.meter.of(`link 0 down ${reason}`)).toBeGreaterThan(0)
  })

  it("that its upstream closed says so, and has closed its own side", () => {
    const station = new Station()
    const peer = station.peer()
    peer.lingers = true
    peer.handler!.onEnd()
    expect(peer.halfClosed).toBe(true)
    station.time.settle()
    expect(station.meter.of("link 0 down peer-closed")).toBe(1)
  })

  it("answers a keep-alive of its framing, and is not idle where it hears them", () => {
    const kept = compiled({
      name: "length-2",
      length: { bytes: 2 },
      keepAlive: { reply: "echo", max: 100 }
    })
    const change = { echoAfterIdleMs: 1000 }
    const station = new Station(change, { framings: new Map([["length-2", kept]]) })
    const peer = station.peer()
    const written: Array<string> = []
    peer.write = (chunk) => {
      written.push(Buffer.from(chunk).toString("hex"))
      return true
    }
    for (let count = 0; count < 5; count++) {
      peer.bytes(Buffer.alloc(2))
      station.time.pass(800)
    }
    expect(written).toEqual(["0000", "0000", "0000", "0000", "0000"])
    station.time.pass(1100)
    expect(written).toHaveLength(6)
  })

  it("comes back slower every time, and anew after it lasted (U1, U14)", () => {
    const station = new Station()
    station.chance = 1
    station.transport.ports.set(1, "refuse")
    station.peer().close("reset")
    station.time.pass(40_000)
    const tries = station.transport.tries.slice(1).map(({ atMs }) => atMs)
    const pauses = tries.map((atMs, index) => atMs - (tries[index - 1] ?? 1050))
    expect(pauses.slice(0, 6).map((ms) => Math.round(ms / 100) / 10)).toEqual([1, 2, 4, 8, 8, 8])
    station.transport.ports.set(1, "accept")
    station.time.pass(20_000)
    expect(station.linkStates).toEqual(["up"])
    station.time.pass(10_000)
    const before = station.transport.tries.length
    station.peer().close("reset")
    station.time.pass(1100)
    expect(station.transport.tries.length).toBe(before + 1)
  })

  it("that flaps is not hammered (U14)", () => {
    const station = new Station()
    station.chance = 1
    for (let round = 0; round < 30; round++) {
      station.time.pass(2000)
      if (station.linkStates[0] === "up") station.peer().close("reset")
    }
    // Sixty seconds of an upstream that drops every connection after two.
    expect(station.transport.tries.length).toBeLessThan(12)
  })

  it("gives up a connect that never completes when the switch ends", async () => {
    const station = new Station(links(2))
    station.transport.ports.set(2, "silent")
    station.peer(1).close("reset")
    station.time.pass(1100)
    expect(station.linkStates).toEqual(["up", "connecting"])
    await station.close()
    expect(station.peer.bind(station)).toThrow()
  })

  it("ends when framing is lost, and what was written is lost with it", () => {
    const station = new Station()
    const sent = station.send()
    station.peer().bytes(Buffer.from([0xff, 0xff, 0, 0]))
    station.time.settle()
    expect(sent.endings).toEqual([{ _tag: "lost" }])
    expect(station.meter.of("link 0 down frame-too-long")).toBe(1)
  })

  it("reads frames that come in pieces", () => {
    const station = new Station()
    const sent = station.send()
    const peer = station.peer()
    const bytes: Array<Buffer> = []
    const original = peer.bytes.bind(peer)
    peer.bytes = (chunk) => void bytes.push(chunk)
    peer.answer(station.seen(sent), { 39: "00" })
    for (const byte of bytes[0]!) original(Buffer.from([byte]))
    station.time.settle()
    expect(sent.endings).toMatchObject([{ _tag: "answered" }])
  })

  it("takes nothing new while the upstream does not read", () => {
    const station = new Station()
    const peer = station.peer()
    peer.stuckBytes = 2 << 20
    station.send()
    expect(station.upstreams.reserve("bank", station.sale())).toBe("upstream-down")
    peer.stuckBytes = 0
    peer.handler!.onDrain()
    expect(typeof station.upstreams.reserve("bank", station.sale())).not.toBe("string")
  })

  it("reads on after a pause although other mail waits behind the last chunk", () => {
    const station = new Station({ echoAfterIdleMs: 10_000, echoMinIntervalMs: 5000 })
    const peer = station.peer()
    peer.polite = false
    station.time.pass(10_000)
    const [echo] = peer.of("0800")
    for (let count = 0; count < 70; count++) peer.say({ mti: "0210", 11: "000777", 39: "00" })
    peer.answer(echo!, { 39: "00" })
    expect(peer.paused).toBe(true)
    station.time.settle()
    expect(station.linkStates).toEqual(["up"])
    expect(peer.paused).toBe(false)
  })

  it("pauses a socket that brings more than a turn's share", () => {
    const station = new Station()
    const peer = station.peer()
    for (let count = 0; count < 200; count++) peer.say({ mti: "0210", 11: "000001", 39: "00" })
    expect(peer.paused).toBe(true)
    station.time.settle()
    expect(peer.paused).toBe(false)
    expect(station.meter.of("unmatched")).toBe(200)
  })

  it("survives a defect of ours: what was on it is lost, and it comes back", () => {
    const dialect = fakeDialect()
    let broken = false
    const station = new Station({}, {}, {
      ...dialect,
      isResponse: (message: Message) => {
        if (broken) throw new Error("a defect")
        return dialect.isResponse(message)
      }
    })
    const sent = station.send()
    broken = true
    station.answer(sent)
    expect(sent.endings).toEqual([{ _tag: "lost" }])
    expect(station.linkStates).toEqual(["down"])
    broken = false
    station.time.pass(6000)
    expect(station.linkStates).toEqual(["up"])
    const again = station.send()
    station.answer(again)
    expect(again.endings).toMatchObject([{ _tag: "answered" }])
  })
})

describe("a silent link", () => {
  const echoes = { echoAfterIdleMs: 10_000, echoMinIntervalMs: 5000, echoMissesBeforeDown: 2 }

  it("hears an echo after it was idle, and none while traffic flows", () => {
    const station = new Station(echoes)
    for (let second = 0; second < 60; second += 5) {
      station.answer(station.send())
      station.time.pass(5000)
    }
    expect(station.peer().of("0800")).toEqual([])
    station.time.pass(10_100)
    expect(station.peer().of("0800")).toMatchObject([{ 70: "301" }])
    station.time.pass(30_000)
    expect(station.peer().of("0800").length).toBeLessThanOrEqual(4)
    expect(station.linkStates).toEqual(["up"])
  })

  it("hears no echo more often than was agreed, however short an idle time is", () => {
    const station = new Station({ echoAfterIdleMs: 1000, echoMinIntervalMs: 10_000 })
    station.time.pass(35_000)
    expect(station.peer().of("0800").length).toBeGreaterThanOrEqual(3)
    expect(station.peer().of("0800").length).toBeLessThanOrEqual(4)
  })

  it("is ejected when another stands, and its requests are lost (U20)", () => {
    const station = new Station({ ...links(2), ...echoes })
    station.peer(0).polite = false
    const stuck = [station.send(), station.send()].find((each) => each.reservation.link === 0)!
    station.time.pass(25_000)
    expect(station.meter.of("link 0 down echo-missed")).toBe(1)
    expect(stuck.endings).toHaveLength(1)
    expect(station.meter.of("link 1 down echo-missed")).toBe(0)
  })

  it("is never ejected as the last one while something is in flight on it (U20)", () => {
    const station = new Station({ ...echoes, timeoutMs: 120_000 })
    station.peer().polite = false
    const reservation = station.reserve()
    reservation.dispatch(120_000, () => {})
    station.time.pass(100_000)
    expect(station.linkStates).toEqual(["up"])
    expect(station.transport.tries).toHaveLength(1)
  })

  it("is renewed as the last one when nothing is lost by it", () => {
    const station = new Station(echoes)
    station.peer().polite = false
    station.time.pass(60_000)
    expect(station.meter.of("link 0 down echo-missed")).toBe(1)
    expect(station.linkStates).toEqual(["up"])
  })
})

describe("an upstream that speaks first (U17)", () => {
  it("has its echo answered", () => {
    const station = new Station()
    station.peer().say({ mti: "0800", 11: "000009", 70: "301" })
    station.time.settle()
    expect(station.peer().of("0810")).toMatchObject([{ 11: "000009", 39: "00" }])
  })

  it("signs off: nothing new goes there, what is in flight ends, then the link does", () => {
    const station = new Station(links(2))
    const sent = [station.send(), station.send()].find((each) => each.reservation.link === 0)!
    station.peer(0).say({ mti: "0800", 11: "000009", 70: "002" })
    station.time.settle()
    expect(station.peer(0).of("0810")).toHaveLength(1)
    expect(station.linkStates).toEqual(["draining", "up"])
    for (let count = 0; count < 4; count++) expect(station.reserve().link).toBe(1)
    const first = station.transport.peers[0]!
    station.answer(sent)
    expect(sent.endings).toMatchObject([{ _tag: "answered" }])
    expect(first.open).toBe(false)
    expect(station.meter.of("link 0 down signed-off")).toBe(1)
    station.time.pass(8100)
    expect(station.linkStates).toEqual(["up", "up"])
  })

  it("may sign on again before the link has ended", () => {
    const station = new Station()
    station.reserve()
    station.peer().say({ mti: "0800", 11: "000009", 70: "002" })
    station.time.settle()
    expect(station.upstreams.reserve("bank", station.sale())).toBe("upstream-down")
    station.peer().say({ mti: "0800", 11: "000010", 70: "001" })
    station.time.settle()
    expect(station.linkStates).toEqual(["up"])
  })

  it("cannot sign on again where the link has closed its side already", () => {
    const station = new Station()
    const peer = station.peer()
    peer.lingers = true
    peer.say({ mti: "0800", 11: "000009", 70: "002" })
    peer.say({ mti: "0800", 11: "000010", 70: "001" })
    station.time.settle()
    expect(peer.halfClosed).toBe(true)
    expect(station.linkStates).toEqual(["draining"])
    expect(station.upstreams.reserve("bank", station.sale())).toBe("upstream-down")
    peer.close("ended")
    station.time.pass(8100)
    expect(station.linkStates).toEqual(["up"])
  })

  it("asks what the switch does not serve, and is counted", () => {
    const station = new Station()
    station.peer().say({ mti: "0200", 11: "000009", 39: "00" })
    station.time.settle()
    expect(station.meter.of("unmatched")).toBe(1)
    expect(station.peer().heard).toEqual([])
  })
})

describe("an operator", () => {
  it("drains a link, which says goodbye and stays away until it is let back", () => {
    const station = new Station({ signOn: true })
    const sent = station.send()
    expect(station.control.drain("bank", 0)).toBe(true)
    station.time.settle()
    expect(station.linkStates).toEqual(["draining"])
    const peer = station.peer()
    station.answer(sent)
    station.time.settle()
    expect(peer.of("0800").map((fields) => fields["70"])).toEqual(["001", "002"])
    expect(peer.open).toBe(false)
    station.time.pass(60_000)
    expect(station.linkStates).toEqual(["down"])
    // People did this: it says nothing about the upstream.
    for (let count = 0; count < 30; count++) station.upstreams.reserve("bank", station.sale())
    expect(station.status.breaker).toBe("closed")
    station.control.resume("bank", 0)
    station.time.pass(100)
    expect(station.linkStates).toEqual(["up"])
    expect(station.control.drain("bank", 7)).toBe(false)
    expect(station.control.drain("nobody", 0)).toBe(false)
  })

  it("changes their mind while it drains", () => {
    const station = new Station()
    station.reserve()
    station.control.drain("bank", 0)
    station.time.settle()
    station.control.resume("bank", 0)
    station.time.settle()
    expect(station.linkStates).toEqual(["up"])
  })

  it("does not let back an upstream that signed off meanwhile", () => {
    const station = new Station()
    const { reservation: held } = station.send()
    expect(held.link).toBe(0)
    station.control.drain("bank", 0)
    station.time.settle()
    station.peer().say({ mti: "0800", 11: "000009", 70: "002" })
    station.time.settle()
    station.control.resume("bank", 0)
    station.time.settle()
    expect(station.linkStates).toEqual(["draining"])
    expect(station.upstreams.reserve("bank", station.sale())).toBe("upstream-down")
  })

  it("goes on draining when the upstream that signed off signs on again", () => {
    for (const first of ["operator", "upstream"]) {
      const station = new Station()
      station.reserve()
      if (first === "operator") station.control.drain("bank", 0)
      station.peer().say({ mti: "0800", 11: "000009", 70: "002" })
      station.time.settle()
      station.control.drain("bank", 0)
      station.time.settle()
      station.peer().say({ mti: "0800", 11: "000010", 70: "001" })
      station.time.settle()
      expect(station.linkStates).toEqual(["draining"])
      station.control.resume("bank", 0)
      station.time.settle()
      expect(station.linkStates).toEqual(["up"])
    }
  })

  it("changes their mind after the goodbye, and the link comes back on a new connection", () => {
    for (const signOn of [false, true]) {
      const station = new Station({ signOn })
      const peer = station.peer()
      peer.lingers = true
      peer.polite = false
      station.control.drain("bank", 0)
      station.time.settle()
      station.control.resume("bank", 0)
      station.time.settle()
      expect(station.linkStates).toEqual(["draining"])
      expect(station.upstreams.reserve("bank", station.sale())).toBe("upstream-down")
      const goodbye = peer.of("0800").find((fields) => fields["70"] === "002")
      if (goodbye !== undefined) peer.answer(goodbye, { 39: "00" })
      station.time.settle()
      expect(peer.halfClosed).toBe(true)
      peer.close("ended")
      station.time.pass(8100)
      expect(station.linkStates).toEqual(["up"])
      expect(station.transport.peers).toHaveLength(2)
    }
  })
})
