/** Control actors: one fiber, a batch at a time, supervised by a schedule. */

import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Schedule, Scope } from "effect"
import { TestClock } from "effect/testing"
import { ControlActors, type ControlSpec } from "../../src/actor/control-actor.ts"
import { ManualTime } from "./manual-time.ts"

const time = new ManualTime()
const layer = ControlActors.layer.pipe(Layer.provide(time.layer))

function spec(
  heard: Array<string>,
  restarts: number
): ControlSpec<string, { seen: number }, never> {
  return {
    name: "link",
    capacity: 3,
    start: Effect.sync(() => ({ seen: 0 })),
    receive: (state, message) =>
      Effect.suspend(() => {
        if (message === "fail") return Effect.fail("no")
        if (message === "throw") throw new Error("a defect")
        heard.push(`${message}${++state.seen}`)
        return Effect.void
      }),
    restart: Schedule.max([Schedule.spaced("1 second"), Schedule.recurs(restarts)])
  }
}

const turn = Effect.promise(() => new Promise((done) => setImmediate(() => setImmediate(done))))

describe("a control actor", () => {
  it.effect("handles what it is told in order, and declines above its capacity", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const actors = yield* ControlActors
      const actor = yield* actors.spawn(spec(heard, 1))
      assert.deepStrictEqual(["a", "b", "c", "d"].map(actor.tell), [true, true, true, false])
      yield* turn
      assert.deepStrictEqual(heard, ["a1", "b2", "c3"])
      assert.strictEqual(actors.counts().get("link")?.declined, 1)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("keeps the rest of a batch when one message fails, and restarts with fresh state", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const actors = yield* ControlActors
      const actor = yield* actors.spawn(spec(heard, 5))
      for (const message of ["a", "fail", "b"]) actor.tell(message)
      yield* turn
      assert.deepStrictEqual(heard, ["a1"])
      yield* TestClock.adjust("1 second")
      yield* turn
      assert.deepStrictEqual(heard, ["a1", "b1"])
      actor.tell("throw")
      actor.tell("c")
      yield* turn
      yield* TestClock.adjust("1 second")
      yield* turn
      assert.deepStrictEqual(heard, ["a1", "b1", "c1"])
      const counts = actors.counts().get("link")
      assert.deepStrictEqual([counts?.defects, counts?.restarts, counts?.handled], [2, 2, 3])
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("ends with a reason when its schedule gives up", () =>
    Effect.gen(function*() {
      const actors = yield* ControlActors
      const actor = yield* actors.spawn(spec([], 1))
      actor.tell("fail")
      actor.tell("fail")
      yield* turn
      yield* TestClock.adjust("10 seconds")
      yield* turn
      assert.strictEqual(actor.endReason(), "defect")
      assert.isFalse(actor.tell("a"))
      // The name is free again.
      yield* actors.spawn(spec([], 1))
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("ends with its scope, and a second of the same name is a programmer's error", () =>
    Effect.gen(function*() {
      const actors = yield* ControlActors
      const scope = yield* Scope.make()
      const actor = yield* Scope.provide(actors.spawn(spec([], 1)), scope)
      const again = yield* Effect.exit(actors.spawn(spec([], 1)))
      assert.isTrue(Exit.isFailure(again))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(actor.endReason(), "draining")
      assert.isFalse(actor.tell("a"))
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("is not hurt by the failure of another", () =>
    Effect.gen(function*() {
      const actors = yield* ControlActors
      const done = yield* Deferred.make<void>()
      const sick = yield* actors.spawn({ ...spec([], 0), name: "sick" })
      const well = yield* actors.spawn<string, undefined, never>({
        name: "well",
        capacity: 1,
        start: Effect.succeed(undefined),
        receive: () => Deferred.succeed(done, undefined),
        restart: Schedule.recurs(0)
      })
      sick.tell("throw")
      yield* turn
      assert.strictEqual(sick.endReason(), "defect")
      well.tell("a")
      yield* Deferred.await(done)
    }).pipe(Effect.scoped, Effect.provide(layer)))
})
