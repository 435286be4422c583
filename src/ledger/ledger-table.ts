/**
 * What the writer knows about a table: its columns, its key, when a row is further than the one
 * that is held, and when the two contradict each other.
 */

import type { Column } from "./column.ts"

export interface LedgerTable<Row> {
  readonly name: string
  readonly key: ReadonlyArray<string>
  readonly columns: ReadonlyArray<Column<Row>>
  /** The key as one text, unique within the table. */
  readonly identity: (row: Row) => string
  /** Of two rows with one key, is `next` the one to keep? */
  readonly isFurther: (next: Row, held: Row) => boolean
  /** They have one key and cannot both be true. */
  readonly contradicts: (next: Row, held: Row) => boolean
  /** `isFurther` in SQL over `held` and `excluded`; absent: rows are only inserted. */
  readonly forward?: string
  /** `contradicts` in SQL over `held` and `given`. Absent: never. */
  readonly contradiction?: string
}
