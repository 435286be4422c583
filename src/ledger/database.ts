/**
 * How PostgreSQL is reached: a pool of connections to the embedded server or to one that the
 * configuration names. Connections are opened when they are needed, so a server that is away fails
 * nobody's start; the password is read again for each of them, so that it may be rotated.
 */

import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import { readFileSync } from "node:fs"
import { resolveSecret } from "../config/secrets.ts"
import type { SecretReference } from "../domain/config.ts"
import { invariant } from "../domain/invariant.ts"
import { LedgerUnusable } from "../domain/ports/ledger.ts"
import { EmbeddedServer } from "./embedded-server.ts"
import { database, superuser } from "./server-home.ts"

interface PoolLimits {
  readonly connections: number
  /** PostgreSQL gives a statement up after this. */
  readonly statementMs: number
  /** It waits for a lock no longer than this. */
  readonly lockMs: number
}

const connectTimeoutMs = 5000

const common = (limits: PoolLimits) => ({
  maxConnections: limits.connections,
  connectTimeout: connectTimeoutMs,
  keepAlive: 10_000,
  applicationName: "pointsman",
  startupParameters: {
    statement_timeout: String(limits.statementMs),
    lock_timeout: String(limits.lockMs),
    idle_in_transaction_session_timeout: "30000",
    timezone: "UTC"
  }
})

/** Read for every connection; one that cannot be read is empty, which PostgreSQL then refuses. */
const passwordOf = (read: Effect.Effect<string, unknown>) =>
  read.pipe(Effect.orElseSucceed(() => ""), Effect.map((text) => Redacted.make(text)))

export const embeddedDatabaseLayer = (limits: PoolLimits) =>
  Layer.unwrap(Effect.gen(function*() {
    const server = yield* EmbeddedServer
    return PgClient.layer({
      ...common(limits),
      host: "127.0.0.1",
      port: server.port,
      ssl: false,
      database,
      username: superuser,
      password: passwordOf(
        Effect.try({
          try: () => readFileSync(server.passwordFile() ?? "", "utf8").trim(),
          catch: (error) => error
        })
      )
    })
  }))

/** The secret is the whole URL, password included; it is read again for every connection. */
export const externalDatabaseLayer = (limits: PoolLimits, reference: SecretReference) =>
  Layer.unwrap(Effect.gen(function*() {
    const secret = resolveSecret(reference).pipe(Effect.provide(NodeServices.layer))
    const url = yield* Effect.flatMap(secret, urlOf).pipe(
      Effect.mapError((error) => new LedgerUnusable({ reason: "url", advice: error.advice }))
    )
    return PgClient.layer({
      ...common(limits),
      url: Redacted.make(url.withoutPassword),
      password: passwordOf(Effect.map(Effect.flatMap(secret, urlOf), ({ password }) => password))
    })
  }))

const urlOf = (secret: Redacted.Redacted) =>
  Effect.try({
    try: () => {
      const url = new URL(Redacted.value(secret).trim())
      invariant(/^postgres(ql)?:$/.test(url.protocol), "a PostgreSQL URL")
      const password = decodeURIComponent(url.password)
      url.password = ""
      return { password, withoutPassword: url.href }
    },
    catch: () => ({
      advice: "ledger.url must be postgresql://user:password@host:5432/database, where a % of " +
        "the password is written %25, an @ %40, a / %2F"
    })
  })
