/**
 * Writing one batch to its end, whatever it takes. What must hold: it returns only when every row
 * is in PostgreSQL or in the exceptions; an outage is waited out; a batch that one row spoils is
 * halved until that row stands alone; rows that PostgreSQL confirmed and lost are written again
 * from what the journal still holds.
 */

import { Effect } from "effect"
import type { JournalShape, LedgerEntry } from "../domain/ports/journal.ts"
import type { LedgerMark, LedgerStoreShape, LedgerUnavailable } from "../domain/ports/ledger.ts"
import type { RandomShape, TimeShape } from "../domain/ports/time.ts"
import { contradictingRow, refusedRow } from "./exception-rows.ts"

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

export interface WriterServices {
  readonly journal: JournalShape
  readonly store: LedgerStoreShape
  readonly time: TimeShape
  readonly random: RandomShape
}

/** Rows that are written again have marks of their own, so that their loss is noticed as well. */
const rewriteLane = 9_999

const noMarks: ReadonlyMap<number, number> = new Map()

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
  readonly #services: WriterServices
  readonly #chunkRows: number
  /** The last mark that PostgreSQL confirmed, by lane. */
  readonly #confirmed = new Map<number, number>()
  /** The last mark of {@link rewriteLane}. */
  #rewritten = 0

  constructor(services: WriterServices, chunkRows: number) {
    this.#services = services
    this.#chunkRows = chunkRows
  }

  /** Writes a batch of the feed. Infallible, and as patient as PostgreSQL needs. */
  batch(entries: ReadonlyArray<LedgerEntry>, mark: LedgerMark): Effect.Effect<void> {
    return Effect.andThen(
      this.#write(entries, mark),
      Effect.sync(() => {
        this.counts.batches++
        this.#confirmed.set(mark.lane, mark.sequence)
      })
    )
  }

  #write(entries: ReadonlyArray<LedgerEntry>, mark?: LedgerMark): Effect.Effect<void> {
    const { store } = this.#services
    const confirmed = mark === undefined ? noMarks : new Map(this.#confirmed)
    return store.write(entries, mark).pipe(
      Effect.matchEffect({
        onSuccess: ({ conflicts, heldMarks, rows }) => {
          this.counts.writtenRows += rows
          this.counts.connected = true
          this.counts.trouble = undefined
          const held = this.#checkHeld(confirmed, heldMarks)
          return conflicts.length === 0
            ? held
            : Effect.andThen(held, this.#contradicted(conflicts))
        },
        onFailure: (error) =>
          error._tag === "LedgerRejected"
            ? this.#halve(entries, error.reason, mark)
            : Effect.fail(error)
      }),
      (attempt) => this.#patiently(attempt)
    )
  }

  /** Repeats for ever while PostgreSQL is unavailable; the pause grows and is jittered. */
  #patiently<A>(attempt: Effect.Effect<A, LedgerUnavailable>): Effect.Effect<A> {
    let pauseMs = firstPauseMs
    const again: Effect.Effect<A> = Effect.suspend(() =>
      Effect.catchTag(attempt, "LedgerUnavailable", (error) => {
        const wasConnected = this.counts.connected
        this.counts.connected = false
        this.counts.trouble = error.reason
        this.counts.retries++
        const sleepMs = pauseMs * (0.5 + this.#services.random.next())
        pauseMs = Math.min(maxPauseMs, pauseMs * 2)
        return Effect.logWarning(`the ledger is unavailable: ${error.reason}`).pipe(
          Effect.when(Effect.succeed(wasConnected)),
          Effect.andThen(Effect.sleep(sleepMs)),
          Effect.andThen(again)
        )
      })
    )
    return again
  }

  /** Halves until a bad row stands alone; then the mark follows, since all rows are placed. */
  #halve(
    entries: ReadonlyArray<LedgerEntry>,
    reason: string,
    mark: LedgerMark | undefined
  ): Effect.Effect<void> {
    const [entry] = entries
    const middle = entries.length >> 1
    const placed = entries.length > 1
      ? Effect.andThen(
        this.#write(entries.slice(0, middle)),
        this.#write(entries.slice(middle))
      )
      : entry === undefined
      ? Effect.void
      : this.#refuse(entry, reason)
    return mark === undefined ? placed : Effect.andThen(placed, this.#write([], mark))
  }

  #contradicted(conflicts: ReadonlyArray<string>): Effect.Effect<void> {
    this.counts.conflicts += conflicts.length
    const atMs = this.#services.time.wallMs()
    return Effect.andThen(
      Effect.logError(`the ledger holds other content for ${conflicts.length} rows`),
      this.#raise(conflicts.map((each) => contradictingRow(each, atMs)))
    )
  }

  #refuse(entry: LedgerEntry, reason: string): Effect.Effect<void> {
    this.counts.refusedRows++
    return Effect.andThen(
      Effect.logError(`the ledger refused a row of ${entry.table}: ${reason}`),
      this.#raise([refusedRow(entry, reason, this.#services.time.wallMs())])
    )
  }

  /** An exception's own texts are always storable; a store that refuses them is out of order. */
  #raise(rows: ReadonlyArray<ReturnType<typeof refusedRow>>): Effect.Effect<void> {
    const entries = rows.map((row): LedgerEntry => ({ table: "exceptions", row }))
    return this.#patiently(
      this.#services.store.write(entries).pipe(
        Effect.asVoid,
        Effect.catchTag(
          "LedgerRejected",
          (error) => Effect.logError(`the ledger refused an exception: ${error.reason}`)
        )
      )
    )
  }

  /**
   * Does PostgreSQL still hold what it had confirmed, on every lane, before this batch was sent? A
   * replica that took over without the last rows does not, and nothing else would say so.
   */
  #checkHeld(
    confirmed: ReadonlyMap<number, number>,
    held: ReadonlyMap<number, number>
  ): Effect.Effect<void> {
    for (const [lane, sequence] of confirmed) {
      if ((held.get(lane) ?? 0) < sequence) return this.#rewind
    }
    return Effect.void
  }

  /**
   * The same at the start of a process, which remembers no confirmation but the journal's: the lane
   * that wrote the journal's watermark has a mark at or above it.
   */
  get checkStart(): Effect.Effect<void> {
    return this.#patiently(
      Effect.flatMap(this.#services.store.marks, (marks) => {
        let held = 0
        for (const [lane, sequence] of marks) {
          this.#confirmed.set(lane, sequence)
          if (lane !== rewriteLane) held = Math.max(held, sequence)
        }
        return held >= this.#services.journal.feedMark() ? Effect.void : this.#rewind
      })
    )
  }

  get #rewind(): Effect.Effect<void> {
    this.counts.rewinds++
    this.#rewritten = Math.max(this.#rewritten, this.#confirmed.get(rewriteLane) ?? 0)
    this.#confirmed.clear()
    return Effect.andThen(
      Effect.logError("the ledger lost rows that it had confirmed; writing them again"),
      this.#patiently(this.#rewrite)
    )
  }

  /** Everything that the journal still holds of what was written before. Harmless when held. */
  get #rewrite(): Effect.Effect<void, LedgerUnavailable> {
    return Effect.gen({ self: this }, function*() {
      for (const table of kept) {
        let chunk: Array<LedgerEntry> = []
        for (const [, row] of this.#services.journal.entries(table)) {
          chunk.push({ table, row } as LedgerEntry)
          if (chunk.length < this.#chunkRows) continue
          yield* this.#rewriteChunk(chunk)
          chunk = []
        }
        yield* this.#rewriteChunk(chunk)
      }
    })
  }

  #rewriteChunk(chunk: ReadonlyArray<LedgerEntry>): Effect.Effect<void, LedgerUnavailable> {
    const sequence = ++this.#rewritten
    return this.#services.store.write(chunk, { lane: rewriteLane, sequence }).pipe(
      Effect.andThen(Effect.sync(() => this.#confirmed.set(rewriteLane, sequence))),
      Effect.asVoid,
      Effect.catchTag(
        "LedgerRejected",
        (error) => Effect.logError(`the ledger refused rows that it had held: ${error.reason}`)
      )
    )
  }
}
