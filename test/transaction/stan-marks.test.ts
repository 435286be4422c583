/** The durable marks of the upstreams' numbers: where a restart counts on. */

import { describe, expect, it } from "vitest"
import type { Stan } from "../../src/domain/brand.ts"
import { isAhead, markEvery, StanMarks } from "../../src/transaction/stan-marks.ts"
import { FakeJournal } from "./stage.ts"

const stan = (number: number) => String(number).padStart(6, "0") as Stan

describe("marks", () => {
  it("are written first, then every so often, and are what a restart reads", () => {
    const journal = new FakeJournal()
    const marks = new StanMarks()
    let written = 0
    for (let number = 1; number <= 3 * markEvery; number++) {
      const writes = marks.writes("a", stan(number))
      written += writes.length
      journal.note(writes, [])
      const mark = Number(StanMarks.read(journal).get("a"))
      expect(number - mark).toBeLessThan(markEvery)
    }
    expect(written).toBe(3)
    expect(StanMarks.read(journal).has("b")).toBe(false)
  })

  it("are none for a number that is none, and none of what else the journal keeps", () => {
    const journal = new FakeJournal()
    const marks = new StanMarks()
    expect(marks.writes("gone", stan(0))).toEqual([])
    journal.note([{ table: "state", key: "node", value: "n1" }], [])
    journal.note(marks.writes("gone", stan(7)), [])
    expect([...StanMarks.read(journal)]).toEqual([["gone", "000007"]])
  })

  it("never go back for one that comes late, and go round", () => {
    const marks = new StanMarks()
    expect(marks.writes("a", stan(999_900))).toHaveLength(1)
    expect(marks.writes("a", stan(999_899))).toEqual([])
    expect(marks.writes("a", stan(700))).toMatchObject([{ value: "000700" }])
    expect(isAhead(stan(700), stan(999_900))).toBe(true)
    expect(isAhead(stan(999_900), stan(700))).toBe(false)
  })
})
