/**
 * A terminal's own sums of its batch: what it prints at night, and declares when it closes. Counted
 * from the answers that it believed, by nobody's rules but its own.
 */

import { sumOf, writeBatchTotals } from "../domain/batch-totals.ts"
import type { BatchSums, BatchTotals } from "../domain/ports/journal.ts"
import type { Dialect, Values } from "../iso8583/message.ts"

interface Line {
  readonly side: "debit" | "credit"
  readonly amount: number
  readonly isForeign: boolean
}

export class BatchTally {
  /** By STAN. */
  readonly #lines = new Map<string, Line>()

  /** An approval that it took; a void takes its original out. */
  take(
    kind: string,
    stan: string,
    amount: number,
    pan: string | undefined,
    original: string | undefined
  ): void {
    const isForeign = pan !== undefined && !pan.startsWith("62")
    if (kind === "sale" || kind === "completion") {
      this.#lines.set(stan, { side: "debit", amount, isForeign })
    } else if (kind === "refund") {
      this.#lines.set(stan, { side: "credit", amount, isForeign })
    } else if (kind === "void" && original !== undefined) {
      this.forget(original)
    }
  }

  forget(stan: string): void {
    this.#lines.delete(stan)
  }

  /** The fields of a close, in the form of the dialect (see `ledger/declared-totals.ts`). */
  declared(dialect: Dialect): Values {
    const totals = this.#totals()
    if (dialect.pathOf("batch") !== undefined) {
      // The flag is the other side's to set.
      const parts = writeBatchTotals(totals, () => "asked")
      return Object.fromEntries(parts.map(([id, text]) => [`48.${id}`, text]))
    }
    const { credit, credits, debit, debits } = sumOf(totals)
    const digits = (value: number, length: number) => String(value).padStart(length, "0")
    return {
      "74": digits(credits, 10),
      "76": digits(debits, 10),
      "86": digits(credit, 16),
      "88": digits(debit, 16)
    }
  }

  clear(): void {
    this.#lines.clear()
  }

  #totals(): BatchTotals {
    const sums = (foreign: boolean): BatchSums => {
      const lines = [...this.#lines.values()].filter(({ isForeign }) => isForeign === foreign)
      const of = (side: Line["side"]) => lines.filter((line) => line.side === side)
      const total = (side: Line["side"]) => of(side).reduce((sum, { amount }) => sum + amount, 0)
      return {
        debit: total("debit"),
        debits: of("debit").length,
        credit: total("credit"),
        credits: of("credit").length
      }
    }
    return { domestic: sums(false), foreign: sums(true) }
  }
}
