/**
 * A plain wallet over JSON, signed with a shared secret: for gateways that have no scheme of their
 * own, and for tests. Every request is a POST.
 *
 *   path              body                                              answer's `state`
 *   /pay              order amount currency payCode terminal merchant   PAID FAILED WAITING
 *   /inquire          order merchant                                    these, UNDONE, ABSENT
 *   /undo             order merchant                                    UNDONE ABSENT
 *   /refund           refund order amount total currency merchant       ACCEPTED FAILED
 *   /inquire-refund   refund order merchant                             REFUNDED FAILED WAITING
 *                                                                       ABSENT
 *
 * Answers repeat order, amount, currency and merchant (of refunds: refund, order and amount) and
 * bring `code` and `payment`. `x-timestamp` (seconds), `x-nonce` and `x-signature`: lower-case hex
 * of HMAC-SHA256 over METHOD LF path LF timestamp LF nonce LF body LF; of an answer over timestamp
 * LF nonce LF body LF, under the nonce of the request.
 */

import { createHmac, timingSafeEqual } from "node:crypto"
import type { HttpResponse } from "../domain/ports/http.ts"
import {
  absent,
  difference,
  doubt,
  failed,
  mismatch,
  type OrderFacts,
  paid,
  parseObject,
  type RefundOrder,
  textOf,
  waiting,
  type Wallet,
  type WalletKeys,
  type WalletStamp,
  type WalletStep,
  type WalletVerdict
} from "./wallet.ts"

/** Answers whose time is further off than this are not believed. */
const replayWindowMs = 300_000

export function hmacHex(secret: Uint8Array, text: string): string {
  return createHmac("sha256", secret).update(text).digest("hex")
}

export function hmacRequestText(
  path: string,
  timestamp: string,
  nonce: string,
  body: string
): string {
  return `POST\n${path}\n${timestamp}\n${nonce}\n${body}\n`
}

export function hmacAnswerText(timestamp: string, nonce: string, body: string): string {
  return `${timestamp}\n${nonce}\n${body}\n`
}

function isGenuine(
  response: HttpResponse,
  secret: Uint8Array,
  nonce: string,
  nowMs: number
): boolean {
  const timestamp = response.headers.get("x-timestamp") ?? ""
  if (!/^\d{1,12}$/.test(timestamp)) return false
  if (Math.abs(nowMs - Number(timestamp) * 1000) >= replayWindowMs) return false
  const text = hmacAnswerText(timestamp, nonce, Buffer.from(response.body).toString())
  const ours = Buffer.from(hmacHex(secret, text))
  const theirs = Buffer.from(response.headers.get("x-signature") ?? "")
  return ours.length === theirs.length && timingSafeEqual(ours, theirs)
}

type Body = Readonly<Record<string, unknown>>

export function hmacWallet(keys: WalletKeys): Wallet {
  const step = (
    path: string,
    fields: Body,
    stamp: WalletStamp,
    read: (body: Body) => WalletVerdict
  ): WalletStep => {
    const body = JSON.stringify({ ...fields, merchant: keys.merchantId })
    const timestamp = String(Math.floor(stamp.nowMs / 1000))
    const text = hmacRequestText(path, timestamp, stamp.nonce, body)
    const headers = new Map([
      ["content-type", "application/json"],
      ["x-timestamp", timestamp],
      ["x-nonce", stamp.nonce],
      ["x-signature", hmacHex(keys.secret, text)]
    ])
    return {
      call: { method: "POST", path, headers, body },
      read: (response, nowMs) => {
        if (!isGenuine(response, keys.secret, stamp.nonce, nowMs)) {
          return doubt(`http ${response.status} unverified`)
        }
        const answer = parseObject(Buffer.from(response.body).toString())
        return response.status === 200 && answer !== undefined
          ? read(answer)
          : doubt(`http ${response.status}`)
      }
    }
  }
  return {
    currency: undefined,
    growingPace: false,
    pay: ({ amount, currency, order, payCode, terminal }, stamp) =>
      step(
        "/pay",
        { order, amount, currency, payCode, terminal },
        stamp,
        (body) => readOrder(keys, { order, amount, currency }, body)
      ),
    inquire: (order, stamp) =>
      step("/inquire", { order: order.order }, stamp, (body) => readOrder(keys, order, body)),
    undo: (order, stamp) =>
      step(
        "/undo",
        { order: order.order },
        stamp,
        (body) =>
          body["state"] === "UNDONE"
            ? waiting("undone")
            : body["state"] === "ABSENT"
            ? absent("ABSENT")
            : doubt(codeOf(body))
      ),
    refund: (refund, stamp) =>
      step("/refund", { ...refund }, stamp, (body) => readRefund(refund, body)),
    inquireRefund: (refund, stamp) =>
      step(
        "/inquire-refund",
        { refund: refund.refund, order: refund.order },
        stamp,
        (body) => readRefund(refund, body)
      )
  }
}

const codeOf = (body: Body): string => textOf(body["code"]) || textOf(body["state"]) || "no state"

function readOrder(keys: WalletKeys, order: OrderFacts, body: Body): WalletVerdict {
  switch (body["state"]) {
    case "PAID": {
      const wrong = difference([
        ["order", order.order, body["order"]],
        ["merchant", keys.merchantId, body["merchant"]],
        ["amount", order.amount, body["amount"]],
        ["currency", order.currency, body["currency"]]
      ])
      return wrong === undefined ? paid(textOf(body["payment"])) : mismatch(wrong)
    }
    case "UNDONE":
      return failed("UNDONE")
    case "FAILED":
      return failed(codeOf(body))
    case "WAITING":
      return waiting(codeOf(body))
    case "ABSENT":
      return absent(codeOf(body))
    default:
      return doubt(codeOf(body))
  }
}

function readRefund(refund: RefundOrder, body: Body): WalletVerdict {
  switch (body["state"]) {
    case "REFUNDED": {
      const wrong = difference([
        ["refund", refund.refund, body["refund"]],
        ["order", refund.order, body["order"]],
        ["amount", refund.amount, body["amount"]]
      ])
      return wrong === undefined ? paid(textOf(body["payment"])) : mismatch(wrong)
    }
    case "FAILED":
      return failed(codeOf(body))
    case "ACCEPTED":
    case "WAITING":
      return waiting(codeOf(body))
    case "ABSENT":
      return absent(codeOf(body))
    default:
      return doubt(codeOf(body))
  }
}
