/**
 * Dashboard and alerts against the metrics that the code declares: every name, every label and
 * every value of a label in every expression, as they stand in the files that operators take.
 */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { job } from "../../docs/monitoring/alerts.ts"
import type { Definition } from "../../src/observe/metric-family.ts"
import { metricDefinitions, metricPrefix } from "../../src/observe/metrics.ts"
import { readSources } from "../tidy/source.ts"

const root = join(import.meta.dirname, "..", "..")
const read = (path: string) => readFileSync(join(root, path), "utf8")

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>>
  readonly targets?: ReadonlyArray<{ readonly expr: string; readonly legendFormat: string }>
}

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: Readonly<Record<"summary" | "description", string>>
}

// Both are made here; their form is that of Grafana and of Prometheus.
const { panels } = JSON.parse(read("docs/operate/grafana.json")) as {
  readonly panels: ReadonlyArray<Panel>
}
const { groups } = parse(read("docs/operate/alerts.yml")) as {
  readonly groups: ReadonlyArray<{ readonly rules: ReadonlyArray<Rule> }>
}
const rules = groups.flatMap((group) => group.rules)

interface Metric {
  readonly labels: ReadonlyArray<string>
}

const definitions: Readonly<Record<string, Definition>> = metricDefinitions
const metrics = new Map<string, Metric>()
for (const [short, { labels, type }] of Object.entries(definitions)) {
  const name = `${metricPrefix}${short}`
  if (type === "histogram") metrics.set(`${name}_bucket`, { labels: [...labels, "le"] })
  else metrics.set(name, { labels })
}
/** What Prometheus itself says of a target, and the labels that it gives to all of one. */
metrics.set("up", { labels: ["job"] })
const targetLabels = ["instance"]

const language = new Set(
  "sum max min by rate increase histogram_quantile time and or unless offset".split(" ")
)

/** Words that stand quoted in the code, or are written by it: what labels may have as values. */
const quoted = new Set(
  readSources(["src"], [".ts"]).flatMap(({ uncommented }) =>
    [...uncommented.matchAll(/"([\w.-]+)"/g)].map(([, word = ""]) => word)
  )
)

/** What is wrong with an expression. */
function faultsOf(expression: string): ReadonlyArray<string> {
  const faults: Array<string> = []
  const used = new Set(targetLabels)
  const series = /([a-zA-Z_]\w*)\{([^}]*)\}|\b(pointsman_\w+)/g
  const rest = expression.replaceAll(series, (_, held?: string, matchers = "", bare?: string) => {
    const name = held ?? bare ?? ""
    const metric = metrics.get(name)
    if (metric === undefined) faults.push(`${name}: no such metric`)
    for (const label of metric?.labels ?? []) used.add(label)
    for (const [, label = "", value = ""] of String(matchers).matchAll(/(\w+)=~?"([^"]*)"/g)) {
      if (targetLabels.includes(label)) continue
      if (metric !== undefined && !metric.labels.includes(label)) {
        faults.push(`${name} has no ${label}`)
      }
      if (value !== job && !quoted.has(value)) faults.push(`${label}: nothing says ${value}`)
    }
    return "0"
  }).replaceAll(/\bby \(([^)]*)\)/g, (_, labels: string) => {
    for (const label of labels.split(", ")) {
      if (!used.has(label)) faults.push(`by ${label}, which no metric of it has`)
    }
    return ""
  }).replaceAll(/\[(?:\d+[smh]|\$__rate_interval)\]|\boffset \d+[smh]\b/g, "")
  for (const [word] of rest.matchAll(/[a-zA-Z_]\w*/g)) {
    if (!language.has(word)) faults.push(`${word}: no word of ours`)
  }
  const opened = rest.split("(").length
  return opened === rest.split(")").length ? faults : [...faults, "parentheses"]
}

/** Labels by which the series of an expression may differ. */
const labelsOf = (expression: string): ReadonlyArray<string> =>
  [...expression.matchAll(/\bpointsman_\w+/g)].flatMap(([name]) => metrics.get(name)?.labels ?? [])

describe("an expression", () => {
  it("is refused for what is not there", () => {
    const known = "sum by (route) (rate(pointsman_transactions_total{outcome=\"approved\"}[5m]))"
    expect(faultsOf(known)).toEqual([])
    expect(faultsOf(known.replace("transactions", "transaction"))).toHaveLength(2)
    expect(faultsOf(known.replace("outcome", "end"))).toHaveLength(1)
    expect(faultsOf(known.replace("approved", "aproved"))).toHaveLength(1)
    expect(faultsOf(known.replace("(route)", "(terminal)"))).toHaveLength(1)
    expect(faultsOf(known.replace("rate", "rat"))).toHaveLength(1)
    expect(faultsOf(`${known} / node_load1`)).toHaveLength(1)
    expect(faultsOf(`${known})`)).toHaveLength(1)
    // A histogram has buckets, and no value.
    expect(faultsOf("pointsman_own_seconds")).toHaveLength(1)
  })
})

describe("the dashboard", () => {
  const drawn = panels.filter(({ type }) => type !== "row")

  it("asks only for what is declared", () => {
    for (const { targets = [], title } of drawn) {
      expect(targets.length, title).toBeGreaterThan(0)
      for (const { expr, legendFormat } of targets) {
        expect(faultsOf(expr), `${title}: ${expr}`).toEqual([])
        for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
          expect(/\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(", "), title).toContain(label)
        }
      }
    }
  })

  it("has a place of its own for every panel", () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + at % w},${y + Math.floor(at / w)}`)
    )
    expect(new Set(cells).size).toBe(cells.length)
    expect(Math.max(...panels.map(({ gridPos: { w, x } }) => x + w))).toBe(24)
  })
})

describe("the alerts", () => {
  it("ask only for what is declared", () => {
    for (const { alert, expr } of rules) expect(faultsOf(expr), alert).toEqual([])
  })

  it("have names of their own, and tell only of labels that are there", () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
    for (const { alert, annotations, expr } of rules) {
      const text = annotations.summary + annotations.description
      for (const [, label] of text.matchAll(/\$labels\.(\w+)/g)) {
        expect(labelsOf(expr), alert).toContain(label)
      }
    }
  })
})
