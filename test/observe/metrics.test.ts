/** Counting, its bound, and the text that Prometheus reads. */

import { describe, expect, it } from "vitest"
import { Counter, Family, Histogram, maxSeries } from "../../src/observe/metric-family.ts"
import { makeMetrics, metricDefinitions } from "../../src/observe/metrics.ts"
import { prometheusText } from "../../src/observe/prometheus-text.ts"

describe("a family", () => {
  it("gives the same series for the same labels, and another for others", () => {
    const family = new Family<Counter, readonly ["kind", "route"]>(2, () => new Counter())
    family.of("sale", "a").add()
    family.of("sale", "a").add(2)
    family.of("sale", "b").add()
    family.of("a", "sale").add(10)
    const seen = [...family.series()].map(([values, { value }]) => `${values} ${value}`)
    expect(seen).toEqual(["sale,a 3", "sale,b 1", "a,sale 10"])
  })

  it("never grows past its bound, and loses no count at it", () => {
    const family = new Family<Counter, readonly ["terminal"]>(1, () => new Counter())
    for (let index = 0; index < maxSeries + 500; index++) family.of(`t${index}`).add()
    const all = [...family.series()]
    expect(all).toHaveLength(maxSeries + 1)
    expect(all.reduce((sum, [, { value }]) => sum + value, 0)).toBe(maxSeries + 500)
    expect(family.of("other").value).toBe(500)
    family.clear()
    expect([...family.series()]).toEqual([])
  })

  it("refuses a wrong number of labels, which would be counted somewhere else", () => {
    const family = new Family<Counter, ReadonlyArray<string>>(2, () => new Counter())
    expect(() => family.of("one")).toThrow("one value for each label")
  })
})

describe("a histogram", () => {
  it("puts a value on a bound into the bucket of that bound", () => {
    const histogram = new Histogram([1, 2, 5])
    for (const value of [0, 1, 1.5, 2, 5, 5.1, 1000]) histogram.record(value)
    expect([...histogram.counts]).toEqual([2, 2, 1, 2])
    expect(histogram.count).toBe(7)
    expect(histogram.sum).toBeCloseTo(1014.6)
  })
})

describe("the text", () => {
  it("has every family, its help and its type, even before anything was counted", () => {
    const text = prometheusText(makeMetrics())
    for (const [name, { type }] of Object.entries(metricDefinitions)) {
      expect(text).toContain(`# TYPE pointsman_${name} ${type}\n`)
    }
  })

  it("has cumulative buckets that end in the count", () => {
    const metrics = makeMetrics()
    metrics.upstream_seconds.of("acquirer").record(0.02)
    metrics.upstream_seconds.of("acquirer").record(0.3)
    metrics.upstream_seconds.of("acquirer").record(99)
    const lines = prometheusText(metrics).split("\n").filter((line) =>
      line.includes("upstream_sec")
    )
    const bucket = (le: string) =>
      `pointsman_upstream_seconds_bucket{upstream="acquirer",le="${le}"}`
    expect(lines).toContain(`${bucket("0.01")} 0`)
    expect(lines).toContain(`${bucket("0.025")} 1`)
    expect(lines).toContain(`${bucket("0.5")} 2`)
    expect(lines).toContain(`${bucket("60")} 2`)
    expect(lines).toContain(`${bucket("+Inf")} 3`)
    expect(lines).toContain("pointsman_upstream_seconds_sum{upstream=\"acquirer\"} 99.32")
    expect(lines).toContain("pointsman_upstream_seconds_count{upstream=\"acquirer\"} 3")
  })

  it("escapes what labels may hold", () => {
    const metrics = makeMetrics()
    metrics.exceptions_total.of("a\"b\\c\nd").add()
    expect(prometheusText(metrics)).toContain("{reason=\"a\\\"b\\\\c\\nd\"} 1\n")
  })
})
