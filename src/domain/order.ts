/** QR orders, the notifications that pay them, and the pushes that tell the terminal. */

import type { MerchantId, TerminalId, TransactionId } from "./brand.ts"
import type { Channel, Scheme } from "./channel.ts"

/** What the shop is waiting for: one screen code, or one pay-code attempt. */
export interface OrderRecord {
  /** Our order number, sent to the wallet (`out_trade_no`). */
  readonly order: string
  readonly transaction: TransactionId
  readonly terminal: TerminalId
  readonly merchant: MerchantId
  readonly scheme: Scheme
  readonly channel: Channel
  /** Minor units and ISO 4217 numeric currency. */
  readonly amount: number
  readonly currency: string
  readonly createdMs: number
  readonly expiresMs: number
  readonly state: "waiting" | "paid" | "closed"
}

/** A payment notice, verified and decrypted, in words that are the same for every wallet. */
export interface NotificationRecord {
  /** Scheme and the scheme's own id of the notice: the key of deduplication. */
  readonly id: string
  readonly scheme: Scheme
  /**
   * The wallet's transaction number: one payment is booked once, however many notices speak of it.
   */
  readonly payment: string
  readonly order?: string
  /** The counter whose printed code was scanned, where the notice names one. */
  readonly counter?: string
  /** Our number of the refund, where the notice speaks of one and names it. */
  readonly refund?: string
  /**
   * A refund is over in one of three ways: made; closed, and the shop keeps the money; abnormal,
   * when the payer cannot be reached by it and a person must send it another way.
   */
  readonly event: "paid" | "refunded" | "refund-closed" | "refund-abnormal" | "closed"
  readonly amount: number
  readonly currency: string
  /**
   * Of a refund: `amount` is all that was given back of its payment so far, not this refund's own,
   * which its notice does not name.
   */
  readonly cumulative?: boolean
  readonly merchantAccount: string
  readonly payerMask?: string
  /** When the wallet says that it happened. */
  readonly paidMs: number
  readonly receivedMs: number
}

/** A genuine notice of ours about something that has no place in our books. */
export interface UnhandledNotice {
  /** As of a {@link NotificationRecord}. */
  readonly id: string
  readonly scheme: Scheme
  readonly merchantAccount: string
  /** What it tells of, in the wallet's own words. */
  readonly what: string
  /** A payment or an order, where it names one. */
  readonly payment?: string
  readonly order?: string
}

/** Something a terminal must hear, kept until it says that it has. Ordered per terminal. */
export interface PushRecord {
  /** Terminal and its own sequence number: a repeat is recognisable by it. */
  readonly terminal: TerminalId
  readonly sequence: number
  readonly transaction: TransactionId
  readonly body: Readonly<Record<string, string | number | boolean>>
  readonly createdMs: number
  readonly expiresMs: number
  readonly attempts: number
  readonly state: "pending" | "acknowledged" | "expired"
}

/**
 * The order number of a screen code (`out_trade_no`: 32 letters and digits): the id of the
 * transaction that its payment begins.
 */
export function orderOf(transaction: TransactionId): string {
  return transaction.replaceAll("-", "")
}
