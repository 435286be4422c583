/**
 * The faults of the database (B1 to B12 of the fault catalogue) on a real server: whatever happens,
 * every row arrives once.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { LedgerHealth, type LedgerStatus } from "../../src/domain/ports/ledger.ts"
import { externalDatabaseLayer } from "../../src/ledger/database.ts"
import { ledgerLayer, type LedgerOptions } from "../../src/ledger/ledger.ts"
import { migrateSchema, schemaVersion } from "../../src/ledger/schema.ts"
import { machine } from "./machine.ts"
import { MemoryJournal } from "./memory-journal.ts"
import { entry, idOf, sale, sales } from "./records.ts"
import {
  businessDay,
  ledgerConfig,
  limits,
  SharedServer,
  temporaryFolder,
  until
} from "./server.ts"
import { TcpProxy } from "./tcp-proxy.ts"

const server = new SharedServer()
const folder = temporaryFolder()
const secret = join(folder, "url")
let proxy: TcpProxy
let proxyPort = 0

const passwordNow = () => readFileSync(join(server.folder, "password"), "utf8").trim()

const tell = (password: string) =>
  writeFileSync(secret, `postgresql://pointsman:${password}@127.0.0.1:${proxyPort}/pointsman\n`)

beforeAll(async () => {
  await server.start()
  await server.run(migrateSchema)
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  proxy = new TcpProxy(server.port)
  proxyPort = await proxy.start()
  tell(passwordNow())
  await server.run(
    Effect.flatMap(PgClient.PgClient, (sql) => sql`TRUNCATE transactions, exceptions, watermarks`)
  )
})
afterEach(() => proxy.stop())

const external = (changes = {}): LedgerOptions => ({
  config: ledgerConfig(folder, { url: { file: secret }, ...changes }),
  node: "n1",
  businessDay,
  drainMs: 10_000,
  durable: false
})

interface Scene {
  readonly journal: MemoryJournal
  readonly status: () => LedgerStatus
}

/** Runs a ledger over the proxy; what the scene left in the feed is drained at its end. */
const play = <A, E>(
  act: (scene: Scene) => Effect.Effect<A, E, PgClient.PgClient>,
  options = external()
): Promise<A> => {
  const journal = new MemoryJournal()
  const services = Layer.merge(journal.layer, machine)
  return Effect.runPromise(
    Effect.flatMap(LedgerHealth, ({ status }) => act({ journal, status })).pipe(
      Effect.provide(ledgerLayer(options).pipe(Layer.provide(services)))
    )
  )
}

const empty = ({ journal }: Scene) => until(() => journal.pending === 0, "an empty feed", 3000)

const countRows = server.run.bind(
  server,
  Effect.flatMap(
    PgClient.PgClient,
    (sql) => sql<{ n: number }>`SELECT count(DISTINCT id)::int AS n FROM transactions`
  )
) as () => Promise<ReadonlyArray<{ n: number }>>

const count = async () => (await countRows())[0]?.n

describe("the ledger over a bad line", () => {
  it("B3: repeats a commit whose answer was cut off, and stores each row once", async () => {
    await play((scene) =>
      Effect.gen(function*() {
        scene.journal.append(sales(400))
        yield* empty(scene)
        for (let round = 0; round < 5; round++) {
          proxy.cutAnswers = 2
          scene.journal.append(sales(400, 400 + round * 400))
          yield* empty(scene)
        }
        expect(scene.status().retries).toBeGreaterThan(0)
        expect(scene.status().conflicts).toBe(0)
        expect(scene.status().rewinds).toBe(0)
      })
    )
    expect(await count()).toBe(2400)
  })

  it("B1: starts without a database when it may, and catches up when it comes", async () => {
    await proxy.stop()
    await play((scene) =>
      Effect.gen(function*() {
        scene.journal.append(sales(300))
        expect(scene.status()).toMatchObject({ connected: false, ready: false, pendingRows: 300 })
        expect(scene.status().trouble).toBe("connection")
        yield* Effect.promise(() => proxy.start(proxyPort))
        yield* empty(scene)
        expect(scene.status()).toMatchObject({ connected: true, ready: true, trouble: undefined })
      }), external({ required: false }))
    expect(await count()).toBe(300)
  })

  it("B1: refuses to start without a database that is required, and says what to do", async () => {
    await proxy.stop()
    const error = await play(() => Effect.void).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      _tag: "LedgerUnusable",
      reason: "unreachable",
      advice: "PostgreSQL does not answer (connection): start it, correct ledger.url, " +
        "or set ledger.required to false"
    })
  })

  it("B4: waits out a lock, and loses nothing", async () => {
    await play((scene) =>
      Effect.gen(function*() {
        scene.journal.append(sales(100))
        yield* empty(scene)
        const locking = Effect.flatMap(PgClient.PgClient, (sql) =>
          sql.withTransaction(Effect.gen(function*() {
            yield* sql`LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE`
            scene.journal.append(sales(300, 100))
            yield* until(() =>
              scene.status().trouble === "timeout", "a lock timeout")
            expect(scene.status().pendingRows).toBe(300)
          })))
        yield* Effect.provideContext(locking, server.context)
        yield* empty(scene)
      })
    )
    expect(await count()).toBe(400)
  })

  const told = (...statements: ReadonlyArray<string>) =>
    server.run(Effect.flatMap(
      PgClient.PgClient,
      (sql) => Effect.forEach(statements, (each) => sql.unsafe(each))
    ))

  /** The next `times` statements on `transactions` fail with this SQLSTATE. */
  const failing = (state: string, times: number) =>
    told(
      "CREATE SEQUENCE tries",
      `CREATE FUNCTION fail_for_a_while() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF nextval('tries') <= ${times} THEN
           RAISE EXCEPTION 'for a while' USING ERRCODE = '${state}';
         END IF;
         RETURN NULL;
       END $$`,
      `CREATE TRIGGER for_a_while BEFORE INSERT ON transactions
       FOR EACH STATEMENT EXECUTE FUNCTION fail_for_a_while()`
    )

  const healed = () =>
    told(
      "DROP TRIGGER for_a_while ON transactions",
      "DROP FUNCTION fail_for_a_while",
      "DROP SEQUENCE tries"
    )

  for (
    const [fault, state] of [
      ["B5: a deadlock", "40P01"],
      ["B5: a serialisation error", "40001"],
      ["B8: a full disk", "53100"]
    ] as const
  ) {
    it(`${fault} is tried again until it passes, and each row is there once`, async () => {
      await failing(state, 6)
      try {
        await play((scene) =>
          Effect.gen(function*() {
            scene.journal.append(sales(500))
            yield* until(() => scene.status().retries > 2, "retries", 3000)
            expect(scene.status()).toMatchObject({ refusedRows: 0, conflicts: 0 })
            yield* empty(scene)
            expect(scene.status().trouble).toBeUndefined()
          })
        )
      } finally {
        await healed()
      }
      expect(await count()).toBe(500)
    })
  }

  it("B6 and B7: raises contradictions and bad rows, and stores the rest", async () => {
    await play((scene) =>
      Effect.gen(function*() {
        scene.journal.append(sales(500))
        yield* empty(scene)
        scene.journal.append([
          ...sales(250, 500),
          entry(sale(900, { amount: -5 })),
          entry(sale(901, { terminal: "1\u00002345678" as never })),
          entry(sale(3, { version: 9, fingerprint: "other" })),
          ...sales(250, 1000)
        ])
        yield* empty(scene)
        expect(scene.status()).toMatchObject({ refusedRows: 2, conflicts: 1 })
        const sql = yield* PgClient.PgClient
        const raised = yield* sql`SELECT id, reason FROM exceptions ORDER BY id`
        expect(raised).toEqual([
          { id: `transactions:${idOf(3)}:contradiction`, reason: "ledger-contradiction" },
          { id: `transactions:${idOf(900)}:refused`, reason: "ledger-refused" },
          { id: `transactions:${idOf(901)}:refused`, reason: "ledger-refused" }
        ])
      })
    )
    expect(await count()).toBe(1000)
  })

  it("B9: writes again what a fail-over lost", async () => {
    await play((scene) =>
      Effect.gen(function*() {
        scene.journal.append(sales(400))
        yield* empty(scene)
        const kept = Array.from({ length: 400 }, (_, n) => [idOf(n), sale(n)] as const)
        scene.journal.kept.set("transactions", kept)
        // The replica that takes over has half of the rows, and older marks.
        yield* Effect.promise(() =>
          server.run(Effect.gen(function*() {
            const sql = yield* PgClient.PgClient
            yield* sql`DELETE FROM transactions WHERE amount % 2 = 0`
            yield* sql`UPDATE watermarks SET sequence = sequence - 1`
          }))
        )
        proxy.cutAll()
        scene.journal.append(sales(1, 400))
        yield* empty(scene)
        expect(scene.status().rewinds).toBe(1)
      })
    )
    expect(await count()).toBe(401)
  })

  it("B10: makes a partition that is missing, and counts it", async () => {
    await play((scene) =>
      Effect.gen(function*() {
        const sql = yield* PgClient.PgClient
        const days = yield* sql`SELECT inhrelid::regclass::text AS part FROM pg_inherits
          WHERE inhparent = 'transactions'::regclass AND inhrelid::regclass::text >=
          'transactions_20260302' ORDER BY 1 LIMIT 8`
        expect(days.at(-1)).toEqual({ part: "transactions_20260309" })
        yield* sql`DROP TABLE transactions_20260305`
        scene.journal.append([entry(sale(1, { day: "2026-03-05" as never }))])
        yield* empty(scene)
        expect(scene.status().partitionsMissing).toBe(1)
      })
    )
    expect(await count()).toBe(1)
  })

  it("B12: reads a rotated password again", async () => {
    const before = passwordNow()
    const set = (password: string) =>
      server.run(
        Effect.flatMap(PgClient.PgClient, (sql) =>
          sql.unsafe(`ALTER ROLE pointsman PASSWORD '${password}'`))
      )
    await play((scene) =>
      Effect.gen(function*() {
        scene.journal.append(sales(100))
        yield* empty(scene)
        yield* Effect.promise(() => set("second"))
        proxy.cutAll()
        scene.journal.append(sales(100, 100))
        yield* until(() => scene.status().retries > 1, "a refused password")
        tell("second")
        yield* empty(scene)
      })
    )
    await set(before)
    expect(await count()).toBe(200)
  })

  it("B11: refuses a newer schema, and an older one that it may not migrate", async () => {
    const versions = (text: string) =>
      server.run(Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(text)))
    const newer = schemaVersion + 1
    await versions(`INSERT INTO schema_versions (migration_id, name) VALUES (${newer}, 'later')`)
    const refused = await play(() => Effect.void).catch((thrown: unknown) => thrown)
    expect(refused).toMatchObject({ _tag: "LedgerUnusable", reason: "schema-newer" })
    expect(String((refused as { advice: string }).advice)).toContain(`version ${newer}`)
    await versions(`DELETE FROM schema_versions WHERE migration_id = ${newer}`)

    await versions(`CREATE DATABASE empty`)
    const url = Redacted.make(readFileSync(secret, "utf8").trim().replace(/pointsman$/, "empty"))
    writeFileSync(secret, Redacted.value(url))
    const older = await play(() => Effect.void, external({ migrate: "refuse" }))
      .catch((thrown: unknown) => thrown)
    expect(older).toMatchObject({ _tag: "LedgerUnusable", reason: "schema-older" })
    await play(({ journal }) => Effect.sync(() => journal.append(sales(5))))
  })

  it("migrates for longer than a statement or a start may take", async () => {
    const at = (database: string) =>
      `${readFileSync(secret, "utf8").trim()}`
        .replace(/pointsman$/, database)
    await server.run(Effect.flatMap(PgClient.PgClient, (sql) => sql`CREATE DATABASE large`))
    writeFileSync(secret, at("large"))
    const slowly = Effect.flatMap(PgClient.PgClient, (sql) =>
      Effect.andThen(
        sql`CREATE FUNCTION slowly() RETURNS event_trigger LANGUAGE plpgsql
          AS $$ BEGIN PERFORM pg_sleep(7); END $$`,
        sql`CREATE EVENT TRIGGER slowly ON ddl_command_start WHEN TAG IN ('CREATE TRIGGER')
          EXECUTE FUNCTION slowly()`
      ))
    await Effect.runPromise(Effect.provide(slowly, externalDatabaseLayer(limits, { file: secret })))
    await play((scene) =>
      Effect.gen(function*() {
        expect(scene.status().ready).toBe(false)
        scene.journal.append(sales(5))
        yield* empty(scene)
      }), external({ required: false }))
  })
})
