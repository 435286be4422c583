/** A key store under another master key: what rested under the former one is opened still. */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, FileSystem } from "effect"
import { systemError } from "effect/PlatformError"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { keyFile } from "../../src/config/key-store-home.ts"
import { aesCheckValue } from "../../src/security/key-check.ts"
import {
  generateKey,
  type KeyChange,
  type KeyCommandContext,
  listKeys,
  moveStore,
  rotateKey
} from "../../src/security/key-commands.ts"
import { type KeyStore, openKeyStore } from "../../src/security/key-store.ts"
import { fault, isFault } from "../../src/security/security-fault.ts"
import { SoftwareKeys } from "../../src/security/software-module.ts"
import { vaultFrom } from "../../src/security/vault.ts"
import { demoMaster, demoStore } from "./demo-store.ts"
import { randomFrom } from "./seeded-random.ts"

const next = Buffer.alloc(32, 0x4e)
const last = Buffer.alloc(32, 0x4c)
const graceMs = 500

const context = (wallMs = 1000, officers = ["ann", "bo"]): KeyCommandContext => ({
  officers,
  wallMs,
  random: randomFrom(wallMs)
})

function moved(store: KeyStore, master: Buffer, wallMs = 1000): KeyStore {
  const { result } = moveStore(store, master, graceMs, context(wallMs))
  if (isFault(result)) throw new Error(result.code)
  return result.store
}

const written = (store: KeyStore) => Buffer.from(store.serialise())
const ours = ({ keys }: KeyStore) =>
  keys.filter(({ name }) => name !== "former-master")
    .map(({ checkValue, name, usableUntilMs, version }) => [
      name,
      version,
      checkValue,
      usableUntilMs
    ])
const formers = (store: KeyStore) => store.versions("former-master").map(({ version }) => version)

const keysOf = (store: KeyStore, wallMs = () => 1000) =>
  new SoftwareKeys({ store, testEnvironment: true }, randomFrom(3), wallMs)

describe("a store that moved to another master key", () => {
  const before = demoStore()
  const after = openKeyStore(written(moved(before, next)), next) as KeyStore

  it("has the same keys for the same uses, and opens under the new one only", () => {
    expect(ours(after)).toEqual(ours(before))
    for (const key of before.keys) {
      const [old, made] = [before.unwrap(key), after.versions(key.name)]
      const same = made.find(({ version }) => version === key.version)!
      const { attributes, key: clear } = after.unwrap(same) as Exclude<typeof old, { code: string }>
      expect(old).toMatchObject({ attributes })
      expect(isFault(old) ? undefined : old.key).toEqual(clear)
    }
    expect(openKeyStore(written(after), demoMaster())).toBe(fault("store-master-key"))
    expect(after.serialise()).not.toContain(Buffer.from(demoMaster()).toString("hex").toUpperCase())
  })

  it("opens what the vault sealed and the working keys that terminals were given before", () => {
    const sealed = (vaultFrom(before, randomFrom(1)) as { seal: (clear: Uint8Array) => Uint8Array })
      .seal(Buffer.from("4012345678909"))
    const vault = vaultFrom(after, randomFrom(2))
    expect(isFault(vault) ? undefined : vault.open(sealed)).toEqual(Buffer.from("4012345678909"))
    const issued = keysOf(before).issue("tmk-demo", "cup-84")
    if (isFault(issued)) throw new Error(issued.code)
    const twice = openKeyStore(written(moved(after, last)), last) as KeyStore
    for (const store of [after, twice]) {
      const keys = keysOf(store)
      expect(keys.install(issued.blocks.mac!, "mac")).toBeTypeOf("number")
      // It is read, and still for its own use only.
      expect(keys.install(issued.blocks.mac!, "pin")).toBe(fault("key-usage"))
      const forged = Uint8Array.from(issued.blocks.mac!)
      forged[forged.length - 1]! ^= 1
      expect(isFault(keys.install(forged, "mac"))).toBe(true)
    }
    // What is made from now on stands under the new key.
    const fresh = keysOf(after).issue("tmk-demo", "cup-84")
    const block = isFault(fresh) ? "" : Buffer.from(fresh.blocks.mac!).toString("latin1")
    expect(before.unwrapBlock(block, 1000)).toBe(fault("block-forged"))
    expect(isFault(after.unwrapBlock(block, 1000))).toBe(false)
  })

  it("opens nothing more under the former one when its grace is over, and keeps what is open", () => {
    const issued = keysOf(before).issue("tmk-demo", "cup-84")
    if (isFault(issued)) throw new Error(issued.code)
    let wallMs = 1000 + graceMs - 1
    const keys = keysOf(after, () => wallMs)
    const mac = keys.install(issued.blocks.mac!, "mac")
    expect(mac).toBeTypeOf("number")
    wallMs++
    expect(keys.install(issued.blocks.pin!, "pin")).toBe(fault("block-expired"))
    expect(keys.install(issued.blocks.mac!, "mac")).toBe(mac)
    const forged = Uint8Array.from(issued.blocks.pin!)
    forged[forged.length - 1]! ^= 1
    expect(keys.install(forged, "pin")).toBe(fault("block-forged"))
    // Of several former keys each has a grace of its own.
    const twice = openKeyStore(written(moved(after, last, 1200)), last) as KeyStore
    expect(isFault(keysOf(twice).install(issued.blocks.pin!, "pin"))).toBe(false)
    expect(keysOf(twice, () => wallMs).install(issued.blocks.pin!, "pin"))
      .toBe(fault("block-expired"))
  })

  it("forgets the former one with the first change after its grace", () => {
    expect(formers(after)).toEqual([1])
    const changed = (store: KeyStore, wallMs: number) =>
      (rotateKey(store, "tmk-demo", 0, context(wallMs)).result as KeyChange).store
    expect(formers(changed(after, 1000 + graceMs - 1))).toEqual([1])
    expect(formers(changed(after, 1000 + graceMs))).toEqual([])
    expect(formers(moved(after, last, 1200))).toEqual([2, 1])
    expect(formers(moved(after, last, 1600))).toEqual([2])
    const states = (wallMs: number) => {
      const { result } = listKeys(after, context(wallMs))
      return isFault(result) ? [] : result.filter(({ name }) => name === "former-master")
    }
    expect(states(1100)).toMatchObject([{ state: "grace", usage: "K1", exportability: "N" }])
    expect(states(1600)).toMatchObject([{ state: "expired" }])
  })

  it("keeps the former one's name to itself", () => {
    expect(generateKey(before, "former-master", "block-protection", context()).result)
      .toBe(fault("key-name"))
    expect(rotateKey(after, "former-master", 0, context()).result).toBe(fault("key-usage"))
  })
})

describe("a move", () => {
  it("is in the audit log with both check values, and nothing of a key", () => {
    const { audit } = moveStore(demoStore(), next, graceMs, context())
    expect(audit).toEqual({
      action: "move",
      atMs: 1000,
      officers: ["ann", "bo"],
      key: "former-master",
      version: 1,
      checkValue: aesCheckValue(demoMaster()),
      under: aesCheckValue(next),
      outcome: "done"
    })
  })

  it("is refused to one officer, to the same key, and to one that is not AES-256", () => {
    const store = demoStore()
    const refusal = (master: Uint8Array, officers?: Array<string>) =>
      moveStore(store, master, graceMs, context(1000, officers)).audit.outcome
    expect(refusal(next, ["ann"])).toBe("dual-control")
    expect(refusal(demoMaster())).toBe("store-master-same")
    expect(refusal(next.subarray(16))).toBe("key-length")
  })
})

describe("a move that ends half way", () => {
  const folder = mkdtempSync(join(tmpdir(), "pointsman-move-"))
  afterAll(() => rmSync(folder, { recursive: true }))

  /** The machine's files, of which one step fails before it is done. */
  const failing = (files: FileSystem.FileSystem, step: string): FileSystem.FileSystem => {
    const fails = Effect.fail(
      systemError({ _tag: "Unknown", module: "FileSystem", method: step })
    )
    return {
      ...files,
      open: (path, options) =>
        step === "open" && path.endsWith(".new") ? fails : files.open(path, options).pipe(
          Effect.map((file) =>
            new Proxy(file, {
              get: (of, name) => {
                if (name === "writeAll" && step === "writeAll") return () => fails
                if (name === "sync" && (step === "sync" || step === "folder")) {
                  return step === "sync" || path === folder ? fails : of.sync
                }
                return Reflect.get(of, name, of) as unknown
              }
            })
          )
        ),
      rename: (from, to) => step === "rename" ? fails : files.rename(from, to)
    }
  }

  it.each([
    ["open", "old"],
    ["writeAll", "old"],
    ["sync", "old"],
    ["rename", "old"],
    ["folder", "new"],
    ["nowhere", "new"]
  ])("at %s leaves a store that opens under the %s key", async (step, under) => {
    const file = join(folder, "k.json")
    const store = demoStore()
    await Effect.runPromise(
      Effect.gen(function*() {
        const files = yield* FileSystem.FileSystem
        yield* files.writeFile(file, written(store))
        const home = keyFile(file, failing(files, step))
        yield* Effect.ignore(home.write(written(store), moved(store, next)))
      }).pipe(Effect.provide(NodeFileSystem.layer))
    )
    const bytes = readFileSync(file)
    const opens = (master: Uint8Array) => !isFault(openKeyStore(bytes, master))
    expect([opens(demoMaster()), opens(next)]).toEqual([under === "old", under === "new"])
    expect(existsSync(`${file}.new`)).toBe(false)
  })
})
