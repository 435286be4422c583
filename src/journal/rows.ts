/**
 * Records as MessagePack: an array of cells in a fixed order of columns, absent ones nil. A new
 * column is added at the end and never moves, so that an older record still reads; what changes
 * otherwise needs a new group format.
 */

import { Packr } from "msgpackr"
import type { AdviceRecord } from "../domain/advice.ts"
import type { NotificationRecord, OrderRecord, PushRecord } from "../domain/order.ts"
import type {
  BatchRow,
  ExceptionRow,
  JournalTable,
  JournalTables,
  LedgerEntry,
  SerialState,
  TerminalState
} from "../domain/ports/journal.ts"
import type { StateTimes, TransactionRecord } from "../domain/transaction.ts"
import { CellWriter } from "./cell-writer.ts"

/** Tables by their number in a group. Only ever extended at the end. */
export const tableNames = [
  "transactions",
  "undelivered",
  "advices",
  "orders",
  "notifications",
  "pushes",
  "terminals",
  "state",
  "exceptions",
  "batches",
  "serials"
] as const satisfies ReadonlyArray<Exclude<JournalTable, "feed"> | LedgerEntry["table"]>

export type TableName = typeof tableNames[number]

/** `undelivered` has no content and `state` any; the others have columns. */
type ColumnTable = Exclude<TableName, "undelivered" | "state">

interface Rows {
  readonly transactions: TransactionRecord
  readonly advices: AdviceRecord
  readonly orders: OrderRecord
  readonly notifications: NotificationRecord
  readonly pushes: PushRecord
  readonly terminals: TerminalState
  readonly exceptions: ExceptionRow
  readonly batches: BatchRow
  readonly serials: SerialState
}

const times = [
  "receivedMs",
  "forwardedMs",
  "upstreamAnsweredMs",
  "answeredMs",
  "timedOutMs",
  "reversedMs"
] as const satisfies ReadonlyArray<keyof StateTimes>

const columns = {
  transactions: [
    "id",
    "version",
    "state",
    "kind",
    "channel",
    "scheme",
    "day",
    "key",
    "fingerprint",
    "terminal",
    "merchant",
    "session",
    "mti",
    "processingCode",
    "entryMode",
    "stan",
    "batch",
    "rrn",
    "localTime",
    "amount",
    "currency",
    "approvedAmount",
    "panMask",
    "sealed",
    "route",
    "upstream",
    "link",
    "upstreamStan",
    "upstreamRrn",
    "upstreamTime",
    "walletReference",
    "configVersion",
    "response",
    "upstreamResponse",
    "approved",
    "authCode",
    "failure",
    "original",
    "taken",
    "times",
    "ownMs",
    "upstreamMs",
    "panToken"
  ],
  advices: [
    "transaction",
    "kind",
    "upstream",
    "reason",
    "stan",
    "attempts",
    "createdMs",
    "nextMs",
    "state",
    "lastResponse"
  ],
  orders: [
    "order",
    "transaction",
    "terminal",
    "merchant",
    "scheme",
    "channel",
    "amount",
    "currency",
    "createdMs",
    "expiresMs",
    "state"
  ],
  notifications: [
    "id",
    "scheme",
    "payment",
    "order",
    "counter",
    "event",
    "amount",
    "currency",
    "merchantAccount",
    "payerMask",
    "paidMs",
    "receivedMs",
    "refund",
    "cumulative"
  ],
  pushes: [
    "terminal",
    "sequence",
    "transaction",
    "body",
    "createdMs",
    "expiresMs",
    "attempts",
    "state"
  ],
  terminals: ["keys", "keysChangedMs", "batch", "highStan", "pushSequence"],
  exceptions: ["id", "transaction", "reason", "detail", "atMs"],
  batches: [
    "id",
    "terminal",
    "merchant",
    "batch",
    "closedMs",
    "balanced",
    "declared",
    "counted"
  ],
  serials: ["baseKey", "device", "highest", "seen", "released"]
} as const satisfies { readonly [T in ColumnTable]: ReadonlyArray<keyof Rows[T]> }

/** Fails to compile when a record has a field that its columns leave out. */
type Forgotten =
  | {
    [T in ColumnTable]: Exclude<keyof Rows[T], (typeof columns)[T][number]>
  }[ColumnTable]
  | Exclude<keyof StateTimes, typeof times[number]>
const forgotten: [Forgotten] extends [never] ? true : never = true
void forgotten

const numbers = new Map<string, number>(tableNames.map((name, number) => [name, number]))

export const undeliveredTable = tableNames.indexOf("undelivered")
const transactionsTable = tableNames.indexOf("transactions")

export function tableNumber(table: TableName): number {
  return numbers.get(table)!
}

type Fields = Record<string, unknown>

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true, copyBuffers: true })
const writer = new CellWriter()
const nothing = new Uint8Array(0)

/** The bytes stay as they are until they were copied into a group in the same turn. */
export function encodeRow(table: number, value: unknown): Uint8Array {
  if (table === undeliveredTable) return nothing
  if (table === transactionsTable) return encodeTransaction(value as TransactionRecord)
  const names = columnsOf(table)
  if (names === undefined) return packr.pack(value)
  const row = value as Fields
  writer.begin(names.length)
  for (const name of names) writer.cell(row[name])
  return writer.finish()
}

/**
 * The columns by name, one by one: a property whose name is a variable costs several times as much,
 * and every transaction is written twice.
 */
function encodeTransaction(row: TransactionRecord): Uint8Array {
  writer.begin(columns.transactions.length)
  writer.cell(row.id)
  writer.cell(row.version)
  writer.cell(row.state)
  writer.cell(row.kind)
  writer.cell(row.channel)
  writer.cell(row.scheme)
  writer.cell(row.day)
  writer.cell(row.key)
  writer.cell(row.fingerprint)
  writer.cell(row.terminal)
  writer.cell(row.merchant)
  writer.cell(row.session)
  writer.cell(row.mti)
  writer.cell(row.processingCode)
  writer.cell(row.entryMode)
  writer.cell(row.stan)
  writer.cell(row.batch)
  writer.cell(row.rrn)
  writer.cell(row.localTime)
  writer.cell(row.amount)
  writer.cell(row.currency)
  writer.cell(row.approvedAmount)
  writer.cell(row.panMask)
  writer.cell(row.sealed)
  writer.cell(row.route)
  writer.cell(row.upstream)
  writer.cell(row.link)
  writer.cell(row.upstreamStan)
  writer.cell(row.upstreamRrn)
  writer.cell(row.upstreamTime)
  writer.cell(row.walletReference)
  writer.cell(row.configVersion)
  writer.cell(row.response)
  writer.cell(row.upstreamResponse)
  writer.cell(row.approved)
  writer.cell(row.authCode)
  writer.cell(row.failure)
  writer.cell(row.original)
  writer.cell(row.taken)
  writeTimes(row.times)
  writer.cell(row.ownMs)
  writer.cell(row.upstreamMs)
  writer.cell(row.panToken)
  return writer.finish()
}

function writeTimes(value: StateTimes): void {
  writer.array(times.length)
  writer.cell(value.receivedMs)
  writer.cell(value.forwardedMs)
  writer.cell(value.upstreamAnsweredMs)
  writer.cell(value.answeredMs)
  writer.cell(value.timedOutMs)
  writer.cell(value.reversedMs)
}

export function decodeRow<T extends JournalTable>(
  table: number,
  bytes: Uint8Array
): JournalTables[T] {
  if (table === undeliveredTable) return true as JournalTables[T]
  const value: unknown = packr.unpack(bytes)
  const names = columnsOf(table)
  // The bytes passed their checksum, so they are what `encodeRow` made of a value of this table.
  if (names === undefined) return value as JournalTables[T]
  return fields(value as Array<unknown>, names) as unknown as JournalTables[T]
}

/** Where a column of transactions has its cell. */
export function columnPlace(field: keyof TransactionRecord): number {
  const names: ReadonlyArray<string> = columns.transactions
  return names.indexOf(field)
}

export function decodeFeed(table: number, bytes: Uint8Array): LedgerEntry {
  const row = decodeRow(table, bytes)
  return { table: tableNames[table], row } as LedgerEntry
}

function columnsOf(table: number): ReadonlyArray<string> | undefined {
  const name = tableNames[table]!
  return name === "state" || name === "undelivered" ? undefined : columns[name]
}

function fields(row: ReadonlyArray<unknown>, names: ReadonlyArray<string>): Fields {
  const out: Fields = {}
  const length = Math.min(row.length, names.length)
  for (let index = 0; index < length; index++) {
    const value = row[index]
    if (value === null || value === undefined) continue
    const name = names[index]!
    out[name] = name === "times" ? fields(value as Array<unknown>, times) : value
  }
  return out
}
