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

/** Currencies that WeChat Pay names, as ISO 4217 numeric codes. */
const currencies: ReadonlyMap<string, string> = new Map([
  ["CNY", "156"],
  ["HKD", "344"],
  ["USD", "840"],
  ["EUR", "978"],
  ["GBP", "826"],
  ["JPY", "392"],
  ["KRW", "410"],
  ["SGD", "702"],
  ["AUD", "036"],
  ["CAD", "124"],
  ["NZD", "554"],
  ["THB", "764"]
])

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
  if (textOf(facts, "mchid") !== account.merchantId) {
    return refused("notification-forged", "merchant")
  }
  const appId = textOf(facts, "appid")
  if (account.appId !== undefined && appId !== undefined && appId !== account.appId) {
    return refused("notification-forged", "application")
  }
  const notification = event === "TRANSACTION.SUCCESS"
    ? paid(id, facts, account, job.nowMs)
    : refund(id, event, textOf(envelope, "create_time"), facts, account, job.nowMs)
  return notification === undefined
    ? refused("notification-format", "facts")
    : { _tag: "genuine", notification }
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
  const currency = currencies.get(textOf(amount, "currency") ?? "CNY")
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

/** Ends of a refund, by the state in its facts; the event is `REFUND.` and that state. */
const refundEvents: ReadonlyMap<string | undefined, NotificationRecord["event"]> = new Map([
  ["SUCCESS", "refunded"],
  ["CLOSED", "refund-closed"],
  ["ABNORMAL", "refund-abnormal"]
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
  const currency = currencies.get(textOf(sums, "currency") ?? "CNY")
  const state = textOf(facts, "refund_status")
  const event = refundEvents.get(state)
  // Only a refund that was made has a time of its own.
  const paidMs = Date.parse(textOf(facts, "success_time") ?? createdAt ?? "")
  if (event === undefined || eventType !== `REFUND.${state}`) return undefined
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
