/**
 * Requests to WeChat Pay API v3 and their answers (wallet-requests §4.5.1). Request and answer are
 * signed over their raw bytes; an error answer proves nothing before its signature was verified.
 */

import { invariant } from "../domain/invariant.ts"
import type { HttpResponse } from "../domain/ports/http.ts"
import { signText, verifyText } from "./rsa-signature.ts"
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

/** What is signed of a request: five lines, each with its LF, the last one too. */
export function requestText(
  method: string,
  path: string,
  timestamp: string,
  nonce: string,
  body: string
): string {
  return `${method}\n${path}\n${timestamp}\n${nonce}\n${body}\n`
}

export function answerText(timestamp: string, nonce: string, body: string): string {
  return `${timestamp}\n${nonce}\n${body}\n`
}

export function authorization(
  keys: WalletKeys,
  method: string,
  path: string,
  body: string,
  stamp: WalletStamp
): string {
  invariant(keys.privateKey !== undefined, "a WeChat account has our private key")
  const timestamp = String(Math.floor(stamp.nowMs / 1000))
  const text = requestText(method, path, timestamp, stamp.nonce, body)
  return `WECHATPAY2-SHA256-RSA2048 mchid="${keys.merchantId}",nonce_str="${stamp.nonce}",` +
    `timestamp="${timestamp}",serial_no="${keys.serial}",` +
    `signature="${signText(text, keys.privateKey)}"`
}

export function isGenuine(response: HttpResponse, keys: WalletKeys, nowMs: number): boolean {
  const header = (name: string) => response.headers.get(name) ?? ""
  const key = keys.publicKeys.get(header("wechatpay-serial"))
  const timestamp = header("wechatpay-timestamp")
  if (key === undefined || !/^\d{1,12}$/.test(timestamp)) return false
  if (Math.abs(nowMs - Number(timestamp) * 1000) >= replayWindowMs) return false
  const body = Buffer.from(response.body).toString()
  const text = answerText(timestamp, header("wechatpay-nonce"), body)
  return verifyText(text, header("wechatpay-signature"), key)
}

/**
 * Codes of a payment that was refused, underscores taken out because v2 and v3 differ in them. All
 * speak of this first and only attempt; codes that speak of the order are doubt.
 */
const refusals: ReadonlySet<string> = new Set([
  "PARAMERROR",
  "INVALIDREQUEST",
  "APPIDMCHIDNOTMATCH",
  "MCHNOTEXISTS",
  "MCHIDNOTEXIST",
  "APPIDNOTEXIST",
  "SIGNERROR",
  "NOAUTH",
  "LACKPARAMS",
  "AUTHCODEEXPIRE",
  "AUTHCODEINVALID",
  "AUTHCODEERROR",
  "NOTENOUGH",
  "NOTSUPORTCARD",
  "BUYERMISMATCH"
])

const refundRefusals: ReadonlySet<string> = new Set([
  "NOTENOUGH",
  "USERACCOUNTABNORMAL",
  "NOAUTH",
  "MCHNOTEXISTS",
  "PARAMERROR",
  "INVALIDREQUEST",
  "SIGNERROR",
  "RESOURCENOTEXISTS"
])

/** Makes a call of one kind and says how its answer is read. */
function stepper(keys: WalletKeys) {
  return (
    method: "GET" | "POST",
    path: string,
    fields: Readonly<Record<string, unknown>> | undefined,
    stamp: WalletStamp,
    read: (status: number, body: Readonly<Record<string, unknown>>) => WalletVerdict
  ): WalletStep => {
    const body = fields === undefined ? "" : JSON.stringify(fields)
    const headers = new Map([
      ["accept", "application/json"],
      ["content-type", "application/json"],
      ["user-agent", "pointsman"],
      ["authorization", authorization(keys, method, path, body, stamp)]
    ])
    return {
      call: { method, path, headers, body },
      read: (response, nowMs) => {
        if (!isGenuine(response, keys, nowMs)) return doubt(`http ${response.status} unverified`)
        const answer = parseObject(Buffer.from(response.body).toString()) ?? {}
        return read(response.status, answer)
      }
    }
  }
}

export function wechatWallet(keys: WalletKeys): Wallet {
  const step = stepper(keys)
  const orderPath = (order: string) => `/v3/pay/transactions/out-trade-no/${order}`
  const merchant = { appid: keys.appId, mchid: keys.merchantId }
  return {
    currency: "156",
    growingPace: false,
    pay: (order, stamp) =>
      step(
        "POST",
        "/v3/pay/transactions/codepay",
        {
          ...merchant,
          description: order.description,
          out_trade_no: order.order,
          payer: { auth_code: order.payCode },
          amount: { total: order.amount, currency: "CNY" },
          scene_info: { device_id: order.terminal, store_info: { out_id: order.terminal } }
        },
        stamp,
        (status, body) => readPay(keys, order, status, body)
      ),
    inquire: (order, stamp) =>
      step(
        "GET",
        `${orderPath(order.order)}?mchid=${keys.merchantId}`,
        undefined,
        stamp,
        (status, body) => readInquiry(keys, order, status, body)
      ),
    undo: (order, stamp) =>
      step(
        "POST",
        `${orderPath(order.order)}/reverse`,
        merchant,
        stamp,
        (status, body) =>
          status === 200 || status === 204 ? waiting("reversed") : unknownOr(status, body)
      ),
    refund: (refund, stamp) =>
      step(
        "POST",
        "/v3/refund/domestic/refunds",
        {
          out_trade_no: refund.order,
          out_refund_no: refund.refund,
          amount: { refund: refund.amount, total: refund.total, currency: "CNY" }
        },
        stamp,
        (status, body) => readRefund(refund, status, body, true)
      ),
    inquireRefund: (refund, stamp) =>
      step(
        "GET",
        `/v3/refund/domestic/refunds/${refund.refund}`,
        undefined,
        stamp,
        (status, body) => readRefund(refund, status, body, false)
      )
  }
}

type Body = Readonly<Record<string, unknown>>

const codeOf = (status: number, body: Body): string => textOf(body["code"]) || `http ${status}`
const plain = (code: string): string => code.replaceAll("_", "")

function readPay(keys: WalletKeys, order: OrderFacts, status: number, body: Body): WalletVerdict {
  if (status === 200) return readState(keys, order, body)
  // The payer must type a password: a success that clients take for an error.
  if (status === 202) return waiting(textOf(body["trade_state"]))
  const code = codeOf(status, body)
  const definite = status === 400 || status === 401 || status === 403
  return definite && refusals.has(plain(code)) ? failed(code) : doubt(code)
}

function readInquiry(
  keys: WalletKeys,
  order: OrderFacts,
  status: number,
  body: Body
): WalletVerdict {
  return status === 200 ? readState(keys, order, body) : unknownOr(status, body)
}

/** No success: of an order that the wallet does not know, or a doubt. */
function unknownOr(status: number, body: Body): WalletVerdict {
  const code = codeOf(status, body)
  return status === 404 && plain(code) === "ORDERNOTEXIST" ? absent(code) : doubt(code)
}

function readState(keys: WalletKeys, order: OrderFacts, body: Body): WalletVerdict {
  const state = textOf(body["trade_state"])
  switch (state) {
    case "SUCCESS":
    case "REFUND": {
      const amount = body["amount"] as Body | undefined
      const wrong = difference([
        ["order", order.order, body["out_trade_no"]],
        ["merchant", keys.merchantId, body["mchid"]],
        ["application", keys.appId, body["appid"]],
        ["amount", order.amount, amount?.["total"]],
        ["currency", "CNY", amount?.["currency"]]
      ])
      if (wrong !== undefined) return mismatch(wrong)
      return paid(textOf(body["transaction_id"]), state === "REFUND")
    }
    case "CLOSED":
    case "REVOKED":
    case "PAYERROR":
      return failed(state)
    case "NOTPAY":
    case "USERPAYING":
      return waiting(state)
    default:
      return doubt(state || "no trade_state")
  }
}

/** A refund's acceptance is no success: only the query says that the money is back. */
function readRefund(
  refund: RefundOrder,
  status: number,
  body: Body,
  isAcceptance: boolean
): WalletVerdict {
  if (status !== 200) {
    const code = codeOf(status, body)
    if (!isAcceptance) {
      return plain(code) === "RESOURCENOTEXISTS" ? absent(code) : doubt(code)
    }
    const definite = status >= 400 && status < 500 && status !== 429
    return definite && refundRefusals.has(plain(code)) ? failed(code) : doubt(code)
  }
  const state = textOf(body["status"])
  if (isAcceptance || state === "PROCESSING") return waiting(state)
  if (state === "CLOSED" || state === "ABNORMAL") return failed(state)
  if (state !== "SUCCESS") return doubt(state || "no status")
  const amount = body["amount"] as Body | undefined
  const wrong = difference([
    ["refund", refund.refund, body["out_refund_no"]],
    ["order", refund.order, body["out_trade_no"]],
    ["amount", refund.amount, amount?.["refund"]]
  ])
  return wrong === undefined ? paid(textOf(body["refund_id"])) : mismatch(wrong)
}
