/**
 * The terminal's own reversal: acknowledged as soon as it is durable, even when its original is not
 * in the journal and must be looked for in PostgreSQL. It joins the chain that exists and never
 * starts a second; while the original is still in flight the chain waits for its end, so that it
 * cannot overtake it (I3, I9).
 */

import type { JournalWrite, LedgerEntry } from "../domain/ports/journal.ts"
import type { Asker, Submission } from "../domain/ports/transactions.ts"
import { step, type TransactionRecord } from "../domain/transaction.ts"
import { type Chains, changed, type Opened } from "./chains.ts"
import type { Floor } from "./floor.ts"
import { LateReversals } from "./late-reversals.ts"
import { factsOf } from "./life.ts"
import type { Originals } from "./originals.ts"
import type { Recalled } from "./recalled.ts"
import type { Room } from "./room.ts"

const acceptedCode = "00"

export class TerminalReversals {
  readonly #room: Room
  readonly #floor: Floor
  readonly #chains: Chains
  readonly #originals: Originals
  readonly late: LateReversals

  constructor(
    room: Room,
    floor: Floor,
    chains: Chains,
    originals: Originals,
    recalled: Recalled
  ) {
    this.#room = room
    this.#floor = floor
    this.#chains = chains
    this.#originals = originals
    this.late = new LateReversals(
      room,
      floor,
      originals,
      recalled,
      (original) => this.#chainFor(original)
    )
  }

  /** `accepted` is the reversal's own record, not yet durable. */
  take(accepted: TransactionRecord, submission: Submission, asker: Asker): void {
    const { journal, meter, sealing, time } = this.#room
    const original = this.#originals.find(submission)
    const opened = original === undefined ? undefined : this.#chainFor(original)
    const late = original === undefined && !this.late.isFull
    const verdict = { approved: true, response1987: acceptedCode }
    const routed = changed(accepted, {
      state: step(accepted.state, "answered"),
      approved: true,
      response: acceptedCode,
      times: { ...accepted.times, answeredMs: time.wallMs() },
      ...(original === undefined
        ? { failure: late ? "original-sought" as const : "original-unknown" as const }
        : { original: original.id, scheme: original.scheme })
    })
    const prepared = asker.prepare({ ...verdict, record: routed })
    const facts = late ? factsOf(submission) : {}
    const record = { ...routed, sealed: sealing.seal({ ...facts, answer: prepared.body }) }
    const writes: Array<JournalWrite> = [
      { table: "transactions", key: record.id, value: record }
    ]
    if (late) writes.push(this.late.seek(record.id, submission, record.panMask))
    this.#floor.remember(record, this.#chains.isOwing, writes)
    writes.push(...opened?.writes ?? [])
    const feed: Array<LedgerEntry> = [
      { table: "transactions", row: record },
      ...(opened?.feed ?? [])
    ]
    if (original === undefined && !late) feed.push(this.late.handOver(record, submission))
    journal.commit(writes, feed, (failure) => {
      if (failure !== undefined) return
      meter.ended(record)
      opened?.start()
      prepared.deliver(() => {})
      if (late) this.late.begin(record.id)
    })
  }

  /** The chain this reversal makes necessary, if none exists and money may have moved. */
  #chainFor(original: TransactionRecord): Opened | undefined {
    const life = this.#floor.byId.get(original.id)
    if (life !== undefined && !life.ending) {
      life.reversedByTerminal = true
      return undefined
    }
    if (original.approved !== true || this.#chains.has(original.id)) return undefined
    if (original.state !== "answered" && original.state !== "delivery-unconfirmed") {
      return undefined
    }
    this.#floor.graces.get(original.id)?.cancel()
    this.#floor.graces.delete(original.id)
    return this.#chains.takeBack(original, "terminal-reversal")
  }
}
