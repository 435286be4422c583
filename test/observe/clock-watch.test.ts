/** The wall clock is set while the switch runs (K1), or the process is held (P6, K4). */

import { Effect, Scope } from "effect"
import { describe, expect, it } from "vitest"
import { watchClock } from "../../src/observe/clock-watch.ts"
import { makeMetrics } from "../../src/observe/metrics.ts"
import { prometheusText } from "../../src/observe/prometheus-text.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { writtenLines } from "./written-lines.ts"

function rig() {
  const time = new ManualTime()
  const metrics = makeMetrics()
  const { lines, written } = writtenLines()
  const scope = Effect.runSync(Scope.make())
  Effect.runSync(Scope.provide(watchClock(time.shape, metrics, lines), scope))
  const steps = () => /clock_step_total (\d+)/.exec(prometheusText(metrics))?.[1]
  return { time, written, steps }
}

describe("a clock that is set (K1)", () => {
  it("is counted once for each step, forwards and backwards, and said by how much", () => {
    const { steps, time, written } = rig()
    time.pass(5_000, 1_000)
    time.wall += 3_600_000
    time.pass(5_000, 1_000)
    time.wall -= 7_200_000
    time.pass(5_000, 1_000)
    expect(steps()).toBe("2")
    expect(written.map((line) => JSON.parse(line) as object)).toMatchObject([
      { event: "clock-stepped", byMs: 3_600_000 },
      { event: "clock-stepped", byMs: -7_200_000 }
    ])
  })

  it("is not suspected when the process was held, or a time server steers", () => {
    const { steps, time, written } = rig()
    time.hold(20_000)
    time.pass(2_000, 1_000)
    for (let look = 0; look < 20; look++) {
      time.wall += 100
      time.pass(1_000, 1_000)
    }
    expect(written).toEqual([])
    expect(steps() ?? "0").toBe("0")
  })
})
