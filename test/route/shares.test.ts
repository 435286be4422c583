/** Shares of a route's upstreams: who is first for whom, and who comes after. */

import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { TransactionId } from "../../src/domain/brand.ts"
import type { RouteTarget } from "../../src/domain/route-target.ts"
import { upstreamOf } from "../../src/domain/route-target.ts"
import { makeTransactionIds } from "../../src/domain/uuid.ts"
import { compileRoutes, explanationLines, type RouteTable } from "../../src/route/route-table.ts"
import { Chance } from "../../src/simulate/world/chance.ts"
import { sale } from "./facts.ts"

const names = ["a", "b", "c", "d", "e"]

function compile(to: ReadonlyArray<RouteTarget>, version = 7): RouteTable {
  const table = compileRoutes([{ name: "cards", when: {}, to }], new Set(names), version)
  if ("length" in table) throw new Error(JSON.stringify(table))
  return table
}

function faults(...to: ReadonlyArray<RouteTarget>): ReadonlyArray<string> {
  const table = compileRoutes([{ name: "cards", when: {}, to }], new Set(names), 7)
  return "length" in table ? table.map(({ path, problem }) => `${path}: ${problem}`) : []
}

/** As the switch makes them: all of them in one millisecond. */
function ids(seed: number, count: number): ReadonlyArray<TransactionId> {
  const next = makeTransactionIds(new Chance(seed, "ids"))
  return Array.from({ length: count }, () => next(1_890_000_000_000))
}

/** An id whose draw begins with these eight hex digits: 80000000 is the middle. */
const drawing = (bits: string) => `01b80d12-0c00-7000-8000-0000${bits}` as TransactionId

const split: ReadonlyArray<RouteTarget> = [
  { upstream: "a", share: 70 },
  { upstream: "b", share: 30 },
  "c"
]

describe("upstreams with shares", () => {
  it("are first by the transaction's id; the others follow as they are written", () => {
    const table = compile(split)
    const order = (bits: string) => table.decide(sale({ id: drawing(bits) })).candidates
    expect(order("00000000")).toEqual(["a", "b", "c"])
    expect(order("b3333333")).toEqual(["a", "b", "c"])
    expect(order("b3333334")).toEqual(["b", "a", "c"])
    expect(order("ffffffff")).toEqual(["b", "a", "c"])
    const three = compile([{ upstream: "d", share: 1 }, ...split])
    expect(three.decide(sale({ id: drawing("ffffffff") })).candidates).toEqual(["b", "d", "a", "c"])
  })

  it("of any routes: shares hold, nobody is tried twice, and the candidates are the same", () => {
    const routes = fc.record({
      shares: fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 2, maxLength: 4 }),
      others: fc.integer({ min: 0, max: 1 }),
      seed: fc.integer()
    })
    fc.assert(
      fc.property(routes, ({ others, seed, shares }) => {
        const to = [
          ...shares.map((share, at) => ({ upstream: names[at]!, share })),
          ...names.slice(shares.length, shares.length + others)
        ]
        const table = compile(to)
        const count = 4_000
        const first = new Map<string, number>()
        for (const id of ids(seed, count)) {
          const { candidates } = table.decide(sale({ id }))
          expect(candidates.toSorted()).toEqual(to.map(upstreamOf))
          first.set(candidates[0]!, (first.get(candidates[0]!) ?? 0) + 1)
        }
        const total = shares.reduce((sum, share) => sum + share, 0)
        for (const [at, share] of shares.entries()) {
          const expected = share / total
          // Six standard deviations: chance alone does not get there.
          const slack = 6 * Math.sqrt(count * expected * (1 - expected))
          const found = first.get(names[at]!) ?? 0
          expect(Math.abs(found - count * expected)).toBeLessThanOrEqual(slack)
        }
        expect([...first.keys()].every((name) => names.indexOf(name) < shares.length)).toBe(true)
      }),
      { numRuns: 25 }
    )
  })

  it("draw the same under every version, and make nothing for a message", () => {
    const [before, after] = [compile(split, 7), compile(split, 8)]
    for (const id of ids(1, 200)) {
      const decision = before.decide(sale({ id }))
      expect(after.decide(sale({ id })).candidates).toEqual(decision.candidates)
      expect(before.decide(sale({ id, amount: 1 }))).toBe(decision)
    }
  })

  it("give nothing back when one of two grows", () => {
    const grown = compile([{ upstream: "a", share: 80 }, { upstream: "b", share: 20 }, "c"])
    const table = compile(split)
    for (const id of ids(2, 500)) {
      const [first] = table.decide(sale({ id })).candidates
      const [then] = grown.decide(sale({ id })).candidates
      if (first === "a") expect(then).toBe("a")
    }
  })

  it("are explained with the draw of an id, and without", () => {
    const table = compile(split)
    expect(explanationLines(table.explain(sale()))).toEqual([
      "→ cards (any card): matches",
      "  first by share: a 70 of 100, b 30 of 100",
      "route cards leads to one by its share, then the others of a, b, c (configuration 7)"
    ])
    expect(explanationLines(table.explain(sale({ id: drawing("ffffffff") })))).toEqual([
      "→ cards (any card): matches",
      "  first by share: a 70 of 100, b 30 of 100",
      "route cards leads to b, then a, then c (configuration 7)"
    ])
  })

  it("are refused where they say nothing, or where it is not clear who comes first", () => {
    expect(faults(...split)).toEqual([])
    expect(faults({ upstream: "a", share: 5 }, "b")).toEqual([
      "routes[0].to[0].share: a shares with nobody: write its name alone"
    ])
    expect(faults({ upstream: "a", share: 5 }, "c", { upstream: "b", share: 5 })).toEqual([
      "routes[0].to[1]: c has no share, and stands before one that has"
    ])
    expect(faults({ upstream: "a", share: 5 }, { upstream: "x", share: 5 }, "a")).toEqual([
      "routes[0].to[1]: there is no upstream named x",
      "routes[0].to[2]: a stands there already"
    ])
  })
})
