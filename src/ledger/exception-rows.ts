/** What the writer raises for people: a row that was refused, a row that contradicts a held one. */

import type { TransactionId } from "../domain/brand.ts"
import { maskedJson } from "../domain/masked-json.ts"
import { maskText } from "../domain/pan.ts"
import type { ExceptionRow, LedgerEntry } from "../domain/ports/journal.ts"
import { ledgerTables } from "./batch-statement.ts"

const maxDetail = 4000
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** The row itself goes into the detail, masked and without what is sealed, so nothing is lost. */
export function refusedRow(entry: LedgerEntry, reason: string, atMs: number): ExceptionRow {
  const { row, table } = entry
  const shown = { ...row, sealed: undefined }
  const identity = printable(ledgerTables[table].identity(row))
  return {
    id: `${table}:${identity}:refused`,
    ...(uuid.test(identity) ? { transaction: identity as TransactionId } : {}),
    reason: "ledger-refused",
    detail: `${maskText(reason)}: ${maskedJson(shown)}`.slice(0, maxDetail),
    atMs
  }
}

/** `conflict` is `table:key`, as the store names it. */
export function contradictingRow(conflict: string, atMs: number): ExceptionRow {
  const key = conflict.slice(conflict.indexOf(":") + 1)
  return {
    id: `${conflict}:contradiction`,
    ...(uuid.test(key) ? { transaction: key as TransactionId } : {}),
    reason: "ledger-contradiction",
    detail: `${conflict} is held with other content; what is held was kept`,
    atMs
  }
}

/** PostgreSQL has the feed up to `beyond`, and the journal never came that far. */
export function lostJournalRow(beyond: number, atMs: number): ExceptionRow {
  return {
    id: `journal-lost:${beyond}`,
    reason: "journal-lost",
    detail: `PostgreSQL has ${beyond} rows of this node's feed, and its journal never came that ` +
      "far: it is another one or an older copy. What was in flight may be in nobody's books but " +
      "the upstreams': reconcile the day with each of them",
    atMs
  }
}

/** Control characters as escapes, so that PostgreSQL takes them. */
const printable = (text: string): string => JSON.stringify(text).slice(1, -1)
