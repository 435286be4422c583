/**
 * The estate in PostgreSQL: merchants, then their terminals. It follows a terminals file for those
 * who query, or is the registry itself. What must hold: what is read is checked like a file, so
 * that a row which somebody changed by hand is named and takes nothing into force.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { ConfigFault } from "../config/loaded.ts"
import { parseTerminals, terminalColumns } from "../config/terminals-file.ts"
import { currencyCount } from "../config/terminals-text.ts"
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

const rowOf = (profile: TerminalProfile) => ({
  terminal: profile.terminal,
  merchant: profile.merchant,
  terminal_group: profile.group,
  identity: profile.identity,
  mac_required: profile.macRequired,
  kinds: [...profile.kinds].sort(),
  channels: [...profile.channels].sort(),
  // A thousand codes a terminal would be a hundred megabytes for a fleet.
  currencies: profile.currencies.size === currencyCount ? ["*"] : [...profile.currencies].sort(),
  counter: profile.counter ?? null,
  blocked: profile.blocked,
  category: profile.category,
  master_key: profile.masterKey ?? null,
  base_key: profile.baseKey ?? null,
  pin_format: profile.pinFormat ?? null,
  in_flight: profile.window,
  partial_approval: profile.partialApproval,
  reverse_unconfirmed: profile.reverseUnconfirmed,
  concentrator: profile.concentrator ?? null,
  certificate: profile.certificate ?? null
})

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
  yield* sql`INSERT INTO terminals AS held (terminal, merchant, terminal_group, identity,
      mac_required, kinds, channels, currencies, counter, blocked, category, master_key, base_key,
      pin_format, in_flight, partial_approval, reverse_unconfirmed, concentrator, certificate)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(profiles.map(rowOf))}::text::jsonb)
      AS u (terminal text, merchant text, terminal_group text, identity text,
        mac_required boolean, kinds text[], channels text[], currencies text[], counter text,
        blocked boolean, category text, master_key text, base_key text, pin_format int2,
        in_flight int4, partial_approval boolean, reverse_unconfirmed boolean, concentrator text,
        certificate text)
    ON CONFLICT (terminal) DO UPDATE SET merchant = excluded.merchant,
      terminal_group = excluded.terminal_group, identity = excluded.identity,
      mac_required = excluded.mac_required, kinds = excluded.kinds,
      channels = excluded.channels, currencies = excluded.currencies,
      counter = excluded.counter, blocked = excluded.blocked, category = excluded.category,
      master_key = excluded.master_key, base_key = excluded.base_key,
      pin_format = excluded.pin_format, in_flight = excluded.in_flight,
      partial_approval = excluded.partial_approval,
      reverse_unconfirmed = excluded.reverse_unconfirmed, concentrator = excluded.concentrator,
      certificate = excluded.certificate, registered = true, updated_at = now()
    WHERE (held.merchant, held.terminal_group, held.identity, held.mac_required, held.kinds,
        held.channels, held.currencies, held.counter, held.blocked, held.category,
        held.master_key, held.base_key, held.pin_format, held.in_flight, held.partial_approval,
        held.reverse_unconfirmed, held.concentrator, held.certificate, held.registered)
      IS DISTINCT FROM
      (excluded.merchant, excluded.terminal_group, excluded.identity, excluded.mac_required,
        excluded.kinds, excluded.channels, excluded.currencies, excluded.counter,
        excluded.blocked, excluded.category, excluded.master_key, excluded.base_key,
        excluded.pin_format, excluded.in_flight, excluded.partial_approval,
        excluded.reverse_unconfirmed, excluded.concentrator, excluded.certificate, true)`
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
