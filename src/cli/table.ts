/** Rows for people as aligned columns, for programs as JSON. */

import { maskedJson } from "../domain/masked-json.ts"
import type { Call } from "./verb.ts"

type Row = Readonly<Record<string, unknown>>

/** Writes rows in the form that was asked for. `columns`: heading and key. */
export function writeRows(
  { format, streams }: Call,
  rows: ReadonlyArray<object>,
  columns: ReadonlyArray<readonly [heading: string, key: string]>
): void {
  if (format === "json") return streams.raw(`${maskedJson(rows, 2)}\n`)
  if (rows.length === 0) return streams.say("nothing")
  const cells = rows.map((row) => columns.map(([, key]) => cell((row as Row)[key])))
  const all = [columns.map(([heading]) => heading), ...cells]
  const widths = columns.map((_, index) => Math.max(...all.map((row) => row[index]!.length)))
  const lines = all.map((row) =>
    row.map((word, index) => word.padEnd(widths[index]!)).join("  ").trimEnd()
  )
  streams.out(`${lines.join("\n")}\n`)
}

/** One thing, key by key. */
export function writeRecord({ format, streams }: Call, record: Row): void {
  if (format === "json") return streams.raw(`${maskedJson(record, 2)}\n`)
  const entries = Object.entries(record).filter(([, value]) => value !== undefined)
  const width = Math.max(0, ...entries.map(([key]) => key.length))
  streams.out(entries.map(([key, value]) => `${key.padEnd(width)}  ${cell(value)}\n`).join(""))
}

function cell(value: unknown): string {
  if (value === undefined || value === null || value === "") return "-"
  if (typeof value !== "object") return String(value)
  const words = Array.isArray(value)
    ? value.map(cell)
    : Object.entries(value).map(([key, each]) => `${key}=${cell(each)}`)
  return words.length === 0 ? "-" : words.join(" ")
}
