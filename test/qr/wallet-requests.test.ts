/**
 * What is sent to the wallets and how their answers are read, against the signing examples of
 * `test/corpus/qr/wallet-signatures.json` (made with a throw-away key) and, answer by answer,
 * against the tables of codes.
 */

import fc from "fast-check"
import { createHash, generateKeyPairSync } from "node:crypto"
import { describe, expect, it } from "vitest"
import type { HttpResponse } from "../../src/domain/ports/http.ts"
import { alipayWallet, genuineNode, signedForm } from "../../src/qr/alipay-request.ts"
import { answerNode } from "../../src/qr/answer-node.ts"
import { parsePairs, sortedPairs } from "../../src/qr/form.ts"
import { hmacAnswerText, hmacHex, hmacRequestText, hmacWallet } from "../../src/qr/hmac-request.ts"
import { signText, verifyText } from "../../src/qr/rsa-signature.ts"
import {
  digestText,
  genuineFields,
  signature,
  unionpayWallet
} from "../../src/qr/unionpay-request.ts"
import { walletKeys } from "../../src/qr/wallet-keys.ts"
import { beijingStamp, beijingTime, fen, type WalletStep, yuan } from "../../src/qr/wallet.ts"
import {
  answerText,
  authorization,
  isGenuine,
  requestText,
  wechatWallet
} from "../../src/qr/wechat-request.ts"
import { keys, privateKey, publicKey, theirSerial, vector } from "./wallet-account.ts"
import { goNotice } from "./wechat-notice.ts"

const stamp = { nowMs: 1_790_000_000_000, nonce: "kZ4mQ8sVw2Xy7Tn1Rb6Lc3Hd9Fg5Jp0A" }
const order = { order: "20260921221320N1ABCDEFGHIJ", amount: 1, currency: "156" }
const pay = { ...order, payCode: "130061098828009406", terminal: "T1", description: "Shop T1" }
const refund = {
  refund: "20260921221330N1ABCDEFGHIK",
  order: order.order,
  amount: 1,
  total: 5,
  currency: "156"
}

function response(
  body: string,
  headers: ReadonlyArray<readonly [string, string]> = [],
  status = 200
): HttpResponse {
  return { status, headers: new Map(headers), body: Buffer.from(body) }
}

describe("WeChat Pay v3", () => {
  const wallet = wechatWallet(keys)

  /** An answer that WeChat signed. */
  function signed(status: number, body: string, atMs = stamp.nowMs): HttpResponse {
    const timestamp = String(Math.floor(atMs / 1000))
    return response(body, [
      ["wechatpay-timestamp", timestamp],
      ["wechatpay-nonce", "n"],
      ["wechatpay-serial", theirSerial],
      ["wechatpay-signature", signText(answerText(timestamp, "n", body), privateKey)]
    ], status)
  }
  const read = (step: WalletStep, status: number, body: unknown) =>
    step.read(signed(status, JSON.stringify(body)), stamp.nowMs)

  it("signs requests as the examples W1 and W2", () => {
    for (const id of ["W1", "W2"]) {
      const { signature: expected, text } = vector(id)
      const [method = "", path = "", timestamp = "", nonce = "", body = ""] = text.split("\n")
      expect(requestText(method, path, timestamp, nonce, body)).toBe(text)
      const header = authorization(keys, method, path, body, {
        nowMs: Number(timestamp) * 1000,
        nonce
      })
      expect(header).toBe(
        `WECHATPAY2-SHA256-RSA2048 mchid="1900000001",nonce_str="${nonce}",` +
          `timestamp="${timestamp}",serial_no="${keys.serial}",signature="${expected}"`
      )
    }
  })

  it("believes answers as the examples W3 and W4, and no other", () => {
    for (const id of ["W3", "W4"]) {
      const { signature: sign, text } = vector(id)
      const [timestamp = "", nonce = "", body = ""] = text.split("\n")
      const at = (change: Readonly<Record<string, string>>, bytes = body) =>
        response(bytes, [
          ["wechatpay-timestamp", change["timestamp"] ?? timestamp],
          ["wechatpay-nonce", change["nonce"] ?? nonce],
          ["wechatpay-serial", change["serial"] ?? theirSerial],
          ["wechatpay-signature", change["signature"] ?? sign]
        ])
      const nowMs = Number(timestamp) * 1000
      expect(isGenuine(at({}), keys, nowMs)).toBe(true)
      expect(isGenuine(at({}), keys, nowMs + 299_999)).toBe(true)
      expect(isGenuine(at({}), keys, nowMs + 300_000)).toBe(false)
      expect(isGenuine(at({ serial: "other" }), keys, nowMs)).toBe(false)
      expect(isGenuine(at({ nonce: "other" }), keys, nowMs)).toBe(false)
      expect(isGenuine(at({ signature: "WECHATPAY/SIGNTEST/x" }), keys, nowMs)).toBe(false)
      expect(isGenuine(at({ timestamp: "soon" }), keys, nowMs)).toBe(false)
      expect(isGenuine(at({}, `${body} `), keys, nowMs)).toBe(false)
    }
  })

  it("pays by code, asks, reverses and refunds under our own numbers", () => {
    const call = wallet.pay(pay, stamp).call
    expect([call.method, call.path]).toEqual(["POST", "/v3/pay/transactions/codepay"])
    expect(JSON.parse(call.body)).toMatchObject({
      appid: "wx0000000000000001",
      mchid: "1900000001",
      out_trade_no: order.order,
      payer: { auth_code: pay.payCode },
      amount: { total: 1, currency: "CNY" }
    })
    expect(wallet.inquire(order, stamp).call).toMatchObject({
      method: "GET",
      path: `/v3/pay/transactions/out-trade-no/${order.order}?mchid=1900000001`,
      body: ""
    })
    expect(wallet.undo(order, stamp).call.path).toMatch(/\/reverse$/)
    expect(JSON.parse(wallet.refund(refund, stamp).call.body)).toMatchObject({
      out_refund_no: refund.refund,
      amount: { refund: 1, total: 5 }
    })
  })

  const paidBody = {
    appid: keys.appId,
    mchid: keys.merchantId,
    out_trade_no: order.order,
    transaction_id: "4200",
    trade_state: "SUCCESS",
    amount: { total: 1, currency: "CNY" }
  }

  it("reads paid only with our own order, merchant, application and amount", () => {
    const step = wallet.pay(pay, stamp)
    expect(read(step, 200, paidBody)).toEqual({ _tag: "paid", payment: "4200", undone: false })
    for (
      const change of [
        { out_trade_no: "other" },
        { mchid: "other" },
        { appid: "other" },
        { amount: { total: 2, currency: "CNY" } },
        { amount: { total: 1, currency: "USD" } },
        { amount: undefined }
      ]
    ) expect(read(step, 200, { ...paidBody, ...change })._tag).toBe("mismatch")
  })

  it("takes 202 for waiting, and every unlisted or unverified word for doubt", () => {
    const step = wallet.pay(pay, stamp)
    const tag = (status: number, body: unknown) => read(step, status, body)._tag
    expect(tag(202, { trade_state: "USERPAYING" })).toBe("waiting")
    expect(tag(400, { code: "PARAM_ERROR" })).toBe("failed")
    expect(tag(403, { code: "AUTH_CODE_EXPIRE" })).toBe("failed")
    expect(tag(403, { code: "AUTHCODEEXPIRE" })).toBe("failed")
    for (const code of ["OUT_TRADE_NO_USED", "ORDER_PAID", "ORDER_CLOSED", "NEW_CODE", ""]) {
      expect(tag(400, { code })).toBe("doubt")
    }
    expect(tag(429, { code: "PARAM_ERROR" })).toBe("doubt")
    expect(tag(500, { code: "SYSTEM_ERROR" })).toBe("doubt")
    expect(tag(200, { trade_state: "NEW_STATE" })).toBe("doubt")
    const unsigned = response(JSON.stringify({ code: "PARAM_ERROR" }), [], 400)
    expect(step.read(unsigned, stamp.nowMs)._tag).toBe("doubt")
    expect(step.read(signed(200, JSON.stringify(paidBody), 0), stamp.nowMs)._tag).toBe("doubt")
  })

  it("tells closed, unknown, reversed and refunded apart", () => {
    const inquiry = wallet.inquire(order, stamp)
    expect(read(inquiry, 404, { code: "ORDER_NOT_EXIST" })._tag).toBe("absent")
    expect(read(inquiry, 200, { trade_state: "NOTPAY" })._tag).toBe("waiting")
    for (const state of ["CLOSED", "REVOKED", "PAYERROR"]) {
      expect(read(inquiry, 200, { trade_state: state })).toEqual({ _tag: "failed", code: state })
    }
    expect(read(inquiry, 200, { ...paidBody, trade_state: "REFUND" })).toMatchObject({
      _tag: "paid",
      undone: true
    })
    expect(read(wallet.undo(order, stamp), 200, {})._tag).toBe("waiting")
    expect(read(wallet.undo(order, stamp), 400, { code: "USERPAYING" })._tag).toBe("doubt")
    expect(read(wallet.undo(order, stamp), 404, { code: "ORDER_NOT_EXIST" })._tag).toBe("absent")
  })

  it("believes a refund from its query alone", () => {
    const done = {
      status: "SUCCESS",
      out_refund_no: refund.refund,
      out_trade_no: refund.order,
      refund_id: "5030",
      amount: { refund: 1 }
    }
    expect(read(wallet.refund(refund, stamp), 200, done)._tag).toBe("waiting")
    const inquiry = wallet.inquireRefund(refund, stamp)
    expect(read(inquiry, 200, done)._tag).toBe("paid")
    expect(read(inquiry, 200, { ...done, amount: { refund: 2 } })._tag).toBe("mismatch")
    expect(read(inquiry, 200, { ...done, status: "PROCESSING" })._tag).toBe("waiting")
    expect(read(inquiry, 200, { ...done, status: "ABNORMAL" })._tag).toBe("failed")
    expect(read(inquiry, 404, { code: "RESOURCE_NOT_EXISTS" })._tag).toBe("absent")
    expect(read(wallet.refund(refund, stamp), 403, { code: "NOT_ENOUGH" })._tag).toBe("failed")
    expect(read(wallet.refund(refund, stamp), 429, { code: "NOT_ENOUGH" })._tag).toBe("doubt")
  })
})

describe("Alipay", () => {
  const account = { ...keys, appId: "2021000000000001" }
  const wallet = alipayWallet(account)
  const name = "alipay_trade_pay_response"

  function signed(node: string, member = name): HttpResponse {
    return response(`{"${member}":${node},"sign":"${signText(node, privateKey)}"}`)
  }
  const tagOf = (step: WalletStep, member: string, fields: unknown) =>
    step.read(signed(JSON.stringify(fields), member), 0)._tag

  it("signs and encodes the form as example A1", () => {
    const { formBodySha256, signature: expected, text } = vector("A1")
    const parameters = parsePairs(text)!
    expect(sortedPairs(parameters)).toBe(text)
    const form = signedForm(parameters, account)
    expect(createHash("sha256").update(form).digest("hex")).toBe(formBodySha256)
    expect(new URLSearchParams(form).get("sign")).toBe(expected)
  })

  it("believes the raw node of example A2, and not the same JSON written anew", () => {
    const { httpBody, signature: sign, text, textThatMustFail } = vector("A2")
    const member = "alipay_trade_precreate_response"
    expect(answerNode(httpBody!, member)).toEqual({ node: text, sign, certificate: "" })
    expect(genuineNode(response(httpBody!), member, account)).toMatchObject({ code: "10000" })
    const anew = httpBody!.replace(text, textThatMustFail!)
    expect(genuineNode(response(anew), member, account)).toBeUndefined()
    expect(genuineNode(response(httpBody!, [], 500), member, account)).toBeUndefined()
  })

  it("finds the node whatever stands around and inside it", () => {
    const node = "{ \"sign\":\"inner\", \"text\":\"}],\\\"{\", \"list\":[{},[1]] }"
    const text = ` { "alipay_cert_sn" : "c1", "x" : ${node} , "n": null, "sign" : "outer" } `
    expect(answerNode(text, "x")).toEqual({ node, sign: "outer", certificate: "c1" })
    expect(answerNode(`{"x":"cipher","sign":"s"}`, "x")?.node).toBe("\"cipher\"")
    for (
      const bad of ["", "{", "[]", "{\"x\":{}", "{\"x\":{},\"x\":{},\"sign\":\"s\"}", "{\"x\"}"]
    ) {
      expect(answerNode(bad, "x")).toBeUndefined()
    }
    expect(answerNode("{\"x\":{}}", "x")).toBeUndefined()
  })

  it("never throws on any text, nor takes forever", () => {
    fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => {
      answerNode(text, "x")
      parsePairs(text)
    }))
  })

  it("reads the codes of a payment", () => {
    const step = wallet.pay({ ...pay, payCode: "280000000000000001" }, stamp)
    const done = { code: "10000", out_trade_no: order.order, total_amount: "0.01", trade_no: "2" }
    expect(tagOf(step, name, done)).toBe("paid")
    expect(tagOf(step, name, { ...done, total_amount: "0.02" })).toBe("mismatch")
    expect(tagOf(step, name, { ...done, out_trade_no: "other" })).toBe("mismatch")
    expect(tagOf(step, name, { ...done, trans_currency: "HKD" })).toBe("mismatch")
    expect(tagOf(step, name, { ...done, trans_currency: "CNY" })).toBe("paid")
    expect(tagOf(step, name, { code: "10003" })).toBe("waiting")
    expect(tagOf(step, name, { code: "20000", sub_code: "ACQ.SYSTEM_ERROR" })).toBe("doubt")
    const refusals = ["BUYER_BALANCE_NOT_ENOUGH", "PAYMENT_AUTH_CODE_INVALID"]
    for (const code of refusals) {
      expect(tagOf(step, name, { code: "40004", sub_code: `ACQ.${code}` })).toBe("failed")
    }
    for (const code of ["TRADE_HAS_SUCCESS", "CONTEXT_INCONSISTENT", "NEW_CODE"]) {
      expect(tagOf(step, name, { code: "40004", sub_code: `ACQ.${code}` })).toBe("doubt")
    }
    const unsigned = response(`{"${name}":${JSON.stringify(done)}}`)
    expect(step.read(unsigned, 0)._tag).toBe("doubt")
    const old = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey
    const change = new Map([["old", old], ["new", publicKey]])
    expect(genuineNode(signed("{}"), name, { ...account, publicKeys: change })).toEqual({})
    const foreign = `{"${name}":{},"alipay_cert_sn":"x","sign":"${signText("{}", privateKey)}"}`
    expect(step.read(response(foreign), 0)._tag).toBe("doubt")
  })

  it("reads what became of a payment, an undo and a refund", () => {
    const query = "alipay_trade_query_response"
    const inquiry = wallet.inquire(order, stamp)
    const trade = { code: "10000", out_trade_no: order.order, total_amount: "0.01" }
    const state = (status: string) => tagOf(inquiry, query, { ...trade, trade_status: status })
    expect(["TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED", "WAIT_BUYER_PAY", "X"].map(state))
      .toEqual(["paid", "paid", "failed", "waiting", "doubt"])
    const absent = { code: "40004", sub_code: "ACQ.TRADE_NOT_EXIST" }
    expect(tagOf(inquiry, query, absent)).toBe("absent")
    const cancel = "alipay_trade_cancel_response"
    const undo = wallet.undo(order, stamp)
    expect(tagOf(undo, cancel, { code: "10000", retry_flag: "N", action: "close" })).toBe("waiting")
    expect(tagOf(undo, cancel, { code: "10000", retry_flag: "Y" })).toBe("doubt")
    expect(tagOf(undo, cancel, absent)).toBe("absent")
    const found = "alipay_trade_fastpay_refund_query_response"
    const back = wallet.inquireRefund(refund, stamp)
    const money = { code: "10000", out_trade_no: order.order, refund_amount: "0.01" }
    expect(tagOf(back, found, { ...money, refund_status: "REFUND_SUCCESS" })).toBe("paid")
    expect(tagOf(back, found, { ...money, refund_amount: "0.02" })).toBe("mismatch")
    expect(tagOf(back, found, { ...money, refund_status: "REFUND_PROCESSING" })).toBe("waiting")
    expect(tagOf(back, found, { ...money, refund_status: "REFUND_FAIL" })).toBe("failed")
    expect(tagOf(back, found, { code: "10000" })).toBe("absent")
  })
})

describe("UnionPay QR", () => {
  const account = { ...keys, merchantId: "777290058167151", serial: "69903319369" }
  const wallet = unionpayWallet(account)
  const paidAnswer = {
    respCode: "00",
    origRespCode: "00",
    orderId: order.order,
    merId: "777290058167151",
    txnAmt: "1",
    queryId: "9"
  }

  function signed(fields: Readonly<Record<string, string>>): HttpResponse {
    const text = Object.entries(fields).map(([name, value]) => `${name}=${value}`).join("&")
    return response(`${text}&signature=${signature(fields, account)}`)
  }
  const tagOf = (step: WalletStep, fields: Readonly<Record<string, string>>) =>
    step.read(signed(fields), 0)._tag

  it("signs the digest of the sorted fields, as examples U1 to U3", () => {
    for (const id of ["U1", "U2", "U3"]) {
      const { signature: expected, signatureThatMustNotBeProduced, text, textSha256 } = vector(id)
      const fields = parsePairs(text)!
      expect(sortedPairs(fields)).toBe(text)
      expect(digestText(fields)).toBe(textSha256)
      expect(signature(fields, account)).toBe(expected)
      expect(signature(fields, account)).not.toBe(signatureThatMustNotBeProduced)
    }
  })

  it("reads the answer of example U4 with every trap in it", () => {
    const { httpBody } = vector("U4")
    const fields = genuineFields(response(httpBody!), account)
    expect(fields).toMatchObject({ reqReserved: "a=b", signPubKeyCert: "TEST\r\nCERT\r\n" })
    const spoilt = httpBody!.replace("\r\n", "\n")
    expect(genuineFields(response(spoilt), account)).toBeUndefined()
    expect(parsePairs("a={x&y=1}&b=[2&3]")).toEqual({ a: "{x&y=1}", b: "[2&3]" })
    expect([parsePairs("a=1&a=2"), parsePairs("a"), parsePairs("a={")]).toEqual(
      Array(3).fill(undefined)
    )
  })

  it("sends order and time that name the trade, and the same for its undo", () => {
    const fields = Object.fromEntries(new URLSearchParams(wallet.pay(pay, stamp).call.body))
    expect(fields).toMatchObject({
      txnType: "01",
      txnSubType: "06",
      orderId: order.order,
      txnTime: "20260921221320",
      txnAmt: "1",
      certId: "69903319369",
      accType: "01",
      backUrl: "http://www.specialUrl.com"
    })
    const back = Object.fromEntries(new URLSearchParams(wallet.refund(refund, stamp).call.body))
    expect(back).toMatchObject({
      txnType: "04",
      orderId: refund.refund,
      backUrl: "http://www.specialUrl.com"
    })
    const undo = Object.fromEntries(new URLSearchParams(wallet.undo(order, stamp).call.body))
    expect(undo).toMatchObject({ txnType: "99", orderId: order.order, txnTime: "20260921221320" })
  })

  it("reads each code by its place: acceptance is never paid", () => {
    const step = wallet.pay(pay, stamp)
    expect(tagOf(step, paidAnswer)).toBe("waiting")
    const direct = ["05", "12", "64", "86", "ZZ"].map((respCode) => tagOf(step, { respCode }))
    expect(direct).toEqual(["doubt", "doubt", "failed", "failed", "doubt"])
    const inquiry = wallet.inquire(order, stamp)
    const about = (origRespCode: string) => tagOf(inquiry, { ...paidAnswer, origRespCode })
    expect(["00", "A6", "05", "64", "75", "ZZ"].map(about))
      .toEqual(["paid", "paid", "waiting", "failed", "doubt", "doubt"])
    expect(tagOf(inquiry, { ...paidAnswer, respCode: "34" })).toBe("absent")
    expect(tagOf(inquiry, { ...paidAnswer, respCode: "37" })).toBe("doubt")
    expect(tagOf(inquiry, { ...paidAnswer, txnAmt: "2" })).toBe("mismatch")
    expect(tagOf(inquiry, { ...paidAnswer, merId: "other" })).toBe("mismatch")
    expect(tagOf(wallet.undo(order, stamp), { respCode: "46" })).toBe("waiting")
    expect(tagOf(wallet.undo(order, stamp), { respCode: "45" })).toBe("waiting")
    expect(tagOf(wallet.undo(order, stamp), { respCode: "34" })).toBe("absent")
    expect(tagOf(wallet.undo(order, stamp), { respCode: "05" })).toBe("doubt")
    expect(inquiry.read(response("respCode=00&origRespCode=00"), 0)._tag).toBe("doubt")
  })
})

describe("a plain HMAC wallet", () => {
  const wallet = hmacWallet(keys)

  function signed(step: WalletStep, fields: unknown, change: { nonce?: string } = {}) {
    const body = JSON.stringify(fields)
    const nonce = change.nonce ?? step.call.headers.get("x-nonce") ?? ""
    return response(body, [
      ["x-timestamp", "1790000000"],
      ["x-signature", hmacHex(keys.secret, hmacAnswerText("1790000000", nonce, body))]
    ])
  }

  it("signs method, path, time, nonce and body", () => {
    const { body, headers, path } = wallet.pay(pay, stamp).call
    const text = hmacRequestText(path, "1790000000", stamp.nonce, body)
    expect(headers.get("x-signature")).toBe(hmacHex(keys.secret, text))
    expect(JSON.parse(body)).toMatchObject({ order: order.order, merchant: keys.merchantId })
  })

  it("believes an answer to this very request alone", () => {
    const step = wallet.inquire(order, stamp)
    const answer = { state: "PAID", ...order, merchant: keys.merchantId, payment: "p" }
    expect(step.read(signed(step, answer), stamp.nowMs)._tag).toBe("paid")
    expect(step.read(signed(step, answer, { nonce: "other" }), stamp.nowMs)._tag).toBe("doubt")
    expect(step.read(signed(step, answer), stamp.nowMs + 300_000)._tag).toBe("doubt")
    expect(step.read(signed(step, { ...answer, amount: 2 }), stamp.nowMs)._tag).toBe("mismatch")
  })
})

describe("amounts, times and keys", () => {
  const shop = {
    name: "shop",
    scheme: "wechat" as const,
    path: "/w",
    merchantId: "m",
    replayWindowMs: 1
  }

  it("turn fen into yuan and back without a float", () => {
    fc.assert(fc.property(fc.nat(1_000_000_000), (minor) => {
      expect(fen(yuan(minor))).toBe(minor)
    }))
    expect([yuan(1), yuan(100), fen("1"), fen("1.5"), fen("1.999"), fen("-1"), fen(1)])
      .toEqual(["0.01", "1.00", 100, 150, NaN, NaN, NaN])
  })

  it("are Beijing's", () => {
    expect(beijingTime(1_790_000_000_000)).toBe("2026-09-21 22:13:20")
    expect(beijingStamp(1_790_000_000_000)).toBe("20260921221320")
  })

  it("of WeChat go by the serial of their certificate, or are refused when they are loaded", () => {
    const under = (serial: string) =>
      walletKeys(shop, { publicKeys: { [serial]: goNotice.certificate } }).publicKeys.has(serial)
    expect(under("D7CE59D1F522D701")).toBe(true)
    expect(() => under("d7ce59d1f522d701")).toThrow(
      "account shop: publicKeys.d7ce59d1f522d701 is the certificate of serial D7CE59D1F522D701"
    )
  })

  it("are read from PEM, and an unreadable one is named without a byte of it", () => {
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }) as string
    const read = walletKeys(shop, {
      privateKey: pem,
      publicKeys: { a: publicKey.export({ type: "spki", format: "pem" }) as string }
    })
    expect(verifyText("x", signText("x", read.privateKey!), read.publicKeys.get("a")!)).toBe(true)
    expect(() => walletKeys(shop, { privateKey: "seekrit" })).toThrow(
      "account shop: privateKey is no PEM key for RSA"
    )
  })

  // A signature under one of these throws, or is one that no wallet takes.
  it.each([
    generateKeyPairSync("ed25519"),
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("rsa-pss", { modulusLength: 2048 })
  ])("are refused when they are none for RSA signatures: $privateKey.asymmetricKeyType", (pair) => {
    const privatePem = pair.privateKey.export({ type: "pkcs8", format: "pem" }) as string
    const publicPem = pair.publicKey.export({ type: "spki", format: "pem" }) as string
    expect(() => walletKeys(shop, { privateKey: privatePem })).toThrow(
      "account shop: privateKey is no PEM key for RSA"
    )
    expect(() => walletKeys(shop, { publicKeys: { a: publicPem } })).toThrow(
      "account shop: publicKeys.a is no PEM key for RSA"
    )
  })

  it("are refused when WeChat's notices could never be opened with them", () => {
    const secret = "0123456789abcdef0123456789abcdef"
    expect(walletKeys(shop, { secret }).secret).toHaveLength(32)
    expect(() => walletKeys(shop, { secret: secret.slice(1) })).toThrow(
      "account shop: secret is no APIv3 key of WeChat, which has 32 bytes"
    )
    expect(walletKeys({ ...shop, scheme: "hmac" }, { secret: "short" }).secret).toHaveLength(5)
  })
})
