/**
 * What a request says of itself and its card, read by roles: the same words in every dialect. Where
 * a field holds nothing but padding, it says nothing.
 */

import type { Draft } from "../domain/draft.ts"
import { contentText, type RequestContent } from "../domain/fingerprint.ts"
import type { SealedFacts } from "../domain/transaction.ts"
import type { Message } from "./message.ts"

/** Fixed text fields travel padded; a field of nothing but padding says nothing. */
export function present(text: string | undefined): string | undefined {
  const trimmed = text?.trimEnd()
  return trimmed === "" ? undefined : trimmed
}

/** Minor units; undefined when there is none, `"wrong"` when it is no safe integer. */
export function amountOf(message: Message): number | undefined | "wrong" {
  const text = message.role("amount")
  if (text === undefined) return undefined
  const amount = Number(text)
  return /^\d+$/.test(text) && Number.isSafeInteger(amount) ? amount : "wrong"
}

/** MMDDhhmmss, where the terminal wrote both date and time. */
export function localTimeOf(message: Message): string | undefined {
  const time = message.role("localTime")
  // From 1993 on it has the date in it.
  if (time === undefined || time.length > 6) return time?.slice(-10)
  const date = message.role("localDate")
  return date === undefined ? undefined : date.slice(-4) + time
}

/**
 * Card number, expiry and card sequence. Track 2 is `PAN D YYMM …` (ISO/IEC 7813), and is read
 * where it has to fill a gap; where it is enciphered its expiry may be no digits.
 */
export function cardOf(message: Message): SealedFacts {
  const pan = message.role("pan")
  const expiry = message.role("expiry")
  const track = pan === undefined || expiry === undefined ? message.role("track2") : undefined
  const [, trackPan, trackExpiry] = track === undefined
    ? []
    : /^(\d{12,19})[D=](\d{4})?/.exec(track) ?? []
  const card: Draft<SealedFacts> = {}
  const number = present(pan ?? trackPan)
  const until = present(expiry ?? trackExpiry)
  const sequence = present(message.role("cardSequence"))
  if (number !== undefined) card.pan = number
  if (until !== undefined) card.expiry = until
  if (sequence !== undefined) card.cardSequence = sequence
  return card
}

/** What the fingerprint of a request is made of; undefined where a submission is refused. */
export function requestText(message: Message, pan: string | undefined): string | undefined {
  const kind = message.kind()
  const amount = amountOf(message)
  if (kind === undefined || amount === "wrong") return undefined
  const content: Draft<RequestContent> = {
    kind,
    processingCode: message.role("processingCode") ?? ""
  }
  const currency = present(message.role("currency"))
  const payCode = present(message.role("payCode"))
  if (amount !== undefined) content.amount = amount
  if (currency !== undefined) content.currency = currency
  if (pan !== undefined) content.pan = pan
  if (payCode !== undefined) content.payCode = payCode
  return contentText(content)
}
