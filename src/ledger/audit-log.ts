/**
 * The audit log: who did what. Each entry carries the hash of the one before it, so that a change,
 * a gap or a missing end shows; PostgreSQL refuses changes besides. Appends wait for each other.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { maskLongRuns, maskText } from "../domain/pan.ts"
import type { LedgerUnavailable } from "../domain/ports/ledger.ts"
import { unavailable } from "./database-failure.ts"

export interface AuditEntry {
  readonly atMs: number
  readonly actor: string
  /** Address, or the command line. */
  readonly origin: string
  readonly action: string
  readonly target: string
  readonly outcome: "done" | "refused" | "failed"
  readonly detail: string
}

interface StoredAuditEntry extends AuditEntry {
  readonly sequence: number
  readonly previousHash: string
  readonly hash: string
}

const noHash = "0".repeat(64)

/** SHA-256 over the hash before and all fields, as a JSON array: no two entries read alike. */
export function auditHash(sequence: number, previousHash: string, entry: AuditEntry): string {
  const { action, actor, atMs, detail, origin, outcome, target } = entry
  return createHash("sha256")
    .update(
      JSON.stringify([previousHash, sequence, atMs, actor, origin, action, target, outcome, detail])
    )
    .digest("hex")
}

/**
 * What people and terminals wrote, as it may rest on a disk: card numbers masked, and nothing that
 * PostgreSQL would refuse for ever (a zero byte) or give back as something else (half a character).
 */
export function restingText(text: string): string {
  return maskLongRuns(maskText(text.toWellFormed().replaceAll("\0", "\uFFFD")))
}

export function restingEntry(entry: AuditEntry): AuditEntry {
  return {
    ...entry,
    atMs: Math.round(entry.atMs),
    actor: restingText(entry.actor),
    origin: restingText(entry.origin),
    target: restingText(entry.target),
    detail: restingText(entry.detail)
  }
}

/** Adds all of them to the chain, or none. */
export const appendAudits = (
  entries: ReadonlyArray<AuditEntry>
): Effect.Effect<ReadonlyArray<StoredAuditEntry>, LedgerUnavailable, PgClient.PgClient> =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    return yield* sql.withTransaction(Effect.gen(function*() {
      yield* sql`SELECT pg_advisory_xact_lock(8583, 2)`
      let [last] = yield* sql<{ sequence: number; hash: string }>`
        SELECT sequence::float8 AS sequence, hash FROM audit_log ORDER BY sequence DESC LIMIT 1`
      const stored: Array<StoredAuditEntry> = []
      for (const entry of entries) {
        const next = chained(entry, last)
        yield* insert(sql, next)
        stored.push(next)
        last = next
      }
      return stored
    }))
  }).pipe(Effect.mapError(unavailable))

/** The same for one. */
export const appendAudit = (
  entry: AuditEntry
): Effect.Effect<StoredAuditEntry, LedgerUnavailable, PgClient.PgClient> =>
  Effect.map(appendAudits([entry]), ([stored]) => stored!)

function chained(
  entry: AuditEntry,
  last: { readonly sequence: number; readonly hash: string } | undefined
): StoredAuditEntry {
  const resting = restingEntry(entry)
  const sequence = (last?.sequence ?? 0) + 1
  const previousHash = last?.hash ?? noHash
  return { ...resting, sequence, previousHash, hash: auditHash(sequence, previousHash, resting) }
}

const insert = (sql: PgClient.PgClient, entry: StoredAuditEntry) =>
  sql`INSERT INTO audit_log (sequence, at, actor, origin, action, target, outcome,
      detail, previous_hash, hash)
    VALUES (${entry.sequence}::float8::int8, to_timestamp(${entry.atMs}::float8 / 1000),
      ${entry.actor}, ${entry.origin}, ${entry.action}, ${entry.target},
      ${entry.outcome}, ${entry.detail}, ${entry.previousHash}, ${entry.hash})`

interface AuditVerdict {
  readonly entries: number
  /** The head of the chain; noted elsewhere, it also betrays a cut-off end. */
  readonly lastHash: string
  /** What is wrong and where; empty when the chain holds. */
  readonly faults: ReadonlyArray<string>
}

const pageRows = 5000

/** Walks the whole chain. */
export const verifyAudit: Effect.Effect<AuditVerdict, LedgerUnavailable, PgClient.PgClient> = Effect
  .gen(function*() {
    const sql = yield* PgClient.PgClient
    const faults: Array<string> = []
    let sequence = 0
    let lastHash = noHash
    let entries = 0
    while (true) {
      const rows = yield* sql<StoredAuditEntry>`
        SELECT sequence::float8 AS sequence, actor, origin, action, target, outcome, detail, hash,
          previous_hash AS "previousHash", round(extract(epoch FROM at) * 1000)::float8 AS "atMs"
        FROM audit_log WHERE sequence > ${sequence}::float8::int8
        ORDER BY sequence LIMIT ${pageRows}::int4`
      for (const row of rows) {
        if (row.sequence !== sequence + 1) faults.push(`entries before ${row.sequence} are missing`)
        if (row.previousHash !== lastHash) faults.push(`entry ${row.sequence} does not follow`)
        if (auditHash(row.sequence, row.previousHash, row) !== row.hash) {
          faults.push(`entry ${row.sequence} was changed`)
        }
        sequence = row.sequence
        lastHash = row.hash
        entries++
      }
      if (rows.length < pageRows) return { entries, lastHash, faults }
    }
  }).pipe(Effect.mapError(unavailable))
