/**
 * The transaction station as sessions see it: submit what a terminal asked, hear what to tell it.
 * One owner per transaction; the session only knows a token and the answer.
 */

import { Context } from "effect"
import type { Message } from "../../iso8583/message.ts"
import type { MerchantId, Stan, TerminalId, TransactionId } from "../brand.ts"
import type { Channel, Scheme } from "../channel.ts"
import type { FailureCode } from "../failures.ts"
import type { Kind } from "../kind.ts"
import type { TransactionRecord } from "../transaction.ts"
import type { TerminalProfile } from "./terminals.ts"

/** What a terminal asks for, in words that are the same for cards, codes and every dialect. */
export interface Submission {
  readonly kind: Kind
  readonly channel: Channel
  readonly scheme: Scheme
  readonly profile: TerminalProfile
  /** Generation of the session that asked; its answer goes to no other. */
  readonly session: number
  /** Monotonic arrival of the request's last byte. */
  readonly arrivedMs: number
  /** The dialect's transaction key. */
  readonly key: string
  /** The message says itself that it is a repeat. */
  readonly repeat: boolean
  readonly mti: string
  readonly processingCode: string
  readonly entryMode?: string
  readonly terminal: TerminalId
  readonly merchant: MerchantId
  readonly stan: Stan
  readonly batch?: string
  readonly rrn?: string
  readonly authCode?: string
  readonly localTime?: string
  readonly amount?: number
  readonly currency?: string
  /** Clear card number; never leaves memory but sealed. */
  readonly pan?: string
  readonly expiry?: string
  readonly cardSequence?: string
  readonly payCode?: string
  /** References to the original of a follow-on. */
  readonly original?: {
    readonly rrn?: string
    readonly stan?: string
    readonly batch?: string
    readonly authCode?: string
    readonly voucher?: string
  }
  /** The message itself, for the mapping; absent for MessagePack devices. */
  readonly message?: Message
}

/** What the terminal is to be told. The session turns it into its own dialect. */
export interface Verdict {
  readonly transaction: TransactionId | undefined
  readonly record: TransactionRecord | undefined
  readonly approved: boolean
  /** ISO 8583:1987 words; the session's dialect translates. */
  readonly response1987: string
  /** The upstream's answer, for the fields the mapping carries to the terminal. */
  readonly answer?: Message
  readonly upstream?: string
  readonly failure?: FailureCode
  /** An earlier answer, stored: its body without MAC. */
  readonly stored?: Uint8Array
}

/** How the session is called back: once per submission. */
export interface Asker {
  /**
   * The verdict's record is durable. Returns the answer's body without its MAC once it was handed
   * to a live socket; undefined when there is no live socket to hand it to (I3, rule 6).
   */
  readonly answer: (verdict: Verdict) => boolean
  /** Makes the answer's body without MAC, before the outcome is made durable, so that a repeat gets the same. */
  readonly compose: (verdict: Verdict) => Uint8Array | undefined
}

export interface TransactionsShape {
  /** Takes over; `asker.answer` is called exactly once, now or later. */
  readonly submit: (submission: Submission, asker: Asker) => void
  /** The session ended: answers to it are undeliverable from now on. */
  readonly gone: (terminal: TerminalId, session: number) => void
  readonly inFlight: () => number
  /** Resolves what a notification or a wallet's late word says about an order's transaction. */
  readonly settleOrder: (
    transaction: TransactionId,
    outcome: {
      readonly approved: boolean
      readonly walletReference: string
      readonly paidMs: number
    }
  ) => TransactionRecord | undefined
}

export class Transactions
  extends Context.Service<Transactions, TransactionsShape>()("pointsman/domain/ports/Transactions")
{}
