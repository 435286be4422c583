/**
 * The alerts for Prometheus, as a table; `npm run docs` writes docs/operate/alerts.yml. What must
 * hold: each says what an operator does, and none compares what too few transactions say.
 */

import { stringify } from "yaml"
import { wordsFor } from "./expression.ts"

const { grew, increase, rate, rateBefore, series } = wordsFor({
  matchers: [],
  by: ["instance"],
  window: "5m"
})

/** By which Prometheus knows the switches; docs/operate/deploy/prometheus.yml says the same. */
export const job = "pointsman"

interface Alert {
  readonly name: string
  readonly expression: string
  /** How long it must hold; absent: at once. */
  readonly for?: string
  /** Critical: money or service is at stake now. */
  readonly severity: "critical" | "warning"
  readonly summary: string
  readonly action: string
}

/** Below this a share says nothing. */
const enoughCalls = 20
const dayS = 86_400
const lookBack = "15m"

/** None at all since the start is a share as well, and no series. */
const approvals = `(${rate("transactions_total", ["route"], { outcome: "approved" })} or 0 * ${
  rate("transactions_total", ["route"])
})`
const approvedNow = `${approvals} / ${rate("transactions_total", ["route"])}`
const approvedBefore = `${
  rateBefore("transactions_total", ["route"], { outcome: "approved" }, "1h", "5m")
} / ${rateBefore("transactions_total", ["route"], {}, "1h", "5m")}`

const journalShare = `${series("journal_bytes")} / ${series("journal_max_bytes")}`
const recordShare = `${series("queue_depth", { queue: "journal-records" })} / ${
  series("queue_capacity", { queue: "journal-records" })
}`

const service: ReadonlyArray<Alert> = [
  {
    name: "Down",
    expression: `up{job="${job}"} == 0`,
    for: "1m",
    severity: "critical",
    summary: "Nobody answers.",
    action: "Look at the process and at the last lines of its log. Exit code 3 after a failed " +
      "journal: look at disk and space, then start again; recovery decides."
  },
  {
    name: "NotReady",
    expression: `${series("ready")} == 0`,
    for: "2m",
    severity: "critical",
    summary: "No new transaction could complete.",
    action: "`pointsman health` says what stands in the way."
  },
  {
    name: "Restarted",
    expression: `time() - ${series("start_time_seconds")} < 600`,
    severity: "warning",
    summary: "The process began within the last ten minutes.",
    action:
      "If nobody asked for it: a broken invariant, a failed journal or want of memory ended " +
      "the one before. Its last log lines say which; a broken invariant is a fault of the " +
      "switch: report it."
  },
  {
    name: "Defect",
    expression: grew("defects_total", lookBack),
    severity: "critical",
    summary: "A defect of the switch itself, at {{ $labels.actor }}.",
    action: "The event `actor-failed` in the log says where. Report it."
  },
  {
    name: "EventLoopDelayed",
    expression: `${series("event_loop_delay_seconds", { quantile: "0.99" })} > 0.1`,
    for: "5m",
    severity: "warning",
    summary: "The event loop is late by {{ $value | humanizeDuration }} (p99).",
    action: "Too much for one process, or a neighbour that takes its processor."
  },
  {
    name: "ClockStepped",
    expression: grew("clock_step_total", lookBack),
    severity: "warning",
    summary: "The wall clock was set.",
    action: "Deadlines are not touched by it; business days and times in messages are. See to " +
      "time synchronisation."
  },
  {
    name: "CertificateEnds",
    expression: `${series("certificate_expiry_seconds")} < ${21 * dayS}`,
    severity: "warning",
    summary: "Certificate of {{ $labels.name }} ({{ $labels.use }}) ends in " +
      "{{ $value | humanizeDuration }}.",
    action: "Renew it; `pointsman check` says which file it is. What a listener shows is taken " +
      "without a restart."
  },
  {
    name: "LogLinesLost",
    expression: grew("log_lines_dropped_total", lookBack),
    severity: "warning",
    summary: "Log lines are lost.",
    action: "Whoever takes the log does not keep up, or its disk is full."
  }
]

const money: ReadonlyArray<Alert> = [
  {
    name: "ApprovalsDropped",
    expression: `${approvedNow} < 0.8 * (${approvedBefore}) and ` +
      `${increase("transactions_total", ["route"])} >= ${enoughCalls}`,
    for: "5m",
    severity: "critical",
    summary: "Route {{ $labels.route }} approves {{ $value | humanizePercentage }}, a fifth less " +
      "than in the hour before.",
    action: "By outcome: timeouts and refusals point to an upstream, declines to the issuer or " +
      "to the shops."
  },
  {
    name: "UpstreamTimesOut",
    expression: `${rate("upstream_ended_total", ["upstream"], { how: "timed-out" })} / ` +
      `${rate("upstream_ended_total", ["upstream"])} > 0.02 and ` +
      `${increase("upstream_ended_total", ["upstream"])} >= ${enoughCalls}`,
    for: "5m",
    severity: "critical",
    summary: "{{ $labels.upstream }} leaves {{ $value | humanizePercentage }} unanswered.",
    action: "Each one is reversed. Call the upstream; `pointsman upstreams` shows links and " +
      "breaker."
  },
  {
    name: "BreakerOpen",
    expression: `${series("breaker_state")} == 2`,
    for: "1m",
    severity: "critical",
    summary: "The breaker of {{ $labels.upstream }} is open: other routes are taken, or none.",
    action: "It closes by itself when the upstream is well again. Call the upstream."
  },
  {
    name: "BreakerForced",
    expression: `${series("breaker_state")} == 3`,
    for: "30m",
    severity: "warning",
    summary: "The breaker of {{ $labels.upstream }} has been held by hand for half an hour.",
    action: "Release it in the console when the reason is gone."
  },
  {
    name: "LinkDown",
    expression: `${series("upstream_up")} == 0`,
    for: "5m",
    severity: "warning",
    summary: "Link {{ $labels.link }} of {{ $labels.upstream }} is down.",
    action: "The event `link-moved` in the log says why."
  },
  {
    name: "SecurityModuleAway",
    expression: `${series("hsm_breaker_state")} == 2`,
    for: "1m",
    severity: "critical",
    summary: "The security module is left alone because it is sick.",
    action: "PINs cannot be translated, nor MACs made or checked. See to the module."
  },
  {
    name: "AdviceOld",
    expression: `${series("advice_age_seconds")} > 300`,
    severity: "critical",
    summary: "{{ $labels.upstream }} has not taken a reversal for " +
      "{{ $value | humanizeDuration }}.",
    action: "Money is in doubt until it does. `pointsman advices` shows attempts and answers."
  },
  {
    name: "Exceptions",
    expression: grew("exceptions_total", lookBack),
    severity: "critical",
    summary: "Something was handed to a human: {{ $labels.reason }}.",
    action: "`pointsman exceptions` shows it; resolve it with a note."
  }
]

const storage: ReadonlyArray<Alert> = [
  {
    name: "JournalHalfFull",
    expression: `${journalShare} > 0.5 or ${recordShare} > 0.5`,
    for: "1m",
    severity: "critical",
    summary: "The journal is {{ $value | humanizePercentage }} full.",
    action: "Above 90 % new transactions are refused. It empties as PostgreSQL takes its rows: " +
      "bring PostgreSQL back."
  },
  {
    name: "LedgerBehind",
    expression: `${series("store_watermark_lag_seconds")} > 120`,
    for: "5m",
    severity: "warning",
    summary: "PostgreSQL is {{ $value | humanizeDuration }} behind.",
    action: "Nothing is lost, and nobody waits; the journal fills. `pointsman health` has what " +
      "PostgreSQL said."
  }
]

export function alertRules(): string {
  const groups = Object.entries({ service, money, storage }).map(([name, alerts]) => ({
    name: `pointsman-${name}`,
    rules: alerts.map((alert) => ({
      alert: `Pointsman${alert.name}`,
      expr: alert.expression,
      ...(alert.for === undefined ? {} : { for: alert.for }),
      labels: { severity: alert.severity },
      annotations: { summary: alert.summary, description: alert.action }
    }))
  }))
  return `# Made by \`npm run docs\`; changes here are overwritten.\n\n${
    stringify({ groups }, { lineWidth: 100 })
  }`
}
