/**
 * What a restart owes: every transaction that was in flight is reversed, every outcome that is not
 * known to have been delivered is `delivery-unconfirmed`, every chain goes on. Idempotent: killed
 * in the middle, it finds the same work again, less what it had finished (I1, P1–P3).
 */

import { Effect } from "effect"
import type { AdviceRecord } from "../domain/advice.ts"
import type { JournalWrite, LedgerEntry } from "../domain/ports/journal.ts"
import { step, type TransactionRecord } from "../domain/transaction.ts"
import { changed } from "./chains.ts"
import type { Desk } from "./desk.ts"
import type { Room } from "./room.ts"

export interface Recovered {
  readonly records: number
  readonly reversed: number
  readonly unconfirmed: number
  readonly chains: number
}

/** Completes when all that was found is durable; sockets are opened after it. */
export const recover = Effect.fnUntraced(function*(room: Room, desk: Desk) {
  const records = [...room.journal.entries("transactions")].map(([, record]) => record)
  records.sort((left, right) => left.id < right.id ? -1 : 1)
  const fallen: Array<JournalWrite> = []
  for (const record of records) {
    fallen.push(...desk.floor.remember(record, (id) => desk.chains.isOwing(id)))
  }
  const chains = [...room.journal.entries("advices")].map(([, advice]) => advice)
  let reversed = 0
  let unconfirmed = 0
  for (const record of records) {
    if (isInDoubt(record)) {
      yield* reverse(room, desk, record)
      reversed++
    } else if (
      record.approved === true && record.state === "answered" && undelivered(room, record)
    ) {
      yield* unconfirm(room, desk, record)
      unconfirmed++
    }
  }
  if (fallen.length > 0) yield* commit(room, fallen, [])
  for (const advice of chains) room.advices.start(again(advice))
  return { records: records.length, reversed, unconfirmed, chains: chains.length }
})

/** Forwarded, and no outcome: the upstream may have approved. */
function isInDoubt(record: TransactionRecord): boolean {
  return record.state === "forwarded" || record.state === "routed"
}

function undelivered(room: Room, record: TransactionRecord): boolean {
  return room.journal.get("undelivered", record.id) !== undefined
}

/** Whether it had been sent before the restart is unknown, so it goes on as a repeat. */
function again(advice: AdviceRecord): AdviceRecord {
  return { ...advice, attempts: Math.max(1, advice.attempts) }
}

const reverse = Effect.fnUntraced(function*(room: Room, desk: Desk, record: TransactionRecord) {
  const state = record.state === "routed" ? step("routed", "forwarded") : record.state
  const timedOut = changed({ ...record, state }, {
    state: step(state, "timed-out"),
    approved: false,
    failure: "restarted",
    times: { ...record.times, timedOutMs: room.time.wallMs() }
  })
  const opened = desk.chains.owe(timedOut, "restarted")
  yield* commit(room, opened.writes, opened.feed)
  opened.start()
})

const unconfirm = Effect.fnUntraced(function*(room: Room, desk: Desk, record: TransactionRecord) {
  const marked = changed(record, { state: step(record.state, "delivery-unconfirmed") })
  const reverses = room.terminals.find(record.terminal)?.reverseUnconfirmed === true
  const opened = reverses ? desk.chains.owe(marked, "undeliverable") : undefined
  const writes: ReadonlyArray<JournalWrite> = opened?.writes ??
    [
      { table: "transactions", key: record.id, value: marked },
      { table: "undelivered", key: record.id, value: undefined }
    ]
  const feed: ReadonlyArray<LedgerEntry> = opened?.feed ??
    [{ table: "transactions", row: marked }]
  yield* commit(room, writes, feed)
  opened?.start()
})

/** A failed commit never completes: the journal ends the process, and the next start recovers. */
const commit = (
  room: Room,
  writes: ReadonlyArray<JournalWrite>,
  feed: ReadonlyArray<LedgerEntry>
): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    room.journal.commit(writes, feed, (failure) => {
      if (failure === undefined) resume(Effect.void)
    })
  })
