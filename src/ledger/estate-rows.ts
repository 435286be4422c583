/** The estate as last configured, for those who query: merchants first, then their terminals. */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { LedgerUnavailable } from "../domain/ports/ledger.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import { unavailable } from "./database-failure.ts"

/** Writes those that changed; what is no longer configured stays, as history refers to it. */
export const storeEstate = (
  profiles: ReadonlyArray<TerminalProfile>
): Effect.Effect<void, LedgerUnavailable, PgClient.PgClient> =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const merchants = new Map(profiles.map((profile) => [profile.merchant, {
      merchant: profile.merchant,
      name: profile.merchantName,
      category: profile.category
    }]))
    const terminals = profiles.map((profile) => ({
      terminal: profile.terminal,
      merchant: profile.merchant,
      terminal_group: profile.group,
      identity: profile.identity,
      mac_required: profile.macRequired,
      kinds: [...profile.kinds].sort(),
      channels: [...profile.channels].sort(),
      currencies: [...profile.currencies].sort(),
      counter: profile.counter ?? null,
      blocked: profile.blocked
    }))
    yield* sql.withTransaction(Effect.gen(function*() {
      yield* sql`INSERT INTO merchants AS held (merchant, name, category)
        SELECT merchant, name, category FROM jsonb_to_recordset(${
        JSON.stringify([...merchants.values()])
      }::text::jsonb) AS u (merchant text, name text, category text)
        ON CONFLICT (merchant) DO UPDATE SET name = excluded.name, category = excluded.category,
          updated_at = now()
        WHERE (held.name, held.category) <> (excluded.name, excluded.category)`
      yield* sql`INSERT INTO terminals AS held (terminal, merchant, terminal_group, identity,
          mac_required, kinds, channels, currencies, counter, blocked)
        SELECT * FROM jsonb_to_recordset(${JSON.stringify(terminals)}::text::jsonb)
          AS u (terminal text, merchant text, terminal_group text, identity text,
            mac_required boolean, kinds text[], channels text[], currencies text[], counter text,
            blocked boolean)
        ON CONFLICT (terminal) DO UPDATE SET merchant = excluded.merchant,
          terminal_group = excluded.terminal_group, identity = excluded.identity,
          mac_required = excluded.mac_required, kinds = excluded.kinds,
          channels = excluded.channels, currencies = excluded.currencies,
          counter = excluded.counter, blocked = excluded.blocked, updated_at = now()
        WHERE (held.merchant, held.terminal_group, held.identity, held.mac_required, held.kinds,
            held.channels, held.currencies, held.counter, held.blocked) IS DISTINCT FROM
          (excluded.merchant, excluded.terminal_group, excluded.identity, excluded.mac_required,
            excluded.kinds, excluded.channels, excluded.currencies, excluded.counter,
            excluded.blocked)`
    }))
  }).pipe(Effect.mapError(unavailable))
