/**
 * No secret at rest (I6), after transactions that ended in every way, and next to none in the
 * memory of a switch that has drained. The long form: `npm run verify -- secrets`.
 */

import { existsSync } from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import { type Harvest, mostLeftInMemory, plantCanaries } from "./canaries.ts"

describe("a thousand transactions with planted secrets", () => {
  let harvest: Harvest

  beforeAll(async () => {
    harvest = await plantCanaries(1000)
  }, 240_000)

  it("leave no card number, track, PIN block or verification value in clear anywhere", () => {
    const { cards, ends, exported, found, masks, searched, tokens } = harvest
    expect(found).toEqual([])
    for (const ending of ["00", "05", "no-route", "upstream-timeout"]) {
      expect(ends[ending], ending).toBeGreaterThan(10)
    }
    expect(cards).toBeGreaterThan(900)
    expect(tokens).toBe(cards)
    expect(exported).toBeGreaterThanOrEqual(cards)
    expect(searched).toBeGreaterThan(40_000_000)
    // The search sees what is there: the journal, PostgreSQL's files and the log hold the mask.
    for (const place of ["journal", "postgres", "text"]) {
      expect(masks.some((name) => name.includes(place)), place).toBe(true)
    }
  })

  it.skipIf(!existsSync("/proc/self/mem"))(
    "leave next to none in the memory of a switch that has drained",
    () => {
      const { memory } = harvest
      expect(memory?.searched).toBeGreaterThan(100_000_000)
      expect(memory?.sees).toBe(true)
      expect(memory?.total, JSON.stringify(memory?.found)).toBeLessThan(mostLeftInMemory)
    }
  )
})
