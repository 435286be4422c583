/** The circuit breaker in stories: when it opens, how it is probed, what it does not hear. */

import { describe, expect, it } from "vitest"
import { Breaker, openJitter, type Outcome } from "../../src/upstream/breaker.ts"
import { usualBreaker as config } from "./usual-breaker.ts"

const noJitter = () => 0

function call(breaker: Breaker, outcome: Outcome, nowMs: number): boolean {
  const permit = breaker.permit()
  if (permit !== 0) breaker.ended(permit, outcome, nowMs)
  return permit !== 0
}

function calls(breaker: Breaker, count: number, outcome: Outcome, nowMs: number): void {
  for (let index = 0; index < count; index++) call(breaker, outcome, nowMs)
}

function echo(breaker: Breaker, outcome: Outcome, nowMs: number): void {
  expect(breaker.echoWanted(nowMs)).toBe(true)
  breaker.echoEnded(breaker.echoSent(), outcome, nowMs)
}

/** Trips a closed breaker and returns when it may be probed. */
function trip(breaker: Breaker, nowMs: number): number {
  calls(breaker, config.minimumCalls, "failed", nowMs)
  expect(breaker.state).toBe("open")
  return breaker.dueMs!
}

describe("a circuit breaker", () => {
  it("says since when it stands as it does, and forgets its window with every change", () => {
    const breaker = new Breaker(config, noJitter, 7)
    expect(breaker.status(9)).toEqual({
      state: "closed",
      sinceMs: 7,
      calls: 0,
      failed: 0,
      slow: 0
    })
    calls(breaker, 5, "slow", 10)
    trip(breaker, 20)
    expect(breaker.status(30)).toEqual({
      state: "open",
      sinceMs: 20,
      calls: 0,
      failed: 0,
      slow: 0
    })
  })

  it("takes no configuration by which it could never close, and no echo that nobody wanted", () => {
    expect(() => new Breaker({ ...config, probesToClose: 0 }, noJitter, 0)).toThrow(/one probe/)
    expect(() => new Breaker({ ...config, maxOpenMs: 4999 }, noJitter, 0)).toThrow(/maxOpenMs/)
    const breaker = new Breaker({ ...config, probesToClose: 1, maxOpenMs: 5000 }, noJitter, 0)
    expect(() => breaker.echoSent()).toThrow(/nobody wanted/)
    const due = trip(breaker, 0)
    expect(() => breaker.echoSent()).toThrow(/nobody wanted/)
    expect(breaker.echoWanted(due)).toBe(true)
    breaker.echoEnded(breaker.echoSent(), "good", due)
    expect(breaker.state).toBe("closed")
    breaker.force("open", due)
    breaker.force("auto", due)
    breaker.echoSent()
    expect(() => breaker.echoSent()).toThrow(/nobody wanted/)
  })

  it("stays closed while the upstream declines everything (U15)", () => {
    const breaker = new Breaker(config, noJitter, 0)
    calls(breaker, 1000, "good", 10)
    expect(breaker.state).toBe("closed")
  })

  it("opens at half failures, not before the minimum of calls (U16)", () => {
    const breaker = new Breaker(config, noJitter, 0)
    calls(breaker, 10, "failed", 100)
    calls(breaker, 9, "good", 100)
    expect(breaker.state).toBe("closed")
    calls(breaker, 1, "good", 100)
    expect(breaker.state).toBe("open")
    expect(call(breaker, "good", 101)).toBe(false)
  })

  it("opens when half of the calls are slow although none fails (U13)", () => {
    const breaker = new Breaker(config, noJitter, 0)
    calls(breaker, 11, "good", 0)
    calls(breaker, 10, "slow", 5100)
    expect(breaker.state).toBe("closed")
    calls(breaker, 1, "slow", 5200)
    expect(breaker.state).toBe("open")
  })

  it("counts a call that waits as slow at once, and a second time only when it fails", () => {
    const breaker = new Breaker(config, noJitter, 0)
    const permits = Array.from({ length: 4 }, () => breaker.permit())
    for (const permit of permits) breaker.waitsLong(permit, 5000)
    expect(breaker.status(5000)).toMatchObject({ calls: 4, failed: 0, slow: 4 })
    breaker.ended(permits[0]!, "good", 6000, 5000)
    breaker.ended(permits[1]!, "slow", 6000, 5000)
    breaker.ended(permits[2]!, "void", 6000, 5000)
    expect(breaker.status(6000)).toMatchObject({ calls: 4, failed: 0, slow: 4 })
    breaker.ended(permits[3]!, "failed", 25_000, 5000)
    expect(breaker.status(25_000)).toMatchObject({ calls: 1, failed: 1, slow: 1 })
  })

  it("moves a waiting call that fails to the time of its end", () => {
    const breaker = new Breaker(config, noJitter, 0)
    const permit = breaker.permit()
    breaker.waitsLong(permit, 5000)
    breaker.ended(permit, "failed", 12_000, 5000)
    expect(breaker.status(12_000)).toMatchObject({ calls: 1, failed: 1, slow: 1 })
    expect(breaker.status(21_000)).toMatchObject({ calls: 1, failed: 1, slow: 1 })
    expect(breaker.status(22_000)).toMatchObject({ calls: 0, failed: 0, slow: 0 })
  })

  it("counts a call that fails when its slowness has just left the window, and no less", () => {
    const breaker = new Breaker(config, noJitter, 0)
    const permit = breaker.permit()
    breaker.waitsLong(permit, 1)
    breaker.ended(permit, "failed", config.windowMs, 1)
    expect(breaker.status(config.windowMs)).toMatchObject({ calls: 1, failed: 1, slow: 1 })
  })

  it("takes a probe that waits for a bad one, before its end", () => {
    const breaker = new Breaker(config, noJitter, 0)
    const due = trip(breaker, 0)
    echo(breaker, "good", due)
    const permit = breaker.permit()
    breaker.waitsLong(permit, due + 5000)
    expect(breaker.state).toBe("open")
    breaker.ended(permit, "failed", due + 25_000, due + 5000)
    expect(breaker.dueMs).toBe(due + 5000 + 10_000)
  })

  it("opens at failures in a row, over a window or longer, however few customers come", () => {
    const breaker = new Breaker(config, noJitter, 0)
    const minute = 60_000
    for (let one = 1; one < config.failuresInARow; one++) call(breaker, "failed", one * minute)
    expect(breaker.state).toBe("closed")
    call(breaker, "void", 5 * minute)
    call(breaker, "failed", 6 * minute)
    expect(breaker.state).toBe("open")
  })

  it("begins a run anew after any answer, a slow one as well", () => {
    for (const answer of ["good", "slow"] as const) {
      const breaker = new Breaker(config, noJitter, 0)
      calls(breaker, 4, "failed", 0)
      const permit = breaker.permit()
      breaker.waitsLong(permit, 15_000)
      breaker.ended(permit, answer, 20_000, 15_000)
      call(breaker, "failed", 40_000)
      calls(breaker, 3, "failed", 60_000)
      expect(breaker.state).toBe("closed")
      call(breaker, "failed", 60_000)
      expect(breaker.state).toBe("open")
    }
  })

  it("takes a customer who waits for no end of a run, and what breaks at once for no run", () => {
    const breaker = new Breaker(config, noJitter, 0)
    calls(breaker, 10, "failed", 0)
    expect(breaker.state).toBe("closed")
    breaker.waitsLong(breaker.permit(), config.windowMs - 1)
    call(breaker, "failed", config.windowMs)
    expect(breaker.state).toBe("open")
  })

  it("takes advices that fail for no run: one reversal may fail for ever", () => {
    const breaker = new Breaker(config, noJitter, 0)
    for (let one = 1; one < 100; one++) breaker.ended(breaker.observer(), "failed", one * 60_000)
    expect(breaker.state).toBe("closed")
    expect(breaker.status(99 * 60_000)).toMatchObject({ calls: 1, failed: 1 })
  })

  it("forgets what left the window", () => {
    const breaker = new Breaker(config, noJitter, 0)
    calls(breaker, 15, "failed", 0)
    call(breaker, "good", 0)
    calls(breaker, 15, "failed", 10_000)
    expect(breaker.state).toBe("closed")
    expect(breaker.status(10_000)).toMatchObject({ calls: 15, failed: 15 })
    expect(breaker.status(20_000)).toMatchObject({ calls: 0, failed: 0 })
  })

  it("learns nothing from a void outcome, as of a deadline that fell into a stall", () => {
    const breaker = new Breaker(config, noJitter, 0)
    calls(breaker, 1000, "void", 5)
    expect(breaker.state).toBe("closed")
    expect(breaker.status(5).calls).toBe(0)
  })

  it("lets an echo through first, then as many customers as it wants proofs, then everybody", () => {
    const breaker = new Breaker(config, noJitter, 0)
    const due = trip(breaker, 0)
    expect(due).toBe(5000)
    expect(breaker.echoWanted(due - 1)).toBe(false)
    expect(breaker.echoWanted(due)).toBe(true)
    expect(breaker.state).toBe("half-open")
    expect(breaker.permit()).toBe(0)
    const permit = breaker.echoSent()
    expect(breaker.echoWanted(due)).toBe(false)
    expect(breaker.permit()).toBe(0)
    breaker.echoEnded(permit, "good", due + 20)
    // Told of twice, it is one proof.
    breaker.echoEnded(permit, "good", due + 20)
    const probes = [breaker.permit(), breaker.permit(), breaker.permit()]
    expect(probes.map((probe) => probe !== 0)).toEqual([true, true, false])
    breaker.ended(probes[0]!, "good", due + 30)
    expect(breaker.state).toBe("half-open")
    breaker.ended(probes[1]!, "good", due + 40)
    expect(breaker.state).toBe("closed")
  })

  it("gives a probe's place to the next when the first was not used", () => {
    const breaker = new Breaker(config, noJitter, 0)
    const due = trip(breaker, 0)
    echo(breaker, "good", due)
    const [first, second] = [breaker.permit(), breaker.permit()]
    expect(breaker.permit()).toBe(0)
    breaker.ended(first, "void", due + 1)
    expect(breaker.permit()).not.toBe(0)
    expect(second).not.toBe(0)
  })

  it("waits twice as long after every failed probe, up to the limit (U14)", () => {
    const breaker = new Breaker(config, noJitter, 0)
    let due = trip(breaker, 0)
    const waits: Array<number> = []
    for (let round = 0; round < 6; round++) {
      echo(breaker, "failed", due)
      waits.push(breaker.dueMs! - due)
      due = breaker.dueMs!
    }
    expect(waits).toEqual([10_000, 20_000, 40_000, 60_000, 60_000, 60_000])
  })

  it("goes on doubling when it trips soon after it closed, and begins anew after a rest", () => {
    const breaker = new Breaker(config, noJitter, 0)
    const close = (nowMs: number) => {
      echo(breaker, "good", nowMs)
      calls(breaker, 2, "good", nowMs)
      expect(breaker.state).toBe("closed")
    }
    const first = trip(breaker, 0)
    close(first)
    const second = trip(breaker, first + 2000)
    expect(second - first - 2000).toBe(10_000)
    close(second)
    const third = trip(breaker, second + config.maxOpenMs)
    expect(third - second - config.maxOpenMs).toBe(5000)
  })

  it("takes a slow probe for a bad one", () => {
    const breaker = new Breaker(config, noJitter, 0)
    const due = trip(breaker, 0)
    echo(breaker, "good", due)
    call(breaker, "slow", due + 6000)
    expect(breaker.state).toBe("open")
  })

  it("asks for another echo when the first could not be judged", () => {
    const breaker = new Breaker(config, noJitter, 0)
    const due = trip(breaker, 0)
    echo(breaker, "void", due)
    expect(breaker.state).toBe("half-open")
    echo(breaker, "good", due + 1)
    expect(breaker.permit()).not.toBe(0)
  })

  it("does not hear an outcome whose permit is from an earlier state", () => {
    const breaker = new Breaker(config, noJitter, 0)
    const old = breaker.permit()
    const due = trip(breaker, 0)
    echo(breaker, "good", due)
    breaker.ended(old, "failed", due + 1)
    breaker.ended(old, "good", due + 1)
    expect(breaker.state).toBe("half-open")
  })

  it("shortens the open time by at most a quarter, by chance", () => {
    const dues = [0, 0.5, 0.999_999].map((chance) => trip(new Breaker(config, () => chance, 0), 0))
    expect(dues[0]).toBe(5000)
    expect(dues[1]).toBeCloseTo(5000 * (1 - openJitter / 2))
    expect(dues[2]).toBeGreaterThan(5000 * (1 - openJitter))
  })

  it("obeys the operator, and asks for an echo when a forced-open one is let go", () => {
    const breaker = new Breaker(config, noJitter, 0)
    breaker.force("open", 1)
    expect([breaker.state, breaker.permit()]).toEqual(["forced-open", 0])
    breaker.force("closed", 2)
    calls(breaker, 100, "failed", 3)
    expect(breaker.state).toBe("forced-closed")
    breaker.force("auto", 4)
    expect(breaker.state).toBe("closed")
    breaker.force("auto", 5)
    breaker.force("open", 6)
    breaker.force("auto", 7)
    expect([breaker.state, breaker.permit()]).toEqual(["half-open", 0])
    expect(breaker.echoWanted(7)).toBe(true)
    expect(breaker.status(9)).toMatchObject({ state: "half-open", sinceMs: 7 })
  })

  it("lets advices watch a closed breaker and never lets them probe", () => {
    const breaker = new Breaker(config, noJitter, 0)
    expect(breaker.observer()).not.toBe(0)
    const due = trip(breaker, 0)
    expect(breaker.observer()).toBe(0)
    echo(breaker, "good", due)
    expect(breaker.observer()).toBe(0)
  })
})
