/**
 * The ledger station: PostgreSQL (embedded or external), its schema, the writer that moves the
 * journal there, and what it says about itself. A database that is away at the start keeps nobody
 * waiting unless the configuration requires it; one with a newer schema is refused.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect, Latch, Layer } from "effect"
import { existsSync } from "node:fs"
import type { BusinessDay } from "../domain/brand.ts"
import { nextDay } from "../domain/business-day.ts"
import type { LedgerConfig } from "../domain/config.ts"
import { Journal } from "../domain/ports/journal.ts"
import { LedgerHealth, LedgerUnavailable, LedgerUnusable } from "../domain/ports/ledger.ts"
import { Time } from "../domain/ports/time.ts"
import { unavailable } from "./database-failure.ts"
import { embeddedDatabaseLayer, externalDatabaseLayer } from "./database.ts"
import { embeddedServerLayer, visitedServerLayer } from "./embedded-server.ts"
import { type BatchMeter, meteredStore } from "./metered-store.ts"
import { postgresStoreLayer } from "./postgres-store.ts"
import { ensurePartitions, isSchemaOlder, migrateSchema } from "./schema.ts"
import { homePaths } from "./server-home.ts"
import { startWriter } from "./writer.ts"

export interface LedgerOptions {
  readonly config: LedgerConfig
  readonly node: string
  readonly businessDay: (wallMs: number) => BusinessDay
  readonly drainMs: number
  /** False only for tests and benches: the embedded server need not survive a power cut. */
  readonly durable: boolean
  readonly meter?: BatchMeter
}

const statementMs = 5000
const lockMs = 2000
/** A report over months may take its time. */
const visitorMs = 120_000
/** Above PostgreSQL's own bound, for when the network is dead. */
const clientTimeoutMs = 10_000
/** Connections beside the writer's lanes, for queries and upkeep. */
const spareConnections = 3
/** How long the start may wait for a database that it needs, and for one that it does not. */
const neededMs = 20_000
const welcomeMs = 6000
const retryMs = 1000
const upkeepMs = 3_600_000
const daysAhead = 7

/** A client for the configured database; starts and stops the server when that is embedded. */
const databaseLayer = ({ config, durable }: Pick<LedgerOptions, "config" | "durable">) => {
  const limits = { connections: config.connections + spareConnections, statementMs, lockMs }
  if (config.url !== undefined) return externalDatabaseLayer(limits, config.url)
  return Layer.provide(
    embeddedDatabaseLayer(limits),
    embeddedServerLayer({
      dataPath: config.dataPath,
      port: config.port,
      durable,
      required: config.required
    })
  )
}

/** False: the embedded server never ran, knows nobody, and is not made for a question. */
export const hasDatabase = ({ dataPath, url }: LedgerConfig): boolean =>
  url !== undefined || existsSync(homePaths(dataPath).cluster)

/** A client for the commands: it leaves a running embedded server as it finds it. */
export const visitorDatabaseLayer = (config: LedgerConfig) => {
  const limits = { connections: 2, statementMs: visitorMs, lockMs }
  if (config.url !== undefined) return externalDatabaseLayer(limits, config.url)
  return Layer.provide(
    embeddedDatabaseLayer(limits),
    visitedServerLayer({
      dataPath: config.dataPath,
      port: config.port,
      durable: true,
      required: true
    })
  )
}

/** The business day of `wallMs` and those that follow. */
function daysFrom(first: string, count: number): ReadonlyArray<string> {
  const days = [first]
  while (days.length < count) days.push(nextDay(days.at(-1) ?? first))
  return days
}

interface Meter {
  partitionsMissing: number
  /** Why the schema is not ready. */
  trouble: string | undefined
}

/** A question to a database that may not answer. */
const within = (ms: number) =>
  Effect.timeoutOrElse({
    duration: ms,
    orElse: () => Effect.fail(new LedgerUnavailable({ reason: "timeout" }))
  })

/** Schema and partitions, tried once; the writer may begin when it succeeded. */
const prepare = Effect.fnUntraced(function*(options: LedgerOptions, ready: Latch.Latch) {
  const { config } = options
  const time = yield* Time
  const isOlder = isSchemaOlder(config.url === undefined || config.migrate === "auto")
  if (yield* within(neededMs)(isOlder)) yield* migrateSchema
  const days = daysFrom(options.businessDay(time.wallMs()), daysAhead + 1)
  yield* within(neededMs)(Effect.mapError(ensurePartitions(days), unavailable))
  yield* Latch.open(ready)
})

/** Prepares again until it succeeds, then keeps partitions ahead of the days. */
const upkeep = (options: LedgerOptions, ready: Latch.Latch, meter: Meter) =>
  Effect.gen(function*() {
    while (true) {
      yield* Effect.sleep(meter.trouble === undefined ? upkeepMs : retryMs)
      const result = yield* Effect.result(prepare(options, ready))
      const trouble = result._tag === "Success" ? undefined : wordsOf(result.failure)
      if (trouble !== undefined && trouble !== meter.trouble) {
        yield* Effect.logError("ledger-not-ready", { trouble })
      }
      meter.trouble = trouble
    }
  })

const wordsOf = (failure: LedgerUnusable | LedgerUnavailable): string =>
  failure._tag === "LedgerUnusable" ? failure.advice : failure.reason

/** What cannot be waited out fails the start; what can, only if the database is required. */
const atStart = Effect.fnUntraced(function*(
  options: LedgerOptions,
  ready: Latch.Latch,
  meter: Meter
) {
  const first = prepare(options, ready)
  yield* (options.config.required ? first : within(welcomeMs)(first)).pipe(
    Effect.catchTag("LedgerUnavailable", (error) => {
      meter.trouble = error.reason
      const { required, url } = options.config
      const remedy = url === undefined
        ? "see server.log in its folder"
        : "start it, correct ledger.url"
      const silent = `PostgreSQL does not answer (${error.reason}): ${remedy}`
      if (!required) {
        const advice = `${silent}; until it does, rows wait in the journal`
        return Effect.logError("ledger-not-reached", { advice })
      }
      const advice = `${silent}, or set ledger.required to false`
      return Effect.fail(new LedgerUnusable({ reason: "unreachable", advice }))
    })
  )
})

const healthLayer = (options: LedgerOptions, meter: Meter) =>
  Layer.effect(
    LedgerHealth,
    Effect.gen(function*() {
      const journal = yield* Journal
      const ready = yield* Latch.make(false)
      yield* atStart(options, ready, meter)
      yield* upkeep(options, ready, meter).pipe(Effect.forkScoped)
      const { batchMs, batchRows, connections, url } = options.config
      // An embedded server has no replica.
      const replicaLagMs = url === undefined ? 0 : options.config.replicaLagMs
      const { drainMs } = options
      const view = yield* startWriter(
        { batchRows, batchMs, lanes: connections, drainMs, replicaLagMs },
        ready.await
      )
      return LedgerHealth.of({
        status: () => {
          const { feedPending, oldestFeedMs } = journal.health()
          return {
            ...view.counts,
            trouble: meter.trouble ?? view.counts.trouble,
            ready: Latch.isOpen(ready),
            pendingRows: feedPending,
            oldestMs: oldestFeedMs,
            batchesInFlight: view.inFlight(),
            batchRows: view.batchRows(),
            partitionsMissing: meter.partitionsMissing
          }
        }
      })
    })
  )

/**
 * Does PostgreSQL hold marks of this node's journal? Then a journal that is missing is a loss, not
 * a beginning. False as well when there is no schema yet, or nobody answers.
 */
export const knowsNode = (node: string): Effect.Effect<boolean, never, PgClient.PgClient> =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const rows = yield* sql`SELECT 1 FROM watermarks WHERE node = ${node} LIMIT 1`
    return rows.length > 0
  }).pipe(
    Effect.timeoutOrElse({ duration: welcomeMs, orElse: () => Effect.succeed(false) }),
    Effect.orElseSucceed(() => false)
  )

/**
 * The running ledger over a database: `LedgerHealth` and `LedgerStore`. Needs the journal, time and
 * randomness.
 */
const writingLayer = (options: LedgerOptions) => {
  const meter: Meter = { partitionsMissing: 0, trouble: undefined }
  const store = postgresStoreLayer({
    node: options.node,
    timeoutMs: clientTimeoutMs,
    partitionMissing: () => meter.partitionsMissing++
  })
  const heard = options.meter
  const timed = heard === undefined ? store : Layer.provide(meteredStore(heard), store)
  return Layer.provideMerge(healthLayer(options, meter), timed)
}

/** The same with its database, which stays available for queries. */
export const ledgerLayer = (options: LedgerOptions) =>
  Layer.provideMerge(writingLayer(options), databaseLayer(options))
