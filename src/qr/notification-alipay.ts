/**
 * Notices of Alipay: a form, signed over its parameters sorted by name, without `sign` and
 * `sign_type` (alipay-easysdk; protocol facts §4.2). RSA2 only: SHA-256 with RSA. A notice has no
 * nonce; a repeat is known by its `notify_id`.
 *
 *   trade_status   WAIT_BUYER_PAY  nobody has paid yet     TRADE_SUCCESS, TRADE_FINISHED  paid
 *                  TRADE_CLOSED    unpaid and over, or given back in full
 *   gmt_refund     it tells of a refund, whatever the state; `refund_fee` is then the sum of all
 *                  refunds of the trade (the vendor's table of parameters: "total refunded")
 *   trans_currency the currency of `total_amount`, where it is not CNY
 */

import { verify } from "node:crypto"
import type { NotificationRecord } from "../domain/order.ts"
import type { NotificationJob, NotificationVerdict } from "../domain/ports/codec.ts"
import { currencyExponent, numericCurrency, parseAmount } from "./currency-exponent.ts"
import { type NotificationAccount, publicKeysOf } from "./notification-account.ts"
import { beijingMs, maskPayer, present, refused } from "./notification-fields.ts"
import { type Form, parseForm, signedBytes, valueOf } from "./notification-form.ts"

const leftOut = new Set(["sign", "sign_type"])

/** Only these two mean paid; after the second nothing can be refunded any more. */
const paidStates: ReadonlySet<string | undefined> = new Set([
  "TRADE_SUCCESS",
  "TRADE_FINISHED"
])

export function verifyAlipay(
  account: NotificationAccount,
  { body, nowMs }: NotificationJob
): NotificationVerdict {
  const form = parseForm(body)
  if (form === undefined) return refused("notification-format", "form")
  if (form.get("sign_type") !== "RSA2") return refused("notification-forged", "sign_type")
  const signature = Buffer.from(form.get("sign") ?? "", "base64")
  const signed = signedBytes(form, leftOut)
  const keys = [...publicKeysOf(account).values()]
  if (!keys.some((key) => verify("sha256", signed, key, signature))) {
    return refused("notification-forged", "sign")
  }
  if (account.appId !== undefined && form.get("app_id") !== account.appId) {
    return refused("notification-forged", "app_id")
  }
  if (form.get("seller_id") !== account.merchantId) {
    return refused("notification-forged", "seller_id")
  }
  const event = eventOf(form)
  if (event === undefined) return unhandled(form, account)
  if (event === "waiting") return { _tag: "idle" }
  const notification = recordOf(form, event, account, nowMs)
  return notification === undefined
    ? refused("notification-format", "fields")
    : { _tag: "genuine", notification }
}

/** A state, or a kind of notice, that we know nothing of. */
function unhandled(form: Form, account: NotificationAccount): NotificationVerdict {
  const id = valueOf(form, "notify_id", 128)
  if (id === undefined) return refused("notification-format", "fields")
  const what = valueOf(form, "trade_status") ?? valueOf(form, "notify_type")
  return {
    _tag: "unhandled",
    notice: {
      id: `alipay:${id}`,
      scheme: "alipay",
      merchantAccount: account.merchantId,
      what: what ?? "no trade_status",
      ...present("payment", valueOf(form, "trade_no")),
      ...present("order", valueOf(form, "out_trade_no"))
    }
  }
}

function recordOf(
  form: Form,
  event: NotificationRecord["event"],
  account: NotificationAccount,
  receivedMs: number
): NotificationRecord | undefined {
  const id = valueOf(form, "notify_id", 128)
  const payment = valueOf(form, "trade_no")
  const currency = numericCurrency(form.get("trans_currency") || "CNY")
  if (currency === undefined) return undefined
  // A notice of a refund repeats the trade's own amount beside what was given back of it.
  const sum = valueOf(form, event === "refunded" ? "refund_fee" : "total_amount")
  const amount = parseAmount(sum ?? "", currencyExponent(currency))
  const time = event === "refunded"
    ? valueOf(form, "gmt_refund")
    : event === "closed"
    ? valueOf(form, "gmt_close") ?? valueOf(form, "notify_time")
    : valueOf(form, "gmt_payment")
  const paidMs = beijingMs(time)
  if (id === undefined || payment === undefined) return undefined
  if (amount === undefined || paidMs === undefined) return undefined
  const payer = valueOf(form, "buyer_id") ?? valueOf(form, "buyer_open_id", 128)
  return {
    id: `alipay:${id}`,
    scheme: "alipay",
    payment,
    ...present("order", valueOf(form, "out_trade_no")),
    ...present("refund", event === "refunded" ? valueOf(form, "out_biz_no") : undefined),
    ...present("counter", valueOf(form, "passback_params", 128)),
    ...present("payerMask", maskPayer(payer)),
    event,
    amount,
    currency,
    ...(event === "refunded" ? { cumulative: true } : {}),
    merchantAccount: account.merchantId,
    paidMs,
    receivedMs
  }
}

function eventOf(form: Form): "paid" | "refunded" | "closed" | "waiting" | undefined {
  // A partial refund keeps the trade's state and names its own time.
  if (valueOf(form, "gmt_refund") !== undefined) return "refunded"
  const state = valueOf(form, "trade_status")
  if (paidStates.has(state)) return "paid"
  if (state === "WAIT_BUYER_PAY") return "waiting"
  return state === "TRADE_CLOSED" ? "closed" : undefined
}
