/** Notices give the same in a worker as in place, also when their accounts change. */

import * as fc from "fast-check"
import { generateKeyPairSync } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { NotificationJob, NotificationVerdict } from "../../src/domain/ports/codec.ts"
import type { NotificationAccount } from "../../src/qr/notification-account.ts"
import { genericSignature } from "../../src/qr/notification-hmac.ts"
import { wechatEvent } from "../notify/wechat-event.ts"
import { goNotice } from "../qr/wechat-notice.ts"
import { randomFrom } from "../security/seeded-random.ts"
import { cup, decodeAll, keyC, saleC, type Station, station } from "./station.ts"

const nowMs = 1_790_000_000_000
const stamp = String(nowMs / 1000)
const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
const apiV3Key = "0123456789abcdef0123456789abcdef"
const accounts = new Map<string, NotificationAccount>([
  ["open", {
    name: "open",
    scheme: "wechat",
    merchantId: "1",
    secret: apiV3Key,
    publicKeys: { S1: publicKey.export({ type: "spki", format: "pem" }).toString() },
    replayWindowMs: 1000
  }],
  ["shop", { name: "shop", scheme: "hmac", merchantId: "1", secret: "one", replayWindowMs: 1000 }],
  ["wx", {
    name: "wx",
    scheme: "wechat",
    merchantId: "1",
    secret: "testMchAPIv3Key0",
    publicKeys: { D7CE59D1F522D701: goNotice.certificate },
    replayWindowMs: 1000
  }]
])

function signed(secret: string, change: Readonly<Record<string, unknown>> = {}): NotificationJob {
  const body = Buffer.from(JSON.stringify({
    id: "N1",
    payment: "P1",
    counter: "柜台1",
    event: "paid",
    amount: 250,
    currency: "156",
    paidMs: nowMs,
    merchantAccount: "1",
    ...change
  }))
  const signature = genericSignature(secret, stamp, "nonce-of-8", body).toString("hex")
  const headers = { "x-timestamp": stamp, "x-nonce": "nonce-of-8", "x-signature": signature }
  return { account: "shop", headers: new Map(Object.entries(headers)), body, nowMs }
}

describe("notices", () => {
  let here: Station
  let pool: Station
  beforeAll(async () => {
    const options = { accounts: (name: string) => accounts.get(name) }
    here = await station({ ...options, workers: 0 })
    pool = await station({ ...options, workers: 2 })
  })
  afterAll(async () => {
    await here.close()
    await pool.close()
  })

  const ask = ({ codec }: Station, job: NotificationJob): Promise<NotificationVerdict> =>
    new Promise((resolve) => codec.verifyNotification(job, resolve))

  it("give the same in a worker as in place, for any input beside any frames", async () => {
    const vendor = {
      account: "wx",
      headers: new Map(Object.entries(goNotice.headers)),
      body: Buffer.from(goNotice.body),
      nowMs: Number(goNotice.headers["wechatpay-timestamp"]) * 1000
    }
    const job = fc.oneof(
      fc.record({ amount: fc.oneof(fc.nat(), fc.string()), id: fc.string() })
        .map((change) => signed("one", change)),
      fc.constantFrom(signed("one"), signed("two"), vendor, { ...vendor, nowMs: 0 }),
      fc.record({
        account: fc.constant("wx"),
        headers: fc.constant(vendor.headers),
        body: fc.uint8Array({ maxLength: 100 }),
        nowMs: fc.constant(vendor.nowMs)
      }),
      fc.constant({ ...signed("one"), account: "nobody" })
    )
    await fc.assert(
      fc.asyncProperty(fc.array(job, { minLength: 1, maxLength: 20 }), async (jobs) => {
        const frames = decodeAll(pool, jobs.map(() => [cup, saleC(), keyC] as const))
        const got = await Promise.all(jobs.map((each) => ask(pool, each)))
        expect(got).toEqual(await Promise.all(jobs.map((each) => ask(here, each))))
        await frames
      }),
      { numRuns: 25, seed: 8 }
    )
  })

  it("always go to a worker, and come back whole", async () => {
    const before = pool.counts.pool
    const verdict = await ask(pool, signed("one"))
    expect(pool.counts.pool - before).toBe(1)
    expect(verdict).toMatchObject({
      _tag: "genuine",
      notification: { id: "hmac:shop:N1", counter: "柜台1", amount: 250 }
    })
  })

  it("of nothing that we book come back as that", async () => {
    const event = { id: "EV-1", type: "COUPON.USE", of: "coupon", facts: { mchid: "1" } }
    const keys = { privateKey, serial: "S1", apiV3Key: Buffer.from(apiV3Key) }
    const random = { bytes: randomFrom(7), next: () => 0.5 }
    const job = { account: "open", ...wechatEvent(event, keys, nowMs, random), nowMs }
    const verdict = await ask(pool, job)
    expect(verdict).toEqual({
      _tag: "unhandled",
      notice: {
        id: "wechat:EV-1",
        scheme: "wechat",
        merchantAccount: "1",
        what: "COUPON.USE coupon"
      }
    })
    expect(await ask(here, job)).toEqual(verdict)
  })

  it("are verified under the account as it is now", async () => {
    const forged = { _tag: "refused", failure: "notification-forged" }
    expect(await ask(pool, signed("two"))).toMatchObject(forged)
    accounts.set("shop", { ...accounts.get("shop")!, secret: "two" })
    expect(await ask(pool, signed("two"))).toMatchObject({ _tag: "genuine" })
    expect(await ask(pool, signed("one"))).toMatchObject(forged)
    accounts.delete("shop")
    expect(await ask(pool, signed("two"))).toMatchObject(forged)
  })
})
