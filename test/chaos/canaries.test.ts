/**
 * No secret at rest (I6), after transactions that ended in every way. The long form:
 * `npm run verify -- secrets`.
 */

import { expect, it } from "vitest"
import { plantCanaries } from "./canaries.ts"

it("keeps no card number, track, PIN block or verification value in clear anywhere", async () => {
  const harvest = await plantCanaries(400)
  const { cards, ends, exported, found, masks, searched, tokens } = harvest
  expect(found).toEqual([])
  for (const ending of ["00", "05", "no-route", "upstream-timeout"]) {
    expect(ends[ending], ending).toBeGreaterThan(10)
  }
  expect(cards).toBeGreaterThan(300)
  expect(tokens).toBe(cards)
  expect(exported).toBeGreaterThanOrEqual(cards)
  expect(searched).toBeGreaterThan(40_000_000)
  // The search sees what is there: the journal, PostgreSQL's files and the log hold the mask.
  for (const place of ["journal", "postgres", "text"]) {
    expect(masks.some((name) => name.includes(place)), place).toBe(true)
  }
}, 180_000)
