/**
 * An upstream's settlement file against the ledger, line by line. Money that one side has and the
 * other has not, or has differently, is named; everything else is only counted. Money that is
 * only held (a pre-authorisation) has not moved.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { TransactionId } from "../domain/brand.ts"
import type { LedgerUnavailable } from "../domain/ports/ledger.ts"
import { unavailable } from "./database-failure.ts"
import { standing } from "./standing.ts"

interface ReconcileQuery {
  readonly upstream: string
  /** Business days, both included. */
  readonly fromDay: string
  readonly toDay: string
}

/** One line of the upstream's file: money that moved there. */
export interface UpstreamLine {
  /** The number that we stamped for the upstream, or the wallet's own reference. */
  readonly reference: string
  readonly amount: number
  readonly currency: string
}

interface OurLine extends UpstreamLine {
  readonly id: TransactionId
}

interface Reconciliation {
  readonly matched: number
  readonly matchedAmount: number
  /** The upstream has it; we do not hold it as approved and standing. */
  readonly onlyThere: ReadonlyArray<UpstreamLine>
  readonly onlyHere: ReadonlyArray<OurLine>
  readonly differing: ReadonlyArray<{ readonly ours: OurLine; readonly theirs: UpstreamLine }>
}

export const reconcile = (
  query: ReconcileQuery,
  lines: Iterable<UpstreamLine>
): Effect.Effect<Reconciliation, LedgerUnavailable, PgClient.PgClient> =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const ours = yield* sql<OurLine>`
      SELECT id, coalesce(wallet_reference, upstream_rrn, upstream_stan) AS reference,
        coalesce(approved_amount, amount)::float8 AS amount, currency
      FROM transactions
      WHERE upstream = ${query.upstream} AND approved AND amount IS NOT NULL
        AND day BETWEEN ${query.fromDay}::date AND ${query.toDay}::date
        AND ${sql.literal(standing)}
        AND kind NOT IN ('preauth', 'preauth-cancel')
      ORDER BY day, id`
    return compare(ours, lines)
  }).pipe(Effect.mapError(unavailable))

/** Of lines with one reference those that agree belong together; the others in order. */
export function compare(
  ours: ReadonlyArray<OurLine>,
  lines: Iterable<UpstreamLine>
): Reconciliation {
  const byReference = new Map<string, Array<OurLine>>()
  for (const line of ours) {
    const same = byReference.get(line.reference)
    if (same === undefined) byReference.set(line.reference, [line])
    else same.push(line)
  }
  let matched = 0
  let matchedAmount = 0
  const others: Array<UpstreamLine> = []
  for (const theirs of lines) {
    const same = byReference.get(theirs.reference) ?? []
    const at = same.findIndex((own) =>
      own.amount === theirs.amount && own.currency === theirs.currency
    )
    if (at < 0) others.push(theirs)
    else {
      same.splice(at, 1)
      matched++
      matchedAmount += theirs.amount
    }
  }
  const onlyThere: Array<UpstreamLine> = []
  const differing: Array<{ ours: OurLine; theirs: UpstreamLine }> = []
  for (const theirs of others) {
    const own = byReference.get(theirs.reference)?.shift()
    if (own === undefined) onlyThere.push(theirs)
    else differing.push({ ours: own, theirs })
  }
  const onlyHere = [...byReference.values()].flat()
  return { matched, matchedAmount, onlyThere, onlyHere, differing }
}
