/**
 * Wakes an open breaker: when its time is over and a link stands, one echo goes out before any
 * customer's request. Asked again at every change of the breaker and of the links.
 */

import type { Timer } from "../actor/timer-wheel.ts"
import type { TimersShape } from "../actor/timers.ts"
import type { TimeShape } from "../domain/ports/time.ts"
import type { Breaker, Outcome } from "./breaker.ts"
import type { ManagementEnd } from "./link-host.ts"

/** Pause before another echo when the last one could not be judged. */
const againMs = 1000

const outcomes: Readonly<Record<ManagementEnd, Outcome>> = {
  accepted: "good",
  refused: "failed",
  silent: "failed",
  gone: "void",
  unjudged: "void"
}

export interface ProbeServices {
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
    const { canEcho, echo, time, timers } = this.#services
    const breaker = this.#services.breaker()
    this.#timer?.cancel()
    this.#timer = undefined
    const waitMs = (breaker.dueMs ?? 0) - time.monotonicMs()
    if (waitMs > 0) {
      this.#timer = timers.after(waitMs, () => this.consider())
      return
    }
    if (!canEcho() || !breaker.echoWanted(time.monotonicMs())) return
    const permit = breaker.echoSent()
    echo((how) => {
      const outcome = outcomes[how]
      breaker.echoEnded(permit, outcome, time.monotonicMs())
      if (outcome === "void") this.#timer = timers.after(againMs, () => this.consider())
    })
  }
}
