/**
 * The generic notice, for wallets and aggregators without a scheme of their own, as JSON or, with
 * `content-type: application/msgpack`, as a MessagePack map of the same fields.
 *
 *   x-signature   lower-case hex of HMAC-SHA256 over x-timestamp LF x-nonce LF raw body LF
 *   x-timestamp   Unix seconds          x-nonce   8 to 64 characters
 *
 *   { id, payment, order?, counter?, event, amount, currency, paidMs, merchantAccount }
 *
 * `event` is paid, refunded or closed; `amount` in minor units; `currency` an ISO 4217 numeric
 * code; `paidMs` milliseconds since the epoch; `merchantAccount` our number there.
 */

import { createHmac, timingSafeEqual } from "node:crypto"
import type { NotificationRecord } from "../domain/order.ts"
import type { NotificationJob, NotificationVerdict } from "../domain/ports/codec.ts"
import { frameLimits } from "./messagepack-scan.ts"
import { decodeMessagePack } from "./messagepack.ts"
import type { NotificationAccount } from "./notification-account.ts"
import {
  countOf,
  type Fields,
  isStale,
  parseFields,
  present,
  refused,
  textOf
} from "./notification-fields.ts"

const events: ReadonlySet<string> = new Set(["paid", "refunded", "closed"])

export function verifyGeneric(
  account: NotificationAccount,
  { body, headers, nowMs }: NotificationJob
): NotificationVerdict {
  const timestamp = headers.get("x-timestamp") ?? ""
  const nonce = headers.get("x-nonce") ?? ""
  const signature = headers.get("x-signature") ?? ""
  const formed = /^\d{1,12}$/.test(timestamp) && /^[\x21-\x7e]{8,64}$/.test(nonce) &&
    /^[0-9a-f]{64}$/.test(signature)
  if (!formed) return refused("notification-forged", "headers")
  if (isStale(timestamp, nowMs, account.replayWindowMs)) {
    return refused("notification-stale", "timestamp")
  }
  // An account without a secret believes nobody.
  if (account.secret === undefined || account.secret === "") {
    return refused("notification-forged", "secret")
  }
  const expected = genericSignature(account.secret, timestamp, nonce, body)
  if (!timingSafeEqual(expected, Buffer.from(signature, "hex"))) {
    return refused("notification-forged", "signature")
  }
  const fields = isMessagePack(headers.get("content-type")) ? unpacked(body) : parseFields(body)
  if (fields === undefined) return refused("notification-format", "body")
  if (textOf(fields, "merchantAccount") !== account.merchantId) {
    return refused("notification-forged", "merchant")
  }
  const notification = recordOf(fields, account, nowMs)
  return notification === undefined
    ? refused("notification-format", "fields")
    : { _tag: "genuine", notification }
}

/** 32 bytes; also for whoever sends such notices. */
export function genericSignature(
  secret: string | Uint8Array,
  timestamp: string,
  nonce: string,
  body: Uint8Array
): Buffer {
  return createHmac("sha256", secret).update(`${timestamp}\n${nonce}\n`).update(body).update("\n")
    .digest()
}

function isMessagePack(contentType: string | undefined): boolean {
  return /^application\/(?:x-|vnd\.)?msgpack\s*(?:;|$)/i.test(contentType ?? "")
}

function unpacked(body: Uint8Array): Fields | undefined {
  const decoded = decodeMessagePack(body, frameLimits)
  if (decoded._tag === "refused" || !(decoded.value instanceof Map)) return undefined
  return Object.fromEntries(decoded.value) as Fields
}

function recordOf(
  fields: Fields,
  account: NotificationAccount,
  receivedMs: number
): NotificationRecord | undefined {
  const id = textOf(fields, "id")
  const payment = textOf(fields, "payment")
  const event = textOf(fields, "event")
  const amount = countOf(fields, "amount")
  const currency = textOf(fields, "currency", 3)
  const paidMs = countOf(fields, "paidMs")
  if (id === undefined || payment === undefined || amount === undefined) return undefined
  if (event === undefined || !events.has(event)) return undefined
  if (currency === undefined || !/^\d{3}$/.test(currency) || paidMs === undefined) return undefined
  return {
    // Several accounts may count their notices alike.
    id: `hmac:${account.name}:${id}`,
    scheme: "generic-qr",
    payment,
    ...present("order", textOf(fields, "order")),
    ...present("counter", textOf(fields, "counter")),
    event: event as NotificationRecord["event"],
    amount,
    currency,
    merchantAccount: account.merchantId,
    paidMs,
    receivedMs
  }
}
