/**
 * The story of a transaction in one log line: what was asked, where it went, how it ended and how
 * long each side took. Written for everything but plain approvals and declines, and for those when
 * somebody asks. Holds the mask of the card, never its digits.
 */

import type { FailureCode } from "../domain/failures.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import type { LogLines } from "./log-lines.ts"

type Outcome = "approved" | "declined" | "refused" | "timed_out" | "undeliverable"

/** Undefined: the record tells of what came after its terminal had been told. */
export function outcomeOf(
  record: TransactionRecord,
  seen: (failure: FailureCode) => "never" | "perhaps" | "yes"
): Outcome | undefined {
  if (record.state === "reversed" || record.state === "exception") {
    return record.failure === "undeliverable" ? "undeliverable" : undefined
  }
  if (record.approved === true) return "approved"
  if (record.failure === undefined) return "declined"
  return seen(record.failure) === "never" ? "refused" : "timed_out"
}

export function tellStory(
  lines: LogLines,
  record: TransactionRecord,
  outcome: Outcome | undefined
): void {
  const level = outcome === "approved" || outcome === "declined" || outcome === "refused"
    ? "info"
    : "warn"
  if (!lines.isOn(level)) return
  lines.write(level, "transaction", {
    txn: record.id,
    outcome: outcome ?? record.state,
    state: record.state,
    kind: record.kind,
    channel: record.channel,
    terminal: record.terminal.trimEnd(),
    merchant: record.merchant.trimEnd(),
    stan: record.stan,
    rrn: record.rrn,
    card: record.panMask,
    amount: record.amount,
    currency: record.currency,
    route: record.route,
    upstream: record.upstream,
    link: record.link,
    upstreamStan: record.upstreamStan,
    response: record.response,
    upstreamResponse: record.upstreamResponse,
    failure: record.failure,
    ownMs: rounded(record.ownMs),
    upstreamMs: rounded(record.upstreamMs),
    day: record.day,
    config: record.configVersion
  })
}

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1000) / 1000
}
