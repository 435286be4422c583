/**
 * Notices of WeChat Pay, API v3 (pay.weixin.qq.com; vectors: wechatpay-go core/notify).
 *
 *   signed     wechatpay-timestamp LF wechatpay-nonce LF raw body LF
 *              RSA PKCS#1 v1.5 with SHA-256, key by wechatpay-serial
 *   resource   AES-256-GCM under the APIv3 key: base64(ciphertext ‖ 16 bytes of tag)
 *
 * Probes, whose signature begins `WECHATPAY/SIGNTEST/`, fail like any wrong signature.
 */

import { createDecipheriv, verify } from "node:crypto"
import type { NotificationRecord } from "../domain/order.ts"
import type { NotificationJob, NotificationVerdict } from "../domain/ports/codec.ts"
import { numericCurrency } from "./currency-exponent.ts"
import { type NotificationAccount, publicKeysOf } from "./notification-account.ts"
import {
  asFields,
  countOf,
  type Fields,
  isStale,
  maskPayer,
  parseFields,
  present,
  refused,
  textOf
} from "./notification-fields.ts"

const signatureType = "WECHATPAY2-SHA256-RSA2048"
const algorithm = "AEAD_AES_256_GCM"
const tagBytes = 16

export function verifyWechat(
  account: NotificationAccount,
  job: NotificationJob
): NotificationVerdict {
  const problem = signatureProblem(account, job)
  if (problem !== undefined) return problem
  const envelope = parseFields(job.body)
  const resource = asFields(envelope?.["resource"])
  if (envelope === undefined || resource === undefined) {
    return refused("notification-format", "body")
  }
  const id = textOf(envelope, "id")
  const event = textOf(envelope, "event_type")
  if (id === undefined || event === undefined) return refused("notification-format", "id or event")
  const plain = opened(account.secret ?? "", resource)
  if (plain === undefined) return refused("notification-format", "resource")
  const facts = parseFields(plain)
  if (facts === undefined) return refused("notification-format", "plain text")
  const isPayment = event === "TRANSACTION.SUCCESS" &&
    (textOf(resource, "original_type") ?? "transaction") === "transaction"
  const isHandled = isPayment || refundEvents.has(event)
  // What only our key opens is ours: facts of another kind need not name the merchant.
  const merchant = textOf(facts, "mchid")
  if (merchant !== account.merchantId && (isHandled || merchant !== undefined)) {
    return refused("notification-forged", "merchant")
  }
  const appId = textOf(facts, "appid")
  if (account.appId !== undefined && appId !== undefined && appId !== account.appId) {
    return refused("notification-forged", "application")
  }
  if (!isHandled) return unhandled(id, event, resource, facts, account)
  const notification = isPayment
    ? paid(id, facts, account, job.nowMs)
    : refund(id, event, textOf(envelope, "create_time"), facts, account, job.nowMs)
  return notification === undefined
    ? refused("notification-format", "facts")
    : { _tag: "genuine", notification }
}

/** An event by its name and the kind of its facts: profit sharing says TRANSACTION.SUCCESS too. */
function unhandled(
  id: string,
  event: string,
  resource: Fields,
  facts: Fields,
  account: NotificationAccount
): NotificationVerdict {
  const type = textOf(resource, "original_type")
  return {
    _tag: "unhandled",
    notice: {
      id: `wechat:${id}`,
      scheme: "wechat",
      merchantAccount: account.merchantId,
      what: type === undefined ? event : `${event} ${type}`,
      ...present("payment", textOf(facts, "transaction_id")),
      ...present("order", textOf(facts, "out_trade_no"))
    }
  }
}

function signatureProblem(
  account: NotificationAccount,
  { body, headers, nowMs }: NotificationJob
): NotificationVerdict | undefined {
  const timestamp = headers.get("wechatpay-timestamp") ?? ""
  const nonce = headers.get("wechatpay-nonce") ?? ""
  const signature = headers.get("wechatpay-signature") ?? ""
  if (!/^\d{1,12}$/.test(timestamp) || nonce === "") {
    return refused("notification-forged", "headers")
  }
  if ((headers.get("wechatpay-signature-type") ?? signatureType) !== signatureType) {
    return refused("notification-forged", "signature type")
  }
  if (isStale(timestamp, nowMs, account.replayWindowMs)) {
    return refused("notification-stale", "timestamp")
  }
  const key = publicKeysOf(account).get(headers.get("wechatpay-serial") ?? "")
  if (key === undefined) return refused("notification-forged", "serial")
  const signed = Buffer.concat([Buffer.from(`${timestamp}\n${nonce}\n`), body, lineFeed])
  const right = verify("sha256", signed, key, Buffer.from(signature, "base64"))
  return right ? undefined : refused("notification-forged", "signature")
}

const lineFeed = Buffer.from("\n")

/** The plain text of a resource; undefined when the key does not open it. */
export function opened(secret: string, resource: Fields): Uint8Array | undefined {
  const key = Buffer.from(secret)
  const nonce = Buffer.from(textOf(resource, "nonce") ?? "")
  const sealed = Buffer.from(textOf(resource, "ciphertext", 65_536) ?? "", "base64")
  if (resource["algorithm"] !== algorithm || key.length !== 32 || nonce.length !== 12) {
    return undefined
  }
  if (sealed.length < tagBytes) return undefined
  const associated = resource["associated_data"]
  const decipher = createDecipheriv("aes-256-gcm", key, nonce)
  decipher.setAAD(Buffer.from(typeof associated === "string" ? associated : ""))
  decipher.setAuthTag(sealed.subarray(-tagBytes))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()])
  } catch {
    return undefined
  }
}

function paid(
  id: string,
  facts: Fields,
  account: NotificationAccount,
  receivedMs: number
): NotificationRecord | undefined {
  const amount = asFields(facts["amount"]) ?? {}
  const payment = textOf(facts, "transaction_id")
  const total = countOf(amount, "total")
  const currency = numericCurrency(textOf(amount, "currency") ?? "CNY")
  const paidMs = Date.parse(textOf(facts, "success_time") ?? "")
  if (textOf(facts, "trade_state") !== "SUCCESS" || Number.isNaN(paidMs)) return undefined
  if (payment === undefined || total === undefined || currency === undefined) return undefined
  return {
    id: `wechat:${id}`,
    scheme: "wechat",
    payment,
    ...present("order", textOf(facts, "out_trade_no")),
    // A printed code says which counter it hangs at in the data that come back untouched.
    ...present("counter", textOf(facts, "attach", 128)),
    ...present("payerMask", maskPayer(textOf(asFields(facts["payer"]) ?? {}, "openid", 128))),
    event: "paid",
    amount: total,
    currency,
    merchantAccount: account.merchantId,
    paidMs,
    receivedMs
  }
}

/** Ends of a refund: the event is `REFUND.` and the state in its facts. */
const refundEvents: ReadonlyMap<string, NotificationRecord["event"]> = new Map([
  ["REFUND.SUCCESS", "refunded"],
  ["REFUND.CLOSED", "refund-closed"],
  ["REFUND.ABNORMAL", "refund-abnormal"]
])

function refund(
  id: string,
  eventType: string,
  createdAt: string | undefined,
  facts: Fields,
  account: NotificationAccount,
  receivedMs: number
): NotificationRecord | undefined {
  const sums = asFields(facts["amount"]) ?? {}
  const payment = textOf(facts, "transaction_id")
  const amount = countOf(sums, "refund")
  const currency = numericCurrency(textOf(sums, "currency") ?? "CNY")
  const event = refundEvents.get(eventType)
  // Only a refund that was made has a time of its own.
  const paidMs = Date.parse(textOf(facts, "success_time") ?? createdAt ?? "")
  if (event === undefined) return undefined
  if (eventType !== `REFUND.${textOf(facts, "refund_status")}`) return undefined
  if (Number.isNaN(paidMs)) return undefined
  if (payment === undefined || amount === undefined || currency === undefined) return undefined
  return {
    id: `wechat:${id}`,
    scheme: "wechat",
    payment,
    ...present("order", textOf(facts, "out_trade_no")),
    ...present("refund", textOf(facts, "out_refund_no")),
    event,
    amount,
    currency,
    merchantAccount: account.merchantId,
    paidMs,
    receivedMs
  }
}
