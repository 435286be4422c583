/** The wheel against a list that is searched from end to end. */

import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Timer, TimerWheel } from "../../src/actor/timer-wheel.ts"

interface Waiting {
  readonly id: number
  readonly due: number
}

/** What the wheel must do, said in the plainest way. */
class Model {
  waiting: Array<Waiting> = []
  passed: number
  readonly tickMs: number

  constructor(tickMs: number, startMs: number) {
    this.tickMs = tickMs
    this.passed = Math.floor(startMs / tickMs)
  }

  schedule(id: number, nowMs: number, delayMs: number): void {
    const due = Math.max(Math.ceil((nowMs + delayMs) / this.tickMs), this.passed + 1)
    this.waiting.push({ id, due })
  }

  cancel(id: number): void {
    this.waiting = this.waiting.filter((timer) => timer.id !== id)
  }

  advance(nowMs: number): Array<number> {
    const target = Math.floor(nowMs / this.tickMs)
    this.passed = Math.max(this.passed, target)
    const due = this.waiting.filter((timer) => timer.due <= target)
    this.waiting = this.waiting.filter((timer) => timer.due > target)
    return due.sort((one, other) => one.due - other.due).map((timer) => timer.id)
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("after" as const), ms: delays() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cancel" as const), ms: fc.nat(60) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: delays() }) }
)

/** Short ones, ones around a whole round of the 8-slot wheel, and very long ones. */
function delays(): fc.Arbitrary<number> {
  return fc.oneof(
    fc.integer({ min: -5, max: 40 }),
    fc.integer({ min: 60, max: 100 }),
    fc.double({ min: 0, max: 300, noNaN: true }),
    fc.integer({ min: 1000, max: 10_000_000 })
  )
}

describe("a timer wheel", () => {
  it("fires what a naive list would fire, in the same order, for any script", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 120 }),
        fc.double({ min: 0, max: 99, noNaN: true }),
        (steps, start) => {
          const wheel = new TimerWheel({ tickMs: 10, slots: 8, startMs: start })
          const model = new Model(10, start)
          const timers: Array<Timer> = []
          let now = start
          let fired: Array<number> = []
          for (const { kind, ms } of steps) {
            if (kind === "after") {
              const id = timers.length
              timers.push(wheel.schedule(now, ms, () => fired.push(id)))
              model.schedule(id, now, ms)
            } else if (kind === "cancel") {
              timers[ms]?.cancel()
              model.cancel(ms)
            } else {
              now += Math.max(ms, 0)
            }
            fired = []
            wheel.advance(now)
            expect(fired).toEqual(model.advance(now))
            expect(wheel.size).toBe(model.waiting.length)
          }
        }
      ),
      { numRuns: 500, seed: 1 }
    )
  })

  it("never fires early and never later than the first advance past its tick", () => {
    fc.assert(
      fc.property(delays(), fc.double({ min: 0, max: 1000, noNaN: true }), (delay, start) => {
        const wheel = new TimerWheel({ tickMs: 10, slots: 8, startMs: start })
        let fired = false
        wheel.schedule(start, delay, () => {
          fired = true
        })
        wheel.advance(start + delay - 1e-6 * Math.max(1, start + delay))
        expect(fired && delay > 0).toBe(false)
        wheel.advance(start + Math.max(delay, 0) + 20)
        expect(fired).toBe(true)
      }),
      { numRuns: 300, seed: 2 }
    )
  })

  it("lets one expired timer cancel another that expired with it", () => {
    const wheel = new TimerWheel({ tickMs: 10, slots: 8, startMs: 0 })
    const fired: Array<string> = []
    wheel.schedule(0, 10, () => {
      fired.push("first")
      second.cancel()
    })
    const second = wheel.schedule(0, 20, () => fired.push("second"))
    wheel.advance(1000)
    expect(fired).toEqual(["first"])
    expect(wheel.size).toBe(0)
  })

  it("does not fire a timer in the advance that scheduled it", () => {
    const wheel = new TimerWheel({ tickMs: 10, slots: 8, startMs: 0 })
    let count = 0
    const again = () => {
      count++
      wheel.schedule(500, 0, again)
    }
    wheel.schedule(0, 0, again)
    wheel.advance(500)
    expect(count).toBe(1)
    wheel.advance(510)
    expect(count).toBe(2)
  })

  it("keeps the timers behind one that throws", () => {
    const wheel = new TimerWheel({ tickMs: 10, slots: 8, startMs: 0 })
    const fired: Array<number> = []
    wheel.schedule(0, 10, () => {
      throw new Error("defect")
    })
    wheel.schedule(0, 10, () => fired.push(2))
    expect(() => wheel.advance(50)).toThrow("defect")
    wheel.advance(50)
    expect(fired).toEqual([2])
    expect(wheel.size).toBe(0)
  })
})
