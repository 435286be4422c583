/** Who waits for which answer, and how long an end in doubt is remembered. */

import { describe, expect, it } from "vitest"
import { Correlation, correlationKey, rememberedDoubts } from "../../src/upstream/correlation.ts"
import type { Waiting } from "../../src/upstream/correlation.ts"

function waiting(key: number, transaction: string): Waiting {
  return { key, link: 0, sequence: 1, transaction, answered: () => {}, failed: () => {} }
}

describe("correlation", () => {
  it("keeps classes apart, and never two of one under a STAN", () => {
    const correlation = new Correlation()
    const [sale, reversal] = [correlationKey("0200", 7), correlationKey("0420", 7)]
    expect(sale).not.toBe(reversal)
    expect(correlationKey("0210", 7)).toBe(sale)
    correlation.add(waiting(sale, "a"))
    correlation.add(waiting(reversal, "b"))
    expect(() => correlation.add(waiting(sale, "c"))).toThrow("one request at a time")
  })

  it("tells of a doubt once, and forgets it when its number is used again", () => {
    const correlation = new Correlation()
    const first = waiting(1, "a")
    correlation.add(first)
    expect(correlation.end(first, true)).toBe(true)
    expect(correlation.end(first, true)).toBe(false)
    expect([correlation.takeDoubt(1), correlation.takeDoubt(1)]).toEqual(["a", undefined])
    const second = waiting(1, "b")
    correlation.add(second)
    correlation.end(second, true)
    correlation.add(waiting(1, "c"))
    expect(correlation.takeDoubt(1)).toBeUndefined()
  })

  it("remembers a bounded number of doubts, the oldest first to go (I5)", () => {
    const correlation = new Correlation()
    for (let key = 1; key <= rememberedDoubts + 1; key++) {
      const each = waiting(key, `t${key}`)
      correlation.add(each)
      correlation.end(each, true)
    }
    expect(correlation.takeDoubt(1)).toBeUndefined()
    expect(correlation.takeDoubt(2)).toBe("t2")
    expect(correlation.takeDoubt(rememberedDoubts + 1)).toBe(`t${rememberedDoubts + 1}`)
  })
})
