/**
 * A circuit breaker as a pure state machine: events and times in, verdicts out. It reads no clock
 * and sets no timer; its owner asks it. What must hold:
 *
 * - Only technical outcomes move it. A decline is a good outcome.
 * - No customer's request passes a half-open breaker before an echo came back.
 * - An outcome counts in the state that gave its permit, and in no later one.
 * - A request is one call of the window, however often it is heard of: it is slow from the moment
 *   that it has waited for `slowMs`, and failed at its end. One that is both counts in both shares.
 * - Where too few customers come for a share, failures in a row speak: `failuresInARow` of them,
 *   over a window or longer, with no answer between. What broke at one moment is the shares' to
 *   judge.
 */

import type { BreakerConfig } from "../domain/config.ts"
import { invariant } from "../domain/invariant.ts"

export type BreakerState = "closed" | "half-open" | "open" | "forced-open" | "forced-closed"

type BreakerEvent =
  | "tripped"
  | "waited"
  | "proven"
  | "force-open"
  | "force-close"
  | "release"

/** The one table. What is absent does not happen. */
export const breakerTransitions: Readonly<
  Record<BreakerState, Readonly<Partial<Record<BreakerEvent, BreakerState>>>>
> = {
  closed: { tripped: "open", "force-open": "forced-open", "force-close": "forced-closed" },
  open: { waited: "half-open", "force-open": "forced-open", "force-close": "forced-closed" },
  "half-open": {
    tripped: "open",
    proven: "closed",
    "force-open": "forced-open",
    "force-close": "forced-closed"
  },
  // An operator who lets go of a forced-open breaker has proven nothing: the echo comes first.
  "forced-open": { release: "half-open", "force-close": "forced-closed" },
  "forced-closed": { release: "closed", "force-open": "forced-open" }
}

/**
 * `good`: answered, declines included. `slow`: answered above `slowMs`. `failed`: no link, timeout,
 * link lost, or a response code that the profile calls technical. `void`: nothing was learned, as
 * when a place was given back unused or a stall of our own fell into its time.
 */
export type Outcome = "good" | "slow" | "failed" | "void"

/** A call's right to count; 0 is a refusal, and one below it is an observer's. */
export type Permit = number

/** The window is this many buckets; the oldest falls out whole. */
export const bucketsPerWindow = 10

/** Open times are shortened by up to this share, so that nodes do not probe in step. */
export const openJitter = 0.25

export interface BreakerStatus {
  readonly state: BreakerState
  /** Time of the last change, on the clock that the owner passes in. */
  readonly sinceMs: number
  /** Calls, failures and slow calls in the window. */
  readonly calls: number
  readonly failed: number
  readonly slow: number
}

export class Breaker {
  readonly #config: BreakerConfig
  readonly #random: () => number
  readonly #changed: (from: BreakerState, to: BreakerState) => void
  readonly #window: Window
  #state: BreakerState = "closed"
  #sinceMs: number
  #epoch = 1
  #dueMs = 0
  #trips = 0
  #echo: "wanted" | "sent" | "good" = "wanted"
  #probes = 0
  #proofs = 0
  /** Failures since the last answer, and the time of the first of them. */
  #run = 0
  #runSinceMs = 0

  /** `random` gives numbers in [0, 1); `changed` hears every transition. */
  constructor(
    config: BreakerConfig,
    random: () => number,
    nowMs: number,
    changed: (from: BreakerState, to: BreakerState) => void = () => {}
  ) {
    invariant(config.probesToClose >= 1, "a breaker needs at least one probe to close")
    invariant(config.maxOpenMs >= config.openMs, "maxOpenMs is not below openMs")
    this.#config = config
    this.#random = random
    this.#changed = changed
    this.#window = new Window(config.windowMs)
    this.#sinceMs = nowMs
  }

  get state(): BreakerState {
    return this.#state
  }

  /** When `echoWanted` should be asked next; undefined while the breaker is not open. */
  get dueMs(): number | undefined {
    return this.#state === "open" ? this.#dueMs : undefined
  }

  /** The right to send one customer's request, or 0. Every permit is given back through `ended`. */
  permit(): Permit {
    switch (this.#state) {
      case "closed":
      case "forced-closed":
        return this.#epoch
      case "half-open": {
        if (this.#echo !== "good") return 0
        if (this.#proofs + this.#probes >= this.#config.probesToClose) return 0
        this.#probes++
        return this.#epoch
      }
      case "open":
      case "forced-open":
        return 0
    }
  }

  /**
   * A permit for what is sent whatever the breaker says (advices): it counts in the window while
   * the breaker is closed, and never serves as a probe. It is no part of a run: one reversal that
   * its host keeps failing at, all night, says nothing of the sales.
   */
  observer(): Permit {
    return this.#state === "closed" ? -this.#epoch : 0
  }

  /** A call waits for longer than `slowMs`: it is slow from now on, whatever its end will be. */
  waitsLong(permit: Permit, nowMs: number): void {
    this.#heard(permit, "slow", nowMs, 0)
  }

  /** `slowSinceMs`: when `waitsLong` heard of it, or 0. */
  ended(permit: Permit, outcome: Outcome, nowMs: number, slowSinceMs = 0): void {
    if (permit === this.#epoch && outcome !== "void") {
      if (outcome !== "failed") this.#run = 0
      else if (this.#run++ === 0) this.#runSinceMs = nowMs
    }
    this.#heard(permit, outcome, nowMs, slowSinceMs)
  }

  #heard(permit: Permit, outcome: Outcome, nowMs: number, slowSinceMs: number): void {
    if (Math.abs(permit) !== this.#epoch) return
    if (this.#state === "closed") {
      if (outcome === "void") return
      if (slowSinceMs > 0) {
        if (outcome !== "failed") return
        this.#window.takeBack(slowSinceMs, nowMs)
      }
      const slow = outcome === "slow" || slowSinceMs > 0
      this.#window.add(outcome === "failed", slow, nowMs)
      if (this.#isSick(nowMs)) this.#trip(nowMs)
    } else if (this.#state === "half-open") {
      this.#probes--
      this.#prove(outcome, nowMs)
    }
  }

  /**
   * True: an echo should be sent now. An open breaker whose time is over becomes half-open here.
   * The owner asks only when it has a link to send on, so that an outage does not use up attempts.
   */
  echoWanted(nowMs: number): boolean {
    if (this.#state === "open" && nowMs >= this.#dueMs) this.#move("waited", nowMs)
    return this.#state === "half-open" && this.#echo === "wanted"
  }

  echoSent(): Permit {
    invariant(this.#state === "half-open" && this.#echo === "wanted", "nobody wanted an echo")
    this.#echo = "sent"
    return this.#epoch
  }

  echoEnded(permit: Permit, outcome: Outcome, nowMs: number): void {
    if (permit !== this.#epoch || this.#echo !== "sent") return
    this.#echo = outcome === "good" ? "good" : "wanted"
    this.#prove(outcome, nowMs)
  }

  /** The operator's hand. `auto` lets go and changes nothing when nothing was forced. */
  force(to: "open" | "closed" | "auto", nowMs: number): void {
    const forced = this.#state === "forced-open" || this.#state === "forced-closed"
    if (to === "auto") {
      if (forced) this.#move("release", nowMs)
    } else if (this.#state !== `forced-${to}`) {
      this.#move(to === "open" ? "force-open" : "force-close", nowMs)
    }
    if (to !== "auto" || forced) this.#trips = 0
  }

  status(nowMs: number): BreakerStatus {
    this.#window.advance(nowMs)
    return {
      state: this.#state,
      sinceMs: this.#sinceMs,
      calls: this.#window.calls,
      failed: this.#window.failed,
      slow: this.#window.slow
    }
  }

  #isSick(nowMs: number): boolean {
    const { failuresInARow, windowMs } = this.#config
    if (this.#run >= failuresInARow && nowMs - this.#runSinceMs >= windowMs) return true
    const { calls, failed, slow } = this.#window
    if (calls < this.#config.minimumCalls) return false
    return failed >= this.#config.failureShare * calls || slow >= this.#config.slowShare * calls
  }

  #prove(outcome: Outcome, nowMs: number): void {
    if (outcome === "void") return
    if (outcome !== "good") return this.#trip(nowMs)
    this.#proofs++
    if (this.#proofs >= this.#config.probesToClose) this.#move("proven", nowMs)
  }

  #trip(nowMs: number): void {
    // A breaker that closes and trips again at once is flapping: its open time goes on growing.
    const rested = this.#state === "closed" && nowMs - this.#sinceMs >= this.#config.maxOpenMs
    this.#trips = rested ? 1 : this.#trips + 1
    const doubled = this.#config.openMs * 2 ** Math.min(this.#trips - 1, 30)
    const openMs = Math.min(doubled, this.#config.maxOpenMs)
    this.#dueMs = nowMs + openMs * (1 - openJitter * this.#random())
    this.#move("tripped", nowMs)
  }

  #move(event: BreakerEvent, nowMs: number): void {
    const from = this.#state
    const to = breakerTransitions[from][event]
    invariant(to !== undefined, `a ${from} breaker does not know ${event}`)
    this.#state = to
    this.#sinceMs = nowMs
    this.#epoch++
    this.#echo = "wanted"
    this.#probes = 0
    this.#proofs = 0
    this.#run = 0
    this.#window.clear()
    this.#changed(from, to)
  }
}

/** Counts per bucket of time; sums kept as buckets come and go. */
class Window {
  readonly #bucketMs: number
  readonly #counts = new Int32Array(bucketsPerWindow * 3)
  #bucket = -1
  calls = 0
  failed = 0
  slow = 0

  constructor(windowMs: number) {
    this.#bucketMs = windowMs / bucketsPerWindow
  }

  add(failed: boolean, slow: boolean, nowMs: number): void {
    this.advance(nowMs)
    const at = (this.#bucket % bucketsPerWindow) * 3
    this.#counts[at]!++
    this.calls++
    if (failed) {
      this.#counts[at + 1]!++
      this.failed++
    }
    if (slow) {
      this.#counts[at + 2]!++
      this.slow++
    }
  }

  /** A slow call that was counted at `atMs` is counted anew; if it left the window, it is gone. */
  takeBack(atMs: number, nowMs: number): void {
    this.advance(nowMs)
    const bucket = Math.floor(atMs / this.#bucketMs)
    if (bucket <= this.#bucket - bucketsPerWindow) return
    const at = (bucket % bucketsPerWindow) * 3
    this.#counts[at]!--
    this.#counts[at + 2]!--
    this.calls--
    this.slow--
  }

  /** Drops the buckets that left the window by `nowMs`. */
  advance(nowMs: number): void {
    const bucket = Math.floor(nowMs / this.#bucketMs)
    if (bucket <= this.#bucket) return
    const gone = Math.min(bucket - this.#bucket, bucketsPerWindow)
    for (let step = 1; step <= gone; step++) {
      const at = ((this.#bucket + step) % bucketsPerWindow) * 3
      this.calls -= this.#counts[at]!
      this.failed -= this.#counts[at + 1]!
      this.slow -= this.#counts[at + 2]!
      this.#counts.fill(0, at, at + 3)
    }
    this.#bucket = bucket
  }

  clear(): void {
    this.#counts.fill(0)
    this.calls = 0
    this.failed = 0
    this.slow = 0
  }
}
