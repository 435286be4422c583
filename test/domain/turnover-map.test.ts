/** What keeps requests in flight: a map that leaves no old tables behind. */

import fc from "fast-check"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, it } from "vitest"
import { TurnoverMap } from "../../src/domain/turnover-map.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void

describe("a map of what comes and goes", () => {
  it("is a map", () => {
    const step = fc.tuple(fc.constantFrom("set", "delete"), fc.nat(60), fc.nat())
    fc.assert(fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
      const ours = new TurnoverMap<number, number>()
      const model = new Map<number, number>()
      for (const [what, key, value] of steps) {
        if (what === "delete") expect(ours.delete(key)).toBe(model.delete(key))
        else {
          ours.set(key, value)
          model.set(key, value)
        }
        expect(ours.get(key)).toBe(model.get(key))
        expect(ours.has(key)).toBe(model.has(key))
        expect(ours.size).toBe(model.size)
      }
      expect([...ours.entries()]).toEqual([...model])
      expect([...ours.values()]).toEqual([...model.values()])
    }))
  })

  it("lets short collections take what has left it", () => {
    const inFlight = 40
    const passing = 20_000
    const cells = 100
    const map = new TurnoverMap<number, object>()
    const pass = (number: number) => {
      map.set(number, Array.from({ length: cells }, () => number))
      map.delete(number - inFlight)
    }
    for (let number = 0; number < inFlight; number++) pass(number)
    // From here on the map and its table are old.
    collect()
    collect()
    const before = process.memoryUsage().heapUsed
    for (let number = inFlight; number < inFlight + passing; number++) {
      pass(number)
      if (number % 500 === 0) collect({ type: "minor" })
    }
    collect({ type: "minor" })
    const grown = process.memoryUsage().heapUsed - before
    expect(grown).toBeLessThan(passing * cells * 8 / 4)
  })
})
