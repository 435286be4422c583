/**
 * The journal against a model: whatever is committed, noted, removed and forgotten, and whenever
 * the power goes, what is there afterwards is what the model was at some moment not earlier than
 * the last acknowledgement. So nothing acknowledged is lost, and no commit is there by half.
 */

import { Layer, Logger } from "effect"
import fc from "fast-check"
import { expect, it } from "vitest"
import {
  Journal,
  type JournalTable,
  type JournalWrite,
  type LedgerEntry
} from "../../src/domain/ports/journal.ts"
import { Time } from "../../src/domain/ports/time.ts"
import { journalLayer } from "../../src/journal/journal.ts"
import { MemoryDisk, memoryStoreLayer } from "../../src/journal/memory-store.ts"
import { built } from "../actor/built.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { idOf, transaction } from "./records.ts"

/** Small, so that old groups are dropped and moved all the time. */
const maxBytes = 32 * 1024
const tables = ["transactions", "undelivered", "state", "feed"] as const

type Command =
  | { readonly does: "commit" | "note"; readonly changes: ReadonlyArray<Change> }
  | { readonly does: "written"; readonly share: number; readonly safe: number }
  | { readonly does: "turn" | "settle" | "quiet" | "restart" }
  | { readonly does: "powerCut"; readonly kept: number }

interface Change {
  readonly table: "transactions" | "undelivered" | "state"
  readonly key: number
  readonly content: number
  readonly kind: "put" | "remove" | "put and feed"
}

const change: fc.Arbitrary<Change> = fc.record({
  table: fc.constantFrom("transactions", "undelivered", "state"),
  key: fc.integer({ min: 0, max: 15 }),
  content: fc.integer({ min: 0, max: 250 }),
  kind: fc.constantFrom("put", "remove", "put and feed")
})

const changes = fc.array(change, { maxLength: 6 })
/** Long enough that old groups are moved; the default would make them short. */
const longRuns = { minLength: 1, maxLength: 90, size: "max" } as const

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ does: fc.constant("commit"), changes }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant("note"), changes }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant("turn") }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant("settle") }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("quiet") }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("restart") }) },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant("written"),
      share: fc.double({ min: 0, max: 1 }),
      safe: fc.double({ min: 0, max: 1 })
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant("powerCut"), kept: fc.integer({ min: 0, max: 2 }) })
  }
) as fc.Arbitrary<Command>

/** A state as sorted lines `table key content`. */
type Lines = ReadonlyArray<string>

class Model {
  readonly #lines = new Map<string, string>()
  next = 1

  apply(writes: ReadonlyArray<JournalWrite>, feed: ReadonlyArray<LedgerEntry>): void {
    for (const { key, table, value } of writes) {
      if (value === undefined) this.#lines.delete(`${table} ${key}`)
      else this.#lines.set(`${table} ${key}`, JSON.stringify(plain(value)))
    }
    for (const entry of feed) {
      const key = String(this.next++).padStart(16, "0")
      this.#lines.set(`feed ${key}`, JSON.stringify(plain(entry)))
    }
  }

  written(sequence: number): void {
    for (const key of this.#lines.keys()) {
      if (key.startsWith("feed ") && Number(key.slice(5)) <= sequence) this.#lines.delete(key)
    }
  }

  lines(): Lines {
    return [...this.#lines].map(([key, value]) => `${key} ${value}`).sort()
  }

  reset(lines: Lines, next: number): void {
    this.#lines.clear()
    for (const line of lines) {
      const end = line.indexOf(" ", line.indexOf(" ") + 1)
      this.#lines.set(line.slice(0, end), line.slice(end + 1))
    }
    this.next = next
  }
}

/** Bytes as numbers and keys in order: comparable as text. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).sort(([left], [right]) => left < right ? -1 : 1)
  return Object.fromEntries(entries.map(([key, each]) => [key, plain(each)]))
}

function roomyDisk(): MemoryDisk {
  const disk = new MemoryDisk(maxBytes)
  disk.fullAtBytes = Infinity
  return disk
}

class World {
  readonly disk = roomyDisk()
  readonly model = new Model()
  readonly time = new ManualTime()
  /** What the model was after each change since the last that is surely on disk. */
  #moments: Array<{ readonly lines: Lines; readonly next: number }> = []
  /** Moments passed when the last acknowledged commit was made. */
  #acknowledged = 0
  /** A process that lost its power does nothing any more, whatever it had put off. */
  #life = { alive: true }
  #built = this.#open()

  #open() {
    const life = { alive: true }
    this.#life = life
    const { defer, every, monotonicMs, wallMs } = this.time.shape
    const living = (task: () => void) => () => {
      if (life.alive) task()
    }
    const time = Time.of({
      monotonicMs,
      wallMs,
      defer: (task) => defer(living(task)),
      atTurnEnd: (task) => defer(living(task)),
      every: (periodMs, task) => every(periodMs, living(task))
    })
    const layer = journalLayer({ mode: "strict", unsafe: false, onFailed: () => {} }).pipe(
      Layer.provide(memoryStoreLayer(this.disk)),
      Layer.provide(Layer.succeed(Time, time)),
      Layer.provide(Logger.layer([]))
    )
    this.#moments = [{ lines: this.model.lines(), next: this.model.next }]
    this.#acknowledged = 0
    return built(Layer.orDie(layer))
  }

  get journal(): Journal["Service"] {
    return this.#built.get(Journal)
  }

  #moment(): void {
    this.#moments.push({ lines: this.model.lines(), next: this.model.next })
  }

  commit(changed: ReadonlyArray<Change>, waits: boolean): void {
    const writes = changed.map(writeOf)
    const feed = changed.flatMap((each, index) => feedOf(each, writes[index]!))
    this.model.apply(writes, feed)
    this.#moment()
    const moment = this.#moments.length - 1
    const life = this.#built
    const told = () => {
      if (this.#built === life) this.#acknowledged = moment
    }
    if (waits) this.journal.commit(writes, feed, told)
    else this.journal.note(writes, feed)
  }

  /** A share of what is on disk is written, and a share of that is safe. */
  written(share: number, safe: number): void {
    const durable = this.journal.feedAfter(0, 1000)
    const at = (part: number) => durable[Math.floor(durable.length * part)]?.sequence
    const sequence = at(share * safe)
    if (sequence === undefined) return
    this.journal.feedWritten(at(share) ?? sequence, sequence)
    this.model.written(sequence)
    this.#moment()
  }

  check(): void {
    expect(linesOf(this.journal)).toEqual(this.model.lines())
  }

  powerCut(kept: number): void {
    this.#life.alive = false
    this.disk.powerCut(kept)
    const moments = this.#moments.slice(this.#acknowledged)
    this.#built = this.#open()
    const found = linesOf(this.journal)
    const moment = moments.find(({ lines }) => same(lines, found))
    expect(moment, `what is there was never so:\n${found.join("\n")}`).toBeDefined()
    this.model.reset(moment!.lines, moment!.next)
    this.#moments = [moment!]
  }

  async restart(): Promise<void> {
    const closing = this.#built.close()
    this.time.settle()
    await closing
    this.#built = this.#open()
    this.check()
  }
}

const same = (left: Lines, right: Lines) =>
  left.length === right.length && left.every((line, index) => line === right[index])

function writeOf({ content, key, kind, table }: Change): JournalWrite {
  if (kind === "remove") return { table, key: idOf(key), value: undefined }
  if (table === "undelivered") return { table, key: idOf(key), value: true }
  if (table === "state") return { table, key: idOf(key), value: { content, text: "x".repeat(300) } }
  return { table, key: idOf(key), value: transaction(key, { amount: content }) }
}

function feedOf({ content, key, kind }: Change, write: JournalWrite): Array<LedgerEntry> {
  if (kind !== "put and feed") return []
  if (write.table === "transactions" && write.value !== undefined) {
    return [{ table: "transactions", row: write.value }]
  }
  const id = `${key}:${content}`
  return [{ table: "exceptions", row: { id, reason: "invented", detail: "", atMs: content } }]
}

function linesOf(journal: Journal["Service"]): Lines {
  return tables.flatMap((table: JournalTable) =>
    [...journal.entries(table)].map(([key, value]) =>
      `${table} ${key} ${JSON.stringify(plain(value))}`
    )
  ).sort()
}

async function run(world: World, each: Command): Promise<void> {
  switch (each.does) {
    case "commit":
    case "note":
      world.commit(each.changes, each.does === "commit")
      break
    case "written":
      world.written(each.share, each.safe)
      break
    case "turn":
      world.time.endTurn()
      break
    case "settle":
      world.time.settle()
      break
    case "quiet":
      world.time.pass(250)
      break
    case "restart":
      await world.restart()
      break
    case "powerCut":
      world.powerCut(each.kept)
      break
  }
}

it("keeps what it acknowledged, and nothing by half", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, longRuns), async (commands) => {
      const world = new World()
      for (const each of commands) {
        await run(world, each)
        expect(world.journal.health().level).not.toBe("failed")
      }
      world.check()
      world.time.settle()
      world.powerCut(0)
      world.check()
    }),
    { numRuns: 30 }
  )
})
