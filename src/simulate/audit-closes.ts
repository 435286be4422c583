/**
 * The judge of batch closes: one that was answered is booked, as balanced or not as its terminal
 * heard; and it may be out of balance only where a transaction of the batch explains it.
 */

import type { SwitchRecord, Violation } from "./audit.ts"
import type { CloseEntry, TerminalEntry } from "./book.ts"

export interface CloseBooks {
  /** What terminals were answered. */
  readonly told: Iterable<CloseEntry>
  /** What is booked. */
  readonly rows: Iterable<CloseEntry>
}

/** A transaction as its terminal and the switch have it. */
interface Pair {
  readonly entry: TerminalEntry
  readonly record: SwitchRecord | undefined
}

export function auditCloses(
  { rows, told }: CloseBooks,
  pairs: ReadonlyArray<Pair>
): ReadonlyArray<Violation> {
  const booked = new Map<string, number>()
  for (const row of rows) booked.set(nameOf(row), (booked.get(nameOf(row)) ?? 0) + 1)
  const doubtful = new Set<string>()
  for (const pair of pairs) if (!isPlain(pair)) doubtful.add(batchOf(pair.entry))
  return Array.from(told).flatMap((close): ReadonlyArray<Violation> => {
    const name = nameOf(close)
    const left = (booked.get(name) ?? 0) - 1
    booked.set(name, left)
    if (left < 0) {
      return [{ kind: "lost", what: `a close was answered and is not booked: ${name}`, story: [] }]
    }
    // Without a batch number nobody knows which transactions were meant.
    if (close.balanced || close.batch === undefined || doubtful.has(batchOf(close))) return []
    return [{ kind: "differs", what: `nothing explains it: ${name}`, story: [] }]
  })
}

type Batch = Pick<CloseEntry, "terminal" | "batch">

const batchOf = ({ batch, terminal }: Batch): string => `${terminal.trim()} batch ${batch ?? "-"}`

const nameOf = (close: CloseEntry): string =>
  `${batchOf(close)}, ${close.balanced ? "balanced" : "not balanced"}`

const plainStates: ReadonlySet<string> = new Set(["answered", "recorded", "refused"])

/** Both sides always counted it the same way: it was never in doubt, and they agree. */
function isPlain({ entry, record }: Pair): boolean {
  const { heardAmount = entry.amount, outcome, reversal } = entry
  if (reversal !== "none" || outcome === "none" || outcome === "open") return false
  if (record === undefined) return outcome !== "approved"
  if (!plainStates.has(record.state)) return false
  if (outcome !== "approved") return record.approved !== true
  const amount = record.approvedAmount ?? record.amount
  return record.approved === true && (amount === undefined || amount === heardAmount)
}
