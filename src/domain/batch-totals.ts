/**
 * A terminal's batch in sums: what it declares at its close, what our records add up to, and if the
 * two agree. Debit is what customers paid, credit what they got back.
 *
 *     China UnionPay, field 48, by the dialect's own parts: domestic cards, then foreign ones
 *     .1 .6 debit amount 12 | .2 .7 debit count 3 | .3 .8 credit amount 12 | .4 .9 credit count 3
 *     .5 .10 flag 1: 0 asked; in the answer 1 balanced, 2 not balanced, 3 error
 */

import type { TransactionId } from "./brand.ts"
import { reversibleKinds } from "./kind.ts"
import type { BatchSums, BatchTotals } from "./ports/journal.ts"
import type { TransactionRecord, TransactionState } from "./transaction.ts"

export const batchFlags = { asked: "0", balanced: "1", unbalanced: "2", error: "3" } as const

/** What the first part of each half is called; the others follow it. */
const firstOf = { domestic: 1, foreign: 6 } as const
const partsOfHalf = [0, 1, 2, 3, 4] as const

/** From the parts by their names; undefined: one is missing, or is no number. */
export function readBatchTotals(
  part: (id: string) => string | undefined
): BatchTotals | undefined {
  const domestic = readSums(part, firstOf.domestic)
  const foreign = readSums(part, firstOf.foreign)
  return domestic === undefined || foreign === undefined ? undefined : { domestic, foreign }
}

function readSums(
  part: (id: string) => string | undefined,
  first: number
): BatchSums | undefined {
  const texts = partsOfHalf.map((index) => part(String(first + index)) ?? "")
  if (!texts.every((text) => /^\d+$/.test(text))) return undefined
  const [debit = 0, debits = 0, credit = 0, credits = 0] = texts.map(Number)
  return { debit, debits, credit, credits }
}

/** The same totals as parts, each half with its flag; how wide a part is says the dialect. */
export function writeBatchTotals(
  totals: BatchTotals,
  flagOf: (half: keyof BatchTotals) => keyof typeof batchFlags
): ReadonlyArray<readonly [id: string, text: string]> {
  return (["domestic", "foreign"] as const).flatMap((half) => {
    const { credit, credits, debit, debits } = totals[half]
    const texts = [debit, debits, credit, credits, batchFlags[flagOf(half)]].map(String)
    return texts.map((text, index) => [String(firstOf[half] + index), text] as const)
  })
}

/** Both halves in one, for dialects that do not tell cards apart. */
export function sumOf({ domestic, foreign }: BatchTotals): BatchSums {
  return {
    debit: domestic.debit + foreign.debit,
    debits: domestic.debits + foreign.debits,
    credit: domestic.credit + foreign.credit,
    credits: domestic.credits + foreign.credits
  }
}

/** What counting a batch needs of a record. */
export type Counted = Pick<
  TransactionRecord,
  | "id"
  | "kind"
  | "state"
  | "approved"
  | "amount"
  | "approvedAmount"
  | "panMask"
  | "original"
  | "scheme"
>

/** Money that a customer paid, or got back, unless it was reversed or never approved. */
const debitKinds: ReadonlySet<string> = new Set(["sale", "completion", "offline-sale"])
const creditKinds: ReadonlySet<string> = new Set(["refund"])
const voidKinds: ReadonlySet<string> = new Set(["void", "completion-void"])
export const undoneStates: ReadonlySet<TransactionState> = new Set<TransactionState>([
  "timed-out",
  "reversing",
  "reversed",
  "refused"
])

/**
 * Does its money still stand? What people look at because its reversal was never acknowledged does
 * not: its terminal sent the reversal, or never had the approval.
 */
function isStanding({ approved, kind, state }: Counted): boolean {
  if (approved !== true || undoneStates.has(state)) return false
  return state !== "exception" || !reversibleKinds.has(kind)
}

/** A card is foreign when it is none of China UnionPay's own (BINs that begin with 62). */
const isForeign = ({ panMask, scheme }: Counted): boolean =>
  scheme === "card" && panMask !== undefined && !panMask.startsWith("62")

/** What of a batch its totals count; a void takes its original out, or is a credit of its own. */
function linesOf<R extends Counted>(
  records: ReadonlyArray<R>
): ReadonlyArray<readonly [side: "debit" | "credit", record: R]> {
  const standing = records.filter(isStanding)
  const ids = new Set<TransactionId>(standing.map(({ id }) => id))
  const voided = new Set(
    standing.flatMap(({ kind, original }) =>
      voidKinds.has(kind) && original !== undefined ? [original] : []
    )
  )
  return standing.flatMap((record): Array<readonly ["debit" | "credit", R]> => {
    if (voided.has(record.id)) return []
    const lateVoid = voidKinds.has(record.kind) && record.original !== undefined &&
      !ids.has(record.original)
    if (debitKinds.has(record.kind)) return [["debit", record]]
    return creditKinds.has(record.kind) || lateVoid ? [["credit", record]] : []
  })
}

/** Adds up a batch. */
export function addBatch(records: ReadonlyArray<Counted>): BatchTotals {
  const domestic = { debit: 0, debits: 0, credit: 0, credits: 0 }
  const foreign = { debit: 0, debits: 0, credit: 0, credits: 0 }
  for (const [side, record] of linesOf(records)) {
    const sums = isForeign(record) ? foreign : domestic
    sums[side] += record.approvedAmount ?? record.amount ?? 0
    sums[`${side}s`]++
  }
  return { domestic, foreign }
}

/** Do the two agree, half by half, or as a whole where the terminal has no halves? */
export function isBalanced(
  declared: BatchTotals,
  counted: BatchTotals,
  halves: boolean
): boolean {
  if (!halves) return sumsAgree(sumOf(declared), sumOf(counted))
  return sumsAgree(declared.domestic, counted.domestic) &&
    sumsAgree(declared.foreign, counted.foreign)
}

export const sumsAgree = (a: BatchSums, b: BatchSums): boolean =>
  a.debit === b.debit && a.debits === b.debits && a.credit === b.credit && a.credits === b.credits

interface BatchClose {
  readonly counted: BatchTotals
  readonly balanced: boolean
  /** Unconfirmed deliveries that the terminal's totals include: it has the answer. */
  readonly delivered: ReadonlyArray<TransactionId>
  /** Unconfirmed deliveries that they leave out: the terminal never had it; a reversal is owed. */
  readonly undelivered: ReadonlyArray<TransactionId>
}

/** More unconfirmed deliveries than this in one batch are left to the batch upload. */
const maxDoubts = 10

/**
 * Closes a batch. Deliveries in doubt are decided by the terminal's own totals: the one way of
 * counting them in or out that balances. When several ways balance, nothing is decided by it.
 */
export function closeBatch(
  declared: BatchTotals,
  records: ReadonlyArray<Counted>,
  halves: boolean
): BatchClose {
  const doubts = records.filter(({ state }) => state === "delivery-unconfirmed")
  const ways = doubts.length <= maxDoubts ? 1 << doubts.length : 1
  const found: Array<BatchClose> = []
  for (let way = 0; way < ways && found.length < 2; way++) {
    // Bit set: this one never arrived. Way 0 counts them all.
    const out = new Set(doubts.filter((_, index) => ((way >> index) & 1) === 1))
    const counted = addBatch(records.filter((record) => !out.has(record)))
    if (!isBalanced(declared, counted, halves)) continue
    const delivered = doubts.filter((record) => !out.has(record)).map(({ id }) => id)
    found.push({ counted, balanced: true, delivered, undelivered: [...out].map(({ id }) => id) })
  }
  const [first, second] = found
  if (first === undefined) {
    return { counted: addBatch(records), balanced: false, delivered: [], undelivered: [] }
  }
  return second === undefined ? first : { ...first, delivered: [], undelivered: [] }
}

/** One line of a batch upload (0320): what the terminal says it did. */
export interface UploadedDetail {
  readonly stan: string
  readonly amount: number
  /** Mask of its card, where it was told. */
  readonly card?: string
}

interface UploadComparison {
  /** The terminal has it and we do not. */
  readonly unknown: ReadonlyArray<UploadedDetail>
  /** Both have it, with another amount or another card. */
  readonly differing: ReadonlyArray<TransactionId>
  /** Our totals count it, or its delivery is in doubt, and the terminal does not have it. */
  readonly missing: ReadonlyArray<TransactionId>
}

/** Compares an upload with the records of the same batch, by STAN. */
export function compareUpload(
  uploaded: ReadonlyArray<UploadedDetail>,
  records: ReadonlyArray<Counted & Pick<TransactionRecord, "stan">>
): UploadComparison {
  const standing = records.filter(isStanding)
  const byStan = new Map(standing.map((record) => [record.stan as string, record]))
  const unknown: Array<UploadedDetail> = []
  const differing: Array<TransactionId> = []
  for (const detail of uploaded) {
    const record = byStan.get(detail.stan)
    if (record === undefined) unknown.push(detail)
    else if (differs(detail, record)) differing.push(record.id)
    byStan.delete(detail.stan)
  }
  // Of a sale and its void neither is uploaded, nor is what has no place in the totals.
  const left = [...byStan.values()]
  const counted = new Set(linesOf(left).map(([, { id }]) => id))
  const missing = left.filter(({ id, kind, state }) =>
    counted.has(id) || (state === "delivery-unconfirmed" && !voidKinds.has(kind))
  )
  return { unknown, differing, missing: missing.map(({ id }) => id) }
}

function differs({ amount, card }: UploadedDetail, record: Counted): boolean {
  if ((record.approvedAmount ?? record.amount) !== amount) return true
  return card !== undefined && record.panMask !== undefined && card !== record.panMask
}
