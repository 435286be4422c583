/** Metrics as the text that Prometheus reads, format version 0.0.4. Pure. */

import { type Counter, type Definition, type Gauge, Histogram } from "./metric-family.ts"
import { metricDefinitions, metricPrefix, type Metrics } from "./metrics.ts"

export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8"

export function prometheusText(metrics: Metrics): string {
  const lines: Array<string> = []
  for (
    const [short, definition] of Object.entries(metricDefinitions) as Array<[string, Definition]>
  ) {
    const name = `${metricPrefix}${short}`
    lines.push(`# HELP ${name} ${definition.help}`, `# TYPE ${name} ${definition.type}`)
    const family = metrics[short as keyof Metrics]
    for (const [values, series] of family.series()) {
      const labels = definition.labels.map((label, index) => `${label}="${escape(values[index]!)}"`)
      if (series instanceof Histogram) histogramLines(name, labels, series, lines)
      else lines.push(`${name}${braces(labels)} ${number((series as Counter | Gauge).value)}`)
    }
  }
  return `${lines.join("\n")}\n`
}

function histogramLines(
  name: string,
  labels: ReadonlyArray<string>,
  series: Histogram,
  lines: Array<string>
): void {
  let below = 0
  series.counts.forEach((count, index) => {
    below += count
    const bound = series.bounds[index]
    const le = `le="${bound === undefined ? "+Inf" : bound}"`
    lines.push(`${name}_bucket${braces([...labels, le])} ${below}`)
  })
  lines.push(`${name}_sum${braces(labels)} ${number(series.sum)}`)
  lines.push(`${name}_count${braces(labels)} ${series.count}`)
}

function braces(labels: ReadonlyArray<string>): string {
  return labels.length === 0 ? "" : `{${labels.join(",")}}`
}

function number(value: number): string {
  if (Number.isNaN(value)) return "NaN"
  return Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf"
}

function escape(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => char === "\n" ? "\\n" : `\\${char}`)
}
