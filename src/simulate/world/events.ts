/**
 * The world's time: a heap of events in the order of their due moment, and of their making when
 * they are due together. What must hold: time never runs back; what a dead process had scheduled
 * never happens; the order depends on nothing but the seed.
 */

import { Clock, Duration, Effect, Scheduler } from "effect"
import type { TimeShape } from "../../domain/ports/time.ts"

/** One incarnation of a process: what it scheduled dies with it. */
export class Incarnation {
  readonly name: string
  alive = true
  /** Its loop is held until then: whatever is due before happens then, in order. */
  heldUntilMs = 0

  constructor(name: string) {
    this.name = name
  }
}

interface Event {
  atMs: number
  order: number
  readonly owner: Incarnation
  readonly run: () => void
  /** Happens again after so long; 0: once. */
  everyMs: number
}

export class WorldEvents {
  /** Milliseconds since the world began. */
  nowMs = 0
  /** Events that happened. */
  happened = 0
  readonly #heap: Array<Event> = []
  #order = 0

  get pending(): number {
    return this.#heap.length
  }

  after(owner: Incarnation, delayMs: number, run: () => void): void {
    this.#push({
      atMs: this.nowMs + Math.max(0, delayMs),
      order: this.#order++,
      owner,
      run,
      everyMs: 0
    })
  }

  /** Again and again, until the returned function is called. */
  every(owner: Incarnation, periodMs: number, task: () => void): () => void {
    let stopped = false
    const run = () => {
      if (!stopped) task()
    }
    const order = this.#order++
    const event = { atMs: this.nowMs + periodMs, order, owner, run, everyMs: periodMs }
    this.#push(event)
    return () => {
      stopped = true
      event.everyMs = 0
    }
  }

  /** The next event, or false when nothing will ever happen again or not before `untilMs`. */
  step(untilMs: number): boolean {
    const heap = this.#heap
    while (heap.length > 0 && heap[0]!.atMs <= untilMs) {
      const event = heap[0]!
      const { owner } = event
      if (!owner.alive) {
        this.#pop()
        continue
      }
      if (owner.heldUntilMs > event.atMs) {
        event.atMs = owner.heldUntilMs
        this.#sink(event)
        continue
      }
      this.nowMs = event.atMs
      this.happened++
      if (event.everyMs > 0) {
        event.atMs += event.everyMs
        event.order = this.#order++
        this.#sink(event)
      } else this.#pop()
      event.run()
      return true
    }
    return false
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  /** Takes the first out. */
  #pop(): void {
    const last = this.#heap.pop()!
    if (this.#heap.length > 0) this.#sink(last)
  }

  /** Puts an event in the place of the first. */
  #sink(event: Event): void {
    const heap = this.#heap
    const size = heap.length
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, event)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = event
  }
}

function isBefore(left: Event, right: Event): boolean {
  return left.atMs < right.atMs || left.atMs === right.atMs && left.order < right.order
}

/** A wall clock that may be wrong, and be set. */
export interface WallClock {
  offsetMs: number
}

/** `Time` for one incarnation. */
export function worldTime(events: WorldEvents, owner: Incarnation, wall: WallClock): TimeShape {
  return {
    monotonicMs: () => events.nowMs,
    wallMs: () => Math.floor(events.nowMs) + wall.offsetMs,
    defer: (task) => events.after(owner, 0, task),
    atTurnEnd: (task) => events.after(owner, 0, task),
    every: (periodMs, task) => events.every(owner, periodMs, task)
  }
}

/** Effect's own clock and scheduler on the world's time, so that its fibers obey the seed too. */
export function onWorldTime(
  events: WorldEvents,
  owner: Incarnation,
  wall: WallClock
): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> {
  const millis = () => Math.floor(events.nowMs) + wall.offsetMs
  const nanos = () => BigInt(millis()) * 1_000_000n
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: () => BigInt(Math.floor(events.nowMs * 1e6)),
    monotonicTimeNanos: Effect.sync(() => BigInt(Math.floor(events.nowMs * 1e6))),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        let wanted = true
        events.after(owner, Duration.toMillis(duration), () => {
          if (wanted) resume(Effect.void)
        })
        return Effect.sync(() => {
          wanted = false
        })
      })
  }
  const scheduler = new Scheduler.MixedScheduler("async", (task) => {
    let wanted = true
    events.after(owner, 0, () => {
      if (wanted) task()
    })
    return () => {
      wanted = false
    }
  })
  return (effect) =>
    effect.pipe(
      Effect.provideService(Clock.Clock, clock),
      Effect.provideService(Scheduler.Scheduler, scheduler)
    )
}
