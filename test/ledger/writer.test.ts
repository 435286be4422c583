/** The writer against a ledger in memory that misbehaves on command. */

import { Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import type { Journal, LedgerEntry } from "../../src/domain/ports/journal.ts"
import { LedgerStore, LedgerUnavailable } from "../../src/domain/ports/ledger.ts"
import type { Random, Time } from "../../src/domain/ports/time.ts"
import {
  makeMemoryLedger,
  MemoryLedger,
  memoryLedgerLayer
} from "../../src/ledger/memory-ledger.ts"
import { startWriter, type WriterView } from "../../src/ledger/writer.ts"
import { machine } from "./machine.ts"
import { MemoryJournal } from "./memory-journal.ts"
import { entry, idOf, sale, sales } from "./records.ts"
import { until } from "./server.ts"

const options = { batchRows: 100, batchMs: 1, lanes: 3, drainMs: 5000, replicaLagMs: 0 }

interface Scene {
  readonly journal: MemoryJournal
  readonly ledger: MemoryLedger["Service"]
  readonly view: WriterView
}

type Stage = Journal | LedgerStore | MemoryLedger | Time | Random

/** Starts a writer over a fresh journal and ledger; the writer drains when the scene ends. */
const play = <A>(
  act: (scene: Scene) => Effect.Effect<A>,
  journal = new MemoryJournal(),
  before: (store: LedgerStore["Service"]) => Effect.Effect<unknown, unknown> = () => Effect.void,
  replicaLagMs = 0
): Promise<A> => {
  const layer: Layer.Layer<Stage> = Layer.mergeAll(memoryLedgerLayer, machine, journal.layer)
  return Effect.runPromise(
    Effect.gen(function*() {
      const ledger = yield* MemoryLedger
      yield* Effect.orDie(before(yield* LedgerStore))
      const view = yield* startWriter({ ...options, replicaLagMs }, Effect.void)
      return yield* act({ journal, ledger, view })
    }).pipe(Effect.scoped, Effect.provide(layer))
  )
}

const empty = (journal: MemoryJournal) => until(() => journal.pending === 0, "an empty feed")

const idsOf = (ledger: Scene["ledger"]): Array<string> =>
  ledger.rows("transactions").map(({ id }) => id).sort()

/** Rows that are in the feed alone. */
const exceptions = (count: number, from = 0): ReadonlyArray<LedgerEntry> =>
  Array.from({ length: count }, (_, n) => {
    const id = `advice:${from + n}`
    return { table: "exceptions", row: { id, reason: "advice-exhausted", detail: id, atMs: 1 } }
  })

const idsUpTo = (count: number): Array<string> => Array.from({ length: count }, (_, n) => idOf(n))

describe("the ledger writer", () => {
  it("moves the feed, and tells the journal only what is written", () =>
    play(({ journal, ledger, view }) =>
      Effect.gen(function*() {
        journal.append(sales(1050))
        yield* empty(journal)
        expect(journal.released).toBe(1050)
        expect(idsOf(ledger)).toEqual(idsUpTo(1050))
        expect(view.counts).toMatchObject({ writtenRows: 1050, connected: true, retries: 0 })
        expect(view.inFlight()).toBe(0)
      })
    ))

  it("keeps every row while the ledger is away, in bounded flight, and catches up", () =>
    play(({ journal, ledger, view }) =>
      Effect.gen(function*() {
        journal.append(sales(1, 2000))
        yield* empty(journal)
        ledger.away(true)
        journal.append(sales(2000))
        yield* until(() => view.counts.retries > 5, "some retries")
        expect(journal.pending).toBe(2000)
        expect(view.inFlight()).toBeLessThanOrEqual(options.lanes)
        expect(view.counts).toMatchObject({ connected: false, trouble: "connection" })
        ledger.away(false)
        yield* empty(journal)
        expect(idsOf(ledger)).toEqual(idsUpTo(2001))
        expect(view.counts.trouble).toBeUndefined()
        // Smaller batches while there was trouble.
        expect(view.counts.batches).toBeGreaterThan(20)
      })
    ))

  it("gets through where PostgreSQL has time for few rows only", () => {
    const { ledger, store } = makeMemoryLedger()
    const slow = LedgerStore.of({
      ...store,
      write: (entries, mark) =>
        entries.length > 60
          ? Effect.fail(new LedgerUnavailable({ reason: "timeout" }))
          : store.write(entries, mark)
    })
    const journal = new MemoryJournal()
    journal.append(sales(1000))
    const layer = Layer.mergeAll(machine, journal.layer, Layer.succeed(LedgerStore, slow))
    return Effect.runPromise(
      Effect.gen(function*() {
        yield* startWriter({ ...options, batchRows: 500 }, Effect.void)
        yield* empty(journal)
        expect(idsOf(ledger)).toEqual(idsUpTo(1000))
        expect(ledger.rows("exceptions")).toEqual([])
      }).pipe(Effect.scoped, Effect.provide(layer))
    )
  })

  it("writes again what was committed without acknowledgement, and nothing twice", () =>
    play(({ journal, ledger, view }) =>
      Effect.gen(function*() {
        ledger.loseAcknowledgements(3)
        journal.append(sales(500))
        yield* empty(journal)
        expect(view.counts.retries).toBe(3)
        expect(idsOf(ledger)).toEqual(idsUpTo(500))
        expect(ledger.rows("exceptions")).toEqual([])
      })
    ))

  it("leaves a bad row alone in the exceptions, whole and masked, and stores the others", () =>
    play(({ journal, ledger, view }) =>
      Effect.gen(function*() {
        const isBad = ({ row, table }: LedgerEntry) =>
          table === "transactions" && "stan" in row && (row.stan === "000042" ||
            row.stan === "000077")
        ledger.refuse(isBad)
        const leak = sale(42, { merchant: "6212345678901265" as never, sealed: new Uint8Array(9) })
        journal.append([...sales(42), entry(leak), ...sales(457, 43)])
        yield* empty(journal)
        expect(idsOf(ledger)).toEqual(
          idsUpTo(500).filter((id) => id !== idOf(42) && id !== idOf(77))
        )
        expect(view.counts.refusedRows).toBe(2)
        const raised = ledger.rows("exceptions").find((row) => row.transaction === idOf(42))
        expect(raised?.id).toBe(`transactions:${idOf(42)}:refused`)
        expect(raised?.detail).toContain(`"stan":"000042"`)
        expect(raised?.detail).not.toContain("6212345678901265")
        expect(raised?.detail).not.toContain("sealed")
        // The marks went on, so nothing looks lost later.
        ledger.away(true)
        journal.append(sales(1, 600))
        yield* until(() => view.counts.retries > 0, "a retry")
        ledger.away(false)
        yield* empty(journal)
        expect(view.counts.rewinds).toBe(0)
      })
    ))

  it("raises a contradiction and never overwrites", () =>
    play(({ journal, ledger, view }) =>
      Effect.gen(function*() {
        journal.append(sales(10))
        yield* empty(journal)
        journal.append([entry(sale(4, { version: 8, fingerprint: "other" }))])
        yield* empty(journal)
        expect(view.counts.conflicts).toBe(1)
        expect(ledger.rows("transactions").find(({ id }) => id === idOf(4))?.version).toBe(3)
        expect(ledger.rows("exceptions")).toMatchObject([{
          id: `transactions:${idOf(4)}:contradiction`,
          reason: "ledger-contradiction",
          transaction: idOf(4)
        }])
      })
    ))

  it("writes again what a fail-over lost, from what the journal still holds", () =>
    play(({ journal, ledger, view }) =>
      Effect.gen(function*() {
        journal.append(sales(300))
        yield* empty(journal)
        journal.kept.set("transactions", Array.from({ length: 300 }, (_, n) => [idOf(n), sale(n)]))
        ledger.failOver(2)
        expect(idsOf(ledger).length).toBeLessThan(300)
        ledger.away(true)
        journal.append(sales(1, 300))
        yield* until(() => view.counts.retries > 0, "a retry")
        ledger.away(false)
        yield* empty(journal)
        expect(view.counts.rewinds).toBe(1)
        expect(idsOf(ledger)).toEqual(idsUpTo(301))
      })
    ))

  it("writes again only what is on disk, and waits for that of what is not (I8)", () => {
    const journal = new MemoryJournal()
    journal.append(sales(10))
    journal.shape.feedWritten(10, 10)
    // The last one is in its table, and on its way to the disk.
    journal.kept.set("transactions", Array.from({ length: 11 }, (_, n) => [idOf(n), sale(n)]))
    journal.syncs = []
    return play(({ ledger }) =>
      Effect.gen(function*() {
        yield* until(() => journal.syncs!.length > 0, "the writer to wait for the disk")
        expect(idsOf(ledger)).not.toContain(idOf(10))
        for (const synced of journal.syncs!) synced()
        journal.syncs = undefined
        yield* until(() => idsOf(ledger).length === 11, "the rows again")
      }), journal)
  })

  it("notices at its start that the ledger lacks what the journal calls written", () => {
    const journal = new MemoryJournal()
    journal.append(sales(10))
    journal.shape.feedWritten(10, 10)
    journal.kept.set("transactions", Array.from({ length: 10 }, (_, n) => [idOf(n), sale(n)]))
    return play(({ ledger, view }) =>
      Effect.gen(function*() {
        yield* until(() => idsOf(ledger).length === 10, "the rows again")
        expect(view.counts.rewinds).toBe(1)
      }), journal)
  })

  it("keeps what a replica may lack, and writes it again wherever it is lost", () =>
    play(
      ({ journal, ledger, view }) =>
        Effect.gen(function*() {
          journal.append(exceptions(20))
          yield* empty(journal)
          expect([journal.released, journal.shape.feedAfter(0, 100).length]).toEqual([0, 20])
          // Nothing is written any more: it is the look at the marks that tells.
          ledger.failOver(1)
          yield* until(() => view.counts.rewinds === 1, "a look")
          expect(ledger.rows("exceptions").length).toBe(20)
          yield* until(() => journal.released === 20, "safe rows")
        }),
      new MemoryJournal(),
      () => Effect.void,
      20
    ))

  it("tells people when PostgreSQL has more of the feed than the journal ever had, once", async () => {
    const before = (store: LedgerStore["Service"]) =>
      store.write(sales(1, 900), { lane: 1, sequence: 50 })
    const lost = await play(
      ({ ledger, journal }) =>
        Effect.gen(function*() {
          journal.append(sales(20))
          yield* empty(journal)
          return ledger.rows("exceptions")
        }),
      new MemoryJournal(),
      before
    )
    expect(lost).toMatchObject([{ id: "journal-lost:50", reason: "journal-lost" }])
    const own = new MemoryJournal()
    own.append(sales(50))
    const right = await play(
      ({ ledger, journal }) =>
        Effect.gen(function*() {
          yield* empty(journal)
          return ledger.rows("exceptions")
        }),
      own,
      before
    )
    expect(right).toEqual([])
  })

  it("writes again after a restart what a fail-over behind its back may have lost", async () => {
    const journal = new MemoryJournal()
    const { ledger, store } = makeMemoryLedger()
    const lives = (act: (view: WriterView) => Effect.Effect<void>) =>
      Effect.runPromise(
        Effect.gen(function*() {
          const forever = { ...options, lanes: 1, replicaLagMs: 3_600_000 }
          yield* act(yield* startWriter(forever, Effect.void))
        }).pipe(
          Effect.scoped,
          Effect.provide(Layer.mergeAll(Layer.succeed(LedgerStore, store), machine, journal.layer))
        )
      )
    await lives(() => {
      journal.append(exceptions(20))
      return empty(journal)
    })
    ledger.failOver(1)
    journal.written = 0
    await lives((view) =>
      Effect.gen(function*() {
        yield* empty(journal)
        expect(ledger.rows("exceptions").length).toBe(20)
        // These moved no mark of the feed, and are missed all the same when they are lost again.
        ledger.failOver(1)
        journal.append(exceptions(1, 20))
        yield* until(() => view.counts.rewinds === 2 && journal.pending === 0, "a rewind")
        expect(ledger.rows("exceptions").length).toBe(21)
      })
    )
  })

  it("notices that what it wrote again was lost as well", () =>
    play(({ journal, ledger, view }) =>
      Effect.gen(function*() {
        journal.append(sales(300))
        yield* empty(journal)
        journal.kept.set("transactions", Array.from({ length: 300 }, (_, n) => [idOf(n), sale(n)]))
        ledger.failOver(1)
        journal.append(sales(1, 300))
        yield* until(() => view.counts.rewinds === 1 && journal.pending === 0, "a rewind")
        ledger.failOver(4)
        journal.append(sales(1, 301))
        yield* until(() => view.counts.rewinds === 2 && journal.pending === 0, "another")
        expect(idsOf(ledger).length).toBeGreaterThan(300)
      })
    ))

  it("misses an earlier batch that committed behind a later one, also after a restart", () => {
    const journal = new MemoryJournal()
    journal.append(sales(20))
    journal.shape.feedWritten(20, 20)
    // Lane 0 had the first ten rows and lane 1 the others, whose mark is the only one left.
    journal.state.set("ledger-marks", { marks: { 0: 10, 1: 20 }, owing: false })
    journal.kept.set("transactions", Array.from({ length: 10 }, (_, n) => [idOf(n), sale(n)]))
    return play(
      ({ ledger, view }) =>
        Effect.gen(function*() {
          yield* until(() => idsOf(ledger).length === 20, "every row")
          expect(view.counts.rewinds).toBe(1)
        }),
      journal,
      (store) => store.write(sales(10, 10), { lane: 1, sequence: 20 })
    )
  })

  it("misses one half of a batch that a bad row had divided", () =>
    play(({ journal, ledger, view }) =>
      Effect.gen(function*() {
        journal.append(sales(20))
        yield* empty(journal)
        let looks = 0
        ledger.refuse(({ row }) => {
          const stan = "stan" in row ? row.stan : ""
          // The first half is confirmed, and gone before the second is written.
          if (stan === "000030" && ++looks === 2) ledger.failOver(1)
          return stan === "000037"
        })
        journal.append(sales(20, 20))
        yield* empty(journal)
        const others = idsUpTo(40).filter((id) => id !== idOf(37))
        expect(idsOf(ledger)).toEqual(others)
        expect(view.counts.rewinds).toBeGreaterThan(0)
      })
    ))

  it("misses what was lost, though the answer that would have told of it is lost as well", () =>
    play(
      ({ journal, ledger, view }) =>
        Effect.gen(function*() {
          journal.append(sales(20))
          yield* empty(journal)
          ledger.failOver(1)
          ledger.loseAcknowledgements(1)
          journal.append(sales(20, 20))
          yield* empty(journal)
          yield* until(() => idsOf(ledger).length === 40, "every row")
          expect(view.counts.rewinds).toBe(1)
        }),
      new MemoryJournal(),
      () => Effect.void,
      60_000
    ))

  it("drains at its end", async () => {
    const seen = await play(({ journal, ledger }) =>
      Effect.sync(() => {
        ledger.slow(20)
        journal.append(sales(700))
        return { journal, ledger }
      })
    )
    expect(seen.journal.pending).toBe(0)
    expect(idsOf(seen.ledger)).toEqual(idsUpTo(700))
  })

  it("ends within its bound when the ledger stays away, and loses nothing of the feed", async () => {
    const journal = new MemoryJournal()
    const layer: Layer.Layer<Stage> = Layer.mergeAll(memoryLedgerLayer, machine, journal.layer)
    await Effect.runPromise(
      Effect.gen(function*() {
        const ledger = yield* MemoryLedger
        ledger.away(true)
        const view = yield* startWriter({ ...options, drainMs: 50 }, Effect.void)
        journal.append(sales(10))
        yield* until(() => view.counts.retries > 0, "a retry")
      }).pipe(Effect.scoped, Effect.provide(layer))
    )
    expect(journal.pending).toBe(10)
  })
})
