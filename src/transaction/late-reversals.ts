/**
 * Reversals whose original is not in the journal. They are acknowledged like any other, and then
 * PostgreSQL is asked beside the road until it says whether it has the original. What must hold:
 * what is looked for is on disk together with the reversal, so that neither an outage nor a restart
 * forgets it; what is found goes the way of every reversal, once; and where no more can be looked
 * for, or what is on disk cannot be read, people hear of it.
 */

import type { Timer } from "../actor/timer-wheel.ts"
import type { TransactionId } from "../domain/brand.ts"
import type { FailureCode } from "../domain/failures.ts"
import type { ArchiveQuestion } from "../domain/ports/archive.ts"
import type { JournalShape, JournalWrite, LedgerEntry } from "../domain/ports/journal.ts"
import type { Submission } from "../domain/ports/transactions.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { type Opened, successor } from "./chains.ts"
import type { Floor } from "./floor.ts"
import { type Originals, refersTo } from "./originals.ts"
import type { Recalled } from "./recalled.ts"
import type { Room } from "./room.ts"
import { questionIn } from "./sought-question.ts"

/** Looked for at once and waiting for it; one more is handed to people. */
export const maxSought = 10_000

/** Questions at one time: follow-ons, whose customers wait, have the archive's other places. */
const askedAtOnce = 8

/** PostgreSQL is away, or has too much to do: nobody is asked for so long. */
export const askAgainMs = 10_000

/** No terminal keeps a reversal for longer, and some count anew every morning. */
const oldestMs = 14 * 24 * 3_600_000

/** In the journal's table `state`: this and the reversal's id, and as value what is looked for. */
const prefix = "sought:"

export class LateReversals {
  readonly #room: Room
  readonly #floor: Floor
  readonly #originals: Originals
  readonly #recalled: Recalled
  /** The chain that the reversal of this original makes necessary. */
  readonly #chainFor: (original: TransactionRecord) => Opened | undefined
  /** On disk, and not asked for yet. */
  readonly #ready = new Set<TransactionId>()
  #asked = 0
  #asking = false
  #later: Timer | undefined

  constructor(
    room: Room,
    floor: Floor,
    originals: Originals,
    recalled: Recalled,
    chainFor: (original: TransactionRecord) => Opened | undefined
  ) {
    this.#room = room
    this.#floor = floor
    this.#originals = originals
    this.#recalled = recalled
    this.#chainFor = chainFor
  }

  get isFull(): boolean {
    return this.#floor.sought.size >= maxSought
  }

  /** What goes to the disk together with the reversal's record, which stays until the end. */
  seek(id: TransactionId, submission: Submission, panMask: string | undefined): JournalWrite {
    const question: ArchiveQuestion = {
      ...saidIn(submission),
      ...(panMask === undefined ? {} : { panMask }),
      sinceMs: this.#room.time.wallMs() - oldestMs,
      before: id
    }
    this.#floor.sought.set(id, question)
    this.#room.meter.sought("sought")
    return { table: "state", key: prefix + id, value: question }
  }

  /** There is no room for one more: somebody must look for its original by hand. */
  handOver(record: TransactionRecord, submission: Submission): LedgerEntry {
    const { batch, stan } = saidIn(submission)
    return this.#notSought(record, `reversal of ${stan} batch ${batch ?? "-"}`)
  }

  #notSought(record: TransactionRecord, what: string): LedgerEntry {
    const { meter, time } = this.#room
    const { amount, id, panMask, terminal } = record
    const reason = "original-not-sought"
    meter.sought("refused")
    meter.exception(reason)
    const detail = `${what} terminal ${terminal.trimEnd()} amount ${amount ?? "-"} ` +
      `card ${panMask ?? "-"}`
    const row = { id: `${id}:${reason}`, transaction: id, reason, detail, atMs: time.wallMs() }
    return { table: "exceptions", row }
  }

  /** The reversal is on disk, and acknowledged. */
  begin(id: TransactionId): void {
    this.#ready.add(id)
    this.#askSome()
  }

  /** What earlier runs did not bring to an end; nobody is asked yet. */
  restore(journal: JournalShape): void {
    const unreadable: Array<TransactionId> = []
    for (const [key, value] of journal.entries("state")) {
      if (!key.startsWith(prefix)) continue
      const id = key.slice(prefix.length) as TransactionId
      const question = questionIn(value)
      if (question === undefined) {
        unreadable.push(id)
        continue
      }
      this.#floor.sought.set(id, question)
      this.#ready.add(id)
    }
    for (const id of unreadable) this.#unreadable(id)
  }

  /** Another version of the switch may have written it. */
  #unreadable(id: TransactionId): void {
    const record = this.#room.journal.get("transactions", id)
    const { feed, writes } = this.#ended(id, { failure: "original-unknown" })
    if (record !== undefined) {
      feed.push(this.#notSought(record, `what reversal ${record.stan} looks for is unreadable:`))
    }
    this.#room.journal.note(writes, feed)
  }

  resume(): void {
    this.#askSome()
  }

  #askSome(): void {
    // An answer may come in the same turn.
    if (this.#asking) return
    this.#asking = true
    for (const id of this.#ready) {
      if (this.#asked >= askedAtOnce || this.#later !== undefined) break
      this.#ready.delete(id)
      this.#ask(id)
    }
    this.#asking = false
  }

  #ask(id: TransactionId): void {
    const question = this.#floor.sought.get(id)
    if (question === undefined) return
    this.#asked++
    this.#room.archive.find(question, (found) => {
      this.#asked--
      if (found === "original-unknown") this.#unknown(id)
      else if (typeof found === "string" || this.#recalled.isFull) this.#again(id)
      else this.#found(id, found)
      this.#askSome()
    })
  }

  #again(id: TransactionId): void {
    this.#ready.add(id)
    this.#later ??= this.#room.timers.after(askAgainMs, () => {
      this.#later = undefined
      this.#askSome()
    })
  }

  /** Nothing of it is in any book: it never came here, or is too old. */
  #unknown(id: TransactionId): void {
    this.#room.meter.sought("unknown")
    const { feed, writes } = this.#ended(id, { failure: "original-unknown" })
    this.#room.journal.note(writes, feed)
  }

  #found(id: TransactionId, archived: TransactionRecord): void {
    const { journal, meter } = this.#room
    meter.sought("found")
    // Another reversal or a follow-on may have brought it back, and done something to it.
    const held = this.#originals.current(archived.id)
    const original = held ?? this.#withCardOf(id, archived)
    const opened = this.#chainFor(original)
    const { feed, writes } = this.#ended(id, { original: original.id, scheme: original.scheme })
    if (opened === undefined) return journal.note(writes, feed)
    if (held === undefined || this.#recalled.has(original.id)) this.#recalled.keep(original.id, id)
    journal.commit([...writes, ...opened.writes], [...feed, ...opened.feed], (failure) => {
      if (failure === undefined) opened.start()
    })
  }

  /** PostgreSQL has nothing that was sealed; the reversal of the same card has what is needed. */
  #withCardOf(id: TransactionId, archived: TransactionRecord): TransactionRecord {
    const { journal, sealing } = this.#room
    const { answer: _, ...card } = sealing.open(journal.get("transactions", id)?.sealed)
    return card.pan === undefined ? archived : { ...archived, sealed: sealing.seal(card) }
  }

  /** Nothing is looked for any more: the reversal's next version, its last. */
  #ended(
    id: TransactionId,
    end: { readonly failure: FailureCode } | Pick<TransactionRecord, "original" | "scheme">
  ): { readonly writes: Array<JournalWrite>; readonly feed: Array<LedgerEntry> } {
    this.#floor.sought.delete(id)
    const writes: Array<JournalWrite> = [{ table: "state", key: prefix + id, value: undefined }]
    const { journal, sealing } = this.#room
    const record = journal.get("transactions", id)
    if (record === undefined) return { writes, feed: [] }
    const { failure: _, ...next } = successor(record)
    // Nobody needs the card any more.
    const { answer = new Uint8Array(0) } = sealing.open(record.sealed)
    const ended: TransactionRecord = { ...next, ...end, sealed: sealing.seal({ answer }) }
    writes.push(this.#floor.settled(ended))
    return { writes, feed: [{ table: "transactions", row: ended }] }
  }
}

/** All of it must agree: a number alone may have been used again since. */
function saidIn({ amount, batch, merchant, original, stan, terminal }: Submission) {
  const named = original?.batch ?? batch
  return {
    kinds: refersTo.reversal ?? [],
    merchant,
    terminal,
    stan: original?.stan ?? stan,
    ...(named === undefined ? {} : { batch: named }),
    ...(amount === undefined ? {} : { amount })
  }
}
