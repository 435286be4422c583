/** Clocks that are set, wrong or held while transactions live (K1, K3, K4, P6). */

import { describe, expect, it } from "vitest"
import { Stage } from "./stage.ts"

const hour = 3_600_000

describe("K1: the wall clock is set by an hour", () => {
  for (const step of [hour, -hour]) {
    it(`${step > 0 ? "forwards" : "backwards"}: deadlines and duplicates do not care`, () => {
      const stage = new Stage()
      const asker = stage.ask()
      asker.live = false
      stage.journal.sync()
      stage.answer("00")
      stage.journal.sync()
      stage.time.wall += step
      stage.time.pass(4_000)
      expect(stage.records[0]?.state).toBe("answered")
      stage.time.pass(2_000)
      expect(stage.records[0]?.state).toBe("reversing")
      const submission = stage.sale()
      stage.approved(submission)
      stage.time.wall -= 2 * step
      expect(stage.ask(submission).delivered).toEqual(["answer 00"])
      expect(stage.upstreams.flights).toHaveLength(2)
    })
  }

  it("backwards and then restarted, twice: what was asked last is still the newest", () => {
    const first = new Stage()
    first.approved()
    const old = first.sale()
    first.approved(old)
    const second = new Stage(first.journal)
    second.time.wall -= hour
    second.recover()
    const last = second.sale({ stan: "000009" as never })
    second.approved(last)
    const ids = second.records.map(({ id }) => id)
    expect(ids).toEqual(ids.toSorted())
    const third = new Stage(first.journal)
    third.time.wall -= hour
    third.recover()
    expect(third.ask(third.sale({ stan: "000008" as never })).verdict?.failure)
      .toBe("duplicate-stale")
    expect(third.ask(third.sale({ stan: "000010" as never })).verdict).toBeUndefined()
  })
})

describe("K3: a terminal's clock", () => {
  it("that is wrong by a day is served, and counted", () => {
    const stage = new Stage()
    const day = (ms: number) => stage.room.local.stamp(stage.time.wall + ms)
    expect(stage.approved(stage.sale({ localTime: day(24 * hour) })).delivered)
      .toEqual(["answer 00"])
    expect(stage.counted.filter((line) => line === "clock wrong")).toHaveLength(1)
    stage.approved(stage.sale({ localTime: day(-12 * hour) }))
    stage.approved(stage.sale({ localTime: day(0) }))
    stage.approved(stage.sale())
    expect(stage.counted.filter((line) => line === "clock wrong")).toHaveLength(1)
  })
})

describe("K4 and P6: the process is held for twenty seconds", () => {
  it("what is overdue ends once, and what came late is not delivered", () => {
    const stage = new Stage()
    const asker = stage.ask()
    asker.live = false
    stage.journal.sync()
    stage.answer("00")
    stage.journal.sync()
    stage.time.hold(20_000)
    stage.time.settle()
    stage.journal.sync()
    expect(stage.advices.started).toHaveLength(1)
    stage.time.pass(20_000)
    stage.journal.sync()
    expect(stage.advices.started).toHaveLength(1)
    expect(asker.delivered).toEqual([])
  })
})
