/** Deadlines on the monotonic clock, and what a held loop does to them. */

import { Effect, Exit, Layer, Scope } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import { Timers, type TimersShape } from "../../src/actor/timers.ts"
import { MachineTime } from "../../src/listen/machine-time.ts"
import { ManualTime } from "./manual-time.ts"

let scope: Scope.Closeable

function build(layer: Layer.Layer<Timers>): TimersShape {
  scope = Effect.runSync(Scope.make())
  const context = Effect.runSync(Layer.buildWithScope(layer, scope))
  return Effect.runSync(Effect.provide(Timers, context))
}

afterEach(() => Effect.runSync(Scope.close(scope, Exit.void)))

describe("timers", () => {
  it("fire once, after their delay, and not when cancelled", () => {
    const time = new ManualTime()
    const timers = build(Timers.layer.pipe(Layer.provide(time.layer)))
    const fired: Array<string> = []
    timers.after(100, () => fired.push(`a at ${time.now}`))
    timers.after(100, () => fired.push("never")).cancel()
    timers.after(60_000, () => fired.push(`b at ${time.now}`))
    time.pass(99)
    expect(fired).toEqual([])
    time.pass(61_000)
    expect(fired).toEqual(["a at 1109", "b at 61009"])
    expect(timers.pending()).toBe(0)
    expect(timers.stalls()).toBe(0)
  })

  it("let the sockets be read first after the loop was held, and say that they are late", () => {
    const time = new ManualTime()
    const timers = build(Timers.layer.pipe(Layer.provide(time.layer)))
    const fired: Array<string> = []
    const inTime = timers.after(500, () => fired.push("in time"))
    timers.after(500, () => fired.push(timers.stalled() ? "late by our fault" : "late"))
    time.hold(2000)
    expect(fired).toEqual([])
    // The answer that lay in the socket all the time is read now, by an actor that has mail.
    time.shape.defer(() => inTime.cancel())
    time.endTurn()
    expect(fired).toEqual([])
    time.endTurn()
    expect(fired).toEqual(["late by our fault"])
    expect(timers.stalled()).toBe(false)
    expect(timers.stalls()).toBe(1)
    timers.after(100, () => fired.push(timers.stalled() ? "late by our fault" : "late"))
    time.pass(200)
    expect(fired[1]).toBe("late")
  })

  it("run on the real clock", async () => {
    const timers = build(Timers.layer.pipe(Layer.provide(MachineTime)))
    const before = performance.now()
    await new Promise<void>((done) => timers.after(30, done))
    expect(performance.now() - before).toBeGreaterThanOrEqual(29.9)
  })
})
