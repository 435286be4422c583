/**
 * A message of any dialect as the facts of a submission. Pure: roles in, words of the domain out.
 * What must hold: an amount is a safe integer of minor units with its currency, or the message is
 * refused; the card number comes from field 2 or from track 2, and nothing of the track stays.
 */

import type { Stan } from "../domain/brand.ts"
import { type Channel, channels, type Scheme } from "../domain/channel.ts"
import type { FailureCode } from "../domain/failures.ts"
import { followOnKinds } from "../domain/kind.ts"
import type { PinUnder } from "../domain/ports/security-module.ts"
import type { Submission } from "../domain/ports/transactions.ts"
import type { Message } from "../iso8583/message.ts"
import { recogniseCode } from "../qr/pay-code.ts"
import type { Spoken } from "./arrival.ts"

/** `session` is the generation that asks; `pin` the key of the PIN block, if there is one. */
export function submissionOf(
  spoken: Spoken,
  session: number,
  pin: PinUnder | undefined
): Submission | FailureCode {
  const { arrival, kind, message, profile } = spoken
  const { dialect } = message
  const stan = message.role("stan")
  if (stan === undefined) return "field-missing"
  const amount = amountOf(message)
  if (amount === undefined) return "message-format"
  const channel = channelOf(message)
  const payCode = present(message.role("payCode"))
  const card = cardOf(message)
  const original = followOnKinds.has(kind) ? originalOf(message) : undefined
  return {
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
    message,
    ...amount,
    ...card,
    ...optional("entryMode", message.role("entryMode")),
    ...optional("batch", message.role("batch")),
    ...optional("rrn", message.role("rrn")),
    ...optional("authCode", message.role("authCode")),
    ...optional("localTime", localTimeOf(message)),
    ...optional("cardSequence", message.role("cardSequence")),
    ...optional("payCode", payCode),
    ...(pin === undefined ? {} : { pin }),
    ...(original === undefined ? {} : { original })
  }
}

function optional<K extends string>(
  key: K,
  value: string | undefined
): Readonly<Partial<Record<K, string>>> {
  const text = present(value)
  return (text === undefined ? {} : { [key]: text }) as Readonly<Partial<Record<K, string>>>
}

/** Fixed text fields travel padded; a field of nothing but padding says nothing. */
function present(text: string | undefined): string | undefined {
  const trimmed = text?.trimEnd()
  return trimmed === "" ? undefined : trimmed
}

/** Nothing when the message has no amount; undefined when it has one that cannot be. */
function amountOf(
  message: Message
): { readonly amount?: number; readonly currency?: string } | undefined {
  const text = message.role("amount")
  const currency = present(message.role("currency"))
  if (text === undefined) return currency === undefined ? {} : { currency }
  const amount = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(amount)) return undefined
  return currency === undefined ? { amount } : { amount, currency }
}

function channelOf(message: Message): Channel {
  const name = message.dialect.channel(message)
  return channels.find((each) => each === name) ?? "none"
}

/** Digits alone never decide: the channel must say that a code was scanned. */
export function schemeOf(channel: Channel, payCode: string | undefined): Scheme {
  if (!channel.startsWith("qr-")) return "card"
  if (payCode === undefined) return "generic-qr"
  return recogniseCode(payCode, true)?.scheme ?? "generic-qr"
}

/** Track 2 is `PAN D YYMM …`; where the track is enciphered its expiry may be no digits. */
function cardOf(message: Message): { readonly pan?: string; readonly expiry?: string } {
  const track = message.role("track2")
  const [, trackPan, trackExpiry] = /^(\d{12,19})[D=](\d{4})?/.exec(track ?? "") ?? []
  return {
    ...optional("pan", message.role("pan") ?? trackPan),
    ...optional("expiry", message.role("expiry") ?? trackExpiry)
  }
}

/** MMDDhhmmss, where the terminal wrote both date and time. */
function localTimeOf(message: Message): string | undefined {
  const date = message.role("localDate")
  const time = message.role("localTime")
  return date === undefined || time === undefined ? undefined : date.slice(-4) + time
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
