/**
 * Requests to UnionPay QR over ACP 5.1 and their answers (wallet-requests §4.5.3). What is signed
 * is the lower-case hex text of a SHA-256, so that it is hashed twice; answers are not URL-encoded.
 * Answers are believed under the pinned keys alone, never under the certificate they bring along.
 */

import { createHash } from "node:crypto"
import { invariant } from "../domain/invariant.ts"
import type { HttpResponse } from "../domain/ports/http.ts"
import { formBody, parsePairs, sortedPairs } from "./form.ts"
import { signText, verifyText } from "./rsa-signature.ts"
import {
  absent,
  beijingStamp,
  difference,
  doubt,
  failed,
  mismatch,
  type OrderFacts,
  paid,
  type RefundOrder,
  stampOfOrder,
  waiting,
  type Wallet,
  type WalletKeys,
  type WalletStep,
  type WalletVerdict
} from "./wallet.ts"

type Fields = Readonly<Record<string, string>>

/** What RSA-SHA256 is applied to. */
export function digestText(fields: Fields): string {
  return createHash("sha256").update(sortedPairs(fields, "signature")).digest("hex")
}

export function signature(fields: Fields, keys: WalletKeys): string {
  invariant(keys.privateKey !== undefined, "a UnionPay account has our private key")
  return signText(digestText(fields), keys.privateKey)
}

/** The answer's fields once its signature was verified. */
export function genuineFields(response: HttpResponse, keys: WalletKeys): Fields | undefined {
  if (response.status !== 200) return undefined
  const fields = parsePairs(Buffer.from(response.body).toString())
  const sign = fields?.["signature"]
  if (fields === undefined || sign === undefined) return undefined
  const text = digestText(fields)
  for (const key of keys.publicKeys.values()) if (verifyText(text, sign, key)) return fields
  return undefined
}

/** Where a code stands decides what it means: here it names the trade itself. */
const paidCodes: ReadonlySet<string> = new Set(["00", "A6"])

/** Final refusals: of the request (10 to 44, 68), of the payer or the issuer (01, 60 to 90). */
const refusals: ReadonlySet<string> = new Set(
  ("10 11 13 30 31 32 33 36 38 39 40 43 44 68 01 60 61 62 63 64 65 66 67 69 71 73 76 77 78 79 80 " +
    "81 82 85 86 87 88 89 90").split(" ")
)

/** Refusals of an undo or a refund that speak of its original. */
const refundRefusals: ReadonlySet<string> = new Set([...refusals, "34", "35", "45"])

/** Must be there, and means that no notice is wanted: we ask (UnionPay's own demo of QR codes). */
const noNotice = "http://www.specialUrl.com"

const path = { trade: "/gateway/api/backTransReq.do", query: "/gateway/api/queryTrans.do" }

/** Makes a call of one kind and says how its answer is read. */
function stepper(keys: WalletKeys) {
  const base = {
    version: "5.1.0",
    encoding: "UTF-8",
    signMethod: "01",
    certId: keys.serial,
    accessType: "0",
    bizType: "000000",
    merId: keys.merchantId
  }
  return (
    where: keyof typeof path,
    own: Fields,
    read: (fields: Fields) => WalletVerdict
  ): WalletStep => {
    const fields = { ...base, ...own }
    const body = formBody({ ...fields, signature: signature(fields, keys) })
    const headers = new Map([
      ["content-type", "application/x-www-form-urlencoded; charset=utf-8"]
    ])
    return {
      call: { method: "POST", path: path[where], headers, body },
      read: (response) => {
        const answer = genuineFields(response, keys)
        return answer === undefined ? doubt(`http ${response.status} unverified`) : read(answer)
      }
    }
  }
}

export function unionpayWallet(keys: WalletKeys): Wallet {
  const step = stepper(keys)
  const query = (order: string, read: (fields: Fields) => WalletVerdict) =>
    step("query", {
      txnType: "00",
      txnSubType: "00",
      orderId: order,
      txnTime: stampOfOrder(order)
    }, read)
  return {
    currency: "156",
    growingPace: true,
    pay: (order) =>
      step("trade", {
        txnType: "01",
        txnSubType: "06",
        channelType: "08",
        accType: "01",
        backUrl: noNotice,
        orderId: order.order,
        txnTime: stampOfOrder(order.order),
        txnAmt: String(order.amount),
        currencyCode: order.currency,
        qrNo: order.payCode,
        termId: order.terminal.padStart(8, "0").slice(-8)
      }, (fields) => readAccepted(fields, refusals)),
    inquire: (order) => query(order.order, (fields) => readTrade(keys, order, fields)),
    undo: (order) =>
      step("trade", {
        txnType: "99",
        txnSubType: "01",
        channelType: "08",
        orderId: order.order,
        txnTime: stampOfOrder(order.order)
      }, (fields) => readUndo(codeOf(fields))),
    refund: (refund, stamp) =>
      step("trade", {
        txnType: "04",
        txnSubType: "00",
        channelType: "08",
        backUrl: noNotice,
        orderId: refund.refund,
        txnTime: stampOfOrder(refund.refund) || beijingStamp(stamp.nowMs),
        origOrderId: refund.order,
        origTxnTime: stampOfOrder(refund.order),
        txnAmt: String(refund.amount)
      }, (fields) => readAccepted(fields, refundRefusals)),
    inquireRefund: (refund) => query(refund.refund, (fields) => readRefund(keys, refund, fields))
  }
}

const codeOf = (fields: Fields): string => fields["respCode"] ?? "no respCode"

/** Accepted now or before; or of an order that the wallet does not know. */
function readUndo(code: string): WalletVerdict {
  if (["00", "45", "46"].includes(code)) return waiting("reversed")
  return code === "34" ? absent(code) : doubt(code)
}

/** The direct answer: 00 is accepted, never paid; a refusal is final for this request. */
function readAccepted(fields: Fields, refused: ReadonlySet<string>): WalletVerdict {
  const code = codeOf(fields)
  if (code === "00") return waiting("accepted")
  return refused.has(code) ? failed(code) : doubt(code)
}

/** `respCode` speaks of the query, `origRespCode` of the trade. */
function readOriginal(
  fields: Fields,
  confirm: (payment: string) => WalletVerdict
): WalletVerdict {
  const code = codeOf(fields)
  if (code === "34") return absent(code)
  if (code !== "00") return doubt(code)
  const trade = fields["origRespCode"] ?? "no origRespCode"
  if (paidCodes.has(trade)) return confirm(fields["queryId"] ?? "")
  if (["03", "04", "05"].includes(trade)) return waiting(trade)
  return refusals.has(trade) ? failed(trade) : doubt(trade)
}

function readTrade(keys: WalletKeys, order: OrderFacts, fields: Fields): WalletVerdict {
  return readOriginal(fields, (payment) => {
    const wrong = difference([
      ["order", order.order, fields["orderId"]],
      ["merchant", keys.merchantId, fields["merId"]],
      ["amount", String(order.amount), fields["txnAmt"]]
    ])
    return wrong === undefined ? paid(payment) : mismatch(wrong)
  })
}

function readRefund(keys: WalletKeys, refund: RefundOrder, fields: Fields): WalletVerdict {
  return readOriginal(fields, (payment) => {
    const wrong = difference([
      ["refund", refund.refund, fields["orderId"]],
      ["merchant", keys.merchantId, fields["merId"]],
      ["amount", String(refund.amount), fields["txnAmt"]]
    ])
    return wrong === undefined ? paid(payment) : mismatch(wrong)
  })
}
