/**
 * What a restart owes: every transaction that was in flight is reversed, every outcome that is not
 * known to have been delivered is `delivery-unconfirmed`, every chain goes on. Idempotent: killed
 * in the middle, it finds the same work again, less what it had finished (I1, P1–P3).
 */

import { Effect } from "effect"
import type { AdviceRecord } from "../domain/advice.ts"
import type { Stan } from "../domain/brand.ts"
import type { JournalWrite, LedgerEntry } from "../domain/ports/journal.ts"
import { step, type TransactionRecord } from "../domain/transaction.ts"
import { changed } from "./chains.ts"
import type { Desk } from "./desk.ts"
import { type Remembered, rememberedFields } from "./floor.ts"
import type { Room } from "./room.ts"

export interface Recovered {
  readonly records: number
  readonly reversed: number
  readonly unconfirmed: number
  readonly chains: number
}

const lookedAt = [...rememberedFields, "state", "upstream", "upstreamStan"] as const

/** What one record owes: one commit, and what to do once it is on disk. */
interface Owed {
  readonly writes: ReadonlyArray<JournalWrite>
  readonly feed: ReadonlyArray<LedgerEntry>
  readonly start: () => void
}

/** The newest transaction of an upstream, and the number that it has there. */
interface Numbered {
  readonly id: string
  readonly stan: Stan
}

/** Completes when all that was found is durable; sockets are opened after it. */
export const recover = Effect.fnUntraced(function*(room: Room, desk: Desk) {
  const chains = [...room.journal.entries("advices")].map(([, advice]) => advice)
  const { inDoubt, last, remembered, unconfirmed } = read(room)
  // Before any chain takes a number.
  for (const [upstream, { stan }] of last) room.upstreams.continueAfter(upstream, stan)
  const fallen: Array<JournalWrite> = []
  const chained = new Set(chains.map(({ transaction }) => transaction))
  const owes = (id: TransactionRecord["id"]) => chained.has(id) || desk.chains.isOwing(id)
  for (const each of remembered) fallen.push(...desk.floor.remember(each, owes))
  // All at once: they share the syncs, and a day's worth takes no longer than a few.
  yield* allDurable(room, [
    ...inDoubt.map((record) => reverse(room, desk, record)),
    ...unconfirmed.map((record) => unconfirm(room, desk, record)),
    { writes: fallen, feed: [], start: () => {} }
  ])
  for (const advice of chains) room.advices.start(again(advice))
  return {
    records: remembered.length,
    reversed: inDoubt.length,
    unconfirmed: unconfirmed.length,
    chains: chains.length
  }
})

/** Looks at every record once, and keeps of most only what the recent window needs; by age. */
function read({ journal }: Room) {
  const remembered: Array<Remembered> = []
  const inDoubt: Array<TransactionRecord> = []
  const last = new Map<string, Numbered>()
  for (const [id, seen] of journal.entries("transactions", lookedAt)) {
    remembered.push(seen)
    const { upstream, upstreamStan: stan } = seen
    if (upstream !== undefined && stan !== undefined && !(id < (last.get(upstream)?.id ?? ""))) {
      last.set(upstream, { id, stan })
    }
    const record = isInDoubt(seen) ? journal.get("transactions", id) : undefined
    if (record !== undefined) inDoubt.push(record)
  }
  const unconfirmed: Array<TransactionRecord> = []
  for (const [id] of journal.entries("undelivered")) {
    const record = journal.get("transactions", id)
    if (record?.approved === true && record.state === "answered") unconfirmed.push(record)
  }
  return {
    remembered: remembered.sort(byAge),
    inDoubt: inDoubt.sort(byAge),
    last,
    unconfirmed: unconfirmed.sort(byAge)
  }
}

const byAge = (left: Remembered, right: Remembered) => left.id < right.id ? -1 : 1

/** Forwarded, and no outcome: the upstream may have approved. */
function isInDoubt(record: Pick<TransactionRecord, "state">): boolean {
  return record.state === "forwarded" || record.state === "routed"
}

/** Whether it had been sent before the restart is unknown, so it goes on as a repeat. */
function again(advice: AdviceRecord): AdviceRecord {
  return { ...advice, attempts: Math.max(1, advice.attempts) }
}

function reverse(room: Room, desk: Desk, record: TransactionRecord): Owed {
  const state = record.state === "routed" ? step("routed", "forwarded") : record.state
  const timedOut = changed({ ...record, state }, {
    state: step(state, "timed-out"),
    approved: false,
    failure: "restarted",
    times: { ...record.times, timedOutMs: room.time.wallMs() }
  })
  return desk.chains.owe(timedOut, "restarted")
}

function unconfirm(room: Room, desk: Desk, record: TransactionRecord): Owed {
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
const allDurable = (room: Room, owed: ReadonlyArray<Owed>): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    let waiting = owed.length
    for (const each of owed) {
      room.journal.commit(each.writes, each.feed, (failure) => {
        if (failure !== undefined) return
        each.start()
        if (--waiting === 0) resume(Effect.void)
      })
    }
  })
