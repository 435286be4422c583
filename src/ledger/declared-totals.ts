/**
 * What a terminal declares when it closes its batch, and how it is answered, in the two forms there
 * are.
 *
 *     China UnionPay   the parts of field 48: domestic and foreign sums; flag 1 or 2 answers each
 *     1987 style       fields 74 credits, 76 debits, 86 credit amount, 88 debit amount,
 *                      answered with field 66: 1 in balance, 2 out of balance
 */

import {
  batchFlags,
  readBatchTotals,
  sumOf,
  sumsAgree,
  writeBatchTotals
} from "../domain/batch-totals.ts"
import type { BatchSums, BatchTotals } from "../domain/ports/journal.ts"
import type { Message, Values } from "../iso8583/message.ts"

interface Declared {
  readonly totals: BatchTotals
  /** Domestic and foreign cards are told apart. */
  readonly halves: boolean
  readonly answer: (counted: BatchTotals) => {
    readonly response1987: string
    readonly values: Values
  }
}

/** Undefined: it declares nothing that can be read. */
export function readDeclared(message: Pick<Message, "text">): Declared | undefined {
  const totals = readBatchTotals((id) => message.text(`48.${id}`))
  if (totals !== undefined) {
    return {
      totals,
      halves: true,
      // The flags say it; the response code stays the one of an answered close.
      answer: (counted) => ({ response1987: "00", values: asField48(totals, counted) })
    }
  }
  const numbers = ["74", "76", "86", "88"].map((path) => message.text(path) ?? "")
  if (!numbers.every((text) => /^\d{1,16}$/.test(text))) return undefined
  const [credits = 0, debits = 0, credit = 0, debit = 0] = numbers.map(Number)
  const none = { debit: 0, debits: 0, credit: 0, credits: 0 }
  const declared = { debit, debits, credit, credits }
  return {
    totals: { domestic: declared, foreign: none },
    halves: false,
    answer: (counted) => {
      const flag = flagFor(declared, sumOf(counted))
      return {
        response1987: flag === "balanced" ? "00" : "95",
        values: { "66": batchFlags[flag], ...ours(counted) }
      }
    }
  }
}

const flagFor = (declared: BatchSums, counted: BatchSums) =>
  sumsAgree(declared, counted) ? "balanced" : "unbalanced"

/** Our own totals where the dialect declares the parts of field 48, each half with its flag. */
function asField48(declared: BatchTotals, counted: BatchTotals): Values {
  const parts = writeBatchTotals(counted, (half) => flagFor(declared[half], counted[half]))
  return Object.fromEntries(parts.map(([id, text]) => [`48.${id}`, text]))
}

/** Our own totals in the fields that the terminal used. */
function ours(counted: BatchTotals): Values {
  const { credit, credits, debit, debits } = sumOf(counted)
  return {
    "74": String(credits).padStart(10, "0"),
    "76": String(debits).padStart(10, "0"),
    "86": String(credit).padStart(16, "0"),
    "88": String(debit).padStart(16, "0")
  }
}
