/**
 * Notices of Alipay: a form, signed over its parameters sorted by name, without `sign` and
 * `sign_type` (alipay-easysdk; protocol facts §4.2). RSA2 only: SHA-256 with RSA. A notice has no
 * nonce; a repeat is known by its `notify_id`.
 */

import { verify } from "node:crypto"
import type { NotificationRecord } from "../domain/order.ts"
import type { NotificationJob, NotificationVerdict } from "../domain/ports/codec.ts"
import { parseAmount } from "./currency-exponent.ts"
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
  const notification = recordOf(form, account, nowMs)
  return notification === undefined
    ? refused("notification-format", "fields")
    : { _tag: "genuine", notification }
}

function recordOf(
  form: Form,
  account: NotificationAccount,
  receivedMs: number
): NotificationRecord | undefined {
  const id = valueOf(form, "notify_id", 128)
  const payment = valueOf(form, "trade_no")
  const event = eventOf(form)
  // A notice of a refund repeats the trade's own amount beside that of the refund.
  const sum = valueOf(form, event === "refunded" ? "refund_fee" : "total_amount")
  const amount = parseAmount(sum ?? "", 2)
  const time = event === "refunded"
    ? valueOf(form, "gmt_refund")
    : event === "closed"
    ? valueOf(form, "gmt_close") ?? valueOf(form, "notify_time")
    : valueOf(form, "gmt_payment")
  const paidMs = beijingMs(time)
  if (id === undefined || payment === undefined || event === undefined) return undefined
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
    currency: "156",
    merchantAccount: account.merchantId,
    paidMs,
    receivedMs
  }
}

function eventOf(form: Form): NotificationRecord["event"] | undefined {
  // A partial refund keeps the trade's state and names its own sum and time.
  if (valueOf(form, "gmt_refund") !== undefined) return "refunded"
  const state = valueOf(form, "trade_status")
  if (paidStates.has(state)) return "paid"
  return state === "TRADE_CLOSED" ? "closed" : undefined
}
