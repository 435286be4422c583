/** A violation told: who saw what of the transaction, one line a witness. */

import type { SwitchRecord, Violation, ViolationKind } from "./audit.ts"
import type { TerminalEntry, UpstreamEntry } from "./book.ts"

/** One transaction as all books have it. */
export interface Case {
  readonly entry: TerminalEntry
  readonly record: SwitchRecord | undefined
  readonly executions: ReadonlyArray<UpstreamEntry>
  /** What the switch takes for the original of a follow-on. */
  readonly original: SwitchRecord | undefined
}

/** A violation with everything that is known of its transaction. */
export function said(
  kind: ViolationKind,
  what: string,
  each: Case | undefined,
  executions: ReadonlyArray<UpstreamEntry>
): Violation {
  const story: Array<string> = []
  if (each !== undefined) story.push(terminalLine(each.entry))
  if (each?.record !== undefined) story.push(recordLine(each.record))
  for (const execution of executions) story.push(upstreamLine(execution))
  return { kind, what, story }
}

function terminalLine(entry: TerminalEntry): string {
  const response = entry.response === undefined ? "" : ` (${entry.response})`
  return `terminal ${entry.terminal} batch ${entry.batch ?? "-"} stan ${entry.stan}: ` +
    `${entry.kind} ${entry.amount ?? "-"} → ${entry.outcome}${response}, ` +
    `own reversal ${entry.reversal}`
}

export function recordLine(record: SwitchRecord): string {
  const why = record.failure === undefined ? "" : `, ${record.failure}`
  return `switch ${record.id} v${record.version}: ${record.kind} ${record.amount ?? "-"} is ` +
    `${record.state}${why}, upstream ${record.upstream ?? "-"} ` +
    `stan ${record.upstreamStan ?? record.walletReference ?? "-"}`
}

function upstreamLine(entry: UpstreamEntry): string {
  return `upstream ${entry.upstream} ${entry.reference}: ${entry.kind} ${entry.amount ?? "-"} ` +
    `for ${entry.terminal} ${entry.decision} ×${entry.times}` +
    `${entry.reversed ? `, reversed (${entry.reversals} sent, ${entry.repeats} repeats)` : ""}`
}
