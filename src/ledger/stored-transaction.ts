/** A row of `transactions` as the queries give it back, in the words of the domain. */

import type {
  BusinessDay,
  MerchantId,
  Rrn,
  Stan,
  TerminalId,
  TransactionId
} from "../domain/brand.ts"
import type { Channel, Scheme } from "../domain/channel.ts"
import type { FailureCode } from "../domain/failures.ts"
import type { Kind } from "../domain/kind.ts"
import type { TransactionState } from "../domain/transaction.ts"

export interface StoredTransaction {
  readonly id: TransactionId
  readonly version: number
  readonly day: BusinessDay
  readonly node: string
  readonly state: TransactionState
  readonly kind: Kind
  readonly channel: Channel
  readonly scheme: Scheme
  readonly terminal: TerminalId
  readonly merchant: MerchantId
  readonly stan: Stan
  readonly batch?: string
  readonly rrn?: Rrn
  readonly amount?: number
  readonly currency?: string
  readonly approvedAmount?: number
  readonly panMask?: string
  readonly route?: string
  readonly upstream?: string
  readonly upstreamStan?: Stan
  readonly upstreamRrn?: Rrn
  readonly walletReference?: string
  readonly configVersion: number
  readonly response?: string
  readonly upstreamResponse?: string
  readonly approved?: boolean
  readonly authCode?: string
  readonly failure?: FailureCode
  readonly original?: TransactionId
  readonly receivedMs: number
  readonly answeredMs?: number
  readonly ownMs?: number
  readonly upstreamMs?: number
  /** State and when it was reached, in order. */
  readonly story: ReadonlyArray<readonly [state: TransactionState, atMs: number]>
}

/** What to select, under the names of `StoredTransaction`. */
export const storedColumns = `id, version, day::text AS day, node, state, kind, channel, scheme,
  terminal, merchant, stan, batch, rrn, amount::float8 AS amount, currency,
  approved_amount::float8 AS "approvedAmount", pan_mask AS "panMask", route, upstream,
  upstream_stan AS "upstreamStan", upstream_rrn AS "upstreamRrn",
  wallet_reference AS "walletReference", config_version AS "configVersion", response,
  upstream_response AS "upstreamResponse", approved, auth_code AS "authCode", failure, original,
  (extract(epoch FROM received_at) * 1000)::float8 AS "receivedMs",
  (extract(epoch FROM answered_at) * 1000)::float8 AS "answeredMs",
  own_ms AS "ownMs", upstream_ms AS "upstreamMs",
  (SELECT json_agg(json_build_array(s.state, (extract(epoch FROM s.at) * 1000)::int8)
    ORDER BY s.step) FROM transaction_story(received_at, story) AS s) AS story`

/** Absent instead of null, as everywhere in the domain. */
export function storedOf(row: Readonly<Record<string, unknown>>): StoredTransaction {
  const present = Object.entries(row).filter(([, value]) => value !== null)
  return Object.fromEntries(present) as unknown as StoredTransaction
}
