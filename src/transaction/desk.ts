/**
 * The desk where every submission arrives: is it a repeat, does it refer to something, where may it
 * go? It accepts, and hands over to forwarding; or it turns away, by name.
 */

import type { Rrn } from "../domain/brand.ts"
import { buggify } from "../domain/buggify.ts"
import type { Draft } from "../domain/draft.ts"
import { type FailureCode, failures } from "../domain/failures.ts"
import { contentText } from "../domain/fingerprint.ts"
import { followOnKinds } from "../domain/kind.ts"
import { aheadMs, wrongAfterMs } from "../domain/message-time.ts"
import { maskPan } from "../domain/pan.ts"
import type { RouteFacts } from "../domain/ports/router.ts"
import type { Asker, Submission } from "../domain/ports/transactions.ts"
import { step, type TransactionDraft, type TransactionRecord } from "../domain/transaction.ts"
import { Chains } from "./chains.ts"
import { Floor } from "./floor.ts"
import { FollowOns } from "./follow-ons.ts"
import { Forwarding } from "./forwarding.ts"
import { factsOf, type Life, maxAskers } from "./life.ts"
import { Originals } from "./originals.ts"
import { Outcomes } from "./outcomes.ts"
import { Recalled } from "./recalled.ts"
import type { Remembered } from "./recent-window.ts"
import type { Room } from "./room.ts"
import { TerminalReversals } from "./terminal-reversal.ts"
import { TurnedAway } from "./turned-away.ts"

export class Desk {
  readonly floor = new Floor()
  readonly chains: Chains
  readonly outcomes: Outcomes
  readonly originals: Originals
  readonly #forwarding: Forwarding
  readonly #followOns: FollowOns
  readonly reversals: TerminalReversals
  readonly #room: Room
  readonly #turnedAway = new TurnedAway()
  #draining = false

  constructor(room: Room) {
    this.#room = room
    this.chains = new Chains(room, this.floor)
    this.outcomes = new Outcomes(room, this.floor, this.chains)
    this.originals = new Originals(room.journal, this.floor)
    const recalled = new Recalled(room, this.floor, this.chains)
    this.#forwarding = new Forwarding(
      room,
      this.floor,
      this.chains,
      this.outcomes,
      this.originals,
      recalled
    )
    this.#followOns = new FollowOns(
      room,
      this.floor,
      this.chains,
      this.originals,
      recalled,
      this.outcomes,
      (life, upstream) => this.#routed(life, "original", [upstream], life.record.configVersion)
    )
    this.reversals = new TerminalReversals(
      room,
      this.floor,
      this.chains,
      this.originals,
      recalled
    )
  }

  /** From now on nothing new is accepted; what is in flight goes on to its end. */
  drain(): void {
    this.#draining = true
  }

  get isDraining(): boolean {
    return this.#draining
  }

  submit(submission: Submission, asker: Asker): void {
    const fingerprint = this.#fingerprint(submission)
    if (this.#isRepeat(submission, fingerprint, asker)) return
    const before = this.#alreadyRefused(submission)
    const refusal = before ?? this.#admission(submission)
    if (refusal !== undefined) {
      // Counted from the first copy: who goes on asking is heard again in the end.
      if (before === undefined) this.refusedEarly(submission.key, refusal)
      this.turnAway(asker, refusal)
      return
    }
    const record = this.#accept(submission, fingerprint)
    if (submission.kind === "reversal") {
      this.reversals.take(record, submission, asker)
      return
    }
    const life = this.#begin(submission, asker, record)
    this.floor.enter(life)
    if (followOnKinds.has(submission.kind)) this.#followOns.take(life)
    else this.#route(life)
  }

  /** Refused before it became a transaction: told, counted, not recorded. */
  turnAway(asker: Asker, code: FailureCode): void {
    this.#room.meter.turnedAway(code)
    const { response } = failures[code]
    asker.prepare({ approved: false, response1987: response, failure: code }).deliver(() => {})
  }

  /** Is it in flight, remembered, or refused a moment ago? */
  knows(terminal: string, key: string): boolean {
    return this.floor.inFlight.find(terminal, key) !== undefined ||
      this.floor.recent.window(terminal)?.find(key) !== undefined ||
      this.#turnedAway.find(key, this.#room.time.monotonicMs()) !== undefined
  }

  /** A question of this key heard "no", here or before it came here: so do its copies. */
  refusedEarly(key: string, code: FailureCode): void {
    this.#turnedAway.add(key, code, this.#room.time.monotonicMs())
  }

  #alreadyRefused({ key, kind }: Submission): FailureCode | undefined {
    if (kind === "reversal") return undefined
    return this.#turnedAway.find(key, this.#room.time.monotonicMs())
  }

  /** Nothing twice (I2): joins the one in flight, or gets the stored answer, or is refused. */
  #isRepeat(submission: Submission, fingerprint: string, asker: Asker): boolean {
    const { meter } = this.#room
    const { batch, key, kind, stan, terminal } = submission
    const life = this.floor.inFlight.find(terminal, key)
    const window = this.floor.recent.window(terminal)
    const known = life?.record ?? this.#remembered(window?.find(key))
    if (known === undefined) {
      if (window?.isStale(batch, stan) !== true || kind === "reversal") return false
      meter.duplicate("stale")
      this.turnAway(asker, "duplicate-stale")
      return true
    }
    if (known.fingerprint !== fingerprint) {
      meter.duplicate("conflicting")
      this.turnAway(asker, "duplicate-conflict")
    } else if (life === undefined) {
      meter.duplicate("replayed")
      this.outcomes.repeat(known, asker)
    } else if (life.askers.length >= maxAskers) {
      this.turnAway(asker, "session-busy")
    } else {
      meter.duplicate("joined")
      life.askers.push(asker)
    }
    return true
  }

  #remembered(entry: Remembered | undefined): TransactionRecord | undefined {
    return entry === undefined ? undefined : this.originals.current(entry.id)
  }

  /** May anything new begin now? Reversals are taken as long as the journal takes anything. */
  #admission(submission: Submission): FailureCode | undefined {
    const { level } = this.#room.journal.health()
    if (level === "failed") return "journal-failed"
    if (submission.kind === "reversal") return undefined
    if (level === "full") return "journal-full"
    if (this.#draining) return "draining"
    const { kinds, channels, currencies } = submission.profile
    if (!kinds.has(submission.kind) || !channels.has(submission.channel)) return "kind-forbidden"
    if (submission.currency !== undefined && !currencies.has(submission.currency)) {
      return "kind-forbidden"
    }
    const full = this.floor.inFlight.size >= this.#room.settings.maxInFlight
    return full || buggify("floor-full", 0.01) ? "overloaded" : undefined
  }

  #accept(submission: Submission, fingerprint: string): TransactionRecord {
    const { dayOf, nextId, time } = this.#room
    const wallMs = time.wallMs()
    const { localTime, pan } = submission
    if (localTime !== undefined && this.#isWrong(localTime, wallMs)) this.#room.meter.clockWrong()
    const record: TransactionDraft = {
      id: nextId(wallMs),
      version: 0,
      state: step("received", "accepted"),
      kind: submission.kind,
      channel: submission.channel,
      scheme: submission.scheme,
      day: dayOf(wallMs),
      key: submission.key,
      fingerprint,
      terminal: submission.terminal,
      merchant: submission.merchant,
      session: submission.session,
      mti: submission.mti,
      processingCode: submission.processingCode,
      stan: submission.stan,
      configVersion: this.#room.configVersion(),
      times: { receivedMs: wallMs }
    }
    // Spreading what may be absent would cost more than all of the above.
    const rrn = chosenRrn(submission)
    if (submission.entryMode !== undefined) record.entryMode = submission.entryMode
    if (rrn !== undefined) record.rrn = rrn
    if (submission.batch !== undefined) record.batch = submission.batch
    if (localTime !== undefined) record.localTime = localTime
    if (submission.amount !== undefined) record.amount = submission.amount
    if (submission.currency !== undefined) record.currency = submission.currency
    if (pan !== undefined) {
      record.panMask = maskPan(pan)
      const token = this.#room.settings.panToken?.(pan)
      if (token !== undefined) record.panToken = token
    }
    return record
  }

  #isWrong(stamp: string, wallMs: number): boolean {
    const { local } = this.#room
    const ahead = aheadMs(stamp, local.at(wallMs).date, local.stamp(wallMs))
    return ahead === undefined || Math.abs(ahead) > wrongAfterMs
  }

  #begin(submission: Submission, asker: Asker, record: TransactionRecord): Life {
    return {
      submission,
      facts: factsOf(submission),
      askers: [asker],
      candidates: [],
      next: 0,
      record,
      original: undefined,
      remembered: false,
      allowance: 0,
      taken: 0,
      reversedByTerminal: false,
      dispatchedMs: 0,
      ending: false
    }
  }

  #route(life: Life): void {
    const { submission } = life
    const digits = submission.payCode ?? submission.pan
    const facts: Draft<RouteFacts> = {
      id: life.record.id,
      kind: submission.kind,
      channel: submission.channel,
      scheme: submission.scheme,
      terminal: submission.terminal,
      merchant: submission.merchant,
      group: submission.profile.group,
      minuteOfDay: this.#room.local.at(life.record.times.receivedMs).minuteOfDay
    }
    if (digits !== undefined) facts.digits = digits
    if (submission.amount !== undefined) facts.amount = submission.amount
    if (submission.currency !== undefined) facts.currency = submission.currency
    const decision = this.#room.router.decide(facts)
    if (decision.candidates.length === 0) {
      life.record = { ...life.record, configVersion: decision.configVersion }
      this.outcomes.refused(life, "no-route")
      return
    }
    this.#routed(life, decision.route, decision.candidates, decision.configVersion)
  }

  #routed(
    life: Life,
    route: string | undefined,
    candidates: ReadonlyArray<string>,
    configVersion: number
  ): void {
    const record = life.record as TransactionDraft // Nobody else has seen it yet.
    record.configVersion = configVersion
    record.state = step(record.state, "routed")
    if (route !== undefined) record.route = route
    life.candidates = candidates
    this.#forwarding.forward(life)
  }

  #fingerprint(submission: Submission): string {
    return submission.atRest?.fingerprint ?? this.#room.sealing.digest(contentText(submission))
  }
}

/** A follow-on carries its original's reference; anything else, one that the terminal chose. */
function chosenRrn({ kind, rrn }: Submission): Rrn | undefined {
  const chosen = !followOnKinds.has(kind) && kind !== "completion-advice"
  return chosen ? rrn as Rrn | undefined : undefined
}
