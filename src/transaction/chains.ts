/**
 * Reversal chains from the transaction's side: opened in the same commit as what made them
 * necessary, at most one a transaction (I3), and closed by the upstream's acknowledgement or by
 * an exception that names a human's work.
 */

import type { AdviceRecord } from "../domain/advice.ts"
import type { TransactionId } from "../domain/brand.ts"
import { invariant } from "../domain/invariant.ts"
import { reversibleKinds } from "../domain/kind.ts"
import type { AdviceEnd } from "../domain/ports/advices.ts"
import type { ExceptionRow, JournalWrite, LedgerEntry } from "../domain/ports/journal.ts"
import type { UpstreamAnswer } from "../domain/ports/upstream.ts"
import { step, type TransactionDraft, type TransactionRecord } from "../domain/transaction.ts"
import type { Floor } from "./floor.ts"
import { whole } from "./originals.ts"
import type { Room } from "./room.ts"

/** Changes that go into one commit, and what to do once they are on disk. */
export interface Opened {
  readonly record: TransactionRecord
  readonly writes: ReadonlyArray<JournalWrite>
  readonly feed: ReadonlyArray<LedgerEntry>
  readonly start: () => void
}

export class Chains {
  readonly #room: Room
  readonly #floor: Floor
  /** Originals that follow-ons in flight and their pending chains speak of, with how many do. */
  readonly #originals = new Map<TransactionId, number>()

  constructor(room: Room, floor: Floor) {
    this.#room = room
    this.#floor = floor
    room.advices.onEnd((end) => this.#ended(end))
    room.upstreams.onLate((id, answer) => this.#late(id as TransactionId, answer))
  }

  has(id: TransactionId): boolean {
    return this.#room.journal.has("advices", id)
  }

  /** A transaction that still owes something keeps its place in the journal. */
  readonly isOwing = (id: TransactionId): boolean =>
    this.has(id) || this.#originals.has(id) || this.#floor.graces.has(id) ||
    this.#room.journal.has("undelivered", id)

  /** A follow-on, or the chain of one, refers to this original, and may give back to it. */
  hold(original: TransactionId): void {
    this.#originals.set(original, (this.#originals.get(original) ?? 0) + 1)
  }

  /** It does not any more: an original that fell out of the window meanwhile is removed. */
  letGo(original: TransactionId, writes: Array<JournalWrite>): void {
    const count = (this.#originals.get(original) ?? 0) - 1
    if (count > 0) this.#originals.set(original, count)
    else this.#originals.delete(original)
    if (!this.isOwing(original)) writes.push(...this.#floor.released(original))
  }

  /**
   * What is owed for a transaction that may have moved money and must not have: a chain, or for
   * kinds that cannot be reversed an exception. `record` is in a state that may go on to it.
   */
  owe(record: TransactionRecord, reason: AdviceRecord["reason"]): Opened {
    const { upstream } = record
    invariant(upstream !== undefined, "what was forwarded has an upstream")
    invariant(!this.has(record.id), "a transaction has at most one reversal chain")
    if (!reversibleKinds.has(record.kind)) {
      return this.raise(record, String(reason), `${record.kind} in doubt at ${upstream}`)
    }
    const undo = this.#room.settings.wallets.has(upstream) ? "wallet-undo" : "reversal"
    const advice = this.#room.advices.open(record.id, upstream, reason, undo)
    const reversing = changed(record, { state: step(record.state, "reversing") })
    if (record.original !== undefined) this.hold(record.original)
    return {
      record: reversing,
      writes: [
        { table: "transactions", key: record.id, value: reversing },
        { table: "advices", key: record.id, value: advice },
        { table: "undelivered", key: record.id, value: undefined },
        ...this.#floor.stanMarks.writes(upstream, advice.stan)
      ],
      feed: [{ table: "transactions", row: reversing }, { table: "advices", row: advice }],
      start: () => this.#room.advices.start(advice)
    }
  }

  /**
   * What is owed for an approval that is taken back; undefined: nothing, because all of it was
   * given back. While a follow-on may still fail, its original is reversed as if there were none.
   */
  takeBack(record: TransactionRecord, reason: AdviceRecord["reason"]): Opened | undefined {
    const { amount = 0, approvedAmount = amount, id, kind, taken = 0 } = record
    if (taken === 0 || this.#originals.has(id)) return this.owe(record, reason)
    if (taken >= approvedAmount) return undefined
    const detail =
      `${kind} of ${approvedAmount} is taken back, and ${taken} of it had been given back`
    return this.raise(record, String(reason), detail)
  }

  /** Hands a transaction to a human: it stays in the ledger as an exception until resolved. */
  raise(record: TransactionRecord, reason: string, detail: string): Opened {
    const raised = changed(record, { state: step(record.state, "exception") })
    this.#room.meter.exception(reason)
    return {
      record: raised,
      writes: [
        this.#floor.settled(raised),
        { table: "undelivered", key: record.id, value: undefined }
      ],
      feed: [
        { table: "transactions", row: raised },
        { table: "exceptions", row: this.#exception(record.id, reason, detail) }
      ],
      start: () => {}
    }
  }

  #exception(id: TransactionId, reason: string, detail: string): ExceptionRow {
    return {
      id: `${id}:${reason}`,
      transaction: id,
      reason,
      detail,
      atMs: this.#room.time.wallMs()
    }
  }

  /** The chain is over: the transaction and the chain change in one commit. */
  #ended(end: AdviceEnd): void {
    const { record: advice } = end
    const writes: Array<JournalWrite> = [
      { table: "advices", key: advice.transaction, value: undefined }
    ]
    const feed: Array<LedgerEntry> = [{ table: "advices", row: advice }]
    if (end.exception !== undefined) {
      this.#room.meter.exception(end.exception.reason)
      feed.push({ table: "exceptions", row: end.exception })
    }
    const record = this.#room.journal.get("transactions", advice.transaction)
    if (record !== undefined && record.state === "reversing") {
      const acknowledged = advice.state === "acknowledged"
      const ended = changed(record, {
        state: step(record.state, acknowledged ? "reversed" : "exception"),
        times: { ...record.times, reversedMs: this.#room.time.wallMs() }
      })
      writes.push(this.#floor.settled(ended))
      feed.push({ table: "transactions", row: ended })
      if (acknowledged) this.#giveBack(ended, writes, feed)
      this.#room.meter.ended(ended)
    }
    if (record?.original !== undefined) this.letGo(record.original, writes)
    this.#room.journal.commit(writes, feed, () => {})
  }

  /** A follow-on that was reversed gives back what it had taken from its original. */
  #giveBack(
    record: TransactionRecord,
    writes: Array<JournalWrite>,
    feed: Array<LedgerEntry>
  ): void {
    if (record.original === undefined || record.amount === undefined) return
    const original = this.#room.journal.get("transactions", record.original)
    if (original === undefined) return
    const left = whole.has(record.kind) ? 0 : (original.taken ?? 0) - record.amount
    const restored = changed(original, { taken: Math.max(0, left) })
    writes.push({ table: "transactions", key: restored.id, value: restored })
    feed.push({ table: "transactions", row: restored })
  }

  /**
   * An answer after its end was declared is never delivered. When it approved, and no chain goes on
   * any more, a human hears of it: the reversal may have overtaken it at the upstream.
   */
  #late(id: TransactionId, answer: UpstreamAnswer): void {
    const record = this.#room.journal.get("transactions", id)
    this.#room.meter.late(record?.upstream ?? "", answer.approved)
    if (record === undefined || !answer.approved || this.has(id)) return
    const detail = `late approval ${answer.response} after state ${record.state}`
    this.#room.meter.exception("late-approval")
    this.#room.journal.commit([], [
      { table: "exceptions", row: this.#exception(id, "late-approval", detail) }
    ], () => {})
  }
}

/** The next version of a record. */
export function changed(
  record: TransactionRecord,
  change: Partial<TransactionRecord>
): TransactionRecord {
  return Object.assign(successor(record), change)
}

/** The next version of a record, to be written to before anybody sees it. */
export function successor(record: TransactionRecord): TransactionDraft {
  return { ...record, version: record.version + 1 }
}
