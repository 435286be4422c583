/**
 * Reminds people of a breaker that an operator forced and may have forgotten (G8): what is forced
 * neither opens nor heals by itself. What must hold: somebody hears of it again and again until it
 * is let go, and never after that.
 */

import type { Timer } from "../actor/timer-wheel.ts"
import type { TimersShape } from "../actor/timers.ts"
import type { BreakerState } from "./breaker.ts"
import type { UpstreamMeter } from "./meter.ts"

/** Long enough for what an operator does on purpose. */
const remindMs = 900_000

export class ForcedReminder {
  readonly #timers: TimersShape
  readonly #tell: UpstreamMeter["forced"]
  readonly #waiting = new Map<string, Timer>()

  constructor(timers: TimersShape, tell: UpstreamMeter["forced"]) {
    this.#timers = timers
    this.#tell = tell
  }

  /** The operator's hand moved: `state` is what the breaker is now. */
  moved(upstream: string, state: BreakerState): void {
    this.#waiting.get(upstream)?.cancel()
    this.#waiting.delete(upstream)
    if (state === "forced-open" || state === "forced-closed") this.#wait(upstream, state, 0)
  }

  close(): void {
    for (const timer of this.#waiting.values()) timer.cancel()
    this.#waiting.clear()
  }

  #wait(upstream: string, state: BreakerState, forcedMs: number): void {
    const timer = this.#timers.after(remindMs, () => {
      this.#tell(upstream, state, forcedMs + remindMs)
      this.#wait(upstream, state, forcedMs + remindMs)
    })
    this.#waiting.set(upstream, timer)
  }
}
