/**
 * Wallets that sign for real and send by their own schedule, in front of our webhooks and an intake
 * that verifies for real. What they hear, and what is booked, is told in words.
 */

import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import type { AccountConfig } from "../../src/domain/config.ts"
import type { HttpShape } from "../../src/domain/ports/http.ts"
import { makeWebhooks } from "../../src/notify/webhooks.ts"
import type { NotificationAccount } from "../../src/qr/notification-account.ts"
import { verifyNotification } from "../../src/qr/notification.ts"
import { deliverNotice, type SignedNotice } from "../../src/simulate/wallet.ts"
import { randomFrom } from "../security/seeded-random.ts"
import { IntakeRig } from "./intake-rig.ts"
import { type WechatEvent, wechatEvent, type WechatKeys } from "./wechat-event.ts"

const pair = () => generateKeyPairSync("rsa", { modulusLength: 2048 })
const wallet = pair()
export const stranger: KeyObject = pair().privateKey

const secret = "0123456789abcdef0123456789abcdef"
export const merchantId = "1900000109"
const appId = "app-1"

const pem = wallet.publicKey.export({ type: "spki", format: "pem" }).toString()
const schemes = ["wechat", "alipay", "unionpay", "hmac"] as const

const accounts = new Map(schemes.map((scheme) => {
  const account: NotificationAccount = {
    name: scheme,
    scheme,
    merchantId,
    appId,
    secret,
    publicKeys: { S1: pem },
    replayWindowMs: 300_000
  }
  return [scheme as string, account] as const
}))

const configs = schemes.map((scheme): AccountConfig => ({
  name: scheme,
  scheme,
  path: `/notify/${scheme}`,
  merchantId,
  replayWindowMs: 300_000
}))

export const wechatKeys: WechatKeys = {
  privateKey: wallet.privateKey,
  serial: "S1",
  apiV3Key: Buffer.from(secret)
}

type Parameters = Readonly<Record<string, string>>

function form(parameters: Parameters): SignedNotice {
  const headers = new Map([["content-type", "application/x-www-form-urlencoded"]])
  return { headers, body: Buffer.from(new URLSearchParams({ ...parameters }).toString()) }
}

function sorted(parameters: Parameters): Buffer {
  const names = Object.keys(parameters).sort()
  return Buffer.from(names.map((name) => `${name}=${parameters[name]}`).join("&"))
}

export function alipayNotice(parameters: Parameters, key = wallet.privateKey): SignedNotice {
  const all = {
    app_id: appId,
    seller_id: merchantId,
    notify_type: "trade_status_sync",
    ...parameters
  }
  const signature = sign("sha256", sorted(all), key).toString("base64")
  return form({ ...all, sign: signature, sign_type: "RSA2" })
}

export function unionpayNotice(parameters: Parameters, key = wallet.privateKey): SignedNotice {
  const all = { version: "5.1.0", signMethod: "01", merId: merchantId, ...parameters }
  const digest = createHash("sha256").update(sorted(all)).digest("hex")
  return form({ ...all, signature: sign("sha256", Buffer.from(digest), key).toString("base64") })
}

/** As WeChat Pay repeats a notice, cut short. */
const retryMs = [15_000, 15_000, 30_000]

export class WalletRig extends IntakeRig {
  readonly #http: HttpShape
  readonly #random = { bytes: randomFrom(7), next: () => 0.5 }

  constructor() {
    super(
      (job, done) => done(verifyNotification((name) => accounts.get(name), job)),
      accounts.keys()
    )
    const handle = makeWebhooks(configs, this.intake, {
      order: () => undefined,
      merchantName: () => undefined,
      wallMs: () => this.stage.time.wall
    })
    this.#http = {
      call: ({ body, headers, method, url }, done) =>
        handle(
          { method, path: new URL(url).pathname, headers, body, remote: "127.0.0.1:1" },
          (response) => done({ _tag: "answered", response })
        )
    } as Partial<HttpShape> as HttpShape
  }

  wechat(event: WechatEvent, keys: WechatKeys = wechatKeys): SignedNotice {
    return wechatEvent(event, keys, this.stage.time.wall, this.#random)
  }

  /** Sends until it is accepted or the wallet gives up: how often it had to. */
  deliver(scheme: typeof schemes[number], notice: SignedNotice): string {
    const told: Array<string> = []
    const { room, journal, time } = this.stage
    const url = `http://127.0.0.1/notify/${scheme}`
    deliverNotice(this.#http, room.timers, url, notice, retryMs, (accepted, attempts) => {
      told.push(`${accepted ? "accepted" : "given up"} after ${attempts}`)
    })
    for (let turn = 0; turn < 80 && told.length === 0; turn++) {
      journal.sync()
      if (told.length === 0) time.pass(1_000, 1_000)
    }
    return told.join()
  }

  /** What a human was handed: reason and detail. */
  get exceptions(): ReadonlyArray<string> {
    const rows = new Map<string, string>()
    for (const entry of this.stage.journal.fed) {
      if (entry.table !== "exceptions") continue
      rows.set(entry.row.id, `${entry.row.reason}: ${entry.row.detail}`)
    }
    return [...rows.values()]
  }
}
