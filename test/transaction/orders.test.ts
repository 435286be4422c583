/** QR payments: one payment is one transaction, on the right terminal, or a human's work. */

import { describe, expect, it } from "vitest"
import type { NotificationRecord, OrderRecord } from "../../src/domain/order.ts"
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

  it("that speaks of the same payment again is known, also after a restart", () => {
    const stage = new Stage()
    const first = notice({ counter: "counter-1" })
    const booking = stage.orders.book(first)
    if (booking._tag === "booked") stage.journal.note(booking.writes, booking.feed)
    stage.journal.note([{ table: "notifications", key: first.id, value: first }], [])
    expect(stage.orders.book(notice({ id: "wechat:n2", counter: "counter-1" }))._tag).toBe("known")
    const later = new Stage(stage.journal)
    expect(later.orders.book(notice({ id: "wechat:n3", counter: "counter-1" }))._tag).toBe("known")
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

  it("about a pay code waits for the wallet's own answer, and alarms when that was no", () => {
    const stage = new Stage()
    stage.ask(stage.sale({ channel: "qr-customer", payCode: "134567890123456789" }))
    expect(stage.orders.book(notice({ order: "order 000001" }))._tag).toBe("known")
    stage.journal.sync()
    stage.answer("05")
    stage.journal.sync()
    expect(stage.orders.book(notice({ order: "order 000001" }))).toMatchObject({
      reason: "paid-after-end"
    })
  })
})
