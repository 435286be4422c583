/**
 * Writing one batch to its end, whatever it takes. What must hold: it returns only when every row
 * is in PostgreSQL or in the exceptions; an outage is waited out; a batch that one row spoils is
 * halved until that row stands alone; rows that PostgreSQL confirmed and lost are written again
 * from what the journal still holds of them.
 */

import { Effect } from "effect"
import type { ExceptionRow, JournalShape, LedgerEntry } from "../domain/ports/journal.ts"
import {
  type LedgerMark,
  LedgerRejected,
  type LedgerStoreShape,
  LedgerUnavailable
} from "../domain/ports/ledger.ts"
import type { RandomShape, TimeShape } from "../domain/ports/time.ts"
import { contradictingRow, lostJournalRow, refusedRow } from "./exception-rows.ts"
import { leastRows } from "./feed-progress.ts"
import { besideMark, HeldMarks, type Marks } from "./held-marks.ts"

/** Counted as it happens; read by the health service. */
export interface WriterCounts {
  connected: boolean
  trouble: string | undefined
  writtenRows: number
  batches: number
  retries: number
  refusedRows: number
  conflicts: number
  rewinds: number
}

interface Written {
  readonly conflicts: ReadonlyArray<string>
  /** Losses that this statement brought to light: 0 or 1. */
  readonly losses: number
}

export interface WriterServices {
  readonly journal: JournalShape
  readonly store: LedgerStoreShape
  readonly time: TimeShape
  readonly random: RandomShape
}

/** Exceptions that were raised last; they are in no feed. */
const recentExceptions = 4_096

const firstPauseMs = 50
const maxPauseMs = 5000

/** Journal tables whose rows PostgreSQL holds too, and that outlive their place in the feed. */
const kept = ["transactions", "orders", "notifications", "pushes", "advices"] as const

export class BatchWriting {
  readonly counts: WriterCounts = {
    connected: false,
    trouble: undefined,
    writtenRows: 0,
    batches: 0,
    retries: 0,
    refusedRows: 0,
    conflicts: 0,
    rewinds: 0
  }
  /** What was confirmed; `remember` before the journal's watermark moves. */
  readonly marks: HeldMarks
  readonly #services: WriterServices
  readonly #chunkRows: number
  readonly #raised: Array<LedgerEntry> = []
  /** Rows of the feed up to here may have been confirmed. */
  #highest = 0

  constructor(services: WriterServices, chunkRows: number) {
    this.#services = services
    this.#chunkRows = chunkRows
    this.marks = new HeldMarks(services.journal)
  }

  /** Writes a batch of the feed. Infallible, and as patient as PostgreSQL needs. */
  batch(entries: ReadonlyArray<LedgerEntry>, mark: LedgerMark): Effect.Effect<void> {
    return Effect.flatMap(this.#place(entries, mark), (losses) => {
      this.counts.batches++
      return this.#makeGood(losses, mark.lane)
    })
  }

  /** Returns how many losses were noticed meanwhile: of rows that had been confirmed. */
  #place(entries: ReadonlyArray<LedgerEntry>, mark: LedgerMark): Effect.Effect<number> {
    return this.#attempt(entries, mark).pipe(
      Effect.flatMap(({ conflicts, losses }) => {
        this.#highest = Math.max(this.#highest, mark.sequence)
        return conflicts.length === 0
          ? Effect.succeed(losses)
          : Effect.map(this.#contradicted(conflicts, mark.lane), (more) => losses + more)
      }),
      Effect.catchTag("LedgerRejected", ({ reason }) => this.#halve(entries, reason, mark))
    )
  }

  /**
   * Whatever is written moves a mark, so that whatever is lost is missed. The mark of a lane that
   * has lost something stays, and moves by itself once that is known.
   */
  #write(
    entries: ReadonlyArray<LedgerEntry>,
    of: LedgerMark
  ): Effect.Effect<Written, LedgerUnavailable | LedgerRejected> {
    return Effect.suspend(() => {
      const { confirmed } = this.marks
      const mark = this.marks.moving(of)
      const after = confirmed.get(mark.lane) ?? 0
      return Effect.flatMap(
        this.#services.store.write(entries, { ...mark, after }),
        ({ conflicts, heldMarks, rows }) => {
          this.counts.writtenRows += rows
          this.counts.connected = true
          this.counts.trouble = undefined
          const losses = this.marks.losses(confirmed, heldMarks)
          if ((heldMarks.get(mark.lane) ?? 0) < after) {
            return Effect.map(
              this.#patiently(this.#write([], of)),
              (again) => ({ conflicts, losses: losses + again.losses })
            )
          }
          this.marks.confirm(mark)
          return Effect.succeed({ conflicts, losses })
        }
      )
    })
  }

  /** As patient as PostgreSQL needs; more rows than it has time for are rejected together. */
  #attempt(
    entries: ReadonlyArray<LedgerEntry>,
    mark: LedgerMark
  ): Effect.Effect<Written, LedgerRejected> {
    const isTooMuch = (error: unknown): error is LedgerUnavailable =>
      isUnavailable(error) && error.reason === "timeout" && entries.length > leastRows
    return this.#patiently(
      Effect.catchIf(this.#write(entries, mark), isTooMuch, ({ reason }) => {
        this.#missed(reason)
        return Effect.fail(new LedgerRejected({ reason }))
      })
    )
  }

  /** Repeats for ever while PostgreSQL is unavailable; the pause grows and is jittered. */
  #patiently<A, E>(attempt: Effect.Effect<A, E | LedgerUnavailable>): Effect.Effect<A, E> {
    let pauseMs = firstPauseMs
    const again: Effect.Effect<A, E> = Effect.suspend(() =>
      Effect.catchIf(attempt, isUnavailable, ({ reason }) => {
        const wasConnected = this.counts.connected
        this.#missed(reason)
        const sleepMs = pauseMs * (0.5 + this.#services.random.next())
        pauseMs = Math.min(maxPauseMs, pauseMs * 2)
        return Effect.logWarning("ledger-unavailable", { reason }).pipe(
          Effect.when(Effect.succeed(wasConnected)),
          Effect.andThen(Effect.sleep(sleepMs)),
          Effect.andThen(again)
        )
      })
    )
    return again
  }

  #missed(reason: string): void {
    this.counts.connected = false
    this.counts.trouble = reason
    this.counts.retries++
  }

  /** Halves until a bad row stands alone. Each half has a mark: that of its own last row. */
  #halve(
    entries: ReadonlyArray<LedgerEntry>,
    reason: string,
    { lane, sequence }: LedgerMark
  ): Effect.Effect<number> {
    const [entry] = entries
    if (entry === undefined) return Effect.succeed(0)
    if (entries.length === 1) return this.#refuse(entry, reason, lane)
    const middle = entries.length >> 1
    const before = sequence - (entries.length - middle)
    return Effect.flatMap(
      this.#place(entries.slice(0, middle), { lane, sequence: before }),
      (losses) =>
        Effect.map(
          this.#place(entries.slice(middle), { lane, sequence }),
          (more) => losses + more
        )
    )
  }

  #contradicted(conflicts: ReadonlyArray<string>, lane: number): Effect.Effect<number> {
    this.counts.conflicts += conflicts.length
    const atMs = this.#services.time.wallMs()
    return Effect.andThen(
      Effect.logError("ledger-contradicts", { rows: conflicts.length }),
      this.#raise(conflicts.map((each) => contradictingRow(each, atMs)), lane)
    )
  }

  #refuse(entry: LedgerEntry, reason: string, lane: number): Effect.Effect<number> {
    this.counts.refusedRows++
    return Effect.andThen(
      Effect.logError("ledger-row-refused", { table: entry.table, reason }),
      this.#raise([refusedRow(entry, reason, this.#services.time.wallMs())], lane)
    )
  }

  /** An exception's own texts are always storable; a store that refuses them is out of order. */
  #raise(rows: ReadonlyArray<ExceptionRow>, lane: number): Effect.Effect<number> {
    const entries = rows.map((row): LedgerEntry => ({ table: "exceptions", row }))
    this.#raised.push(...entries)
    this.#raised.splice(0, this.#raised.length - recentExceptions)
    return this.#beside(entries, lane)
  }

  /** Rows that the feed does not have, all or none; conflicts were told when they came up. */
  #beside(entries: ReadonlyArray<LedgerEntry>, lane: number): Effect.Effect<number> {
    return this.#attempt(entries, besideMark(lane)).pipe(
      Effect.map(({ losses }) => losses),
      Effect.catchTag("LedgerRejected", ({ reason }) => {
        const [entry] = entries
        if (entries.length === 1 && entry !== undefined) {
          return entry.table === "exceptions"
            ? Effect.as(Effect.logError("ledger-row-refused", { table: "exceptions", reason }), 0)
            : this.#refuse(entry, reason, lane)
        }
        const middle = entries.length >> 1
        return Effect.flatMap(
          this.#beside(entries.slice(0, middle), lane),
          (losses) => Effect.map(this.#beside(entries.slice(middle), lane), (more) => losses + more)
        )
      })
    )
  }

  /** At the start of a process, which remembers no confirmation but the journal's. */
  get checkStart(): Effect.Effect<void> {
    return Effect.flatMap(
      this.#patiently<Marks, never>(this.#services.store.marks),
      (held) => {
        const losses = this.marks.lossesAtStart(held)
        const beyond = this.marks.beyondJournal(held)
        return Effect.flatMap(
          beyond === undefined ? Effect.succeed(0) : this.#journalLost(beyond),
          (more) => this.#makeGood(losses + more, 0)
        )
      }
    )
  }

  /** Found when PostgreSQL was away at the start, or was not asked. */
  #journalLost(beyond: number): Effect.Effect<number> {
    const row = lostJournalRow(beyond, this.#services.time.wallMs())
    return Effect.andThen(
      Effect.logError("journal-lost", { detail: row.detail }),
      this.#raise([row], 0)
    )
  }

  /** Asks whether PostgreSQL still holds all that it confirmed, and writes again what it lost. */
  check(lane: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { confirmed } = this.marks
      return Effect.flatMap(
        this.#patiently<Marks, never>(this.#services.store.marks),
        (held) => this.#makeGood(this.marks.losses(confirmed, held), lane)
      )
    })
  }

  /**
   * Everything that was confirmed lately, and everything that the journal still holds of what was
   * written before: again until nothing more was lost meanwhile. Harmless when held.
   */
  #makeGood(noticed: number, lane: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      let losses = noticed
      while (losses > 0) {
        this.counts.rewinds++
        yield* Effect.logError("ledger-lost-rows")
        let more = 0
        more += yield* this.#feedAgain(lane)
        if (this.#raised.length > 0) more += yield* this.#beside(this.#raised.slice(), lane)
        for (const table of kept) more += yield* this.#rewrite(table, lane)
        this.marks.madeGood(losses)
        losses = more
      }
    })
  }

  /** What the journal keeps of the feed although it was confirmed. */
  #feedAgain(lane: number): Effect.Effect<number> {
    return Effect.gen({ self: this }, function*() {
      const highest = this.#highest
      let losses = 0
      let sequence = 0
      while (sequence < highest) {
        const taken = this.#services.journal.feedAfter(sequence, this.#chunkRows)
        const again = taken.filter((each) => each.sequence <= highest)
        sequence = again.at(-1)?.sequence ?? highest
        if (again.length > 0) losses += yield* this.#beside(again.map(({ entry }) => entry), lane)
      }
      return losses
    })
  }

  /** A table shows what is on its way to the disk, too; PostgreSQL hears of it only from there. */
  #rewrite(table: typeof kept[number], lane: number): Effect.Effect<number> {
    const write = (rows: ReadonlyArray<LedgerEntry>) =>
      Effect.andThen(this.#onDisk, this.#beside(rows, lane))
    return Effect.gen({ self: this }, function*() {
      let losses = 0
      let chunk: Array<LedgerEntry> = []
      for (const [, row] of this.#services.journal.entries(table)) {
        chunk.push({ table, row } as LedgerEntry)
        if (chunk.length < this.#chunkRows) continue
        losses += yield* write(chunk)
        chunk = []
      }
      return losses + (chunk.length === 0 ? 0 : yield* write(chunk))
    })
  }

  /** All that the journal shows now; never, when it has failed: then the process ends. */
  get #onDisk(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      this.#services.journal.commit([], [], (failure) => {
        if (failure === undefined) resume(Effect.void)
      })
    })
  }
}

const isUnavailable = (error: unknown): error is LedgerUnavailable =>
  error instanceof LedgerUnavailable
