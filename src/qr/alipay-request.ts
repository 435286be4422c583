/**
 * Requests to Alipay's open API and their answers (wallet-requests §4.5.2): one URL, a form whose
 * sorted parameters are signed (`sign_type` among them), and an answer in which the raw bytes of
 * one node are.
 */

import { invariant } from "../domain/invariant.ts"
import type { HttpResponse } from "../domain/ports/http.ts"
import { answerNode } from "./answer-node.ts"
import { formBody, sortedPairs } from "./form.ts"
import { signText, verifyText } from "./rsa-signature.ts"
import {
  absent,
  beijingTime,
  difference,
  doubt,
  failed,
  fen,
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
  type WalletVerdict,
  yuan
} from "./wallet.ts"

type Node = Readonly<Record<string, unknown>>

/** The form with its signature, as it is posted. */
export function signedForm(
  parameters: Readonly<Record<string, string>>,
  keys: WalletKeys
): string {
  invariant(keys.privateKey !== undefined, "an Alipay account has our private key")
  const sign = signText(sortedPairs(parameters), keys.privateKey)
  return formBody({ ...parameters, sign })
}

/** Sub-codes of a payment that was refused (`ACQ.` left out). All others are doubt. */
const refusals: ReadonlySet<string> = new Set([
  "PAYMENT_AUTH_CODE_INVALID",
  "BUYER_BALANCE_NOT_ENOUGH",
  "BUYER_BANKCARD_BALANCE_NOT_ENOUGH",
  "ERROR_BALANCE_PAYMENT_DISABLE",
  "BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR",
  "BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR",
  "BUYER_ENABLE_STATUS_FORBID",
  "NO_PAYMENT_INSTRUMENTS_AVAILABLE",
  "USER_FACE_PAYMENT_SWITCH_OFF",
  "MOBILE_PAYMENT_SWITCH_OFF",
  "PULL_MOBILE_CASHIER_FAIL",
  "PAYMENT_FAIL",
  "PAYMENT_REQUEST_HAS_RISK",
  "ERROR_BUYER_CERTIFY_LEVEL_LIMIT",
  "CERT_EXPIRED",
  "INVALID_PARAMETER",
  "ACCESS_FORBIDDEN",
  "EXIST_FORBIDDEN_WORD",
  "PARTNER_ERROR",
  "TOTAL_FEE_EXCEED",
  "BUYER_SELLER_EQUAL",
  "SELLER_BEEN_BLOCKED",
  "BEYOND_PAY_RESTRICTION",
  "BEYOND_PER_RECEIPT_RESTRICTION",
  "INVALID_STORE_ID",
  "SUB_MERCHANT_CREATE_FAIL",
  "SUB_MERCHANT_TYPE_INVALID",
  "MERCHANT_AGREEMENT_NOT_EXIST",
  "MERCHANT_AGREEMENT_INVALID",
  "MERCHANT_STATUS_NOT_NORMAL",
  "AMOUNT_OR_CURRENCY_ERROR",
  "CURRENCY_NOT_SUPPORT",
  "TRADE_HAS_CLOSE"
])

const refundRefusals: ReadonlySet<string> = new Set([
  "SELLER_BALANCE_NOT_ENOUGH",
  "REFUND_AMT_NOT_EQUAL_TOTAL",
  "REASON_TRADE_BEEN_FREEZEN",
  "TRADE_NOT_EXIST",
  "TRADE_HAS_FINISHED",
  "TRADE_STATUS_ERROR",
  "DISCORDANT_REPEAT_REQUEST",
  "INVALID_PARAMETER"
])

/** Gateway codes of a call that was not processed at all. */
const unprocessed: ReadonlySet<string> = new Set(["20001", "40001", "40002", "40006"])

/** Makes a call of one kind and says how its answer is read. */
function stepper(keys: WalletKeys) {
  return (
    method: string,
    content: Readonly<Record<string, unknown>>,
    stamp: WalletStamp,
    read: (node: Node) => WalletVerdict
  ): WalletStep => {
    const body = signedForm({
      app_id: keys.appId,
      method,
      format: "JSON",
      charset: "utf-8",
      sign_type: "RSA2",
      timestamp: beijingTime(stamp.nowMs),
      version: "1.0",
      biz_content: JSON.stringify(content)
    }, keys)
    const headers = new Map([
      ["content-type", "application/x-www-form-urlencoded; charset=utf-8"]
    ])
    return {
      call: { method: "POST", path: "/gateway.do?charset=utf-8", headers, body },
      read: (response) => {
        const node = genuineNode(response, `${method.replaceAll(".", "_")}_response`, keys)
        return node === undefined ? doubt(`http ${response.status} unverified`) : read(node)
      }
    }
  }
}

export function alipayWallet(keys: WalletKeys): Wallet {
  const step = stepper(keys)
  return {
    currency: "156",
    growingPace: false,
    pay: (order, stamp) =>
      step(
        "alipay.trade.pay",
        {
          out_trade_no: order.order,
          scene: "bar_code",
          auth_code: order.payCode,
          product_code: "FACE_TO_FACE_PAYMENT",
          subject: order.description,
          total_amount: yuan(order.amount),
          terminal_id: order.terminal
        },
        stamp,
        (node) => readPay(order, node)
      ),
    inquire: (order, stamp) =>
      step(
        "alipay.trade.query",
        { out_trade_no: order.order },
        stamp,
        (node) => readInquiry(order, node)
      ),
    undo: (order, stamp) =>
      step(
        "alipay.trade.cancel",
        { out_trade_no: order.order },
        stamp,
        (node) =>
          textOf(node["code"]) === "10000" && node["retry_flag"] !== "Y"
            ? waiting(textOf(node["action"]) || "cancelled")
            : unknownOr(node)
      ),
    refund: (refund, stamp) =>
      step(
        "alipay.trade.refund",
        {
          out_trade_no: refund.order,
          out_request_no: refund.refund,
          refund_amount: yuan(refund.amount)
        },
        stamp,
        (node) => readRefund(node)
      ),
    inquireRefund: (refund, stamp) =>
      step(
        "alipay.trade.fastpay.refund.query",
        {
          out_trade_no: refund.order,
          out_request_no: refund.refund
        },
        stamp,
        (node) => readRefundInquiry(refund, node)
      )
  }
}

/** The answer's node once its signature over the raw bytes was verified. */
export function genuineNode(
  response: HttpResponse,
  name: string,
  keys: WalletKeys
): Node | undefined {
  if (response.status !== 200) return undefined
  const text = Buffer.from(response.body).toString()
  const found = answerNode(text, name)
  if (found === undefined) return undefined
  // A certificate that we do not hold proves nothing. Where keys are used, none is named: while
  // Alipay changes its key, either may have signed.
  const { certificate, node, sign } = found
  for (const [serial, key] of keys.publicKeys) {
    if (certificate !== "" && certificate !== serial) continue
    if (verifyText(node, sign, key)) return parseObject(node)
  }
  return undefined
}

const subCode = (node: Node): string => textOf(node["sub_code"]).replace(/^(?:ACQ|AQC)\./, "")
const codeOf = (node: Node): string => subCode(node) || textOf(node["code"]) || "no code"

function readPay(order: OrderFacts, node: Node): WalletVerdict {
  const code = textOf(node["code"])
  if (code === "10000") return readPaid(order, node)
  if (code === "10003") return waiting(code)
  if (unprocessed.has(code)) return failed(codeOf(node))
  return code === "40004" && refusals.has(subCode(node))
    ? failed(subCode(node))
    : doubt(codeOf(node))
}

/** No success: of an order that the wallet does not know, or a doubt. */
function unknownOr(node: Node): WalletVerdict {
  const code = codeOf(node)
  return code === "TRADE_NOT_EXIST" ? absent(code) : doubt(code)
}

function readInquiry(order: OrderFacts, node: Node): WalletVerdict {
  if (textOf(node["code"]) !== "10000") {
    return unknownOr(node)
  }
  const status = textOf(node["trade_status"])
  switch (status) {
    case "TRADE_SUCCESS":
    case "TRADE_FINISHED":
      return readPaid(order, node)
    case "TRADE_CLOSED":
      return failed(status)
    case "WAIT_BUYER_PAY":
      return waiting(status)
    default:
      return doubt(status || "no trade_status")
  }
}

function readPaid(order: OrderFacts, node: Node): WalletVerdict {
  const wrong = difference([
    ["order", order.order, node["out_trade_no"]],
    ["amount", order.amount, fen(node["total_amount"])],
    // Of that amount; absent where the order named none, as ours do not.
    ["currency", "CNY", node["trans_currency"] ?? "CNY"]
  ])
  return wrong === undefined ? paid(textOf(node["trade_no"])) : mismatch(wrong)
}

function readRefund(node: Node): WalletVerdict {
  const code = textOf(node["code"])
  if (code === "10000") return waiting("accepted")
  if (unprocessed.has(code)) return failed(codeOf(node))
  const refused = code === "40004" && refundRefusals.has(subCode(node))
  return refused ? failed(subCode(node)) : doubt(codeOf(node))
}

/**
 * 10000 alone is no refund: without refund data nothing was given back. A state is REFUND_SUCCESS,
 * or of refunds that go on after their answer REFUND_PROCESSING and REFUND_FAIL
 * (alipay-sdk-java, AlipayTradeFastpayRefundQueryResponse).
 */
function readRefundInquiry(refund: RefundOrder, node: Node): WalletVerdict {
  if (textOf(node["code"]) !== "10000") return doubt(codeOf(node))
  const { refund_amount: amount, refund_status: status } = node
  if (status === "REFUND_FAIL") return failed(status)
  if (status !== undefined && status !== "REFUND_SUCCESS") return waiting(textOf(status))
  if (amount === undefined) return absent("no refund data")
  const wrong = difference([
    ["order", refund.order, node["out_trade_no"]],
    ["amount", refund.amount, fen(amount)]
  ])
  return wrong === undefined ? paid(textOf(node["trade_no"])) : mismatch(wrong)
}
