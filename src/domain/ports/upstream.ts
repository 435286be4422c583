/**
 * Upstreams as the transaction sees them: reserve, make durable, dispatch, hear what came of it.
 * An ISO 8583 acquirer and a wallet over HTTP are the same thing from here.
 */

import { Context } from "effect"
import type { Message, Values } from "../../iso8583/message.ts"
import type { ValueList } from "../../iso8583/value-list.ts"
import type { Rrn, Stan } from "../brand.ts"
import type { FailureCode } from "../failures.ts"
import type { SealedFacts, TransactionRecord } from "../transaction.ts"
import type { PinUnder } from "./security-module.ts"

/** What is to be sent, in the terminal's own message where there is one. */
export interface UpstreamRequest {
  readonly record: TransactionRecord
  /** The terminal's message; absent for inquiries and undo made by the switch. */
  readonly message?: Message
  readonly facts: SealedFacts
  /** A customer's pay code, for wallets. */
  readonly payCode?: string
  /** The key of the PIN block in `message`. */
  readonly pin?: PinUnder
  /** The original of a follow-on. */
  readonly original?: TransactionRecord
  /** The terminal declared that it understands an approval for less than it asked. */
  readonly partialApproval?: boolean
}

/** A place on one link: own STAN and RRN taken, bytes ready, nothing written. */
export interface Reservation {
  readonly upstream: string
  readonly link: number
  readonly stan: Stan
  readonly rrn?: Rrn
  /** MMDDhhmmss in field 7, where the dialect has one. */
  readonly time?: string
  readonly walletReference?: string
  /**
   * Only where a PIN must be put under the upstream's key: to be called once, before anything is
   * made durable. `done` hears once, now or later, why there is nothing to dispatch: `pin-refused`,
   * `key-missing`, `hsm-unavailable`, `overloaded`; then the place is to be released (definite).
   */
  readonly secure?: (done: (failure: FailureCode | undefined) => void) => void
  /** Gives the place back: nothing was sent. */
  readonly release: () => void
  /**
   * Hands the bytes to the socket. False: the link is gone, nothing was written, the reservation is
   * released (definite). True: written; exactly one `Ending` follows.
   */
  readonly dispatch: (timeoutMs: number, ended: (ending: Ending) => void) => boolean
}

/** How a written request ended. After `timed-out` or `lost`, a late answer goes to `onLate`. */
export type Ending =
  | { readonly _tag: "answered"; readonly answer: UpstreamAnswer }
  /**
   * The bytes did not reach the socket: definite, the next route may be tried. The link died, or it
   * is said why not: `untranslatable`.
   */
  | { readonly _tag: "unwritten"; readonly failure?: FailureCode }
  | { readonly _tag: "timed-out" }
  | { readonly _tag: "lost" }
  | { readonly _tag: "invalid"; readonly detail: string }

export interface UpstreamAnswer {
  readonly approved: boolean
  /** The upstream's own code, and the same in the words of ISO 8583:1987. */
  readonly response: string
  readonly response1987: string
  readonly authCode?: string
  readonly rrn?: Rrn
  /** Minor units; ISO 4217, three digits. */
  readonly approvedAmount?: { readonly minor: number; readonly currency: string }
  /**
   * The fields that the mapping carries back to the terminal, already in the words of the dialect
   * of the request's message.
   */
  readonly values?: Values | ValueList
}

export interface AdviceSend {
  readonly record: TransactionRecord
  /** What a follow-on followed, while the journal has it. */
  readonly original?: TransactionRecord
  readonly facts: SealedFacts
  /** Reversal reason for dialects that carry one (China UnionPay field 39: 98, 96, A0, 06). */
  readonly reason: string
  /** 0 for the first send; the repeat MTI is used from 1 on where the dialect has one. */
  readonly attempt: number
  readonly stan: Stan
}

export interface UpstreamsShape {
  /**
   * Takes a place on the best link, or says why not: `upstream-down`, `breaker-open`, `window-
   * full`, `untranslatable`, `pin-refused`, `key-missing`.
   */
  readonly reserve: (upstream: string, request: UpstreamRequest) => Reservation | FailureCode
  /**
   * A STAN of that upstream for a chain; kept through all its repeats. 000000, which is none, when
   * it is not configured any more: the chain is then handed to people.
   */
  readonly adviceStan: (upstream: string) => Stan
  /** Sends one advice; false when no link stands or the advice share of the window is used up. */
  readonly advise: (
    upstream: string,
    advice: AdviceSend,
    timeoutMs: number,
    ended: (ending: Ending) => void
  ) => boolean
  /** The chain is over, whichever way: its STAN may be given to others. */
  readonly adviceOver: (upstream: string, stan: Stan) => void
  /** An answer that came after its end was declared; `id` is the transaction's. */
  readonly onLate: (listener: (id: string, answer: UpstreamAnswer) => void) => void
  /** Called when a link of the upstream comes up: advices may go on. */
  readonly onUp: (listener: (upstream: string) => void) => void
  /**
   * A restart found that this was the last number given for the upstream: numbers go on well behind
   * it, so that a host never takes a new request for a repeat of an old one.
   */
  readonly continueAfter: (upstream: string, stan: Stan) => void
  readonly status: () => ReadonlyArray<UpstreamStatus>
}

export interface UpstreamStatus {
  readonly name: string
  readonly kind: "iso8583" | "wallet"
  readonly breaker: "closed" | "half-open" | "open" | "forced-open" | "forced-closed"
  readonly links: ReadonlyArray<
    { readonly index: number; readonly state: "up" | "down" | "connecting" | "draining" }
  >
  readonly inFlight: number
  readonly window: number
}

export class Upstreams
  extends Context.Service<Upstreams, UpstreamsShape>()("pointsman/domain/ports/Upstreams")
{}
