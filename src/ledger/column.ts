/**
 * Columns of a batch as PostgreSQL array literals. A batch is one text a column, so a row costs no
 * object and no encoder call: `JSON.stringify` writes the array in native code, and its text is an
 * array literal but for the brackets, as long as nothing had to be escaped.
 *
 *     ["a",null,"b"]   →   {"a",null,"b"}
 */

export interface Column<Row> {
  readonly name: string
  /** Type of the array's elements as they travel. */
  readonly type: string
  /** What makes the stored value of it, where that is not the element itself. */
  readonly stored?: (element: string) => string
  readonly pick: (row: Row) => string | number | boolean | undefined
}

const isAbsent = (value: unknown): boolean => value === undefined

/**
 * The literal, or undefined: a value holds the character that PostgreSQL cannot store (NUL). Of a
 * column that no row has it is empty, which stands for as many nulls as the key has values.
 */
export function arrayLiteral<Row>(
  rows: ReadonlyArray<Row>,
  pick: Column<Row>["pick"]
): string | undefined {
  const values = rows.map(pick)
  if (values.every(isAbsent)) return "{}"
  const json = JSON.stringify(values)
  if (!json.includes("\\")) return `{${json.slice(1, -1)}}`
  return escapedLiteral(values)
}

/** Quotes, backslashes and control characters: the rare batch that needs care. */
function escapedLiteral(values: ReadonlyArray<unknown>): string | undefined {
  const elements: Array<string> = []
  for (const value of values) {
    if (value === undefined || value === null) elements.push("null")
    else {
      const text = String(value)
      if (text.includes("\0")) return undefined
      elements.push(`"${text.replace(/["\\]/g, "\\$&")}"`)
    }
  }
  return `{${elements.join(",")}}`
}

/** A column that is stored as it travels. */
export const plain = <Row>(
  name: string,
  type: string,
  pick: Column<Row>["pick"]
): Column<Row> => ({ name, type, pick })

/** Milliseconds since the epoch, stored as a point in time. */
export const instant = <Row>(
  name: string,
  pick: (row: Row) => number | undefined
): Column<Row> => ({
  name,
  type: "float8",
  stored: (element) => `to_timestamp(${element} / 1000)`,
  pick
})

/** A text that is stored as another type, one element at a time. */
export const cast = <Row>(
  name: string,
  type: string,
  pick: (row: Row) => string | undefined
): Column<Row> => ({ name, type: "text", stored: (element) => `${element}::${type}`, pick })
