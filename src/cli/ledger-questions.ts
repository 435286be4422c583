/** Questions that verbs ask PostgreSQL, the configured one or the embedded one, running or not. */

import type { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import type { LedgerUnavailable, LedgerUnusable } from "../domain/ports/ledger.ts"
import { visitorDatabaseLayer } from "../ledger/ledger.ts"
import { loadedConfig } from "./configuration.ts"
import { machineClock } from "./machine-clock.ts"
import { type Call, type Flag, type Parameter, Refusal } from "./verb.ts"

export async function askLedger<A>(
  call: Call,
  question: Effect.Effect<A, LedgerUnavailable | LedgerUnusable, PgClient.PgClient>
): Promise<A> {
  const { config } = await loadedConfig(call)
  const database = visitorDatabaseLayer(config.ledger).pipe(Layer.provide(machineClock))
  const result = await Effect.runPromise(
    question.pipe(Effect.provide(database), Effect.result)
  )
  if (result._tag === "Success") return result.success
  const failure = result.failure as { readonly advice?: string; readonly reason?: string }
  const reason = failure.reason ?? "unknown"
  // 42P01: there is no such table.
  const why = reason.endsWith("42P01")
    ? "PostgreSQL has no tables of ours yet: start the switch once"
    : `PostgreSQL does not answer (${reason})`
  throw new Refusal(3, failure.advice ?? why)
}

export const dayParameter = (name: string, about: string): Parameter => ({
  name,
  about: `${about}, YYYY-MM-DD`,
  presence: "one"
})

/** A business day as it was written, checked: 30 February is none. */
export function dayOf(text: string | undefined): string {
  const time = Date.parse(`${text}T00:00:00Z`)
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text) {
    throw new Refusal(2, `${text}: expected a day, YYYY-MM-DD`)
  }
  return text
}

export const upstreamFlag: Flag = {
  type: "text",
  value: "<name>",
  about: "upstream, as the configuration names it"
}
