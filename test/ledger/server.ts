/** A real embedded server for a test file: started on a free port in a folder of its own. */

import type { PgClient } from "@effect/sql-pg"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { BusinessDay } from "../../src/domain/brand.ts"
import type { LedgerConfig } from "../../src/domain/config.ts"

import { embeddedDatabaseLayer } from "../../src/ledger/database.ts"
import { EmbeddedServer, embeddedServerLayer } from "../../src/ledger/embedded-server.ts"
import { machine } from "./machine.ts"
import { day } from "./records.ts"

export const limits = { connections: 6, statementMs: 5000, lockMs: 2000 }

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "pointsman-ledger-"))
}

export const ledgerConfig = (
  folder: string,
  changes: Partial<LedgerConfig> = {}
): LedgerConfig => ({
  dataPath: folder,
  port: 0,
  batchRows: 200,
  batchMs: 5,
  replicaLagMs: 0,
  connections: 3,
  migrate: "auto",
  required: true,
  ...changes
})

export const businessDay = (): BusinessDay => day

export const serverLayer = (folder: string, port = 0) =>
  embeddedServerLayer({ dataPath: folder, port, durable: false, required: true }).pipe(
    Layer.provide(machine)
  )

export type Database = EmbeddedServer | PgClient.PgClient

/** One server and its client, shared by the tests of a file. */
export class SharedServer {
  readonly folder = temporaryFolder()
  readonly #scope = Effect.runSync(Scope.make())
  #context: Context.Context<Database> | undefined

  async start(): Promise<void> {
    const layer = embeddedDatabaseLayer(limits).pipe(Layer.provideMerge(serverLayer(this.folder)))
    this.#context = await Effect.runPromise(Layer.buildWithScope(layer, this.#scope)) as never
  }

  get context(): Context.Context<Database> {
    if (this.#context === undefined) throw new Error("the server was not started")
    return this.#context
  }

  get port(): number {
    return Context.get(this.context, EmbeddedServer).port
  }

  run<A, E>(effect: Effect.Effect<A, E, Database>): Promise<A> {
    return Effect.runPromise(Effect.provideContext(effect, this.context))
  }

  async stop(): Promise<void> {
    await Effect.runPromise(Scope.close(this.#scope, Exit.void))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Waits, a bounded number of turns, until `holds`. */
export const until = (holds: () => boolean, what: string, rounds = 2000) =>
  Effect.gen(function*() {
    for (let round = 0; round < rounds; round++) {
      if (holds()) return
      yield* Effect.sleep(10)
    }
    return yield* Effect.die(new Error(`never happened: ${what}`))
  })
