/**
 * Deadlines for everybody on one wheel, moved by one periodic tick. What must hold: deadlines run
 * on the monotonic clock and never fire early; after the loop was held for longer than
 * {@link stallMs}, one round of reading sockets comes before anything expires (design rule 11), so
 * that an answer which came in time counts as in time, and `stalled()` is true while those timers
 * fire, so that none of them is held against an upstream.
 */

import { Context, Effect, Layer } from "effect"
import { Time } from "../domain/ports/time.ts"
import { type Timer, TimerWheel } from "./timer-wheel.ts"

/** Resolution of every deadline. */
const tickMs = 10

/** Ticks in a round of the wheel: 41 s. */
const slots = 4096

/** A loop that was held for longer than this has stalled. */
const stallMs = 250

export interface TimersShape {
  /** Calls `fire` once, not before `delayMs` and within two ticks of it while the loop runs. */
  readonly after: (delayMs: number, fire: () => void) => Timer
  /** True while timers fire whose expiry was delayed by a stall of this process. */
  readonly stalled: () => boolean
  /** Stalls since the start. */
  readonly stalls: () => number
  /** Timers that wait. */
  readonly pending: () => number
}

export class Timers extends Context.Service<Timers, TimersShape>()("pointsman/actor/Timers") {
  static readonly layer: Layer.Layer<Timers, never, Time> = Layer.effect(
    Timers,
    Effect.gen(function*() {
      const time = yield* Time
      let last = time.monotonicMs()
      const wheel = new TimerWheel({ tickMs, slots, startMs: last })
      let readingFirst = false
      let stalled = false
      let stalls = 0

      const expireLate = () => {
        readingFirst = false
        stalled = true
        last = time.monotonicMs()
        try {
          wheel.advance(last)
        } finally {
          stalled = false
        }
      }
      const tick = () => {
        if (readingFirst) return
        const now = time.monotonicMs()
        if (now - last > stallMs) {
          readingFirst = true
          stalls++
          // The sockets are read in this turn; the actors that hear of it are drained at its end.
          time.defer(() => time.defer(expireLate))
          return
        }
        last = now
        wheel.advance(now)
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => time.every(tickMs, tick)),
        (stop) => Effect.sync(stop)
      )
      return Timers.of({
        after: (delayMs, fire) => wheel.schedule(time.monotonicMs(), delayMs, fire),
        stalled: () => stalled,
        stalls: () => stalls,
        pending: () => wheel.size
      })
    })
  )
}
