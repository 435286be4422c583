/** A thread is given each key once, holds a bounded number, and none that stays in its module. */

import { describe, expect, it } from "vitest"
import { KeyLessons, KnownKeys } from "../../src/codec/known-keys.ts"
import type { KeyHandle } from "../../src/domain/brand.ts"
import type { MacAlgorithm } from "../../src/domain/ports/security-module.ts"
import { testModule } from "./keys.ts"

const cmac = { name: "aes-cmac" } as const

function parts() {
  const keys = Array.from({ length: 6 }, (_, index) => Buffer.alloc(16, index))
  return { keys, module: testModule(keys, new Set([6])) }
}

function shelf(max: number) {
  const { module } = parts()
  const said: Array<string> = []
  const known = new KnownKeys(module, {
    put: (handle) => said.push(`put ${handle}`),
    drop: (handle) => said.push(`drop ${handle}`)
  }, max)
  return { known, said }
}

describe("known keys", () => {
  it("are given once, and the oldest goes when there are too many", () => {
    const { known, said } = shelf(2)
    const shared = [1, 2, 1, 3, 2, 1].map((handle) => known.share(handle as KeyHandle, cmac))
    expect(shared).toEqual([true, true, true, true, true, true])
    expect(said).toEqual(["put 1", "put 2", "put 3", "drop 1", "put 1", "drop 2"])
  })

  it("go when the module forgets them, and what was never given is nobody's loss", () => {
    const { known, said } = shelf(2)
    known.share(1 as KeyHandle, cmac)
    for (const handle of [2, 1, 1]) known.forget(handle as KeyHandle)
    known.share(1 as KeyHandle, cmac)
    expect(said).toEqual(["put 1", "drop 1", "put 1"])
  })

  it("are none that the module keeps, and none that it does not know", () => {
    const { known, said } = shelf(2)
    expect([known.share(6 as KeyHandle, cmac), known.share(9 as KeyHandle, cmac)]).toEqual([
      false,
      false
    ])
    expect(said).toEqual([])
  })

  it("are asked for again for another algorithm, which their block may forbid", () => {
    const { module } = parts()
    const given = module.exportToWorker
    const strict = {
      ...module,
      exportToWorker: (handle: KeyHandle, algorithm: MacAlgorithm) =>
        algorithm.name === "aes-cmac" ? given(handle, algorithm) : undefined
    }
    const known = new KnownKeys(strict, { put: () => {}, drop: () => {} }, 2)
    const asked = (algorithm: MacAlgorithm) => known.share(1 as KeyHandle, algorithm)
    expect([asked(cmac), asked({ name: "x9.19" }), asked(cmac)]).toEqual([true, false, true])
    expect(module.exports).toEqual([1])
  })

  it("leave no second copy behind when they are asked for again (I6)", () => {
    const { module } = parts()
    const known = new KnownKeys(module, { put: () => {}, drop: () => {} }, 2)
    for (const name of ["aes-cmac", "x9.19"] as const) known.share(2 as KeyHandle, { name })
    const [given, spare] = module.copies.map((key) => new Set(key))
    expect([given, spare]).toEqual([new Set([1]), new Set([0])])
  })

  it("that go and come back within one batch are kept", () => {
    const { module } = parts()
    const lessons = new KeyLessons()
    const known = new KnownKeys(module, lessons, 2)
    for (const handle of [1, 2]) known.share(handle as KeyHandle, cmac)
    const first = lessons.take()
    expect(first.keys.map(({ handle }) => handle)).toEqual([1, 2])
    // 3 sends 1 away, 1 comes back and sends 2 away.
    for (const handle of [3, 1]) known.share(handle as KeyHandle, cmac)
    const second = lessons.take()
    expect(second.keys.map(({ handle }) => handle)).toEqual([3])
    expect(second.drops).toEqual([2])
    // The copy of 1 that was not needed is overwritten; it is asked for again each time.
    const zeros = (index: number) => module.copies[index]?.every((byte) => byte === 0)
    expect([module.exports[3], zeros(1), zeros(3)]).toEqual([1, false, true])
  })
})
