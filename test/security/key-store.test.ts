/** The key store: what is in the demo's, and what does not open. */

import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import type { UnwrappedKey } from "../../src/security/key-block.ts"
import {
  emptyKeyStore,
  type KeyStore,
  listedKeys,
  openKeyStore,
  readMasterKey,
  seededWorkingKeys,
  type StoredKey
} from "../../src/security/key-store.ts"
import { fault, type SecurityFaultCode } from "../../src/security/security-fault.ts"
import { demoMaster, demoStore } from "./demo-store.ts"
import { randomFrom } from "./seeded-random.ts"

const bytes = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value))

describe("the demo's key store", () => {
  const store = demoStore()

  it("holds what the demo needs", () => {
    const names = store.keys.map((key) => key.name)
    expect(names).toEqual(expect.arrayContaining([
      "tmk-demo",
      "tmk-sample-40",
      "mak-65465423",
      "vault-data",
      "vault-digest"
    ]))
  })

  it("is written as it was read", () => {
    const again = openKeyStore(bytes(store.serialise()), demoMaster()) as KeyStore
    expect(again.keys).toEqual(store.keys)
    expect(again.serialise()).toBe(store.serialise())
  })

  it("seeds the working keys of terminals that have some from the start", () => {
    const seeded = seededWorkingKeys(store)
    expect([...seeded.keys()]).toContain("65465423")
    const block = Buffer.from(seeded.get("65465423")!.mac!).toString("latin1")
    const opened = store.unwrapBlock(block, 0) as { readonly key: Buffer }
    expect(opened.key.toString("hex").toUpperCase()).toBe("C1A4AE89BAEAB029")
  })

  it("gives a terminal the newest of the keys that are its own from the start", () => {
    const name = "mak-65465423"
    const { attributes } = store.unwrap(store.current(name)!) as UnwrappedKey
    const block = store.wrap(attributes, Buffer.alloc(8, 7), randomFrom(1)) as string
    const newer = { name, version: 2, block, checkValue: "" }
    const seeded = seededWorkingKeys(store.with([newer, ...store.keys]))
    expect(Buffer.from(seeded.get("65465423")!.mac!).toString("latin1")).toBe(block)
  })

  it("lists its keys without the master key", () => {
    expect(listedKeys(bytes(store.serialise()))).toEqual(store.keys)
    expect(listedKeys(bytes("no store"))).toBe(fault("store-format"))
  })

  it("shows no key when it is printed", () => {
    const master = Buffer.from(demoMaster()).toString("hex").toUpperCase()
    for (const text of [inspect(store, { depth: 9 }), JSON.stringify(store)]) {
      expect(text.toUpperCase()).not.toContain(master)
      expect(text).not.toContain("C1A4AE89BAEAB029")
    }
  })
})

describe("versions", () => {
  it("stand with the current one first, and come back from the document", () => {
    const [first] = demoStore().keys
    const key = (version: number, usableUntilMs?: number): StoredKey => ({
      ...first!,
      version,
      ...(usableUntilMs === undefined ? {} : { usableUntilMs })
    })
    const store = demoStore().with([key(1, 500), key(3), key(2, 1000)])
    expect(store.current(first!.name)?.version).toBe(3)
    expect(store.versions(first!.name).map(({ version }) => version)).toEqual([3, 2, 1])
    const again = openKeyStore(bytes(store.serialise()), demoMaster()) as KeyStore
    expect(again.keys).toEqual(store.keys)
  })
})

describe("a store that does not open", () => {
  const document = JSON.parse(demoStore().serialise()) as {
    keys: Array<Record<string, unknown>>
  }
  const changed = (change: (key: Record<string, unknown>) => void) => {
    const copy = structuredClone(document)
    change(copy.keys[0]!)
    return copy
  }
  const cases: ReadonlyArray<readonly [string, unknown, SecurityFaultCode]> = [
    ["is not JSON", "keys: [", "store-format"],
    ["is a list", [], "store-format"],
    ["has another format", { ...document, format: 2 }, "store-format"],
    ["has no keys", { ...document, keys: undefined }, "store-format"],
    ["has a version of 0", changed((key) => key["version"] = 0), "store-format"],
    ["has a time that is none", changed((key) => key["usableUntil"] = "soon"), "store-format"],
    ["has no block", changed((key) => delete key["block"]), "store-format"],
    ["has a name with a slash", changed((key) => key["name"] = "a/b"), "key-name"],
    [
      "has a check value of another key",
      changed((key) => key["checkValue"] = "0"),
      "check-value-wrong"
    ],
    ["has a key twice", { ...document, keys: [...document.keys, document.keys[0]] }, "key-exists"],
    [
      "has a forged block",
      changed((key) => key["block"] = forged(String(key["block"]))),
      "block-forged"
    ]
  ]
  it.each(cases)("%s", (_, value, code) => {
    expect(openKeyStore(bytes(value), demoMaster())).toBe(fault(code))
  })

  it("is under another master key", () => {
    const store = bytes(demoStore().serialise())
    expect(openKeyStore(store, Buffer.alloc(32, 1))).toBe(fault("store-master-key"))
    expect(openKeyStore(store, Buffer.alloc(31, 1))).toBe(fault("key-length"))
    expect(emptyKeyStore(Buffer.alloc(8))).toBe(fault("key-length"))
  })
})

describe("a master key in text", () => {
  it("is hex of an AES key's length", () => {
    expect(readMasterKey(`  ${"0f".repeat(32)}\n`)).toEqual(Buffer.alloc(32, 0x0f))
    for (const text of ["", "0f", "0f".repeat(20), "zz".repeat(32), "0f".repeat(31) + "0"]) {
      expect(readMasterKey(text)).toBe(fault("key-length"))
    }
  })
})

/** The same block with another mode of use in its header. */
function forged(block: string): string {
  return `${block.slice(0, 8)}N${block.slice(9)}`
}
