/**
 * The dashboard for Grafana, as rows of panels; `npm run docs` writes docs/operate/grafana.json.
 * Counters are looked at over the interval that Grafana finds right for the span shown.
 */

import { wordsFor } from "./expression.ts"

const { gauge, increase, quantile, rate } = wordsFor({
  matchers: ["instance=~\"$instance\""],
  by: [],
  window: "$__rate_interval"
})

interface Panel {
  readonly title: string
  readonly about: string
  /** As Grafana names them. */
  readonly unit: "ops" | "s" | "percentunit" | "short" | "bytes" | "dtdurations" | "none"
  /** Expressions by their legends. */
  readonly lines: Readonly<Record<string, string>>
  /** What numbers mean. */
  readonly words?: Readonly<Record<string, string>>
}

interface Row {
  readonly title: string
  readonly panels: ReadonlyArray<Panel>
}

const quantiles = { p50: 0.5, p99: 0.99, "p99.9": 0.999 }

/** Legends that have a quantile's name before them. */
const ofQuantiles = (legend: string, of: (quantile: number) => string) =>
  Object.fromEntries(
    Object.entries(quantiles).map(([name, each]) => [`${name}${legend}`, of(each)])
  )

const traffic: Row = {
  title: "Traffic and approval",
  panels: [
    {
      title: "Transactions by outcome",
      about: "How they ended for the terminal.",
      unit: "ops",
      lines: { "{{outcome}}": rate("transactions_total", ["outcome"]) }
    },
    {
      title: "Approval rate by route",
      about: "Approved, of all that ended.",
      unit: "percentunit",
      lines: {
        "{{route}}": `${rate("transactions_total", ["route"], { outcome: "approved" })} / ${
          rate("transactions_total", ["route"])
        }`
      }
    },
    {
      title: "Sessions",
      about: "Terminals that are connected, by state.",
      unit: "short",
      lines: { "{{state}}": gauge("sum", "sessions", ["state"]) }
    },
    {
      title: "Refused, repeated, shed",
      about: "What was no new transaction, and why.",
      unit: "ops",
      lines: {
        "refused: {{reason}}": rate("message_rejects_total", ["reason"]),
        "repeat: {{kind}}": rate("duplicates_total", ["kind"]),
        "shed: {{reason}}": rate("shed_total", ["reason"])
      }
    }
  ]
}

const latency: Row = {
  title: "Latency: our share and theirs",
  panels: [
    {
      title: "Our own share",
      about: "Of a transaction, waiting for the upstream taken out.",
      unit: "s",
      lines: ofQuantiles("", (each) => quantile(each, "own_seconds"))
    },
    {
      title: "The upstream's share",
      about: "From the request sent to its answer.",
      unit: "s",
      lines: ofQuantiles(
        " {{upstream}}",
        (each) => quantile(each, "upstream_seconds", ["upstream"])
      )
    },
    {
      title: "The whole",
      about: "First byte in to answer ready.",
      unit: "s",
      lines: ofQuantiles("", (each) => quantile(each, "transaction_seconds"))
    }
  ]
}

const upstreams: Row = {
  title: "Upstreams",
  panels: [
    {
      title: "Links up",
      about: "Links that stand and may be used.",
      unit: "short",
      lines: { "{{upstream}}": gauge("sum", "upstream_up", ["upstream"]) }
    },
    {
      title: "Breaker",
      about: "Open: nothing is sent to it until it has shown that it is well.",
      unit: "none",
      lines: { "{{upstream}}": gauge("max", "breaker_state", ["upstream"]) },
      words: { 0: "closed", 1: "half-open", 2: "open", 3: "forced" }
    },
    {
      title: "In flight, of the window",
      about: "At 1, further requests are refused or go another way.",
      unit: "percentunit",
      lines: {
        "{{upstream}}": `${gauge("sum", "upstream_inflight", ["upstream"])} / ${
          gauge("sum", "upstream_window", ["upstream"])
        }`
      }
    },
    {
      title: "Not answered, answered late",
      about: "Each one is reversed.",
      unit: "ops",
      lines: {
        "timed out: {{upstream}}": rate("upstream_ended_total", ["upstream"], {
          how: "timed-out"
        }),
        "lost: {{upstream}}": rate("upstream_ended_total", ["upstream"], { how: "lost" }),
        "late: {{upstream}}": rate("upstream_late_total", ["upstream"]),
        "{{what}}: {{upstream}}": rate("upstream_unmatched_total", ["upstream", "what"])
      }
    }
  ]
}

const advices: Row = {
  title: "Advices",
  panels: [
    {
      title: "Pending",
      about: "Reversals and other advices that their upstream has not taken.",
      unit: "short",
      lines: { "{{upstream}}": gauge("sum", "advices_pending", ["upstream"]) }
    },
    {
      title: "Age of the oldest",
      about: "How long money has been in doubt.",
      unit: "s",
      lines: { "{{upstream}}": gauge("max", "advice_age_seconds", ["upstream"]) }
    },
    {
      title: "Sent, repeated, ended",
      about: "What became of them.",
      unit: "ops",
      lines: { "{{result}}: {{upstream}}": rate("advices_total", ["upstream", "result"]) }
    },
    {
      title: "Handed to a human",
      about: "Resolve them in the console; none is ever dropped.",
      unit: "short",
      lines: { "{{reason}}": increase("exceptions_total", ["reason"]) }
    }
  ]
}

const storage: Row = {
  title: "Journal, PostgreSQL, queues",
  panels: [
    {
      title: "Journal in use",
      about: "Of its maximum; above 0.9 new transactions are refused.",
      unit: "percentunit",
      lines: { bytes: `${gauge("max", "journal_bytes")} / ${gauge("max", "journal_max_bytes")}` }
    },
    {
      title: "Commits",
      about: "With their sync to disk; every answer waits for one.",
      unit: "s",
      lines: { "{{quantile}}": gauge("max", "journal_sync_seconds", ["quantile"]) }
    },
    {
      title: "PostgreSQL behind",
      about: "Age of the oldest record that it does not have, and the time a batch takes.",
      unit: "s",
      lines: {
        lag: gauge("max", "store_watermark_lag_seconds"),
        "p99 batch {{result}}": quantile(0.99, "store_batch_seconds", ["result"])
      }
    },
    {
      title: "Records that PostgreSQL lacks",
      about: "They are in the journal.",
      unit: "short",
      lines: { records: gauge("sum", "journal_lag_records") }
    },
    {
      title: "Queues",
      about: "How full they are.",
      unit: "percentunit",
      lines: {
        "{{queue}}": `${gauge("max", "queue_depth", ["queue"])} / ${
          gauge("max", "queue_capacity", ["queue"])
        }`
      }
    },
    {
      title: "Oldest in a queue",
      about: "A commit that waits for its disk shows here first.",
      unit: "s",
      lines: { "{{queue}}": gauge("max", "queue_age_seconds", ["queue"]) }
    }
  ]
}

const process: Row = {
  title: "Process",
  panels: [
    {
      title: "Ready",
      about: "A new transaction could complete; the least of all nodes shown.",
      unit: "none",
      lines: { ready: gauge("min", "ready") },
      words: { 0: "no", 1: "yes" }
    },
    {
      title: "Event-loop delay",
      about: "By quantile, since the scrape before.",
      unit: "s",
      lines: { "{{quantile}}": gauge("max", "event_loop_delay_seconds", ["quantile"]) }
    },
    {
      title: "Memory",
      about: "The most of all nodes shown.",
      unit: "bytes",
      lines: { "{{kind}}": gauge("max", "heap_bytes", ["kind"]) }
    },
    {
      title: "Garbage collection",
      about: "Share of the time.",
      unit: "percentunit",
      lines: { "{{kind}}": rate("gc_seconds_total", ["kind"]) }
    },
    {
      title: "Defects, clock steps, lost log lines",
      about: "All of them should be none.",
      unit: "short",
      lines: {
        "defect: {{actor}}": increase("defects_total", ["actor"]),
        "clock steps": increase("clock_step_total"),
        "log lines lost": increase("log_lines_dropped_total")
      }
    },
    {
      title: "Certificates",
      about: "Time until the first one ends.",
      unit: "dtdurations",
      lines: { "{{name}} {{use}}": gauge("min", "certificate_expiry_seconds", ["name", "use"]) }
    }
  ]
}

const rows = [traffic, latency, upstreams, advices, storage, process]

const source = { type: "prometheus", uid: "${source}" }
const gridWidth = 24
const panelHeight = 8
/** More in one line cannot be read. */
const mostAbreast = 4

export function dashboard(): string {
  const panels: Array<object> = []
  let y = 0
  for (const row of rows) {
    const id = panels.length + 1
    panels.push({ id, type: "row", title: row.title, gridPos: { x: 0, y, w: gridWidth, h: 1 } })
    y += 1
    const abreast = row.panels.length > mostAbreast ? row.panels.length / 2 : row.panels.length
    const w = gridWidth / abreast
    row.panels.forEach((panel, index) => {
      const place = { x: (index % abreast) * w, y: y + Math.floor(index / abreast) * panelHeight }
      panels.push(panelOf(panel, panels.length + 1, { ...place, w, h: panelHeight }))
    })
    y += Math.ceil(row.panels.length / abreast) * panelHeight
  }
  return `${JSON.stringify(frameOf(panels), undefined, 2)}\n`
}

function frameOf(panels: ReadonlyArray<object>): object {
  return {
    uid: "pointsman",
    title: "Pointsman",
    description: "Made by `npm run docs`; changes here are overwritten.",
    tags: ["pointsman"],
    schemaVersion: 39,
    editable: true,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    templating: {
      list: [
        { name: "source", label: "Source", type: "datasource", query: "prometheus" },
        {
          name: "instance",
          label: "Node",
          type: "query",
          datasource: source,
          query: "label_values(pointsman_build_info, instance)",
          refresh: 2,
          includeAll: true,
          multi: true,
          current: { text: ["All"], value: ["$__all"] }
        }
      ]
    },
    panels
  }
}

function panelOf({ about, lines, title, unit, words }: Panel, id: number, gridPos: object): object {
  const mappings = words === undefined ? [] : [{
    type: "value",
    options: Object.fromEntries(
      Object.entries(words).map(([value, text], index) => [value, { index, text }])
    )
  }]
  return {
    id,
    type: "timeseries",
    title,
    description: about,
    datasource: source,
    gridPos,
    fieldConfig: { defaults: { unit, min: 0, mappings }, overrides: [] },
    targets: Object.entries(lines).map(([legendFormat, expr], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: source,
      expr,
      legendFormat
    }))
  }
}
