/**
 * Hot actors: plain objects with a synchronous `receive`, a bounded mailbox, and one drain per turn
 * of the event loop for all of them. No fiber, no timer, no promise of their own. What must hold:
 * an actor handles one message at a time, in the order told; nobody waits for more than a fair
 * share of anybody else's; an actor that throws hurts itself alone: it is reported, counted and
 * restarted or ended by its policy; after its end it hears nothing but its reason, once.
 */

import { Context, Effect, Layer } from "effect"
import type { EndReason } from "../domain/end-reasons.ts"
import { InvariantViolation } from "../domain/invariant.ts"
import { Time, type TimeShape } from "../domain/ports/time.ts"
import { Timers, type TimersShape } from "./timers.ts"

/** Messages of one actor per turn; what is beyond waits for the next turn. */
export const fairShare = 64

/** Places of an empty mailbox that are kept for what comes next. */
const keptPlaces = 16

export interface HotBehaviour<M> {
  readonly receive: (message: M) => void
  /** The last call; nothing is received after it. */
  readonly ended?: (reason: EndReason) => void
}

/** What the actors of one kind have in common; made once, named in logs and metrics. */
export interface HotKind {
  readonly name: string
  /** Messages that may wait; one more is declined. */
  readonly capacity: number
  /** Defects within `withinMs` that are answered by a restart; one more ends the actor. */
  readonly restarts: number
  readonly withinMs: number
  /** Pause before a restart. */
  readonly restartMs: number
}

export interface HotRef<M> {
  readonly name: string
  readonly kind: HotKind
  /** False: the mailbox is full, or the actor has ended. */
  readonly tell: (message: M) => boolean
  readonly depth: () => number
  /** Ends the actor; what waits in its mailbox is dropped. Only the first reason counts. */
  readonly end: (reason: EndReason) => void
  /** Undefined while it lives. */
  readonly endReason: () => EndReason | undefined
}

interface HotCounts {
  spawned: number
  alive: number
  /** Messages declined because a mailbox was full. */
  declined: number
  defects: number
  restarts: number
  readonly ended: Partial<Record<EndReason, number>>
}

export interface HotActorsShape {
  /** `start` makes fresh state; it is called again for every restart. */
  readonly spawn: <M>(kind: HotKind, name: string, start: () => HotBehaviour<M>) => HotRef<M>
  /** By the name of the kind. */
  readonly counts: () => ReadonlyMap<string, HotCounts>
}

/** What the cells share; kept apart from them so that a cell stays small. */
interface House {
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly wake: (cell: Drained) => void
  readonly report: (name: string, cause: unknown, fate: "restarts" | "ends") => void
  readonly gone: (cell: Drained) => void
}

interface Drained {
  readonly run: () => void
  readonly end: (reason: EndReason) => void
}

class Cell<M> implements HotRef<M>, Drained {
  readonly name: string
  readonly kind: HotKind
  readonly #start: () => HotBehaviour<M>
  readonly #house: House
  readonly #counts: HotCounts
  #behaviour: HotBehaviour<M> | undefined
  /** What waits stands from head to tail; the places are used again. */
  #box: Array<M | undefined> = []
  #head = 0
  #tail = 0
  #queued = false
  #endReason: EndReason | undefined
  #defectsMs: Array<number> | undefined

  constructor(
    kind: HotKind,
    name: string,
    start: () => HotBehaviour<M>,
    house: House,
    counts: HotCounts
  ) {
    this.kind = kind
    this.name = name
    this.#start = start
    this.#house = house
    this.#counts = counts
    this.#behaviour = start()
  }

  tell(message: M): boolean {
    if (this.#endReason !== undefined) return false
    if (this.depth() >= this.kind.capacity) {
      this.#counts.declined++
      return false
    }
    this.#box[this.#tail++] = message
    this.#wake()
    return true
  }

  depth(): number {
    return this.#tail - this.#head
  }

  endReason(): EndReason | undefined {
    return this.#endReason
  }

  end(reason: EndReason): void {
    if (this.#endReason !== undefined) return
    this.#endReason = reason
    const behaviour = this.#behaviour
    this.#behaviour = undefined
    this.#box = []
    this.#head = this.#tail = 0
    this.#counts.alive--
    this.#counts.ended[reason] = (this.#counts.ended[reason] ?? 0) + 1
    this.#house.gone(this)
    try {
      behaviour?.ended?.(reason)
    } catch (cause) {
      this.#counts.defects++
      this.#house.report(this.name, cause, "ends")
    }
  }

  run(): void {
    this.#queued = false
    try {
      for (let share = fairShare; share > 0 && this.depth() > 0; share--) {
        const behaviour = this.#behaviour
        if (behaviour === undefined) return
        behaviour.receive(this.#take())
      }
    } catch (cause) {
      // The message that did it is dropped; the others wait for the restart.
      this.#failed(cause)
    }
    if (this.depth() > 0) this.#wake()
  }

  #take(): M {
    const message = this.#box[this.#head] as M
    this.#box[this.#head++] = undefined
    if (this.#head === this.#tail) {
      if (this.#tail > keptPlaces) this.#box = []
      this.#head = this.#tail = 0
    } else if (this.#head > 1024) {
      this.#box = this.#box.slice(this.#head, this.#tail)
      this.#tail -= this.#head
      this.#head = 0
    }
    return message
  }

  #wake(): void {
    if (this.#queued || this.#behaviour === undefined) return
    this.#queued = true
    this.#house.wake(this)
  }

  #failed(cause: unknown): void {
    const { kind } = this
    const now = this.#house.time.monotonicMs()
    this.#counts.defects++
    const recent = (this.#defectsMs ?? []).filter((atMs) => now - atMs < kind.withinMs)
    recent.push(now)
    this.#defectsMs = recent
    const restarts = recent.length <= kind.restarts && this.#endReason === undefined
    this.#house.report(this.name, cause, restarts ? "restarts" : "ends")
    if (!restarts) return this.end("defect")
    this.#behaviour = undefined
    this.#house.timers.after(kind.restartMs, () => this.#restart())
  }

  #restart(): void {
    if (this.#endReason !== undefined) return
    this.#counts.restarts++
    try {
      this.#behaviour = this.#start()
    } catch (cause) {
      return this.#failed(cause)
    }
    if (this.depth() > 0) this.#wake()
  }
}

/** Owns every hot actor of the process: closing its scope ends them all with `draining`. */
export class HotActors extends Context.Service<HotActors, HotActorsShape>()(
  "pointsman/actor/HotActors"
) {
  static readonly layer: Layer.Layer<HotActors, never, Time | Timers> = Layer.effect(
    HotActors,
    Effect.gen(function*() {
      const time = yield* Time
      const timers = yield* Timers
      const context = yield* Effect.context<never>()
      const counts = new Map<string, HotCounts>()
      const alive = new Set<Drained>()
      const house: House = {
        time,
        timers,
        wake: sharedDrain(time),
        gone: (cell) => alive.delete(cell),
        report: (name, cause, fate) => {
          Effect.runForkWith(context)(Effect.logError("actor-failed", { actor: name, fate }, cause))
          // A broken invariant is not one session's misfortune: it ends the process.
          if (cause instanceof InvariantViolation) throw cause
        }
      }
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const cell of alive) cell.end("draining")
        })
      )
      return HotActors.of({
        spawn: (kind, name, start) => {
          const ours = countsOf(counts, kind)
          const cell = new Cell(kind, name, start, house, ours)
          ours.spawned++
          ours.alive++
          alive.add(cell)
          return cell
        },
        counts: () => counts
      })
    })
  )
}

/** One deferred task per turn, however many actors have mail. */
function sharedDrain(time: TimeShape): (cell: Drained) => void {
  let ready: Array<Drained> = []
  let spare: Array<Drained> = []
  let scheduled = false
  const schedule = () => {
    if (scheduled) return
    scheduled = true
    time.defer(drain)
  }
  const drain = () => {
    scheduled = false
    const cells = ready
    ready = spare
    let done = 0
    try {
      for (const cell of cells) {
        done++
        cell.run()
      }
    } finally {
      // Only a broken invariant leaves here early; the others keep their turn all the same.
      for (const cell of cells.slice(done)) ready.push(cell)
      cells.length = 0
      spare = cells
      if (ready.length > 0) schedule()
    }
  }
  return (cell) => {
    ready.push(cell)
    schedule()
  }
}

function countsOf(counts: Map<string, HotCounts>, kind: HotKind): HotCounts {
  let found = counts.get(kind.name)
  if (found === undefined) {
    found = { spawned: 0, alive: 0, declined: 0, defects: 0, restarts: 0, ended: {} }
    counts.set(kind.name, found)
  }
  return found
}
