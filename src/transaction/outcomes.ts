/**
 * How a transaction ends: answered, refused, in doubt. Each end is one journal commit, and only
 * when that commit is on disk is anybody told (I1). The answer is composed and its sealing begun
 * beside the commit, so that waiting for one does not add to waiting for the other.
 */

import { type FailureCode, failures } from "../domain/failures.ts"
import type { JournalWrite, LedgerEntry } from "../domain/ports/journal.ts"
import type { Asker, DecidedDoubts, PreparedAnswer, Verdict } from "../domain/ports/transactions.ts"
import type { UpstreamAnswer } from "../domain/ports/upstream.ts"
import {
  step,
  type TransactionDraft,
  type TransactionRecord,
  type TransactionState
} from "../domain/transaction.ts"
import { type Chains, changed, type Opened, successor } from "./chains.ts"
import type { Floor } from "./floor.ts"
import type { Life } from "./life.ts"
import type { Room } from "./room.ts"

/** States in which an approval is one. */
const stands: ReadonlySet<TransactionState> = new Set([
  "answered",
  "delivery-unconfirmed",
  "recorded"
])

export class Outcomes {
  readonly #room: Room
  readonly #floor: Floor
  readonly #chains: Chains

  constructor(room: Room, floor: Floor, chains: Chains) {
    this.#room = room
    this.#floor = floor
    this.#chains = chains
  }

  /** The upstream said yes or no. */
  answered(life: Life, answer: UpstreamAnswer): void {
    const { time } = this.#room
    const upstreamMs = time.monotonicMs() - life.dispatchedMs
    const wallMs = time.wallMs()
    // By `upstreamRrn` the upstream knows it; `rrn` is what the terminal is told and names in a
    // follow-on: its own where it chose one.
    const theirs = answer.rrn ?? life.record.upstreamRrn
    const told = life.record.rrn ?? theirs
    const record = successor(life.record)
    record.state = step(record.state, "answered")
    record.approved = answer.approved
    record.response = answer.response1987
    record.upstreamResponse = answer.response
    record.upstreamMs = upstreamMs
    record.times = { ...record.times, upstreamAnsweredMs: wallMs, answeredMs: wallMs }
    if (answer.authCode !== undefined) record.authCode = answer.authCode
    if (told !== undefined) record.rrn = told
    if (theirs !== undefined) record.upstreamRrn = theirs
    if (answer.approvedAmount !== undefined) record.approvedAmount = answer.approvedAmount.minor
    if (life.reversedByTerminal && answer.approved) {
      this.#doubt(life, record, "terminal-reversal", "upstream-timeout")
      return
    }
    const { approved, response1987, values } = answer
    this.#end(
      life,
      record,
      values === undefined ? { approved, response1987 } : { approved, response1987, values }
    )
  }

  /** Definite: no upstream has seen it. */
  refused(life: Life, code: FailureCode): void {
    const failure = failures[code]
    const record = changed(life.record, {
      state: step(life.record.state, "refused"),
      approved: false,
      failure: code,
      response: failure.response,
      times: { ...life.record.times, answeredMs: this.#room.time.wallMs() }
    })
    this.#end(life, record, { approved: false, response1987: failure.response, failure: code })
  }

  /** Written, and nobody knows what came of it: timed out, link lost, answer that contradicts. */
  inDoubt(life: Life, code: FailureCode): void {
    const record = changed(life.record, {
      state: step(life.record.state, "timed-out"),
      approved: false,
      failure: code,
      response: failures[code].response,
      upstreamMs: this.#room.time.monotonicMs() - life.dispatchedMs,
      times: { ...life.record.times, timedOutMs: this.#room.time.wallMs() }
    })
    this.#doubt(life, record, life.reversedByTerminal ? "terminal-reversal" : code, code)
  }

  /**
   * `timed-out` and its reversal are one commit; the terminal hears after it, then the upstream.
   */
  #doubt(
    life: Life,
    record: TransactionRecord,
    reason: Parameters<Chains["owe"]>[1],
    told: FailureCode
  ): void {
    const response1987 = failures[told].response
    const verdict: Verdict = { approved: false, response1987, failure: told }
    const opened = this.#chains.owe(record, reason)
    this.#end(life, opened.record, verdict, opened)
  }

  /**
   * Makes an end durable, then tells everybody who asked. `record` is nobody's yet: what only the
   * end knows is put into it, and `opened` holds the same one.
   */
  #end(life: Life, record: TransactionDraft, verdict: Verdict, opened?: Opened): void {
    life.ending = true
    const prepared = life.askers[0]!.prepare({ ...verdict, record })
    record.ownMs = this.#room.time.monotonicMs() - life.submission.arrivedMs -
      (record.upstreamMs ?? 0)
    record.sealed = this.#room.sealing.seal({ ...life.facts, answer: prepared.body })
    life.record = record
    const delivers = verdict.approved
    const writes: Array<JournalWrite> = opened === undefined
      ? [delivers ? kept(record) : this.#floor.settled(record)]
      : [...opened.writes]
    if (!life.remembered) {
      life.remembered = true
      this.#floor.remember(record, this.#chains.isOwing, writes)
    }
    if (delivers) writes.push({ table: "undelivered", key: record.id, value: true })
    const feed: Array<LedgerEntry> = opened === undefined
      ? [{ table: "transactions", row: record }]
      : [...opened.feed]
    if (opened === undefined) this.#giveBack(life, record, writes, feed)
    const waiting = life.original === undefined
      ? undefined
      : this.#chains.letGo(life.original.id, writes)
    this.#room.journal.commit(writes, feed, (failure) => {
      if (failure !== undefined) return
      this.#floor.leave(life)
      this.#room.meter.ended(record)
      opened?.start()
      if (waiting !== undefined) this.#chains.begin(waiting)
      this.#tell(life, record, prepared, delivers)
    })
  }

  /** What a follow-on took from its original in advance goes back where it was not approved. */
  #giveBack(
    life: Life,
    { approved, approvedAmount = life.taken }: TransactionRecord,
    writes: Array<JournalWrite>,
    feed: Array<LedgerEntry>
  ): void {
    const back = life.taken - (approved === true ? approvedAmount : 0)
    if (life.original === undefined || back <= 0) return
    const held = this.#room.journal.get("transactions", life.original.id)
    const original = held ?? life.original
    const restored = changed(original, { taken: Math.max(0, (original.taken ?? 0) - back) })
    life.taken -= back
    // What has left its terminal's window meanwhile is PostgreSQL's alone.
    if (held !== undefined) {
      writes.push({ table: "transactions", key: restored.id, value: restored })
    }
    feed.push({ table: "transactions", row: restored })
  }

  #tell(
    life: Life,
    record: TransactionRecord,
    prepared: PreparedAnswer,
    delivers: boolean
  ): void {
    let waiting = life.askers.length
    let delivered = false
    const handed = (live: boolean) => {
      delivered ||= live
      if (--waiting > 0) return
      // Everybody has a copy, and the journal one that is sealed.
      prepared.body.fill(0)
      if (!delivers) return
      if (delivered) this.#delivered(record)
      else this.#undeliverable(record)
    }
    prepared.deliver(handed)
    for (let index = 1; index < life.askers.length; index++) {
      life.askers[index]!.repeat(prepared.body).deliver(handed)
    }
  }

  /** Handed to a live socket: from here on the switch never reverses on its own (I3). */
  #delivered(record: TransactionRecord): void {
    const { graces } = this.#floor
    if (graces.size > 0) {
      graces.get(record.id)?.cancel()
      graces.delete(record.id)
    }
    this.#room.journal.note([
      { table: "undelivered", key: record.id, value: undefined },
      ...this.#floor.released(record.id)
    ], [])
  }

  /**
   * Approved, and no live socket: the terminal has a grace to come back and repeat (rule 6). Not if
   * it has taken the approval back meanwhile: that chain is the only one, also when it has ended.
   */
  #undeliverable(record: TransactionRecord): void {
    if (!this.#stands(record.id)) return
    const expire = () => {
      this.#floor.graces.delete(record.id)
      this.#takeBack(record.id)
    }
    const grace = this.#room.timers.after(this.#room.settings.deliverGraceMs, expire)
    this.#floor.graces.set(record.id, grace)
  }

  /** Opens a chain for an approval that nobody took. */
  #takeBack(id: TransactionRecord["id"]): void {
    const record = this.#room.journal.get("transactions", id)
    if (record === undefined) return
    const failure = "undeliverable"
    const opened = this.#chains.takeBack({ ...record, failure }, failure)
    if (opened === undefined) return
    this.#room.journal.commit(opened.writes, opened.feed, (failed) => {
      if (failed === undefined) opened.start()
    })
  }

  /** A repeat of something that has ended. */
  repeat(record: TransactionRecord, asker: Asker): void {
    this.#told(record, asker).deliver((live) => {
      // While the answer was sealed, the terminal may have taken the approval back.
      const now = live && record.approved === true ? this.#stands(record.id) : undefined
      if (now?.state === "delivery-unconfirmed") this.#confirm(now)
      else if (now !== undefined) this.#delivered(now)
    })
  }

  /**
   * The stored answer, sealed under the current key. An approval that was taken back since is none
   * any more, and what a restart left in doubt has no answer: both hear why nothing came of it.
   */
  #told(record: TransactionRecord, asker: Asker): PreparedAnswer {
    const { approved, failure, sealed, state } = record
    const takenBack = approved === true && !stands.has(state)
    const answer = takenBack ? undefined : this.#room.sealing.open(sealed).answer
    if (answer !== undefined || failure === undefined) {
      return asker.repeat(answer ?? new Uint8Array(0))
    }
    return asker.prepare({ approved: false, response1987: failures[failure].response, failure })
  }

  /** The record as it is now, unless it was taken back. */
  #stands(id: TransactionRecord["id"]): TransactionRecord | undefined {
    const record = this.#room.journal.get("transactions", id)
    return record !== undefined && stands.has(record.state) ? record : undefined
  }

  /** What the terminal's own totals say of deliveries in doubt; what has ended since stays. */
  decide({ delivered, undelivered }: DecidedDoubts): void {
    for (const id of delivered) {
      const record = this.#room.journal.get("transactions", id)
      if (record?.state === "delivery-unconfirmed") this.#confirm(record)
    }
    for (const id of undelivered) {
      const record = this.#room.journal.get("transactions", id)
      if (record?.state === "delivery-unconfirmed") this.#takeBack(id)
    }
  }

  /** The terminal's repeat, or its batch close, ends the doubt that a restart had left. */
  #confirm(record: TransactionRecord): void {
    const confirmed = changed(record, { state: step(record.state, "answered") })
    this.#room.journal.note([
      this.#floor.settled(confirmed),
      { table: "undelivered", key: record.id, value: undefined }
    ], [{ table: "transactions", row: confirmed }])
  }
}

function kept(record: TransactionRecord): JournalWrite {
  return { table: "transactions", key: record.id, value: record }
}
