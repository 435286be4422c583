/** A wallet as an upstream in stories: paid, refused, in doubt, undone, refunded. */

import { describe, expect, it } from "vitest"
import type { Ending, UpstreamRequest } from "../../src/domain/ports/upstream.ts"
import { record } from "./station.ts"
import { paidReply, Till, walletConfig } from "./till.ts"

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

  it("hears one late word, though its payment and its inquiries all speak after the deadline", () => {
    const till = new Till()
    till.wallet.replies = { "/pay": "held", "/inquire": "held" }
    const { endings } = till.pay()
    till.station.time.pass(30_100)
    expect(endings).toEqual([{ _tag: "timed-out" }])
    expect(till.wallet.held.length).toBeGreaterThan(1)
    for (const answer of till.wallet.held) answer()
    expect(till.station.late).toMatchObject([{ id: "t1", answer: { approved: true } }])
    expect(till.station.meter.of("late")).toBe(1)
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
