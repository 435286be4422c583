/**
 * The estate in PostgreSQL: merchants, then their terminals. It follows a terminals file for those
 * who query, or is the registry itself. What must hold: what is read is checked like a file, so
 * that a row which somebody changed by hand is named and takes nothing into force.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { ConfigFault } from "../config/loaded.ts"
import { currencyCount, parseTerminals, terminalColumns } from "../config/terminals-file.ts"
import type { LedgerUnavailable } from "../domain/ports/ledger.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import { unavailable } from "./database-failure.ts"

type Profiles = ReadonlyArray<TerminalProfile>

const merchantsOf = (profiles: Profiles) => [
  ...new Map(profiles.map((profile) => [profile.merchant, {
    merchant: profile.merchant,
    name: profile.merchantName,
    category: profile.category
  }])).values()
]

/** The columns of `terminals` that a profile fills: name, type, and value as JSON has it. */
const columns: ReadonlyArray<
  readonly [name: string, type: string, of: (profile: TerminalProfile) => unknown]
> = [
  ["terminal", "text", ({ terminal }) => terminal],
  ["merchant", "text", ({ merchant }) => merchant],
  ["terminal_group", "text", ({ group }) => group],
  ["identity", "text", ({ identity }) => identity],
  ["mac_required", "boolean", ({ macRequired }) => macRequired],
  ["kinds", "text[]", ({ kinds }) => [...kinds].sort()],
  ["channels", "text[]", ({ channels }) => [...channels].sort()],
  // A thousand codes a terminal would be a hundred megabytes for a fleet.
  [
    "currencies",
    "text[]",
    ({ currencies }) => currencies.size === currencyCount ? ["*"] : [...currencies].sort()
  ],
  ["counter", "text", ({ counter }) => counter],
  ["blocked", "boolean", ({ blocked }) => blocked],
  ["category", "text", ({ category }) => category],
  ["master_key", "text", ({ masterKey }) => masterKey],
  ["base_key", "text", ({ baseKey }) => baseKey],
  ["pin_format", "int2", ({ pinFormat }) => pinFormat],
  ["in_flight", "int4", ({ window }) => window],
  ["partial_approval", "boolean", ({ partialApproval }) => partialApproval],
  ["reverse_unconfirmed", "boolean", ({ reverseUnconfirmed }) => reverseUnconfirmed],
  ["concentrator", "text", ({ concentrator }) => concentrator],
  ["certificate", "text", ({ certificate }) => certificate]
]

const rowOf = (profile: TerminalProfile): object =>
  Object.fromEntries(columns.map(([name, , of]) => [name, of(profile)]))

const names = columns.map(([name]) => name)
const changing = names.filter((name) => name !== "terminal")
const ofAll = (alias: string): string => changing.map((name) => `${alias}.${name}`).join(", ")

/** Writes the terminals that are new or changed; whoever was taken out is registered again. */
const terminalInsertion = `INSERT INTO terminals AS held (${names.join(", ")})
  SELECT * FROM jsonb_to_recordset($1::text::jsonb)
    AS u (${columns.map(([name, type]) => `${name} ${type}`).join(", ")})
  ON CONFLICT (terminal) DO UPDATE
    SET ${changing.map((name) => `${name} = excluded.${name}`).join(", ")},
      registered = true, updated_at = now()
    WHERE (${ofAll("held")}, held.registered) IS DISTINCT FROM (${ofAll("excluded")}, true)`

/** Terminals in one statement: neither the event loop nor PostgreSQL is held up by a fleet. */
const atOnce = 500

const written = Effect.fnUntraced(function*(sql: PgClient.PgClient, profiles: Profiles) {
  for (let from = 0; from < profiles.length; from += atOnce) {
    yield* writtenPart(sql, profiles.slice(from, from + atOnce))
  }
})

const writtenPart = Effect.fnUntraced(function*(sql: PgClient.PgClient, profiles: Profiles) {
  yield* sql`INSERT INTO merchants AS held (merchant, name, category)
    SELECT merchant, name, category FROM jsonb_to_recordset(${
    JSON.stringify(merchantsOf(profiles))
  }::text::jsonb) AS u (merchant text, name text, category text)
    ON CONFLICT (merchant) DO UPDATE SET name = excluded.name, category = excluded.category,
      updated_at = now()
    WHERE (held.name, held.category) <> (excluded.name, excluded.category)`
  yield* sql.unsafe(terminalInsertion, [JSON.stringify(profiles.map(rowOf))])
})

/** Writes those that changed; what is no longer configured stays, as history refers to it. */
export const storeEstate = (
  profiles: Profiles
): Effect.Effect<void, LedgerUnavailable, PgClient.PgClient> =>
  Effect.flatMap(PgClient.PgClient, (sql) => sql.withTransaction(written(sql, profiles))).pipe(
    Effect.mapError(unavailable)
  )

/** These are the registry from now on; whoever is not among them is taken out, and kept. */
export const replaceEstate = (
  profiles: Profiles
): Effect.Effect<void, LedgerUnavailable, PgClient.PgClient> =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.withTransaction(Effect.gen(function*() {
      yield* written(sql, profiles)
      yield* sql`UPDATE terminals SET registered = false, updated_at = now()
        WHERE registered AND terminal NOT IN (
          SELECT jsonb_array_elements_text(${
        JSON.stringify(profiles.map(({ terminal }) => terminal))
      }::text::jsonb))`
    }))).pipe(Effect.mapError(unavailable))

/** The registry as it stands, or every row that cannot be one. */
export const readEstate: Effect.Effect<
  Profiles | { readonly faults: ReadonlyArray<ConfigFault> },
  LedgerUnavailable,
  PgClient.PgClient
> = Effect.gen(function*() {
  const sql = yield* PgClient.PgClient
  // The columns of a terminals file, by their names there.
  const rows = yield* sql<Readonly<Record<string, string>>>`
    SELECT t.terminal, t.merchant, m.name AS "merchantName", t.terminal_group AS "group",
      t.identity, t.category, coalesce(t.master_key, '') AS "masterKey",
      CASE WHEN t.mac_required THEN 'yes' ELSE 'no' END AS "macRequired",
      t.in_flight::text AS "window", array_to_string(t.kinds, ';') AS kinds,
      array_to_string(t.channels, ';') AS channels,
      array_to_string(t.currencies, ';') AS currencies,
      CASE WHEN t.partial_approval THEN 'yes' ELSE 'no' END AS "partialApproval",
      CASE WHEN t.reverse_unconfirmed THEN 'yes' ELSE 'no' END AS "reverseUnconfirmed",
      coalesce(t.counter, '') AS counter, CASE WHEN t.blocked THEN 'yes' ELSE 'no' END AS blocked,
      coalesce(t.concentrator, '') AS concentrator, coalesce(t.certificate, '') AS certificate,
      coalesce(t.base_key, '') AS "baseKey", coalesce(t.pin_format::text, '') AS "pinFormat"
    FROM terminals t JOIN merchants m USING (merchant) WHERE t.registered ORDER BY t.terminal`
  const cell = (text = "") => `"${text.replaceAll(/[\r\n]/g, " ").replaceAll("\"", "\"\"")}"`
  const lines = rows.map((row) => terminalColumns.map((column) => cell(row[column])).join(","))
  return parseTerminals("table terminals", [terminalColumns.join(","), ...lines].join("\n"))
}).pipe(Effect.mapError(unavailable))
