/**
 * From accepted to written: candidates in order, a place on a link, the PIN under the upstream's
 * key where there is one, durable, then the socket.
 * *Written* means handed to a connected socket. Until then every failure is definite and the next
 * candidate may be tried; from then on nothing is ever sent again as new (rules 1 and 2).
 */

import type { Draft } from "../domain/draft.ts"
import { type FailureCode } from "../domain/failures.ts"
import { invariant } from "../domain/invariant.ts"
import type { JournalWrite, LedgerEntry } from "../domain/ports/journal.ts"
import type { Ending, Reservation, UpstreamRequest } from "../domain/ports/upstream.ts"
import { step, type TransactionDraft } from "../domain/transaction.ts"
import { type Chains, changed, successor } from "./chains.ts"
import type { Floor } from "./floor.ts"
import type { Life } from "./life.ts"
import type { Originals } from "./originals.ts"
import type { Outcomes } from "./outcomes.ts"
import type { Recalled } from "./recalled.ts"
import type { Room } from "./room.ts"

/** Of several candidates' reasons, the one that tells the operator most comes first. */
const reasonRank: ReadonlyArray<FailureCode> = [
  "key-missing",
  "pin-refused",
  "untranslatable",
  "window-full",
  "breaker-open",
  "upstream-down"
]

export class Forwarding {
  readonly #room: Room
  readonly #floor: Floor
  readonly #chains: Chains
  readonly #outcomes: Outcomes

  readonly #originals: Originals
  readonly #recalled: Recalled

  constructor(
    room: Room,
    floor: Floor,
    chains: Chains,
    outcomes: Outcomes,
    originals: Originals,
    recalled: Recalled
  ) {
    this.#room = room
    this.#floor = floor
    this.#chains = chains
    this.#outcomes = outcomes
    this.#originals = originals
    this.#recalled = recalled
  }

  /** Tries the next candidates until one takes the request, or refuses; `refusal`: so far. */
  forward(life: Life, refusal: FailureCode = "upstream-down"): void {
    const request = requestOf(life)
    while (life.next < life.candidates.length) {
      const upstream = life.candidates[life.next++]!
      const reserved = this.#room.upstreams.reserve(upstream, request)
      if (typeof reserved !== "string") {
        if (reserved.secure === undefined) this.#commit(life, reserved)
        else this.#secure(life, reserved, reserved.secure)
        return
      }
      if (rank(reserved) < rank(refusal)) refusal = reserved
    }
    this.#refused(life, refusal)
  }

  /**
   * Nothing is durable and nothing written while a security module translates the PIN: what it
   * cannot translate is refused, and what the terminal takes back meanwhile never leaves.
   */
  #secure(
    life: Life,
    reservation: Reservation,
    secure: NonNullable<Reservation["secure"]>
  ): void {
    const { unwritten } = this.#floor
    unwritten.add(life)
    secure((failure) => {
      unwritten.delete(life)
      // The first translation has proved what there is to prove.
      const refusal = failure ?? (life.remembered ? undefined : life.submission.proved?.()) ??
        (life.reversedByTerminal ? "upstream-down" : undefined)
      if (refusal === undefined) return this.#commit(life, reservation)
      reservation.release()
      this.#refused(life, refusal)
    })
  }

  #refused(life: Life, code: FailureCode): void {
    forgetPin(life)
    this.#outcomes.refused(life, code)
  }

  /** `forwarded` is on disk before the request leaves. */
  #commit(life: Life, reservation: Reservation): void {
    const { dayOf, journal, sealing, time } = this.#room
    const first = !life.remembered
    const refusal = first ? this.#overtaken(life) : undefined
    if (refusal !== undefined) {
      reservation.release()
      this.#refused(life, refusal)
      return
    }
    const record = successor(life.record)
    record.state = step(record.state, "forwarded")
    record.upstream = reservation.upstream
    record.link = reservation.link
    record.upstreamStan = reservation.stan
    record.times = { ...record.times, forwardedMs: time.wallMs() }
    if (first) {
      record.sealed = life.submission.atRest?.sealed ?? sealing.seal(life.facts)
      record.day = dayOf(record.times.receivedMs, reservation.upstream)
    }
    const { rrn, walletReference } = reservation
    if (rrn !== undefined) record.upstreamRrn = rrn
    if (reservation.time !== undefined) record.upstreamTime = reservation.time
    if (walletReference !== undefined) record.walletReference = walletReference
    life.record = record
    const writes: Array<JournalWrite> = [{ table: "transactions", key: record.id, value: record }]
    writes.push(...this.#floor.stanMarks.writes(reservation.upstream, reservation.stan))
    const feed: Array<LedgerEntry> = []
    if (first) {
      life.remembered = true
      life.submission.kept?.()
      this.#floor.remember(record, this.#chains.isOwing, writes)
      this.#take(life, writes, feed)
    } else this.#floor.renumber(record)
    journal.commit(writes, feed, (failure) => {
      if (failure === undefined) this.#dispatch(life, reservation)
    })
  }

  /** Another follow-on took from the original while this one waited for a PIN or for PostgreSQL. */
  #overtaken({ original, submission }: Life): FailureCode | undefined {
    if (original === undefined) return undefined
    const now = this.#originals.current(original.id) ?? original
    const allowance = this.#originals.allowance(submission, now)
    return typeof allowance === "string" ? allowance : undefined
  }

  /**
   * A follow-on takes its amount from the original before it leaves, so that two cannot share it.
   * PostgreSQL hears of it too: there the next one looks when the original has left the journal.
   */
  #take(life: Life, writes: Array<JournalWrite>, feed: Array<LedgerEntry>): void {
    if (life.original === undefined || life.allowance === 0) return
    const { id } = life.original
    const held = this.#room.journal.get("transactions", id)
    if (held === undefined || this.#recalled.has(id)) this.#recalled.keep(id, life.record.id)
    const original = held ?? life.original
    life.taken = life.allowance
    const lessened = changed(original, { taken: (original.taken ?? 0) + life.taken })
    life.original = lessened
    writes.push({ table: "transactions", key: id, value: lessened })
    feed.push({ table: "transactions", row: lessened })
  }

  #dispatch(life: Life, reservation: Reservation): void {
    if (life.reversedByTerminal) {
      reservation.release()
      this.#again(life)
      return
    }
    const { settings, time } = this.#room
    const timeoutMs = settings.upstreamTimeoutMs.get(reservation.upstream)
    invariant(timeoutMs !== undefined, "every upstream has a timeout")
    life.dispatchedMs = time.monotonicMs()
    if (!reservation.dispatch(timeoutMs, (ending) => this.#ended(life, ending))) {
      this.#again(life)
    }
  }

  #ended(life: Life, ending: Ending): void {
    invariant(!life.ending, "a request ends once")
    if (ending._tag !== "unwritten") forgetPin(life)
    switch (ending._tag) {
      case "answered":
        this.#outcomes.answered(life, ending.answer)
        break
      case "unwritten":
        this.#again(life, ending.failure)
        break
      case "timed-out":
        this.#outcomes.inDoubt(life, "upstream-timeout")
        break
      case "lost":
        this.#outcomes.inDoubt(life, "link-lost")
        break
      case "invalid":
        this.#outcomes.inDoubt(life, "answer-invalid")
        break
    }
  }

  /** Nothing was written: the next candidate, unless the terminal has taken its request back. */
  #again(life: Life, refusal?: FailureCode): void {
    if (life.reversedByTerminal) {
      this.#refused(life, "upstream-down")
      return
    }
    const record: TransactionDraft = { ...life.record, state: step(life.record.state, "routed") }
    // By these the next one would not know it.
    delete record.upstreamRrn
    delete record.upstreamTime
    delete record.walletReference
    life.record = record
    this.forward(life, refusal)
  }
}

function requestOf(life: Life): UpstreamRequest {
  const { facts, original, record, submission } = life
  const { message, payCode, pin, profile } = submission
  const request: Draft<UpstreamRequest> = {
    record,
    facts,
    partialApproval: profile.partialApproval
  }
  if (message !== undefined) request.message = message
  if (pin !== undefined) request.pin = pin
  if (payCode !== undefined) request.payCode = payCode
  if (original !== undefined) request.original = original
  return request
}

/** No candidate will need the terminal's block any more, and it stays nowhere (I6). */
function forgetPin({ submission: { message } }: Life): void {
  const path = message?.dialect.pathOf("pinBlock")
  if (path !== undefined) message?.raw(path)?.fill(0)
}

function rank(code: FailureCode): number {
  const index = reasonRank.indexOf(code)
  return index < 0 ? -1 : index
}
