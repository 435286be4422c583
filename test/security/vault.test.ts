/** The vault: there and back, and nothing but undefined for bytes that were touched. */

import { Effect, Layer } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { VaultShape } from "../../src/domain/ports/vault.ts"
import { machineClock } from "../../src/listen/machine-time.ts"
import { fault, isFault } from "../../src/security/security-fault.ts"
import { makeVault, vaultFrom, vaultLayer } from "../../src/security/vault.ts"
import { demoStore } from "./demo-store.ts"
import { randomFrom } from "./seeded-random.ts"

const digest = Buffer.alloc(32, 9)

function vault(versions: ReadonlyArray<number>, seed = 1): VaultShape {
  const data = new Map(versions.map((version) => [version, Buffer.alloc(32, version)]))
  const made = makeVault({ data, digest }, randomFrom(seed))
  if (isFault(made)) throw new Error(made.code)
  return made
}

describe("the vault", () => {
  it("opens what it sealed, in any order and of any length", () => {
    const one = vault([1])
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 }), (clears) => {
        const sealed = clears.map((clear) => one.seal(clear))
        for (let index = clears.length - 1; index >= 0; index--) {
          const clear = Buffer.from(clears[index]!)
          expect(Buffer.from(one.open(sealed[index]!)!)).toEqual(clear)
        }
      }),
      { numRuns: 50 }
    )
  })

  it("opens after a restart what was sealed before it", () => {
    const before = vault([1], 1)
    before.seal(Buffer.alloc(37))
    const sealed = before.seal(Buffer.from("4012345678909"))
    const after = vault([1], 2)
    expect(after.open(sealed)).toEqual(Buffer.from("4012345678909"))
    expect(after.seal(Buffer.alloc(16)).subarray(3, 19)).not.toEqual(sealed.subarray(3, 19))
  })

  it("never seals two records the same way", () => {
    const one = vault([1])
    const clear = Buffer.alloc(32)
    const texts = Array.from(
      { length: 100 },
      () => Buffer.from(one.seal(clear).subarray(25, 57)).toString("hex")
    )
    expect(new Set(texts).size).toBe(100)
  })

  it("never uses a byte of the stream twice, whatever lengths follow each other", () => {
    const one = vault([1])
    let end = 0
    for (let round = 0; round < 400; round++) {
      const length = round % 50 === 7 ? 20_000 : (round * 37) % 700
      const clear = Buffer.alloc(length, round)
      const sealed = Buffer.from(one.seal(clear))
      const start = sealed.readUIntBE(19, 6)
      expect(start).toBeGreaterThanOrEqual(end)
      end = start + length
      expect(Buffer.compare(one.open(sealed)!, clear)).toBe(0)
    }
  })

  it("seals under the newest key version and opens older ones while their key is there", () => {
    const old = vault([1]).seal(Buffer.from("x"))
    const both = vault([1, 2], 3)
    expect(both.open(old)).toEqual(Buffer.from("x"))
    expect(Buffer.from(both.seal(Buffer.from("x"))).readUInt16BE(1)).toBe(2)
    expect(vault([2], 4).open(old)).toBeUndefined()
  })

  it("opens nothing that was touched, cut or lengthened", () => {
    const one = vault([1])
    const sealed = Buffer.from(one.seal(Buffer.from("4012345678909")))
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const wrong = Buffer.from(sealed)
      wrong[bit >> 3]! ^= 1 << (bit & 7)
      expect(one.open(wrong)).toBeUndefined()
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(one.open(sealed.subarray(0, length))).toBeUndefined()
    }
    expect(one.open(Buffer.concat([sealed, Buffer.alloc(1)]))).toBeUndefined()
  })

  it("shows nothing of the clear text", () => {
    const sealed = Buffer.from(vault([1]).seal(Buffer.from("4012345678909")))
    expect(sealed.includes("4012345678909")).toBe(false)
  })

  it("digests with its key: equal for equal texts, 32 hex characters", () => {
    expect(vault([1]).digest("4012345678909")).toBe(vault([1, 2], 7).digest("4012345678909"))
    expect(vault([1]).digest("4012345678909")).toMatch(/^[0-9a-f]{32}$/)
    expect(vault([1]).digest("4012345678909")).not.toBe(vault([1]).digest("4012345678908"))
    const other = makeVault(
      { data: new Map([[1, Buffer.alloc(32)]]), digest: Buffer.alloc(32) },
      randomFrom(1)
    )
    expect((other as VaultShape).digest("a")).not.toBe(vault([1]).digest("a"))
  })

  it("stands over the demo's key store", () => {
    const made = vaultFrom(demoStore(), randomFrom(1)) as VaultShape
    expect(made.open(made.seal(Buffer.from("x")))).toEqual(Buffer.from("x"))
  })

  it("names the key that a start lacks, in words", async () => {
    const store = demoStore()
    const lacking = store.with(store.keys.filter(({ name }) => name !== "vault-digest"))
    const built = Layer.build(vaultLayer(lacking)).pipe(Effect.scoped, Effect.provide(machineClock))
    const { message } = await Effect.runPromise(Effect.flip(built))
    expect(message).toBe(
      "vault-digest: no key stands behind this name or handle (key-unknown)"
    )
  })

  it("is refused without its keys, or with keys for something else", () => {
    const store = demoStore()
    const without = (name: string) => store.with(store.keys.filter((key) => key.name !== name))
    expect(vaultFrom(without("vault-data"), randomFrom(1))).toBe(fault("key-unknown"))
    expect(vaultFrom(without("vault-digest"), randomFrom(1))).toBe(fault("key-unknown"))
    const tmk = { ...store.current("tmk-demo")!, name: "vault-data" }
    expect(
      vaultFrom(without("vault-data").with([...without("vault-data").keys, tmk]), randomFrom(1))
    )
      .toBe(fault("key-usage"))
    expect(makeVault({ data: new Map([[1, Buffer.alloc(16)]]), digest }, randomFrom(1)))
      .toBe(fault("key-length"))
  })
})
