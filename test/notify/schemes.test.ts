/**
 * Notices of each scheme as its wallet signs and sends them: what is genuine and ours is taken the
 * first time, whatever it tells of, and leaves its trace; what is not is never taken.
 */

import { createHmac } from "node:crypto"
import { describe, expect, it } from "vitest"
import type { OrderRecord } from "../../src/domain/order.ts"
import { profile, type Stage } from "../transaction/stage.ts"
import {
  alipayNotice,
  merchantId,
  stranger,
  unionpayNotice,
  WalletRig,
  wechatKeys
} from "./wallet-rig.ts"

const once = "accepted after 1"
const never = "given up after 4"

function order(stage: Stage): OrderRecord {
  let opened: OrderRecord | undefined
  stage.orders.open(
    { profile, scheme: "alipay", amount: 100, currency: "156", lifetimeMs: 60_000 },
    (result) => {
      if (typeof result !== "string") opened = result
    }
  )
  stage.journal.sync()
  return opened!
}

const payCode = { channel: "qr-customer", payCode: "134567890123456789" } as const

describe("WeChat Pay", () => {
  const usePaid = {
    id: "EV-1",
    type: "PAYSCORE.USER_PAID",
    of: "payscore",
    facts: { mchid: merchantId, out_order_no: "S1" }
  }

  it("tells of its other products: taken at once, counted, one exception for each kind", () => {
    const rig = new WalletRig()
    const deliver = (change: object) => rig.deliver("wechat", rig.wechat({ ...usePaid, ...change }))
    expect(deliver({})).toBe(once)
    expect(deliver({ id: "EV-2" })).toBe(once)
    // Its facts need not name the merchant: only our key opens them.
    expect(deliver({ id: "EV-3", type: "COUPON.USE", of: "coupon", facts: {} })).toBe(once)
    expect(rig.counted).toEqual(Array(3).fill("wechat unhandled"))
    expect(rig.stage.counted).toEqual(Array(2).fill("exception notification-unhandled"))
    expect(rig.exceptions).toEqual([
      `notification-unhandled: PAYSCORE.USER_PAID payscore account ${merchantId} ` +
      "order - payment - notice wechat:EV-1",
      `notification-unhandled: COUPON.USE coupon account ${merchantId} ` +
      "order - payment - notice wechat:EV-3"
    ])
    expect(rig.transactions).toBe(0)
  })

  it("tells of profit sharing as of a payment: it is none, by the kind of its facts", () => {
    const rig = new WalletRig()
    const facts = { mchid: merchantId, transaction_id: "4200001", out_order_no: "P1" }
    const shared = { id: "EV-1", type: "TRANSACTION.SUCCESS", of: "profitsharing", facts }
    expect(rig.deliver("wechat", rig.wechat(shared))).toBe(once)
    expect(rig.counted).toEqual(["wechat unhandled"])
  })

  it("tells of an order something that we do not know: an exception each, beside ours", () => {
    const rig = new WalletRig()
    rig.stage.approved(rig.stage.sale(payCode))
    const facts = { mchid: merchantId, out_trade_no: "order 000001", transaction_id: "4200001" }
    const told = (id: string) =>
      rig.deliver(
        "wechat",
        rig.wechat({ id, type: "TRANSACTION.PAY_BACK", of: "transaction", facts })
      )
    expect([told("EV-1"), told("EV-2"), told("EV-2")]).toEqual([once, once, once])
    expect(rig.exceptions).toHaveLength(2)
    expect(rig.stage.journal.fed.at(-1)).toMatchObject({
      table: "exceptions",
      row: {
        transaction: rig.stage.records[0]?.id,
        id: "wechat:EV-2:notification-unhandled",
        detail: `TRANSACTION.PAY_BACK transaction account ${merchantId} ` +
          "order order 000001 payment 4200001 notice wechat:EV-2"
      }
    })
  })

  it("is not believed when another signed, sealed, or is meant: again and again, for nothing", () => {
    const rig = new WalletRig()
    const cases = [
      rig.wechat(usePaid, { ...wechatKeys, privateKey: stranger }),
      rig.wechat(usePaid, { ...wechatKeys, apiV3Key: Buffer.alloc(32, 7) }),
      rig.wechat({ ...usePaid, facts: { mchid: "2" } }),
      rig.wechat({ ...usePaid, facts: { appid: "other" } })
    ]
    expect(cases.map((each) => rig.deliver("wechat", each))).toEqual(Array(4).fill(never))
    expect([rig.stage.journal.fed, rig.exceptions]).toEqual([[], []])
  })

  it("tells of a payment or refund what nobody can read: refused, so that it comes again", () => {
    const rig = new WalletRig()
    const facts = { mchid: merchantId, transaction_id: "4200001", out_trade_no: "T1" }
    const payment = { id: "EV-1", type: "TRANSACTION.SUCCESS", of: "transaction", facts }
    const refund = { id: "EV-2", type: "REFUND.SUCCESS", of: "refund", facts }
    for (const event of [payment, refund]) {
      expect(rig.deliver("wechat", rig.wechat(event))).toBe(never)
    }
    expect(new Set(rig.counted)).toEqual(new Set(["wechat notification-format"]))
  })
})

describe("Alipay", () => {
  const trade = (rig: WalletRig, change: Readonly<Record<string, string>> = {}) =>
    rig.deliver(
      "alipay",
      alipayNotice({
        notify_id: "n1",
        trade_no: "2026112722001",
        trade_status: "TRADE_SUCCESS",
        total_amount: "1.00",
        gmt_payment: "2023-11-15 06:13:20",
        ...change
      })
    )

  it("tells that nobody has paid yet, and then that somebody has", () => {
    const rig = new WalletRig()
    const { order: out_trade_no } = order(rig.stage)
    expect(trade(rig, { out_trade_no, trade_status: "WAIT_BUYER_PAY" })).toBe(once)
    expect([rig.counted, rig.exceptions, rig.transactions]).toEqual([["alipay idle"], [], 0])
    expect(trade(rig, { out_trade_no, notify_id: "n2" })).toBe(once)
    expect(rig.counted).toContain("alipay booked")
    expect(rig.transactions).toBe(1)
  })

  it("tells of a state or a kind of notice that nobody knows: taken, and a human's", () => {
    const rig = new WalletRig()
    expect(trade(rig, { out_trade_no: "T1", trade_status: "TRADE_NEW" })).toBe(once)
    const freeze = { notify_id: "n2", notify_type: "fund_auth_freeze" }
    expect(rig.deliver("alipay", alipayNotice(freeze))).toBe(once)
    expect(rig.deliver("alipay", alipayNotice({ ...freeze, notify_id: "n3" }))).toBe(once)
    expect(rig.exceptions).toEqual([
      `notification-unhandled: TRADE_NEW account ${merchantId} ` +
      "order T1 payment 2026112722001 notice alipay:n1",
      `notification-unhandled: fund_auth_freeze account ${merchantId} ` +
      "order - payment - notice alipay:n2"
    ])
    expect(rig.deliver("alipay", alipayNotice(freeze, stranger))).toBe(never)
    expect(rig.deliver("alipay", alipayNotice({ ...freeze, seller_id: "2" }))).toBe(never)
    expect(rig.exceptions).toHaveLength(2)
  })

  it("tells of each of two partial refunds what was given back in all", () => {
    const rig = new WalletRig()
    const { stage } = rig
    stage.approved(stage.sale(payCode))
    const giveBack = (amount: number) =>
      stage.approved(
        stage.sale({
          channel: "qr-customer",
          kind: "refund",
          amount,
          original: { stan: "000001" }
        })
      )
    let count = 0
    const told = (out_biz_no: string, refund_fee: string) =>
      trade(rig, {
        notify_id: `r${++count}`,
        out_trade_no: "order 000001",
        gmt_refund: "2023-11-15 06:20:00.123",
        out_biz_no,
        refund_fee
      })
    giveBack(40)
    expect(told("order 000002", "0.40")).toBe(once)
    giveBack(20)
    expect(told("order 000003", "0.60")).toBe(once)
    // The first one's again, later than the second.
    expect(told("order 000002", "0.40")).toBe(once)
    expect([rig.counted, rig.exceptions]).toEqual([Array(3).fill("alipay known"), []])
    // More than we gave back, less than this refund, and one that is nobody's.
    expect(told("order 000003", "0.61")).toBe(once)
    expect(told("order 000002", "0.39")).toBe(once)
    expect(told("x", "0.60")).toBe(once)
    const detail = (refund: string, amount: number) =>
      `refunded: refunded ${amount} 156 in all order order 000001 refund ${refund} ` +
      "counter - payment 2026112722001"
    expect(rig.exceptions).toEqual([
      detail("order 000003", 61),
      detail("order 000002", 39),
      detail("x", 60)
    ])
  })

  it("tells of another currency: never booked as yuan", () => {
    const rig = new WalletRig()
    const { order: out_trade_no } = order(rig.stage)
    const other = { trans_currency: "HKD", total_amount: "1.00" }
    expect(trade(rig, { ...other, out_trade_no })).toBe(once)
    expect(trade(rig, { ...other, passback_params: "counter-1", notify_id: "n2" })).toBe(once)
    expect(rig.exceptions.map((each) => each.split(" order ")[0])).toEqual([
      "amount-differs: paid 100 344",
      "currency-forbidden: paid 100 344"
    ])
    expect(trade(rig, { trans_currency: "CNY", out_trade_no, notify_id: "n4" })).toBe(once)
    expect(rig.transactions).toBe(1)
    expect(trade(rig, { trans_currency: "ABC", out_trade_no, notify_id: "n3" })).toBe(never)
  })
})

describe("UnionPay", () => {
  const sale = {
    txnType: "01",
    respCode: "00",
    orderId: "T5",
    queryId: "9001",
    txnAmt: "100",
    currencyCode: "156",
    txnTime: "20231115061320",
    reqReserved: "counter-1"
  }
  const told = (rig: WalletRig, change: Readonly<Record<string, string>> = {}) =>
    rig.deliver("unionpay", unionpayNotice({ ...sale, ...change }))

  it("tells of what did not succeed, and of other types: taken, a human's, and no payment", () => {
    const rig = new WalletRig()
    expect(told(rig, { respCode: "05" })).toBe(once)
    expect(told(rig, { txnType: "79", queryId: "9002" })).toBe(once)
    expect([rig.counted, rig.transactions]).toEqual([Array(2).fill("unionpay unhandled"), 0])
    expect(rig.exceptions).toEqual([
      `notification-unhandled: txnType 01 respCode 05 account ${merchantId} ` +
      "order T5 payment 9001 notice unionpay:9001:01:05",
      `notification-unhandled: txnType 79 respCode 00 account ${merchantId} ` +
      "order T5 payment 9002 notice unionpay:9002:79:00"
    ])
    // The success of the same number is not what was told before.
    expect(told(rig)).toBe(once)
    expect(rig.transactions).toBe(1)
  })

  it("is not believed when another signed, or is meant", () => {
    const rig = new WalletRig()
    const refused = { ...sale, txnType: "79" }
    expect(rig.deliver("unionpay", unionpayNotice(refused, stranger))).toBe(never)
    expect(told(rig, { txnType: "79", merId: "2" })).toBe(never)
    expect([rig.stage.journal.fed, rig.exceptions]).toEqual([[], []])
  })
})

describe("the generic wallet", () => {
  it("has no other events than those of our own format", () => {
    const rig = new WalletRig()
    const body = Buffer.from(JSON.stringify({
      id: "N1",
      payment: "P1",
      counter: "counter-1",
      event: "PAID",
      amount: 100,
      currency: "156",
      paidMs: rig.stage.time.wall,
      merchantAccount: merchantId
    }))
    const time = String(rig.stage.time.wall / 1000)
    const signature = createHmac("sha256", wechatKeys.apiV3Key)
      .update(`${time}\nnonce-of-8\n`).update(body).update("\n").digest("hex")
    const headers = new Map([
      ["x-timestamp", time],
      ["x-nonce", "nonce-of-8"],
      ["x-signature", signature]
    ])
    expect(rig.deliver("hmac", { headers, body })).toBe(never)
    expect(rig.counted[0]).toBe("hmac notification-format")
  })
})
