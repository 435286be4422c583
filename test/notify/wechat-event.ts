/**
 * What WeChat Pay v3 tells (protocol facts §4.1), signed for real: AES-256-GCM inside, RSA-SHA256
 * over the raw body.
 */

import { createCipheriv, createSign, type KeyObject } from "node:crypto"
import type { RandomShape } from "../../src/domain/ports/time.ts"
import type { SignedNotice } from "../../src/simulate/wallet.ts"

export interface WechatKeys {
  readonly privateKey: KeyObject
  readonly serial: string
  /** 32 bytes. */
  readonly apiV3Key: Uint8Array
}

/** An event, the kind of its facts, and these. */
export interface WechatEvent {
  readonly id: string
  readonly type: string
  readonly of: string
  readonly facts: Readonly<Record<string, unknown>>
}

export function wechatEvent(
  event: WechatEvent,
  keys: WechatKeys,
  nowMs: number,
  random: RandomShape
): SignedNotice {
  const nonce = hex(random.bytes(6))
  const cipher = createCipheriv("aes-256-gcm", keys.apiV3Key, Buffer.from(nonce))
  cipher.setAAD(Buffer.from(event.of))
  const sealed = Buffer.concat([
    cipher.update(JSON.stringify(event.facts), "utf8"),
    cipher.final(),
    cipher.getAuthTag()
  ])
  const body = JSON.stringify({
    id: event.id,
    create_time: beijing(nowMs),
    resource_type: "encrypt-resource",
    event_type: event.type,
    summary: event.type,
    resource: {
      original_type: event.of,
      algorithm: "AEAD_AES_256_GCM",
      ciphertext: sealed.toString("base64"),
      associated_data: event.of,
      nonce
    }
  })
  const timestamp = String(Math.floor(nowMs / 1000))
  const outer = hex(random.bytes(16))
  const signer = createSign("RSA-SHA256").update(`${timestamp}\n${outer}\n${body}\n`)
  return {
    headers: new Map([
      ["content-type", "application/json"],
      ["wechatpay-timestamp", timestamp],
      ["wechatpay-nonce", outer],
      ["wechatpay-signature", signer.sign(keys.privateKey, "base64")],
      ["wechatpay-serial", keys.serial],
      ["wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048"]
    ]),
    body: Buffer.from(body)
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

function beijing(wallMs: number): string {
  return `${new Date(wallMs + 8 * 3_600_000).toISOString().slice(0, 19)}+08:00`
}
