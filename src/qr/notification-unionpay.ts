/**
 * Notices of UnionPay, ACP 5.1.0 with signature method 01 (protocol facts §4.3): a form without
 * `signature`, sorted; SHA-256 of it as lower-case hex text; RSA with SHA-256 over that text.
 *
 * The certificate that a message brings along (`signPubKeyCert`) is not asked: only the keys that
 * the configuration holds are believed. A repeat is known by its `queryId`.
 */

import { createHash, verify } from "node:crypto"
import type { NotificationRecord } from "../domain/order.ts"
import type { NotificationJob, NotificationVerdict } from "../domain/ports/codec.ts"
import { type NotificationAccount, publicKeysOf } from "./notification-account.ts"
import { beijingMs, maskPayer, present, refused } from "./notification-fields.ts"
import { type Form, parseForm, signedBytes, valueOf } from "./notification-form.ts"

const leftOut = new Set(["signature"])

/** `A6` is a success with a flaw: the money moved. */
const successes: ReadonlySet<string | undefined> = new Set(["00", "A6"])

/** Transaction types that pay, and those that give back: refund, void, reversal. */
const events: ReadonlyMap<string | undefined, NotificationRecord["event"]> = new Map([
  ["01", "paid"],
  ["04", "refunded"],
  ["31", "refunded"],
  ["99", "refunded"]
])

export function verifyUnionPay(
  account: NotificationAccount,
  { body, nowMs }: NotificationJob
): NotificationVerdict {
  const form = parseForm(body)
  if (form === undefined) return refused("notification-format", "form")
  if (form.get("version") !== "5.1.0" || form.get("signMethod") !== "01") {
    return refused("notification-forged", "signMethod")
  }
  const digest = createHash("sha256").update(signedBytes(form, leftOut)).digest("hex")
  const signature = Buffer.from(form.get("signature") ?? "", "base64")
  const keys = [...publicKeysOf(account).values()]
  if (!keys.some((key) => verify("sha256", Buffer.from(digest), key, signature))) {
    return refused("notification-forged", "signature")
  }
  if (form.get("merId") !== account.merchantId) return refused("notification-forged", "merId")
  if (!successes.has(form.get("respCode")) || !events.has(form.get("txnType"))) {
    return unhandled(form, account)
  }
  const notification = recordOf(form, account, nowMs)
  return notification === undefined
    ? refused("notification-format", "fields")
    : { _tag: "genuine", notification }
}

/** Of another type than we ask for, or of what did not succeed: nothing of ours was paid. */
function unhandled(form: Form, account: NotificationAccount): NotificationVerdict {
  const payment = valueOf(form, "queryId")
  const order = valueOf(form, "orderId")
  const type = valueOf(form, "txnType", 8) ?? "-"
  const response = valueOf(form, "respCode", 8) ?? "-"
  const named = payment ?? order
  if (named === undefined) return refused("notification-format", "fields")
  return {
    _tag: "unhandled",
    notice: {
      // A success of the same number is another notice.
      id: `unionpay:${named}:${type}:${response}`,
      scheme: "unionpay-qr",
      merchantAccount: account.merchantId,
      what: `txnType ${type} respCode ${response}`,
      ...present("payment", payment),
      ...present("order", order)
    }
  }
}

function recordOf(
  form: Form,
  account: NotificationAccount,
  receivedMs: number
): NotificationRecord | undefined {
  const query = valueOf(form, "queryId")
  const event = events.get(form.get("txnType"))
  const amount = valueOf(form, "txnAmt")
  const currency = valueOf(form, "currencyCode")
  const paidMs = beijingMs(valueOf(form, "txnTime"))
  if (query === undefined || event === undefined) return undefined
  if (amount === undefined || !/^\d{1,12}$/.test(amount)) return undefined
  if (currency === undefined || !/^\d{3}$/.test(currency) || paidMs === undefined) return undefined
  // A refund or void has an order number of its own; a reversal goes by that of its original.
  const numbered = event === "refunded" && form.get("txnType") !== "99" ? "refund" : "order"
  const payment = event === "paid" ? query : valueOf(form, "origQryId") ?? query
  return {
    id: `unionpay:${query}`,
    scheme: "unionpay-qr",
    payment,
    ...present(numbered, valueOf(form, "orderId")),
    ...present("counter", valueOf(form, "reqReserved", 128)),
    ...present("payerMask", maskPayer(valueOf(form, "accNo"))),
    event,
    amount: Number(amount),
    currency,
    merchantAccount: account.merchantId,
    paidMs,
    receivedMs
  }
}
