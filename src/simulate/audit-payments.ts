/**
 * The judge of scanned codes: every payment whose notice was accepted is in the switch's books
 * once, or a human was told of it; its counter announced it once (the rows "QR" of the design's
 * table).
 */

import type { SwitchRecord, Violation, ViolationKind } from "./audit.ts"
import type { PaymentEntry } from "./payment-book.ts"

export interface PaymentBooks {
  readonly payments: Iterable<PaymentEntry>
  /** Details of the exceptions that people were told; they name the payment at their end. */
  readonly raised: Iterable<string>
  /** Transactions whose announcement ran out of time, or waits for its counter. */
  readonly unannounced: ReadonlySet<string>
  /** Counters that wrote down what they were told; undefined: all. */
  readonly listening?: ReadonlySet<string>
}

export function auditPayments(
  { listening, payments, raised, unannounced }: PaymentBooks,
  records: Iterable<SwitchRecord>
): ReadonlyArray<Violation> {
  const byPayment = new Map<string, Array<SwitchRecord>>()
  for (const record of records) {
    const { kind, walletReference } = record
    if (kind !== "sale" || walletReference === undefined) continue
    byPayment.set(walletReference, [...byPayment.get(walletReference) ?? [], record])
  }
  // Also within the text of an exception that was refused itself.
  const told = new Set(Array.from(raised, (detail) => /payment ([^\s"]+)/.exec(detail)?.[1]))
  return Array.from(payments).flatMap((entry) => {
    const booked = byPayment.get(entry.payment) ?? []
    const isRaised = told.has(entry.payment)
    const isExcused = booked.some(({ id }) => unannounced.has(id)) ||
      listening?.has(entry.terminal) === false
    const problem = problemOf(entry, booked, isRaised) ??
      (isExcused ? undefined : untold(entry, booked))
    return problem === undefined ? [] : [violation(problem[0], problem[1], entry, booked)]
  })
}

type Problem = readonly [ViolationKind, string]

function problemOf(
  { accepted, amount, order, terminal }: PaymentEntry,
  booked: ReadonlyArray<SwitchRecord>,
  isRaised: boolean
): Problem | undefined {
  const [record] = booked
  if (booked.length > 1) return ["doubled", "one payment, booked more than once"]
  if (record === undefined) {
    // A screen code may be over, paid already, or for another amount: then a human is told.
    if (!accepted || isRaised && order !== undefined) return undefined
    return isRaised
      ? ["differs", "a payment at a printed code was handed to a human"]
      : ["lost", "a notice was accepted, and nobody has the payment"]
  }
  if (record.amount !== amount || record.terminal.trim() !== terminal) {
    return ["differs", "booked elsewhere, or with another amount"]
  }
  return record.approved === true ? undefined : ["differs", "booked, and not as paid"]
}

function untold(
  { told }: PaymentEntry,
  booked: ReadonlyArray<SwitchRecord>
): Problem | undefined {
  if (told > 1) return ["doubled", `the counter announced it ${told} times`]
  if (booked.length > 0 && told === 0) return ["unfinished", "the counter never announced it"]
  return booked.length === 0 && told > 0
    ? ["unasked", "the counter announced what is not in the books"]
    : undefined
}

function violation(
  kind: ViolationKind,
  what: string,
  { amount, order, payment, terminal, told, wallet }: PaymentEntry,
  booked: ReadonlyArray<SwitchRecord>
): Violation {
  const code = order === undefined ? "printed code" : `order ${order}`
  return {
    kind,
    what: `${payment}: ${what}`,
    story: [
      `${wallet} took ${amount} at ${terminal}, ${code}; announced ${told} times`,
      ...booked.map(({ id, state, terminal: at }) => `switch ${id} is ${state} at ${at}`)
    ]
  }
}
