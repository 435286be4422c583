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
import { recogniseCode } from "../qr/pay-code.ts"
import type { Spoken } from "./arrival.ts"

/** Facts that are texts, and that a message may lack. */
type TextFact =
  | "entryMode"
  | "batch"
  | "rrn"
  | "authCode"
  | "localTime"
  | "cardSequence"
  | "payCode"
  | "pan"
  | "expiry"
  | "currency"

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
  const amount = message.role("amount")
  if (amount !== undefined && !isAmount(amount)) return "message-format"
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
  if (amount !== undefined) made.amount = Number(amount)
  put(made, "currency", message.role("currency"))
  putCard(made, message)
  put(made, "entryMode", message.role("entryMode"))
  put(made, "batch", message.role("batch"))
  put(made, "rrn", message.role("rrn"))
  put(made, "authCode", message.role("authCode"))
  put(made, "localTime", localTimeOf(message))
  put(made, "cardSequence", message.role("cardSequence"))
  put(made, "payCode", payCode)
  if (pin !== undefined) made.pin = pin
  const original = followOnKinds.has(kind) ? originalOf(message) : undefined
  if (original !== undefined) made.original = original
  return made
}

function put(made: Draft<Submission>, fact: TextFact, value: string | undefined): void {
  const text = present(value)
  if (text !== undefined) made[fact] = text
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

function isAmount(text: string): boolean {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text))
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

/**
 * Track 2 is `PAN D YYMM …`, and is read where it has to fill a gap; where it is enciphered its
 * expiry may be no digits.
 */
function putCard(made: Draft<Submission>, message: Message): void {
  const pan = message.role("pan")
  const expiry = message.role("expiry")
  const track = pan === undefined || expiry === undefined ? message.role("track2") : undefined
  const [, trackPan, trackExpiry] = track === undefined
    ? []
    : /^(\d{12,19})[D=](\d{4})?/.exec(track) ?? []
  put(made, "pan", pan ?? trackPan)
  put(made, "expiry", expiry ?? trackExpiry)
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
