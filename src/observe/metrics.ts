/**
 * Every metric of the switch, declared once. Names are a public interface: dashboards and alerts
 * are written against them, and a test keeps the list. What must hold: no label ever carries a
 * terminal, a merchant, a card or a reference number; those live in logs and in PostgreSQL.
 */

import { Counter, type Definition, Family, Gauge, Histogram } from "./metric-family.ts"

const counter = <const L extends ReadonlyArray<string>>(help: string, ...labels: L) =>
  ({ type: "counter", help, labels }) as const
const gauge = <const L extends ReadonlyArray<string>>(help: string, ...labels: L) =>
  ({ type: "gauge", help, labels }) as const
const histogram = <const L extends ReadonlyArray<string>>(help: string, ...labels: L) =>
  ({ type: "histogram", help, labels, bounds: durations }) as const

/** Seconds. From a tenth of a millisecond, which is ours, to a minute, which is a terminal's. */
const durations = [
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
  60
]

/** By name without the prefix. */
export const metricDefinitions = {
  build_info: gauge("Always 1: what runs.", "version", "commit", "node"),
  start_time_seconds: gauge("When the process began, in seconds since 1970."),
  ready: gauge("1: a new transaction could complete; what stands in the way: `/readyz`."),
  defects_total: counter(
    "Failures of the switch's own code that cost a message; a broken invariant ends the process.",
    "actor"
  ),

  sessions: gauge("Terminal sessions by state.", "state"),
  sessions_opened_total: counter("Sessions accepted."),
  sessions_closed_total: counter("Sessions ended, by the reason why.", "reason"),
  frames_total: counter("Whole frames of terminals.", "direction"),
  bytes_total: counter("Bytes on the terminals' side, TLS undone.", "direction"),
  messages_total: counter("Messages read and written.", "mti", "direction"),
  message_rejects_total: counter("Messages refused before they were transactions.", "reason"),

  codec_jobs_total: counter("Messages and notices decoded, verified or sealed.", "place"),
  codec_batches_total: counter("Batches of them: in a worker, or in place.", "place"),
  codec_workers_replaced_total: counter("Worker threads that were replaced.", "reason"),
  codec_defects_total: counter("Messages that the codec itself failed on.", "dialect"),

  security_refusals_total: counter("What the security module refused or failed at.", "reason"),

  hsm_links: gauge("Connections to the security module that stand."),
  hsm_inflight: gauge("Commands written to the security module and not answered."),
  hsm_commands_total: counter("Commands handed to a connection of the security module."),
  hsm_failures_total: counter("Commands declined before the module, or failed at it.", "reason"),
  hsm_breaker_state: gauge("Of the security module: 0 closed, 1 half-open, 2 open."),

  answers_total: counter("Answers handed to a live socket, or to nobody.", "result"),

  notifications_total: counter("QR notices by what became of them.", "account", "result"),
  notification_streams_closed_total: counter("Streams of notices ended, by why.", "reason"),
  notification_push_seconds: histogram("Last byte of a notice to its push handed over."),
  pushes_total: counter("Pushes to terminals.", "result"),

  transactions_total: counter(
    "Transactions by how they ended for the terminal.",
    "kind",
    "channel",
    "route",
    "outcome"
  ),
  transaction_seconds: histogram("First byte in to answer ready.", "kind", "route"),
  own_seconds: histogram("Our share of a transaction, by stage.", "stage"),
  upstream_seconds: histogram("The upstream's share: sent to answered.", "upstream"),

  upstream_up: gauge("1: the link stands and may be used.", "upstream", "link"),
  upstream_inflight: gauge("Requests written and not answered.", "upstream"),
  upstream_window: gauge("Requests that may be in flight.", "upstream"),
  upstream_sent_total: counter("Messages handed to a link.", "upstream", "kind"),
  upstream_ended_total: counter("How written messages ended.", "upstream", "how"),
  upstream_unmatched_total: counter(
    "Messages that ended nothing: late, duplicate, unmatched, malformed, wrong-mac.",
    "upstream",
    "what"
  ),
  upstream_late_total: counter("Answers after their end was declared.", "upstream"),
  breaker_state: gauge("0 closed, 1 half-open, 2 open, 3 forced.", "upstream"),
  breaker_transitions_total: counter("Changes of a breaker's state.", "upstream", "to"),

  duplicates_total: counter("Repeats: replayed, joined, conflicting, stale.", "kind"),
  originals_sought_total: counter(
    "Originals of reversals that had left the journal: sought in PostgreSQL, found, unknown, " +
      "refused for want of room.",
    "result"
  ),
  advices_pending: gauge("Reversals and other advices not yet taken.", "upstream"),
  advice_age_seconds: gauge("Age of the oldest pending advice.", "upstream"),
  advices_total: counter("Advices sent, repeated, and ended.", "upstream", "result"),
  exceptions_total: counter("What was handed to a human.", "reason"),

  journal_bytes: gauge("Bytes in use of the journal's maximum."),
  journal_max_bytes: gauge("The journal's maximum."),
  journal_sync_seconds: gauge("Commits of late, with their sync to disk.", "quantile"),
  journal_lag_records: gauge("Records that PostgreSQL does not have yet."),
  store_batch_rows: gauge("Rows of the last batch that PostgreSQL took."),
  store_batch_seconds: histogram("One batch to PostgreSQL.", "result"),
  store_watermark_lag_seconds: gauge("Age of the oldest record PostgreSQL does not have."),

  queue_depth: gauge("Waiting in a queue.", "queue"),
  queue_capacity: gauge("What a queue can hold.", "queue"),
  queue_age_seconds: gauge("Age of the oldest in a queue.", "queue"),
  shed_total: counter("Refused to protect the switch.", "reason"),

  event_loop_delay_seconds: gauge("Event-loop delay since the last scrape.", "quantile"),
  heap_bytes: gauge("Memory: heap used and limit, outside, resident.", "kind"),
  gc_seconds_total: counter("Time spent in garbage collection.", "kind"),
  clock_step_total: counter("Wall-clock steps that were noticed."),
  terminal_clock_wrong_total: counter("Requests whose own time is a day or more from ours."),

  config_version: gauge("Version of the configuration in force."),
  config_reloads_total: counter("Reloads asked for.", "result"),
  certificate_expiry_seconds: gauge(
    "Seconds until the first certificate ends of a listener's or upstream's own, or authorities.",
    "name",
    "use"
  ),
  log_lines_dropped_total: counter("Log lines lost because nobody took them.")
} as const satisfies Readonly<Record<string, Definition>>

type Definitions = typeof metricDefinitions

type MetricOf<D> = D extends { readonly type: "counter"; readonly labels: infer L }
  ? Family<Counter, L>
  : D extends { readonly type: "gauge"; readonly labels: infer L } ? Family<Gauge, L>
  : D extends { readonly type: "histogram"; readonly labels: infer L } ? Family<Histogram, L>
  : never

/** All families of one process, ready to be counted with. */
export type Metrics = { readonly [N in keyof Definitions]: MetricOf<Definitions[N]> }

export const metricPrefix = "pointsman_"

export function makeMetrics(): Metrics {
  return Object.fromEntries(
    Object.entries(metricDefinitions).map(([name, definition]) => [name, family(definition)])
  ) as Metrics
}

function family(definition: Definition): Family<Counter | Gauge | Histogram, unknown> {
  const make = definition.type === "counter"
    ? () => new Counter()
    : definition.type === "gauge"
    ? () => new Gauge()
    : () => new Histogram(definition.bounds ?? durations)
  return new Family<Counter | Gauge | Histogram, unknown>(definition.labels.length, make)
}
