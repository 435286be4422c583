/**
 * Gauges that are read off the stations whenever somebody looks: what they are asked for, beside
 * what their meters are told.
 */

import type { Certificate } from "../config/certificates.ts"
import type { AdviceRecord } from "../domain/advice.ts"
import type { JournalHealth } from "../domain/ports/journal.ts"
import type { UpstreamStatus } from "../domain/ports/upstream.ts"
import type { HsmCounts } from "../security/hsm-client.ts"
import type { Metrics } from "./metrics.ts"
import type { ObservatoryShape } from "./observatory.ts"
import { breakerNumbers } from "./station-meters.ts"

/** What is looked at; handed in by the wiring. */
interface Watched {
  readonly journal: () => JournalHealth
  readonly upstreams: () => ReadonlyArray<UpstreamStatus>
  /** Chains that are pending. */
  readonly advices: () => Iterable<AdviceRecord>
  /** Sessions by state. */
  readonly sessions: () => Readonly<Record<string, number>>
  readonly configVersion: () => number
  /** Defects of hot actors, by the name of their kind. */
  readonly actors: () => ReadonlyMap<string, { readonly defects: number }>
  readonly certificates: () => ReadonlyArray<Certificate>
  readonly wallMs: () => number
}

/** The words of the metric for the states of a session. */
const sessionStates: Readonly<Record<string, string>> = {
  new: "connected",
  proven: "signed_on",
  quarantined: "quarantined",
  closing: "draining"
}

/** Brings all of them up to date before every scrape. */
export function watchStations(
  { metrics, onScrape }: Pick<ObservatoryShape, "metrics" | "onScrape">,
  watched: Watched
): void {
  onScrape(() => {
    const status = watched.upstreams()
    showUpstreams(metrics, status)
    showJournal(metrics, watched.journal())
    showAdvices(metrics, status.map(({ name }) => name), watched.advices(), watched.wallMs())
    for (const [state, count] of Object.entries(watched.sessions())) {
      metrics.sessions.of(sessionStates[state] ?? state).set(count)
    }
    for (const [kind, { defects }] of watched.actors()) {
      const counter = metrics.defects_total.of(kind)
      counter.add(defects - counter.value)
    }
    metrics.config_version.of().set(watched.configVersion())
    metrics.certificate_expiry_seconds.clear()
    // Of several the one that ends first is set last.
    for (const { endsMs, name, use } of watched.certificates().toSorted(byEndFromLast)) {
      metrics.certificate_expiry_seconds.of(name, use).set((endsMs - watched.wallMs()) / 1000)
    }
  })
}

/** A security module behind host commands, and the breaker before it. */
export interface HsmStatus extends HsmCounts {
  readonly breaker: UpstreamStatus["breaker"]
  readonly queueCapacity: number
}

/** The client counts for itself; a scrape takes over what came since the last one. */
export const watchHsm =
  ({ metrics, onScrape }: Pick<ObservatoryShape, "metrics" | "onScrape">) =>
  (status: () => HsmStatus): void =>
    onScrape(() => {
      const { breaker, failures, links, outstanding, queueCapacity, queued, sent } = status()
      metrics.hsm_links.of().set(links)
      metrics.hsm_inflight.of().set(outstanding)
      metrics.hsm_breaker_state.of().set(breakerNumbers[breaker])
      metrics.queue_depth.of("hsm").set(queued)
      metrics.queue_capacity.of("hsm").set(queueCapacity)
      const commands = metrics.hsm_commands_total.of()
      commands.add(sent - commands.value)
      for (const [reason, count] of Object.entries(failures)) {
        const failed = metrics.hsm_failures_total.of(reason)
        failed.add(count - failed.value)
      }
    })

const byEndFromLast = (one: Certificate, other: Certificate): number => other.endsMs - one.endsMs

/** A reload may have removed one: what it showed last would stay, and its alerts with it. */
function showUpstreams(metrics: Metrics, status: ReadonlyArray<UpstreamStatus>): void {
  const { breaker_state, upstream_inflight, upstream_up, upstream_window } = metrics
  for (const family of [breaker_state, upstream_inflight, upstream_up, upstream_window]) {
    family.clear()
  }
  for (const { breaker, inFlight, links, name, window } of status) {
    breaker_state.of(name).set(breakerNumbers[breaker])
    upstream_inflight.of(name).set(inFlight)
    upstream_window.of(name).set(window)
    for (const { index, state } of links) {
      upstream_up.of(name, String(index)).set(state === "up" ? 1 : 0)
    }
  }
}

function showJournal(metrics: Metrics, health: JournalHealth): void {
  metrics.journal_bytes.of().set(health.bytes)
  metrics.journal_max_bytes.of().set(health.maxBytes)
  metrics.journal_lag_records.of().set(health.feedPending)
  metrics.journal_sync_seconds.of("0.5").set(health.commitP50Ms / 1000)
  metrics.journal_sync_seconds.of("0.99").set(health.commitP99Ms / 1000)
  metrics.store_watermark_lag_seconds.of().set((health.oldestFeedMs ?? 0) / 1000)
  metrics.queue_depth.of("journal-records").set(health.records)
  metrics.queue_capacity.of("journal-records").set(health.maxRecords)
  metrics.queue_age_seconds.of("journal-sync").set(health.waitingMs / 1000)
}

/** Upstreams without a pending chain show zero, so that an alert on them ends. */
function showAdvices(
  metrics: Metrics,
  upstreams: ReadonlyArray<string>,
  advices: Iterable<AdviceRecord>,
  wallMs: number
): void {
  const chains = new Map(upstreams.map((name) => [name, { count: 0, oldestMs: wallMs }]))
  for (const { createdMs, state, upstream } of advices) {
    if (state !== "pending") continue
    const known = chains.get(upstream) ?? { count: 0, oldestMs: wallMs }
    chains.set(upstream, {
      count: known.count + 1,
      oldestMs: Math.min(known.oldestMs, createdMs)
    })
  }
  metrics.advices_pending.clear()
  metrics.advice_age_seconds.clear()
  for (const [upstream, { count, oldestMs }] of chains) {
    metrics.advices_pending.of(upstream).set(count)
    metrics.advice_age_seconds.of(upstream).set((wallMs - oldestMs) / 1000)
  }
}
