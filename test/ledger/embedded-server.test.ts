/** The embedded server's life: started, killed, adopted, refused with advice, never root's. */

import { PgClient } from "@effect/sql-pg"
import { Effect, Fiber, Layer } from "effect"
import { spawn } from "node:child_process"
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { dirname, join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { LedgerHealth } from "../../src/domain/ports/ledger.ts"
import { embeddedDatabaseLayer } from "../../src/ledger/database.ts"
import { EmbeddedServer } from "../../src/ledger/embedded-server.ts"
import { ledgerLayer, visitorDatabaseLayer } from "../../src/ledger/ledger.ts"
import { accountOf } from "../../src/ledger/server-account.ts"
import { lastLine, readPidFile } from "../../src/ledger/server-home.ts"
import { machine } from "./machine.ts"
import { MemoryJournal } from "./memory-journal.ts"
import { sales } from "./records.ts"
import {
  businessDay,
  type Database,
  ledgerConfig,
  limits,
  serverLayer,
  temporaryFolder,
  until
} from "./server.ts"

/** One cluster for all: making one is what takes time. */
const folder = temporaryFolder()
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = <A, E>(effect: Effect.Effect<A, E, Database>, port = 0, home = folder) =>
  Effect.runPromise(
    Effect.provide(
      effect,
      embeddedDatabaseLayer(limits).pipe(Layer.provideMerge(serverLayer(home, port)))
    )
  )

const isAlive = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") !== ""
  } catch {
    return false
  }
}

/** A switch in a process of its own. */
async function make() {
  const script = join(import.meta.dirname, "orphan-maker.ts")
  const child = spawn(process.execPath, [script, folder], { stdio: ["ignore", "pipe", "inherit"] })
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      // Its log goes the same way.
      const found = chunk.toString().split("\n").find((each) => each.startsWith("{"))
      if (found !== undefined) resolve(found)
    })
    child.once("exit", () => reject(new Error("the switch ended by itself")))
  })
  const exited = new Promise((resolve) => child.once("exit", resolve))
  const kill = async () => {
    child.kill("SIGKILL")
    await exited
  }
  return { ...JSON.parse(line) as { pid: number; port: number }, kill }
}

/** A switch that was killed, and the server that it left behind. */
async function orphan(): Promise<{ readonly pid: number; readonly port: number }> {
  const { kill, ...left } = await make()
  await kill()
  return left
}

const one = Effect.flatMap(PgClient.PgClient, (sql) => sql<{ one: number }>`SELECT 1 AS one`)

describe("the embedded server", () => {
  it("serves the database under a user that is not root, and ends with its scope", async () => {
    const pid = await run(Effect.gen(function*() {
      const server = yield* EmbeddedServer
      const sql = yield* PgClient.PgClient
      expect(yield* one).toEqual([{ one: 1 }])
      const settings = yield* sql`SELECT current_database() AS base, current_user AS name,
        current_setting('unix_socket_directories') AS sockets`
      expect(settings).toEqual([{
        base: "pointsman",
        name: "pointsman",
        sockets: join(folder, "cluster")
      }])
      const started = server.pid() ?? 0
      const uid = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${started}/status`, "utf8"))?.[1]
      expect(uid).not.toBe("0")
      expect(statSync(join(folder, "password")).mode & 0o077).toBe(0)
      // What a statement holds is not in the server's log, not even when it is refused.
      yield* Effect.flip(sql`SELECT ${"canary-4000"}::text::int4`)
      yield* sql`CREATE TEMPORARY TABLE canaries (a text, b int4 NOT NULL)`
      yield* Effect.flip(sql`INSERT INTO canaries (a) VALUES (${"canary-4002"})`)
      const log = readFileSync(join(folder, "server.log"), "utf8")
      expect(log).toContain("ready to accept connections")
      expect(log).not.toContain("canary")
      return started
    }))
    expect(isAlive(pid)).toBe(false)
  })

  it("does not outlive a switch that ends while it starts", async () => {
    const starting = Effect.runFork(Effect.scoped(Layer.build(serverLayer(folder))))
    const pidOf = () => readPidFile(join(folder, "cluster"))?.pid ?? 0
    for (let turn = 0; turn < 200_000 && !isAlive(pidOf()); turn++) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    const pid = pidOf()
    expect(isAlive(pid)).toBe(true)
    await Effect.runPromise(Fiber.interrupt(starting))
    expect(isAlive(pid)).toBe(false)
  })

  it("adopts the server of a killed switch, and ends it in its turn", async () => {
    const left = await orphan()
    expect(isAlive(left.pid)).toBe(true)
    await run(
      Effect.gen(function*() {
        const server = yield* EmbeddedServer
        expect(server.adopted()).toBe(true)
        expect(server.pid()).toBe(left.pid)
        expect(yield* one).toEqual([{ one: 1 }])
      }),
      0
    )
    expect(isAlive(left.pid)).toBe(false)
  })

  it("leaves the server of a switch that lives alone", async () => {
    const maker = await make()
    const error = await run(one).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ _tag: "LedgerUnusable", reason: "owned" })
    expect(isAlive(maker.pid)).toBe(true)
    await maker.kill()
    expect(await run(one)).toEqual([{ one: 1 }])
  })

  it("replaces an adopted server that dies", async () => {
    const left = await orphan()
    await run(
      Effect.gen(function*() {
        const server = yield* EmbeddedServer
        process.kill(left.pid, "SIGKILL")
        yield* until(() => server.restarts() === 1, "a restart")
        expect(server.adopted()).toBe(false)
        expect(yield* Effect.retry(one, { times: 100 })).toEqual([{ one: 1 }])
      }),
      left.port
    )
  })

  it("ends an orphan that listens on another port, and starts its own", async () => {
    const left = await orphan()
    const port = left.port === 65_535 ? left.port - 1 : left.port + 1
    await run(
      Effect.gen(function*() {
        const server = yield* EmbeddedServer
        expect(server.adopted()).toBe(false)
        expect(yield* one).toEqual([{ one: 1 }])
      }),
      port
    )
    expect(isAlive(left.pid)).toBe(false)
  })

  it("lets a visitor ask without ending it, and serves one alone", async () => {
    const visit = () =>
      Effect.runPromise(
        Effect.provide(one, visitorDatabaseLayer(ledgerConfig(folder)).pipe(Layer.provide(machine)))
      )
    await run(Effect.gen(function*() {
      const server = yield* EmbeddedServer
      const pid = server.pid()
      expect(yield* Effect.promise(visit)).toEqual([{ one: 1 }])
      expect(server.pid()).toBe(pid)
      expect(server.restarts()).toBe(0)
      expect(yield* one).toEqual([{ one: 1 }])
    }))
    expect(await visit()).toEqual([{ one: 1 }])
  })

  it("says which port is taken", async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
    const { port } = other.address() as AddressInfo
    const error = await run(one, port).catch((thrown: unknown) => thrown)
    await new Promise((resolve) => other.close(resolve))
    expect(error).toMatchObject({ _tag: "LedgerUnusable", reason: "port-taken" })
    expect((error as { advice: string }).advice).toContain(String(port))
  })

  it("says what is wrong with a folder that it cannot use", async () => {
    const file = join(folder, "file")
    writeFileSync(file, "")
    const error = await run(one, 0, join(file, "ledger")).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ _tag: "LedgerUnusable", reason: "folder" })
  })

  it("starts below a folder that only its owner may enter", async () => {
    const home = join(folder, "private", "ledger")
    mkdirSync(dirname(home))
    chmodSync(dirname(home), 0o700)
    expect(await run(one, 0, home)).toEqual([{ one: 1 }])
    // And again, by the owner that the folder has now.
    expect(await run(one, 0, home)).toEqual([{ one: 1 }])
  })

  it("B2: killed under writing, starts again and misses no row", async () => {
    const journal = new MemoryJournal()
    const ledger = ledgerLayer({
      config: ledgerConfig(folder),
      node: "n1",
      businessDay,
      drainMs: 10_000,
      durable: false
    })
    const found = await Effect.runPromise(
      Effect.gen(function*() {
        const sql = yield* PgClient.PgClient
        const health = yield* LedgerHealth
        for (let round = 0; round < 2; round++) {
          journal.append(sales(3000, round * 4000))
          yield* Effect.sleep(15)
          process.kill(serverPid(), "SIGKILL")
          journal.append(sales(1000, round * 4000 + 3000))
          yield* until(() => journal.pending === 0, "an empty feed", 3000)
        }
        expect(health.status().retries).toBeGreaterThan(0)
        expect(health.status().rewinds).toBe(0)
        return yield* sql`SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids
          FROM transactions`
      }).pipe(
        Effect.provide(ledger.pipe(Layer.provide(Layer.merge(journal.layer, machine))))
      )
    )
    expect(found).toEqual([{ n: 8000, ids: 8000 }])
  })
})

const serverPid = (): number =>
  Number(readFileSync(join(folder, "cluster", "postmaster.pid"), "utf8").split("\n")[0])

describe("the account of the server", () => {
  it("is the first known one of the system that is not root's", () => {
    const text = "root:x:0:0::/:\nnobody:x:65534:65533::/:\npostgres:x:101:104::/:\n"
    expect(accountOf(text)).toEqual({ uid: 101, gid: 104 })
    expect(accountOf("root:x:0:0::/:\nnobody:x:65534:65533::/:")).toEqual({
      uid: 65_534,
      gid: 65_533
    })
    expect(accountOf("root:x:0:0::/:\nbin:x:2:2::/:")).toBeUndefined()
  })

  it("is told the server's own reason", () => {
    const log = "LOG:  starting\n2026-03-02 10:00:00 UTC [7] FATAL:  could not map\nHINT:  more"
    expect(lastLine(log)).toBe("could not map")
  })
})
