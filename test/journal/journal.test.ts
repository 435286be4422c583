/** The journal over a disk in memory: what it promises to those who commit, read and recover. */

import { Effect, Layer, Logger } from "effect"
import { describe, expect, it } from "vitest"
import type { Journal as JournalService } from "../../src/domain/ports/journal.ts"
import { Journal, JournalStore, type OpenLog } from "../../src/domain/ports/journal.ts"
import { GroupWriter } from "../../src/journal/group.ts"
import { journalLayer, type JournalOptions } from "../../src/journal/journal.ts"
import { MemoryDisk, memoryStoreLayer } from "../../src/journal/memory-store.ts"
import { tableNames } from "../../src/journal/rows.ts"
import { built } from "../actor/built.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { answered, idOf, transaction } from "./records.ts"
import { refusal } from "./refusal.ts"

type Shape = JournalService["Service"]

const strict = { mode: "strict", unsafe: false, onFailed: () => {} } as const
const mebibyte = 1024 * 1024

function opened(
  disk = new MemoryDisk(64 * mebibyte),
  options: JournalOptions = strict,
  time = new ManualTime()
) {
  const layer = journalLayer(options).pipe(
    Layer.provide(memoryStoreLayer(disk)),
    Layer.provide(time.layer),
    Layer.provide(Logger.layer([]))
  )
  // A journal that does not open fails the test.
  const scope = built(Layer.orDie(layer))
  return { journal: scope.get(Journal), time, disk, scope }
}

/** As after a power cut: what was not synced is gone, and a new process opens the disk. */
function reopened(disk: MemoryDisk, kept = 0): Shape {
  disk.powerCut(kept)
  return opened(disk).journal
}

const put = (number: number) =>
  ({ table: "transactions", key: idOf(number), value: transaction(number) }) as const
const row = (number: number) => ({ table: "transactions", row: transaction(number) }) as const

describe("commits", () => {
  it("are read at once and acknowledged in order, after the sync", () => {
    const { disk, journal, time } = opened()
    const told: Array<number> = []
    journal.commit([put(1)], [], () => told.push(1))
    journal.commit([put(2)], [], () => told.push(2))
    expect(journal.get("transactions", idOf(2))).toEqual(transaction(2))
    time.endTurn()
    expect(disk.unsynced).toBe(1)
    expect(told).toEqual([])
    time.settle()
    expect(told).toEqual([1, 2])
    expect(disk.groups.size).toBe(1)
  })

  it("are read back also when what goes cold for them is an earlier turn of their own", () => {
    const { journal, time } = opened()
    // Kept at turns 0 and 100 of 512: cold from turn 512 on, and due again at turn 612.
    for (let turn = 0; turn < 612; turn++) {
      journal.commit([put(turn === 100 ? 0 : turn)], [], () => {})
      time.settle()
    }
    expect(journal.get("transactions", idOf(0))).toEqual(transaction(0))
  })

  it("that were not synced are gone after a power cut, those acknowledged are there", () => {
    const { disk, journal, time } = opened()
    journal.commit([put(1)], [row(1)], () => {})
    time.settle()
    journal.commit([put(2)], [], () => {})
    time.endTurn()
    const again = reopened(disk)
    expect([...again.entries("transactions")]).toEqual([[idOf(1), transaction(1)]])
    expect(again.feedAfter(0, 10)).toEqual([{ sequence: 1, entry: row(1) }])
  })

  it("share one sync while the disk is busy", () => {
    const { disk, journal, time } = opened()
    let told = 0
    for (let turn = 0; turn < 50; turn++) {
      journal.commit([put(turn)], [], () => told++)
      if (turn === 0) time.endTurn()
    }
    time.settle()
    expect(told).toBe(50)
    expect(disk.groups.size).toBe(2)
  })

  it("of one turn make several groups when they are too much for one, told in order", () => {
    const { disk, journal, time } = opened()
    const told: Array<number> = []
    for (let count = 0; count < 3000; count++) {
      journal.commit([put(count)], [], () => told.push(count))
    }
    time.settle()
    expect(told).toEqual(Array.from({ length: 3000 }, (_, count) => count))
    expect(disk.groups.size).toBeGreaterThan(2)
    expect([...reopened(disk).entries("transactions")]).toHaveLength(3000)
  })

  it("leave the bytes that they hand over as they are until these are on disk", () => {
    const time = new ManualTime()
    const changed: Array<boolean> = []
    const log: OpenLog = {
      maxBytes: mebibyte,
      replay: () => {},
      read: () => undefined,
      usedBytes: () => 0,
      append: (groups, _, done) => {
        const before = groups.map(({ bytes }) => Uint8Array.from(bytes))
        const written = () => {
          changed.push(groups.some(({ bytes }, at) => !Buffer.from(before[at]!).equals(bytes)))
          done(true)
        }
        // The disk takes its time, and more is committed meanwhile.
        time.shape.defer(() => time.shape.defer(written))
      }
    }
    const store = Layer.succeed(JournalStore, JournalStore.of({ open: Effect.succeed(log) }))
    const journal = built(Layer.orDie(
      journalLayer(strict).pipe(
        Layer.provide(store),
        Layer.provide(time.layer),
        Layer.provide(Logger.layer([]))
      )
    )).get(Journal)
    for (let turn = 0; turn < 60; turn++) {
      journal.commit([put(turn)], [], () => {})
      time.endTurn()
    }
    time.settle()
    expect(changed.length).toBeGreaterThan(10)
    expect(changed).not.toContain(true)
  })

  it("write a row once that goes to its table and to the feed", () => {
    const bytes = (twice: boolean) => {
      const { disk, journal, time } = opened()
      const { value } = put(1)
      const told = { table: "transactions", row: twice ? { ...value } : value } as const
      journal.commit([put(2), { ...put(1), value }], [told], () => {})
      time.settle()
      expect(journal.feedAfter(0, 10)).toEqual([{ sequence: 1, entry: row(1) }])
      expect(reopened(disk).feedAfter(0, 10)).toEqual([{ sequence: 1, entry: row(1) }])
      return [...disk.groups.values()].reduce((sum, group) => sum + group.length, 0)
    }
    expect(bytes(true) - bytes(false)).toBeGreaterThan(100)
  })

  it("that failed do not keep the journal from closing", async () => {
    const { disk, journal, scope, time } = opened()
    disk.failing = true
    journal.commit([put(1)], [], () => {})
    time.settle()
    expect(journal.health().level).toBe("failed")
    await scope.close()
  })

  it("tell of a failure once and for all", () => {
    let failures = 0
    const { disk, journal, time } = opened(undefined, { ...strict, onFailed: () => failures++ })
    const told: Array<string | undefined> = []
    disk.failing = true
    journal.commit([put(1)], [], (failure) => told.push(failure))
    time.endTurn()
    journal.commit([put(2)], [], (failure) => told.push(failure))
    time.settle()
    disk.failing = false
    journal.commit([put(3)], [], (failure) => told.push(failure))
    journal.note([put(4)], [])
    time.pass(500)
    expect(told).toEqual(["journal-failed", "journal-failed", "journal-failed"])
    expect(failures).toBe(1)
    expect(journal.health().level).toBe("failed")
    expect([...reopened(disk).entries("transactions")]).toEqual([])
  })
})

describe("the wait for the disk", () => {
  it("is told also of those who wait behind notes", () => {
    const { disk, journal, time } = opened()
    disk.slowMs = 60_000
    journal.note([put(1)], [])
    time.pass(200)
    expect(journal.health().waitingMs).toBe(0)
    journal.commit([put(2)], [], () => {})
    time.pass(5000)
    expect(journal.health().waitingMs).toBe(5000)
  })

  it("is that of the oldest, whichever group it is in", () => {
    const { disk, journal, time } = opened()
    disk.slowMs = 1000
    journal.commit([put(1)], [], () => {})
    time.pass(300)
    journal.commit([put(2)], [], () => {})
    expect(journal.health().waitingMs).toBe(300)
    time.pass(800)
    expect(journal.health().waitingMs).toBe(800)
    time.pass(1000)
    expect(journal.health().waitingMs).toBe(0)
  })

  it("is remembered as how long commits take", () => {
    const { disk, journal, time } = opened()
    disk.slowMs = 100
    for (let count = 0; count < 20; count++) {
      journal.commit([put(count)], [], () => {})
      time.pass(200)
    }
    expect(journal.health().commitP50Ms).toBeGreaterThan(80)
    expect(journal.health().commitP50Ms).toBeLessThan(150)
  })
})

describe("notes", () => {
  it("ride with the next commit, or are written after a moment of quiet", () => {
    const { disk, journal, time } = opened()
    journal.note([put(1)], [])
    time.settle()
    expect(disk.groups.size).toBe(0)
    journal.commit([put(2)], [], () => {})
    time.settle()
    expect(disk.groups.size).toBe(1)
    journal.note([{ table: "transactions", key: idOf(2), value: undefined }], [])
    time.pass(200)
    expect(disk.groups.size).toBe(2)
    expect([...reopened(disk).entries("transactions")].map(([key]) => key)).toEqual([idOf(1)])
  })
})

describe("the feed", () => {
  it("shows what is durable, forgets what is written, and never reuses a number", () => {
    const { disk, journal, time } = opened()
    let grew = 0
    journal.onFeed(() => grew++)
    journal.commit([put(1)], [row(1)], () => {})
    journal.commit([put(2)], [row(2)], () => {})
    expect(journal.feedAfter(0, 10)).toEqual([])
    time.settle()
    expect(grew).toBe(1)
    expect(journal.feedAfter(0, 10).map(({ sequence }) => sequence)).toEqual([1, 2])
    expect(journal.feedAfter(0, 1)).toHaveLength(1)
    journal.feedWritten(2, 2)
    expect(journal.health().feedPending).toBe(0)
    time.pass(200)
    const again = opened((disk.powerCut(), disk))
    expect(again.journal.feedAfter(0, 10)).toEqual([])
    again.journal.commit([], [row(3)], () => {})
    again.time.settle()
    expect(again.journal.feedAfter(0, 10)).toEqual([{ sequence: 3, entry: row(3) }])
  })

  it("keeps what is written until it is safe, for a process that is restarted", () => {
    const { disk, journal, time } = opened()
    journal.commit([], [row(1), row(2), row(3)], () => {})
    time.settle()
    journal.feedWritten(2, 1)
    expect(journal.health().feedPending).toBe(1)
    expect([journal.feedMark(), journal.health().records]).toEqual([2, 2])
    expect(journal.feedAfter(0, 10).map(({ sequence }) => sequence)).toEqual([2, 3])
    time.pass(200)
    const again = reopened(disk)
    expect(again.feedMark()).toBe(1)
    expect(again.health().feedPending).toBe(2)
    expect(again.feedAfter(1, 10).map(({ sequence }) => sequence)).toEqual([2, 3])
    again.feedWritten(3, 3)
    expect([again.health().feedPending, again.health().records]).toEqual([0, 0])
  })

  it("goes on with its numbers after a restart that finds nothing else", () => {
    const { disk, journal, time } = opened()
    journal.commit([put(1)], [row(1)], () => {})
    time.settle()
    journal.commit([{ table: "transactions", key: idOf(1), value: undefined }], [], () => {})
    journal.feedWritten(1, 1)
    time.pass(200)
    const again = opened((disk.powerCut(), disk))
    expect(again.journal.health().records).toBe(0)
    again.journal.commit([], [row(2)], () => {})
    again.time.settle()
    expect(again.journal.feedAfter(0, 10)).toEqual([{ sequence: 2, entry: row(2) }])
  })

  it("keeps entries whose transaction has left its table", () => {
    const { disk, journal, time } = opened()
    journal.commit([put(1)], [row(1)], () => {})
    time.settle()
    journal.commit([{ table: "transactions", key: idOf(1), value: undefined }], [], () => {})
    time.settle()
    const again = reopened(disk)
    expect(again.get("transactions", idOf(1))).toBeUndefined()
    expect(again.feedAfter(0, 10)).toEqual([{ sequence: 1, entry: row(1) }])
  })
})

describe("old groups", () => {
  /** A terminal's window: each new transaction pushes an old one out; some things stay. */
  function steady(from: number, to: number, journal: Shape, time: ManualTime): number {
    let most = 0
    for (let number = from; number < to; number++) {
      journal.commit([put(number)], [], () => {})
      const ended = answered(transaction(number))
      const writes = [
        { table: "transactions", key: ended.id, value: ended },
        { table: "transactions", key: idOf(number - 320), value: undefined }
      ] as const
      journal.commit(writes, [{ table: "transactions", row: ended }], () => {})
      if (number % 8 === 0) time.settle()
      if (number % 80 === 0) {
        const last = journal.feedAfter(0, 1000).at(-1)?.sequence ?? 0
        journal.feedWritten(last, last)
      }
      most = Math.max(most, journal.health().bytes)
    }
    time.settle()
    return most
  }

  it("leave, so that steady load does not grow the log, and nothing live is lost", () => {
    const { disk, journal, time } = opened(new MemoryDisk(16 * mebibyte))
    journal.commit([{ table: "state", key: "day", value: "2026-11-26" }], [], () => {})
    const after = steady(0, 3000, journal, time)
    const later = steady(3000, 9000, journal, time)
    expect(later).toBeLessThanOrEqual(after * 1.1)
    expect(later).toBeLessThan(4 * mebibyte)
    const again = reopened(disk)
    expect(again.get("state", "day")).toBe("2026-11-26")
    expect([...again.entries("transactions")].length).toBe(320)
    expect(again.get("transactions", idOf(8999))).toEqual(answered(transaction(8999)))
  })

  it("keep what PostgreSQL does not have, and say so before it is too much", () => {
    const { journal, time } = opened(new MemoryDisk(mebibyte))
    const levels = new Set<string>()
    for (let number = 0; number < 3000 && journal.health().level !== "full"; number++) {
      journal.commit([], [row(number)], () => {})
      time.settle()
      levels.add(journal.health().level)
    }
    expect([...levels]).toEqual(["open", "alarm", "full"])
    expect(journal.health().oldestFeedMs).toBeGreaterThanOrEqual(0)
    time.wall -= 3_600_000
    expect(journal.health().oldestFeedMs).toBe(0)
    const last = journal.health().feedPending
    journal.feedWritten(last, last)
    time.pass(3000)
    expect(journal.health().level).toBe("open")
  })
})

describe("modes", () => {
  const levels = { strict: [], outcome: ["I1", "I2", "I3"], relaxed: ["I1", "I2", "I3", "I8"] }

  it.each(["strict", "outcome", "relaxed"] as const)("%s says what it gives up", (mode) => {
    const { journal } = opened(undefined, { ...strict, mode, unsafe: true })
    expect(journal.health().givenUp.map((line) => line.slice(0, 2))).toEqual(levels[mode])
  })

  it("outcome waits for answers, not for forwarded requests; relaxed for nothing", () => {
    for (const [mode, expected] of [["outcome", 1], ["relaxed", 2]] as const) {
      const { disk, journal, time } = opened(undefined, { ...strict, mode, unsafe: true })
      disk.slowMs = 1000
      let told = 0
      journal.commit([put(1)], [], () => told++)
      const ended = answered(transaction(1))
      journal.commit([{ table: "transactions", key: ended.id, value: ended }], [], () => told++)
      time.settle()
      expect(told).toBe(expected)
      time.pass(3000)
      expect(told).toBe(2)
    }
  })

  it("relaxed is on disk soon all the same, when all is quiet and when it closes", async () => {
    const { disk, journal, scope, time } = opened(undefined, {
      ...strict,
      mode: "relaxed",
      unsafe: true
    })
    disk.slowMs = 20
    journal.commit([], [row(1)], () => {})
    time.endTurn()
    journal.commit([], [row(2)], () => {})
    time.pass(300)
    expect(journal.feedAfter(0, 10)).toHaveLength(2)
    journal.commit([put(3)], [], () => {})
    const closing = scope.close()
    for (let turn = 0; turn < 100; turn++) {
      await Promise.resolve()
      time.pass(10)
    }
    await closing
    expect(opened(disk).journal.has("transactions", idOf(3))).toBe(true)
  })

  it("refuses a mode that is not strict without `unsafe`", async () => {
    const layer = journalLayer({ ...strict, mode: "relaxed" }).pipe(
      Layer.provide(memoryStoreLayer(new MemoryDisk(mebibyte))),
      Layer.provide(new ManualTime().layer)
    )
    expect((await refusal(layer)).reason).toBe("unsafe")
  })
})

describe("opening", () => {
  it("names a group with a flipped bit (D5), and refuses one of a newer format (P13, G10)", async () => {
    for (const [at, reason] of [[60, "corrupt"], [0, "newer-format"]] as const) {
      const { disk, journal, time } = opened()
      journal.commit([put(1)], [], () => {})
      time.settle()
      disk.powerCut()
      const bytes = disk.groups.get(1)!
      bytes[at] = bytes[at]! + 1
      const layer = journalLayer(strict).pipe(
        Layer.provide(memoryStoreLayer(disk)),
        Layer.provide(time.layer)
      )
      const refused = await refusal(layer)
      expect(refused.reason).toBe(reason)
      expect(refused.advice).toContain("group 1:")
    }
  })

  it("D4: names a group that is not there, between those that are", async () => {
    const { disk, journal, time } = opened()
    for (const number of [1, 2, 3]) {
      journal.commit([put(number)], [], () => {})
      time.settle()
    }
    disk.powerCut()
    disk.groups.delete(2)
    const layer = journalLayer(strict).pipe(
      Layer.provide(memoryStoreLayer(disk)),
      Layer.provide(time.layer)
    )
    const refused = await refusal(layer)
    expect(refused.reason).toBe("corrupt")
    expect(refused.advice).toContain("group 2 is missing")
  })

  it("refuses a group with a table of a newer version", async () => {
    const { disk, journal, time } = opened()
    journal.commit([put(1)], [], () => {})
    time.settle()
    disk.powerCut()
    const writer = new GroupWriter(1024)
    writer.value(tableNames.length, "key", Buffer.from([0xc0]))
    disk.groups.set(2, writer.finish({ sequence: 2, wallMs: 1, watermark: 0, nextFeed: 1 }))
    const layer = journalLayer(strict).pipe(
      Layer.provide(memoryStoreLayer(disk)),
      Layer.provide(time.layer)
    )
    const refused = await refusal(layer)
    expect(refused.reason).toBe("newer-format")
    expect(refused.advice).toContain("group 2")
  })

  it("refuses a second journal on the same disk", async () => {
    const { disk, time } = opened()
    const layer = journalLayer(strict).pipe(
      Layer.provide(memoryStoreLayer(disk)),
      Layer.provide(time.layer)
    )
    expect((await refusal(layer)).reason).toBe("owned")
  })
})
