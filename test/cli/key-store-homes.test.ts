/** One contract over both homes of a key store: a file, and a PostgreSQL database. */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { PgClient } from "@effect/sql-pg"
import { Context, Effect } from "effect"
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { keyStoreHome, loadKeyStore } from "../../src/config/key-store-file.ts"
import type { SwitchConfig } from "../../src/domain/config.ts"
import { EmbeddedServer } from "../../src/ledger/embedded-server.ts"
import { database, superuser } from "../../src/ledger/server-home.ts"
import { openKeyStore, readMasterKey } from "../../src/security/key-store.ts"
import { isFault } from "../../src/security/security-fault.ts"
import { small } from "../config/settings.ts"
import { SharedServer } from "../ledger/server.ts"
import { pointsman, root } from "./process.ts"

const server = new SharedServer()
const folder = mkdtempSync(join(tmpdir(), "pointsman-homes-"))
const masterFile = join(root, "config", "test-master-key.hex")
const master = readMasterKey(readFileSync(masterFile, "utf8"))

beforeAll(async () => {
  await server.start()
  const { passwordFile, port } = Context.get(server.context, EmbeddedServer)
  const password = readFileSync(passwordFile() ?? "", "utf8").trim()
  const url = `postgresql://${superuser}:${password}@127.0.0.1:${port}/${database}`
  writeFileSync(join(folder, "url"), url)
  writeFileSync(join(folder, "terminals.csv"), "terminal,merchant\nT1,M1\n")
  copyFileSync(masterFile, join(folder, "m.hex"))
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

const common = {
  file: join(folder, "k.json"),
  auditFile: join(folder, "audit.jsonl"),
  masterKey: { file: masterFile },
  test: true,
  parity: "adjust",
  aesCheckValue: "cmac"
} as const satisfies SwitchConfig["keyStore"]
const homes: ReadonlyArray<readonly [string, SwitchConfig["keyStore"], string]> = [
  ["a file", common, "file: k.json"],
  ["PostgreSQL", { ...common, url: { file: join(folder, "url") } }, "url: { file: url }"]
]

const run = <A, E>(effect: Effect.Effect<A, E, never>) => Effect.runPromise(Effect.result(effect))
const homeOf = (keyStore: SwitchConfig["keyStore"]) =>
  Effect.runSync(keyStoreHome(keyStore).pipe(Effect.provide(NodeFileSystem.layer)))
const load = (keyStore: SwitchConfig["keyStore"]) =>
  run(loadKeyStore(keyStore).pipe(Effect.provide(NodeFileSystem.layer)))

describe.each(homes)("a key store in %s", (_, keyStore, yaml) => {
  const officers = ["--officers", "ada,ben"]
  const keys = (words: string, ...more: ReadonlyArray<string>) => {
    const file = join(folder, "a.yaml")
    const text = `keyStore: { ${yaml}, auditFile: audit.jsonl, masterKey: { file: m.hex } }\n`
    writeFileSync(file, `${small}${text}`)
    const all = ["keys", ...words.split(" "), ...more, "--config", file]
    return pointsman(all, "ada\nben\n")
  }

  it("is none before the first key, and says how to make one", async () => {
    const refused = await load(keyStore)
    expect(refused).toMatchObject({
      _tag: "Failure",
      failure: { advice: expect.stringContaining("keys generate") }
    })
  })

  it("answers all the verbs: generate, list, check, rotate, export", async () => {
    const made = await keys("generate tmk-a --kind terminal-master", ...officers)
    expect([made.exit, made.talk]).toEqual([0, expect.any(String)])
    expect((await keys("generate zone --kind block-protection", ...officers)).exit).toBe(0)
    const twice = await keys("generate tmk-a --kind terminal-master", ...officers)
    expect([twice.exit, twice.talk]).toEqual([1, expect.stringContaining("key-exists")])
    expect((await keys("rotate tmk-a --grace-hours 2", ...officers)).out).toMatch(/version +2/)
    expect((await keys("check tmk-a")).exit).toBe(0)
    const listed = JSON.parse((await keys("list --format json")).out) as ReadonlyArray<object>
    expect(listed).toMatchObject([
      { name: "tmk-a", version: 2, state: "current" },
      { name: "tmk-a", version: 1, state: "grace" },
      { name: "zone", version: 1, state: "current" }
    ])
    const exported = await keys("export tmk-a --under zone", ...officers)
    expect(exported.out).toMatch(/^[BD]\d{4}K0TB/)
  })

  it("is what a switch opens at its start, with graces to the millisecond", async () => {
    const opened = await load(keyStore)
    if (opened._tag === "Failure") throw opened.failure
    const [current, old] = opened.success.versions("tmk-a")
    expect([current?.version, current?.usableUntilMs]).toEqual([2, undefined])
    expect(old?.usableUntilMs).toBeGreaterThan(0)
    const document = await Effect.runPromise(homeOf(keyStore).read)
    expect(Buffer.from(document ?? "").toString()).toBe(opened.success.serialise())
  })

  it("refuses a change of a store that was changed meanwhile", async () => {
    const home = homeOf(keyStore)
    const read = await Effect.runPromise(home.read)
    const store = openKeyStore(read!, master as Uint8Array)
    if (isFault(store)) throw new Error(store.code)
    expect((await keys("generate other --kind mac", ...officers)).exit).toBe(0)
    expect(await run(home.write(read, store))).toMatchObject({
      _tag: "Failure",
      failure: { advice: expect.stringContaining("changed by somebody else") }
    })
    expect((await keys("list --format json")).out).toContain("other")
  })

  it("lets one of two changes at once win, and refuses the other", async () => {
    const home = homeOf(keyStore)
    const read = await Effect.runPromise(home.read)
    const store = openKeyStore(read!, master as Uint8Array)
    if (isFault(store)) throw new Error(store.code)
    const without = (name: string) => store.with(store.keys.filter((key) => key.name !== name))
    const both = [without("zone"), without("other")]
    const ends = await Promise.all(both.map((each) => run(home.write(read, each))))
    expect(ends.map(({ _tag }) => _tag).toSorted()).toEqual(["Failure", "Success"])
    const won = both[ends.findIndex(({ _tag }) => _tag === "Success")]!
    expect(Buffer.from((await Effect.runPromise(home.read))!).toString()).toBe(won.serialise())
    expect(await run(home.write(Buffer.from(won.serialise()), store)))
      .toMatchObject({ _tag: "Success" })
  })

  it("moves to another master key whole, and back", async () => {
    const old = readFileSync(masterFile, "utf8")
    writeFileSync(join(folder, "next.hex"), "5A".repeat(32))
    writeFileSync(join(folder, "old.hex"), old)
    const listed = async () =>
      (JSON.parse((await keys("list --format json")).out) as ReadonlyArray<{ name: string }>)
        .map(({ name }) => name)
    const before = await listed()
    for (const place of ["next.hex", "old.hex"]) {
      const to = `file:${join(folder, place)}`
      const { exit, talk } = await keys(`move --to ${to}`, ...officers)
      expect([exit, talk]).toEqual([0, expect.any(String)])
      expect((await keys("list")).exit).toBe(3)
      copyFileSync(join(folder, place), join(folder, "m.hex"))
    }
    const after = [...before, "former-master", "former-master"]
    expect(await listed()).toEqual(after.toSorted())
    copyFileSync(masterFile, join(folder, "m.hex"))
  })

  it("has every use in the audit log, which is where the configuration says", () => {
    const text = readFileSync(common.auditFile, "utf8")
    for (const word of ["generate", "rotate", "check", "list", "export", "key-exists"]) {
      expect(text).toContain(`"${word}"`)
    }
    expect(existsSync(join(folder, "k.json.audit.jsonl"))).toBe(false)
  })
})

it("in PostgreSQL holds blocks and check values, and no clear key", async () => {
  const rows = await server.run(Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    return yield* sql<Record<string, unknown>>`SELECT * FROM key_store_blocks`
  }))
  expect(rows.length).toBeGreaterThan(3)
  for (const row of rows) {
    expect(Object.keys(row).toSorted()).toEqual([
      "block",
      "check_value",
      "name",
      "usable_until",
      "version"
    ])
    expect(row["block"]).toMatch(/^D\d{4}[A-Z]\d/)
  }
  expect(JSON.stringify(rows)).not.toContain(readFileSync(masterFile, "utf8").trim())
})

it("in a database that is away names the reference, and neither host nor password", async () => {
  const file = join(folder, "away")
  writeFileSync(file, "postgresql://ada:SECRETWORD@127.0.0.1:1/none")
  const refused = await load({ ...common, url: { file } })
  if (refused._tag === "Success") throw new Error("it opened")
  const said = JSON.stringify(refused.failure)
  expect(said).toContain("does not answer")
  expect(said).not.toContain("SECRETWORD")
})
