/** The disk store against the real disk: what it keeps, and whom and what it refuses. */

import { Effect, Exit, Layer, Scope } from "effect"
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { JournalStore, type OpenLog } from "../../src/domain/ports/journal.ts"
import { diskStoreLayer, type DiskStoreOptions } from "../../src/journal/disk-store.ts"
import { GroupWriter } from "../../src/journal/group.ts"
import { logFileName } from "../../src/journal/log-file.ts"
import {
  openSettled,
  type SettledDatabase,
  SettledGroups,
  storeFileName
} from "../../src/journal/settled-groups.ts"
import { MachineRandom } from "../../src/listen/machine-time.ts"
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

const storeLayer = (options: Partial<DiskStoreOptions>) =>
  diskStoreLayer({ path: folder, maxBytes: 4 * mebibyte, ...options }).pipe(
    Layer.provide(MachineRandom)
  )

const storeOf = (options: Partial<DiskStoreOptions> = {}) =>
  Layer.effectDiscard(Effect.flatMap(JournalStore, (store) => store.open)).pipe(
    Layer.provide(storeLayer(options))
  )

async function open(options: Partial<DiskStoreOptions> = {}): Promise<OpenLog> {
  const scope = Effect.runSync(Scope.make())
  scopes.push(scope)
  return Effect.runPromise(
    JournalStore.pipe(
      Effect.flatMap((store) => store.open),
      Effect.provide(storeLayer(options)),
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
  new Promise<boolean>((resolve) => log.append([{ sequence, bytes }], removed, resolve))

function replayed(log: OpenLog): Array<number> {
  const found: Array<number> = []
  log.replay((sequence) => found.push(sequence))
  return found
}

describe("the disk store", () => {
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

  it("appends several in one step", async () => {
    const log = await open()
    const groups = [1, 2, 3].map((sequence) => ({ sequence, bytes: group(sequence) }))
    expect(await new Promise((resolve) => log.append(groups, [], resolve))).toBe(true)
    await close()
    expect(replayed(await open())).toEqual([1, 2, 3])
  })

  it("has its space before it needs it, and does not grow", async () => {
    const log = await open({ maxBytes: mebibyte })
    const file = join(folder, storeFileName)
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
    const file = join(folder, storeFileName)
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

  it("recovers from the log what has not settled, and settles it once", async () => {
    const log = await open()
    for (const sequence of [1, 2, 3]) await append(log, sequence, group(sequence))
    await append(log, 4, group(4), [1])
    // As a killed process leaves the folder.
    const left = join(folder, "left")
    mkdirSync(left)
    for (const name of [storeFileName, logFileName]) {
      copyFileSync(join(folder, name), join(left, name))
    }
    const again = await open({ path: left })
    expect(replayed(again)).toEqual([2, 3, 4])
    await append(again, 5, group(5))
    await close()
    expect(replayed(await open({ path: left }))).toEqual([2, 3, 4, 5])
  })

  it("reads what it was given, whatever becomes of those bytes and however long it goes on", async () => {
    const log = await open({ maxBytes: mebibyte })
    const sizes = [100, 5000, 12_000, 900]
    const sizeOf = (sequence: number) => sizes[sequence % sizes.length]!
    for (let sequence = 1; sequence <= 300; sequence++) {
      const bytes = group(sequence, sizeOf(sequence))
      const removed = sequence > 50 ? [sequence - 50] : []
      expect(await append(log, sequence, bytes, removed)).toBe(true)
      bytes.fill(0)
      for (let back = sequence; back > Math.max(0, sequence - 50); back -= 7) {
        expect(group(back, sizeOf(back)).equals(log.read(back)!)).toBe(true)
      }
    }
  })

  it("acknowledges what the log has no room for, and keeps the order", async () => {
    const log = await open({ maxBytes: mebibyte })
    expect(await append(log, 1, group(1))).toBe(true)
    expect(await append(log, 2, group(2, 400_000))).toBe(true)
    expect(await append(log, 3, group(3), [1])).toBe(true)
    await close()
    const again = await open({ maxBytes: mebibyte })
    expect(replayed(again)).toEqual([2, 3])
    expect(Buffer.from(again.read(2)!)).toEqual(group(2, 400_000))
  })

  it("P13, G10: opens a journal from before there was a log, and gives it one; none of later", async () => {
    const database = openSettled(join(folder, storeFileName), { mapSize: 8 * mebibyte })
    await database.batch(() => {
      void database.put(0, Buffer.from([1]))
      for (const sequence of [7, 8]) void database.put(sequence, group(sequence))
    })
    await database.close()
    // A log that an opening left which did not come to its end.
    writeFileSync(join(folder, logFileName), "half")
    const log = await open()
    expect(replayed(log)).toEqual([7, 8])
    await append(log, 9, group(9), [7])
    await close()
    expect(replayed(await open())).toEqual([8, 9])
    await close()
    const later = openSettled(join(folder, storeFileName), { mapSize: 8 * mebibyte })
    await later.put(0, Buffer.from([3]))
    await later.close()
    const refused = await refusal(storeOf())
    expect(refused.reason).toBe("newer-format")
    expect(refused.advice).toContain(folder)
  })

  it("D4: refuses a log that is not there, not whole, not its own, or newer", async () => {
    const file = join(folder, logFileName)
    await append(await open(), 1, group(1))
    await close()
    const whole = readFileSync(file)
    const refusedFor = async (bytes: Buffer | undefined) => {
      if (bytes === undefined) rmSync(file)
      else writeFileSync(file, bytes)
      return (await refusal(storeOf())).reason
    }
    const changed = (at: number) => {
      const bytes = Buffer.from(whole)
      bytes[at]! ^= 2
      return bytes
    }
    expect(await refusedFor(undefined)).toBe("half")
    expect(await refusedFor(whole.subarray(0, 10_000))).toBe("corrupt")
    expect(await refusedFor(changed(0))).toBe("corrupt")
    expect(await refusedFor(changed(8))).toBe("newer-format")
    expect(await refusedFor(changed(20))).toBe("corrupt")
    await open({ path: join(folder, "other") })
    await close()
    expect(await refusedFor(readFileSync(join(folder, "other", logFileName)))).toBe("foreign")
    writeFileSync(file, whole)
    expect(replayed(await open())).toEqual([1])
    await close()
    rmSync(join(folder, storeFileName))
    expect((await refusal(storeOf())).reason).toBe("half")
  })

  it("tells why a settlement failed, which LMDB says beside the failure", async () => {
    const why = new Error("No space left on device")
    const failed = Object.assign(new Error("Commit failed"), { commitError: Promise.reject(why) })
    const database = { batch: () => Promise.reject(failed) } as unknown as SettledDatabase
    const mark = { identity: Buffer.alloc(16), epoch: 1, settled: 0 }
    const groups = new SettledGroups(database)
    const told = await new Promise((resolve) => {
      groups.settle({ mark, groups: [], removed: [1, 1] }, resolve)
    })
    expect(told).toBe(why)
  })

  it("says what is wrong with a folder whose name is too long for a socket", async () => {
    const path = join(folder, "long".repeat(30))
    const refused = await refusal(storeOf({ path }))
    expect(refused.reason).toBe("long-name")
    expect(refused.advice).toContain(path)
  })

  it("D7: says where it cannot write", async () => {
    const path = join(folder, "file")
    writeFileSync(path, "")
    const refused = await refusal(storeOf({ path }))
    expect(refused.advice).toContain(path)
  })
})
