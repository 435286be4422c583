/**
 * What happens to a notice: verified, booked, durable, and only then acknowledged and pushed to its
 * terminal. What must hold: the scheme hears "success" only after the commit (I1); a notice that is
 * repeated, even while the first is being written, is booked once; whoever is refused learns no
 * more than that.
 */

import type { FailureCode } from "../domain/failures.ts"
import type { NotificationRecord, UnhandledNotice } from "../domain/order.ts"
import type { CodecShape, NotificationJob } from "../domain/ports/codec.ts"
import type { JournalShape, JournalWrite, LedgerEntry } from "../domain/ports/journal.ts"
import type { PushShape } from "../domain/ports/push.ts"
import type { TransactionsShape } from "../domain/ports/transactions.ts"
import type { TransactionRecord } from "../domain/transaction.ts"

/** Notices under way at once; one more is told to come again. */
export const maxUnderWay = 4_096

export type NoticeEnd =
  /** Durable, now or before: the scheme must not send it again. */
  | {
    readonly _tag: "accepted"
    readonly what: "booked" | "known" | "exception" | "unhandled" | "idle"
  }
  /** Not genuine, or not readable: it will never be accepted. */
  | { readonly _tag: "refused"; readonly failure: FailureCode }
  /** Not now: the scheme sends it again by its own schedule. */
  | { readonly _tag: "later" }

export interface NoticeMeter {
  readonly notice: (account: string, end: string) => void
  /** Milliseconds from the last byte of a notice to its push being handed over. */
  readonly pushed: (milliseconds: number) => void
}

interface IntakeServices {
  readonly codec: CodecShape
  readonly journal: JournalShape
  readonly transactions: TransactionsShape
  readonly push: PushShape
  /** Names of our accounts: what a stranger calls his reaches no meter and no log. */
  readonly accounts: ReadonlySet<string>
  readonly monotonicMs: () => number
  readonly meter: NoticeMeter
  /** How long a terminal may take to hear of a payment. */
  readonly pushLifetimeMs: number
}

export class Intake {
  readonly #services: IntakeServices
  /** Notices whose commit is under way, with those who wait for the same one. */
  readonly #writing = new Map<string, Array<() => void>>()
  #underWay = 0

  constructor(services: IntakeServices) {
    this.#services = services
  }

  get underWay(): number {
    return this.#underWay
  }

  take(job: NotificationJob, done: (end: NoticeEnd) => void): void {
    const { accounts, codec, meter, monotonicMs } = this.#services
    const account = accounts.has(job.account) ? job.account : "unknown"
    if (this.#underWay >= maxUnderWay) {
      meter.notice(account, "later")
      return done({ _tag: "later" })
    }
    const arrivedMs = monotonicMs()
    this.#underWay++
    const end = (result: NoticeEnd) => {
      this.#underWay--
      const what = result._tag === "refused"
        ? result.failure
        : result._tag === "accepted"
        ? result.what
        : "later"
      meter.notice(account, what)
      done(result)
    }
    codec.verifyNotification(job, (verdict) => {
      switch (verdict._tag) {
        case "refused":
          return end({ _tag: "refused", failure: verdict.failure })
        case "idle":
          return end({ _tag: "accepted", what: "idle" })
        case "unhandled":
          return this.#setAside(verdict.notice, end)
        case "genuine":
          return this.#book(verdict.notification, arrivedMs, end)
      }
    })
  }

  /** Sent again it would mean no more: it is acknowledged, once a human will hear of it. */
  #setAside(notice: UnhandledNotice, done: (end: NoticeEnd) => void): void {
    if (this.#waits(notice, done)) return
    const feed = this.#services.transactions.unhandled(notice)
    const then = () => done({ _tag: "accepted", what: "unhandled" })
    if (feed.length === 0) then()
    else this.#commit(notice, [], feed, then)
  }

  /** True when the same notice is being written: this one ends with it. */
  #waits({ id }: { readonly id: string }, done: (end: NoticeEnd) => void): boolean {
    const waiting = this.#writing.get(id)
    waiting?.push(() => done({ _tag: "accepted", what: "known" }))
    return waiting !== undefined
  }

  #book(
    notification: NotificationRecord,
    arrivedMs: number,
    done: (end: NoticeEnd) => void
  ): void {
    if (this.#waits(notification, done)) return
    const booking = this.#services.transactions.book(notification)
    const seen: LedgerEntry = { table: "notifications", row: notification }
    switch (booking._tag) {
      case "known":
        this.#commit(notification, [], [seen], () => done({ _tag: "accepted", what: "known" }))
        return
      case "exception":
        this.#commit(
          notification,
          [],
          [seen, ...booking.feed],
          () => done({ _tag: "accepted", what: "exception" })
        )
        return
      case "booked": {
        const push = this.#prepare(booking.record, notification)
        const writes: Array<JournalWrite> = [
          { table: "notifications", key: notification.id, value: notification },
          ...booking.writes,
          ...push.writes
        ]
        const feed: Array<LedgerEntry> = [
          seen,
          ...booking.feed,
          { table: "pushes", row: push.record }
        ]
        this.#commit(notification, writes, feed, () => {
          done({ _tag: "accepted", what: "booked" })
          push.send()
          this.#services.meter.pushed(this.#services.monotonicMs() - arrivedMs)
        })
      }
    }
  }

  #prepare(record: TransactionRecord, notification: NotificationRecord) {
    const body = {
      event: "paid",
      transaction: record.id,
      scheme: record.scheme,
      amount: notification.amount,
      currency: notification.currency,
      payment: notification.payment,
      paidMs: notification.paidMs,
      ...(notification.order === undefined ? {} : { order: notification.order }),
      ...(notification.payerMask === undefined ? {} : { payer: notification.payerMask })
    }
    return this.#services.push.prepare(
      record.terminal,
      record.id,
      body,
      this.#services.pushLifetimeMs
    )
  }

  /** A commit that failed is told to nobody: the process ends, the scheme sends again. */
  #commit(
    { id }: { readonly id: string },
    writes: ReadonlyArray<JournalWrite>,
    feed: ReadonlyArray<LedgerEntry>,
    then: () => void
  ): void {
    this.#writing.set(id, [])
    this.#services.journal.commit(writes, feed, (failure) => {
      const waiting = this.#writing.get(id) ?? []
      this.#writing.delete(id)
      if (failure !== undefined) return
      then()
      for (const each of waiting) each()
    })
  }
}
