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
  readonly atMs: number
  readonly order: number
  readonly owner: Incarnation
  readonly run: () => void
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
    this.#push({ atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, owner, run })
  }

  /** The next event, or false when nothing will ever happen again or not before `untilMs`. */
  step(untilMs: number): boolean {
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs) {
      const event = this.#pop()
      if (!event.owner.alive) continue
      if (event.owner.heldUntilMs > event.atMs) {
        this.#push({ ...event, atMs: event.owner.heldUntilMs })
        continue
      }
      this.nowMs = event.atMs
      this.happened++
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

  #pop(): Event {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    const size = heap.length
    if (size === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
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
    every: (periodMs, task) => {
      let stopped = false
      const again = () => {
        if (stopped) return
        events.after(owner, periodMs, again)
        task()
      }
      events.after(owner, periodMs, again)
      return () => {
        stopped = true
      }
    }
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
