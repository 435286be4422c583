/**
 * One request or advice on one link, from the place it took to its single end:
 *
 *   reserved ──(secure)──dispatch──► sent ──answer · deadline · link gone──► over
 *       └──release · link gone────────────────────────────────────────────► over
 *
 * It owns a place on the link, a STAN and the breaker's permit, and gives all three back exactly
 * once, before anybody is told.
 */

import type { Timer } from "../actor/timer-wheel.ts"
import type { Rrn, Stan } from "../domain/brand.ts"
import type { FailureCode } from "../domain/failures.ts"
import { invariant } from "../domain/invariant.ts"
import type { Ending, Reservation, UpstreamAnswer } from "../domain/ports/upstream.ts"
import type { Message } from "../iso8583/message.ts"
import type { Asked } from "./answers.ts"
import type { Outcome, Permit } from "./breaker.ts"
import { unqueued, type Waiting } from "./correlation.ts"
import type { Link } from "./link.ts"
import type { PinWork } from "./pin-translation.ts"

/** The group that a flight belongs to, as the flight needs it. */
export interface Tower {
  readonly upstream: string
  readonly nowMs: () => number
  /** Stalls of our own so far. */
  readonly stalls: () => number
  /** Puts its PIN under the upstream's key, now or later. */
  readonly translate: (work: PinWork, done: (block: Uint8Array | FailureCode) => void) => void
  /** Starts its deadline and lets it wait for its answer. */
  readonly await: (flight: Flight, timeoutMs: number) => Timer
  /** Hands its bytes to the link, perhaps after sealing; false: no connection took them. */
  readonly write: (flight: Flight) => boolean
  /** The answer in our words, or in words what contradicts the request. */
  readonly judge: (plan: FlightPlan, answer: Message) => UpstreamAnswer | string
  readonly outcome: (answer: UpstreamAnswer, elapsedMs: number) => Outcome
  /** Everything it owned is free again; `answered` is `undefined` when there was no answer. */
  readonly landed: (flight: Flight, how: Landing) => void
}

export interface Landing {
  readonly ending: Ending
  readonly outcome: Outcome
}

/** What a flight is made of, all decided when its place was taken. */
export interface FlightPlan {
  readonly advice: boolean
  readonly transaction: string
  readonly link: Link
  readonly permit: Permit
  readonly key: number
  readonly stan: Stan
  readonly body: Buffer
  readonly rrn: Rrn | undefined
  readonly time: string | undefined
  /** A PIN to be translated before `body`, which has zeros in its place, is what leaves. */
  readonly pin: PinPlan | undefined
  /** Undefined for an advice. */
  readonly asked: Asked | undefined
}

export interface PinPlan {
  readonly work: PinWork
  readonly complete: (block: Uint8Array) => Buffer
}

export class Flight implements Reservation, Waiting {
  readonly plan: FlightPlan
  readonly upstream: string
  readonly stan: Stan
  readonly rrn?: Rrn
  readonly time?: string
  readonly key: number
  readonly link: number
  readonly secure?: (done: (failure: FailureCode | undefined) => void) => void
  sequence = unqueued
  sentMs = 0
  /** Since when the breaker knows that it is slow; 0: it was not told so. */
  slowSinceMs = 0
  #stalls = 0
  readonly #tower: Tower
  #state: "reserved" | "sent" | "over" = "reserved"
  /** With its PIN in it, until it was handed to the link. */
  #secret: Buffer | undefined
  #timer: Timer | undefined
  #ended: ((ending: Ending) => void) | undefined

  constructor(plan: FlightPlan, tower: Tower) {
    this.plan = plan
    this.upstream = tower.upstream
    this.stan = plan.stan
    this.key = plan.key
    this.link = plan.link.index
    if (plan.rrn !== undefined) this.rrn = plan.rrn
    if (plan.time !== undefined) this.time = plan.time
    this.#tower = tower
    const { pin } = plan
    if (pin !== undefined) this.secure = (done) => this.#translate(pin, done)
  }

  /** What leaves. */
  get body(): Buffer {
    invariant(
      this.plan.pin === undefined || this.#secret !== undefined,
      "a PIN is translated before its message leaves"
    )
    return this.#secret ?? this.plan.body
  }

  /** It was handed over, or never will be: nothing of the PIN stays here. */
  forgetPin(): void {
    this.#secret?.fill(0)
    this.#secret = undefined
  }

  #translate(
    { complete, work }: PinPlan,
    done: (failure: FailureCode | undefined) => void
  ): void {
    this.#tower.translate(work, (block) => {
      if (typeof block === "string") return done(block)
      this.#secret = complete(block)
      block.fill(0)
      done(undefined)
    })
  }

  get transaction(): string {
    return this.plan.advice ? "" : this.plan.transaction
  }

  /** Still waiting: bytes that were sealed in the meantime may go. */
  get isSent(): boolean {
    return this.#state === "sent"
  }

  /** A stall of ours fell into its time: nobody knows how long its answer took. */
  get wasHeld(): boolean {
    return this.#stalls !== this.#tower.stalls()
  }

  release(): void {
    if (this.#state === "reserved") this.#land({ ending: { _tag: "unwritten" }, outcome: "void" })
  }

  dispatch(timeoutMs: number, ended: (ending: Ending) => void): boolean {
    invariant(this.#state === "reserved", "a reservation is dispatched once")
    if (!this.plan.link.takesNew) {
      this.release()
      return false
    }
    this.#state = "sent"
    this.sentMs = this.#tower.nowMs()
    this.#stalls = this.#tower.stalls()
    this.#timer = this.#tower.await(this, timeoutMs)
    this.#ended = ended
    if (this.#tower.write(this)) return true
    this.#ended = undefined
    this.#land({ ending: { _tag: "unwritten" }, outcome: "void" })
    return false
  }

  answered(message: Message): void {
    const answer = this.#tower.judge(this.plan, message)
    if (typeof answer === "string") {
      this.#land({ ending: { _tag: "invalid", detail: answer }, outcome: "failed" })
      return
    }
    const elapsedMs = this.#tower.nowMs() - this.sentMs
    const outcome = this.#tower.outcome(answer, elapsedMs)
    const unknown = outcome === "slow" && this.wasHeld
    this.#land({ ending: { _tag: "answered", answer }, outcome: unknown ? "void" : outcome })
  }

  failed(how: "unwritten" | "timed-out" | "lost", stalled: boolean): void {
    this.#land({ ending: { _tag: how }, outcome: stalled ? "void" : "failed" })
  }

  /** No frame can carry its bytes: definite, and nobody's fault but the mapping's. */
  uncarried(): void {
    this.#land({ ending: { _tag: "unwritten", failure: "untranslatable" }, outcome: "void" })
  }

  #land(landing: Landing): void {
    invariant(this.#state !== "over", "a flight ends once")
    this.#state = "over"
    this.forgetPin()
    this.plan.body.fill(0)
    this.#timer?.cancel()
    const ended = this.#ended
    this.#ended = undefined
    this.#tower.landed(this, landing)
    ended?.(landing.ending)
  }
}
