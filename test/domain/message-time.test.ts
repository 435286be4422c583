/** Times without a year and in an unknown zone (K2, K3). */

import { describe, expect, it } from "vitest"
import {
  makeAcquirerDays,
  makeBusinessDays,
  makeLocalClock
} from "../../src/domain/business-day.ts"
import { aheadMs, wrongAfterMs } from "../../src/domain/message-time.ts"

const hour = 3_600_000
const day = 24 * hour

/** How far a terminal is ahead that writes `stamp` when the wall clock in UTC says `at`. */
function ahead(stamp: string, at: string): number | undefined {
  const clock = makeLocalClock("UTC")
  const ms = Date.parse(at)
  return aheadMs(stamp, clock.at(ms).date, clock.stamp(ms))
}

describe("K2: the year of a time without one", () => {
  it("is last year's or next year's over New Year", () => {
    expect(ahead("1231235959", "2027-01-01T00:00:01Z")).toBe(-2000)
    expect(ahead("0101000001", "2026-12-31T23:59:59Z")).toBe(2000)
    expect(ahead("0101000001", "2027-01-01T00:00:01Z")).toBe(0)
  })

  it("has a 29 February in leap years alone, and none is made of 1 March", () => {
    expect(ahead("0229120000", "2028-02-29T12:00:00Z")).toBe(0)
    expect(ahead("0229235959", "2028-03-01T00:00:00Z")).toBe(-1000)
    expect(ahead("0301000000", "2027-02-28T23:59:59Z")).toBe(1000)
    expect(ahead("0229120000", "2026-03-01T12:00:00Z")).toBeUndefined()
    expect(ahead("0229120000", "2027-03-01T12:00:00Z")).toBe(365 * day)
    expect(ahead("0230120000", "2028-02-28T12:00:00Z")).toBeUndefined()
  })

  it("does not mind midnight, nor a terminal in another zone", () => {
    expect(ahead("1126235959", "2026-11-27T00:00:00Z")).toBe(-1000)
    for (const apart of [-14, -11, 5.5, 14]) {
      const stamp = makeLocalClock("UTC").stamp(Date.parse("2026-12-31T20:00:00Z") + apart * hour)
      expect(Math.abs(ahead(stamp, "2026-12-31T20:00:00Z")!)).toBeLessThan(wrongAfterMs)
    }
  })

  it("is right within an hour while the clocks are changed", () => {
    for (const at of ["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]) {
      const berlin = makeLocalClock("Europe/Berlin")
      const stamp = makeLocalClock("Etc/GMT-1").stamp(Date.parse(at))
      expect(
        Math.abs(aheadMs(stamp, berlin.at(Date.parse(at)).date, berlin.stamp(Date.parse(at)))!)
      )
        .toBeLessThanOrEqual(hour)
    }
  })
})

describe("K2: the business day", () => {
  it("is the local one over midnight, year end, leap day and the change of clocks", () => {
    const days = makeBusinessDays(makeLocalClock("Europe/Berlin"), "00:00")
    const of = (at: string) => days(Date.parse(at))
    expect([of("2026-12-31T22:59:59Z"), of("2026-12-31T23:00:00Z")]).toEqual([
      "2026-12-31",
      "2027-01-01"
    ])
    expect([of("2028-02-28T23:00:00Z"), of("2028-02-29T23:00:00Z")]).toEqual([
      "2028-02-29",
      "2028-03-01"
    ])
    expect([of("2026-10-24T21:59:59Z"), of("2026-10-25T22:59:59Z")]).toEqual([
      "2026-10-24",
      "2026-10-25"
    ])
    const late = makeBusinessDays(makeLocalClock("Asia/Shanghai"), "23:00")
    expect(late(Date.parse("2026-12-31T15:00:00Z"))).toBe("2027-01-01")
  })

  it("ends for each acquirer at its own time, and for all others with the house", () => {
    const days = makeAcquirerDays(makeLocalClock("UTC"), "23:00", new Map([["early", "18:00"]]))
    const of = (at: string) =>
      [undefined, "early", "other"].map((acquirer) => days(Date.parse(at), acquirer))
    expect(of("2026-11-26T17:59:00Z")).toEqual(["2026-11-26", "2026-11-26", "2026-11-26"])
    expect(of("2026-11-26T18:00:00Z")).toEqual(["2026-11-26", "2026-11-27", "2026-11-26"])
    expect(of("2026-11-26T23:00:00Z")).toEqual(["2026-11-27", "2026-11-27", "2026-11-27"])
  })
})

describe("K3: a clock that is wrong by a day", () => {
  it("is told from a zone, and nonsense is wrong too", () => {
    expect(ahead("1127120000", "2026-11-26T12:00:00Z")).toBeGreaterThan(wrongAfterMs)
    expect(ahead("1125120000", "2026-11-26T12:00:00Z")).toBeLessThan(-wrongAfterMs)
    for (const stamp of ["", "1126", "1326120000", "1126240000", "112612000x"]) {
      expect(ahead(stamp, "2026-11-26T12:00:00Z"), stamp).toBeUndefined()
    }
    expect(ahead("1231235960", "2026-12-31T23:59:59Z")).toBe(0)
  })
})
