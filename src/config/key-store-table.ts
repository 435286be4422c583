/**
 * The key store in PostgreSQL: one row for each version of a key, with its block and nothing else
 * that could open it, and one row for the check value of the master key. The tables are made by the
 * first write. What must hold: a reader sees one store, never parts of two.
 *
 *   key_store_master | only_row true | check_value |
 *   key_store_blocks | name | version | check_value | usable_until | block |
 */

import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { SecretReference } from "../domain/config.ts"
import type { KeyStore } from "../security/key-store.ts"
import {
  changedMeanwhile,
  type KeyStoreHome,
  KeyStoreUnusable,
  sameDocument
} from "./key-store-home.ts"
import { describeSecret, resolveSecret } from "./secrets.ts"

const connectTimeoutMs = 5000

export function keyTable(url: SecretReference): KeyStoreHome {
  const place = `the database of ${describeSecret(url)}`
  const asked = <A>(question: Effect.Effect<A, SqlError | KeyStoreUnusable, PgClient.PgClient>) =>
    Effect.scoped(Effect.gen(function*() {
      const context = yield* Layer.build(clientLayer(url))
      return yield* Effect.provideContext(question, context)
    })).pipe(
      Effect.catchTag("SecretMissing", ({ advice }) => unusable(place, advice)),
      Effect.catchTag(
        "SqlError",
        ({ reason }) => unusable(place, `the key store in ${place} does not answer: ${reason._tag}`)
      )
    )
  return {
    place,
    read: asked(document),
    write: (before, store) =>
      asked(Effect.gen(function*() {
        const sql = yield* PgClient.PgClient
        yield* sql.withTransaction(replaced(sql, place, before, store))
      }))
  }
}

const unusable = (place: string, advice: string) =>
  Effect.fail(new KeyStoreUnusable({ place, advice }))

const clientLayer = (reference: SecretReference) =>
  Layer.unwrap(Effect.map(resolveSecret(reference), (secret) =>
    PgClient.layer({
      url: Redacted.make(Redacted.value(secret).trim()),
      maxConnections: 1,
      connectTimeout: connectTimeoutMs,
      applicationName: "pointsman keys"
    }))).pipe(Layer.provide(NodeServices.layer))

/** As the file would have it, byte for byte. */
const document = Effect.gen(function*() {
  const sql = yield* PgClient.PgClient
  const [{ there } = { there: false }] = yield* sql<{ there: boolean }>`
    SELECT to_regclass('key_store_blocks') IS NOT NULL AS there`
  if (!there) return undefined
  const [row] = yield* sql<{ master: string | null; keys: ReadonlyArray<object> }>`
    SELECT (SELECT check_value FROM key_store_master) AS master, coalesce(json_agg(
      json_strip_nulls(json_build_object('name', name, 'version', version,
        'checkValue', check_value, 'usableUntil',
        to_char(usable_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'block', block))
      ORDER BY name COLLATE "C", version DESC), '[]') AS keys
    FROM key_store_blocks`
  if (row === undefined || row.master === null) return undefined
  const content = { format: 1, masterKeyCheckValue: row.master, keys: row.keys }
  return new Uint8Array(Buffer.from(`${JSON.stringify(content, undefined, 2)}\n`))
})

const replaced = (
  sql: PgClient.PgClient,
  place: string,
  before: Uint8Array | undefined,
  store: KeyStore
) =>
  Effect.gen(function*() {
    // One writer at a time, also while there is no table to lock.
    yield* sql`SELECT pg_advisory_xact_lock(8583, 6)`
    if (!sameDocument(before, yield* document)) return yield* changedMeanwhile(place)
    yield* created(sql)
    const text = store.serialise()
    yield* sql`INSERT INTO key_store_master (check_value)
      SELECT ${text}::json ->> 'masterKeyCheckValue'
      ON CONFLICT (only_row) DO UPDATE SET check_value = excluded.check_value`
    yield* sql`DELETE FROM key_store_blocks`
    yield* sql`INSERT INTO key_store_blocks (name, version, check_value, usable_until, block)
      SELECT name, version, "checkValue", "usableUntil", block
      FROM json_to_recordset(${text}::json -> 'keys') AS keys (name text, version integer,
        "checkValue" text, "usableUntil" timestamptz, block text)`
  })

const created = (sql: PgClient.PgClient) =>
  Effect.gen(function*() {
    yield* sql`CREATE TABLE IF NOT EXISTS key_store_master (
      only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
      check_value text NOT NULL)`
    yield* sql`CREATE TABLE IF NOT EXISTS key_store_blocks (
      name text NOT NULL,
      version integer NOT NULL CHECK (version > 0),
      check_value text NOT NULL,
      usable_until timestamptz(3),
      block text NOT NULL,
      PRIMARY KEY (name, version))`
    yield* sql`COMMENT ON TABLE key_store_master IS
      'Check value of the master key, which itself is never here'`
    yield* sql`COMMENT ON TABLE key_store_blocks IS
      'Keys as TR-31 blocks under the master key; no clear key'`
  })
