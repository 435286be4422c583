/**
 * Time, turns of the event loop and randomness. Production binds them to the machine, the seeded
 * world to its virtual clock. Nothing else in `src` may read a clock or a random number.
 */

import { Context } from "effect"

export interface TimeShape {
  /** Milliseconds on a clock that never steps; for every deadline. */
  readonly monotonicMs: () => number
  /** Milliseconds since the epoch; data, never a deadline. */
  readonly wallMs: () => number
  /** Runs `task` once, after the current turn has read its sockets. */
  readonly defer: (task: () => void) => void
  /**
   * Runs `task` once, at the end of the current turn: after what was deferred, and still in this
   * turn when something deferred asks for it. For who gathers what a turn brings and hands it on in
   * one piece. A task must not ask for itself again before it was handed something new.
   */
  readonly atTurnEnd: (task: () => void) => void
  /** Runs `task` every `periodMs` until the returned function is called. */
  readonly every: (periodMs: number, task: () => void) => () => void
}

export class Time extends Context.Service<Time, TimeShape>()("pointsman/domain/ports/Time") {}

export interface RandomShape {
  /** A number in [0, 1). */
  readonly next: () => number
  /** Fills with unpredictable bytes; keys and nonces come from here alone. */
  readonly bytes: (length: number) => Uint8Array<ArrayBuffer>
}

export class Random
  extends Context.Service<Random, RandomShape>()("pointsman/domain/ports/Random")
{}
