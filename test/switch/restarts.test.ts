/** What a switch knows again after a restart, and what it refuses to forget. */

import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import type { ChildProcess } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { maskText } from "../../src/domain/pan.ts"
import { appendAudit, type AuditEntry, auditHash } from "../../src/ledger/audit-log.ts"
import { visitorDatabaseLayer } from "../../src/ledger/ledger.ts"
import { machine } from "../ledger/machine.ts"
import { Caller, eventually, RunningSwitch, saleOf } from "./running.ts"

const running = new RunningSwitch()
let child: ChildProcess

beforeAll(async () => {
  await running.prepare()
  running.start("acquirer", "--upstream", "acquirer", "--mood", "approve=1")
  child = running.start("start")
  await running.isReady()
  await running.hasLedger()
}, 60_000)
afterAll(() => running.stop(), 60_000)

const version = async (): Promise<number> => {
  const health = await (await fetch(`http://${running.admin}/healthz`)).json() as {
    readonly configVersion: number
  }
  return health.configVersion
}

const edit = (path: string, change: (text: string) => string) =>
  writeFileSync(path, change(readFileSync(path, "utf8")))

const queried = async <A>(
  query: (sql: PgClient.PgClient) => Effect.Effect<A, unknown, PgClient.PgClient>
): Promise<A> => {
  const { config } = await running.loaded()
  const database = visitorDatabaseLayer(config.ledger).pipe(Layer.provide(machine))
  return Effect.runPromise(
    Effect.flatMap(PgClient.PgClient, query).pipe(Effect.provide(database))
  )
}

const rows = async (table: string) => {
  const [row] = await queried((sql) =>
    sql<{ count: number }>`SELECT count(*)::int AS count FROM ${sql(table)}`
  )
  return row?.count ?? 0
}

const imports = () =>
  queried((sql) =>
    sql<{ outcome: string; detail: string }>`SELECT outcome, detail FROM audit_log
      WHERE action = 'estate.import' ORDER BY sequence`
  )

const reloads = () =>
  queried((sql) =>
    sql<{ origin: string; outcome: string; detail: string }>`SELECT origin, outcome, detail
      FROM audit_log WHERE action = 'reload' ORDER BY sequence`
  )

it("a configuration that changed has the next version, by reload or by restart", async () => {
  expect(await version()).toBe(1)
  edit(running.config, (yaml) => yaml.replace("name: unionpay-cards", "name: cards-of-unionpay"))
  expect((await running.ask("reload")).exit).toBe(0)
  expect(await version()).toBe(2)
  edit(running.config, (yaml) => yaml.replace("name: cards-of-unionpay", "name: unionpay-cards"))
  await running.end(child)
  child = running.start("start")
  await running.isReady()
  expect(await version()).toBe(3)
}, 60_000)

it("no two reloads make one version, and one by a signal is said and on record", async () => {
  const before = await version()
  const reported = await Promise.all([1, 2].map(async () => {
    const { out } = await running.ask("reload", "--format", "json")
    return (JSON.parse(out) as { readonly version: number }).version
  }))
  expect(reported.toSorted()).toEqual([before + 1, before + 2])
  edit(running.config, (yaml) => `${yaml}\nbogus: 1\n`)
  child.kill("SIGHUP")
  await eventually(() => running.log().includes("reload-refused"), "a line in the log")
  expect(running.log()).toContain("bogus: unknown key")
  edit(running.config, (yaml) => yaml.replace("\nbogus: 1\n", ""))
  await eventually(async () => (await reloads()).at(-1)?.origin === "SIGHUP", "an audit entry")
  expect((await reloads()).at(-1)).toMatchObject({
    outcome: "refused",
    detail: expect.stringContaining("bogus: unknown key")
  })
}, 60_000)

it("the estate is in PostgreSQL, and follows an import", async () => {
  const { terminals } = await running.loaded()
  await eventually(async () => await rows("terminals") === terminals.length, "all terminals")
  expect(await rows("merchants")).toBe(new Set(terminals.map(({ merchant }) => merchant)).size)
  const file = join(running.folder, "more.csv")
  const shipped = readFileSync(join(dirname(running.config), "terminals.csv"), "utf8")
  writeFileSync(
    file,
    `${shipped}\nNEW00001,M99,New shop,iso,sign-on,5411,,no,4,,,no,\n`
  )
  const bad = join(running.folder, "bad.csv")
  writeFileSync(bad, "terminal,merchant,window\nT1,M1,0\n,M3,4\n")
  expect((await running.verb("estate", "import", bad)).exit).toBe(1)
  expect((await running.verb("estate", "import", file)).exit).toBe(0)
  expect(await imports()).toEqual([
    { outcome: "refused", detail: "2 faults in bad.csv" },
    { outcome: "done", detail: `${terminals.length + 1} terminals from more.csv` }
  ])
  expect((await running.ask("reload")).out).toContain("terminals.NEW00001")
  await eventually(async () => await rows("terminals") === terminals.length + 1, "the new one")
}, 60_000)

it("a transaction is found by its merchant, as people write it", async () => {
  const caller = await Caller.to(running, "ascii-terminals")
  const merchant = "M99".padEnd(15)
  await caller.signOn("NEW00001", merchant)
  expect((await caller.sell("NEW00001", merchant, "000002", 100)).text("39")).toBe("00")
  caller.close()
  await eventually(async () => {
    const { out } = await running.ask("transactions", "--merchant", "M99", "--format", "json")
    return out.includes("NEW00001")
  }, "the sale is found")
}, 60_000)

it(
  "the head of the audit log is told as it is, also with a run of digits like a card",
  async () => {
    const [last] = await queried((sql) =>
      sql<{ sequence: number; hash: string }>`SELECT sequence::float8 AS sequence, hash
      FROM audit_log ORDER BY sequence DESC LIMIT 1`
    )
    const found = Array.from({ length: 10_000 }, (_, each): AuditEntry => ({
      atMs: 0,
      actor: "ann",
      origin: "test",
      action: "note",
      target: "",
      outcome: "done",
      detail: String(each)
    })).find((entry) => {
      const hash = auditHash(last!.sequence + 1, last!.hash, entry)
      return maskText(hash) !== hash
    })
    const { hash } = await queried(() => appendAudit(found!))
    expect((await running.verb("audit", "verify")).out).toContain(`head ${hash}\n`)
    const json = await running.verb("audit", "verify", "--format", "json")
    expect(JSON.parse(json.out)).toMatchObject({ lastHash: hash })
  },
  60_000
)

it("an export that breaks off is on record: what went before it is gone", async () => {
  await queried((sql) =>
    sql`INSERT INTO exceptions (id, reason, detail, raised_at, resolved_at)
      VALUES ('old', 'none', '', '2020-01-01', '2020-01-02')`
  )
  const broken = await running.verb("retain", "2026-01-01", "--folder", running.config, "--drop")
  expect(broken.exit).toBe(3)
  expect(await rows("exceptions")).toBe(1)
  const [last] = await queried((sql) =>
    sql<{ action: string; outcome: string }>`SELECT action, outcome FROM audit_log
      ORDER BY sequence DESC LIMIT 1`
  )
  expect(last).toEqual({ action: "retain.drop", outcome: "failed" })
}, 60_000)

it("a journal that is gone is not taken for a beginning (D6)", async () => {
  const caller = await Caller.to(running, "ascii-terminals")
  expect((await caller.signOn("T0000101", "M00000000000021")).text("39")).toBe("00")
  expect((await caller.sell("T0000101", "M00000000000021", "000002", 100)).text("39")).toBe("00")
  caller.close()
  await eventually(async () => await rows("watermarks") > 0, "a mark of this node")
  await running.end(child)
  rmSync(join(running.folder, "data", "journal"), { recursive: true })
  child = running.start("start")
  await new Promise((resolve) => child.once("close", resolve))
  expect(child.exitCode).toBe(3)
  expect(running.log()).toContain("PostgreSQL knows this node, and its journal is not there")
  child = running.start("start", "--journal-lost")
  await running.isReady()
  await running.hasLedger()
}, 60_000)

it("a sale of the journal that is lost is reversed when its terminal says so", async () => {
  const state = async () => {
    const [row] = await queried((sql) =>
      sql<{ state: string }>`SELECT state FROM transactions
        WHERE terminal = 'T0000101' AND stan = '000002' AND kind = 'sale'`
    )
    return row?.state
  }
  expect(await state()).toBe("answered")
  const caller = await Caller.to(running, "ascii-terminals")
  await caller.signOn("T0000101", "M00000000000021")
  const answer = await caller.ask("0420", {
    ...saleOf("T0000101", "M00000000000021", "000003", 100),
    "90.1": "0200",
    "90.2": "000002",
    "90.3": "1126120000",
    "90.4": "00000000000",
    "90.5": "00000000000"
  })
  expect(answer.text("39")).toBe("00")
  caller.close()
  await eventually(async () => await state() === "reversed", "its reversal")
}, 60_000)
