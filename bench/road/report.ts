/** The report of the road bench: one HTML page that needs nothing beside itself. */

import { grown, sumOf } from "../load/scrape.ts"
import { commitP99Ms, lagSeconds, type Measured, percentile } from "./arm.ts"
import { median, poolShare, type RoadResult } from "./result.ts"

const style = `body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem}
table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}
svg{width:100%;height:18rem}
.bad{color:#a00}`

const colours: Readonly<Record<string, string>> = {
  switch: "#0a58ca",
  "switch in place": "#6f9be0",
  relay: "#2b8a3e",
  haproxy: "#b8860b"
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
}

function table(head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string {
  const cells = (tag: string, row: ReadonlyArray<string>) =>
    `<tr>${row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("")}</tr>`
  return `<table>${cells("th", head)}${rows.map((row) => cells("td", row)).join("")}</table>`
}

const head = [
  "arm",
  "offered/s",
  "answered/s",
  "p50 ms",
  "p99 ms",
  "p99.9 ms",
  "CPU µs",
  "main µs",
  "PostgreSQL µs",
  "generator µs",
  "commit p50/p99 ms",
  "GC %",
  "loop delay p99 ms",
  "pool %",
  "lag s",
  "late",
  "busy"
]

function rowOf(measured: Measured): Array<string> {
  const { after, arm, before, busy, cpu, generatorCpu, late, perSecond, ratePerSecond, seconds } =
    measured
  const own = arm.startsWith("switch")
  const commitP50 = sumOf(after, "journal_sync_seconds", "quantile=\"0.5\"") * 1000
  const gc = 100 * grown(before, after, "gc_seconds_total") / seconds
  const delay = sumOf(after, "event_loop_delay_seconds", "quantile=\"0.99\"") * 1000
  return [
    arm,
    ratePerSecond.toFixed(0),
    perSecond.toFixed(0),
    ...[50, 99, 99.9].map((each) => percentile(measured, each).toFixed(2)),
    cpu.all.toFixed(1),
    cpu.main.toFixed(1),
    cpu.children > 0 ? cpu.children.toFixed(1) : "",
    generatorCpu.toFixed(1),
    own ? `${commitP50.toFixed(2)} / ${commitP99Ms(measured).toFixed(2)}` : "",
    own ? gc.toFixed(1) : "",
    own ? delay.toFixed(1) : "",
    own ? (100 * poolShare(measured)).toFixed(0) : "",
    own ? lagSeconds(measured).toFixed(2) : "",
    String(late),
    String(busy)
  ]
}

/** Latency against the share of answers that took at most as long, both scales logarithmic. */
function curve(runs: ReadonlyArray<Measured>): string {
  const [width, height, left, bottom] = [900, 280, 60, 24]
  const percents = [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99]
  const x = (percent: number) => left - Math.log10(1 - Math.min(percent, 99.99) / 100) / 4 * width
  const y = (ms: number) => height - (Math.log10(Math.max(ms, 0.1)) + 1) / 4 * (height - bottom)
  const lines = runs.map((run) => {
    const points = percents.map((each) =>
      `${x(each).toFixed(1)},${y(percentile(run, each)).toFixed(1)}`
    )
    const colour = colours[run.arm] ?? "#888"
    return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${
      points.join(" ")
    }">` +
      `<title>${escaped(run.arm)}</title></polyline>`
  })
  const ticks = [
    ...[0, 90, 99, 99.9, 99.99].map((each) =>
      `<text x="${x(each)}" y="${height + 18}" text-anchor="middle">${each} %</text>`
    ),
    ...[0.1, 1, 10, 100, 1000].map((ms) =>
      `<text x="4" y="${y(ms) + 4}">${ms} ms</text>` +
      `<line x1="${left}" x2="${left + width}" y1="${y(ms)}" y2="${y(ms)}" stroke="#ddd"/>`
    )
  ]
  return `<svg viewBox="0 0 ${left + width + 20} ${height + 28}">${ticks.join("")}${
    lines.join("")
  }</svg>`
}

export function report({ machine, objections, pairs, terminals }: RoadResult): string {
  const ratios = pairs.map(({ knees }) => {
    const held = (name: string) => knees.find((each) => each.held.arm === name)!.held.perSecond
    return held("switch") / held("relay")
  })
  const frame = pairs[0]?.knees[0]?.held.frameBytes ?? 0
  const threads = pairs[0]?.full.find(({ arm }) => arm === "switch")?.cpu.threads ?? []
  const parts = pairs.map(({ full, half, knees, quarter }, index) =>
    [
      `<h2>Pair ${index + 1}</h2>`,
      "<h3>At each arm's knee</h3>",
      table(head, knees.map(({ held }) => rowOf(held))),
      "<h3>At a quarter of the switch's knee</h3>",
      table(head, quarter.map(rowOf)),
      "<h3>At half of the switch's knee</h3>",
      table(head, half.map(rowOf)),
      curve(half),
      "<h3>Close to the knee: pool and in place</h3>",
      table(head, full.map(rowOf))
    ].join("\n")
  )
  const verdict = objections.length === 0
    ? "<p>The run counts: the ledger kept up, and every answer is one row in PostgreSQL.</p>"
    : `<p class="bad">The run does not count: ${escaped(objections.join("; "))}</p>`
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Pointsman: the road</title><style>${style}</style>
<h1>The road, beside a bare relay</h1>
<p>${escaped(machine)}; ${terminals} terminals, requests of ${frame} bytes with chip data, China
UnionPay ECB MAC verified and made, strict journal, PostgreSQL on. CPU is microseconds of processor
time a transaction, all threads of the program. Everything runs on one machine, generators and
PostgreSQL included.</p>
${verdict}
<p>Throughput at the knee, switch over relay: ${ratios.map((each) => each.toFixed(3)).join(", ")};
median ${median(ratios).toFixed(3)}.</p>
<h2>Threads of the switch close to the knee</h2>
${table(["thread", "µs a transaction"], threads.map(([name, used]) => [name, used.toFixed(2)]))}
${parts.join("\n")}
</html>
`
}
