/**
 * Metric names, types and labels are a public interface. A change here is a change for every
 * dashboard and alert: make it on purpose, and say so in the change's message.
 */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { metricDefinitions, metricPrefix } from "../../src/observe/metrics.ts"

it("the metrics are those that dashboards were written for", async () => {
  const lines = Object.entries(metricDefinitions).map(([name, { labels, type }]) =>
    `${metricPrefix}${name}{${labels.join(",")}} ${type}`
  )
  await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot("metrics.snap")
})

it("no label can tell a terminal, a merchant or a card from another", () => {
  const labels = Object.values(metricDefinitions).flatMap((each): ReadonlyArray<string> =>
    each.labels
  )
  const personal = /terminal|merchant|card|pan|rrn|stan|txn/
  expect(labels.filter((label) => personal.test(label))).toEqual([])
})

it("everything that is declared is counted somewhere", () => {
  const sources = join(import.meta.dirname, "../../src")
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith("observe/metrics.ts"))
  const code = files.map((file) => readFileSync(join(sources, file), "utf8")).join("\n")
  const uncounted = Object.keys(metricDefinitions).filter((name) =>
    !new RegExp(`\\b${name}\\.of\\(`).test(code)
  )
  expect(uncounted).toEqual([])
})

it("names follow the rules of Prometheus", () => {
  for (const [name, { type }] of Object.entries(metricDefinitions)) {
    expect(name).toMatch(/^[a-z][a-z0-9_]*$/)
    expect(name.endsWith("_total"), name).toBe(type === "counter")
  }
})
