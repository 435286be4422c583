/** Own STANs and RRNs: unique among those in use, past the wrap and past a restart. */

import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  firstStan,
  formatStan,
  highestStan,
  nodeMark,
  parseStan,
  RrnAllocator,
  StanAllocator
} from "../../src/upstream/stan-allocator.ts"

describe("the STANs of an upstream", () => {
  it("U22 wraps at 999999, leaves out 000000 and skips the numbers in use", () => {
    const stans = new StanAllocator(999_998)
    expect([stans.take(), stans.take(), stans.take()]).toEqual([999_998, 999_999, 1])
    stans.free(999_999)
    for (let turn = 1; turn < highestStan - 2; turn++) stans.free(stans.take())
    expect(stans.take()).toBe(999_999)
    expect(stans.take()).toBe(2)
    expect(stans.taken).toBe(4)
  })

  it("never gives a number that is in use", () => {
    const steps = fc.array(fc.oneof(fc.constant("take"), fc.nat(40)), { maxLength: 400 })
    fc.assert(
      fc.property(steps, fc.integer({ min: highestStan - 60, max: highestStan }), (plan, first) => {
        const stans = new StanAllocator(first)
        const inUse: Array<number> = []
        for (const step of plan) {
          if (step === "take") {
            const number = stans.take()
            expect(inUse).not.toContain(number)
            expect(number).toBeGreaterThan(0)
            inUse.push(number)
          } else if (typeof step === "number" && inUse.length > 0) {
            const [gone] = inUse.splice(step % inUse.length, 1)
            stans.free(gone!)
          }
        }
        expect(stans.taken).toBe(inUse.length)
        for (const number of inUse) expect(stans.isTaken(number)).toBe(true)
      }),
      { numRuns: 100 }
    )
  })

  it("says 0 when every number is in use, and goes on when one is free again", () => {
    const stans = new StanAllocator(1)
    for (let number = 1; number <= highestStan; number++) stans.claim(number)
    expect(stans.take()).toBe(0)
    stans.free(4711)
    expect(stans.take()).toBe(4711)
  })

  it("goes on well behind what an earlier process gave, also across the wrap", () => {
    const stans = new StanAllocator(500)
    stans.continueAfter(0)
    expect(stans.take()).toBe(500)
    stans.continueAfter(7_000)
    expect(stans.take()).toBe(8_001)
    stans.continueAfter(highestStan)
    expect(stans.take()).toBe(1_001)
    stans.continueAfter(highestStan - 1_000)
    expect(stans.take()).toBe(1)
  })

  it("keeps a number that an earlier process gave to a reversal out of the way", () => {
    const stans = new StanAllocator(41)
    stans.claim(42)
    stans.claim(42)
    expect([stans.take(), stans.take()]).toEqual([41, 43])
  })

  it("takes no number that is none, and knows which it gave", () => {
    for (const bad of [0, highestStan + 1]) {
      expect(() => new StanAllocator(bad)).toThrow(/between 1 and 999999/)
      expect(() => new StanAllocator(1).claim(bad)).toThrow(/between 1 and 999999/)
    }
    const stans = new StanAllocator(highestStan)
    expect(stans.wasGiven(highestStan)).toBe(false)
    stans.free(stans.take())
    stans.claim(1)
    expect([highestStan, 1, 2].map((each) => stans.wasGiven(each))).toEqual([true, true, false])
    expect([highestStan, 1, 2].map((each) => stans.isTaken(each))).toEqual([false, true, false])
  })

  it("throws when a number is freed twice", () => {
    const stans = new StanAllocator(7)
    stans.free(stans.take())
    expect(() => stans.free(7)).toThrow(/freed once/)
  })

  it("begins where the day stands, so that a restart at noon is behind the morning's numbers", () => {
    const midnight = Date.UTC(2026, 2, 4)
    expect(firstStan(midnight)).toBe(1)
    const morning = new StanAllocator(firstStan(midnight + 6 * 3_600_000))
    let last = 0
    for (let count = 0; count < 6 * 3_600 * 11; count++) last = morning.take()
    expect(firstStan(midnight + 12 * 3_600_000)).toBeGreaterThan(last)
    expect(firstStan(midnight + 86_399_999)).toBeLessThanOrEqual(highestStan)
  })

  it("reads back what it wrote and nothing else", () => {
    expect(formatStan(7)).toBe("000007")
    expect(parseStan("000007")).toBe(7)
    expect(parseStan("000000000007")).toBe(7)
    expect(parseStan(formatStan(highestStan))).toBe(highestStan)
    for (const bad of [undefined, "", "00000x", "1000000", "-00001", "0000000000007"]) {
      expect(parseStan(bad)).toBe(0)
    }
  })
})

describe("the RRNs of a node", () => {
  it("are 12 characters, begin with the node and only grow", () => {
    const rrns = new RrnAllocator("a1", Date.UTC(2026, 2, 4))
    let last = ""
    for (let count = 0; count < 5000; count++) {
      const rrn = rrns.take()
      expect(rrn).toMatch(/^A1[0-9A-Z]{10}$/)
      expect(rrn > last).toBe(true)
      last = rrn
    }
  })

  it("are never repeated by a process that starts a second later", () => {
    const first = new RrnAllocator("n", 1_772_582_400_000)
    let last = ""
    for (let count = 0; count < 100_000; count++) last = first.take()
    expect(new RrnAllocator("n", 1_772_582_401_000).take() > last).toBe(true)
  })

  it("differ between nodes whose short names differ", () => {
    expect(nodeMark("1")).toBe("01")
    expect(nodeMark("b2")).toBe("B2")
    expect(nodeMark("pointsman-shanghai-01")).toMatch(/^[0-9A-Z]{2}$/)
  })
})
