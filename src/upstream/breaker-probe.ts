/**
 * Wakes an open breaker: when its time is over and a link stands, one echo goes out before any
 * customer's request. Asked again at every change of the breaker and of the links.
 */

import type { Timer } from "../actor/timer-wheel.ts"
import type { TimersShape } from "../actor/timers.ts"
import type { TimeShape } from "../domain/ports/time.ts"
import type { Breaker, Outcome } from "./breaker.ts"
import type { ManagementEnd } from "./link-host.ts"

/** Pause before another look when an echo could not be sent or not be judged. */
const againMs = 1000

const outcomes: Readonly<Record<ManagementEnd, Outcome>> = {
  accepted: "good",
  refused: "failed",
  silent: "failed",
  gone: "void",
  unjudged: "void"
}

interface ProbeServices {
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly breaker: () => Breaker
  /** Is there anything to send an echo on? */
  readonly canEcho: () => boolean
  readonly echo: (ended: (how: ManagementEnd) => void) => void
}

export class BreakerProbe {
  readonly #services: ProbeServices
  #timer: Timer | undefined

  constructor(services: ProbeServices) {
    this.#services = services
  }

  consider(): void {
    const { canEcho, echo, time } = this.#services
    const breaker = this.#services.breaker()
    this.#timer?.cancel()
    this.#timer = undefined
    if (breaker.state !== "open" && breaker.state !== "half-open") return
    const waitMs = (breaker.dueMs ?? 0) - time.monotonicMs()
    if (waitMs > 0) return this.#later(waitMs)
    // A peer that begins to read again tells nobody here.
    if (!canEcho()) return this.#later(againMs)
    if (!breaker.echoWanted(time.monotonicMs())) return
    const permit = breaker.echoSent()
    echo((how) => {
      const outcome = outcomes[how]
      breaker.echoEnded(permit, outcome, time.monotonicMs())
      if (outcome === "void") this.#later(againMs)
    })
  }

  #later(delayMs: number): void {
    this.#timer?.cancel()
    this.#timer = this.#services.timers.after(delayMs, () => this.consider())
  }
}
