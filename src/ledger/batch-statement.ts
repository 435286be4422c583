/**
 * One statement a batch, whatever tables its rows belong to: each table is a data-modifying `WITH`,
 * so the batch is one round trip and all or nothing. The text depends only on which tables are
 * present, so PostgreSQL parses it once a connection.
 */

import { PgTypes } from "@effect/sql-pg"
import type { LedgerEntry } from "../domain/ports/journal.ts"
import type { LedgerMark } from "../domain/ports/ledger.ts"
import { arrayLiteral, type Column } from "./column.ts"
import {
  adviceTable,
  batchTable,
  exceptionTable,
  notificationTable,
  orderTable,
  pushTable
} from "./event-tables.ts"
import type { LedgerTable } from "./ledger-table.ts"
import { transactionTable } from "./transaction-table.ts"

/** Tables by name; what one table's rows are is known only to itself. */
// oxlint-disable-next-line typescript/no-explicit-any -- see above
type AnyTable = LedgerTable<any>

export const ledgerTables: Readonly<Record<LedgerEntry["table"], AnyTable>> = {
  transactions: transactionTable,
  advices: adviceTable,
  orders: orderTable,
  notifications: notificationTable,
  pushes: pushTable,
  batches: batchTable,
  exceptions: exceptionTable
}

export type TableName = LedgerEntry["table"]

/** Rows of one table, at most one a key, in the order of their keys. */
export interface TableRows {
  readonly table: TableName
  readonly rows: ReadonlyArray<LedgerEntry["row"]>
}

/** Sorts a batch by table, and leaves of each key the row that is furthest. */
export function rowsByTable(entries: ReadonlyArray<LedgerEntry>): ReadonlyArray<TableRows> {
  const found = new Map<TableName, Map<string, LedgerEntry["row"]>>()
  for (const { row, table } of entries) {
    let rows = found.get(table)
    if (rows === undefined) found.set(table, rows = new Map())
    const { identity, isFurther } = ledgerTables[table]
    const key = identity(row)
    const held = rows.get(key)
    if (held === undefined || isFurther(row, held)) rows.set(key, row)
  }
  // Concurrent batches lock rows in one order, so that they wait for each other instead of dying.
  return [...found].sort(byFirst).map(([table, rows]) => ({
    table,
    rows: [...rows].sort(byFirst).map(([, row]) => row)
  }))
}

const byFirst = (a: readonly [string, unknown], b: readonly [string, unknown]): number =>
  a[0] < b[0] ? -1 : 1

/**
 * The rows that the arrays hold. In a target list, functions that return sets advance in step
 * without being kept: `FROM unnest($1, $2)` keeps the rows of each array once, then all of them.
 * Those that end early are null from there on.
 */
const given = (columns: ReadonlyArray<Column<unknown>>, first: number): string => {
  const elements = columns.map(({ name, type }, index) =>
    `unnest($${first + index}::${type}[]) AS ${name}`
  )
  return `(SELECT ${elements.join(", ")}) AS u`
}

const storedOf = (columns: ReadonlyArray<Column<unknown>>): string =>
  columns.map(({ name, stored }) => stored?.(`u.${name}`) ?? `u.${name}`).join(", ")

function insertion(name: TableName, first: number): string {
  const { columns, contradiction, forward, key } = ledgerTables[name]
  const constants = name === "transactions" ? { names: ", node", values: ", $1" } : noConstants
  const names = columns.map((column) => column.name)
  const changing = names.filter((column) => !key.includes(column))
  const onConflict = forward === undefined
    ? "DO NOTHING"
    : `DO UPDATE SET ${changing.map((column) => `${column} = excluded.${column}`).join(", ")}, ` +
      `written_at = excluded.written_at WHERE ${forward}${
        // A row that is further and contradicts the held one is no later state of it.
        contradiction === undefined
          ? ""
          : ` AND NOT (${contradiction.replaceAll("given.", "excluded.")})`}`
  return `${name}_written AS (INSERT INTO ${name} AS held (${
    names.join(", ")
  }${constants.names}) ` +
    `SELECT ${storedOf(columns)}${constants.values} FROM ${given(columns, first)} ` +
    `ON CONFLICT (${key.join(", ")}) ${onConflict} RETURNING 1)`
}

const noConstants = { names: "", values: "" }

/** `$1` is the node, `$2` the lane, `$3` the sequence, `$4` after which; lane -1 writes no mark. */
const firstColumn = 5

const marking = "marked AS (INSERT INTO watermarks AS held (node, lane, sequence) " +
  "SELECT $1, $2::int4, $3::int8 WHERE $2::int4 >= 0 AND ($4::int8 = 0 OR EXISTS " +
  "(SELECT FROM watermarks WHERE node = $1 AND lane = $2::int4)) ON CONFLICT (node, lane) " +
  "DO UPDATE SET sequence = excluded.sequence, written_at = excluded.written_at " +
  "WHERE excluded.sequence > held.sequence AND held.sequence >= $4::int8)"

/** Read in the snapshot from before this statement. */
const heldMarks =
  "(SELECT jsonb_object_agg(lane, sequence) FROM watermarks WHERE node = $1) AS held"

const texts = new Map<string, string>()

export function statementText(names: ReadonlyArray<TableName>): string {
  const id = names.join()
  const known = texts.get(id)
  if (known !== undefined) return known
  let first = firstColumn
  const parts = names.map((name) => {
    const part = insertion(name, first)
    first += ledgerTables[name].columns.length
    return part
  })
  const counts = names.map((name) => `(SELECT count(*)::int4 FROM ${name}_written) AS ${name}`)
  const text = `WITH ${[...parts, marking].join(", ")} SELECT ${[heldMarks, ...counts].join(", ")}`
  texts.set(id, text)
  return text
}

/** A value as text, whose type the statement decides. */
const untyped = (value: string): unknown => ({ ...PgTypes.text(value), oid: 0 })

/** Parameters for `statementText`; undefined when a value cannot be stored at all. */
export function statementParameters(
  node: string,
  groups: ReadonlyArray<TableRows>,
  { after = 0, lane, sequence }: LedgerMark
): Array<unknown> | undefined {
  const parameters = [node, `${lane}`, `${sequence}`, `${after}`].map(untyped)
  for (const { rows, table } of groups) {
    for (const { pick } of ledgerTables[table].columns) {
      const literal = arrayLiteral(rows, pick)
      if (literal === undefined) return undefined
      parameters.push(untyped(literal))
    }
  }
  return parameters
}

/** Asks which of these rows contradict what is held; for the rare batch that wrote fewer. */
export function contradictionText(name: TableName): string | undefined {
  const { columns, contradiction, key } = ledgerTables[name]
  if (contradiction === undefined) return undefined
  const id = key.filter((column) => column !== "day").map((column) => `held.${column}`)
  return `SELECT concat_ws(':', ${id.join(", ")}) AS id FROM (SELECT ${
    columns.map((column) =>
      `${column.stored?.(`u.${column.name}`) ?? `u.${column.name}`} AS ` +
      column.name
    ).join(", ")
  } FROM ${given(columns, 1)}) AS given JOIN ${name} AS held USING (${key.join(", ")}) ` +
    `WHERE ${contradiction}`
}

export function contradictionParameters({ rows, table }: TableRows): Array<unknown> {
  return ledgerTables[table].columns.map(({ pick }) => untyped(arrayLiteral(rows, pick) ?? "{}"))
}
