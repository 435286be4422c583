/** The columns of `transactions`, in the order of the schema. Nothing sealed is among them. */

import type { TransactionRecord } from "../domain/transaction.ts"
import { transactionStates } from "../domain/transaction.ts"
import { cast, type Column, instant, plain } from "./column.ts"
import type { LedgerTable } from "./ledger-table.ts"

type Row = TransactionRecord

const numberOf = new Map(transactionStates.map((state, index) => [state, index]))
const forwarded = numberOf.get("forwarded")
const answered = numberOf.get("answered")
const timedOut = numberOf.get("timed-out")
const refused = numberOf.get("refused")
const reversed = numberOf.get("reversed")

/** `{0,0,3,2,4,52}`: pairs of state number and milliseconds after it was received. */
function storyOf({ state, times }: Row): string {
  const start = times.receivedMs
  const { answeredMs, forwardedMs, reversedMs, timedOutMs } = times
  let story = "{0,0"
  if (forwardedMs !== undefined) story += `,${forwarded},${forwardedMs - start}`
  if (timedOutMs !== undefined) story += `,${timedOut},${timedOutMs - start}`
  if (answeredMs !== undefined) {
    story += `,${state === "refused" ? refused : answered},${answeredMs - start}`
  }
  if (reversedMs !== undefined) story += `,${reversed},${reversedMs - start}`
  if (state === "reversing" || state === "exception" || state === "delivery-unconfirmed") {
    const last = reversedMs ?? answeredMs ?? timedOutMs ?? forwardedMs ?? start
    story += `,${numberOf.get(state)},${last - start}`
  }
  return `${story}}`
}

const columns: ReadonlyArray<Column<Row>> = [
  plain("day", "date", (row) => row.day),
  plain("id", "uuid", (row) => row.id),
  plain("version", "int4", (row) => row.version),
  plain("state", "text", (row) => row.state),
  plain("kind", "text", (row) => row.kind),
  plain("channel", "text", (row) => row.channel),
  plain("scheme", "text", (row) => row.scheme),
  plain("transaction_key", "text", (row) => row.key),
  plain("fingerprint", "text", (row) => row.fingerprint),
  plain("terminal", "text", (row) => row.terminal),
  plain("merchant", "text", (row) => row.merchant),
  plain("session", "int8", (row) => row.session),
  plain("mti", "text", (row) => row.mti),
  plain("processing_code", "text", (row) => row.processingCode),
  plain("entry_mode", "text", (row) => row.entryMode),
  plain("stan", "text", (row) => row.stan),
  plain("batch", "text", (row) => row.batch),
  plain("rrn", "text", (row) => row.rrn),
  plain("local_time", "text", (row) => row.localTime),
  plain("amount", "int8", (row) => row.amount),
  plain("currency", "text", (row) => row.currency),
  plain("approved_amount", "int8", (row) => row.approvedAmount),
  plain("pan_mask", "text", (row) => row.panMask),
  plain("route", "text", (row) => row.route),
  plain("upstream", "text", (row) => row.upstream),
  plain("link", "int4", (row) => row.link),
  plain("upstream_stan", "text", (row) => row.upstreamStan),
  plain("upstream_rrn", "text", (row) => row.upstreamRrn),
  plain("upstream_time", "text", (row) => row.upstreamTime),
  plain("wallet_reference", "text", (row) => row.walletReference),
  plain("config_version", "int4", (row) => row.configVersion),
  plain("response", "text", (row) => row.response),
  plain("upstream_response", "text", (row) => row.upstreamResponse),
  plain("approved", "bool", (row) => row.approved),
  plain("auth_code", "text", (row) => row.authCode),
  plain("failure", "text", (row) => row.failure),
  plain("original", "uuid", (row) => row.original),
  plain("taken", "int8", (row) => row.taken),
  instant("received_at", (row) => row.times.receivedMs),
  instant("forwarded_at", (row) => row.times.forwardedMs),
  instant("upstream_answered_at", (row) => row.times.upstreamAnsweredMs),
  instant("answered_at", (row) => row.times.answeredMs),
  instant("timed_out_at", (row) => row.times.timedOutMs),
  instant("reversed_at", (row) => row.times.reversedMs),
  plain("own_ms", "float4", (row) => row.ownMs),
  plain("upstream_ms", "float4", (row) => row.upstreamMs),
  cast("story", "bigint[]", storyOf),
  plain("pan_token", "text", (row) => row.panToken)
]

/** What two rows of one version must agree in. */
const outcome = ["state", "amount", "approved", "approved_amount", "response", "auth_code"]
const outcomeOf = (row: Row): string =>
  JSON.stringify([
    row.state,
    row.amount,
    row.approved,
    row.approvedAmount,
    row.response,
    row.authCode
  ])
const of = (alias: string) => outcome.map((name) => `${alias}.${name}`).join(", ")

export const transactionTable: LedgerTable<Row> = {
  name: "transactions",
  key: ["day", "id"],
  columns,
  identity: (row) => row.id,
  isFurther: (next, held) => next.version > held.version,
  // What a transaction is about never changes; a row that says otherwise is not its next version.
  contradicts: (next, held) =>
    next.fingerprint !== held.fingerprint ||
    (next.version === held.version && outcomeOf(next) !== outcomeOf(held)),
  forward: "excluded.version > held.version",
  contradiction: "held.fingerprint <> given.fingerprint OR (held.version = given.version " +
    `AND (${of("held")}) IS DISTINCT FROM (${of("given")}))`
}
