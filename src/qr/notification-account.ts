/** An account at a wallet as far as its notifications are concerned, its secrets in hand. */

import { createPublicKey, type KeyObject } from "node:crypto"

/**
 * Plain data, so that it can be handed to a worker thread; it never leaves the process. A changed
 * account is a new object.
 */
export interface NotificationAccount {
  readonly name: string
  readonly scheme: "wechat" | "alipay" | "unionpay" | "hmac"
  /** Our merchant number there: mchid, seller_id, merId. */
  readonly merchantId: string
  /** Where the scheme has one; then it must agree. */
  readonly appId?: string
  /** WeChat's APIv3 key (32 characters), the HMAC secret. */
  readonly secret?: string
  /** The wallet's public keys or certificates as PEM, by serial. */
  readonly publicKeys?: Readonly<Record<string, string>>
  /** How far a notice's own time may be from ours. */
  readonly replayWindowMs: number
}

export type NotificationAccounts = (name: string) => NotificationAccount | undefined

/** Keys are read from their text once for each account and thread. */
const read = new WeakMap<NotificationAccount, ReadonlyMap<string, KeyObject>>()

/** The account's public keys by serial; what is no key is left out. */
export function publicKeysOf(account: NotificationAccount): ReadonlyMap<string, KeyObject> {
  const known = read.get(account)
  if (known !== undefined) return known
  const keys = new Map<string, KeyObject>()
  for (const [serial, text] of Object.entries(account.publicKeys ?? {})) {
    try {
      keys.set(serial, createPublicKey(text))
    } catch {
      // An account with a key that cannot be read is refused when the configuration is loaded.
    }
  }
  read.set(account, keys)
  return keys
}
