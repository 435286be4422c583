/**
 * The write-ahead log through power cuts: a write that is torn at every byte and in every order of
 * its pages, over zeros and over an old lap; and whole lives of a small ring, in which what is
 * found is always what was acknowledged and perhaps the step that was being written.
 */

import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { LoggedGroup } from "../../src/domain/ports/journal.ts"
import { GroupWriter } from "../../src/journal/group.ts"
import { LoggedGroups, openingStep } from "../../src/journal/logged-groups.ts"
import type { SettledMark, Settlement } from "../../src/journal/settled-groups.ts"
import {
  entriesIn,
  entryPages,
  type LogEntry,
  pageBytes,
  RingSpace,
  unsettledIn,
  writeEntry
} from "../../src/journal/write-ahead-log.ts"

const identity = Buffer.from("0123456789abcdef")
const epoch = 3

const writer = new GroupWriter(1024)
/** What a group takes beside its one value, under a key of one letter. */
const groupBytes = 49

/** A group with a value of so many bytes. */
function group(sequence: number, bytes: number): LoggedGroup {
  writer.value(7, "k", Buffer.alloc(bytes, sequence))
  return { sequence, bytes: writer.finish({ sequence, wallMs: 1, watermark: 0, nextFeed: 1 }) }
}

function entryOf(first: number, sizes: ReadonlyArray<number>, change: Partial<LogEntry> = {}) {
  const groups = sizes.map((bytes, index) => group(first + index, bytes))
  const bytes = Buffer.alloc(entryPages(groups), 0xff)
  writeEntry(bytes, identity, { epoch, oldest: 1, groups, ...change })
  return bytes
}

const ringOf = (...entries: ReadonlyArray<Buffer>) => {
  const ring = Buffer.alloc(16 * pageBytes)
  let at = 0
  for (const entry of entries) {
    ring.set(entry, at)
    at += entry.length
  }
  return ring
}

/** Sequences that follow `settled`, or the one that is missing. */
function found(ring: Buffer, settled = 0): Array<number> | number {
  const unsettled = unsettledIn(entriesIn(ring, identity), epoch, settled)
  return "missing" in unsettled
    ? unsettled.missing
    : unsettled.groups.map(({ sequence }) => sequence)
}

describe("an entry", () => {
  it("is read as it was written, in whole pages", () => {
    const bytes = entryOf(7, [100, 5000, 1])
    expect(bytes.length).toBe(2 * pageBytes)
    expect(bytes.subarray(52 + 3 * (9 + groupBytes) + 5101).every((byte) => byte === 0)).toBe(true)
    const [entry] = entriesIn(bytes, identity)
    expect(entry).toMatchObject({ epoch, oldest: 1 })
    expect(entry!.groups).toEqual([group(7, 100), group(8, 5000), group(9, 1)])
  })

  it("is nothing until its last byte was written, over zeros or an old lap", () => {
    const first = entryOf(21, [50])
    const torn = entryOf(22, [3000, 4000, 3000])
    const end = 52 + 3 * (9 + groupBytes) + 10_000
    for (const old of [ringOf(first), ringOf(first, entryOf(12, [9000]), entryOf(13, [6000]))]) {
      const ring = Buffer.from(old)
      for (let cut = 0; cut < torn.length; cut++) {
        ring[first.length + cut] = torn[cut]!
        const whole = ring.subarray(first.length, first.length + end).equals(torn.subarray(0, end))
        if (!whole && String(found(ring, 20)) !== "21") expect.fail(`believed at ${cut} bytes`)
        if (cut === end - 1) expect(found(ring, 20)).toEqual([21, 22, 23, 24])
      }
    }
  })

  it("is nothing while any of its pages is missing, whichever were written first", () => {
    const first = entryOf(21, [50])
    const torn = entryOf(22, [9000, 3000, 7000])
    const pages = torn.length / pageBytes
    expect(pages).toBe(5)
    for (const old of [ringOf(first), ringOf(first, entryOf(2, [4000]), entryOf(3, [15_000]))]) {
      for (let written = 0; written < 2 ** pages; written++) {
        const ring = Buffer.from(old)
        for (let page = 0; page < pages; page++) {
          if ((written >> page & 1) === 0) continue
          const from = page * pageBytes
          ring.set(torn.subarray(from, from + pageBytes), first.length + from)
        }
        const whole = written === 2 ** pages - 1
        expect(found(ring, 20)).toEqual(whole ? [21, 22, 23, 24] : [21])
      }
    }
  })

  it("of another journal, an earlier epoch or an earlier lap is not believed", () => {
    const ring = ringOf(entryOf(5, [10]), entryOf(6, [10], { epoch: 2 }), entryOf(4, [10]))
    expect(found(ring, 4)).toEqual([5])
    expect(entriesIn(ring, Buffer.alloc(16, 1))).toEqual([])
    expect(found(ring, 5)).toEqual([])
  })

  it("does not take a group of an earlier attempt for its own", () => {
    const sizes = [pageBytes - 52 - 2 * 9 - groupBytes, 100]
    const torn = entryOf(21, sizes)
    expect(found(torn, 20)).toEqual([21, 22])
    // Its second page is as an earlier attempt left it, with a whole group of the same number.
    writer.value(7, "k", Buffer.alloc(100, 1))
    const second = writer.finish({ sequence: 22, wallMs: 1, watermark: 0, nextFeed: 1 })
    const earlier = [group(21, sizes[0]!), { sequence: 22, bytes: second }]
    const other = Buffer.alloc(2 * pageBytes)
    writeEntry(other, identity, { epoch, oldest: 1, groups: earlier })
    torn.set(other.subarray(pageBytes), pageBytes)
    expect(found(torn, 20)).toEqual([])
  })

  it("is never of the epoch that an opening begins", () => {
    const before = { identity, epoch, settled: 4 }
    const opening = openingStep(before, 3, entriesIn(entryOf(5, [10, 20], { oldest: 4 }), identity))
    expect(opening).toMatchObject({ mark: { epoch: 4, settled: 6 }, removed: [3, 4] })
    expect((opening as Settlement).groups.map(({ sequence }) => sequence)).toEqual([5, 6])
  })

  it("that is missing before a whole one is damage, and so is one from after the store", () => {
    const entries = [entryOf(5, [10]), entryOf(6, [10, 20]), entryOf(8, [10])]
    expect(found(ringOf(...entries), 4)).toEqual([5, 6, 7, 8])
    for (const damaged of [30, 60, 100, pageBytes + 60, pageBytes + 140]) {
      const ring = ringOf(...entries)
      ring[damaged]! ^= 1
      expect(found(ring, 4)).toBe(damaged < pageBytes ? 5 : 6)
    }
    expect(found(ringOf(entryOf(5, [10], { epoch: 4 })), 4)).toBe(5)
    expect(found(ringOf(entryOf(9, [10])), 4)).toBe(5)
  })
})

describe("the space of a ring", () => {
  it("is given out in turn, never twice, and not across the end", () => {
    const space = new RingSpace(10)
    expect([space.take(4), space.take(4)]).toEqual([0, 4])
    expect(space.take(3)).toBeUndefined()
    space.free(4)
    expect(space.take(3)).toBe(0)
    expect(space.used).toBe(9)
    expect(space.take(2)).toBeUndefined()
    space.free(8)
    expect(space.take(11)).toBeUndefined()
    expect(space.take(5)).toBe(3)
  })
})

type Sizes = ReadonlyArray<number>

const sizesOf = (least: number) =>
  fc.array(fc.integer({ min: 1, max: 14_000 }), { minLength: least, maxLength: 4 })

type Command =
  | {
    readonly does: "append"
    readonly sizes: Sizes
    readonly removes: number
    readonly after: Sizes
  }
  | { readonly does: "written" | "settled" | "check" }
  | { readonly does: "powerCut"; readonly pages: number; readonly settles: boolean }

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant("append"),
      sizes: sizesOf(1),
      removes: fc.integer({ min: 0, max: 6 }),
      after: sizesOf(0)
    })
  },
  { weight: 6, arbitrary: fc.record({ does: fc.constant("written") }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("settled") }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("check") }) },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant("powerCut"),
      pages: fc.integer({ min: 0, max: 255 }),
      settles: fc.boolean()
    })
  }
) as fc.Arbitrary<Command>

/** A ring and a store that survive, and the groups between them that do not. */
class World {
  readonly ring = Buffer.alloc(16 * pageBytes)
  #mark: SettledMark = { identity, epoch: 0, settled: 0 }
  readonly #settled = new Map<number, Uint8Array>()
  #write: { place: number; bytes: Buffer; done: (durable: boolean) => void } | undefined
  #settling: { step: Settlement; done: (failure: unknown) => void } | undefined
  /** Sequences that must be there. */
  #live: Array<number> = []
  #sizes = new Map<number, number>()
  /** What was there if the step that is on its way is on disk. */
  #next: Array<number> | undefined
  #newest = 0
  #groups: LoggedGroups

  constructor() {
    this.#groups = this.#open()
  }

  #open(): LoggedGroups {
    const entries = entriesIn(this.ring, identity)
    const [first] = [...this.#settled.keys()].sort((left, right) => left - right)
    const opening = openingStep(this.#mark, first, entries)
    if ("missing" in opening) expect.fail("damage where there was only a power cut")
    this.#apply(opening)
    const log = {
      ringBytes: this.ring.length,
      write: (place: number, bytes: Buffer, done: (durable: boolean) => void) => {
        expect(this.#write, "one write at a time").toBeUndefined()
        this.#write = { place, bytes: Buffer.from(bytes), done }
      }
    }
    const store = {
      settle: (step: Settlement, done: (failure: unknown) => void) => {
        expect(this.#settling, "one settlement at a time").toBeUndefined()
        this.#settling = { step, done }
      },
      visit: (each: (sequence: number, bytes: Uint8Array) => void) => {
        for (const [sequence, bytes] of this.#settled) each(sequence, bytes)
      },
      read: (sequence: number) => this.#settled.get(sequence)
    }
    return new LoggedGroups(log, store, opening, 1024 * 1024)
  }

  #apply({ groups, mark, removed }: Settlement): void {
    for (const { bytes, sequence } of groups) this.#settled.set(sequence, Uint8Array.from(bytes))
    for (let old = removed[0]; old < removed[1]; old++) this.#settled.delete(old)
    this.#mark = mark
  }

  /** `after`: what is appended when that is acknowledged, in the same turn. */
  append(sizes: Sizes, removes: number, after: Sizes): void {
    if (this.#next !== undefined) return
    const first = Math.max(this.#mark.settled, this.#newest) + 1
    const groups = sizes.map((bytes, index) => group(first + index, bytes))
    for (const { bytes, sequence } of groups) this.#sizes.set(sequence, bytes.length - groupBytes)
    this.#newest = first + sizes.length - 1
    const removed = this.#live.slice(0, removes)
    const next = [...this.#live.slice(removes), ...groups.map(({ sequence }) => sequence)]
    this.#next = next
    this.#groups.append(groups, removed, (durable) => {
      expect(durable).toBe(true)
      this.#live = next
      this.#next = undefined
      if (after.length > 0) this.append(after, 0, [])
    })
  }

  written(): void {
    const write = this.#write
    if (write === undefined) return
    this.#write = undefined
    this.ring.set(write.bytes, write.place)
    write.done(true)
  }

  settled(): void {
    const settling = this.#settling
    if (settling === undefined) return
    this.#settling = undefined
    this.#apply(settling.step)
    settling.done(undefined)
  }

  check(): void {
    for (const sequence of this.#live) this.#isWhole(sequence, this.#groups.read(sequence))
  }

  #isWhole(sequence: number, bytes: Uint8Array | undefined): void {
    const written = group(sequence, this.#sizes.get(sequence)!).bytes
    expect(Buffer.compare(bytes ?? identity, written), `group ${sequence}`).toBe(0)
  }

  /** Of a write that was on its way, any pages are there; a settlement is there or not. */
  powerCut(pages: number, settles: boolean): void {
    if (this.#write !== undefined) {
      const { bytes, place } = this.#write
      for (let page = 0; page * pageBytes < bytes.length; page++) {
        if ((pages >> (page % 8) & 1) === 0) continue
        const from = page * pageBytes
        this.ring.set(bytes.subarray(from, from + pageBytes), place + from)
      }
    }
    if (this.#settling !== undefined && settles) this.#apply(this.#settling.step)
    this.#write = undefined
    this.#settling = undefined
    this.#groups = this.#open()
    const there: Array<number> = []
    this.#groups.replay((sequence, bytes) => {
      there.push(sequence)
      this.#isWhole(sequence, bytes)
    })
    there.sort((left, right) => left - right)
    const may = [this.#live, this.#next].map((each) => JSON.stringify(each))
    expect(may).toContain(JSON.stringify(there))
    this.#live = there
    this.#next = undefined
    this.#newest = this.#mark.settled
  }
}

describe("a small ring", () => {
  it("gives what has not settled as bytes that stay what they are", () => {
    const log = {
      ringBytes: 64 * pageBytes,
      write: (_: number, __: Buffer, done: (durable: boolean) => void) => done(true)
    }
    const store = {
      settle: (_: Settlement, done: (failure: unknown) => void) => done(undefined),
      visit: () => {},
      read: () => undefined
    }
    const mark = { identity, epoch, settled: 0 }
    const groups = new LoggedGroups(log, store, { mark, groups: [], removed: [1, 1] }, 1024 * 1024)
    groups.append([group(1, 100)], [], () => {})
    const read = groups.read(1)!
    const before = Uint8Array.from(read)
    // Its place in memory becomes that of others.
    for (let next = 2; next < 100; next++) groups.append([group(next, 100)], [], () => {})
    expect(read).toEqual(before)
  })

  it("gives back what was acknowledged, and perhaps what was being written", () => {
    const lives = fc.array(command, { minLength: 1, maxLength: 120, size: "max" })
    fc.assert(
      fc.property(lives, (commands) => {
        const world = new World()
        for (const each of commands) {
          if (each.does === "append") world.append(each.sizes, each.removes, each.after)
          else if (each.does === "written") world.written()
          else if (each.does === "settled") world.settled()
          else if (each.does === "powerCut") world.powerCut(each.pages, each.settles)
          else world.check()
        }
        world.check()
        world.powerCut(0, false)
        world.check()
      }),
      { numRuns: 200 }
    )
  })
})
