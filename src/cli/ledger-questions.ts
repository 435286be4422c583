/** Questions that verbs ask PostgreSQL, the configured one or the embedded one, running or not. */

import type { PgClient } from "@effect/sql-pg"
import { Clock, Effect, Layer } from "effect"
import { isDay } from "../domain/business-day.ts"
import type { LedgerUnavailable, LedgerUnusable } from "../domain/ports/ledger.ts"
import { appendAudit, type AuditEntry } from "../ledger/audit-log.ts"
import { hasDatabase, visitorDatabaseLayer } from "../ledger/ledger.ts"
import { loadedConfig } from "./configuration.ts"
import { machineClock } from "./machine-clock.ts"
import { type Call, type Flag, type Parameter, Refusal } from "./verb.ts"

const noTables = "PostgreSQL has no tables of ours yet: start the switch once"

export async function askLedger<A>(
  call: Call,
  question: Effect.Effect<A, LedgerUnavailable | LedgerUnusable, PgClient.PgClient>
): Promise<A> {
  const { config } = await loadedConfig(call)
  if (!hasDatabase(config.ledger)) throw new Refusal(3, noTables)
  const database = visitorDatabaseLayer(config.ledger).pipe(Layer.provide(machineClock))
  const result = await Effect.runPromise(
    question.pipe(Effect.provide(database), Effect.result)
  )
  if (result._tag === "Success") return result.success
  const failure = result.failure as { readonly advice?: string; readonly reason?: string }
  const reason = failure.reason ?? "unknown"
  throw new Refusal(3, failure.advice ?? told(reason))
}

/** In words; 42P01: there is no such table, 42501: this login may not. */
function told(reason: string): string {
  if (reason.endsWith("42P01")) return noTables
  if (reason.endsWith("42501")) return "PostgreSQL does not allow that to the login of ledger.url"
  return `PostgreSQL does not answer (${reason})`
}

/** One entry of the audit log about what an operator did at the command line. */
export const noted = (entry: Omit<AuditEntry, "atMs" | "actor" | "origin">) =>
  Effect.flatMap(
    Clock.currentTimeMillis,
    (atMs) => appendAudit({ atMs, actor: "operator", origin: "command line", ...entry })
  )

export const dayParameter = (name: string, about: string): Parameter => ({
  name,
  about: `${about}, YYYY-MM-DD`,
  presence: "one"
})

/** A business day as it was written, checked: 30 February is none. */
export function dayOf(text: string | undefined): string {
  if (text !== undefined && isDay(text)) return text
  throw new Refusal(2, `${text}: expected a day, YYYY-MM-DD`)
}

/** The first and the last business day; the last may be left out. */
export function daysOf(
  [from, to = from]: ReadonlyArray<string>
): { readonly fromDay: string; readonly toDay: string } {
  const days = { fromDay: dayOf(from), toDay: dayOf(to) }
  if (days.toDay < days.fromDay) throw new Refusal(2, `${to} is before ${from}`)
  return days
}

export const upstreamFlag: Flag = {
  type: "text",
  value: "<name>",
  about: "upstream, as the configuration names it"
}
