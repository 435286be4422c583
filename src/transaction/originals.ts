/**
 * Finding what a follow-on or a reversal refers to, and whether it may: among what the journal has
 * of the terminal, by RRN, authorisation code, voucher, or (batch, STAN) (rule 4).
 */

import type { TransactionId } from "../domain/brand.ts"
import type { FailureCode } from "../domain/failures.ts"
import type { Kind } from "../domain/kind.ts"
import type { JournalShape } from "../domain/ports/journal.ts"
import type { Submission } from "../domain/ports/transactions.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import type { Floor } from "./floor.ts"

/** What each follow-on may refer to. */
export const refersTo: Readonly<Partial<Record<Kind, ReadonlyArray<Kind>>>> = {
  void: ["sale"],
  refund: ["sale", "completion"],
  "preauth-cancel": ["preauth"],
  completion: ["preauth"],
  "completion-void": ["completion"],
  adjustment: ["sale"],
  reversal: ["sale", "void", "preauth", "preauth-cancel", "completion", "completion-void", "refund"]
}

/** Kinds that take the whole of what is left, whatever amount they carry. */
export const whole: ReadonlySet<Kind> = new Set(["void", "preauth-cancel", "completion-void"])

export class Originals {
  readonly #journal: JournalShape
  readonly #floor: Floor

  constructor(journal: JournalShape, floor: Floor) {
    this.#journal = journal
    this.#floor = floor
  }

  /** The record as it is now: in flight, or in the journal. */
  find(submission: Submission): TransactionRecord | undefined {
    const kinds = refersTo[submission.kind] ?? []
    for (const { record, submission: { terminal } } of this.#floor.unwritten) {
      if (terminal !== submission.terminal || !kinds.includes(record.kind)) continue
      if (matches(record, submission)) return record
    }
    for (const entry of this.#floor.ofTerminal(submission.terminal)) {
      if (!kinds.includes(entry.kind)) continue
      const record = this.current(entry.id)
      if (record !== undefined && matches(record, submission)) return record
    }
    return undefined
  }

  current(id: TransactionId): TransactionRecord | undefined {
    return this.#floor.byId.get(id)?.record ?? this.#journal.get("transactions", id)
  }

  /** What a follow-on takes from its original (minor units), or why it may not. */
  allowance(submission: Submission, original: TransactionRecord): number | FailureCode {
    if (original.state !== "answered" && original.state !== "delivery-unconfirmed") {
      return "original-state"
    }
    if (original.approved !== true || original.merchant !== submission.merchant) {
      return "original-state"
    }
    const left = (original.approvedAmount ?? original.amount ?? 0) - (original.taken ?? 0)
    const wanted = submission.amount ?? left
    if (whole.has(submission.kind)) {
      if ((original.taken ?? 0) > 0) return "original-state"
      return wanted > left ? "amount-exceeds" : left
    }
    return wanted > left ? "amount-exceeds" : wanted
  }
}

/** Every reference that the message carries must agree; at least one must be there. */
function matches(record: TransactionRecord, submission: Submission): boolean {
  if (submission.kind === "reversal") {
    // What came by notice has no message of the terminal's, and so no number of its.
    return record.mti !== "" && record.stan === (submission.original?.stan ?? submission.stan) &&
      agrees(submission.original?.batch ?? submission.batch, record.batch)
  }
  const reference = submission.original
  if (reference === undefined) return false
  const named = reference.rrn ?? reference.voucher ?? reference.stan ?? reference.authCode
  if (named === undefined) return false
  return agrees(reference.rrn, record.rrn) && agrees(reference.voucher, record.walletReference) &&
    agrees(reference.stan, record.stan) && agrees(reference.batch, record.batch) &&
    agrees(reference.authCode, record.authCode)
}

function agrees(wanted: string | undefined, is: string | undefined): boolean {
  return wanted === undefined || wanted === is
}
