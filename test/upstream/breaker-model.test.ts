/** The circuit breaker beside a slow model of the same rules: they agree after every step. */

import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  Breaker,
  type BreakerState,
  breakerTransitions,
  bucketsPerWindow,
  type Outcome,
  type Permit
} from "../../src/upstream/breaker.ts"
import { usualBreaker as config } from "./usual-breaker.ts"

const noJitter = () => 0

/** The same rules, written for reading: every outcome is kept, every sum is made anew. */
class Model {
  state: BreakerState = "closed"
  since = 0
  due = 0
  trips = 0
  echo: "wanted" | "sent" | "good" = "wanted"
  probes = new Set<number>()
  proofs = 0
  epoch = 0
  /** Times of the failures since the last answer. */
  run: Array<number> = []
  heard: Array<{ readonly id: number; bucket: number; failed: boolean; slow: boolean }> = []

  move(to: BreakerState, now: number) {
    Object.assign(this, { state: to, since: now, echo: "wanted", proofs: 0, heard: [], run: [] })
    this.probes = new Set()
    this.epoch++
  }

  trip(now: number) {
    const rested = this.state === "closed" && now - this.since >= config.maxOpenMs
    this.trips = rested ? 1 : this.trips + 1
    this.due = now + Math.min(config.openMs * 2 ** (this.trips - 1), config.maxOpenMs)
    this.move("open", now)
  }

  mayCall(): boolean {
    if (this.state === "closed" || this.state === "forced-closed") return true
    if (this.state !== "half-open" || this.echo !== "good") return false
    return this.probes.size + this.proofs < config.probesToClose
  }

  /** A call is over, in whatever state. */
  end(outcome: Outcome, now: number) {
    if (outcome === "failed") this.run.push(now)
    else if (outcome !== "void") this.run = []
  }

  /** A call that was heard of stays where it is, unless it failed. */
  hear(id: number, waited: boolean, outcome: Outcome, now: number) {
    if (waited && outcome !== "failed") return
    const bucketMs = config.windowMs / bucketsPerWindow
    const bucket = Math.floor(now / bucketMs)
    this.heard = this.heard.filter((each) =>
      each.bucket > bucket - bucketsPerWindow && each.id !== id
    )
    const slow = waited || outcome === "slow"
    this.heard.push({ id, bucket, failed: outcome === "failed", slow })
    const share = (of: "failed" | "slow") =>
      this.heard.filter((each) => each[of]).length / this.heard.length
    const sick = share("failed") >= config.failureShare || share("slow") >= config.slowShare
    const alone = this.run.length >= config.failuresInARow && now - this.run[0]! >= config.windowMs
    if (this.heard.length >= config.minimumCalls && sick || alone) this.trip(now)
  }

  prove(outcome: Outcome, now: number) {
    if (outcome === "void") return
    if (outcome !== "good") return this.trip(now)
    if (++this.proofs >= config.probesToClose) this.move("closed", now)
  }
}

type Step =
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "begin" }
  | { readonly do: "long"; readonly which: number }
  | { readonly do: "end"; readonly which: number; readonly outcome: Outcome }
  | { readonly do: "burst"; readonly count: number; readonly outcome: Outcome }
  | { readonly do: "probe" }
  | { readonly do: "probe-end"; readonly outcome: Outcome }
  | { readonly do: "force"; readonly to: "open" | "closed" | "auto" }

const outcomes = fc.constantFrom<Outcome>("good", "slow", "failed", "void")

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(9000) }) },
  { weight: 9, arbitrary: fc.record({ do: fc.constant("begin" as const) }) },
  {
    weight: 9,
    arbitrary: fc.record({ do: fc.constant("long" as const), which: fc.nat(20) })
  },
  {
    weight: 15,
    arbitrary: fc.record({ do: fc.constant("end" as const), which: fc.nat(20), outcome: outcomes })
  },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant("burst" as const),
      count: fc.nat(25),
      outcome: outcomes
    })
  },
  { weight: 9, arbitrary: fc.record({ do: fc.constant("probe" as const) }) },
  { weight: 9, arbitrary: fc.record({ do: fc.constant("probe-end" as const), outcome: outcomes }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("force" as const),
      to: fc.constantFrom("open" as const, "closed" as const, "auto" as const)
    })
  }
)

interface Call {
  readonly permit: Permit
  readonly epoch: number
  readonly id: number
  slowSinceMs: number
}

/** The breaker and its model side by side, given the same steps. */
class Pair {
  now = 0
  readonly model = new Model()
  readonly seen: Array<readonly [BreakerState, BreakerState]> = []
  readonly breaker = new Breaker(
    config,
    noJitter,
    0,
    (from, to) => this.seen.push([from, to])
  )
  readonly open: Array<Call> = []
  echo: { permit: Permit; epoch: number } | undefined
  ids = 0

  take(one: Step) {
    const { breaker, model } = this
    switch (one.do) {
      case "wait":
        this.now += one.ms
        return
      case "begin":
        return this.begin()
      case "end": {
        const [call] = this.open.splice(one.which % Math.max(1, this.open.length), 1)
        if (call !== undefined) this.end(call, one.outcome)
        return
      }
      case "long": {
        const call = this.open[one.which % Math.max(1, this.open.length)]
        if (call !== undefined) this.waitsLong(call)
        return
      }
      case "burst":
        for (let count = 0; count < one.count; count++) {
          this.begin()
          const call = this.open.pop()
          if (call !== undefined) this.end(call, one.outcome)
        }
        return
      case "probe":
        return this.probe()
      case "probe-end":
        return this.probed(one.outcome)
      case "force": {
        breaker.force(one.to, this.now)
        const forced = model.state.startsWith("forced")
        if (one.to !== "auto" && model.state !== `forced-${one.to}`) {
          model.move(`forced-${one.to}`, this.now)
        } else if (one.to === "auto" && forced) {
          model.move(model.state === "forced-open" ? "half-open" : "closed", this.now)
        }
        if (one.to !== "auto" || forced) model.trips = 0
      }
    }
  }

  begin() {
    const permit = this.breaker.permit()
    expect(permit !== 0).toBe(this.model.mayCall())
    if (permit === 0) return
    const id = this.ids++
    if (this.model.state === "half-open") this.model.probes.add(id)
    this.open.push({ permit, epoch: this.model.epoch, id, slowSinceMs: 0 })
  }

  /** The time 0 stands for "never". */
  waitsLong(call: Call) {
    if (call.slowSinceMs > 0 || this.now === 0) return
    this.breaker.waitsLong(call.permit, this.now)
    this.hear(call, "slow")
    call.slowSinceMs = this.now
  }

  end(call: Call, outcome: Outcome) {
    this.breaker.ended(call.permit, outcome, this.now, call.slowSinceMs)
    if (call.epoch === this.model.epoch) this.model.end(outcome, this.now)
    this.hear(call, outcome)
  }

  hear({ epoch, id, slowSinceMs }: Call, outcome: Outcome) {
    const { model } = this
    if (epoch !== model.epoch) return
    if (model.state === "half-open") {
      model.probes.delete(id)
      model.prove(outcome, this.now)
    } else if (model.state === "closed" && outcome !== "void") {
      model.hear(id, slowSinceMs > 0, outcome, this.now)
    }
  }

  probe() {
    const { model } = this
    if (model.state === "open" && this.now >= model.due) model.move("half-open", this.now)
    const wanted = model.state === "half-open" && model.echo === "wanted"
    expect(this.breaker.echoWanted(this.now)).toBe(wanted)
    if (!wanted) return
    model.echo = "sent"
    this.echo = { permit: this.breaker.echoSent(), epoch: model.epoch }
  }

  probed(outcome: Outcome) {
    const { echo, model } = this
    if (echo === undefined) return
    this.breaker.echoEnded(echo.permit, outcome, this.now)
    this.echo = undefined
    if (echo.epoch !== model.epoch || model.echo !== "sent") return
    model.echo = outcome === "good" ? "good" : "wanted"
    model.prove(outcome, this.now)
  }
}

describe("the breaker and its model", () => {
  it("agree after every step of any story, and only the table's transitions happen", () => {
    const reached = new Set<string>()
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: "max" }), (story) => {
        const pair = new Pair()
        for (const one of story) {
          pair.take(one)
          expect(pair.breaker.state).toBe(pair.model.state)
          expect(pair.breaker.dueMs).toBe(
            pair.model.state === "open" ? pair.model.due : undefined
          )
        }
        for (const [from, to] of pair.seen) {
          expect(Object.values(breakerTransitions[from])).toContain(to)
          reached.add(`${from}>${to}`)
        }
      }),
      { numRuns: 500, seed: 8583 }
    )
    const all = Object.entries(breakerTransitions).flatMap(([from, tos]) =>
      Object.values(tos).map((to) => `${from}>${to}`)
    )
    expect([...reached].toSorted()).toEqual([...new Set(all)].toSorted())
  })
})
