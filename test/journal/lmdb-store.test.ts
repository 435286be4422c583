/** The LMDB store against the real disk: what it keeps, and whom and what it refuses. */

import { Effect, Exit, Layer, Scope } from "effect"
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { JournalStore, type OpenLog } from "../../src/domain/ports/journal.ts"
import { GroupWriter } from "../../src/journal/group.ts"
import { fileName, lmdbStoreLayer, type LmdbStoreOptions } from "../../src/journal/lmdb-store.ts"
import { refusal } from "./refusal.ts"

const mebibyte = 1024 * 1024

let folder: string
const scopes: Array<Scope.Closeable> = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-journal-"))
})

afterEach(async () => {
  for (const scope of scopes.splice(0)) await Effect.runPromise(Scope.close(scope, Exit.void))
  rmSync(folder, { recursive: true, force: true })
})

const storeOf = (options: Partial<LmdbStoreOptions> = {}) =>
  Layer.effectDiscard(Effect.flatMap(JournalStore, (store) => store.open)).pipe(
    Layer.provide(lmdbStoreLayer({ path: folder, maxBytes: 4 * mebibyte, ...options }))
  )

async function open(options: Partial<LmdbStoreOptions> = {}): Promise<OpenLog> {
  const scope = Effect.runSync(Scope.make())
  scopes.push(scope)
  return Effect.runPromise(
    JournalStore.pipe(
      Effect.flatMap((store) => store.open),
      Effect.provide(lmdbStoreLayer({ path: folder, maxBytes: 4 * mebibyte, ...options })),
      Scope.provide(scope)
    )
  )
}

async function close(): Promise<void> {
  await Effect.runPromise(Scope.close(scopes.pop()!, Exit.void))
}

function group(sequence: number, bytes = 100): Buffer {
  const writer = new GroupWriter(1024)
  writer.value(7, `key-${sequence}`, Buffer.alloc(bytes, sequence))
  return writer.finish({ sequence, wallMs: 1, watermark: 0, nextFeed: 1 })
}

const append = (log: OpenLog, sequence: number, bytes: Buffer, removed: Array<number> = []) =>
  new Promise<boolean>((resolve) => log.append(sequence, bytes, removed, resolve))

function replayed(log: OpenLog): Array<number> {
  const found: Array<number> = []
  log.replay((sequence) => found.push(sequence))
  return found
}

describe("the LMDB store", () => {
  it("keeps groups in order, and removes what it was told to, in one step", async () => {
    const log = await open()
    expect(await append(log, 1, group(1))).toBe(true)
    expect(await append(log, 2, group(2, 5000))).toBe(true)
    expect(await append(log, 3, group(3), [1])).toBe(true)
    expect(Buffer.from(log.read(2)!)).toEqual(group(2, 5000))
    expect(log.read(1)).toBeUndefined()
    await close()
    const again = await open()
    expect(replayed(again)).toEqual([2, 3])
    expect(Buffer.from(again.read(3)!)).toEqual(group(3))
    expect(again.usedBytes()).toBe(log.usedBytes())
  })

  it("acknowledges in order what is appended together", async () => {
    const log = await open()
    const told: Array<number> = []
    const all = Array.from(
      { length: 50 },
      (_, index) => append(log, index + 1, group(index + 1)).then(() => told.push(index))
    )
    await Promise.all(all)
    expect(told).toEqual(Array.from({ length: 50 }, (_, index) => index))
  })

  it("has its space before it needs it, and does not grow", async () => {
    const log = await open({ maxBytes: mebibyte })
    const file = join(folder, fileName)
    const { blocks, size } = statSync(file)
    expect(blocks * 512).toBeGreaterThanOrEqual(size - 4096)
    expect(size).toBeGreaterThan(mebibyte)
    for (let sequence = 1; sequence < 400; sequence++) {
      await append(log, sequence, group(sequence, 20_000), sequence > 40 ? [sequence - 40] : [])
    }
    expect(log.usedBytes()).toBeLessThan(mebibyte)
    expect(statSync(file).size).toBe(size)
  })

  it("refuses a second owner while the first lives, and no longer", async () => {
    await open()
    expect(await refusal(storeOf())).toMatchObject({ reason: "owned" })
    await close()
    await open()
  })

  it("takes over what a killed owner left", async () => {
    writeFileSync(join(folder, "owner.sock"), "")
    await open()
    expect(await refusal(storeOf())).toMatchObject({ reason: "owned" })
  })

  it("D6: refuses an absent journal where one must be", async () => {
    expect(await refusal(storeOf({ expectExisting: true }))).toMatchObject({ reason: "missing" })
    await open()
    await close()
    await open({ expectExisting: true })
  })

  it("D4: refuses a file that is not a journal, or is cut off", async () => {
    const file = join(folder, fileName)
    const log = await open()
    for (let sequence = 1; sequence < 20; sequence++) {
      await append(log, sequence, group(sequence, 20_000))
    }
    await close()
    const whole = readFileSync(file)
    truncateSync(file, 100_000)
    expect(await refusal(storeOf())).toMatchObject({ reason: "corrupt" })
    writeFileSync(file, Buffer.alloc(whole.length, 7))
    expect(await refusal(storeOf())).toMatchObject({ reason: "corrupt" })
  })

  it("D7: says where it cannot write", async () => {
    const path = join(folder, "file")
    writeFileSync(path, "")
    const refused = await refusal(storeOf({ path }))
    expect(refused.advice).toContain(path)
  })
})
