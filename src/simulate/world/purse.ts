/**
 * The customers of the world: they scan a shop's code and pay with their wallet, which tells the
 * switch, by webhook or on its stream, again and again until it is heard. What must hold: every
 * payment is in the book before a notice of it leaves; a forged notice is never accepted.
 */

import type { TimersShape } from "../../actor/timers.ts"
import type { HttpShape } from "../../domain/ports/http.ts"
import type { TimeShape } from "../../domain/ports/time.ts"
import type { TransportShape } from "../../domain/ports/transport.ts"
import { NoticeSender } from "../notice-stream.ts"
import type { PaymentBook } from "../payment-book.ts"
import { genericNotice, type PaidNotice, type SignedNotice } from "../wallet.ts"
import type { Chance } from "./chance.ts"

export interface PurseHabits {
  /** Of notices: sent on the stream rather than to the webhook. */
  readonly streamed: number
  /** Of payments: told twice, under another number. */
  readonly twice: number
  /** Of payments: a forged notice comes first. */
  readonly forged: number
}

export const calmPurse: PurseHabits = { streamed: 0.5, twice: 0, forged: 0 }

interface PurseOptions {
  readonly wallet: string
  readonly account: string
  readonly merchantAccount: string
  readonly secret: Uint8Array
  readonly url: string
  readonly streamPort: number
  readonly habits: PurseHabits
  readonly http: HttpShape
  readonly transport: TransportShape
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly random: Chance
  readonly book: PaymentBook
  readonly onWrong: (what: string) => void
}

/** What is paid, and where. */
interface Scan {
  readonly terminal: string
  /** One of the two: the code on the screen, or the printed one. */
  readonly order?: string
  readonly counter?: string
  readonly amount: number
}

const retryMs = 15_000
const noticeTimeoutMs = 5_000
const streamPatienceMs = 20_000

export class Purse {
  readonly #options: PurseOptions
  readonly #sender: NoticeSender
  #payments = 0
  #notices = 0
  /** Notices that were not accepted yet. */
  outstanding = 0
  forged = 0
  /** What the last notice was, byte for byte. */
  #last: SignedNotice | undefined

  constructor(options: PurseOptions) {
    this.#options = options
    this.#sender = new NoticeSender(options.transport, options.streamPort)
  }

  pay({ amount, counter, order, terminal }: Scan): void {
    const { book, habits, merchantAccount, random, time, wallet } = this.#options
    // No card number, or the exceptions would mask it.
    const payment = `W${String(++this.#payments).padStart(16, "0")}`
    const paidMs = time.wallMs()
    book.pay({
      wallet,
      payment,
      terminal,
      amount,
      paidMs,
      accepted: false,
      told: 0,
      ...(order === undefined ? {} : { order })
    })
    const paid = {
      payment,
      amount,
      merchantAccount,
      paidMs,
      ...(order === undefined ? {} : { order }),
      ...(counter === undefined ? {} : { counter })
    }
    if (random.happens(habits.forged)) this.#forge(paid)
    this.#tell(paid)
    if (random.happens(habits.twice)) this.#tell(paid)
  }

  /** Somebody who does not know the secret says what was paid last. */
  forge({ amount, counter }: Pick<Scan, "amount" | "counter">): void {
    const { merchantAccount, time } = this.#options
    this.#forge({
      payment: "",
      amount,
      merchantAccount,
      paidMs: time.wallMs(),
      ...(counter === undefined ? {} : { counter })
    })
  }

  /** Somebody who listened sends what he heard; whatever is said to it, it may not count. */
  replay(): void {
    if (this.#last !== undefined) this.#send(this.#last, () => {})
  }

  #forge(paid: Omit<PaidNotice, "id">): void {
    const notice = { ...paid, id: `f${++this.#notices}`, payment: `forged-${this.#notices}` }
    this.forged++
    this.#attempt(notice, Buffer.from("not the secret of this account"), (accepted) => {
      if (accepted) this.#options.onWrong(`the forged notice ${notice.id} was accepted`)
    })
  }

  #tell(paid: Omit<PaidNotice, "id">): void {
    const { book, secret, timers } = this.#options
    const notice = { ...paid, id: `n${++this.#notices}` }
    this.outstanding++
    const again = (): void =>
      this.#attempt(notice, secret, (accepted) => {
        if (!accepted) return void timers.after(retryMs, again)
        this.outstanding--
        book.accept(notice.payment)
      })
    again()
  }

  /** Signed anew each time: an old signature is not believed. */
  #attempt(notice: PaidNotice, secret: Uint8Array, done: (accepted: boolean) => void): void {
    const { random, time } = this.#options
    this.#last = genericNotice(notice, secret, time.wallMs(), random)
    this.#send(this.#last, done)
  }

  #send(signed: SignedNotice, done: (accepted: boolean) => void): void {
    const { account, habits, http, random, timers, url } = this.#options
    if (random.happens(habits.streamed)) {
      const patience = timers.after(streamPatienceMs, () => this.#sender.hangUp())
      this.#sender.send(account, signed, (end) => {
        patience.cancel()
        done(end === "accepted")
      })
      return
    }
    const { body, headers } = signed
    http.call({ method: "POST", url, headers, body, timeoutMs: noticeTimeoutMs }, (outcome) => {
      const status = outcome._tag === "answered" ? outcome.response.status : 0
      done(status >= 200 && status < 300)
    })
  }
}
