/** What a failing world is made of, small enough to be read, printed and played again. */

import { describe, expect, it } from "vitest"
import { maskedJson } from "../../src/domain/masked-json.ts"
import { readPlan } from "../../src/simulate/world/plan-file.ts"
import { drawPlan } from "../../src/simulate/world/plan.ts"
import { shrinkPlan } from "../../src/simulate/world/shrink.ts"

describe("a shrunk plan", () => {
  it("is printed as it is, and read as the same", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const drawn = drawPlan(seed, { transactions: 300 })
      // Everything that a shrinking takes away is needed; only the fractions become shorter.
      const small = shrinkPlan(drawn, (plan) => isClose(plan, drawn))
      const printed = maskedJson(small)
      expect(printed).not.toContain("*")
      expect(readPlan(JSON.parse(printed))).toEqual(small)
    }
  })
})

/** The same shape, and every number the same to a millionth. */
function isClose(one: unknown, other: unknown): boolean {
  if (typeof one === "number" && typeof other === "number") {
    return one === other || Math.abs(one - other) < Math.abs(other) / 1e6
  }
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return one === other
  }
  const keys = Object.keys(one)
  return keys.length === Object.keys(other).length &&
    keys.every((key) => isClose(Reflect.get(one, key), Reflect.get(other, key)))
}
