/** The places of a wallet: how many, who may take one, what is counted, and the operator's hand. */

import { Layer } from "effect"
import { describe, expect, it } from "vitest"
import type { UpstreamConfig } from "../../src/domain/config.ts"
import { Http, type HttpOutcome, type HttpShape } from "../../src/domain/ports/http.ts"
import type { Ending, UpstreamRequest } from "../../src/domain/ports/upstream.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { hmacWallet } from "../../src/qr/hmac-request.ts"
import { keys } from "../qr/wallet-account.ts"
import { record, Station } from "./station.ts"

const config: Partial<UpstreamConfig> = {
  kind: "wallet",
  links: [],
  account: "shop",
  url: "http://wallet.test/api/",
  window: 10,
  adviceShare: 0.2,
  inquiry: { firstMs: 2000, everyMs: 3000, giveUpMs: 4000, undoNotBeforeMs: 0 }
}

/** A wallet that says nothing until it is lost. */
class Counter {
  readonly asked: Array<(outcome: HttpOutcome) => void> = []
  readonly station: Station

  constructor(currency?: string) {
    const http = {
      call: (_, done) => void this.asked.push(done)
    } as Partial<HttpShape> as HttpShape
    const own = currency === undefined ? {} : { currency }
    this.station = new Station(config, {
      wallets: new Map([["shop", { ...hmacWallet(keys), ...own }]]),
      http: Layer.succeed(Http, Http.of(http))
    })
  }

  reserve(change: Partial<TransactionRecord> = {}, more: Partial<UpstreamRequest> = {}) {
    const request = { record: record("t1", change), facts: {}, payCode: "130061098828009406" }
    return this.station.upstreams.reserve("bank", { ...request, ...more })
  }

  pay(): Array<Ending> {
    const reserved = this.reserve()
    if (typeof reserved === "string") throw new Error(reserved)
    const endings: Array<Ending> = []
    reserved.dispatch(30_000, (ending) => endings.push(ending))
    return endings
  }

  /** Whether an undo was taken, and how it ended. */
  undo(change: Partial<TransactionRecord> = {}) {
    const { upstreams } = this.station
    const endings: Array<Ending> = []
    const stan = upstreams.adviceStan("bank")
    const sold = record("t1", { walletReference: "W1", ...change })
    const advice = { record: sold, facts: {}, reason: "98", attempt: 0, stan }
    return { taken: upstreams.advise("bank", advice, 3000, (end) => endings.push(end)), endings }
  }

  /** Nobody answers what is under way. */
  lose(): void {
    for (const done of this.asked.splice(0)) done({ _tag: "doubt", code: "ECONNRESET" })
    this.station.time.settle()
  }
}

describe("a wallet's window", () => {
  it("bounds its payments, and a reservation that is given back leaves its place", () => {
    const counter = new Counter()
    for (let count = 0; count < 9; count++) counter.pay()
    const last = counter.reserve()
    expect(counter.reserve()).toBe("window-full")
    expect(counter.station.status).toMatchObject({ name: "bank", inFlight: 10, window: 10 })
    if (typeof last === "string") throw new Error(last)
    last.release()
    last.release()
    expect(counter.station.status.inFlight).toBe(9)
    expect(typeof counter.reserve()).toBe("object")
  })

  it("has a share for undoing, beside the payments", () => {
    const counter = new Counter()
    counter.pay()
    const [first, second, third] = [counter.undo(), counter.undo(), counter.undo()]
    expect([first.taken, second.taken, third.taken]).toEqual([true, true, false])
    expect(counter.station.status.inFlight).toBe(3)
    counter.station.time.pass(1500)
    counter.lose()
    expect(first.endings).toMatchObject([{ _tag: "timed-out" }])
    expect(counter.undo().taken).toBe(true)
    expect(counter.station.meter.of("sent advice")).toBe(3)
    expect(counter.station.meter.of("advice timed-out")).toBe(2)
    expect(counter.station.meter.seconds.slice(0, 2)).toEqual([1.5, 1.5])
  })

  it("counts a payment when it is sent, and how long it took", () => {
    const counter = new Counter()
    const endings = counter.pay()
    expect(counter.station.meter.seen).toContain("sent request")
    for (let count = 0; count < 60 && endings.length === 0; count++) {
      counter.station.time.pass(1000)
      counter.lose()
    }
    expect(endings).toMatchObject([{ _tag: "timed-out" }])
    expect(counter.station.meter.of("request timed-out")).toBe(1)
    expect(counter.station.meter.seconds[0]).toBeGreaterThan(1)
    expect(counter.station.meter.seconds[0]).toBeLessThan(61)
  })
})

describe("what a wallet cannot do", () => {
  it.each<[string, Partial<TransactionRecord>, Partial<UpstreamRequest>]>([
    ["a sale without a code", {}, { payCode: undefined as never }],
    ["a pre-authorisation", { kind: "preauth" }, {}],
    ["a void of what it never had", { kind: "void" }, { original: record("t0") }],
    ["a refund of nothing", { kind: "refund" }, {}],
    ["money of another currency", { currency: "840" }, {}]
  ])("is %s", (_, change, more) => {
    const counter = new Counter("156")
    expect(counter.reserve(change, more)).toBe("untranslatable")
    expect(counter.station.status.inFlight).toBe(0)
  })

  it("is money without an amount or a currency", () => {
    const counter = new Counter()
    const { amount: _amount, ...poor } = record("t1")
    const { currency: _currency, ...vague } = record("t1")
    for (const one of [poor, vague]) {
      expect(counter.reserve({}, { record: one })).toBe("untranslatable")
    }
  })

  it.each(["void", "refund"] as const)("is not a %s of a payment that it had", (kind) => {
    const original = record("t0", { walletReference: "W0" })
    expect(typeof new Counter("156").reserve({ kind }, { original })).toBe("object")
  })
})

describe("the operator's hand on a wallet", () => {
  it("takes its one link out of service, gently, and lets it back", () => {
    const counter = new Counter()
    const { control, ups, upstreams } = counter.station
    counter.pay()
    const links = () => upstreams.status()[0]!.links
    expect([control.drain("bank", 1), control.drain("bank", 0)]).toEqual([false, true])
    expect(links()).toEqual([{ index: 0, state: "draining" }])
    expect([counter.reserve(), counter.undo().taken]).toEqual(["upstream-down", false])
    expect(counter.station.status.inFlight).toBe(1)
    expect([control.drain("bank", 0), ups]).toEqual([true, []])
    // Whoever waits to undo something hears of it, once.
    expect([control.resume("bank", 0), control.resume("bank", 0)]).toEqual([true, true])
    expect([links(), ups]).toEqual([[{ index: 0, state: "up" }], ["bank"]])
    expect(typeof counter.reserve()).toBe("object")
  })

  it("holds its breaker open, and people are reminded of that until it is let go", () => {
    const counter = new Counter()
    const { control, meter, time } = counter.station
    expect(control.force("bank", "open")).toBe(true)
    expect(counter.reserve()).toBe("breaker-open")
    time.pass(2_000_000, 10_000)
    expect(meter.of("still forced-open after 15 minutes")).toBe(1)
    expect(meter.of("still forced-open after 30 minutes")).toBe(1)
    control.force("bank", "closed")
    expect(typeof counter.reserve()).toBe("object")
    control.force("bank", "auto")
    time.pass(2_000_000, 10_000)
    expect(meter.seen.filter((each) => each.startsWith("still"))).toHaveLength(2)
  })

  it("is closed with the switch: nothing new is taken", async () => {
    const counter = new Counter()
    await counter.station.close()
    expect(counter.reserve()).toBe("upstream-down")
  })
})
