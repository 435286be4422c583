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

/** Remembered for their late approvals; one that comes later yet is raised for a human. */
const maxUndone = 16_384

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
  /** Reversed by upstreams that knew what they undid, oldest first. */
  readonly #undone = new Set<TransactionId>()

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
    this.#floor.sought.has(id) || this.#room.journal.has("undelivered", id)

  /** A follow-on, or the chain of one, refers to this original, and may give back to it. */
  hold(original: TransactionId): void {
    this.#originals.set(original, (this.#originals.get(original) ?? 0) + 1)
  }

  /**
   * It does not any more: an original that fell out of the window meanwhile is removed. Returned is
   * the chain that waited for it, to {@link begin} once the follow-on's end is on disk.
   */
  letGo(original: TransactionId, writes: Array<JournalWrite>): AdviceRecord | undefined {
    const count = (this.#originals.get(original) ?? 0) - 1
    if (count > 0) this.#originals.set(original, count)
    else this.#originals.delete(original)
    if (!this.isOwing(original)) writes.push(...this.#floor.released(original))
    return count > 0 ? undefined : this.#room.journal.get("advices", original)
  }

  /**
   * A chain that is on disk goes out; but not while a follow-on of its transaction may still undo
   * it, or both would. What that took is not taken back again.
   */
  begin(advice: AdviceRecord): void {
    const { transaction } = advice
    // Whoever let it go may hear of that after another did: it begins once.
    if (this.#originals.has(transaction) || !this.has(transaction)) return
    const record = this.#room.journal.get("transactions", transaction)
    if (record === undefined || (record.taken ?? 0) === 0) this.#room.advices.start(advice)
    else if (isGivenBack(record)) this.#forestalled(advice, this.#stands(record))
    else this.#forestalled(advice, this.#raiseRest(record, String(advice.reason)))
  }

  /** The chain is over before anything of it was sent. */
  #forestalled(advice: AdviceRecord, { feed, record, writes }: Omit<Opened, "start">): void {
    const state = record.state === "exception" ? "exhausted" : "acknowledged"
    this.#room.upstreams.adviceOver(advice.upstream, advice.stan)
    this.#over({ ...advice, state }, record, [...writes], [...feed])
  }

  /**
   * Whatever waited for this chain may go on once its end is on disk. `restored`: its original,
   * which has its own back; where the terminal had taken that back, it is owed a chain again.
   */
  #over(
    advice: AdviceRecord,
    record: TransactionRecord | undefined,
    writes: Array<JournalWrite>,
    feed: Array<LedgerEntry>,
    restored?: TransactionRecord
  ): void {
    writes.push({ table: "advices", key: advice.transaction, value: undefined })
    feed.push({ table: "advices", row: advice })
    const waiting = record?.original === undefined
      ? undefined
      : this.letGo(record.original, writes)
    const owed = restored?.state === "answered" && restored.failure === "taken-back"
      ? this.takeBack(restored, "terminal-reversal")
      : undefined
    writes.push(...owed?.writes ?? [])
    feed.push(...owed?.feed ?? [])
    this.#room.journal.commit(writes, feed, (failure) => {
      if (failure === undefined) owed?.start()
      if (failure !== undefined || waiting === undefined) return
      if (advice.state === "acknowledged") this.begin(waiting)
      else this.#handOn(waiting, advice)
    })
  }

  /**
   * As it was before it was to be reversed: what gave it back is in the books beside it. That it
   * was taken back is remembered, should what gave it back be reversed.
   */
  #stands(record: TransactionRecord): Omit<Opened, "start"> {
    const state = step(record.state, "answered")
    const standing = changed(record, { state, failure: "taken-back" })
    return {
      record: standing,
      writes: [this.#floor.settled(standing)],
      feed: [{ table: "transactions", row: standing }]
    }
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
      start: () => this.begin(advice)
    }
  }

  /**
   * What is owed for an approval that is taken back; undefined: nothing, because all of it was
   * given back. While a follow-on is under way, the chain waits for its end. A follow-on whose
   * original is not here any more cannot give back to it: people see to both.
   */
  takeBack(record: TransactionRecord, reason: AdviceRecord["reason"]): Opened | undefined {
    const { id, kind, original, taken = 0 } = record
    if (original !== undefined && !this.#room.journal.has("transactions", original)) {
      const detail =
        `${kind} of ${approvedOf(record)} is taken back, and ${original}, from which ` +
        "it took, has left the journal"
      return this.raise(record, String(reason), detail)
    }
    if (taken === 0 || this.#originals.has(id)) return this.owe(record, reason)
    return isGivenBack(record) ? undefined : this.#raiseRest(record, String(reason))
  }

  #raiseRest(record: TransactionRecord, reason: string): Opened {
    const { kind, taken } = record
    const approved = approvedOf(record)
    const detail = `${kind} of ${approved} is taken back, and ${taken} of it had been given back`
    return this.raise(record, reason, detail)
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
    const writes: Array<JournalWrite> = []
    const feed: Array<LedgerEntry> = []
    if (end.exception !== undefined) {
      this.#room.meter.exception(end.exception.reason)
      feed.push({ table: "exceptions", row: end.exception })
    }
    const record = this.#room.journal.get("transactions", advice.transaction)
    let restored: TransactionRecord | undefined
    if (record !== undefined && record.state === "reversing") {
      const acknowledged = advice.state === "acknowledged"
      const ended = changed(record, {
        state: step(record.state, acknowledged ? "reversed" : "exception"),
        times: { ...record.times, reversedMs: this.#room.time.wallMs() }
      })
      writes.push(this.#floor.settled(ended))
      feed.push({ table: "transactions", row: ended })
      if (acknowledged) restored = this.#giveBack(ended, writes, feed)
      if (acknowledged && end.unknown !== true) this.#remember(record.id)
      this.#room.meter.ended(ended)
    }
    this.#over(advice, record, writes, feed, restored)
  }

  #remember(undone: TransactionId): void {
    this.#undone.add(undone)
    if (this.#undone.size <= maxUndone) return
    for (const oldest of this.#undone) {
      this.#undone.delete(oldest)
      break
    }
  }

  /** Nobody knows what the follow-on did: people see to its original together with it. */
  #handOn(waiting: AdviceRecord, followOn: AdviceRecord): void {
    const original = this.#room.journal.get("transactions", waiting.transaction)
    if (original === undefined) return
    const detail = `to be taken back, and its follow-on ${followOn.transaction} is in doubt`
    this.#forestalled(waiting, this.raise(original, String(waiting.reason), detail))
  }

  /** A follow-on that was reversed gives back what it had taken from its original. */
  #giveBack(
    record: TransactionRecord,
    writes: Array<JournalWrite>,
    feed: Array<LedgerEntry>
  ): TransactionRecord | undefined {
    if (record.original === undefined || record.amount === undefined) return undefined
    const original = this.#room.journal.get("transactions", record.original)
    if (original === undefined) return undefined
    const left = whole.has(record.kind) ? 0 : (original.taken ?? 0) - record.amount
    const restored = changed(original, { taken: Math.max(0, left) })
    writes.push({ table: "transactions", key: restored.id, value: restored })
    feed.push({ table: "transactions", row: restored })
    return restored
  }

  /**
   * An answer after its end was declared is never delivered. When it approved, no chain goes on any
   * more, and its upstream is not known to have undone it, a human hears of it: the reversal may
   * have overtaken it there.
   */
  #late(id: TransactionId, answer: UpstreamAnswer): void {
    const record = this.#room.journal.get("transactions", id)
    this.#room.meter.late(record?.upstream ?? "", answer.approved)
    if (record === undefined || !answer.approved || this.has(id) || this.#undone.has(id)) return
    const detail = `late approval ${answer.response} after state ${record.state}`
    this.#room.meter.exception("late-approval")
    this.#room.journal.commit([], [
      { table: "exceptions", row: this.#exception(id, "late-approval", detail) }
    ], () => {})
  }
}

function approvedOf({ amount = 0, approvedAmount = amount }: TransactionRecord): number {
  return approvedAmount
}

function isGivenBack(record: TransactionRecord): boolean {
  return (record.taken ?? 0) >= approvedOf(record)
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
