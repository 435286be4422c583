/** A wallet as an upstream in stories: paid, refused, in doubt, undone, refunded. */

import { Layer } from "effect"
import { describe, expect, it } from "vitest"
import type { UpstreamConfig } from "../../src/domain/config.ts"
import {
  Http,
  type HttpCall,
  type HttpOutcome,
  type HttpShape
} from "../../src/domain/ports/http.ts"
import type { AdviceSend, Ending, UpstreamRequest } from "../../src/domain/ports/upstream.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { hmacAnswerText, hmacHex, hmacWallet } from "../../src/qr/hmac-request.ts"
import { keys } from "../qr/wallet-account.ts"
import { record, Station } from "./station.ts"

const walletConfig: Partial<UpstreamConfig> = {
  name: "bank",
  kind: "wallet",
  links: [],
  account: "shop",
  url: "http://wallet.test/api/",
  timeoutMs: 30_000,
  inquiry: { firstMs: 2000, everyMs: 3000, giveUpMs: 30_000, undoNotBeforeMs: 15_000 }
}

type Body = Readonly<Record<string, unknown>>
/** `lost`: it arrived and no answer comes. `held`: the test answers later. */
type Reply = Body | "lost" | "unsent" | "forged" | "held"

class FakeWallet {
  readonly asked: Array<{ readonly path: string; readonly body: Body }> = []
  readonly held: Array<() => void> = []
  replies: Readonly<Record<string, Reply>> = {}
  wallMs = () => 0

  readonly layer = Layer.sync(
    Http,
    () =>
      Http.of({ call: (call, done) => this.#call(call, done) } as Partial<HttpShape> as HttpShape)
  )

  paths(): Array<string> {
    return this.asked.map(({ path }) => path)
  }

  #call(call: HttpCall, done: (outcome: HttpOutcome) => void): void {
    const path = new URL(call.url).pathname.replace("/api", "")
    const body = JSON.parse(Buffer.from(call.body).toString()) as Body
    const reply = this.replies[path] ?? { state: "WAITING" }
    if (reply === "unsent") return done({ _tag: "unsent", code: "ECONNREFUSED" })
    this.asked.push({ path, body })
    const answer = (state: Body, secret: Uint8Array = keys.secret) => {
      const text = JSON.stringify({ ...body, payment: "P1", ...state })
      const timestamp = String(Math.floor(this.wallMs() / 1000))
      const nonce = call.headers.get("x-nonce") ?? ""
      const sign = hmacHex(secret, hmacAnswerText(timestamp, nonce, text))
      const headers = new Map([["x-timestamp", timestamp], ["x-signature", sign]])
      done({ _tag: "answered", response: { status: 200, headers, body: Buffer.from(text) } })
    }
    if (reply === "lost") return done({ _tag: "doubt", code: "ECONNRESET" })
    if (reply === "forged") return answer({ state: "PAID" }, Buffer.from("another secret"))
    if (reply === "held") return void this.held.push(() => answer({ state: "PAID" }))
    answer(reply)
  }
}

class Till {
  readonly wallet = new FakeWallet()
  readonly station: Station

  constructor(change: Partial<UpstreamConfig> = {}, growingPace = false) {
    this.station = new Station({ ...walletConfig, ...change }, {
      wallets: new Map([["shop", { ...hmacWallet(keys), growingPace }]]),
      http: this.wallet.layer
    })
    this.wallet.wallMs = () => this.station.time.wall
  }

  request(change: Partial<UpstreamRequest> = {}): UpstreamRequest {
    return { record: record("t1"), facts: {}, payCode: "130061098828009406", ...change }
  }

  reserve(change: Partial<UpstreamRequest> = {}) {
    const reserved = this.station.upstreams.reserve("bank", this.request(change))
    if (typeof reserved === "string") throw new Error(reserved)
    return reserved
  }

  pay(change: Partial<UpstreamRequest> = {}) {
    const reservation = this.reserve(change)
    const endings: Array<Ending> = []
    expect(reservation.dispatch(30_000, (ending) => void endings.push(ending))).toBe(true)
    return { reservation, endings }
  }

  /** The record of a payment as the undo finds it. */
  recordOf(reference: string | undefined, change: Partial<TransactionRecord> = {}) {
    return record("t1", {
      walletReference: reference!,
      times: { receivedMs: 0, forwardedMs: this.station.time.wall },
      ...change
    })
  }

  undo(original: TransactionRecord, followed?: TransactionRecord): Array<Ending> {
    const endings: Array<Ending> = []
    const advice: AdviceSend = {
      record: original,
      ...(followed === undefined ? {} : { original: followed }),
      facts: {},
      reason: "98",
      attempt: 0,
      stan: this.station.upstreams.adviceStan("bank")
    }
    const sent = this.station.upstreams.advise(
      "bank",
      advice,
      3000,
      (end) => void endings.push(end)
    )
    expect(sent).toBe(true)
    this.station.time.pass(20)
    return endings
  }
}

/** `PAID` with the money of the order that is asked after. */
const paidReply = { state: "PAID", amount: 100, currency: "156" }

describe("a payment by the customer's code", () => {
  it("has its order number before anything is sent, and sends under it", () => {
    const till = new Till()
    till.wallet.replies = { "/pay": paidReply }
    const reservation = till.reserve()
    expect(reservation.walletReference).toMatch(/^20231115061320N1[0-9A-Z]{10}$/)
    expect(till.wallet.asked).toEqual([])
    const endings: Array<Ending> = []
    reservation.dispatch(30_000, (ending) => void endings.push(ending))
    expect(till.wallet.asked).toMatchObject([
      { path: "/pay", body: { order: reservation.walletReference, amount: 100, currency: "156" } }
    ])
    expect(endings).toEqual([{
      _tag: "answered",
      answer: {
        approved: true,
        response: "PAID",
        response1987: "00",
        rrn: reservation.rrn,
        values: {}
      }
    }])
    expect(till.station.status.inFlight).toBe(0)
  })

  it("tells the terminal our RRN and the order number as voucher, where its dialect has them", () => {
    const till = new Till()
    till.wallet.replies = { "/pay": paidReply }
    const message = till.station.sale().message!
    const { endings, reservation } = till.pay({ message })
    expect(endings).toMatchObject([{ answer: { values: { 37: reservation.rrn } } }])
  })

  it("is refused in the wallet's word and in ours", () => {
    const till = new Till()
    till.wallet.replies = { "/pay": { state: "FAILED", code: "NOT_ENOUGH" } }
    expect(till.pay().endings).toMatchObject([
      { answer: { approved: false, response: "NOT_ENOUGH", response1987: "51" } }
    ])
  })

  it("is definite when it never left, and nothing is asked", () => {
    const till = new Till()
    till.wallet.replies = { "/pay": "unsent" }
    const { endings } = till.pay()
    till.station.time.pass(40_000)
    expect(endings).toEqual([{ _tag: "unwritten" }])
    expect(till.wallet.asked).toEqual([])
  })

  it("is asked after while the payer acts, and never sent again", () => {
    const till = new Till()
    const { endings } = till.pay()
    till.station.time.pass(8100)
    expect(till.wallet.paths()).toEqual(["/pay", "/inquire", "/inquire", "/inquire"])
    till.wallet.replies = { "/inquire": paidReply }
    till.station.time.pass(3100)
    expect(endings).toMatchObject([{ answer: { approved: true } }])
    till.station.time.pass(40_000)
    expect(endings).toHaveLength(1)
    expect(till.wallet.paths().filter((path) => path === "/pay")).toHaveLength(1)
  })

  it("is asked after when its answer is lost, forged or missing", () => {
    for (const reply of ["lost", "forged", "held"] as const) {
      const till = new Till()
      till.wallet.replies = { "/pay": reply, "/inquire": paidReply }
      const { endings } = till.pay()
      expect(endings).toEqual([])
      till.station.time.pass(2100)
      expect(endings).toMatchObject([{ answer: { approved: true } }])
    }
  })

  it("stays in doubt while the wallet does not know the number", () => {
    const till = new Till()
    till.wallet.replies = { "/pay": "lost", "/inquire": { state: "ABSENT" } }
    const { endings } = till.pay()
    till.station.time.pass(30_100)
    expect(endings).toEqual([{ _tag: "timed-out" }])
  })

  it("is asked after at growing distances where the wallet wants that", () => {
    const till = new Till({ inquiry: { ...walletConfig.inquiry!, firstMs: 1000 } }, true)
    const asked: Array<number> = []
    const beganMs = till.station.time.now
    till.pay()
    for (let ms = 0; ms < 30_000; ms += 10) {
      const before = till.wallet.asked.length
      till.station.time.pass(10)
      if (till.wallet.asked.length > before) asked.push(till.station.time.now - beganMs)
    }
    expect(asked.map((ms) => Math.round(ms / 1000))).toEqual([1, 3, 7, 15])
  })

  it("hears a late word once, after its deadline, and delivers nothing", () => {
    const till = new Till()
    till.wallet.replies = { "/pay": "held", "/inquire": "lost" }
    const { endings } = till.pay()
    till.station.time.pass(30_100)
    expect(endings).toEqual([{ _tag: "timed-out" }])
    for (const answer of till.wallet.held) answer()
    expect(endings).toHaveLength(1)
    expect(till.station.late).toMatchObject([{ id: "t1", answer: { approved: true } }])
    till.station.time.pass(60_000)
    expect(till.wallet.paths().filter((path) => path === "/inquire")).toHaveLength(10)
  })

  it("is in doubt when a genuine answer speaks of other money", () => {
    const till = new Till()
    till.wallet.replies = { "/pay": { ...paidReply, amount: 99 } }
    expect(till.pay().endings).toEqual([{ _tag: "invalid", detail: "amount differs" }])
  })

  it("needs a code, an amount and a place", () => {
    const till = new Till({ window: 1 })
    const { payCode: _none, ...codeless } = till.request()
    const reserve = (request: UpstreamRequest) => till.station.upstreams.reserve("bank", request)
    expect(reserve(codeless)).toBe("untranslatable")
    expect(reserve(till.request({ record: record("t1", { kind: "preauth" }) }))).toBe(
      "untranslatable"
    )
    const held = till.reserve()
    expect(reserve(till.request())).toBe("window-full")
    held.release()
    held.release()
    till.reserve().release()
    till.station.control.drain("bank", 0)
    expect(reserve(till.request())).toBe("upstream-down")
    till.station.control.resume("bank", 0)
    expect(typeof reserve(till.request())).not.toBe("string")
  })
})

describe("a refund", () => {
  const original = record("t0", { walletReference: "20231115061319N1AAAAAAAAAA", amount: 250 })
  const asked = { record: record("t1", { kind: "refund" }), original }

  it("is done when its query says so, not when it is accepted", () => {
    const till = new Till()
    till.wallet.replies = {
      "/refund": { state: "ACCEPTED" },
      "/inquire-refund": { state: "WAITING" }
    }
    const { endings, reservation } = till.pay(asked)
    till.station.time.pass(2100)
    expect(till.wallet.asked[0]).toMatchObject({
      path: "/refund",
      body: {
        refund: reservation.walletReference,
        order: original.walletReference,
        amount: 100,
        total: 250
      }
    })
    expect(endings).toEqual([])
    till.wallet.replies = {
      "/inquire-refund": { state: "REFUNDED", order: original.walletReference, amount: 100 }
    }
    till.station.time.pass(3100)
    expect(endings).toMatchObject([{ answer: { approved: true } }])
  })

  it("is sent again under the same number when the wallet does not know it", () => {
    const till = new Till()
    till.wallet.replies = { "/refund": "lost", "/inquire-refund": { state: "ABSENT" } }
    const { endings } = till.pay(asked)
    till.station.time.pass(2100)
    const sent = till.wallet.asked.filter(({ path }) => path === "/refund")
    expect(sent).toHaveLength(2)
    expect(sent[0]).toEqual(sent[1])
    till.wallet.replies = { "/refund": "unsent", "/inquire-refund": { state: "ABSENT" } }
    till.station.time.pass(3100)
    // One went out before: that this one did not is no proof.
    expect(endings).toEqual([])
  })

  it("is not refused by an answer to a repeat: what was sent before may have been made", () => {
    const till = new Till()
    till.wallet.replies = { "/refund": "lost", "/inquire-refund": { state: "ABSENT" } }
    const { endings } = till.pay(asked)
    till.wallet.replies = {
      "/refund": { state: "FAILED", code: "REFUND_EXISTS" },
      "/inquire-refund": { state: "ABSENT" }
    }
    till.station.time.pass(2100)
    expect(endings).toEqual([])
    till.wallet.replies = {
      "/inquire-refund": { state: "REFUNDED", order: original.walletReference, amount: 100 }
    }
    till.station.time.pass(3100)
    expect(endings).toMatchObject([{ answer: { approved: true } }])
  })

  it("is refused by the first answer, and by what its query says of a repeat", () => {
    const till = new Till()
    till.wallet.replies = { "/refund": { state: "FAILED", code: "NOT_ENOUGH" } }
    expect(till.pay(asked).endings).toMatchObject([{ answer: { response: "NOT_ENOUGH" } }])
    till.wallet.replies = { "/refund": "lost", "/inquire-refund": { state: "ABSENT" } }
    const { endings } = till.pay(asked)
    till.station.time.pass(2100)
    till.wallet.replies = { "/inquire-refund": { state: "FAILED", code: "CLOSED" } }
    till.station.time.pass(3100)
    expect(endings).toMatchObject([{ answer: { approved: false, response: "CLOSED" } }])
  })
})

describe("an undo", () => {
  it("waits as long as the wallet wants, without a place", () => {
    const till = new Till()
    const endings = till.undo(till.recordOf("20231115061320N1AAAAAAAAAA"))
    expect(endings).toEqual([{ _tag: "unwritten" }])
    expect(till.wallet.asked).toEqual([])
  })

  it("does not wait for a time that a clock was set back from", () => {
    const till = new Till()
    const original = till.recordOf("20231115061320N1AAAAAAAAAA")
    till.wallet.replies = { "/undo": { state: "UNDONE" }, "/inquire": { state: "UNDONE" } }
    till.station.time.wall -= 5_000
    expect(till.undo(original)).toEqual([{ _tag: "unwritten" }])
    till.station.time.wall -= 3_600_000
    expect(till.undo(original)).toMatchObject([{ answer: { approved: true } }])
  })

  it("is over when the wallet took it and the order is closed since", () => {
    const till = new Till()
    const original = till.recordOf("20231115061320N1AAAAAAAAAA")
    till.station.time.pass(15_100)
    for (const state of ["UNDONE", "ABSENT", "FAILED"]) {
      till.wallet.replies = { "/undo": { state: "UNDONE" }, "/inquire": { state } }
      expect(till.undo(original)).toMatchObject([{ answer: { approved: true } }])
    }
    expect(till.wallet.asked.slice(0, 2)).toMatchObject([
      { path: "/undo", body: { order: original.walletReference } },
      { path: "/inquire" }
    ])
  })

  it("goes on when it was refused, lost, or the payer paid in the gap", () => {
    const till = new Till()
    const original = till.recordOf("20231115061320N1AAAAAAAAAA")
    till.station.time.pass(15_100)
    till.wallet.replies = { "/undo": "lost" }
    expect(till.undo(original)).toEqual([{ _tag: "timed-out" }])
    till.wallet.replies = { "/undo": { state: "UNDONE" }, "/inquire": paidReply }
    expect(till.undo(original)).toMatchObject([{ answer: { approved: false, response: "PAID" } }])
    till.wallet.replies = { "/undo": { state: "UNDONE" }, "/inquire": "forged" }
    expect(till.undo(original)).toEqual([{ _tag: "timed-out" }])
    till.wallet.replies = { "/undo": "unsent" }
    expect(till.undo(original)).toEqual([{ _tag: "unwritten" }])
  })

  it("of an order that nobody knows is over when the order cannot arrive any more", () => {
    const till = new Till()
    const original = till.recordOf("20231115061320N1AAAAAAAAAA")
    till.station.time.pass(15_100)
    till.wallet.replies = { "/undo": { state: "ABSENT" }, "/inquire": { state: "ABSENT" } }
    expect(till.undo(original)).toMatchObject([{ answer: { approved: false } }])
    till.station.time.wall += 600_000
    till.wallet.replies = { "/undo": { state: "ABSENT" }, "/inquire": paidReply }
    expect(till.undo(original)).toMatchObject([{ answer: { approved: false, response: "PAID" } }])
    till.wallet.replies = { "/undo": { state: "ABSENT" }, "/inquire": { state: "ABSENT" } }
    expect(till.undo(original)).toMatchObject([{ answer: { approved: true } }])
    // Of an order that failed there is nothing to wait for.
    till.wallet.replies = { "/undo": { state: "ABSENT" }, "/inquire": { state: "FAILED" } }
    const fresh = till.recordOf("20231115061320N1AAAAAAAAAB")
    till.station.time.pass(15_100)
    expect(till.undo(fresh)).toMatchObject([{ answer: { approved: true } }])
  })

  it("of a refund asks only when what was sent last has had its time to arrive", () => {
    const till = new Till()
    const original = record("t0", { walletReference: "20231115061320N1AAAAAAAAAA" })
    till.wallet.replies = { "/refund": "lost", "/inquire-refund": { state: "ABSENT" } }
    const { endings, reservation } = till.pay({
      record: record("t1", { kind: "refund" }),
      original
    })
    const refund = till.recordOf(reservation.walletReference, { kind: "refund" })
    till.station.time.pass(30_100)
    expect(endings).toEqual([{ _tag: "timed-out" }])
    // It went out again seconds ago, and is under way: that the wallet has none is no proof yet.
    expect(till.undo(refund, original)).toEqual([{ _tag: "unwritten" }])
    till.station.time.pass(15_100)
    expect(till.undo(refund, original)).toMatchObject([{ answer: { approved: true } }])
  })

  it("of a void asks only whether it ever happened", () => {
    const till = new Till()
    const voided = till.recordOf("20231115061330N1AAAAAAAAAA", { kind: "void" })
    till.wallet.replies = { "/inquire-refund": { state: "ABSENT" } }
    till.station.time.pass(60_100)
    expect(till.undo(voided)).toMatchObject([{ answer: { approved: true } }])
    till.wallet.replies = { "/inquire-refund": { state: "WAITING" } }
    expect(till.undo(voided)).toMatchObject([{ answer: { approved: false } }])
    expect(till.wallet.paths()).toEqual(["/inquire-refund", "/inquire-refund"])
    // One that was made is a human's to end, and is told as what it is.
    const sale = till.recordOf("20231115061320N1AAAAAAAAAA")
    till.wallet.replies = {
      "/inquire-refund": { state: "REFUNDED", order: sale.walletReference, amount: 100 }
    }
    expect(till.undo(voided, sale)).toMatchObject([{
      answer: { approved: false, response: "PAID" }
    }])
    expect(till.wallet.asked.at(-1)?.body).toMatchObject({ order: sale.walletReference })
  })
})

describe("the breaker of a wallet", () => {
  it("opens on lost answers, stays closed on refusals, and asks before it closes", () => {
    const till = new Till({ window: 100 })
    till.wallet.replies = { "/pay": { state: "FAILED", code: "RISK" } }
    for (let call = 0; call < 30; call++) till.pay()
    expect(till.station.status.breaker).toBe("closed")
    till.station.time.pass(11_000)
    till.wallet.replies = { "/pay": "lost", "/inquire": "lost" }
    for (let call = 0; call < 20; call++) till.pay()
    expect(till.station.status.breaker).toBe("open")
    till.station.time.pass(5100)
    expect(till.station.status.breaker).toBe("open")
    till.wallet.replies = { "/inquire": { state: "ABSENT" }, "/pay": paidReply }
    till.station.time.pass(10_100)
    expect(till.station.status.breaker).toBe("half-open")
    till.pay()
    expect(till.station.status.breaker).toBe("closed")
  })

  it("opens on silence long before requests time out, and again on a silent probe", () => {
    const till = new Till({ window: 100 })
    till.wallet.replies = { "/pay": "held" }
    for (let call = 0; call < 20; call++) till.pay()
    till.station.time.pass(1900)
    expect(till.station.status.breaker).toBe("closed")
    till.station.time.pass(3300)
    expect(till.station.status.breaker).toBe("open")
    till.station.time.pass(5100)
    expect(till.station.status.breaker).toBe("half-open")
    till.pay()
    till.station.time.pass(5000)
    expect(till.station.status.breaker).toBe("open")
  })

  it("takes no answer for slow that lay unread while we were held", () => {
    const till = new Till({ window: 100 })
    till.wallet.replies = { "/pay": "held" }
    for (let call = 0; call < 20; call++) till.pay()
    till.station.time.hold(3000)
    for (const answer of till.wallet.held.splice(0)) answer()
    till.station.time.settle()
    expect(till.station.control.breaker("bank")).toMatchObject({ state: "closed", calls: 0 })
  })

  it("counts slow wallets, and learns nothing from our own stalls", () => {
    const till = new Till({ window: 100 })
    till.wallet.replies = { "/pay": "held", "/inquire": "held" }
    for (let call = 0; call < 20; call++) till.pay()
    till.station.time.hold(31_000)
    till.station.time.settle()
    expect(till.station.control.breaker("bank")).toMatchObject({ state: "closed", calls: 0 })
    for (let call = 0; call < 20; call++) till.pay()
    till.station.time.pass(3000)
    for (const answer of till.wallet.held.splice(0)) answer()
    expect(till.station.status.breaker).toBe("open")
  })
})
