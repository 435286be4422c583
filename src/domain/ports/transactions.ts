/**
 * The transaction station as sessions see it: submit what a terminal asked, hear what to tell it.
 * One owner per transaction; the session only knows a token and the answer.
 */

import { Context } from "effect"
import type { Message, Values } from "../../iso8583/message.ts"
import type { ValueList } from "../../iso8583/value-list.ts"
import type { MerchantId, Stan, TerminalId, TransactionId } from "../brand.ts"
import type { Channel, Scheme } from "../channel.ts"
import type { FailureCode } from "../failures.ts"
import type { Kind } from "../kind.ts"
import type { NotificationRecord, OrderRecord, UnhandledNotice } from "../order.ts"
import type { TransactionRecord } from "../transaction.ts"
import type { AtRest } from "./codec.ts"
import type { JournalWrite, LedgerEntry } from "./journal.ts"
import type { PinUnder } from "./security-module.ts"
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
  /** Made beside the decoding, where a thread could; absent: the station makes it. */
  readonly atRest?: AtRest
  /** The key of the message's PIN block; absent: it has none, or its terminal has no key. */
  readonly pin?: PinUnder
  /**
   * To be called once the PIN was translated, and so found right: the serial number that its key
   * comes from is used from now on, or the reason why it may not be. Absent: nothing is to prove.
   */
  readonly proved?: () => FailureCode | undefined
  /**
   * To be called right before the first of its writes, unless an answer is prepared earlier: what
   * its sender used up for it becomes durable with it. Absent: nothing.
   */
  readonly kept?: () => void
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
  readonly approved: boolean
  /** ISO 8583:1987 words; the session's dialect translates. */
  readonly response1987: string
  readonly failure?: FailureCode
  /** The record as it will be durable; absent for refusals that are no transaction. */
  readonly record?: TransactionRecord
  /** Fields the mapping carries back from the upstream, in the words of the request's dialect. */
  readonly values?: Values | ValueList
}

/** An answer that is ready to leave. Sealing has begun; nothing leaves before `deliver`. */
export interface PreparedAnswer {
  /** The answer's body without its MAC, for repeats; empty when no answer is made. */
  readonly body: Uint8Array
  /**
   * To be called once the outcome is durable. `handed` hears, once, whether the answer went to a
   * live socket of the generation that asked (I3, I4).
   */
  readonly deliver: (handed: (live: boolean) => void) => void
}

/** How whoever asked is answered: prepared once, delivered once. */
export interface Asker {
  readonly prepare: (verdict: Verdict) => PreparedAnswer
  /** The stored answer of an earlier request, to be sealed under the current key. */
  readonly repeat: (body: Uint8Array) => PreparedAnswer
}

export interface TransactionsShape {
  /** Takes over; exactly one prepared answer is delivered, now or later. */
  readonly submit: (submission: Submission, asker: Asker) => void
  /**
   * Is this key in flight, remembered, or refused a moment ago? Then the message is a repeat, and
   * whoever refuses it early would tell the terminal "no" about something that may be approved.
   */
  readonly knows: (terminal: TerminalId, key: string) => boolean
  /** A question of this key was refused before it was submitted: its copies hear the same. */
  readonly refusedEarly: (key: string, code: FailureCode) => void
  readonly inFlight: () => number
  /** From now on new submissions are refused as draining; what is in flight goes on. */
  readonly drain: () => void
  /**
   * A code for the customer to scan: the order is durable before `done` hears of it. Its
   * transaction begins when it is paid.
   */
  readonly openOrder: (
    request: OrderRequest,
    done: (order: OrderRecord | FailureCode) => void
  ) => void
  /** What a genuine notification means. Nothing is written: the caller commits it as one change. */
  readonly book: (notification: NotificationRecord) => Booking
  /** The exception of a notice that nobody books; empty: its kind has one already. */
  readonly unhandled: (notice: UnhandledNotice) => ReadonlyArray<LedgerEntry>
  /** What the journal holds of a terminal: its last transactions, and those that still owe. */
  readonly recent: (terminal: TerminalId) => ReadonlyArray<TransactionRecord>
  /** A terminal's books decided deliveries that were in doubt: it has the answer, or never had. */
  readonly decide: (doubts: DecidedDoubts) => void
}

export interface DecidedDoubts {
  readonly delivered: ReadonlyArray<TransactionId>
  readonly undelivered: ReadonlyArray<TransactionId>
}

export interface OrderRequest {
  readonly profile: TerminalProfile
  readonly scheme: Scheme
  readonly amount: number
  readonly currency: string
  readonly lifetimeMs: number
}

/**
 * What became of a notification. `booked`: the payment is new, its terminal is to be told. `known`:
 * this payment is in the books already. `exception`: it is genuine and fits nothing; the feed holds
 * the exception that hands it to a human.
 */
export type Booking =
  | {
    readonly _tag: "booked"
    readonly record: TransactionRecord
    readonly writes: ReadonlyArray<JournalWrite>
    readonly feed: ReadonlyArray<LedgerEntry>
  }
  | { readonly _tag: "known" }
  | {
    readonly _tag: "exception"
    readonly reason: string
    readonly feed: ReadonlyArray<LedgerEntry>
  }

export class Transactions
  extends Context.Service<Transactions, TransactionsShape>()("pointsman/domain/ports/Transactions")
{}
