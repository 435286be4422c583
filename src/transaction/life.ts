/** One transaction in flight: owned by the desk, from acceptance to the end that is on disk. */

import type { Draft } from "../domain/draft.ts"
import type { Asker, Submission } from "../domain/ports/transactions.ts"
import type { SealedFacts, TransactionRecord } from "../domain/transaction.ts"

/** Whoever repeats a request in flight joins it; more than this many are turned away as busy. */
export const maxAskers = 4

export interface Life {
  readonly submission: Submission
  readonly facts: SealedFacts
  /** The first asked; the others repeated the request while it was in flight. */
  readonly askers: Array<Asker>
  candidates: ReadonlyArray<string>
  /** Index of the next candidate to try. */
  next: number
  record: TransactionRecord
  /** In the recent window, and thus in the journal. */
  remembered: boolean
  /** The original of a follow-on, and what may be taken from it (minor units). */
  original: TransactionRecord | undefined
  allowance: number
  /** What was taken from the original in advance and must go back when it is not approved. */
  taken: number
  /** The terminal's own reversal came while we were waiting: the chain begins at the end (I9). */
  reversedByTerminal: boolean
  dispatchedMs: number
  /** The outcome is being made durable: nothing else may end this life. */
  ending: boolean
}

/** What a request says of the card, and may be kept of it. */
export function factsOf({ cardSequence, expiry, pan }: Submission): SealedFacts {
  const facts: Draft<SealedFacts> = {}
  if (pan !== undefined) facts.pan = pan
  if (expiry !== undefined) facts.expiry = expiry
  if (cardSequence !== undefined) facts.cardSequence = cardSequence
  return facts
}
