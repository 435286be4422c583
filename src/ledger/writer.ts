/**
 * The ledger writer: moves the journal's feed to PostgreSQL in batches, several in flight. What
 * must hold: it never blocks an answer (it only reads the journal); the journal is told of rows
 * that are written and never of others, and that they are safe when every replica has them; batches
 * in flight are bounded by the lanes; at shutdown the feed is drained within a bound, and what
 * remains is written after the next start.
 */

import { Effect, Latch, Queue, type Scope } from "effect"
import { buggify } from "../domain/buggify.ts"
import { Journal, type LedgerEntry } from "../domain/ports/journal.ts"
import { LedgerStore } from "../domain/ports/ledger.ts"
import { Random, Time } from "../domain/ports/time.ts"
import { BatchWriting, type WriterCounts, type WriterServices } from "./batch-writing.ts"
import { BatchSize, FeedProgress } from "./feed-progress.ts"

interface WriterOptions {
  /** Most rows of a batch. */
  readonly batchRows: number
  /** How long a row may wait for others to share its batch. */
  readonly batchMs: number
  /** Batches in flight. */
  readonly lanes: number
  /** How long the end of the switch may wait for the feed. */
  readonly drainMs: number
  /**
   * How far behind a replica may be that takes over: the journal keeps rows for that long after
   * PostgreSQL confirmed them. 0: whatever was confirmed stays.
   */
  readonly replicaLagMs: number
}

export interface WriterView {
  readonly counts: WriterCounts
  readonly inFlight: () => number
  readonly batchRows: () => number
}

/** Starts the writer; it waits for `ready` before its first batch. Lives until the scope closes. */
export const startWriter = Effect.fnUntraced(function*(
  options: WriterOptions,
  ready: Effect.Effect<void>
): Effect.fn.Return<WriterView, never, Journal | LedgerStore | Time | Random | Scope.Scope> {
  const services: WriterServices = {
    journal: yield* Journal,
    store: yield* LedgerStore,
    time: yield* Time,
    random: yield* Random
  }
  const loop = new WriterLoop(options, services)
  services.journal.onFeed(() => loop.feed.openUnsafe())
  yield* Effect.andThen(ready, loop.run).pipe(Effect.forkScoped)
  if (options.replicaLagMs > 0) yield* Effect.andThen(ready, loop.keep).pipe(Effect.forkScoped)
  yield* Effect.addFinalizer(() => loop.drain)
  return loop.view
})

class WriterLoop {
  /** Open while the feed may hold rows that were not taken. */
  readonly feed = Latch.makeUnsafe(true)
  readonly #options: WriterOptions
  readonly #services: WriterServices
  readonly #progress = new FeedProgress()
  readonly #size: BatchSize
  readonly #writing: BatchWriting
  readonly #idle = Latch.makeUnsafe(true)
  #running = false
  /** Every replica has the feed up to here. */
  #safe = 0
  #draining = false

  constructor(options: WriterOptions, services: WriterServices) {
    this.#options = options
    this.#services = services
    this.#size = new BatchSize(options.batchRows)
    this.#writing = new BatchWriting(services, options.batchRows)
  }

  get view(): WriterView {
    return {
      counts: this.#writing.counts,
      inFlight: () => this.#progress.inFlight,
      batchRows: () => this.#size.rows
    }
  }

  get run(): Effect.Effect<never> {
    return Effect.scoped(Effect.gen({ self: this }, function*() {
      this.#running = true
      yield* this.#writing.checkStart
      const lanes = yield* Queue.unbounded<number>()
      for (let lane = 0; lane < this.#options.lanes; lane++) yield* Queue.offer(lanes, lane)
      let full = false
      while (true) {
        yield* this.feed.await
        // A short batch means that the feed was empty: let the next rows gather.
        if (!full && !this.#draining) yield* Effect.sleep(this.#options.batchMs)
        const lane = yield* Queue.take(lanes)
        this.feed.closeUnsafe()
        const limit = buggify("ledger-batch-of-one", 0.1) ? 1 : this.#size.rows
        const taken = this.#services.journal.feedAfter(this.#progress.cursor, limit)
        full = taken.length === limit
        if (full) this.feed.openUnsafe()
        const last = taken.at(-1)
        if (last === undefined) {
          yield* Queue.offer(lanes, lane)
          if (this.#progress.inFlight === 0) this.#idle.openUnsafe()
          continue
        }
        this.#progress.take(last.sequence)
        this.#idle.closeUnsafe()
        const entries = taken.map(({ entry }) => entry)
        yield* Effect.ensuring(
          this.#batch(lane, entries, last.sequence),
          Queue.offer(lanes, lane)
        ).pipe(Effect.forkScoped)
      }
    }))
  }

  #batch(
    lane: number,
    entries: ReadonlyArray<LedgerEntry>,
    sequence: number
  ): Effect.Effect<void> {
    const { time, journal } = this.#services
    return Effect.suspend(() => {
      const retries = this.#writing.counts.retries
      const startedMs = time.monotonicMs()
      return Effect.map(this.#writing.batch(entries, { lane, sequence }), () => {
        if (this.#writing.counts.retries === retries) {
          this.#size.written(time.monotonicMs() - startedMs)
        } else this.#size.trouble()
        const end = this.#progress.written(sequence)
        if (end !== undefined) {
          this.#writing.marks.remember()
          journal.feedWritten(end, this.#options.replicaLagMs > 0 ? this.#safe : end)
        }
        // Looks once more, so that an empty feed is noticed as idle.
        if (this.#progress.inFlight === 0) this.feed.openUnsafe()
      })
    })
  }

  /**
   * Rows are safe when they are still held, in PostgreSQL's own words, by the time that every
   * replica must have them: a fail-over before that was noticed, and a later one cannot lose them.
   */
  get keep(): Effect.Effect<never> {
    return Effect.gen({ self: this }, function*() {
      const { journal } = this.#services
      const { marks } = this.#writing
      while (true) {
        const written = journal.feedMark()
        const { noticed } = marks
        yield* Effect.sleep(this.#options.replicaLagMs)
        if (written === this.#safe || noticed === undefined) continue
        yield* this.#writing.check(this.#options.lanes)
        if (marks.noticed !== noticed) continue
        this.#safe = written
        journal.feedWritten(written, written)
      }
    })
  }

  /** Returns when the feed is empty and written, or when the bound is reached. */
  get drain(): Effect.Effect<void> {
    // The turn that a writer which was only just started needs to begin.
    return Effect.andThen(Effect.yieldNow, () => {
      this.#draining = true
      if (!this.#running) return Effect.void
      this.#idle.closeUnsafe()
      this.feed.openUnsafe()
      return Effect.asVoid(Effect.timeoutOption(this.#idle.await, this.#options.drainMs))
    })
  }
}
