/**
 * Notices of wallets: genuine ones give a record, everything else a named refusal. Vectors: W3, W4,
 * U4 of `wallet-signatures.json` (made with its throw-away key); the WeChat notice and the GCM
 * vector of wechatpay-go `core/notify` and `utils` (protocol facts §4.1).
 */

import * as fc from "fast-check"
import { createCipheriv, createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { describe, expect, it } from "vitest"
import type { NotificationRecord } from "../../src/domain/order.ts"
import type { NotificationVerdict } from "../../src/domain/ports/codec.ts"
import { encodeMessagePack } from "../../src/qr/messagepack.ts"
import type { NotificationAccount } from "../../src/qr/notification-account.ts"
import { bodyLimits, isShallow } from "../../src/qr/notification-fields.ts"
import { genericSignature } from "../../src/qr/notification-hmac.ts"
import { opened } from "../../src/qr/notification-wechat.ts"
import { verifyNotification } from "../../src/qr/notification.ts"
import corpus from "../corpus/qr/wallet-signatures.json" with { type: "json" }
import { goNotice } from "./wechat-notice.ts"

const nowMs = 1_790_000_000_000
const stamp = String(nowMs / 1000)
const windowMs = 300_000

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
const pem = publicKey.export({ type: "spki", format: "pem" }).toString()

function account(change: Partial<NotificationAccount> = {}): NotificationAccount {
  return {
    name: "shop",
    scheme: "hmac",
    merchantId: "1900000001",
    secret: "0123456789abcdef0123456789abcdef",
    publicKeys: { S1: pem },
    replayWindowMs: windowMs,
    ...change
  }
}

function verdict(
  at: NotificationAccount,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  now: number = nowMs
): NotificationVerdict {
  const job = { account: at.name, headers: new Map(Object.entries(headers)), body, nowMs: now }
  return verifyNotification((name) => name === at.name ? at : undefined, job)
}

function why(result: NotificationVerdict): string {
  if (result._tag === "refused") return `${result.failure} ${result.detail}`
  return result._tag === "unhandled" ? `unhandled ${result.notice.what}` : result._tag
}

function record(result: NotificationVerdict): NotificationRecord {
  if (result._tag !== "genuine") throw new Error(why(result))
  return result.notification
}

describe("WeChat Pay", () => {
  const wechat = account({ scheme: "wechat", appId: "wx01" })

  interface Draft {
    readonly event?: string
    readonly plain?: Readonly<Record<string, unknown>>
    readonly key?: KeyObject
    readonly secret?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly after?: (body: Buffer) => Buffer
  }

  const paidPlain = {
    appid: "wx01",
    mchid: "1900000001",
    out_trade_no: "T1",
    transaction_id: "4200001",
    trade_state: "SUCCESS",
    success_time: "2026-09-21T22:13:20+08:00",
    attach: "C7",
    payer: { openid: "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
    amount: { total: 100, payer_total: 100, currency: "CNY", payer_currency: "CNY" }
  }

  function notice(draft: Draft = {}): readonly [Record<string, string>, Buffer] {
    const cipher = createCipheriv("aes-256-gcm", draft.secret ?? wechat.secret!, "abcdefghijkl")
    cipher.setAAD(Buffer.from("transaction"))
    const plain = JSON.stringify(draft.plain ?? paidPlain)
    const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    const body = Buffer.from(JSON.stringify({
      id: "EV-1",
      create_time: "2026-09-21T22:13:25+08:00",
      event_type: draft.event ?? "TRANSACTION.SUCCESS",
      resource: {
        algorithm: "AEAD_AES_256_GCM",
        ciphertext: sealed.toString("base64"),
        associated_data: "transaction",
        nonce: "abcdefghijkl"
      }
    }))
    const signed = Buffer.concat([Buffer.from(`${stamp}\nn0nce\n`), body, Buffer.from("\n")])
    const headers = {
      "wechatpay-timestamp": stamp,
      "wechatpay-nonce": "n0nce",
      "wechatpay-serial": "S1",
      "wechatpay-signature": sign("sha256", signed, draft.key ?? privateKey).toString("base64"),
      "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
      ...draft.headers
    }
    return [headers, draft.after?.(body) ?? body]
  }

  it("gives the payment in our words", () => {
    expect(record(verdict(wechat, ...notice()))).toEqual({
      id: "wechat:EV-1",
      scheme: "wechat",
      payment: "4200001",
      order: "T1",
      counter: "C7",
      payerMask: "oUp***S6o",
      event: "paid",
      amount: 100,
      currency: "156",
      merchantAccount: "1900000001",
      paidMs: Date.parse("2026-09-21T14:13:20Z"),
      receivedMs: nowMs
    })
  })

  it("gives a refund and what it has come to, also when the money does not arrive", () => {
    const plain = {
      mchid: "1900000001",
      transaction_id: "4200001",
      out_trade_no: "T1",
      out_refund_no: "R1",
      amount: { total: 100, refund: 40 }
    }
    const cases = [
      ["SUCCESS", "refunded", { success_time: "2026-09-21T22:13:20+08:00" }],
      ["ABNORMAL", "refund-abnormal", {}],
      ["CLOSED", "refund-closed", {}]
    ] as const
    for (const [status, event, more] of cases) {
      const facts = { ...plain, ...more, refund_status: status }
      const refund = record(verdict(wechat, ...notice({ event: `REFUND.${status}`, plain: facts })))
      expect(refund).toEqual({
        id: "wechat:EV-1",
        scheme: "wechat",
        payment: "4200001",
        order: "T1",
        refund: "R1",
        event,
        amount: 40,
        currency: "156",
        merchantAccount: "1900000001",
        // What never succeeded has no time of its own but that of its notice.
        paidMs: Date.parse(status === "SUCCESS" ? "2026-09-21T14:13:20Z" : "2026-09-21T14:13:25Z"),
        receivedMs: nowMs
      })
    }
    const other = { ...plain, refund_status: "CLOSED" }
    expect(why(verdict(wechat, ...notice({ event: "REFUND.ABNORMAL", plain: other })))).toBe(
      "notification-format facts"
    )
  })

  it("refuses by name what is forged, stale or not understood", () => {
    const cases: ReadonlyArray<readonly [Draft, string]> = [
      [{ key: stranger }, "notification-forged signature"],
      [
        { after: (body) => Buffer.concat([body, Buffer.from(" ")]) },
        "notification-forged signature"
      ],
      [{ headers: { "wechatpay-serial": "S2" } }, "notification-forged serial"],
      [{ headers: { "wechatpay-serial": "__proto__" } }, "notification-forged serial"],
      [{ headers: { "wechatpay-nonce": "other" } }, "notification-forged signature"],
      [{ headers: { "wechatpay-timestamp": "" } }, "notification-forged headers"],
      [{ headers: { "wechatpay-signature-type": "SM2" } }, "notification-forged signature type"],
      [
        { headers: { "wechatpay-signature": "WECHATPAY/SIGNTEST/AAAA" } },
        "notification-forged signature"
      ],
      [{ secret: "f".repeat(32) }, "notification-format resource"],
      [{ plain: { ...paidPlain, mchid: "2" } }, "notification-forged merchant"],
      [{ plain: { ...paidPlain, appid: "wx02" } }, "notification-forged application"],
      [{ plain: { ...paidPlain, trade_state: "CLOSED" } }, "notification-format facts"],
      [{ plain: { ...paidPlain, amount: { total: 1.5 } } }, "notification-format facts"],
      [{ event: "REFUND.SUCCESS" }, "notification-format facts"],
      [{ event: "COUPON.USE", plain: { mchid: "2" } }, "notification-forged merchant"]
    ]
    for (const [draft, reason] of cases) expect(why(verdict(wechat, ...notice(draft)))).toBe(reason)
    const [headers, body] = notice()
    expect(why(verdict(wechat, headers, body, nowMs + windowMs + 1))).toBe(
      "notification-stale timestamp"
    )
    expect(why(verdict(wechat, headers, body, nowMs - windowMs - 1))).toBe(
      "notification-stale timestamp"
    )
    expect(why(verdict(wechat, headers, body, nowMs + windowMs))).toBe("genuine")
  })

  it("gives a verdict of any facts of any event that was really signed", () => {
    const types = ["TRANSACTION.SUCCESS", "REFUND.CLOSED", "COUPON.USE", ""]
    const facts = fc.dictionary(fc.constantFrom(...Object.keys(paidPlain)), fc.jsonValue())
    fc.assert(
      fc.property(fc.constantFrom(...types), facts, fc.boolean(), (event, plain, ours) => {
        const mchid = ours ? { mchid: "1900000001", appid: "wx01" } : {}
        const made = verdict(wechat, ...notice({ event, plain: { ...plain, ...mchid } }))
        expect(["refused", "unhandled"]).toContain(made._tag)
        if (ours) expect(made._tag === "unhandled").toBe(event === "COUPON.USE")
      }),
      { numRuns: 100, seed: 6 }
    )
  })

  it("verifies the vendor's own notice, whose body is signed as it came", () => {
    const vendor = account({
      scheme: "wechat",
      secret: "testMchAPIv3Key0",
      publicKeys: { D7CE59D1F522D701: goNotice.certificate }
    })
    const at = Number(goNotice.headers["wechatpay-timestamp"]) * 1000
    const body = Buffer.from(goNotice.body)
    // Signature right; the vendor's test key has 16 bytes, which no APIv3 key has.
    expect(why(verdict(vendor, goNotice.headers, body, at))).toBe("notification-format resource")
    body[body.length - 3]! ^= 1
    expect(why(verdict(vendor, goNotice.headers, body, at))).toBe("notification-forged signature")
  })

  it("verifies W3 and W4 of the corpus, and decrypts the vendor's vector", () => {
    const spki = Buffer.from(corpus.publicKeySpkiDerBase64, "base64").toString("base64")
    const key = `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`
    for (const id of ["W3", "W4"]) {
      const vector = corpus.vectors.find((each) => each.id === id)!
      const [timestamp = "", nonce = "", ...rest] = vector.text.split("\n")
      const headers = {
        "wechatpay-timestamp": timestamp,
        "wechatpay-nonce": nonce,
        "wechatpay-serial": "K",
        "wechatpay-signature": vector.signature
      }
      const body = Buffer.from(rest.slice(0, -1).join("\n"))
      const at = account({ scheme: "wechat", publicKeys: { K: key } })
      const now = Number(timestamp) * 1000
      expect(why(verdict(at, headers, body, now))).toBe("notification-format body")
      expect(why(verdict(at, { ...headers, "wechatpay-nonce": "x" }, body, now))).toBe(
        "notification-forged signature"
      )
    }
    const plain = opened("a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb", {
      algorithm: "AEAD_AES_256_GCM",
      nonce: "uluk4a9R25RW",
      associated_data: "associatedData",
      ciphertext: "ulwSiIajGClcvcOYvOQ7+l+0PAbzzwI="
    })
    expect(Buffer.from(plain ?? []).toString()).toBe("message")
  })
})

describe("the generic notice", () => {
  const hmac = account()
  const fields = {
    id: "N1",
    payment: "P1",
    order: "T1",
    event: "paid",
    amount: 250,
    currency: "156",
    paidMs: 1_789_999_990_000,
    merchantAccount: "1900000001"
  }

  function signed(
    body: Uint8Array,
    change: Readonly<Record<string, string>> = {}
  ): Readonly<Record<string, string>> {
    const signature = genericSignature(hmac.secret!, stamp, "nonce-of-8", body).toString("hex")
    return { "x-timestamp": stamp, "x-nonce": "nonce-of-8", "x-signature": signature, ...change }
  }

  it("is taken as JSON and as MessagePack alike", () => {
    const json = Buffer.from(JSON.stringify(fields))
    const packed = encodeMessagePack(fields)
    const one = record(verdict(hmac, signed(json), json))
    const type = { "content-type": "application/msgpack" }
    const other = record(verdict(hmac, signed(packed, type), packed))
    expect(one).toEqual({
      id: "hmac:shop:N1",
      scheme: "generic-qr",
      payment: "P1",
      order: "T1",
      event: "paid",
      amount: 250,
      currency: "156",
      merchantAccount: "1900000001",
      paidMs: 1_789_999_990_000,
      receivedMs: nowMs
    })
    expect(other).toEqual(one)
  })

  it("is refused by name", () => {
    const json = Buffer.from(JSON.stringify(fields))
    const cases: ReadonlyArray<readonly [Readonly<Record<string, string>>, string]> = [
      [signed(json, { "x-signature": "0".repeat(64) }), "notification-forged signature"],
      [signed(json, { "x-signature": "zz" }), "notification-forged headers"],
      [signed(json, { "x-nonce": "other-nonce" }), "notification-forged signature"],
      [signed(json, { "x-nonce": "short" }), "notification-forged headers"],
      [signed(json, { "x-timestamp": "1" }), "notification-stale timestamp"],
      [{}, "notification-forged headers"]
    ]
    for (const [headers, reason] of cases) expect(why(verdict(hmac, headers, json))).toBe(reason)
    for (
      const change of [
        { amount: -1 },
        { amount: "250" },
        { currency: "CNY" },
        { event: "maybe" },
        { payment: "" },
        { id: undefined }
      ]
    ) {
      const body = Buffer.from(JSON.stringify({ ...fields, ...change }))
      expect(why(verdict(hmac, signed(body), body))).toBe("notification-format fields")
    }
    const foreign = Buffer.from(JSON.stringify({ ...fields, merchantAccount: "2" }))
    expect(why(verdict(hmac, signed(foreign), foreign))).toBe("notification-forged merchant")
    const { secret: _, ...bare } = hmac
    const empty = genericSignature("", stamp, "nonce-of-8", json).toString("hex")
    for (const secretless of [bare, { ...hmac, secret: "" }]) {
      expect(why(verdict(secretless, signed(json, { "x-signature": empty }), json))).toBe(
        "notification-forged secret"
      )
    }
  })

  it("is refused when it is a bomb, in either carriage", () => {
    const type = { "content-type": "application/msgpack" }
    const deep = Buffer.from(`${"[".repeat(1000)}${"]".repeat(1000)}`)
    const wide = Buffer.from(`[${"0,".repeat(10_000)}0]`)
    const maps = Buffer.alloc(3000)
    for (let at = 0; at < 1000; at++) maps.set([0x81, 0xa1, 0x61], at * 3)
    const keys = Buffer.from([0xdf, 0x00, 0x01, 0x86, 0xa0])
    for (const body of [deep, wide]) {
      expect(why(verdict(hmac, signed(body), body))).toBe("notification-format body")
    }
    for (const body of [maps, keys]) {
      expect(why(verdict(hmac, signed(body, type), body))).toBe("notification-format body")
    }
    const huge = Buffer.alloc(bodyLimits.maxBytes + 1)
    expect(why(verdict(hmac, signed(huge), huge))).toBe("notification-oversized body")
  })
})

/** A form as the wallets send it. */
function formOf(parameters: Readonly<Record<string, string>>): Buffer {
  return Buffer.from(new URLSearchParams(parameters).toString())
}

function pairs(parameters: Readonly<Record<string, string>>): Buffer {
  return Buffer.from(
    Object.keys(parameters).sort().map((name) => `${name}=${parameters[name]}`).join("&")
  )
}

describe("Alipay", () => {
  const alipay = account({ scheme: "alipay", merchantId: "2088101", appId: "2021001" })
  const paid = {
    notify_id: "N-ID-1",
    notify_time: "2026-09-21 22:13:25",
    app_id: "2021001",
    seller_id: "2088101",
    trade_no: "2026092122001",
    out_trade_no: "T3",
    trade_status: "TRADE_SUCCESS",
    total_amount: "12.30",
    gmt_payment: "2026-09-21 22:13:20",
    buyer_id: "2088123412341234",
    subject: "测试商品 A&B=C",
    charset: "utf-8"
  }

  function signed(parameters: Readonly<Record<string, string>>, key = privateKey): Buffer {
    const signature = sign("sha256", pairs(parameters), key).toString("base64")
    return formOf({ ...parameters, sign: signature, sign_type: "RSA2" })
  }

  it("gives payment, refund and close", () => {
    const one = record(verdict(alipay, {}, signed(paid)))
    expect(one).toMatchObject({
      id: "alipay:N-ID-1",
      payment: "2026092122001",
      order: "T3",
      event: "paid",
      amount: 1230,
      currency: "156",
      paidMs: Date.parse("2026-09-21T14:13:20Z"),
      payerMask: "208***234"
    })
    const refund = {
      ...paid,
      refund_fee: "2.30",
      gmt_refund: "2026-09-22 08:00:00.123",
      out_biz_no: "R3"
    }
    expect(record(verdict(alipay, {}, signed(refund)))).toMatchObject({
      refund: "R3",
      event: "refunded",
      amount: 230,
      cumulative: true
    })
    const closed = { ...paid, trade_status: "TRADE_CLOSED" }
    expect(record(verdict(alipay, {}, signed(closed))).event).toBe("closed")
  })

  it("is refused by name", () => {
    const cases: ReadonlyArray<readonly [Buffer, string]> = [
      [signed(paid, stranger), "notification-forged sign"],
      [Buffer.concat([signed(paid), Buffer.from("&x=1")]), "notification-forged sign"],
      [Buffer.concat([signed(paid), Buffer.from("&trade_no=2")]), "notification-format form"],
      [formOf(paid), "notification-forged sign_type"],
      [signed({ ...paid, app_id: "other" }), "notification-forged app_id"],
      [signed({ ...paid, seller_id: "other" }), "notification-forged seller_id"],
      [signed({ ...paid, total_amount: "1.234" }), "notification-format fields"],
      [signed({ ...paid, trans_currency: "ABC" }), "notification-format fields"],
      [signed({ ...paid, trans_currency: "JPY" }), "notification-format fields"],
      [signed({ ...paid, trade_status: "X", notify_id: "" }), "notification-format fields"],
      [Buffer.from("a=%GG"), "notification-format form"],
      [Buffer.alloc(0), "notification-format form"]
    ]
    for (const [body, reason] of cases) expect(why(verdict(alipay, {}, body))).toBe(reason)
  })

  it("tells its currency where it names one, in the places that has", () => {
    const money = (trans_currency: string, total_amount: string) => {
      const { amount, currency } = record(
        verdict(alipay, {}, signed({ ...paid, trans_currency, total_amount }))
      )
      return `${amount} ${currency}`
    }
    expect([money("", "12.30"), money("CNY", "12.30"), money("HKD", "12.30"), money("JPY", "12")])
      .toEqual(["1230 156", "1230 156", "1230 344", "12 392"])
  })

  it("verifies over bytes, whatever their character set", () => {
    const gbk = Buffer.concat([Buffer.from("a=1&subject="), Buffer.from("B2E2CAD4", "hex")])
    const signature = sign("sha256", gbk, privateKey).toString("base64")
    const tail = new URLSearchParams({ sign: signature, sign_type: "RSA2" }).toString()
    const body = Buffer.from(`subject=%B2%E2%CA%D4&a=1&${tail}`)
    expect(why(verdict(alipay, {}, body))).toBe("notification-forged app_id")
  })
})

describe("UnionPay", () => {
  const unionpay = account({ scheme: "unionpay", merchantId: "777290058167151" })
  const paid = {
    version: "5.1.0",
    signMethod: "01",
    encoding: "UTF-8",
    merId: "777290058167151",
    orderId: "T5",
    queryId: "202609212213201234567",
    txnType: "01",
    txnAmt: "1",
    currencyCode: "156",
    txnTime: "20260921221320",
    respCode: "00",
    respMsg: "成功[0000000]",
    accNo: "6216********2485"
  }

  function signed(parameters: Readonly<Record<string, string>>, key = privateKey): Buffer {
    const digest = createHash("sha256").update(pairs(parameters)).digest("hex")
    return formOf({
      ...parameters,
      signature: sign("sha256", Buffer.from(digest), key).toString("base64")
    })
  }

  it("gives payment and refund", () => {
    expect(record(verdict(unionpay, {}, signed(paid)))).toMatchObject({
      id: "unionpay:202609212213201234567",
      scheme: "unionpay-qr",
      payment: "202609212213201234567",
      event: "paid",
      amount: 1,
      paidMs: Date.parse("2026-09-21T14:13:20Z"),
      payerMask: "621***485"
    })
    const refund = { ...paid, txnType: "04", orderId: "R5", queryId: "2", origQryId: paid.queryId }
    const given = record(verdict(unionpay, {}, signed(refund)))
    expect(given).toMatchObject({
      id: "unionpay:2",
      payment: paid.queryId,
      refund: "R5",
      event: "refunded"
    })
    expect(given).not.toHaveProperty("order")
  })

  it("gives a reversal by the order that it undid: it is no refund that we asked for", () => {
    const reversal = { ...paid, txnType: "99", queryId: "3", origQryId: paid.queryId }
    const given = record(verdict(unionpay, {}, signed(reversal)))
    expect(given).toMatchObject({ payment: paid.queryId, order: "T5", event: "refunded" })
    expect(given).not.toHaveProperty("refund")
  })

  it("is refused by name", () => {
    const cases: ReadonlyArray<readonly [Buffer, string]> = [
      [signed(paid, stranger), "notification-forged signature"],
      [signed({ ...paid, signMethod: "11" }), "notification-forged signMethod"],
      [signed({ ...paid, version: "5.0.0" }), "notification-forged signMethod"],
      [signed({ ...paid, merId: "1" }), "notification-forged merId"],
      [signed({ ...paid, txnAmt: "-1" }), "notification-format fields"],
      [signed({ ...paid, respCode: "05", queryId: "", orderId: "" }), "notification-format fields"]
    ]
    for (const [body, reason] of cases) expect(why(verdict(unionpay, {}, body))).toBe(reason)
  })

  it("verifies the signed text of U4", () => {
    const vector = corpus.vectors.find((each) => each.id === "U4")!
    const body = formOf({
      ...Object.fromEntries(
        vector.text.split("&").map((pair) => {
          const equals = pair.indexOf("=")
          return [pair.slice(0, equals), pair.slice(equals + 1)]
        })
      ),
      signature: vector.signature
    })
    const spki = Buffer.from(corpus.publicKeySpkiDerBase64, "base64").toString("base64")
    const key = `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`
    const at = account({
      scheme: "unionpay",
      publicKeys: { K: key },
      merchantId: "777290058167151"
    })
    // Its signature is right; it is an answer without a query number, so no notice.
    expect(why(verdict(at, {}, body))).toBe("notification-format fields")
    expect(why(verdict({ ...at, publicKeys: { S1: pem } }, {}, body))).toBe(
      "notification-forged signature"
    )
  })
})

describe("the id of a notice", () => {
  it("fits a key of the journal, which has 255 bytes, at its longest and in any letters", () => {
    // As long as the configuration lets a name be.
    const shop = account({ name: "s".repeat(40) })
    const tell = (length: number) => {
      const body = Buffer.from(JSON.stringify({
        id: "中".repeat(length),
        payment: "P1",
        event: "paid",
        amount: 1,
        currency: "156",
        paidMs: nowMs,
        merchantAccount: shop.merchantId
      }))
      const signature = genericSignature(shop.secret!, stamp, "nonce-of-8", body).toString("hex")
      return verdict(
        shop,
        { "x-timestamp": stamp, "x-nonce": "nonce-of-8", "x-signature": signature },
        body
      )
    }
    expect(Buffer.byteLength(record(tell(64)).id)).toBeLessThan(256)
    expect(why(tell(65))).toBe("notification-format fields")
    const alipay = account({ scheme: "alipay", merchantId: "2088101" })
    const paid = (id: string) => {
      const form = {
        notify_id: id,
        seller_id: "2088101",
        trade_no: "1",
        trade_status: "TRADE_SUCCESS",
        total_amount: "1.00",
        gmt_payment: "2026-09-21 22:13:20"
      }
      const signature = sign("sha256", pairs(form), privateKey).toString("base64")
      return verdict(alipay, {}, formOf({ ...form, sign: signature, sign_type: "RSA2" }))
    }
    expect(record(paid("n".repeat(128))).id).toHaveLength(135)
    expect([paid("n".repeat(129)), paid("通知")].map(why)).toEqual([
      "notification-format fields",
      "notification-format fields"
    ])
  })
})

describe("any bytes", () => {
  it("give a record or a named refusal, for every scheme", () => {
    const schemes = ["wechat", "alipay", "unionpay", "hmac"] as const
    const name = fc.constantFrom(
      "x-signature",
      "x-timestamp",
      "x-nonce",
      "wechatpay-signature",
      "wechatpay-serial",
      "content-type"
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...schemes),
        fc.dictionary(name, fc.oneof(fc.string(), fc.constant(stamp), fc.constant("S1"))),
        fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.json().map((text) => Buffer.from(text))),
        (scheme, headers, body) => {
          expect(verdict(account({ scheme }), headers, body)._tag).toBe("refused")
        }
      ),
      { numRuns: 400, seed: 5 }
    )
  })

  it("of an account that nobody configured are refused", () => {
    const job = { account: "other", headers: new Map(), body: new Uint8Array(0), nowMs }
    expect(why(verifyNotification(() => undefined, job))).toBe("notification-forged account")
  })

  it("are counted outside of texts only", () => {
    const limits = { maxBytes: 100, maxDepth: 2, maxValues: 3 }
    expect(isShallow(Buffer.from(`{"a":"[[[[,,,,\\"[["}`), limits)).toBe(true)
    expect(isShallow(Buffer.from(`[[1]]`), limits)).toBe(true)
    expect(isShallow(Buffer.from(`[[[1]]]`), limits)).toBe(false)
    expect(isShallow(Buffer.from(`[1,2,3,4]`), limits)).toBe(false)
  })
})
