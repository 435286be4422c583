/**
 * What was sold: sums by hour, channel, merchant and upstream from one reading of the days asked
 * for. A sale counts when it was approved and not reversed; its amount is what was approved. The
 * approval rate is over the requests that somebody decided; a time-out is no decision.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { LedgerUnavailable } from "../domain/ports/ledger.ts"
import { unavailable } from "./database-failure.ts"
import { standing } from "./standing.ts"

export interface ReportQuery {
  /** Business days, `YYYY-MM-DD`, both included. */
  readonly fromDay: string
  readonly toDay: string
  /** IANA name: whose hours. */
  readonly timeZone: string
  readonly merchant?: string
}

/** Amounts in minor units of `currency`. */
interface ReportLine {
  /** Hour of the day, channel, merchant or upstream; "" in the total. */
  readonly name: string
  readonly currency: string
  readonly sales: number
  readonly salesAmount: number
  /** Whole minor units; 0 without sales. */
  readonly averageTicket: number
  readonly refunds: number
  readonly refundAmount: number
  readonly voids: number
  readonly voidAmount: number
  readonly approved: number
  readonly declined: number
  /** Between 0 and 1; undefined when nothing was decided. */
  readonly approvalRate: number | undefined
  readonly reversed: number
}

export interface Report {
  readonly totals: ReadonlyArray<ReportLine>
  readonly hours: ReadonlyArray<ReportLine>
  readonly channels: ReadonlyArray<ReportLine>
  readonly merchants: ReadonlyArray<ReportLine>
  readonly upstreams: ReadonlyArray<ReportLine>
}

interface Grouped {
  readonly part: keyof Report
  readonly name: string | null
  readonly currency: string
  readonly sales: number
  readonly sales_amount: number
  readonly refunds: number
  readonly refund_amount: number
  readonly voids: number
  readonly void_amount: number
  readonly approved: number
  readonly declined: number
  readonly reversed: number
}

const sales = "approved AND kind IN ('sale', 'completion', 'offline-sale') AND standing"
const refunds = "approved AND kind = 'refund' AND standing"
const voids = "approved AND kind IN ('void', 'completion-void') AND standing"

const counted = (name: string, amount: string, condition: string): string =>
  `count(*) FILTER (WHERE ${condition})::float8 AS ${name}, ` +
  `coalesce(sum(money) FILTER (WHERE ${condition}), 0)::float8 AS ${amount}`

const sums = [
  counted("sales", "sales_amount", sales),
  counted("refunds", "refund_amount", refunds),
  counted("voids", "void_amount", voids),
  "count(*) FILTER (WHERE approved)::float8 AS approved",
  "count(*) FILTER (WHERE NOT approved AND decided)::float8 AS declined",
  "count(*) FILTER (WHERE state IN ('reversing', 'reversed'))::float8 AS reversed"
].join(", ")

export const report = (
  query: ReportQuery
): Effect.Effect<Report, LedgerUnavailable, PgClient.PgClient> =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const merchant = query.merchant === undefined
      ? sql`true`
      : sql`merchant = ${query.merchant}`
    const rows = yield* sql<Grouped>`
      WITH counted AS MATERIALIZED (
        SELECT currency, channel, merchant, coalesce(upstream, '-') AS upstream, kind, approved,
          state, coalesce(approved_amount, amount) AS money,
          ${sql.literal(standing)} AS standing,
          failure IS NULL OR upstream_response IS NOT NULL AS decided,
          to_char(received_at AT TIME ZONE ${query.timeZone}, 'HH24') AS hour
        FROM transactions
        WHERE day BETWEEN ${query.fromDay}::date AND ${query.toDay}::date
          AND amount IS NOT NULL AND currency IS NOT NULL AND kind <> 'reversal' AND ${merchant}
      )
      SELECT CASE WHEN grouping(hour) = 0 THEN 'hours' WHEN grouping(channel) = 0 THEN 'channels'
          WHEN grouping(merchant) = 0 THEN 'merchants' WHEN grouping(upstream) = 0 THEN 'upstreams'
          ELSE 'totals' END AS part,
        coalesce(hour, channel, merchant, upstream) AS name, currency, ${sql.literal(sums)}
      FROM counted
      GROUP BY GROUPING SETS ((currency), (currency, hour), (currency, channel),
        (currency, merchant), (currency, upstream))
      ORDER BY currency, name`
    const part = (name: keyof Report) => rows.filter((row) => row.part === name).map(lineOf)
    return {
      totals: part("totals"),
      hours: part("hours"),
      channels: part("channels"),
      merchants: part("merchants"),
      upstreams: part("upstreams")
    }
  }).pipe(Effect.mapError(unavailable))

function lineOf(row: Grouped): ReportLine {
  const decided = row.approved + row.declined
  return {
    name: row.name ?? "",
    currency: row.currency,
    sales: row.sales,
    salesAmount: row.sales_amount,
    averageTicket: row.sales === 0 ? 0 : Math.round(row.sales_amount / row.sales),
    refunds: row.refunds,
    refundAmount: row.refund_amount,
    voids: row.voids,
    voidAmount: row.void_amount,
    approved: row.approved,
    declined: row.declined,
    approvalRate: decided === 0 ? undefined : row.approved / decided,
    reversed: row.reversed
  }
}
