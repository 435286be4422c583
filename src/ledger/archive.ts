/**
 * The archive in PostgreSQL. What must hold: a question is answered only from what PostgreSQL has
 * after everything that was in the journal's feed when the question came, so that no older version
 * of a row is ever taken for the last; what does not come in time is a refusal, never a wait.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect, FiberSet, Layer, Semaphore } from "effect"
import { Archive, type ArchiveQuestion, type ArchiveShape } from "../domain/ports/archive.ts"
import { Journal, type JournalShape } from "../domain/ports/journal.ts"
import { LedgerUnavailable } from "../domain/ports/ledger.ts"
import { Time } from "../domain/ports/time.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { unavailable } from "./database-failure.ts"

/** Questions at one time, and such as may wait for them. */
const atOnce = 2
const mayWait = 200
/** From the question to its answer; a terminal waits longer than this and an upstream. */
const patienceMs = 4000
/** How often a question looks whether the writer has come as far as it must. */
const lookMs = 20
/** Follow-ons refer to nothing older. */
const oldestMs = 400 * 24 * 3_600_000

/** Looks at what PostgreSQL has: the newest that fits, and is no older. */
export type Newest<R> = (
  question: ArchiveQuestion,
  sinceMs: number
) => Effect.Effect<TransactionRecord | undefined, LedgerUnavailable, R>

/** The same archive over whatever holds the rows. */
export const makeArchive = Effect.fnUntraced(function*<R>(newest: Newest<R>) {
  const journal = yield* Journal
  const time = yield* Time
  const permits = yield* Semaphore.make(atOnce)
  const fork = yield* FiberSet.makeRuntime<R>()
  let waiting = 0
  const find: ArchiveShape["find"] = (question, done) => {
    if (waiting >= mayWait) return done("ledger-unavailable")
    waiting++
    const sinceMs = Math.max(question.sinceMs ?? 0, time.wallMs() - oldestMs)
    fork(
      Effect.andThen(caughtUp(journal), permits.withPermit(newest(question, sinceMs))).pipe(
        Effect.timeoutOrElse({
          duration: patienceMs,
          orElse: () => Effect.fail(new LedgerUnavailable({ reason: "timeout" }))
        }),
        Effect.map((found) => found ?? "original-unknown" as const),
        Effect.orElseSucceed(() => "ledger-unavailable" as const),
        Effect.map((answer) => {
          waiting--
          done(answer)
        })
      )
    )
  }
  return Archive.of({ find })
})

/** Completes when PostgreSQL has everything that the feed held when this began. */
const caughtUp = (journal: JournalShape): Effect.Effect<void> =>
  Effect.gen(function*() {
    let last: number | undefined
    while (true) {
      const { feedPending } = journal.health()
      if (feedPending === 0) return
      const [first] = journal.feedAfter(journal.feedMark(), 1)
      // Before the first is on disk its number is not known, and the writer does not have it.
      if (first !== undefined) {
        last ??= first.sequence + feedPending - 1
        if (first.sequence > last) return
      }
      yield* Effect.sleep(lookMs)
    }
  })

const columns = `id, version, state, kind, channel, scheme, day::text AS day,
  transaction_key AS key, fingerprint, terminal, merchant, session::float8 AS session, mti,
  processing_code AS "processingCode", entry_mode AS "entryMode", stan, batch, rrn,
  local_time AS "localTime", amount::float8 AS amount, currency,
  approved_amount::float8 AS "approvedAmount", pan_mask AS "panMask", route, upstream, link,
  upstream_stan AS "upstreamStan", upstream_rrn AS "upstreamRrn",
  upstream_time AS "upstreamTime", wallet_reference AS "walletReference",
  config_version AS "configVersion", response, upstream_response AS "upstreamResponse", approved,
  auth_code AS "authCode", failure, original, taken::float8 AS taken,
  own_ms::float8 AS "ownMs", upstream_ms::float8 AS "upstreamMs", pan_token AS "panToken"`

const times = ["received", "forwarded", "upstream_answered", "answered", "timed_out", "reversed"]
  .map((name) => `(extract(epoch FROM ${name}_at) * 1000)::float8 AS ${name}`).join(", ")

const newestRow: Newest<PgClient.PgClient> = (question, sinceMs) =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const { amount, authCode, batch, before, kinds, merchant, panMask, rrn, stan, terminal } =
      question
    const { voucher } = question
    const named = [
      ...(rrn === undefined ? [] : [sql`rrn = ${rrn}`]),
      ...(voucher === undefined ? [] : [sql`wallet_reference = ${voucher}`]),
      // What came by notice has no message of the terminal's, and so no number of its.
      ...(stan === undefined ? [] : [sql`stan = ${stan} AND mti <> ''`]),
      ...(batch === undefined ? [] : [sql`batch = ${batch}`]),
      ...(authCode === undefined ? [] : [sql`auth_code = ${authCode}`]),
      ...(amount === undefined ? [] : [sql`${amount} IN (amount, approved_amount)`]),
      ...(panMask === undefined ? [] : [sql`(pan_mask IS NULL OR pan_mask = ${panMask})`]),
      ...(before === undefined ? [] : [sql`id < ${before}`]),
      // A reference that only this terminal gave means its own transactions.
      ...(rrn === undefined && voucher === undefined ? [sql`terminal = ${terminal}`] : [])
    ]
    const [row] = yield* sql<Record<string, unknown>>`
      SELECT ${sql.literal(columns)}, ${sql.literal(times)} FROM transactions
      WHERE ${sql.and(named)} AND merchant = ${merchant}
        AND kind IN ${sql.in(kinds)}
        AND received_at >= to_timestamp(${sinceMs}::float8 / 1000)
        AND day >= to_timestamp(${sinceMs}::float8 / 1000)::date - 1
      ORDER BY received_at DESC, id DESC LIMIT 1`
    return row === undefined ? undefined : recordOf(row)
  }).pipe(Effect.mapError(unavailable))

export const archiveLayer: Layer.Layer<never, never, Journal | Time | PgClient.PgClient> = Layer
  .effect(Archive, makeArchive(newestRow))

/** Names of the columns that hold times, and of the times in a record. */
const timeNames: Readonly<Record<string, string>> = {
  received: "receivedMs",
  forwarded: "forwardedMs",
  upstream_answered: "upstreamAnsweredMs",
  answered: "answeredMs",
  timed_out: "timedOutMs",
  reversed: "reversedMs"
}

/** Absent instead of null. What was sealed is in no column, and thus not here. */
function recordOf(row: Readonly<Record<string, unknown>>): TransactionRecord {
  const fields: Record<string, unknown> = {}
  const reached: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(row)) {
    if (value === null) continue
    const time = timeNames[name]
    if (time === undefined) fields[name] = value
    else reached[time] = value
  }
  // The columns are those of the record; the writer filled them from one.
  return { ...fields, times: reached } as unknown as TransactionRecord
}
