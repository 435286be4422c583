/**
 * Notices when the wall clock is set: deadlines run on the monotonic clock and do not care, but
 * people who read times in logs and rows must know (fault K1). A process that was held moves both
 * clocks and is no step (P6, K4).
 */

import { Effect, type Scope } from "effect"
import type { TimeShape } from "../domain/ports/time.ts"
import type { LogLines } from "./log-lines.ts"
import type { Metrics } from "./metrics.ts"

const lookMs = 1000
/** Less than this is time servers at work. */
const stepMs = 500

/** Watches until the scope closes. */
export const watchClock = (
  time: TimeShape,
  metrics: Metrics,
  lines: LogLines
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => {
      const offset = () => time.wallMs() - time.monotonicMs()
      let known = offset()
      return time.every(lookMs, () => {
        const byMs = Math.round(offset() - known)
        // Small differences add up to nothing: each look begins where the last one ended.
        known += byMs
        if (Math.abs(byMs) < stepMs) return
        metrics.clock_step_total.of().add()
        lines.write("warn", "clock-stepped", { byMs })
      })
    }),
    (stop) => Effect.sync(stop)
  ))
