/** Keys by handle: the table of open ciphers against a plain map, bounds, eviction and clearing. */

import fc from "fast-check"
import { createDecipheriv } from "node:crypto"
import { describe, expect, it } from "vitest"
import { limits } from "../../src/config/limits.ts"
import type { KeyHandle } from "../../src/domain/brand.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { isFault } from "../../src/security/security-fault.ts"
import { SlotTable } from "../../src/security/slot-table.ts"

const keyOf = (handle: number) => Buffer.alloc(16, `key ${handle} of the cache`)
const block = Buffer.from("0123456789ABCDEF", "hex")
const plain = (key: Uint8Array) => {
  const decipher = createDecipheriv("des-ede", key, null)
  decipher.setAutoPadding(false)
  return decipher.update(block).toString("hex")
}
const hex = (result: ReturnType<CipherCache["apply"]>) =>
  isFault(result) ? result.code : result.toString("hex")

describe("the table of slots", () => {
  it("is a map, whatever is added and deleted", () => {
    // Few low bits and a high one: names that meet at one hash, and names beyond 32 bits.
    const many = { minLength: 80, maxLength: 160 }
    const name = fc.oneof(fc.nat(60), fc.nat(20).map((n) => n * 2 ** 31), fc.nat(2 ** 40))
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.boolean()), many), (steps) => {
        const table = new SlotTable()
        const model = new Map<number, number>()
        for (const [step, [each, adds]] of steps.entries()) {
          if (!adds) {
            table.delete(each)
            model.delete(each)
          } else if (!model.has(each)) {
            table.add(each, step)
            model.set(each, step)
          }
          expect(table.size).toBe(model.size)
          for (const [known] of steps) expect(table.get(known)).toBe(model.get(known) ?? -1)
        }
      }),
      { numRuns: 60 }
    )
  })
})

describe("the cache", () => {
  it("gives what a cipher for each call gives, through evictions and drops", () => {
    const cache = new CipherCache({ maxKeys: 40, maxCiphers: 7 })
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(49), fc.nat(9)), { maxLength: 200 }), (steps) => {
        cache.clear()
        const known = new Set<number>()
        for (const [handle, what] of steps) {
          if (what === 0) {
            cache.drop(handle as KeyHandle)
            known.delete(handle)
          } else if (what < 4 && (known.has(handle) || known.size < 40)) {
            expect(cache.put(handle as KeyHandle, keyOf(handle))).toBe(true)
            known.add(handle)
          }
          const expected = known.has(handle) ? plain(keyOf(handle)) : "key-unknown"
          expect(hex(cache.apply(handle as KeyHandle, "tdesDecrypt", block))).toBe(expected)
          expect(cache.size().ciphers).toBeLessThanOrEqual(7)
        }
      })
    )
  })

  it("keeps what is used, and ends what was not used for a round", () => {
    const cache = new CipherCache({ maxKeys: 10, maxCiphers: 3 })
    const use = (handle: number) => cache.live(handle as KeyHandle, "tdesDecrypt")
    for (let handle = 1; handle <= 10; handle++) cache.put(handle as KeyHandle, keyOf(handle))
    const first = use(1)
    for (let handle = 2; handle <= 10; handle++) {
      use(handle)
      expect(use(1)).toBe(first)
    }
    expect(cache.size()).toEqual({ keys: 10, ciphers: 3 })
  })

  it("forgets a key that was replaced under its handle", () => {
    const cache = new CipherCache({ maxKeys: 1, maxCiphers: 1 })
    cache.put(1 as KeyHandle, keyOf(1))
    cache.apply(1 as KeyHandle, "tdesDecrypt", block)
    cache.put(1 as KeyHandle, keyOf(2))
    expect(hex(cache.apply(1 as KeyHandle, "tdesDecrypt", block))).toBe(plain(keyOf(2)))
    expect(cache.put(2 as KeyHandle, keyOf(2))).toBe(false)
  })
})

describe("a cache without limits of its own", () => {
  it("knows two MAC keys and two PIN keys of each terminal that a listener may hold", () => {
    const cache = new CipherCache()
    const key = new Uint8Array(8)
    let refused = 0
    for (let handle = 1; handle <= 4 * limits.maxSessions.most; handle++) {
      if (!cache.put(handle as KeyHandle, key)) refused++
    }
    expect(refused).toBe(0)
    expect(cache.put(0 as KeyHandle, key)).toBe(false)
  })
})
