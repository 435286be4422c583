/** Recorded transactions decided again: who goes elsewhere, and who cannot be told. */

import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { RouteConfig } from "../../src/domain/config.ts"
import { makeTransactionIds } from "../../src/domain/uuid.ts"
import { type RecordedRouting, Replay } from "../../src/route/replay.ts"
import { compileRoutes, type RouteTable } from "../../src/route/route-table.ts"
import { Chance } from "../../src/simulate/world/chance.ts"
import { sale } from "./facts.ts"

function compile(...routes: ReadonlyArray<RouteConfig>): RouteTable {
  const table = compileRoutes(routes, new Set(["a", "b", "c"]), 7)
  if ("length" in table) throw new Error(JSON.stringify(table))
  return table
}

function recorded(
  was: RecordedRouting["was"],
  more: Partial<RecordedRouting> = {}
): RecordedRouting {
  const { digits, group, ...facts } = sale()
  return { id: "id", facts, known: digits?.slice(0, 6), group, was, ...more }
}

const cardsToA = { route: "cards", upstream: "a" }
const cards = (...to: RouteConfig["to"]): RouteConfig => ({ name: "cards", when: {}, to })

describe("a replay", () => {
  it("says who goes elsewhere, from where to where, with the first of each", () => {
    const replay = new Replay(compile(
      cards("a"),
      { name: "unionpay", when: { bins: ["62"] }, to: ["b"] }
    ))
    for (let n = 0; n < 5; n++) replay.take(recorded(cardsToA, { id: `u${n}` }))
    replay.take(recorded(cardsToA, { known: "411111" }))
    replay.take(recorded({ route: undefined, upstream: undefined }, { known: "411111", id: "n" }))
    expect(replay.result()).toEqual({
      same: 1,
      elsewhere: 6,
      laterCandidate: 0,
      undecided: { digits: 0, terminal: 0 },
      moves: [
        {
          from: cardsToA,
          to: { route: "unionpay", upstream: "b" },
          count: 5,
          examples: ["u0", "u1", "u2"]
        },
        { from: { route: undefined, upstream: undefined }, to: cardsToA, count: 1, examples: ["n"] }
      ]
    })
  })

  it("knows that a request which no upstream took kept its route", () => {
    const replay = new Replay(compile(cards("a")))
    replay.take(recorded({ route: "cards", upstream: undefined }))
    expect(replay.result()).toMatchObject({ same: 1, elsewhere: 0 })
  })

  it("tells a fail-over from another order by the configuration before", () => {
    const failedOver = recorded({ route: "cards", upstream: "b" })
    const alone = new Replay(compile(cards("a", "b")))
    alone.take(failedOver)
    expect(alone.result()).toMatchObject({ elsewhere: 1, laterCandidate: 1 })
    const both = new Replay(compile(cards("a", "b")), compile(cards("a", "b")))
    both.take(failedOver)
    expect(both.result()).toMatchObject({ same: 1, elsewhere: 0, laterCandidate: 0 })
    const turned = new Replay(compile(cards("b", "a")), compile(cards("a", "b")))
    turned.take(failedOver)
    expect(turned.result()).toMatchObject({ same: 0, elsewhere: 1 })
  })

  it("cannot tell what hangs on more digits than are known, unless all lead to the same", () => {
    const long: RouteConfig = { name: "one-bank", when: { bins: ["62215588"] }, to: ["b"] }
    const undecided = new Replay(compile(cards("a"), long))
    undecided.take(recorded(cardsToA))
    undecided.take(recorded(cardsToA, { known: "622156" }))
    undecided.take(recorded(cardsToA, { known: "" }))
    undecided.take(recorded(cardsToA, { known: undefined }))
    expect(undecided.result()).toMatchObject({ same: 2, undecided: { digits: 2, terminal: 0 } })
    const large = { ...long, when: { ...long.when, minAmount: 5001 } }
    const decided = new Replay(compile(cards("a"), large))
    decided.take(recorded(cardsToA))
    expect(decided.result()).toMatchObject({ same: 1, undecided: { digits: 0 } })
  })

  it("cannot tell what hangs on the group of an unknown terminal, and only that", () => {
    const hotels: RouteConfig = { name: "hotels", when: { groups: ["hotels"] }, to: ["b"] }
    const replay = new Replay(compile(hotels, cards("a")))
    replay.take(recorded(cardsToA, { group: undefined }))
    replay.take(recorded(cardsToA))
    expect(replay.result()).toMatchObject({ same: 1, undecided: { digits: 0, terminal: 1 } })
    const none = new Replay(compile(cards("a")))
    none.take(recorded(cardsToA, { group: undefined }))
    expect(none.result()).toMatchObject({ same: 1 })
  })

  it("of any routes and cards says what the table says, or that it cannot tell", () => {
    const bin = fc.tuple(fc.constantFrom("6", "62", "622155", "6221558"), fc.nat({ max: 99 }))
      .map(([head, tail]) => `${head}${tail}`)
    const digits = fc.tuple(bin, fc.nat({ max: 9_999_999 }))
      .map(([head, tail]) => `${head}${tail}`.padEnd(16, "7").slice(0, 16))
    const tables = fc.record({
      bins: fc.uniqueArray(bin, { minLength: 1, maxLength: 6 }),
      pans: fc.array(digits, { minLength: 1, maxLength: 20 }),
      seed: fc.integer()
    })
    fc.assert(fc.property(tables, ({ bins, pans, seed }) => {
      const shared = [{ upstream: "a", share: 1 }, { upstream: "b", share: 1 }]
      const table = compile(cards(...shared), { name: "some", when: { bins }, to: ["c"] })
      const nextId = makeTransactionIds(new Chance(seed))
      const replay = new Replay(table)
      for (const pan of pans) {
        const { group, ...facts } = sale({ id: nextId(1_890_000_000_000), digits: pan })
        const { candidates, route } = table.decide({ ...facts, group })
        const { digits: _, ...rest } = facts
        replay.take({
          id: pan,
          facts: rest,
          known: pan.slice(0, 6),
          group,
          was: { route, upstream: candidates[0] }
        })
      }
      const { elsewhere, same, undecided } = replay.result()
      expect(elsewhere).toBe(0)
      expect(same + undecided.digits).toBe(pans.length)
    }))
  })
})
