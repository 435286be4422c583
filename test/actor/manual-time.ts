/** A clock that a test moves by hand; deferred tasks run when the test ends the turn. */

import { Layer } from "effect"
import { Time } from "../../src/domain/ports/time.ts"

export class ManualTime {
  now = 1000
  wall = 1_700_000_000_000
  #deferred: Array<() => void> = []
  #ends: Array<() => void> = []
  #periodic = new Set<{ readonly periodMs: number; readonly task: () => void; due: number }>()

  readonly layer: Layer.Layer<Time> = Layer.sync(Time, () => Time.of(this.shape))

  readonly shape = {
    monotonicMs: (): number => this.now,
    wallMs: (): number => this.wall,
    defer: (task: () => void): void => {
      this.#deferred.push(task)
    },
    atTurnEnd: (task: () => void): void => {
      this.#ends.push(task)
    },
    every: (periodMs: number, task: () => void): () => void => {
      const entry = { periodMs, task, due: this.now + periodMs }
      this.#periodic.add(entry)
      return () => this.#periodic.delete(entry)
    }
  }

  /** Runs what was deferred up to now, and what waits for the end, once. */
  endTurn(): void {
    const tasks = this.#deferred
    const ends = this.#ends
    this.#deferred = []
    for (const task of tasks) task()
    for (const task of ends) task()
    this.#ends = []
  }

  /** Ends turns until nothing is deferred any more, at most `limit` of them. */
  settle(limit = 1000): void {
    for (let turn = 0; turn < limit && this.#deferred.length + this.#ends.length > 0; turn++) {
      this.endTurn()
    }
  }

  /** Lets time pass in steps of a tick, with a turn after each. */
  pass(ms: number, stepMs = 10): void {
    const end = this.now + ms
    while (this.now < end) {
      this.hold(Math.min(stepMs, end - this.now))
      this.settle()
    }
  }

  /** The loop is held: time passes and periodic tasks run at most once, after it. */
  hold(ms: number): void {
    this.now += ms
    this.wall += ms
    for (const entry of this.#periodic) {
      if (entry.due > this.now) continue
      entry.due = this.now + entry.periodMs
      entry.task()
    }
  }
}
