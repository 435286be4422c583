/**
 * The journal: tables and feed over a log of groups. Its layer opens the log, replays it, and from
 * then on is plain synchronous code; only the disk below it is waited for.
 */

import { Effect, Layer } from "effect"
import { invariant } from "../domain/invariant.ts"
import {
  Journal,
  type JournalHealth,
  JournalStore,
  type JournalTable,
  type JournalTables,
  type JournalUnusable,
  type OpenLog
} from "../domain/ports/journal.ts"
import { Time, type TimeShape } from "../domain/ports/time.ts"
import { Committer } from "./committer.ts"
import { Contents } from "./contents.ts"
import { givenUp, type JournalMode } from "./modes.ts"
import { refuse } from "./refusals.ts"

export interface JournalOptions {
  readonly mode: JournalMode
  /** `outcome` and `relaxed` need this. */
  readonly unsafe: boolean
  /** Live keys and feed entries together; the memory for their places is bounded by it. */
  readonly maxRecords?: number
  /** Called once, when a commit failed: what is on disk is in doubt, and only a restart tells. */
  readonly onFailed: () => void
}

/** Places in memory cost about 200 bytes each. */
const defaultMaxRecords = 4_000_000
/** What nobody waits for is on disk after this at the latest. */
const noteMs = 100
/** So much that is not on disk means that the disk does not keep up: nothing new is begun. */
const maxBacklogBytes = 32 * 1024 * 1024
const alarmShare = 0.5
const fullShare = 0.9
/** Feed entries handed out at once, whatever is asked for. */
const maxFeedEntries = 10_000

export const journalLayer = (
  options: JournalOptions
): Layer.Layer<Journal, JournalUnusable, JournalStore | Time> =>
  Layer.effect(
    Journal,
    Effect.gen(function*() {
      if (options.mode !== "strict" && !options.unsafe) return yield* refuse("unsafe")
      const time = yield* Time
      const store = yield* JournalStore
      const log = yield* store.open
      const startedMs = time.monotonicMs()
      const contents = new Contents(log)
      const fault = contents.replay()
      if (fault !== undefined) return yield* refuse(fault.reason, fault.what)
      yield* Effect.logInfo("journal-replayed", {
        groups: contents.groups.count,
        records: contents.records,
        ms: Math.round(time.monotonicMs() - startedMs)
      })
      for (const line of givenUp(options.mode)) {
        yield* Effect.logWarning("invariant-given-up", { what: line })
      }
      const opened = openJournal(contents, log, time, options)
      yield* Effect.acquireRelease(
        Effect.sync(() => time.every(noteMs, () => opened.committer.flushNotes())),
        (stop) => Effect.andThen(Effect.sync(stop), flushed(opened.committer))
      )
      return Journal.of(opened.journal)
    })
  )

/** Everything committed or noted so far is on disk, or will never be. */
const flushed = (committer: Committer): Effect.Effect<void> =>
  Effect.callback<void>((resume) => committer.flush(() => resume(Effect.void)))

function openJournal(
  contents: Contents,
  log: OpenLog,
  time: TimeShape,
  options: JournalOptions
): { readonly journal: Journal["Service"]; readonly committer: Committer } {
  const listeners: Array<() => void> = []
  const committer = new Committer(contents, log, time, {
    mode: options.mode,
    maxBytes: log.maxBytes,
    onFailed: options.onFailed,
    onDurable: (feedGrew) => {
      if (feedGrew) { for (const listener of listeners) listener() }
    }
  })
  const { feed } = contents
  const health = makeHealth(contents, committer, log, time, options)
  const journal: Journal["Service"] = {
    commit: (writes, entries, done) => committer.commit(writes, entries, done),
    note: (writes, entries) => committer.note(writes, entries),
    get: <T extends JournalTable>(table: T, key: string) => {
      if (table !== "feed") return contents.get(table, key) as JournalTables[T] | undefined
      const slot = feed.at(Number(key))
      return slot === undefined ? undefined : contents.entry(slot) as JournalTables[T]
    },
    has: (table, key) => contents.has(table, key),
    keys: (table) => contents.keys(table),
    entries: <T extends JournalTable>(table: T) =>
      (table === "feed" ? contents.feedEntries() : contents.entries(table)) as Iterable<
        readonly [string, JournalTables[T]]
      >,
    survey: (looked, kept, each) => contents.survey(looked, kept, each),
    greatestKey: (table) => contents.greatestKey(table),
    feedAfter: (sequence, limit) => {
      const first = Math.max(sequence, feed.watermark) + 1
      const last = Math.min(feed.durable, first + Math.min(limit, maxFeedEntries) - 1)
      const entries = []
      for (let next = first; next <= last; next++) {
        const slot = feed.at(next)
        invariant(slot !== undefined, "the feed has no gaps")
        entries.push({ sequence: next, entry: contents.entry(slot) })
      }
      return entries
    },
    feedWritten: (written, safe) => committer.feedWritten(written, safe),
    feedMark: () => feed.written,
    onFeed: (listener) => void listeners.push(listener),
    health: () => health
  }
  return { journal, committer }
}

/** One object for the life of the journal, whose properties are read when somebody looks. */
function makeHealth(
  contents: Contents,
  committer: Committer,
  log: OpenLog,
  time: TimeShape,
  { maxRecords = defaultMaxRecords, mode }: JournalOptions
): JournalHealth {
  const { feed } = contents
  return {
    mode,
    givenUp: givenUp(mode),
    maxBytes: log.maxBytes,
    maxRecords,
    get bytes() {
      return log.usedBytes() + committer.backlogBytes
    },
    get records() {
      return contents.records
    },
    get level() {
      if (committer.failed) return "failed"
      if (committer.backlogBytes > maxBacklogBytes) return "full"
      const share = Math.max(log.usedBytes() / log.maxBytes, contents.records / maxRecords)
      return share > fullShare ? "full" : share > alarmShare ? "alarm" : "open"
    },
    get waitingMs() {
      const since = committer.waitingSinceMs
      return since === undefined ? 0 : time.monotonicMs() - since
    },
    get feedPending() {
      return feed.pending
    },
    get oldestFeedMs() {
      // The clock may have been set back since.
      return feed.oldestMs === undefined ? undefined : Math.max(0, time.wallMs() - feed.oldestMs)
    },
    get commitP50Ms() {
      return committer.latencies.percentileMs(0.5)
    },
    get commitP99Ms() {
      return committer.latencies.percentileMs(0.99)
    }
  }
}
