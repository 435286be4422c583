/**
 * An account at a wallet with its secrets in hand. Keys come as PEM (PKCS#8 or PKCS#1 private keys;
 * SPKI public keys or certificates) and are RSA keys, as every wallet's signatures are; one that
 * cannot be used throws, and the error repeats none of it.
 */

import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto"
import type { AccountConfig } from "../domain/config.ts"
import { alipayWallet } from "./alipay-request.ts"
import { hmacWallet } from "./hmac-request.ts"
import { unionpayWallet } from "./unionpay-request.ts"
import type { Wallet, WalletKeys } from "./wallet.ts"
import { wechatWallet } from "./wechat-request.ts"

/** The texts that the account's references resolve to. */
export interface AccountSecrets {
  readonly secret?: string
  readonly privateKey?: string
  readonly publicKeys?: Readonly<Record<string, string>>
}

export class AccountKeyUnreadable extends Error {
  override readonly name = "AccountKeyUnreadable"
}

export function walletKeys(account: AccountConfig, secrets: AccountSecrets): WalletKeys {
  const read = (what: string, make: () => KeyObject): KeyObject => {
    try {
      const key = make()
      if (key.asymmetricKeyType === "rsa") return key
    } catch {
      // The cause may quote the key: it goes no further.
    }
    throw new AccountKeyUnreadable(`account ${account.name}: ${what} is no PEM key for RSA`)
  }
  const { privateKey, publicKeys = {}, secret } = secrets
  if (account.scheme === "wechat" && secret !== undefined && Buffer.byteLength(secret) !== 32) {
    throw new AccountKeyUnreadable(
      `account ${account.name}: secret is no APIv3 key of WeChat, which has 32 bytes`
    )
  }
  return {
    merchantId: account.merchantId,
    appId: account.appId ?? "",
    serial: account.serial ?? "",
    privateKey: privateKey === undefined
      ? undefined
      : read("privateKey", () => createPrivateKey(privateKey)),
    publicKeys: new Map(
      Object.entries(publicKeys).map(([serial, text]) => {
        const key = read(`publicKeys.${serial}`, () => createPublicKey(text))
        if (account.scheme === "wechat") checkSerial(account.name, serial, text)
        return [serial, key]
      })
    ),
    secret: Buffer.from(secret ?? "")
  }
}

/** WeChat names its key by serial: under one that is mistyped, every notice is a forgery. */
function checkSerial(account: string, serial: string, text: string): void {
  if (!text.includes("BEGIN CERTIFICATE")) return
  const { serialNumber } = new X509Certificate(text)
  if (serialNumber === serial) return
  throw new AccountKeyUnreadable(
    `account ${account}: publicKeys.${serial} is the certificate of serial ${serialNumber}`
  )
}

const makers: Readonly<Record<AccountConfig["scheme"], (keys: WalletKeys) => Wallet>> = {
  wechat: wechatWallet,
  alipay: alipayWallet,
  unionpay: unionpayWallet,
  hmac: hmacWallet
}

export function walletOf(scheme: AccountConfig["scheme"], keys: WalletKeys): Wallet {
  return makers[scheme](keys)
}
