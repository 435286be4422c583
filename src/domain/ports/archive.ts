/**
 * What has left the journal and is in PostgreSQL. Asked by follow-ons that are late; nothing on the
 * road waits for it. A reference with a default, because the seeded world has no archive: there
 * what has left the journal is unknown.
 */

import { Context } from "effect"
import type { MerchantId, TerminalId } from "../brand.ts"
import type { FailureCode } from "../failures.ts"
import type { Kind } from "../kind.ts"
import type { TransactionRecord } from "../transaction.ts"

/** Every reference that is there must agree; at least one is. */
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
