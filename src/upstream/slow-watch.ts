/**
 * Tells a breaker of requests that wait for too long before they end: a host that has fallen silent
 * is known after `slowMs`, not when requests time out. One timer for a group, set for the oldest
 * request. What must hold: each is told once; none is told whose time a stall of ours fell into.
 */

import type { TimersShape } from "../actor/timers.ts"
import { unqueued, type Waiting } from "./correlation.ts"
import { Flight } from "./flight.ts"

/** Looks follow each other at least after this share of `slowMs`. */
const pauseShare = 0.1

export class SlowWatch {
  readonly #slowMs: number
  readonly #timers: TimersShape
  readonly #nowMs: () => number
  /** Oldest first. */
  readonly #waiting: () => Iterable<Waiting>
  readonly #tell: (flight: Flight, nowMs: number) => void
  #watching = false

  constructor(
    slowMs: number,
    services: { readonly timers: TimersShape; readonly nowMs: () => number },
    waiting: () => Iterable<Waiting>,
    tell: (flight: Flight, nowMs: number) => void
  ) {
    this.#slowMs = slowMs
    this.#timers = services.timers
    this.#nowMs = services.nowMs
    this.#waiting = waiting
    this.#tell = tell
  }

  /** A request waits from now on. */
  began(): void {
    if (!this.#watching) this.#lookIn(this.#slowMs)
  }

  #lookIn(delayMs: number): void {
    this.#watching = true
    this.#timers.after(delayMs, () => this.#look())
  }

  #look(): void {
    this.#watching = false
    const nowMs = this.#nowMs()
    for (const flight of this.#waiting()) {
      if (!(flight instanceof Flight) || flight.sequence === unqueued) continue
      if (flight.slowSinceMs > 0 || flight.wasHeld) continue
      const leftMs = flight.sentMs + this.#slowMs - nowMs
      if (leftMs > 0) return this.#lookIn(Math.max(leftMs, this.#slowMs * pauseShare))
      flight.slowSinceMs = nowMs
      this.#tell(flight, nowMs)
    }
  }
}
