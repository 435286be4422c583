/**
 * One payment or refund at a wallet, from its request to its single end. The request goes out once;
 * while its answer is missing, waiting or in doubt, the wallet is asked what became of it, until
 * the deadline. What must hold: the end is told exactly once; what comes after a deadline is told
 * as late, once; only "unsent" is definite.
 *
 *   request ──► paid · failed · mismatch ─────────────────► end
 *      │ missing, waiting, doubt       ▲
 *      └────► inquiry, every so often ─┘ … deadline ──► timed-out … late answer
 */

import type { Timer } from "../actor/timer-wheel.ts"
import type { TimersShape } from "../actor/timers.ts"
import type { WalletStamp, WalletStep, WalletVerdict } from "../qr/wallet.ts"
import type { Outcome } from "./breaker.ts"
import type { Ask, Heard } from "./wallet-caller.ts"

/** An inquiry that takes longer than this is asked anew. */
const inquiryTimeoutMs = 5000

export interface TalkPlan {
  readonly request: (stamp: WalletStamp) => WalletStep
  readonly inquiry: (stamp: WalletStamp) => WalletStep
  /** What the wallet does not know may be sent again under its number (refunds). */
  readonly repeatable: boolean
  readonly firstMs: number
  readonly everyMs: number
  /** Each pause is twice the last one, from `firstMs` on, instead of `everyMs`. */
  readonly growingPace: boolean
  readonly giveUpMs: number
  readonly slowMs: number
}

/** A final word: paid, failed, or other money than ours. */
export type Word = Extract<WalletVerdict, { readonly _tag: "paid" | "failed" | "mismatch" }>

export type TalkEnd =
  | { readonly _tag: "word"; readonly word: Word }
  | { readonly _tag: "unwritten" }
  | { readonly _tag: "timed-out" }

interface TalkListener {
  /** Its answer has been missing for longer than `slowMs`; once, before it is judged. */
  readonly slow: () => void
  /** What the request itself says about the wallet's health; once. */
  readonly judged: (outcome: Outcome) => void
  readonly ended: (end: TalkEnd) => void
  readonly late: (word: Word) => void
}

export class WalletTalk {
  readonly #plan: TalkPlan
  readonly #ask: Ask
  readonly #timers: TimersShape
  readonly #nowMs: () => number
  readonly #listener: TalkListener
  readonly #beganMs: number
  readonly #deadlineMs: number
  readonly #deadline: Timer
  #poll: Timer | undefined
  #sends = 0
  #inquiries = 0
  #slow = false
  #judged = false
  readonly #stalls: number
  #state: "open" | "timed-out" | "over" = "open"

  constructor(
    plan: TalkPlan,
    services: {
      readonly ask: Ask
      readonly timers: TimersShape
      readonly nowMs: () => number
    },
    timeoutMs: number,
    listener: TalkListener
  ) {
    this.#plan = plan
    this.#ask = services.ask
    this.#timers = services.timers
    this.#nowMs = services.nowMs
    this.#listener = listener
    this.#beganMs = this.#nowMs()
    this.#stalls = this.#timers.stalls()
    const patienceMs = Math.min(timeoutMs, plan.giveUpMs)
    this.#deadlineMs = this.#beganMs + patienceMs
    this.#deadline = this.#timers.after(patienceMs, () => this.#expired())
    this.#schedule(plan.firstMs)
    this.#send(patienceMs)
  }

  #send(timeoutMs: number): void {
    this.#sends++
    this.#ask(this.#plan.request, timeoutMs, (heard) => {
      const sick = heard._tag === "doubt" || heard._tag === "unsent"
      this.#judge(sick ? "failed" : this.#pace())
      // Definite only while nothing had been sent before.
      if (heard._tag === "unsent" && this.#sends === 1) this.#end({ _tag: "unwritten" })
      // Of several sends a refusal speaks of one; what became of the order is asked.
      else if (heard._tag !== "failed" || this.#sends === 1) this.#hear(heard)
    })
  }

  /** How fast the request is by now. */
  #pace(): Outcome {
    if (this.#nowMs() - this.#beganMs <= this.#plan.slowMs) return "good"
    // A stall of ours fell into it: nobody knows when the answer came.
    return this.#stalls === this.#timers.stalls() ? "slow" : "void"
  }

  /** Needs no timer of its own: inquiries come often enough. */
  #noticeSlow(): void {
    if (this.#judged || this.#slow || this.#pace() !== "slow") return
    this.#slow = true
    this.#listener.slow()
  }

  #judge(outcome: Outcome): void {
    if (this.#judged) return
    this.#judged = true
    this.#listener.judged(outcome)
  }

  #schedule(delayMs: number): void {
    this.#poll?.cancel()
    this.#poll = this.#timers.after(delayMs, () => this.#inquire())
  }

  #inquire(): void {
    const leftMs = this.#deadlineMs - this.#nowMs()
    if (this.#state !== "open" || leftMs <= 0) return
    this.#inquiries++
    this.#noticeSlow()
    this.#ask(this.#plan.inquiry, Math.min(leftMs, inquiryTimeoutMs), (heard) => {
      this.#noticeSlow()
      if (heard._tag === "absent" && this.#plan.repeatable && this.#state === "open") {
        this.#send(Math.max(1, this.#deadlineMs - this.#nowMs()))
      }
      this.#hear(heard)
      if (this.#state === "open") this.#schedule(this.#pauseMs())
    })
  }

  #pauseMs(): number {
    const { everyMs, firstMs, growingPace } = this.#plan
    return growingPace ? firstMs * 2 ** Math.min(this.#inquiries, 20) : everyMs
  }

  #hear(heard: Heard): void {
    if (heard._tag !== "paid" && heard._tag !== "failed" && heard._tag !== "mismatch") return
    if (this.#state === "timed-out") {
      this.#state = "over"
      this.#listener.late(heard)
    } else {
      this.#end({ _tag: "word", word: heard })
    }
  }

  #expired(): void {
    this.#judge(this.#timers.stalled() ? "void" : "failed")
    this.#end({ _tag: "timed-out" })
  }

  #end(end: TalkEnd): void {
    if (this.#state !== "open") return
    this.#state = end._tag === "timed-out" ? "timed-out" : "over"
    this.#deadline.cancel()
    this.#poll?.cancel()
    this.#listener.ended(end)
  }
}
