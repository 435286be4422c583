/** The advice station: chains that go on until they are acknowledged or handed to a human. */

import { Context } from "effect"
import type { AdviceRecord } from "../advice.ts"
import type { Stan, TransactionId } from "../brand.ts"
import type { ExceptionRow } from "./journal.ts"

/** How a chain ended: the upstream accepted it, or it was given up and raised as an exception. */
export interface AdviceEnd {
  readonly record: AdviceRecord
  /** The upstream accepted it without knowing what it was to undo: that may still come to it. */
  readonly unknown?: boolean
  readonly exception?: ExceptionRow
}

export interface AdvicesShape {
  /** The first record of a chain, for the caller to commit with what caused it. Nothing is sent. */
  readonly open: (
    transaction: TransactionId,
    upstream: string,
    reason: AdviceRecord["reason"],
    kind: AdviceRecord["kind"]
  ) => AdviceRecord
  /** The record is durable: send it, and go on sending. */
  readonly start: (record: AdviceRecord) => void
  /** Called once per chain; the listener makes the end durable. */
  readonly onEnd: (listener: (end: AdviceEnd) => void) => void
  readonly pending: () => ReadonlyMap<string, number>
  /** STAN of the chain of a transaction, while it is pending. */
  readonly stanOf: (transaction: TransactionId) => Stan | undefined
}

export class Advices
  extends Context.Service<Advices, AdvicesShape>()("pointsman/domain/ports/Advices")
{}
