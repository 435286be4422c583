/**
 * The life of a transaction as data: its states, the one table of transitions, and the record that
 * the journal keeps and the ledger writes. A record is replaced, never changed in place.
 */

import type { BusinessDay, MerchantId, Rrn, Stan, TerminalId, TransactionId } from "./brand.ts"
import type { Channel, Scheme } from "./channel.ts"
import type { Draft } from "./draft.ts"
import type { FailureCode } from "./failures.ts"
import { invariant } from "./invariant.ts"
import type { Kind } from "./kind.ts"

export const transactionStates = [
  "received",
  "accepted",
  "routed",
  "forwarded",
  "answered",
  "recorded",
  "refused",
  "timed-out",
  "reversing",
  "reversed",
  "delivery-unconfirmed",
  "exception"
] as const

export type TransactionState = typeof transactionStates[number]

/** The one table. `recorded` is reached in PostgreSQL; everything else in the journal. */
export const transitions: Readonly<Record<TransactionState, ReadonlyArray<TransactionState>>> = {
  received: ["accepted", "refused"],
  accepted: ["routed", "refused", "answered"],
  routed: ["forwarded", "routed", "refused"],
  forwarded: ["answered", "timed-out", "routed", "refused"],
  answered: ["recorded", "delivery-unconfirmed", "reversing", "exception"],
  recorded: ["reversing", "exception"],
  refused: ["recorded", "exception"],
  "timed-out": ["reversing", "exception"],
  reversing: ["reversed", "answered", "exception"],
  reversed: ["recorded", "exception"],
  "delivery-unconfirmed": ["answered", "reversing", "recorded", "exception"],
  exception: ["reversing", "reversed", "recorded"]
}

/** Returns `to`, having checked that the table allows the step. */
export function step(from: TransactionState, to: TransactionState): TransactionState {
  invariant(transitions[from].includes(to), `a transaction does not go from ${from} to ${to}`)
  return to
}

/** Milliseconds since the epoch at which each state was first reached; absent = not reached. */
export interface StateTimes {
  readonly receivedMs: number
  readonly forwardedMs?: number
  readonly upstreamAnsweredMs?: number
  readonly answeredMs?: number
  readonly timedOutMs?: number
  readonly reversedMs?: number
}

/**
 * One transaction, card or QR. Holds no clear card data: `panMask` is for people, `sealed` is the
 * vault's cipher text of what an advice, a follow-on or a repeated answer needs.
 */
export interface TransactionRecord {
  readonly id: TransactionId
  /** Grows by one with every durable change; the ledger only writes forward. */
  readonly version: number
  readonly state: TransactionState
  readonly kind: Kind
  readonly channel: Channel
  readonly scheme: Scheme
  readonly day: BusinessDay
  /** The dialect's transaction key: what makes a repeat a repeat (I2). */
  readonly key: string
  /** Keyed digest of amount, currency, processing code and card: same key, same content? */
  readonly fingerprint: string

  readonly terminal: TerminalId
  readonly merchant: MerchantId
  /** The session generation that asked; answers go to no other (I4). */
  readonly session: number
  readonly mti: string
  readonly processingCode: string
  readonly entryMode?: string
  readonly stan: Stan
  readonly batch?: string
  readonly rrn?: Rrn
  /** MMDDhhmmss as the terminal wrote it, where it did. */
  readonly localTime?: string

  /** Minor units and ISO 4217 numeric code; absent for messages without money. */
  readonly amount?: number
  readonly currency?: string
  /** What the upstream approved when it differs (partial approval). */
  readonly approvedAmount?: number
  readonly panMask?: string
  /** Keyed token of the card number, where tokens are switched on: 32 hex digits. */
  readonly panToken?: string
  /** Vault cipher text of {@link SealedFacts}, in the form of `domain/sealing.ts`. */
  readonly sealed?: Uint8Array

  readonly route?: string
  readonly upstream?: string
  readonly link?: number
  readonly upstreamStan?: Stan
  readonly upstreamRrn?: Rrn
  /** MMDDhhmmss sent upstream in field 7; the reversal's original data needs it. */
  readonly upstreamTime?: string
  /** Order number, voucher or transaction id at a wallet. */
  readonly walletReference?: string
  readonly configVersion: number

  /** What the terminal is told, in its own dialect. */
  readonly response?: string
  /** What the upstream said, in its dialect. */
  readonly upstreamResponse?: string
  readonly approved?: boolean
  readonly authCode?: string
  readonly failure?: FailureCode
  /** The original of a follow-on, and what was taken from it so far (minor units). */
  readonly original?: TransactionId
  readonly taken?: number

  readonly times: StateTimes
  /** Milliseconds of this transaction that were ours, and that were the upstream's. */
  readonly ownMs?: number
  readonly upstreamMs?: number
}

/** A record, or a change of one, while it is being made: nobody else has seen it yet. */
export type TransactionDraft = Draft<TransactionRecord>

/** The clear side of {@link TransactionRecord.sealed}; lives in memory only. */
export interface SealedFacts {
  readonly pan?: string
  readonly expiry?: string
  readonly cardSequence?: string
  /** The answer's body without its MAC, for repeats. */
  readonly answer?: Uint8Array
}
