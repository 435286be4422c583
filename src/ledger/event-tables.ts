/**
 * The other tables that the journal feeds. Rows without a version move forward by the rank of their
 * state, then by their attempts; events are only inserted.
 */

import type { AdviceRecord } from "../domain/advice.ts"
import type { NotificationRecord, OrderRecord, PushRecord } from "../domain/order.ts"
import type { BatchRow, ExceptionRow } from "../domain/ports/journal.ts"
import { cast, instant, plain } from "./column.ts"
import type { LedgerTable } from "./ledger-table.ts"

/** From the least to the most final. */
const adviceStates = ["pending", "exhausted", "acknowledged"]
const orderStates = ["waiting", "closed", "paid"]
const pushStates = ["pending", "expired", "acknowledged"]

const rank = (states: ReadonlyArray<string>, alias: string): string =>
  `array_position('{${states.join(",")}}'::text[], ${alias}.state)`

const forwardBy = (states: ReadonlyArray<string>, attempts: boolean): string => {
  const of = (alias: string) => rank(states, alias) + (attempts ? `, ${alias}.attempts` : "")
  return `(${of("excluded")}) > (${of("held")})`
}

interface Ranked {
  readonly state: string
  readonly attempts?: number
}

const furtherBy = (states: ReadonlyArray<string>) => (next: Ranked, held: Ranked): boolean => {
  const step = states.indexOf(next.state) - states.indexOf(held.state)
  return step > 0 || (step === 0 && (next.attempts ?? 0) > (held.attempts ?? 0))
}

export const adviceTable: LedgerTable<AdviceRecord> = {
  name: "advices",
  key: ["transaction"],
  columns: [
    plain("transaction", "uuid", (row) => row.transaction),
    plain("kind", "text", (row) => row.kind),
    plain("upstream", "text", (row) => row.upstream),
    plain("reason", "text", (row) => row.reason),
    plain("stan", "text", (row) => row.stan),
    plain("attempts", "int4", (row) => row.attempts),
    instant("created_at", (row) => row.createdMs),
    instant("next_at", (row) => row.nextMs),
    plain("state", "text", (row) => row.state),
    plain("last_response", "text", (row) => row.lastResponse)
  ],
  identity: (row) => row.transaction,
  isFurther: furtherBy(adviceStates),
  contradicts: (next, held) => next.upstream !== held.upstream || next.kind !== held.kind,
  forward: forwardBy(adviceStates, true),
  contradiction: "held.upstream <> given.upstream OR held.kind <> given.kind"
}

export const orderTable: LedgerTable<OrderRecord> = {
  name: "orders",
  key: ["order_number"],
  columns: [
    plain("order_number", "text", (row) => row.order),
    plain("transaction", "uuid", (row) => row.transaction),
    plain("terminal", "text", (row) => row.terminal),
    plain("merchant", "text", (row) => row.merchant),
    plain("scheme", "text", (row) => row.scheme),
    plain("channel", "text", (row) => row.channel),
    plain("amount", "int8", (row) => row.amount),
    plain("currency", "text", (row) => row.currency),
    instant("created_at", (row) => row.createdMs),
    instant("expires_at", (row) => row.expiresMs),
    plain("state", "text", (row) => row.state)
  ],
  identity: (row) => row.order,
  isFurther: furtherBy(orderStates),
  contradicts: (next, held) =>
    next.transaction !== held.transaction || next.amount !== held.amount ||
    next.currency !== held.currency,
  forward: forwardBy(orderStates, false),
  contradiction: "(held.transaction, held.amount, held.currency) <> " +
    "(given.transaction, given.amount, given.currency)"
}

export const pushTable: LedgerTable<PushRecord> = {
  name: "pushes",
  key: ["terminal", "sequence"],
  columns: [
    plain("terminal", "text", (row) => row.terminal),
    plain("sequence", "int8", (row) => row.sequence),
    plain("transaction", "uuid", (row) => row.transaction),
    cast("body", "jsonb", (row) => JSON.stringify(row.body)),
    instant("created_at", (row) => row.createdMs),
    instant("expires_at", (row) => row.expiresMs),
    plain("attempts", "int4", (row) => row.attempts),
    plain("state", "text", (row) => row.state)
  ],
  identity: (row) => `${row.terminal}:${row.sequence}`,
  isFurther: furtherBy(pushStates),
  contradicts: (next, held) => next.transaction !== held.transaction,
  forward: forwardBy(pushStates, true),
  contradiction: "held.transaction <> given.transaction"
}

export const notificationTable: LedgerTable<NotificationRecord> = {
  name: "notifications",
  key: ["id"],
  columns: [
    plain("id", "text", (row) => row.id),
    plain("scheme", "text", (row) => row.scheme),
    plain("payment", "text", (row) => row.payment),
    plain("order_number", "text", (row) => row.order),
    plain("counter", "text", (row) => row.counter),
    plain("event", "text", (row) => row.event),
    plain("amount", "int8", (row) => row.amount),
    plain("currency", "text", (row) => row.currency),
    plain("merchant_account", "text", (row) => row.merchantAccount),
    plain("payer_mask", "text", (row) => row.payerMask),
    instant("paid_at", (row) => row.paidMs),
    instant("received_at", (row) => row.receivedMs)
  ],
  identity: (row) => row.id,
  isFurther: () => false,
  contradicts: (next, held) =>
    next.payment !== held.payment || next.event !== held.event || next.amount !== held.amount ||
    next.currency !== held.currency,
  contradiction: "(held.payment, held.event, held.amount, held.currency) <> " +
    "(given.payment, given.event, given.amount, given.currency)"
}

export const batchTable: LedgerTable<BatchRow> = {
  name: "batches",
  key: ["id"],
  columns: [
    plain("id", "uuid", (row) => row.id),
    plain("terminal", "text", (row) => row.terminal),
    plain("merchant", "text", (row) => row.merchant),
    plain("batch", "text", (row) => row.batch),
    instant("closed_at", (row) => row.closedMs),
    plain("balanced", "bool", (row) => row.balanced),
    cast("declared", "jsonb", (row) => JSON.stringify(row.declared)),
    cast("counted", "jsonb", (row) => JSON.stringify(row.counted))
  ],
  identity: (row) => row.id,
  isFurther: () => false,
  contradicts: (next, held) => JSON.stringify(next.declared) !== JSON.stringify(held.declared),
  contradiction: "held.declared <> given.declared"
}

export const exceptionTable: LedgerTable<ExceptionRow> = {
  name: "exceptions",
  key: ["id"],
  columns: [
    plain("id", "text", (row) => row.id),
    plain("transaction", "uuid", (row) => row.transaction),
    plain("reason", "text", (row) => row.reason),
    plain("detail", "text", (row) => row.detail),
    instant("raised_at", (row) => row.atMs)
  ],
  identity: (row) => row.id,
  isFurther: () => false,
  contradicts: () => false
}
