/**
 * How a migration writes a table down: every column with its type and with the comment that an
 * analyst reads in `\d+`. A migration that has been released never changes; the next one does.
 */

import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export type Column = readonly [name: string, type: string, comment: string]

export interface Table {
  readonly name: string
  readonly comment: string
  readonly columns: ReadonlyArray<Column>
  /** Table constraints: keys and checks. */
  readonly constraints: ReadonlyArray<string>
  /** After the closing bracket: `PARTITION BY …`, `WITH …`. */
  readonly storage?: string
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

export function createTable(table: Table): ReadonlyArray<string> {
  const lines = [...table.columns.map(([name, type]) => `${name} ${type}`), ...table.constraints]
  return [
    `CREATE TABLE ${table.name} (${lines.join(", ")}) ${table.storage ?? ""}`,
    `COMMENT ON TABLE ${table.name} IS ${quoted(table.comment)}`,
    ...table.columns.map(([name, , comment]) => commentOn(table.name, name, comment))
  ]
}

export const commentOn = (table: string, column: string, comment: string): string =>
  `COMMENT ON COLUMN ${table}.${column} IS ${quoted(comment)}`

/** The table after a later migration added these columns. */
export const extended = (table: Table, columns: ReadonlyArray<Column>): Table => ({
  ...table,
  columns: [...table.columns, ...columns]
})

/** The table after a later migration explained these columns anew. */
export const explained = (table: Table, comments: Readonly<Record<string, string>>): Table => ({
  ...table,
  columns: table.columns.map(([name, type, comment]) => [name, type, comments[name] ?? comment])
})

/**
 * Runs statements in order, however long each takes; the migrator has opened the transaction, with
 * which the bound of other statements comes back.
 */
export const statements = (texts: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    yield* sql`SET LOCAL statement_timeout = 0`
    for (const text of texts) yield* sql.unsafe(text)
  })
