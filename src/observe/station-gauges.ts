/** Gauges that are read off stations whenever somebody looks: for `Observatory.onScrape`. */

import type { JournalHealth } from "../domain/ports/journal.ts"
import type { UpstreamStatus } from "../domain/ports/upstream.ts"
import type { Metrics } from "./metrics.ts"

export function showUpstreams(metrics: Metrics, status: ReadonlyArray<UpstreamStatus>): void {
  for (const { inFlight, links, name, window } of status) {
    metrics.upstream_inflight.of(name).set(inFlight)
    metrics.upstream_window.of(name).set(window)
    for (const { index, state } of links) {
      metrics.upstream_up.of(name, String(index)).set(state === "up" ? 1 : 0)
    }
  }
}

export function showJournal(metrics: Metrics, health: JournalHealth, wallMs: number): void {
  metrics.journal_bytes.of().set(health.bytes)
  metrics.journal_lag_records.of().set(health.feedPending)
  const { oldestFeedMs } = health
  const lagMs = oldestFeedMs === undefined ? 0 : Math.max(0, wallMs - oldestFeedMs)
  metrics.store_watermark_lag_seconds.of().set(lagMs / 1000)
}

/** `oldestMs`: wall time of the oldest pending advice by upstream, where there is one. */
export function showAdvices(
  metrics: Metrics,
  pending: ReadonlyMap<string, number>,
  oldestMs: ReadonlyMap<string, number>,
  wallMs: number
): void {
  for (const [upstream, count] of pending) {
    metrics.advices_pending.of(upstream).set(count)
    const oldest = oldestMs.get(upstream)
    const ageMs = oldest === undefined ? 0 : Math.max(0, wallMs - oldest)
    metrics.advice_age_seconds.of(upstream).set(ageMs / 1000)
  }
}

export function showQueue(metrics: Metrics, queue: string, depth: number, capacity: number): void {
  metrics.queue_depth.of(queue).set(depth)
  metrics.queue_capacity.of(queue).set(capacity)
}
