/**
 * Voids, refunds, completions: they go where their original went and nowhere else, bounded by what
 * remains of it (rule 4). The original is among the terminal's recent transactions, or PostgreSQL
 * is asked for it beside the road; PostgreSQL away is a definite refusal, unknown there is 25.
 */

import type { FailureCode } from "../domain/failures.ts"
import type { ArchiveQuestion } from "../domain/ports/archive.ts"
import type { Submission } from "../domain/ports/transactions.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import type { Chains } from "./chains.ts"
import type { Floor } from "./floor.ts"
import type { Life } from "./life.ts"
import { type Originals, refersTo } from "./originals.ts"
import type { Outcomes } from "./outcomes.ts"
import type { Recalled } from "./recalled.ts"
import type { Room } from "./room.ts"

/** The way on: where the original went. */
type Onward = (life: Life, upstream: string) => void

export class FollowOns {
  readonly #room: Room
  readonly #floor: Floor
  readonly #chains: Chains
  readonly #originals: Originals
  readonly #recalled: Recalled
  readonly #outcomes: Outcomes
  readonly #onward: Onward

  constructor(
    room: Room,
    floor: Floor,
    chains: Chains,
    originals: Originals,
    recalled: Recalled,
    outcomes: Outcomes,
    onward: Onward
  ) {
    this.#room = room
    this.#floor = floor
    this.#chains = chains
    this.#originals = originals
    this.#recalled = recalled
    this.#outcomes = outcomes
    this.#onward = onward
  }

  take(life: Life): void {
    const original = this.#originals.find(life.submission)
    if (original !== undefined) return this.#refer(life, original)
    const question = questionOf(life.submission)
    if (question === undefined) return this.#outcomes.refused(life, "original-unknown")
    if (this.#recalled.isFull) return this.#outcomes.refused(life, "overloaded")
    this.#ask(life, question)
  }

  /** In flight, and in no journal and no window; what the terminal takes back meanwhile ends. */
  #ask(life: Life, question: ArchiveQuestion): void {
    const { unwritten } = this.#floor
    unwritten.add(life)
    this.#room.archive.find(question, (found) => {
      unwritten.delete(life)
      if (life.reversedByTerminal) this.#outcomes.refused(life, "upstream-down")
      else if (typeof found === "string") this.#outcomes.refused(life, found)
      // Another follow-on may have brought it back and taken from it meanwhile.
      else this.#refer(life, this.#originals.current(found.id) ?? found)
    })
  }

  #refer(life: Life, original: TransactionRecord): void {
    const { upstream } = original
    const allowance: number | FailureCode = upstream === undefined
      ? "original-unknown"
      : this.#originals.allowance(life.submission, original)
    if (upstream === undefined || typeof allowance === "string") {
      this.#outcomes.refused(life, typeof allowance === "string" ? allowance : "original-unknown")
      return
    }
    life.original = original
    // Until it ends: what it takes may have to go back.
    this.#chains.hold(original.id)
    life.allowance = allowance
    const currency = life.record.currency ?? original.currency
    life.record = {
      ...life.record,
      // Its message names no wallet: it brings no code along.
      scheme: original.scheme,
      original: original.id,
      amount: life.record.amount ?? allowance,
      ...(currency === undefined ? {} : { currency })
    }
    this.#onward(life, upstream)
  }
}

/** Undefined when the message names nothing that PostgreSQL could be asked for. */
function questionOf(
  { kind, merchant, original, terminal }: Submission
): ArchiveQuestion | undefined {
  const kinds = refersTo[kind]
  if (kinds === undefined || original === undefined) return undefined
  const { authCode, rrn, stan, voucher } = original
  if ((rrn ?? stan ?? voucher ?? authCode) === undefined) return undefined
  return { kinds, merchant, terminal, ...original }
}
