/**
 * A wallet over HTTP as an upstream. It has no links and no sessions, only requests: a payment by
 * the customer's code, a refund, and the undo of what is in doubt. The order number is ours and
 * fixed before anything is sent; it is the only handle afterwards. What must hold: every dispatch
 * has exactly one ending; nothing but paid and failed with a verified signature is an answer.
 */

import type { TimersShape } from "../actor/timers.ts"
import type { Rrn, Stan } from "../domain/brand.ts"
import type { UpstreamConfig } from "../domain/config.ts"
import type { FailureCode } from "../domain/failures.ts"
import { invariant } from "../domain/invariant.ts"
import type { RandomShape, TimeShape } from "../domain/ports/time.ts"
import type {
  AdviceSend,
  Ending,
  Reservation,
  UpstreamAnswer,
  UpstreamRequest,
  UpstreamStatus
} from "../domain/ports/upstream.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { beijingStamp, type OrderFacts, type RefundOrder, type Wallet } from "../qr/wallet.ts"
import { AdviceStans } from "./advice-stans.ts"
import { BreakerProbe } from "./breaker-probe.ts"
import { Breaker, type BreakerStatus, type Permit } from "./breaker.ts"
import type { ControlledGroup, GroupEvents } from "./group.ts"
import type { ManagementEnd } from "./link-host.ts"
import type { UpstreamMeter } from "./meter.ts"
import {
  firstStan,
  formatStan,
  parseStan,
  type RrnAllocator,
  StanAllocator
} from "./stan-allocator.ts"
import type { Ask } from "./wallet-caller.ts"
import { walletCodeIn1987 } from "./wallet-codes.ts"
import { type TalkEnd, type TalkPlan, WalletTalk, type Word } from "./wallet-talk.ts"
import { type UndoEnd, undoPayment, undoRefund } from "./wallet-undo.ts"

interface WalletServices {
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly random: RandomShape
  readonly rrns: RrnAllocator
  readonly meter: UpstreamMeter
  readonly events: GroupEvents
}

const paidCode = "PAID"

/** An order of no one, for asking whether the wallet is well. */
const nobody: OrderFacts = { order: "", amount: 0, currency: "156" }

export class WalletGroup implements ControlledGroup {
  readonly name: string
  readonly kind = "wallet"
  readonly breaker: Breaker
  readonly #config: UpstreamConfig
  readonly #services: WalletServices
  readonly #wallet: Wallet
  readonly #ask: Ask
  readonly #probe: BreakerProbe
  readonly #stans: StanAllocator
  readonly #adviceStans: AdviceStans
  readonly #adviceWindow: number
  readonly #inquiry: NonNullable<UpstreamConfig["inquiry"]>
  #inFlight = 0
  #advices = 0
  #held = false

  constructor(config: UpstreamConfig, services: WalletServices, wallet: Wallet, ask: Ask) {
    invariant(config.inquiry !== undefined, `wallet ${config.name} says how it is asked`)
    this.name = config.name
    this.#config = config
    this.#services = services
    this.#wallet = wallet
    this.#ask = ask
    this.#inquiry = config.inquiry
    this.#stans = new StanAllocator(firstStan(services.time.wallMs()))
    this.#adviceStans = new AdviceStans(this.#stans)
    this.#adviceWindow = Math.max(1, Math.floor(config.window * config.adviceShare))
    this.#probe = new BreakerProbe({
      time: services.time,
      timers: services.timers,
      breaker: () => this.breaker,
      canEcho: () => true,
      echo: (ended) => this.#echo(ended)
    })
    const changed = (from: Breaker["state"], to: Breaker["state"]) => {
      services.meter.breaker(config.name, from, to)
      if (to === "closed") services.events.up(config.name)
      this.#probe.consider()
    }
    this.breaker = new Breaker(config.breaker, services.random.next, this.#nowMs(), changed)
  }

  reserve(request: UpstreamRequest): Reservation | FailureCode {
    if (this.#held) return "upstream-down"
    if (this.#inFlight >= this.#config.window) return "window-full"
    const { rrns, time } = this.#services
    const rrn = rrns.take()
    const reference = beijingStamp(time.wallMs()) + rrn
    const plan = this.#plan(request, reference)
    if (plan === undefined) return "untranslatable"
    const permit = this.breaker.permit()
    if (permit === 0) return "breaker-open"
    const number = this.#stans.take()
    invariant(number !== 0, "a window is smaller than the space of STANs")
    this.#inFlight++
    return this.#reservation(request, plan, formatStan(number), rrn, reference, permit)
  }

  adviceStan(): Stan {
    return this.#adviceStans.take()
  }

  advise(advice: AdviceSend, timeoutMs: number, ended: (ending: Ending) => void): boolean {
    if (this.#held || this.#advices >= this.#adviceWindow) return false
    const { meter, time, timers } = this.#services
    const { original, record } = advice
    if (!this.#adviceStans.hold(advice.stan)) return false
    const sentMs = record.times.forwardedMs ?? record.times.receivedMs
    const isPayment = record.kind === "sale"
    const { giveUpMs, undoNotBeforeMs } = this.#inquiry
    // A refund went out again until we gave up; what is under way the wallet does not know yet.
    const tooEarlyMs = isPayment ? undoNotBeforeMs : giveUpMs + undoNotBeforeMs
    // Too early for this wallet: it was not written, and the lane comes back. A message of a time
    // that is far ahead was sent before the clock was set back, and nobody waits for that time.
    const ageMs = Math.abs(time.wallMs() - sentMs)
    if (ageMs < tooEarlyMs) {
      timers.after(0, () => ended({ _tag: "unwritten" }))
      return true
    }
    this.#advices++
    const beganMs = this.#nowMs()
    meter.sent(this.name, "advice")
    const over = (end: UndoEnd) => {
      this.#advices--
      const ending = endingOf(end)
      meter.ended(this.name, "advice", ending._tag, (this.#nowMs() - beganMs) / 1000)
      ended(ending)
    }
    const services = { wallet: this.#wallet, ask: this.#ask, timeoutMs, ageMs }
    if (isPayment) undoPayment(orderOf(record), services, over)
    else undoRefund(refundOf(record, record.walletReference ?? "", original), services, over)
    return true
  }

  adviceOver(stan: Stan): void {
    this.#adviceStans.free(stan)
  }

  /** Wallets know orders by a reference that is never given twice; the STAN is ours alone. */
  continueAfter(): void {}

  status(): UpstreamStatus {
    return {
      name: this.name,
      kind: this.kind,
      breaker: this.breaker.state,
      links: [{ index: 0, state: this.#held ? "draining" : "up" }],
      inFlight: this.#inFlight + this.#advices,
      window: this.#config.window
    }
  }

  force(to: "open" | "closed" | "auto"): void {
    this.breaker.force(to, this.#nowMs())
  }

  breakerStatus(): BreakerStatus {
    return this.breaker.status(this.#nowMs())
  }

  /** A wallet has one link, which stands while nobody holds it. */
  hold(link: number, held: boolean): boolean {
    if (link !== 0) return false
    if (this.#held && !held) this.#services.events.up(this.name)
    this.#held = held
    return true
  }

  close(): void {
    this.#held = true
  }

  #nowMs(): number {
    return this.#services.time.monotonicMs()
  }

  /** Undefined: nothing that this wallet could do. */
  #plan(request: UpstreamRequest, reference: string): TalkPlan | undefined {
    const { original, payCode, record } = request
    const { amount, currency, kind, terminal } = record
    if (amount === undefined || currency === undefined) return undefined
    if (this.#wallet.currency !== undefined && this.#wallet.currency !== currency) return undefined
    const { everyMs, firstMs, giveUpMs } = this.#inquiry
    const { growingPace } = this.#wallet
    const pace = { firstMs, everyMs, giveUpMs, growingPace, slowMs: this.#config.breaker.slowMs }
    if (kind === "sale" && payCode !== undefined) {
      const order = { order: reference, amount, currency }
      const description = `${record.merchant.trimEnd()} ${terminal.trimEnd()}`
      const pay = { ...order, payCode, terminal: terminal.trimEnd(), description }
      return {
        ...pace,
        repeatable: false,
        request: (stamp) => this.#wallet.pay(pay, stamp),
        inquiry: (stamp) => this.#wallet.inquire(order, stamp)
      }
    }
    if (kind !== "refund" && kind !== "void" || original?.walletReference === undefined) {
      return undefined
    }
    const refund = refundOf(record, reference, original)
    return {
      ...pace,
      repeatable: true,
      request: (stamp) => this.#wallet.refund(refund, stamp),
      inquiry: (stamp) => this.#wallet.inquireRefund(refund, stamp)
    }
  }

  #reservation(
    request: UpstreamRequest,
    plan: TalkPlan,
    stan: Stan,
    rrn: Rrn,
    walletReference: string,
    permit: Permit
  ): Reservation {
    let taken = true
    const giveBack = () => {
      invariant(taken, "a reservation ends once")
      taken = false
      this.#inFlight--
      this.#stans.free(parseStan(stan))
    }
    const release = () => {
      if (!taken) return
      giveBack()
      this.breaker.ended(permit, "void", this.#nowMs())
    }
    const dispatch: Reservation["dispatch"] = (timeoutMs, ended) => {
      invariant(taken, "a reservation is dispatched once")
      const { meter } = this.#services
      const beganMs = this.#nowMs()
      const answer = (word: Word) => answerOf(word, request, rrn, walletReference)
      meter.sent(this.name, "request")
      const services = { ask: this.#ask, timers: this.#services.timers, nowMs: () => this.#nowMs() }
      let slowSinceMs = 0
      void new WalletTalk(plan, services, timeoutMs, {
        slow: () => {
          slowSinceMs = this.#nowMs()
          this.breaker.waitsLong(permit, slowSinceMs)
        },
        judged: (outcome) => this.breaker.ended(permit, outcome, this.#nowMs(), slowSinceMs),
        ended: (end) => {
          giveBack()
          const ending = endingOfTalk(end, answer)
          meter.ended(this.name, "request", ending._tag, (this.#nowMs() - beganMs) / 1000)
          ended(ending)
        },
        late: (word) => {
          meter.stray(this.name, "late")
          if (word._tag !== "mismatch") this.#services.events.late(request.record.id, answer(word))
        }
      })
      return true
    }
    return { upstream: this.name, link: 0, stan, rrn, walletReference, release, dispatch }
  }

  /** Wallets know no echo: any genuine word about an order of no one says that they are well. */
  #echo(ended: (how: ManagementEnd) => void): void {
    const order = { ...nobody, order: beijingStamp(this.#services.time.wallMs()) + "ECHO" }
    this.#services.meter.sent(this.name, "management")
    this.#ask(
      (stamp) => this.#wallet.inquire(order, stamp),
      this.#config.breaker.slowMs,
      (heard) => ended(heard._tag === "doubt" || heard._tag === "unsent" ? "silent" : "accepted")
    )
  }
}

function orderOf(record: TransactionRecord): OrderFacts {
  return {
    order: record.walletReference ?? "",
    amount: record.amount ?? 0,
    currency: record.currency ?? ""
  }
}

function refundOf(
  record: TransactionRecord,
  refund: string,
  original: TransactionRecord | undefined
): RefundOrder {
  const amount = record.amount ?? 0
  return {
    refund,
    order: original?.walletReference ?? "",
    amount,
    total: original?.amount ?? amount,
    currency: record.currency ?? ""
  }
}

function endingOf(end: UndoEnd): Ending {
  if (end._tag === "unsent") return { _tag: "unwritten" }
  if (end._tag === "silent") return { _tag: "timed-out" }
  const accepted = end._tag === "accepted"
  const response1987 = accepted ? "00" : "05"
  return {
    _tag: "answered",
    answer: { approved: accepted, response: end.code, response1987 }
  }
}

function endingOfTalk(end: TalkEnd, answer: (word: Word) => UpstreamAnswer): Ending {
  if (end._tag !== "word") return { _tag: end._tag }
  if (end.word._tag === "mismatch") return { _tag: "invalid", detail: end.word.detail }
  return { _tag: "answered", answer: answer(end.word) }
}

/** The terminal's voucher is our order number: a void or refund brings it back. */
function answerOf(
  word: Word,
  request: UpstreamRequest,
  rrn: Rrn,
  walletReference: string
): UpstreamAnswer {
  if (word._tag !== "paid") {
    const response = word._tag === "failed" ? word.code : word.detail
    return { approved: false, response, response1987: walletCodeIn1987(response) }
  }
  const dialect = request.message?.dialect
  const paths: ReadonlyArray<readonly [string | undefined, string]> = [
    [dialect?.pathOf("rrn"), rrn],
    [dialect?.pathOf("voucher"), walletReference]
  ]
  const values: Record<string, string> = {}
  for (const [path, text] of paths) if (path !== undefined) values[path] = text
  return { approved: true, response: paidCode, response1987: "00", rrn, values }
}
