/**
 * QR payments from the transaction's side: codes that wait to be scanned, and notices that say what
 * was paid. One payment is one transaction, however many notices speak of it. What must hold: a
 * payment is booked on the order's own terminal, or on the counter whose printed code was scanned;
 * what fits neither, or in amount, is handed to a human and never silently taken.
 */

import type { Stan, TransactionId } from "../domain/brand.ts"
import { type FailureCode } from "../domain/failures.ts"
import {
  type NotificationRecord,
  orderOf,
  type OrderRecord,
  type UnhandledNotice
} from "../domain/order.ts"
import type { ExceptionRow, JournalWrite, LedgerEntry } from "../domain/ports/journal.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import type { Booking, OrderRequest } from "../domain/ports/transactions.ts"
import { step, type TransactionRecord } from "../domain/transaction.ts"
import { Agenda } from "./agenda.ts"
import type { Desk } from "./desk.ts"
import type { Room } from "./room.ts"

/** Orders that wait for their customer at once; one more is refused as overloaded. */
export const maxOrders = 100_000

/** Orders in the journal, ended ones included; above it what ends is forgotten at once. */
export const maxKeptOrders = 500_000

/** How long ended orders and notices stay in the journal: wallets repeat a notice for a day. */
const rememberMs = 90_000_000

/** Notices that are remembered at once; above it the oldest is forgotten before its time. */
export const maxNotices = 500_000

/** Kinds of unhandled notices that are remembered; any above it is raised anew, as one row. */
const maxKinds = 1_000

const sweepMs = 10_000

/** Of orders, and of notices, in one turn. */
const sweepAtOnce = 1000

export class Orders {
  readonly #room: Room
  readonly #desk: Desk
  /** Payments that are in the books, by the notice that brought them, oldest first. */
  readonly #payments = new Map<string, { readonly notice: string; readonly atMs: number }>()
  /** Orders by when they are over, and again by when they are forgotten. */
  readonly #agenda = new Agenda()
  /** Kinds of notices that nobody books and that were raised since we started. */
  readonly #kinds = new Set<string>()
  #waiting = 0
  #kept = 0

  constructor(room: Room, desk: Desk) {
    this.#room = room
    this.#desk = desk
    const notices = [...room.journal.entries("notifications")].sort(([, left], [, right]) =>
      left.receivedMs - right.receivedMs
    )
    for (const [notice, record] of notices) {
      this.#payments.set(paymentKey(record), { notice, atMs: record.receivedMs })
    }
    for (const [key, { expiresMs, state }] of room.journal.entries("orders")) {
      this.#kept++
      if (state === "waiting") this.#waiting++
      this.#agenda.put(key, expiresMs)
    }
    this.#sweep()
  }

  open(request: OrderRequest, done: (order: OrderRecord | FailureCode) => void): void {
    const { journal, nextId, time } = this.#room
    const { amount, currency, profile, scheme } = request
    const { level } = journal.health()
    if (level === "failed") return done("journal-failed")
    if (level === "full") return done("journal-full")
    if (this.#desk.isDraining) return done("draining")
    if (!profile.channels.has("qr-screen") || !profile.currencies.has(currency)) {
      return done("kind-forbidden")
    }
    if (this.#waiting >= maxOrders) return done("overloaded")
    const createdMs = time.wallMs()
    const transaction = nextId(createdMs)
    const order: OrderRecord = {
      order: orderOf(transaction),
      transaction,
      terminal: profile.terminal,
      merchant: profile.merchant,
      scheme,
      channel: "qr-screen",
      amount,
      currency,
      createdMs,
      expiresMs: createdMs + request.lifetimeMs,
      state: "waiting"
    }
    this.#kept++
    this.#waiting++
    this.#agenda.put(order.order, order.expiresMs)
    journal.commit([{ table: "orders", key: order.order, value: order }], [
      { table: "orders", row: order }
    ], (failure) => done(failure ?? order))
  }

  book(notification: NotificationRecord): Booking {
    // An order that the wallet closed ends here by its own deadline.
    if (notification.event === "closed") return { _tag: "known" }
    if (notification.event !== "paid") return this.#refund(notification)
    const held = this.#payments.get(paymentKey(notification))
    if (held !== undefined) {
      const first = this.#room.journal.get("notifications", held.notice)
      return first === undefined || isSameMoney(first, notification)
        ? { _tag: "known" }
        : this.#unfit(notification, "amount-differs")
    }
    const order = notification.order === undefined
      ? undefined
      : this.#room.journal.get("orders", notification.order)
    if (order !== undefined) return this.#paidOrder(notification, order)
    const attempt = this.#attempt(notification.order)
    if (attempt !== undefined) return this.#paidAttempt(notification, attempt)
    const profile = notification.counter === undefined
      ? undefined
      : this.#room.terminals.byCounter(notification.counter)
    if (profile === undefined) return this.#unfit(notification, "notification-unmatched")
    // Whoever kept a notice can send it again when it is forgotten, and may do so only in vain.
    const ageMs = this.#room.time.wallMs() - notification.paidMs
    if (ageMs >= rememberMs) return this.#unfit(notification, "paid-long-ago")
    // Its display would name an amount of other money.
    if (!profile.currencies.has(notification.currency)) {
      return this.#unfit(notification, "currency-forbidden")
    }
    return this.#paidCounter(notification, profile)
  }

  /**
   * What names an order may be about money, whatever its wallet calls it: an exception each. Of the
   * others an account may send any number: one exception for their kind.
   */
  unhandled(notice: UnhandledNotice): ReadonlyArray<LedgerEntry> {
    const { id, merchantAccount, order, payment, scheme, what } = notice
    const about = order === undefined ? `${scheme}:${merchantAccount}:${what}` : id
    if (this.#kinds.has(about)) return []
    if (order === undefined && this.#kinds.size < maxKinds) this.#kinds.add(about)
    const detail = `${what} account ${merchantAccount} order ${order ?? "-"} ` +
      `payment ${payment ?? "-"} notice ${id}`
    return this.#exception(about, "notification-unhandled", detail, this.#attempt(order)?.id)
  }

  /** What we asked a wallet for under this number. */
  #attempt(number: string | undefined): TransactionRecord | undefined {
    const id = number === undefined ? undefined : this.#desk.floor.byReference(number)
    return id === undefined ? undefined : this.#desk.originals.current(id)
  }

  /** A pay code that a terminal presented: its wallet upstream asks for the end by itself. */
  #paidAttempt(notification: NotificationRecord, attempt: TransactionRecord): Booking {
    const { id } = attempt
    if (!isSameMoney(attempt, notification)) return this.#unfit(notification, "amount-differs", id)
    return stands(attempt)
      ? { _tag: "known" }
      : this.#unfit(notification, "paid-after-end", id)
  }

  /**
   * A refund that we asked for is booked by what the wallet answers. Any other, and one that did
   * not get to its payer, is a human's, though the payment that it names is mostly in the books.
   */
  #refund(notification: NotificationRecord): Booking {
    const { event, refund } = notification
    const attempt = this.#attempt(refund)
    const expected = event === "refunded" && attempt !== undefined && stands(attempt) &&
      this.#isRefundOf(attempt, notification)
    return expected ? { _tag: "known" } : this.#unfit(notification, event, attempt?.id)
  }

  /**
   * A sum of all refunds is between this refund and what our books gave back by now: notices come
   * late, and in any order. More than that was given back by somebody else.
   */
  #isRefundOf(attempt: TransactionRecord, notification: NotificationRecord): boolean {
    if (notification.cumulative !== true) return isSameMoney(attempt, notification)
    const { amount, currency } = notification
    const { original } = attempt
    const given = original === undefined ? undefined : this.#desk.originals.current(original)?.taken
    return currency === attempt.currency && amount >= (attempt.amount ?? 0) &&
      amount <= (given ?? amount)
  }

  #paidOrder(notification: NotificationRecord, order: OrderRecord): Booking {
    if (order.state === "closed") return this.#unfit(notification, "paid-after-close")
    if (order.state === "paid") {
      return this.#unfit(notification, "order-paid-twice", order.transaction)
    }
    if (!isSameMoney(order, notification)) return this.#unfit(notification, "amount-differs")
    const { terminal, merchant, channel, transaction } = order
    const paid: OrderRecord = { ...order, state: "paid" }
    this.#waiting--
    return this.#booked(notification, transaction, { terminal, merchant, channel }, [
      { table: "orders", key: order.order, value: paid }
    ], [{ table: "orders", row: paid }])
  }

  #paidCounter(notification: NotificationRecord, profile: TerminalProfile): Booking {
    const { merchant, terminal } = profile
    const id = this.#room.nextId(this.#room.time.wallMs())
    return this.#booked(notification, id, { terminal, merchant, channel: "qr-printed" }, [], [])
  }

  #booked(
    notification: NotificationRecord,
    id: TransactionId,
    whose: Pick<TransactionRecord, "terminal" | "merchant" | "channel">,
    writes: ReadonlyArray<JournalWrite>,
    feed: ReadonlyArray<LedgerEntry>
  ): Booking {
    const { dayOf, sealing, time } = this.#room
    const { amount, currency, payment, scheme } = notification
    const wallMs = time.wallMs()
    const key = paymentKey(notification)
    const record: TransactionRecord = {
      id,
      version: 1,
      state: step("accepted", "answered"),
      kind: "sale",
      scheme,
      day: dayOf(wallMs),
      key,
      fingerprint: sealing.digest(`${amount}|${currency}|${key}`),
      ...whose,
      session: 0,
      mti: "",
      processingCode: "",
      stan: "000000" as Stan,
      amount,
      currency,
      walletReference: payment,
      configVersion: this.#room.configVersion(),
      response: "00",
      approved: true,
      times: { receivedMs: notification.receivedMs, answeredMs: wallMs }
    }
    this.#payments.set(key, { notice: notification.id, atMs: wallMs })
    this.#room.meter.ended(record)
    const booked: Array<JournalWrite> = [
      ...writes,
      { table: "transactions", key: id, value: record }
    ]
    this.#desk.floor.remember(record, this.#desk.chains.isOwing, booked)
    return {
      _tag: "booked",
      record,
      writes: booked,
      feed: [...feed, { table: "transactions", row: record }]
    }
  }

  /** `transaction`: what of our books it speaks of. */
  #unfit(notification: NotificationRecord, reason: string, transaction?: TransactionId): Booking {
    const { counter, cumulative, event, id, order, payment, refund, scheme } = notification
    const money = `${notification.amount} ${notification.currency}`
    // Of a refund once, however many notices speak of its end.
    const about = refund === undefined ? id : `${scheme}:${refund}`
    const detail = `${event} ${money} ${cumulative === true ? "in all " : ""}` +
      `order ${order ?? "-"} ${refund === undefined ? "" : `refund ${refund} `}` +
      `counter ${counter ?? "-"} payment ${payment}`
    return { _tag: "exception", reason, feed: this.#exception(about, reason, detail, transaction) }
  }

  #exception(
    about: string,
    reason: string,
    detail: string,
    transaction: TransactionId | undefined
  ): ReadonlyArray<LedgerEntry> {
    this.#room.meter.exception(reason)
    const row: ExceptionRow = {
      id: `${about}:${reason}`,
      ...(transaction === undefined ? {} : { transaction }),
      reason,
      detail,
      atMs: this.#room.time.wallMs()
    }
    return [{ table: "exceptions", row }]
  }

  /** Closes what nobody paid in time, forgets what ended long ago, and comes again. */
  #sweep(): void {
    if (this.#desk.isDraining) return
    const { journal, time, timers } = this.#room
    const nowMs = time.wallMs()
    const writes: Array<JournalWrite> = []
    const feed: Array<LedgerEntry> = []
    const due = this.#agenda.due(nowMs, sweepAtOnce)
    for (const key of due) this.#over(key, nowMs, writes, feed)
    const notices = this.#forgetNotices(nowMs, writes)
    if (writes.length > 0) journal.note(writes, feed)
    const more = due.length === sweepAtOnce || notices === sweepAtOnce
    if (more) time.defer(() => this.#sweep())
    else timers.after(sweepMs, () => this.#sweep())
  }

  #over(
    key: string,
    nowMs: number,
    writes: Array<JournalWrite>,
    feed: Array<LedgerEntry>
  ): void {
    const order = this.#room.journal.get("orders", key)
    if (order === undefined) return
    const forgetMs = order.expiresMs + rememberMs
    const forgotten = nowMs >= forgetMs || this.#kept > maxKeptOrders
    if (order.state === "waiting") {
      const closed: OrderRecord = { ...order, state: "closed" }
      this.#waiting--
      if (!forgotten) writes.push({ table: "orders", key, value: closed })
      feed.push({ table: "orders", row: closed })
    }
    if (forgotten) {
      this.#kept--
      writes.push({ table: "orders", key, value: undefined })
    } else this.#agenda.put(key, forgetMs)
  }

  #forgetNotices(nowMs: number, writes: Array<JournalWrite>): number {
    let count = 0
    for (const [key, { atMs, notice }] of this.#payments) {
      const isLate = nowMs >= atMs + rememberMs || this.#payments.size > maxNotices
      if (!isLate || count >= sweepAtOnce) break
      count++
      this.#payments.delete(key)
      writes.push({ table: "notifications", key: notice, value: undefined })
    }
    return count
  }
}

interface Money {
  readonly amount?: number
  readonly currency?: string
}

function isSameMoney(ours: Money, theirs: Money): boolean {
  return ours.amount === theirs.amount && ours.currency === theirs.currency
}

/** Is it done, or may it still be? */
function stands({ approved, state }: TransactionRecord): boolean {
  return approved === true || state === "forwarded" || state === "routed" || state === "reversing"
}

/** Payments are counted by the wallet, and by some for each of its merchants. */
function paymentKey({ merchantAccount, payment, scheme }: NotificationRecord): string {
  return `qr|${scheme}|${merchantAccount}|${payment}`
}
