/**
 * What the transaction station and the advice lanes count, as the structural meters that they ask
 * for. Each call is a few additions, and at most one log line.
 */

import type { AdviceRecord } from "../domain/advice.ts"
import { type FailureCode, failures } from "../domain/failures.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import type { LogLines } from "./log-lines.ts"
import type { Metrics } from "./metrics.ts"
import { outcomeOf, tellStory } from "./story.ts"

/** Which transactions get a story line. */
type Stories = "all" | "failures"

const seen = (failure: FailureCode) => failures[failure].seen

/** For `TransactionsOptions.meter`. */
export function transactionMeter(metrics: Metrics, lines: LogLines, stories: Stories) {
  const { duplicates_total, exceptions_total, message_rejects_total } = metrics
  const own = metrics.own_seconds.of("whole")
  return {
    ended: (record: TransactionRecord): void => {
      const outcome = outcomeOf(record, seen)
      const route = record.route ?? "none"
      if (outcome !== undefined) {
        metrics.transactions_total.of(record.kind, record.channel, route, outcome).add()
      }
      if (outcome !== undefined && outcome !== "undeliverable" && record.ownMs !== undefined) {
        own.record(record.ownMs / 1000)
        const wholeMs = record.ownMs + (record.upstreamMs ?? 0)
        metrics.transaction_seconds.of(record.kind, route).record(wholeMs / 1000)
      }
      const plain = outcome === "approved" || outcome === "declined"
      if (stories === "all" || !plain) tellStory(lines, record, outcome)
    },
    duplicate: (what: string): void => duplicates_total.of(what).add(),
    sought: (what: string): void => metrics.originals_sought_total.of(what).add(),
    clockWrong: (): void => metrics.terminal_clock_wrong_total.of().add(),
    late: (upstream: string, approved: boolean): void =>
      lines.write("warn", "late-answer", { upstream, approved }),
    exception: (reason: string): void => {
      exceptions_total.of(reason).add()
      lines.write("error", "exception-raised", { reason })
    },
    turnedAway: (failure: FailureCode): void => {
      message_rejects_total.of(failure).add()
      if (failure === "overloaded" || failure === "journal-full") {
        metrics.shed_total.of(failure).add()
      }
    }
  }
}

/** For `AdvicesOptions.meter`. */
export function adviceMeter(metrics: Metrics, lines: LogLines) {
  return {
    sent: (upstream: string, repeat: boolean): void =>
      metrics.advices_total.of(upstream, repeat ? "repeated" : "sent").add(),
    ended: (upstream: string, result: AdviceRecord["state"]): void =>
      metrics.advices_total.of(upstream, result).add(),
    alert: (record: AdviceRecord): void =>
      lines.write("error", "advice-refused-repeatedly", {
        txn: record.transaction,
        upstream: record.upstream,
        attempts: record.attempts,
        reason: record.reason,
        lastResponse: record.lastResponse
      })
  }
}
