/**
 * What a restart owes: every transaction that was in flight is reversed, every outcome that is not
 * known to have been delivered is `delivery-unconfirmed`, every chain goes on, and so does every
 * search for a reversal's original. Idempotent: killed in the middle, it finds the same work again,
 * less what it had finished (I1, P1–P3).
 */

import { Effect } from "effect"
import type { AdviceRecord } from "../domain/advice.ts"
import type { TransactionId } from "../domain/brand.ts"
import { invariant } from "../domain/invariant.ts"
import type { JournalWrite, LedgerEntry } from "../domain/ports/journal.ts"
import { step, type TransactionRecord } from "../domain/transaction.ts"
import { madeMs } from "../domain/uuid.ts"
import { changed } from "./chains.ts"
import type { Desk } from "./desk.ts"
import { rememberedFields } from "./recent-window.ts"
import type { Room } from "./room.ts"
import { isAhead, StanMarks } from "./stan-marks.ts"

export interface Recovered {
  readonly records: number
  readonly reversed: number
  readonly unconfirmed: number
  readonly chains: number
}

const lookedAt = [
  "id",
  "original",
  "state",
  "upstream",
  "upstreamStan",
  "walletReference"
] as const

/** Chains are started so many at a time: the upstreams take no more, and terminals wait. */
export const chainsAtOnce = 256

/** Windows of terminals that are read in one turn. */
const windowsAtOnce = 16

/** What one record owes: one commit, and what to do once it is on disk. */
interface Owed {
  readonly writes: ReadonlyArray<JournalWrite>
  readonly feed: ReadonlyArray<LedgerEntry>
  readonly start: () => void
}

/** Completes when all that was found is durable; sockets are opened after it. */
export const recover = Effect.fnUntraced(function*(room: Room, desk: Desk) {
  const chains = [...room.journal.keys("advices")] as Array<TransactionId>
  const { inDoubt, newest, records, unconfirmed } = read(room, desk)
  const latest = room.journal.greatestKey("transactions")
  // Ids go on behind it also when the wall clock was set back: windows are in their order (K1).
  if (latest !== undefined) room.nextId(madeMs(latest as TransactionId) + 1)
  // Before any chain takes a number.
  for (const [upstream, stan] of newest) room.upstreams.continueAfter(upstream, stan)
  // All at once: they share the syncs, and a day's worth takes no longer than a few.
  yield* allDurable(room, [
    ...inDoubt.map((id) => () => reverse(room, desk, id)),
    ...unconfirmed.map((id) => () => unconfirm(room, desk, id))
  ])
  beside(room, desk, startSome(room, desk, chains))
  beside(room, desk, readSome(room, desk))
  desk.reversals.late.resume()
  return {
    records,
    reversed: inDoubt.length,
    unconfirmed: unconfirmed.length,
    chains: chains.length
  }
})

/** Looks at every record once, and keeps of most only what the recent window needs; by age. */
function read({ journal }: Room, { chains, floor, reversals }: Desk) {
  let records = 0
  const inDoubt: Array<TransactionId> = []
  const newest = StanMarks.read(journal)
  const windows = journal.survey(lookedAt, rememberedFields, (seen) => {
    records++
    // No outcome: the upstream may have approved.
    if (seen.state === "forwarded") inDoubt.push(seen.id)
    const { original, upstream, upstreamStan, walletReference } = seen
    if (walletReference !== undefined) floor.refer(walletReference, seen.id)
    if (original !== undefined && journal.has("advices", seen.id)) chains.hold(original)
    if (upstream === undefined || upstreamStan === undefined) return
    const last = newest.get(upstream)
    if (last === undefined || isAhead(upstreamStan, last)) newest.set(upstream, upstreamStan)
  })
  floor.recent.restore(windows)
  reversals.late.restore(journal)
  const unconfirmed: Array<TransactionId> = []
  for (const key of journal.keys("undelivered")) {
    const id = key as TransactionId
    const record = journal.get("transactions", id)
    if (record?.state === "answered") unconfirmed.push(id)
  }
  return { records, inDoubt: inDoubt.sort(), newest, unconfirmed: unconfirmed.sort() }
}

/** Calls `some` once a turn until it says that it is done; a drain leaves it to the next start. */
function beside({ time }: Room, desk: Desk, some: () => boolean): void {
  const turn = () => {
    if (!desk.isDraining && !some()) time.defer(turn)
  }
  turn()
}

/** Goes on with the chains of earlier runs. */
function startSome(
  { journal }: Room,
  { chains }: Desk,
  ids: ReadonlyArray<TransactionId>
): () => boolean {
  let next = 0
  return () => {
    for (const id of ids.slice(next, next += chainsAtOnce)) {
      const advice = journal.get("advices", id)
      if (advice !== undefined) chains.begin(again(advice))
    }
    return next >= ids.length
  }
}

/** Reads the windows of terminals that have not spoken yet, and removes what is outside of them. */
function readSome({ journal }: Room, { chains, floor }: Desk): () => boolean {
  return () => {
    for (let count = 0; count < windowsAtOnce; count++) {
      const removals = floor.readNext(chains.isOwing)
      if (removals === "all-read") return true
      if (removals.length > 0) journal.note(removals, [])
    }
    return false
  }
}

/** Whether it had been sent before the restart is unknown, so it goes on as a repeat. */
function again(advice: AdviceRecord): AdviceRecord {
  return { ...advice, attempts: Math.max(1, advice.attempts) }
}

function found({ journal }: Room, id: TransactionId): TransactionRecord {
  const record = journal.get("transactions", id)
  invariant(record !== undefined, "what was looked at is in the journal")
  return record
}

function reverse(room: Room, desk: Desk, id: TransactionId): Owed {
  const record = found(room, id)
  const timedOut = changed(record, {
    state: step(record.state, "timed-out"),
    approved: false,
    failure: "restarted",
    times: { ...record.times, timedOutMs: room.time.wallMs() }
  })
  return desk.chains.owe(timedOut, "restarted")
}

function unconfirm(room: Room, desk: Desk, id: TransactionId): Owed {
  const record = found(room, id)
  const marked = changed(record, { state: step(record.state, "delivery-unconfirmed") })
  const reverses = room.terminals.find(record.terminal)?.reverseUnconfirmed === true
  if (reverses) return desk.chains.owe(marked, "undeliverable")
  // The mark stays until the doubt ends: it keeps the record, which a reversal would need.
  return {
    writes: [{ table: "transactions", key: record.id, value: marked }],
    feed: [{ table: "transactions", row: marked }],
    start: () => {}
  }
}

/** A failed commit never completes: the journal ends the process, and the next start recovers. */
const allDurable = (room: Room, owed: ReadonlyArray<() => Owed>): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    let waiting = owed.length
    if (waiting === 0) resume(Effect.void)
    for (const make of owed) {
      const { feed, start, writes } = make()
      room.journal.commit(writes, feed, (failure) => {
        if (failure !== undefined) return
        start()
        if (--waiting === 0) resume(Effect.void)
      })
    }
  })
