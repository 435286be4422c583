/**
 * Notifications of wallets: from headers and a raw body to a record in words that are the same for
 * all of them. What must hold: nothing of a body is believed before its signature was verified; any
 * bytes give a record or a named refusal.
 */

import type { NotificationJob, NotificationVerdict } from "../domain/ports/codec.ts"
import type { NotificationAccount, NotificationAccounts } from "./notification-account.ts"
import { verifyAlipay } from "./notification-alipay.ts"
import { bodyLimits, refused } from "./notification-fields.ts"
import { verifyGeneric } from "./notification-hmac.ts"
import { verifyUnionPay } from "./notification-unionpay.ts"
import { verifyWechat } from "./notification-wechat.ts"

const verifiers: Readonly<
  Record<
    NotificationAccount["scheme"],
    (account: NotificationAccount, job: NotificationJob) => NotificationVerdict
  >
> = {
  wechat: verifyWechat,
  alipay: verifyAlipay,
  unionpay: verifyUnionPay,
  hmac: verifyGeneric
}

export function verifyNotification(
  accounts: NotificationAccounts,
  job: NotificationJob
): NotificationVerdict {
  const account = accounts(job.account)
  if (account === undefined) return refused("notification-forged", "account")
  if (job.body.length > bodyLimits.maxBytes) return refused("notification-oversized", "body")
  return verifiers[account.scheme](account, job)
}
