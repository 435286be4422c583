/**
 * The registry in PostgreSQL: filled by an import, changed by SQL and a reload, and known to a
 * switch that starts while PostgreSQL is away.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import type { ChildProcess } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { parseTerminals } from "../../src/config/terminals-file.ts"
import { terminalsText } from "../../src/config/terminals-text.ts"
import { visitorDatabaseLayer } from "../../src/ledger/ledger.ts"
import { machine } from "../ledger/machine.ts"
import { Caller, RunningSwitch } from "./running.ts"

const running = new RunningSwitch()
let child: ChildProcess

beforeAll(async () => {
  await running.prepare((yaml) => `${yaml}\nregistry: database\n`)
  running.start("acquirer", "--upstream", "acquirer", "--mood", "approve=1")
  child = running.start("start")
  await running.isReady()
  await running.hasLedger()
}, 60_000)
afterAll(() => running.stop(), 60_000)

const shipped = () => join(dirname(running.config), "terminals.csv")

const registered = async (): Promise<number> => {
  const health = await (await fetch(`http://${running.admin}/healthz`)).json() as {
    readonly terminals: number
  }
  return health.terminals
}

const signOn = async (terminal: string, merchant: string) => {
  const caller = await Caller.to(running, "ascii-terminals")
  const answer = await caller.signOn(terminal, merchant)
  caller.close()
  return answer.text("39")
}

/** What a sign-on hears, and then a sale. */
const sell = async (terminal: string, merchant: string) => {
  const caller = await Caller.to(running, "ascii-terminals")
  const signedOn = await caller.signOn(terminal, merchant)
  const sold = await caller.sell(terminal, merchant, "000002", 100)
  caller.close()
  return [signedOn.text("39"), sold.text("39")]
}

const sql = async (change: (sql: PgClient.PgClient) => Effect.Effect<unknown, unknown>) => {
  const { config } = await running.loaded()
  const database = visitorDatabaseLayer(config.ledger).pipe(Layer.provide(machine))
  await Effect.runPromise(
    Effect.flatMap(PgClient.PgClient, change).pipe(Effect.provide(database))
  )
}

it("writes what a terminals file reads", () => {
  const text = readFileSync(shipped(), "utf8")
    .concat(
      "ODD00001,M1,\"Tea, \"\"Green\"\"\",cup,mac,5411,tmk-demo,no,7,sale;void,chip,yes,X1,\n"
    )
  const read = parseTerminals("a.csv", text)
  if ("faults" in read) throw new Error(JSON.stringify(read.faults))
  expect(parseTerminals("b.csv", terminalsText(read))).toEqual(read)
})

it("begins empty, names every bad line of an import, and takes a good one", async () => {
  expect(await registered()).toBe(0)
  const bad = join(running.folder, "bad.csv")
  writeFileSync(bad, "terminal,merchant,window\nT1,M1,0\nT1,M2,4\n,M3,4\n")
  const refused = await running.verb("estate", "import", bad)
  expect(refused.exit).toBe(1)
  expect(refused.talk).toMatch(
    /bad\.csv:2.*window[\s\S]*bad\.csv:3.*line 2 already[\s\S]*bad\.csv:4/
  )
  expect((await running.verb("estate", "import", shipped())).exit).toBe(0)
  expect((await running.ask("reload")).exit).toBe(0)
  expect(await registered()).toBe((await running.verb("estate", "list")).out.split("\n").length - 2)
  expect(await signOn("T0000101", "M00000000000021")).toBe("00")
  const exported = (await running.verb("estate", "export")).out
  const [read, there] = [readFileSync(shipped(), "utf8"), exported].map((text) => {
    const profiles = parseTerminals("x", text)
    if ("faults" in profiles) throw new Error(JSON.stringify(profiles.faults))
    return profiles.toSorted((one, other) => one.terminal < other.terminal ? -1 : 1)
  })
  expect(there).toEqual(read)
}, 60_000)

it("follows what an analyst changes in the table, and refuses what cannot be", async () => {
  await sql((each) => each`UPDATE terminals SET blocked = true WHERE terminal = 'T0000101'`)
  expect((await running.ask("reload")).out).toContain("terminals.T0000101")
  expect(await sell("T0000101", "M00000000000021")).toEqual(["00", "58"])
  await sql((each) => each`UPDATE terminals SET kinds = '{wonder}' WHERE terminal = 'T0000102'`)
  const refused = await running.ask("reload")
  expect([refused.exit, refused.out + refused.talk]).toEqual([1, expect.stringContaining("wonder")])
  expect(await signOn("T0000102", "M00000000000021")).toBe("00")
  await sql((each) => each`UPDATE terminals SET kinds = '{sign-on}' WHERE terminal = 'T0000102'`)
  expect((await running.ask("reload")).exit).toBe(0)
}, 60_000)

it("is known to a switch that starts while PostgreSQL is away", async () => {
  const before = await registered()
  await running.end(child)
  writeFileSync(
    running.config,
    readFileSync(running.config, "utf8").replace(
      /^ {2}dataPath: .*$/m,
      "  url: { env: POINTSMAN_NOBODY }"
    )
  )
  process.env["POINTSMAN_NOBODY"] = "postgres://nobody@127.0.0.1:9/nothing"
  child = running.start("start")
  await running.isReady()
  delete process.env["POINTSMAN_NOBODY"]
  expect(await registered()).toBe(before)
  expect(await signOn("T0000103", "M00000000000021")).toBe("00")
  expect(await sell("T0000101", "M00000000000021")).toEqual(["00", "58"])
}, 60_000)
