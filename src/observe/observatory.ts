/**
 * The one thing that wiring asks for: metrics, log lines, and the list of those who bring gauges up
 * to date when somebody looks.
 */

import { Context, Effect, Layer } from "effect"
import { Time } from "../domain/ports/time.ts"
import { jsonLogger } from "./json-logger.ts"
import { type LogLevel, LogLines, type LogSink } from "./log-lines.ts"
import { makeMetrics, type Metrics } from "./metrics.ts"
import { watchProcess } from "./process-health.ts"
import { prometheusText } from "./prometheus-text.ts"

export interface ObservatoryShape {
  readonly metrics: Metrics
  readonly lines: LogLines
  /** `update` sets gauges; it runs before every scrape and must be quick. */
  readonly onScrape: (update: () => void) => void
  readonly scrape: () => string
}

interface ObservatoryOptions {
  readonly sink: LogSink
  readonly least: LogLevel
  readonly version: string
  readonly commit: string
  readonly node: string
}

export class Observatory
  extends Context.Service<Observatory, ObservatoryShape>()("pointsman/observe/Observatory")
{}

/** Also makes Effect's own log calls lines of the same log. */
export const observatoryLayer = (
  options: ObservatoryOptions
): Layer.Layer<Observatory, never, Time> =>
  Layer.unwrap(Effect.map(Observatory, ({ lines }) => jsonLogger(lines))).pipe(
    Layer.provideMerge(Layer.effect(Observatory, makeObservatory(options)))
  )

const makeObservatory = Effect.fnUntraced(function*(options: ObservatoryOptions) {
  const time = yield* Time
  const metrics = makeMetrics()
  const lines = new LogLines({
    wallMs: time.wallMs,
    defer: time.defer,
    sink: options.sink,
    least: options.least,
    dropped: (count) => metrics.log_lines_dropped_total.of().add(count)
  })
  metrics.build_info.of(options.version, options.commit, options.node).set(1)
  metrics.start_time_seconds.of().set(time.wallMs() / 1000)
  const updates: Array<() => void> = [yield* watchProcess(metrics)]
  return Observatory.of({
    metrics,
    lines,
    onScrape: (update) => void updates.push(update),
    scrape: () => {
      for (const update of updates) update()
      return prometheusText(metrics)
    }
  })
})
