/** QR payments: one payment is one transaction, on the right terminal, or a human's work. */

import { describe, expect, it } from "vitest"
import type { Stan } from "../../src/domain/brand.ts"
import type { NotificationRecord, OrderRecord } from "../../src/domain/order.ts"
import { maxOrders } from "../../src/transaction/orders.ts"
import { profile, Stage } from "./stage.ts"

const notice = (change: Partial<NotificationRecord> = {}): NotificationRecord => ({
  id: "wechat:n1",
  scheme: "wechat",
  payment: "4200001",
  event: "paid",
  amount: 100,
  currency: "156",
  merchantAccount: "m",
  paidMs: 1_700_000_000_000,
  receivedMs: 1_700_000_000_001,
  ...change
})

function order(stage: Stage): OrderRecord {
  let opened: OrderRecord | undefined
  stage.orders.open(
    { profile, scheme: "wechat", amount: 100, currency: "156", lifetimeMs: 60_000 },
    (result) => {
      if (typeof result !== "string") opened = result
    }
  )
  expect(opened).toBeUndefined()
  stage.journal.sync()
  return opened!
}

describe("a notice", () => {
  it("pays the order it names, on that order's terminal and under its transaction", () => {
    const stage = new Stage()
    const opened = order(stage)
    const booking = stage.orders.book(notice({ order: opened.order }))
    expect(booking).toMatchObject({
      _tag: "booked",
      record: {
        id: opened.transaction,
        terminal: "T0000001",
        channel: "qr-screen",
        state: "answered",
        approved: true,
        walletReference: "4200001"
      }
    })
    if (booking._tag === "booked") stage.journal.note(booking.writes, booking.feed)
    expect(stage.journal.get("orders", opened.order)?.state).toBe("paid")
  })

  it("pays at the counter whose printed code was scanned", () => {
    const stage = new Stage()
    expect(stage.orders.book(notice({ counter: "counter-1" }))).toMatchObject({
      _tag: "booked",
      record: { terminal: "T0000001", channel: "qr-printed" }
    })
  })

  it("of a currency that the counter does not take is a human's", () => {
    const stage = new Stage()
    expect(stage.orders.book(notice({ counter: "counter-1", currency: "344" }))).toMatchObject({
      _tag: "exception",
      reason: "currency-forbidden"
    })
  })

  it("that speaks of the same payment again is known, also after a restart", () => {
    const stage = new Stage()
    const first = notice({ counter: "counter-1" })
    const booking = stage.orders.book(first)
    if (booking._tag === "booked") stage.journal.note(booking.writes, booking.feed)
    stage.journal.note([{ table: "notifications", key: first.id, value: first }], [])
    expect(stage.orders.book(notice({ id: "wechat:n2", counter: "counter-1" }))._tag).toBe("known")
    const later = new Stage(stage.journal)
    expect(later.orders.book(notice({ id: "wechat:n3", counter: "counter-1" }))._tag).toBe("known")
    // Unless it says that it was of other money.
    expect(later.orders.book(notice({ id: "wechat:n4", amount: 99 }))).toMatchObject({
      reason: "amount-differs"
    })
  })

  it("of another account is another payment, though both wallets count alike", () => {
    const stage = new Stage()
    const at = { scheme: "generic-qr", payment: "1", counter: "counter-1" } as const
    const one = notice({ ...at, id: "hmac:one:1", merchantAccount: "one" })
    const other = notice({ ...at, id: "hmac:other:1", merchantAccount: "other" })
    expect([one, other, one].map((each) => stage.orders.book(each)._tag)).toEqual([
      "booked",
      "booked",
      "known"
    ])
  })

  it("of a payment that would be forgotten by now is a human's, never booked a second time", () => {
    const stage = new Stage()
    const first = notice({ counter: "counter-1", paidMs: stage.time.wall })
    const booking = stage.orders.book(first)
    if (booking._tag === "booked") stage.journal.note(booking.writes, booking.feed)
    stage.journal.note([{ table: "notifications", key: first.id, value: first }], [])
    stage.time.wall += 90_000_001
    stage.time.pass(20_000, 10_000)
    // Not every scheme signs a time of sending: who kept the notice can send it again for ever.
    expect(stage.orders.book(first)).toMatchObject({ reason: "paid-long-ago" })
  })

  it("that pays an order twice is a human's, beside the transaction that paid it first", () => {
    const stage = new Stage()
    const { order: number, transaction } = order(stage)
    const booking = stage.orders.book(notice({ order: number }))
    if (booking._tag === "booked") stage.journal.note(booking.writes, booking.feed)
    const again = stage.orders.book(notice({ id: "wechat:n2", order: number, payment: "4200002" }))
    expect(again).toMatchObject({
      reason: "order-paid-twice",
      feed: [{ row: { transaction, reason: "order-paid-twice" } }]
    })
  })

  it("that fits nothing, or not in amount, is handed to a human", () => {
    const stage = new Stage()
    expect(stage.orders.book(notice())).toMatchObject({ reason: "notification-unmatched" })
    const opened = order(stage)
    expect(stage.orders.book(notice({ order: opened.order, amount: 99 }))).toMatchObject({
      reason: "amount-differs"
    })
    stage.time.pass(80_000, 1_000)
    expect(stage.journal.get("orders", opened.order)?.state).toBe("closed")
    expect(stage.orders.book(notice({ order: opened.order }))).toMatchObject({
      reason: "paid-after-close"
    })
  })

  it("of a refund is a human's, also when it names a payment that is in the books", () => {
    const stage = new Stage()
    const booking = stage.orders.book(notice({ counter: "counter-1" }))
    if (booking._tag === "booked") stage.journal.note(booking.writes, booking.feed)
    // Schemes name the payment that was refunded: nobody here asked for that.
    const refund = notice({ id: "wechat:r1", event: "refunded", amount: 40 })
    expect(stage.orders.book(refund)).toMatchObject({ _tag: "exception", reason: "refunded" })
  })

  it("of a refund that we asked for is known, unless it says other than our books", () => {
    const stage = new Stage()
    const code = { channel: "qr-customer", payCode: "134567890123456789" } as const
    stage.approved(stage.sale(code))
    const original = { stan: "000001" }
    stage.approved(stage.sale({ channel: "qr-customer", kind: "refund", amount: 40, original }))
    const { id } = stage.records.find(({ kind }) => kind === "refund")!
    const told = (change: Partial<NotificationRecord>) =>
      stage.orders.book(
        notice({
          id: "wechat:r1",
          event: "refunded",
          refund: "order 000002",
          amount: 40,
          ...change
        })
      )
    expect(told({})).toEqual({ _tag: "known" })
    expect(told({ amount: 41 })).toMatchObject({ _tag: "exception", reason: "refunded" })
    expect(told({ refund: "order 000009" })).toMatchObject({ reason: "refunded" })
    for (const event of ["refund-abnormal", "refund-closed"] as const) {
      expect(told({ event, order: "order 000001", id: "wechat:r2" })).toStrictEqual({
        _tag: "exception",
        reason: event,
        feed: [{
          table: "exceptions",
          row: {
            // One for each end of a refund, however many notices speak of it.
            id: `wechat:order 000002:${event}`,
            transaction: id,
            reason: event,
            detail: `${event} 40 156 order order 000001 refund order 000002 ` +
              "counter - payment 4200001",
            atMs: stage.time.wall
          }
        }]
      })
    }
  })

  it("of all refunds of a payment is held against those that we still know of", () => {
    const stage = new Stage()
    const code = { channel: "qr-customer", payCode: "134567890123456789" } as const
    stage.approved(stage.sale(code))
    const original = { stan: "000001" }
    stage.approved(stage.sale({ channel: "qr-customer", kind: "refund", amount: 40, original }))
    const told = (amount: number, currency = "156") =>
      stage.orders.book(
        notice({ event: "refunded", refund: "order 000002", amount, currency, cumulative: true })
      )._tag
    expect([39, 40, 41].map((amount) => told(amount))).toEqual(["exception", "known", "exception"])
    expect(told(40, "344")).toBe("exception")
    // The payment is PostgreSQL's alone by now, and so is what else was given back of it.
    const [sale] = stage.records
    stage.journal.note([{ table: "transactions", key: sale!.id, value: undefined }], [])
    expect([39, 41].map((amount) => told(amount))).toEqual(["exception", "known"])
  })

  it("that nobody books raises its kind once, as long as there are not too many kinds", () => {
    const stage = new Stage()
    const told = (kind: number) =>
      stage.orders.unhandled({
        id: `wechat:${kind}`,
        scheme: "wechat",
        merchantAccount: "m",
        what: `NEW.${kind}`
      }).length
    for (let kind = 0; kind < 1_000; kind++) expect(told(kind)).toBe(1)
    expect([told(0), told(999), told(1_000), told(1_000)]).toEqual([0, 0, 1, 1])
  })

  it("of a refund that we were told is none is a human's when the wallet made it", () => {
    const stage = new Stage()
    stage.approved(stage.sale({ channel: "qr-customer", payCode: "134567890123456789" }))
    const original = { stan: "000001" }
    stage.ask(stage.sale({ channel: "qr-customer", kind: "refund", amount: 40, original }))
    stage.journal.sync()
    stage.answer("05")
    stage.journal.sync()
    const made = { event: "refunded", refund: "order 000002", amount: 40 } as const
    expect(stage.orders.book(notice(made))).toMatchObject({ reason: "refunded" })
  })

  it("that its order was closed is no news: the order ends by its own deadline", () => {
    const stage = new Stage()
    expect(stage.orders.book(notice({ event: "closed", order: order(stage).order }))).toEqual({
      _tag: "known"
    })
    expect(stage.counted).toEqual([])
  })

  it("of a second payment of one order, or in another currency, is a human's", () => {
    const stage = new Stage()
    const { order: number } = order(stage)
    const other = notice({ order: number, currency: "840" })
    expect(stage.orders.book(other)).toMatchObject({ reason: "amount-differs" })
    const booking = stage.orders.book(notice({ order: number }))
    if (booking._tag === "booked") stage.journal.note(booking.writes, booking.feed)
    const again = notice({ id: "wechat:n2", order: number, payment: "4200002" })
    expect(stage.orders.book(again)).toMatchObject({ reason: "order-paid-twice" })
  })

  it("is among its terminal's recent transactions once it is booked", () => {
    const stage = new Stage()
    const booking = stage.orders.book(notice({ counter: "counter-1" }))
    if (booking._tag !== "booked") throw new Error(booking._tag)
    expect([...stage.desk.floor.ofTerminal(profile.terminal)]).toMatchObject([
      { id: booking.record.id }
    ])
  })

  it("is no original of a reversal whose terminal does not know a number", () => {
    const stage = new Stage()
    const booking = stage.orders.book(notice({ counter: "counter-1" }))
    if (booking._tag !== "booked") throw new Error(booking._tag)
    stage.journal.note(booking.writes, booking.feed)
    const { batch: _, ...undo } = stage.sale({ kind: "reversal", stan: "000000" as Stan })
    const asker = stage.ask(undo)
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 00"])
    expect(stage.journal.get("transactions", booking.record.id)?.state).toBe("answered")
  })

  it("about a pay code is known while it is in doubt and when it is paid, never for less", () => {
    const stage = new Stage()
    const scanned = { channel: "qr-customer", payCode: "134567890123456789" } as const
    stage.ask(stage.sale(scanned))
    stage.journal.sync()
    stage.last.end({ _tag: "timed-out" })
    stage.journal.sync()
    expect(stage.orders.book(notice({ order: "order 000001" }))._tag).toBe("known")
    stage.approved(stage.sale(scanned))
    const told = (amount: number) => stage.orders.book(notice({ order: "order 000002", amount }))
    expect([told(100)._tag, told(99)]).toMatchObject(["known", { reason: "amount-differs" }])
  })

  it("about a pay code that went on to another wallet is known by its number there", () => {
    const stage = new Stage()
    stage.ask(stage.sale({ channel: "qr-customer", payCode: "134567890123456789" }))
    stage.journal.sync()
    stage.last.end({ _tag: "unwritten" })
    expect(stage.last.upstream).toBe("b")
    expect(stage.orders.book(notice({ order: "order 000002" }))._tag).toBe("known")
    expect(stage.orders.book(notice({ order: "order 000001" }))).toMatchObject({
      reason: "notification-unmatched"
    })
  })

  it("about a pay code waits for the wallet's own answer, and alarms when that was no", () => {
    const stage = new Stage()
    stage.ask(stage.sale({ channel: "qr-customer", payCode: "134567890123456789" }))
    expect(stage.orders.book(notice({ order: "order 000001" }))._tag).toBe("known")
    for (const other of [{ amount: 99 }, { currency: "344" }]) {
      expect(stage.orders.book(notice({ order: "order 000001", ...other }))).toMatchObject({
        reason: "amount-differs"
      })
    }
    stage.journal.sync()
    stage.answer("05")
    stage.journal.sync()
    expect(stage.orders.book(notice({ order: "order 000001" }))).toMatchObject({
      reason: "paid-after-end",
      feed: [{ row: { transaction: stage.records[0]?.id } }]
    })
  })
})

describe("the record of a payment, field by field", () => {
  const paid = {
    version: 1,
    state: "answered",
    kind: "sale",
    scheme: "wechat",
    day: "2026-11-26",
    key: "qr|wechat|m|4200001",
    fingerprint: "digest of 100|156|qr|wechat|m|4200001",
    terminal: profile.terminal,
    merchant: profile.merchant,
    // Nobody's session asked for it, and no message.
    session: 0,
    mti: "",
    processingCode: "",
    stan: "000000",
    amount: 100,
    currency: "156",
    walletReference: "4200001",
    configVersion: 7,
    response: "00",
    approved: true
  }

  it("of an order on a screen: as it was opened, and as it is paid", () => {
    const stage = new Stage()
    const opened = order(stage)
    const waiting = {
      order: "018bcfe5680070008000000000000000",
      transaction: "018bcfe5-6800-7000-8000-000000000000",
      terminal: profile.terminal,
      merchant: profile.merchant,
      scheme: "wechat",
      channel: "qr-screen",
      amount: 100,
      currency: "156",
      createdMs: stage.time.wall,
      expiresMs: stage.time.wall + 60_000,
      state: "waiting"
    }
    expect(opened).toStrictEqual(waiting)
    expect(stage.journal.fed).toEqual([{ table: "orders", row: waiting }])
    stage.time.hold(5_000)
    const booking = stage.orders.book(notice({ order: opened.order }))
    const record = {
      ...paid,
      id: opened.transaction,
      channel: "qr-screen",
      times: { receivedMs: 1_700_000_000_001, answeredMs: stage.time.wall }
    }
    const rows = [
      { table: "orders", row: { ...waiting, state: "paid" } },
      { table: "transactions", row: record }
    ]
    expect(booking).toStrictEqual({
      _tag: "booked",
      record,
      writes: [
        { table: "orders", key: opened.order, value: { ...waiting, state: "paid" } },
        { table: "transactions", key: opened.transaction, value: record }
      ],
      feed: rows
    })
    expect(stage.counted).toEqual(["ended answered"])
  })

  it("of a counter's printed code: begun by its notice alone", () => {
    const stage = new Stage()
    stage.time.hold(5_000)
    const booking = stage.orders.book(notice({ counter: "counter-1" }))
    const record = {
      ...paid,
      id: "018bcfe5-7b88-7000-8000-000000000000",
      channel: "qr-printed",
      times: { receivedMs: 1_700_000_000_001, answeredMs: stage.time.wall }
    }
    expect(booking).toStrictEqual({
      _tag: "booked",
      record,
      writes: [{ table: "transactions", key: record.id, value: record }],
      feed: [{ table: "transactions", row: record }]
    })
  })

  it("that fits nothing: an exception that says all a human needs to find it", () => {
    const stage = new Stage()
    expect(stage.orders.book(notice({ order: "o1", counter: "c9" }))).toStrictEqual({
      _tag: "exception",
      reason: "notification-unmatched",
      feed: [{
        table: "exceptions",
        row: {
          id: "wechat:n1:notification-unmatched",
          reason: "notification-unmatched",
          detail: "paid 100 156 order o1 counter c9 payment 4200001",
          atMs: stage.time.wall
        }
      }]
    })
    expect(stage.counted).toEqual(["exception notification-unmatched"])
    expect(stage.orders.book(notice())).toMatchObject({
      feed: [{ row: { detail: "paid 100 156 order - counter - payment 4200001" } }]
    })
  })

  it("of an order that nobody paid: closed, in the journal and for PostgreSQL", () => {
    const stage = new Stage()
    const opened = order(stage)
    stage.time.pass(80_000, 1_000)
    const closed = { ...opened, state: "closed" }
    expect(stage.journal.get("orders", opened.order)).toStrictEqual(closed)
    expect(stage.journal.fed.slice(1)).toStrictEqual([{ table: "orders", row: closed }])
  })
})

describe("a pay code's follow-ons", () => {
  it("are of its wallet, though a void, refund or reversal brings no code along", () => {
    const stage = new Stage()
    const wallet = { channel: "qr-customer", scheme: "wechat" } as const
    stage.approved(stage.sale({ ...wallet, payCode: "134567890123456789" }))
    const original = { stan: "000001" }
    const bare = { channel: "qr-customer", scheme: "generic-qr", original } as const
    stage.approved(stage.sale({ ...bare, kind: "refund", amount: 40 }))
    stage.ask(stage.sale({ ...bare, kind: "reversal", stan: "000002" as Stan }))
    stage.journal.sync()
    const booked = stage.records.map(({ kind, scheme }) => `${kind} ${scheme}`)
    expect(booked).toEqual(["sale wechat", "refund wechat", "reversal wechat"])
  })
})

describe("orders that nobody pays", () => {
  const states = (stage: Stage) => {
    const count = { waiting: 0, paid: 0, closed: 0 }
    for (const [, { state }] of stage.journal.entries("orders")) count[state]++
    return count
  }

  it("close a bounded number in a turn, each looked at when its time has come", () => {
    const stage = new Stage()
    for (let each = 0; each < 2_500; each++) order(stage)
    let looked = 0
    const get = stage.journal.get.bind(stage.journal)
    stage.journal.get = (table, key) => {
      if (table === "orders") looked++
      return get(table, key)
    }
    stage.time.pass(50_000, 1_000)
    expect(looked).toBe(0)
    for (let ms = 0; ms < 40_000 && states(stage).closed === 0; ms += 1_000) {
      stage.time.hold(1_000)
      stage.time.endTurn()
    }
    expect(looked).toBe(1_000)
    stage.time.settle()
    expect(looked).toBe(2_500)
    expect(states(stage)).toEqual({ waiting: 0, paid: 0, closed: 2_500 })
    stage.time.pass(1_000_000, 10_000)
    expect(looked).toBe(2_500)
  })

  it("are forgotten after a day, also those of an earlier run", () => {
    const stage = new Stage()
    order(stage)
    stage.time.pass(80_000, 10_000)
    expect(states(stage)).toEqual({ waiting: 0, paid: 0, closed: 1 })
    const later = new Stage(stage.journal)
    later.time.wall = stage.time.wall
    later.time.pass(86_400_000, 60_000)
    expect(states(later)).toEqual({ waiting: 0, paid: 0, closed: 1 })
    later.time.pass(4_000_000, 60_000)
    expect(states(later)).toEqual({ waiting: 0, paid: 0, closed: 0 })
  })

  it("do not count against those that wait", () => {
    const stage = new Stage()
    const opened = order(stage)
    for (let each = 1; each < maxOrders; each++) {
      const key = `o${each}`
      stage.journal.note([{ table: "orders", key, value: { ...opened, order: key } }], [])
    }
    const full = new Stage(stage.journal)
    let told: unknown
    const ask = { profile, scheme: "wechat", amount: 1, currency: "156", lifetimeMs: 1 } as const
    full.orders.open(ask, (answer) => told = answer)
    expect(told).toBe("overloaded")
    full.time.pass(100_000, 10_000)
    expect(states(full).closed).toBe(maxOrders)
    full.orders.open(ask, (answer) => told = answer)
    full.journal.sync()
    expect(told).toMatchObject({ state: "waiting" })
  })
})
