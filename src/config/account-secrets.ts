/**
 * The wallets' accounts with their secrets in hand: as notifications are verified with them, and as
 * requests are made with them. What must hold: an account whose secrets cannot be read is refused
 * at start, by name, and no error repeats a secret.
 */

import { Effect, type FileSystem, Redacted, Schema } from "effect"
import type { AccountConfig, SecretReference } from "../domain/config.ts"
import type { NotificationAccount } from "../qr/notification-account.ts"
import {
  AccountKeyUnreadable,
  type AccountSecrets,
  walletKeys,
  walletOf
} from "../qr/wallet-keys.ts"
import type { Wallet } from "../qr/wallet.ts"
import { resolveSecret, type SecretMissing } from "./secrets.ts"

class AccountUnusable extends Schema.TaggedError<AccountUnusable>()("AccountUnusable", {
  account: Schema.String,
  /** One line that says what to do. */
  advice: Schema.String
}) {}

export interface Accounts {
  readonly notifications: ReadonlyMap<string, NotificationAccount>
  readonly wallets: ReadonlyMap<string, Wallet>
}

export const loadAccounts = Effect.fn("loadAccounts")(function*(
  accounts: ReadonlyArray<AccountConfig>
): Effect.fn.Return<Accounts, AccountUnusable | SecretMissing, FileSystem.FileSystem> {
  const notifications = new Map<string, NotificationAccount>()
  const wallets = new Map<string, Wallet>()
  for (const account of accounts) {
    const secrets = yield* secretsOf(account)
    const { appId, merchantId, name, replayWindowMs, scheme } = account
    notifications.set(name, {
      name,
      scheme,
      merchantId,
      replayWindowMs,
      ...(appId === undefined ? {} : { appId }),
      ...(secrets.secret === undefined ? {} : { secret: secrets.secret }),
      ...(secrets.publicKeys === undefined ? {} : { publicKeys: secrets.publicKeys })
    })
    const wallet = yield* Effect.try({
      try: () => walletOf(scheme, walletKeys(account, secrets)),
      catch: (cause) => {
        const why = cause instanceof AccountKeyUnreadable ? cause.message : `account ${name}`
        return new AccountUnusable({
          account: name,
          advice: `${why}: correct the file or the variable that its reference names`
        })
      }
    })
    wallets.set(name, wallet)
  }
  return { notifications, wallets }
})

const secretsOf = Effect.fnUntraced(function*(account: AccountConfig) {
  const { privateKey, publicKeys, secret } = account
  const read = (reference: SecretReference) =>
    Effect.map(resolveSecret(reference), (text) => Redacted.value(text))
  const secrets: AccountSecrets = {
    ...(secret === undefined ? {} : { secret: yield* read(secret) }),
    ...(privateKey === undefined ? {} : { privateKey: yield* read(privateKey) }),
    ...(publicKeys === undefined ? {} : {
      publicKeys: Object.fromEntries(
        yield* Effect.forEach(
          Object.entries(publicKeys),
          ([serial, reference]) => Effect.map(read(reference), (text) => [serial, text] as const)
        )
      )
    })
  }
  return secrets
})
