/**
 * A message of any dialect as the facts of a submission. Pure: roles in, words of the domain out.
 * What must hold: an amount is a safe integer of minor units with its currency, or the message is
 * refused; the card number comes from field 2 or from track 2, and nothing of the track stays.
 */

import type { Stan } from "../domain/brand.ts"
import { type Channel, channels, type Scheme } from "../domain/channel.ts"
import type { Draft } from "../domain/draft.ts"
import type { FailureCode } from "../domain/failures.ts"
import { followOnKinds } from "../domain/kind.ts"
import type { PinUnder } from "../domain/ports/security-module.ts"
import type { Submission } from "../domain/ports/transactions.ts"
import type { Message } from "../iso8583/message.ts"
import { amountOf, cardOf, localTimeOf, present } from "../iso8583/request-facts.ts"
import { recogniseCode } from "../qr/pay-code.ts"
import type { Spoken } from "./arrival.ts"

/**
 * `session` is the generation that asks; `pin` the key of the PIN block, if there is one; `proved`
 * waits for that PIN, and `kept` for what comes of the message.
 */
export function submissionOf(
  spoken: Spoken,
  session: number,
  pin: PinUnder | undefined,
  proved?: Submission["proved"],
  kept?: Submission["kept"]
): Submission | FailureCode {
  const { arrival, kind, message, profile } = spoken
  const { dialect } = message
  const stan = message.role("stan")
  if (stan === undefined) return "field-missing"
  const amount = amountOf(message)
  if (amount === "wrong") return "message-format"
  const channel = channelOf(message)
  const payCode = present(message.role("payCode"))
  const made: Draft<Submission> = {
    kind,
    channel,
    scheme: schemeOf(channel, payCode),
    profile,
    session,
    arrivedMs: arrival.atMs,
    key: dialect.transactionKey(message),
    repeat: dialect.isRepeat(message),
    mti: message.mti,
    processingCode: message.role("processingCode") ?? "",
    terminal: profile.terminal,
    merchant: profile.merchant,
    stan: stan as Stan,
    message
  }
  const currency = present(message.role("currency"))
  const entryMode = present(message.role("entryMode"))
  const batch = present(message.role("batch"))
  const rrn = present(message.role("rrn"))
  const authCode = present(message.role("authCode"))
  const localTime = present(localTimeOf(message))
  const { cardSequence, expiry, pan } = cardOf(message)
  if (amount !== undefined) made.amount = amount
  if (currency !== undefined) made.currency = currency
  if (pan !== undefined) made.pan = pan
  if (expiry !== undefined) made.expiry = expiry
  if (entryMode !== undefined) made.entryMode = entryMode
  if (batch !== undefined) made.batch = batch
  if (rrn !== undefined) made.rrn = rrn
  if (authCode !== undefined) made.authCode = authCode
  if (localTime !== undefined) made.localTime = localTime
  if (cardSequence !== undefined) made.cardSequence = cardSequence
  if (payCode !== undefined) made.payCode = payCode
  if (arrival.atRest !== undefined) made.atRest = arrival.atRest
  if (pin !== undefined) made.pin = pin
  if (proved !== undefined) made.proved = proved
  if (kept !== undefined) made.kept = kept
  const original = followOnKinds.has(kind) ? originalOf(message) : undefined
  if (original !== undefined) made.original = original
  return made
}

function optional<K extends string>(
  key: K,
  value: string | undefined
): Readonly<Partial<Record<K, string>>> {
  const text = present(value)
  return (text === undefined ? {} : { [key]: text }) as Readonly<Partial<Record<K, string>>>
}

const channelNames: ReadonlySet<string> = new Set(channels)

function channelOf(message: Message): Channel {
  const name = message.dialect.channel(message)
  return channelNames.has(name) ? name as Channel : "none"
}

/** Digits alone never decide: the channel must say that a code was scanned. */
export function schemeOf(channel: Channel, payCode: string | undefined): Scheme {
  if (!channel.startsWith("qr-")) return "card"
  if (payCode === undefined) return "generic-qr"
  return recogniseCode(payCode, true)?.scheme ?? "generic-qr"
}

/** Every reference that the message carries; a dialect without original data carries fewer. */
function originalOf(message: Message): Submission["original"] {
  const reference = {
    ...optional("rrn", message.role("rrn")),
    ...optional("stan", message.role("originalStan")),
    ...optional("batch", message.role("originalBatch")),
    ...optional("authCode", message.role("authCode")),
    ...optional("voucher", message.role("voucher"))
  }
  return Object.keys(reference).length === 0 ? undefined : reference
}
