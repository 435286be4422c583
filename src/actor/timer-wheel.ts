/**
 * One timer for everybody: a hashed wheel with O(1) schedule and cancel, however many deadlines
 * wait. It knows no clock; whoever owns it says what time it is. What must hold: a timer never
 * fires before its delay, fires at the first `advance` at or after its tick, in the order of due
 * ticks (equal ticks: as scheduled), at most once, and never after it was cancelled, not even by a
 * timer that fired just before it.
 *
 *   slot   0        1        2              slots-1
 *        ┌──────┬────────┬────────┬── … ──┬────────┐
 *        │  ◦   │ ◦─▢─▢  │   ◦    │       │  ◦─▢   │    ◦ ring head   ▢ timer, due tick mod slots
 *        └──────┴────────┴────────┴── … ──┴────────┘
 *                   ▲ passed ticks end here; a timer that is due in a later round stays in its slot
 */

import { invariant } from "../domain/invariant.ts"

/** A deadline that has been scheduled. Cancelling one that fired or was cancelled does nothing. */
export interface Timer {
  readonly cancel: () => void
}

interface WheelOptions {
  /** Length of a tick: the resolution of every deadline. */
  readonly tickMs: number
  /** Ticks in one round; deadlines beyond it cost one look per round. */
  readonly slots: number
  /** The time at which the wheel begins. */
  readonly startMs: number
}

class Entry implements Timer {
  next: Entry = this
  prev: Entry = this
  readonly wheel: TimerWheel
  readonly due: number
  fire: (() => void) | undefined

  constructor(wheel: TimerWheel, due: number, fire: (() => void) | undefined) {
    this.wheel = wheel
    this.due = due
    this.fire = fire
  }

  cancel(): void {
    if (this.fire !== undefined) this.wheel.remove(this)
  }
}

export class TimerWheel {
  readonly #tickMs: number
  readonly #slots: number
  /** Rings by slot, made when a timer is first put into one. */
  readonly #heads: Array<Entry | undefined> = []
  /** Timers whose tick has passed and that have not been fired yet, oldest first. */
  readonly #expired = new Entry(this, 0, undefined)
  #passed: number
  #size = 0

  constructor(options: WheelOptions) {
    this.#tickMs = options.tickMs
    this.#slots = options.slots
    this.#heads.length = options.slots
    this.#passed = Math.floor(options.startMs / options.tickMs)
  }

  /** Timers that wait. */
  get size(): number {
    return this.#size
  }

  /** Fires once, at the first `advance` to at least `nowMs + delayMs` rounded up to a tick. */
  schedule(nowMs: number, delayMs: number, fire: () => void): Timer {
    invariant(Number.isFinite(delayMs), "a delay is a finite number of milliseconds")
    const due = Math.max(Math.ceil((nowMs + delayMs) / this.#tickMs), this.#passed + 1)
    const entry = new Entry(this, due, fire)
    append(this.#head(due), entry)
    this.#size++
    return entry
  }

  /** For the entries themselves. */
  remove(entry: Entry): void {
    entry.fire = undefined
    entry.next.prev = entry.prev
    entry.prev.next = entry.next
    entry.next = entry.prev = entry
    this.#size--
  }

  /**
   * Passes every tick up to `nowMs` and fires what is due. When a timer throws, the error leaves
   * from here and the timers behind it fire at the next call: nothing is lost.
   */
  advance(nowMs: number): void {
    const target = Math.floor(nowMs / this.#tickMs)
    if (target > this.#passed) this.#collect(target)
    const expired = this.#expired
    while (expired.next !== expired) {
      const { fire } = expired.next
      this.remove(expired.next)
      fire?.()
    }
  }

  #head(tick: number): Entry {
    return this.#heads[tick % this.#slots] ??= new Entry(this, 0, undefined)
  }

  #collect(target: number): void {
    const passed = this.#passed
    this.#passed = target
    if (target - passed < this.#slots) {
      for (let tick = passed + 1; tick <= target; tick++) {
        const head = this.#heads[tick % this.#slots]
        if (head !== undefined) this.#takeDue(head, target)
      }
      return
    }
    // The wheel stood still for a whole round or more: its slots no longer tell the order.
    const late: Array<Entry> = []
    for (const head of this.#heads) {
      if (head === undefined) continue
      for (let entry = head.next; entry !== head; entry = entry.next) {
        if (entry.due <= target) late.push(entry)
      }
    }
    late.sort((one, other) => one.due - other.due)
    for (const entry of late) move(this.#expired, entry)
  }

  #takeDue(head: Entry, target: number): void {
    let entry = head.next
    while (entry !== head) {
      const { next } = entry
      if (entry.due <= target) move(this.#expired, entry)
      entry = next
    }
  }
}

function append(head: Entry, entry: Entry): void {
  entry.next = head
  entry.prev = head.prev
  head.prev.next = entry
  head.prev = entry
}

function move(head: Entry, entry: Entry): void {
  entry.next.prev = entry.prev
  entry.prev.next = entry.next
  append(head, entry)
}
