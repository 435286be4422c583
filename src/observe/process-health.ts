/**
 * How the process itself does: event-loop delay since the last look, memory, garbage collection.
 * One of the few files that look at the machine; it only looks.
 */

import { Effect, type Scope } from "effect"
import { constants, monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks"
import { getHeapStatistics } from "node:v8"
import type { Metrics } from "./metrics.ts"

/** Percentile of the monitor, and the label it is shown under. */
const quantiles = [[50, "0.5"], [99, "0.99"], [99.9, "0.999"], [100, "1"]] as const

/** Milliseconds between looks at the event loop; finer costs more than it shows. */
const resolutionMs = 10

/** Watches until the scope closes. The effect inside brings the gauges up to date. */
export const watchProcess = (
  metrics: Metrics
): Effect.Effect<() => void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const delay = monitorEventLoopDelay({ resolution: resolutionMs })
      delay.enable()
      const collector = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          // Node puts the kind there; its types do not say so.
          const { detail } = entry as { readonly detail?: { readonly kind?: number } }
          const kind = collections[detail?.kind ?? -1] ?? "other"
          metrics.gc_seconds_total.of(kind).add(entry.duration / 1000)
        }
      })
      collector.observe({ entryTypes: ["gc"] })
      return { delay, collector }
    }),
    ({ collector, delay }) =>
      Effect.sync(() => {
        delay.disable()
        collector.disconnect()
      })
  ).pipe(Effect.map(({ delay }) => () => {
    for (const [percentile, label] of quantiles) {
      // The monitor's own period is part of what it measures.
      const lateMs = Math.max(0, delay.percentile(percentile) / 1e6 - resolutionMs)
      metrics.event_loop_delay_seconds.of(label).set(lateMs / 1000)
    }
    delay.reset()
    const heap = getHeapStatistics()
    metrics.heap_bytes.of("used").set(heap.used_heap_size)
    metrics.heap_bytes.of("limit").set(heap.heap_size_limit)
    metrics.heap_bytes.of("outside").set(heap.external_memory)
    metrics.heap_bytes.of("resident").set(process.memoryUsage.rss())
  }))

const collections: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: "major",
  [constants.NODE_PERFORMANCE_GC_MINOR]: "minor",
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: "incremental",
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: "weak"
}
