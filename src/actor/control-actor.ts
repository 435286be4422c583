/**
 * Control actors: one fiber, one bounded mailbox, for what is rare and may wait. What must hold:
 * messages are handled one at a time in the order told; a message that fails or throws is dropped
 * alone, the rest of its batch is handled by the next incarnation; restarts follow the actor's
 * schedule, and when that ends, or the scope closes, the actor ends with a counted reason.
 */

import { Cause, Context, Effect, Layer, Queue, type Schedule, type Scope } from "effect"
import type { EndReason } from "../domain/end-reasons.ts"
import { invariant, InvariantViolation } from "../domain/invariant.ts"
import { Time } from "../domain/ports/time.ts"

export interface ControlSpec<M, S, R> {
  /** Unique among the living. */
  readonly name: string
  /** Messages that may wait; one more is declined. */
  readonly capacity: number
  /** Fresh state; run again for every restart. */
  readonly start: Effect.Effect<S, never, R>
  readonly receive: (state: S, message: M) => Effect.Effect<void, unknown, R>
  /** Says when to restart, and by ending, when to give up. */
  readonly restart: Schedule.Schedule<unknown>
}

interface ControlRef<M> {
  readonly name: string
  /** False: the mailbox is full, or the actor has ended. */
  readonly tell: (message: M) => boolean
  readonly depth: () => number
  /** Undefined while it lives. */
  readonly endReason: () => EndReason | undefined
}

interface ControlCounts {
  handled: number
  declined: number
  defects: number
  restarts: number
  depth: () => number
  endReason: EndReason | undefined
}

interface ControlActorsShape {
  /** Lives until the scope closes or its restart schedule gives up. */
  readonly spawn: <M, S, R>(
    spec: ControlSpec<M, S, R>
  ) => Effect.Effect<ControlRef<M>, never, R | Scope.Scope>
  /** By name; an ended actor's row stays until the name is taken again. */
  readonly counts: () => ReadonlyMap<string, Readonly<ControlCounts>>
}

export class ControlActors extends Context.Service<ControlActors, ControlActorsShape>()(
  "pointsman/actor/ControlActors"
) {
  static readonly layer: Layer.Layer<ControlActors, never, Time> = Layer.effect(
    ControlActors,
    Effect.gen(function*() {
      const time = yield* Time
      const all = new Map<string, ControlCounts>()
      /** A broken invariant ends the process: it is thrown where nobody catches. */
      const report = (name: string, cause: Cause.Cause<unknown>) => {
        const error = Cause.squash(cause)
        if (error instanceof InvariantViolation) {
          time.defer(() => {
            throw error
          })
        }
        return Effect.logError("actor-failed", { actor: name }, error)
      }

      const spawn = Effect.fnUntraced(function*<M, S, R>(spec: ControlSpec<M, S, R>) {
        const known = all.get(spec.name)
        invariant(
          known === undefined || known.endReason !== undefined,
          `an actor named ${spec.name} lives already`
        )
        const mailbox = yield* Queue.dropping<M>(spec.capacity)
        const counts: ControlCounts = {
          handled: 0,
          declined: 0,
          defects: 0,
          restarts: -1,
          depth: () => Queue.sizeUnsafe(mailbox),
          endReason: undefined
        }
        all.set(spec.name, counts)
        const end = (reason: EndReason) =>
          Effect.suspend(() => {
            counts.endReason ??= reason
            return Queue.shutdown(mailbox)
          })
        yield* incarnation(spec, mailbox, counts).pipe(
          Effect.tapCause((cause) => {
            if (Cause.hasInterruptsOnly(cause)) return Effect.void
            counts.defects++
            return report(spec.name, cause)
          }),
          Effect.sandbox,
          Effect.retry(spec.restart),
          Effect.onExit(() => end("defect")),
          Effect.ignore,
          Effect.forkScoped
        )
        yield* Effect.addFinalizer(() => end("draining"))
        return controlRef(spec.name, mailbox, counts)
      })
      return ControlActors.of({ spawn, counts: () => all })
    })
  )
}

/** The rest of a batch outlives the incarnation that failed in the middle of it. */
function incarnation<M, S, R>(
  spec: ControlSpec<M, S, R>,
  mailbox: Queue.Queue<M>,
  counts: ControlCounts
): Effect.Effect<never, unknown, R> {
  let batch: ReadonlyArray<M> = []
  let next = 0
  return Effect.gen(function*() {
    counts.restarts++
    const state = yield* spec.start
    while (true) {
      while (next < batch.length) {
        const message = batch[next++] as M
        yield* spec.receive(state, message)
        counts.handled++
      }
      batch = yield* Queue.takeAll(mailbox)
      next = 0
    }
  })
}

function controlRef<M>(
  name: string,
  mailbox: Queue.Queue<M>,
  counts: ControlCounts
): ControlRef<M> {
  return {
    name,
    tell: (message) => {
      if (counts.endReason !== undefined) return false
      const taken = Queue.offerUnsafe(mailbox, message)
      if (!taken) counts.declined++
      return taken
    },
    depth: counts.depth,
    endReason: () => counts.endReason
  }
}
