/**
 * What has left the journal and is in PostgreSQL. Asked for the originals of follow-ons and
 * reversals that are late; nothing else on the road waits for it. A reference with a default: where
 * there is no PostgreSQL, what has left the journal is unknown.
 */

import { Context } from "effect"
import type { MerchantId, TerminalId, TransactionId } from "../brand.ts"
import type { FailureCode } from "../failures.ts"
import type { Kind } from "../kind.ts"
import type { TransactionRecord } from "../transaction.ts"

/** Everything that is there must agree; at least one reference is. */
export interface ArchiveQuestion {
  readonly kinds: ReadonlyArray<Kind>
  readonly merchant: MerchantId
  /** Asked for where the references are the terminal's own: trace number, authorisation code. */
  readonly terminal: TerminalId
  readonly rrn?: string
  readonly stan?: string
  readonly batch?: string
  readonly authCode?: string
  readonly voucher?: string
  /** Minor units that it was for, or that were approved. */
  readonly amount?: number
  /** Of the card; fits what has none, too. */
  readonly panMask?: string
  /** Nothing that was received before this wall time; absent: as old as any follow-on may be. */
  readonly sinceMs?: number
  /** Nothing that began after this one. */
  readonly before?: TransactionId
}

export interface ArchiveShape {
  /**
   * The newest transaction that fits, in its last version. `done` is called once and within
   * seconds, or in the same turn: `original-unknown`, or `ledger-unavailable` when PostgreSQL does
   * not answer, lags behind the journal, or is asked too much already.
   */
  readonly find: (
    question: ArchiveQuestion,
    done: (found: TransactionRecord | FailureCode) => void
  ) => void
}

export const Archive = Context.Reference<ArchiveShape>("pointsman/domain/ports/Archive", {
  defaultValue: () => ({ find: (_question, done) => done("original-unknown") })
})
