/**
 * The schema's version: read, compared with what this program knows, and brought up to date where
 * that is allowed. A newer schema is never touched.
 */

import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient, PgMigrator } from "@effect/sql-pg"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { type LedgerUnavailable, LedgerUnusable } from "../domain/ports/ledger.ts"
import { unavailable } from "./database-failure.ts"
import {
  migration as transactions,
  tables as transactionTables
} from "./migrations/0001-transactions.ts"
import { migration as events, tables as eventTables } from "./migrations/0002-events.ts"
import { migration as estate, tables as estateTables } from "./migrations/0003-estate.ts"
import { migration as roles } from "./migrations/0004-roles.ts"
import { columns as tokenColumns, migration as tokens } from "./migrations/0005-pan-tokens.ts"
import {
  columns as registryColumns,
  comments as registryComments,
  migration as registry
} from "./migrations/0006-registry.ts"
import { comments as blockedComments, migration as blocked } from "./migrations/0007-blocked.ts"
import { explained, extended, type Table } from "./migrations/table.ts"

const migrations = {
  "0001_transactions": transactions,
  "0002_events": events,
  "0003_estate": estate,
  "0004_roles": roles,
  "0005_pan_tokens": tokens,
  "0006_registry": registry,
  "0007_blocked": blocked
}

const terminalsNow = (terminals: Table): Table =>
  explained(extended(terminals, registryColumns), { ...registryComments, ...blockedComments })

/** Every table with its columns, as the documentation shows them. */
export const schemaTables = [
  ...transactionTables.map((table) => extended(table, tokenColumns)),
  ...eventTables,
  ...estateTables.map((table) => table.name === "terminals" ? terminalsNow(table) : table)
]

const table = "schema_versions"

/** The version that this program writes and reads. */
export const schemaVersion = Object.keys(migrations).length

/** 0: there is no schema yet. */
const readSchemaVersion: Effect.Effect<number, SqlError, PgClient.PgClient> = Effect.gen(
  function*() {
    const sql = yield* PgClient.PgClient
    const [there] = yield* sql<
      { there: boolean }
    >`SELECT to_regclass(${table}) IS NOT NULL AS there`
    if (there?.there !== true) return 0
    const [row] = yield* sql<{ version: number | null }>`
      SELECT max(migration_id)::int4 AS version FROM ${sql(table)}`
    return row?.version ?? 0
  }
)

const both = (version: number): string =>
  `the ledger's schema has version ${version}, this program needs ${schemaVersion}`

/** Is the schema to be migrated first? Fails where that is not allowed, or it is a newer one. */
export const isSchemaOlder = (
  migrate: boolean
): Effect.Effect<boolean, LedgerUnusable | LedgerUnavailable, PgClient.PgClient> =>
  Effect.gen(function*() {
    const version = yield* Effect.mapError(readSchemaVersion, unavailable)
    if (version > schemaVersion) {
      return yield* new LedgerUnusable({
        reason: "schema-newer",
        advice: `${both(version)}: run the newer program, or point ledger.url at another database`
      })
    }
    if (version < schemaVersion && !migrate) {
      return yield* new LedgerUnusable({
        reason: "schema-older",
        advice: `${both(version)}: back the database up and set ledger.migrate to auto`
      })
    }
    return version < schemaVersion
  })

/** Brings an older schema to `schemaVersion`: over years of rows that takes its time. */
export const migrateSchema: Effect.Effect<
  void,
  LedgerUnusable | LedgerUnavailable,
  PgClient.PgClient
> = Effect.gen(function*() {
  const sql = yield* PgClient.PgClient
  yield* PgMigrator.run({ loader: PgMigrator.fromRecord(migrations), table }).pipe(
    Effect.provideService(PgClient.PgClient, sql),
    Effect.provide(NodeServices.layer),
    Effect.catchTag("SqlError", (error) => Effect.fail(unavailable(error))),
    Effect.catchTag("MigrationError", (error) =>
      Effect.fail(
        new LedgerUnusable({
          reason: "migration",
          advice: `the migration to version ${schemaVersion} failed: ${error.message}`
        })
      ))
  )
}).pipe(Effect.provideServiceEffect(SqlClient.SqlClient, PgClient.PgClient))

/** Makes the partitions of a day and of the six after it; those that are there stay. */
export const ensurePartitions = (days: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    yield* sql`SELECT ledger_partition(day::date) FROM unnest(${days as Array<string>}) AS day`
  })
