/**
 * One attempt to undo a payment in doubt. Accepting the undo is not its end: the wallet is asked
 * once more, because the payer may have paid in the gap, and only when the order is closed, unknown
 * or given back is the chain over (wallet-requests §4.5.5 rules 5 and 6). An undo that was refused
 * because nobody knows the order is no end before the order's life is over: it may still arrive.
 *
 * A refund or void cannot be undone at a wallet. In doubt it is asked after: if it never happened,
 * nothing is owed; if it did, the chain goes on until a human ends it.
 */

import type { OrderFacts, RefundOrder, Wallet } from "../qr/wallet.ts"
import type { Ask, Heard } from "./wallet-caller.ts"

/** No order that is older than this arrives any more: no customer's code lives so long. */
const orderLifeMs = 600_000

/** Accepted means that the money is where it was before. */
export interface UndoEnd {
  readonly _tag: "accepted" | "refused" | "unsent" | "silent"
  readonly code: string
}

interface UndoServices {
  readonly wallet: Wallet
  readonly ask: Ask
  readonly timeoutMs: number
  /** Since the order was sent. */
  readonly ageMs: number
}

export function undoPayment(
  order: OrderFacts,
  services: UndoServices,
  ended: (end: UndoEnd) => void
): void {
  const { ageMs, ask, timeoutMs, wallet } = services
  ask((stamp) => wallet.undo(order, stamp), timeoutMs, (undone) => {
    const accepted = undone._tag === "waiting"
    if (!accepted && undone._tag !== "absent") return ended(endOf(undone))
    ask((stamp) => wallet.inquire(order, stamp), timeoutMs, (found) => {
      const closed = found._tag === "failed" || found._tag === "paid" && found.undone ||
        found._tag === "absent" && (accepted || ageMs >= orderLifeMs)
      ended(closed ? { _tag: "accepted", code: codeOf(found) } : endOf(found))
    })
  })
}

export function undoRefund(
  refund: RefundOrder,
  services: UndoServices,
  ended: (end: UndoEnd) => void
): void {
  const { ask, timeoutMs, wallet } = services
  ask((stamp) => wallet.inquireRefund(refund, stamp), timeoutMs, (found) => {
    const never = found._tag === "failed" || found._tag === "absent"
    ended(never ? { _tag: "accepted", code: codeOf(found) } : endOf(found))
  })
}

function endOf(heard: Heard): UndoEnd {
  if (heard._tag === "unsent") return { _tag: "unsent", code: heard.code }
  return { _tag: heard._tag === "doubt" ? "silent" : "refused", code: codeOf(heard) }
}

function codeOf(heard: Heard): string {
  if (heard._tag === "paid") return heard.undone ? "UNDONE" : "PAID"
  return heard._tag === "mismatch" ? heard.detail : heard.code
}
