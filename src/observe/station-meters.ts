/**
 * What sessions, upstreams and notifications count, as the structural meters that they ask for.
 * Each call is a few additions; a line is written only for what is rare, or seldom.
 */

import type { EndReason } from "../domain/end-reasons.ts"
import type { FailureCode } from "../domain/failures.ts"
import type { Kind } from "../domain/kind.ts"
import type { UpstreamStatus } from "../domain/ports/upstream.ts"
import type { LogLines } from "./log-lines.ts"
import type { Metrics } from "./metrics.ts"

/** What the metric says of each state. */
export const breakerNumbers: Readonly<Record<UpstreamStatus["breaker"], number>> = {
  closed: 0,
  "half-open": 1,
  open: 2,
  "forced-open": 3,
  "forced-closed": 3
}

/** Ends of sessions and streams that an operator need not hear of one by one. */
const quiet: ReadonlySet<EndReason> = new Set<EndReason>([
  "peer-closed",
  "peer-reset",
  "idle",
  "taken-over",
  "signed-off",
  "draining"
])

/** For the session house's hooks. */
export function sessionMeter(metrics: Metrics, lines: LogLines) {
  const opened = metrics.sessions_opened_total.of()
  const delivered = metrics.answers_total.of("delivered")
  const undeliverable = metrics.answers_total.of("undeliverable")
  const { bytes_total, frames_total } = metrics
  const bytesIn = bytes_total.of("in")
  const bytesOut = bytes_total.of("out")
  const framesIn = frames_total.of("in")
  const framesOut = frames_total.of("out")
  return {
    opened: (): void => opened.add(),
    ended: (listener: string, reason: EndReason): void => {
      metrics.sessions_closed_total.of(reason).add()
      if (!quiet.has(reason)) lines.writeSeldom("info", "session-ended", { listener, reason })
    },
    read: (bytes: number, frames: number): void => {
      bytesIn.add(bytes)
      framesIn.add(frames)
    },
    sent: (bytes: number): void => {
      bytesOut.add(bytes)
      framesOut.add()
    },
    received: (_: string, kind: Kind): void => metrics.messages_total.of(kind, "in").add(),
    refused: (listener: string, failure: FailureCode): void => {
      metrics.message_rejects_total.of(failure).add()
      lines.writeSeldom("info", "message-refused", { listener, reason: failure })
    },
    answered: (_: string, live: boolean): void => (live ? delivered : undeliverable).add(),
    unanswerable: (listener: string): void => {
      metrics.message_rejects_total.of("unanswerable").add()
      lines.writeSeldom("info", "message-unanswerable", { listener })
    },
    push: (what: string): void => metrics.pushes_total.of(what).add()
  }
}

/** For `UpstreamsOptions.meter`. */
export function upstreamMeter(metrics: Metrics, lines: LogLines) {
  return {
    sent: (upstream: string, kind: string): void =>
      metrics.upstream_sent_total.of(upstream, kind).add(),
    ended: (upstream: string, kind: string, how: string, seconds: number): void => {
      metrics.upstream_ended_total.of(upstream, how).add()
      if (kind === "request") metrics.upstream_seconds.of(upstream).record(seconds)
    },
    stray: (upstream: string, what: string): void => {
      if (what === "late") metrics.upstream_late_total.of(upstream).add()
      else metrics.upstream_unmatched_total.of(upstream, what).add()
    },
    breaker: (upstream: string, from: string, to: UpstreamStatus["breaker"]): void => {
      metrics.breaker_state.of(upstream).set(breakerNumbers[to])
      metrics.breaker_transitions_total.of(upstream, to).add()
      lines.write(to === "closed" ? "info" : "warn", "breaker-moved", { upstream, from, to })
    },
    forced: (upstream: string, state: string, forcedMs: number): void => {
      lines.write("warn", "breaker-still-forced", { upstream, state, forcedMs })
    },
    link: (
      upstream: string,
      index: number,
      state: string,
      reason: EndReason | undefined
    ): void => {
      metrics.upstream_up.of(upstream, String(index)).set(state === "up" ? 1 : 0)
      if (state === "up" || reason !== undefined) {
        lines.write("info", "link-moved", { upstream, link: index, state, reason })
      }
    }
  }
}

/** For `LedgerOptions.meter`. */
export function ledgerMeter(metrics: Metrics) {
  return {
    batch: (rows: number, seconds: number, result: string): void => {
      metrics.store_batch_seconds.of(result).record(seconds)
      if (result === "written") metrics.store_batch_rows.of().set(rows)
    }
  }
}

/** For the codec's layers. */
export function codecMeter(metrics: Metrics, lines: LogLines) {
  const jobs = {
    pool: metrics.codec_jobs_total.of("pool"),
    here: metrics.codec_jobs_total.of("here")
  }
  const batches = {
    pool: metrics.codec_batches_total.of("pool"),
    here: metrics.codec_batches_total.of("here")
  }
  return {
    batch: (count: number, place: "pool" | "here"): void => {
      jobs[place].add(count)
      batches[place].add()
    },
    replaced: (reason: "died" | "hung"): void => {
      metrics.codec_workers_replaced_total.of(reason).add()
      lines.write("error", "codec-worker-replaced", { reason })
    },
    defect: (dialect: string): void => {
      metrics.codec_defects_total.of(dialect).add()
      lines.write("error", "codec-defect", { dialect })
    }
  }
}

/** For the security module, whichever it is. */
export function securityMeter(metrics: Metrics, lines: LogLines) {
  return ({ code }: { readonly code: string }): void => {
    metrics.security_refusals_total.of(code).add()
    // What terminals cause is only counted; a module or a key block is for people to look at.
    if (code.startsWith("hsm-") || code.startsWith("block-")) {
      lines.writeSeldom("warn", "security-module", { reason: code })
    }
  }
}

/** For the notification station. */
export function noticeMeter(metrics: Metrics, lines: LogLines) {
  const pushed = metrics.notification_push_seconds.of()
  return {
    notice: (account: string, end: string): void => {
      metrics.notifications_total.of(account, end).add()
      if (end.startsWith("notification-")) {
        lines.writeSeldom("warn", "notification-refused", { account, reason: end })
      }
    },
    pushed: (milliseconds: number): void => pushed.record(milliseconds / 1000),
    /** A connection to the public listener for which there was no room. */
    declined: (): void => metrics.shed_total.of("public-connections").add(),
    streamEnded: (listener: string, reason: EndReason): void => {
      metrics.notification_streams_closed_total.of(reason).add()
      if (!quiet.has(reason)) lines.writeSeldom("info", "stream-ended", { listener, reason })
    }
  }
}
