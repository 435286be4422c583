/**
 * The desk of a listener: a message whose sender is known and whose MAC has been judged arrives
 * here. May its terminal speak, may it speak now, and who answers: the switch itself, or the
 * transaction station? What must hold: early refusal takes the cheapest first and never a reversal
 * or an advice; a terminal never has more in flight than its window; one that is blocked begins
 * nothing, and what it has begun comes to its end.
 */

import type { FailureCode } from "../domain/failures.ts"
import { type Kind, managementKinds } from "../domain/kind.ts"
import type { PinUnder } from "../domain/ports/security-module.ts"
import type { Submission, TransactionsShape } from "../domain/ports/transactions.ts"
import { Ask } from "./answer.ts"
import type { Spoken } from "./arrival.ts"
import type { Binding } from "./binding.ts"
import type { SessionHouseShape } from "./house.ts"
import type { IsoSession } from "./iso-session.ts"
import type { Standing } from "./key-serials.ts"
import { Management } from "./management.ts"
import { derivationOf, hasPin, pinUnder } from "./message-keys.ts"
import { submissionOf } from "./submission.ts"

/** Owed by whoever sends them: refusing one would only move the doubt. */
const neverRefusedEarly: ReadonlySet<Kind> = new Set<Kind>([
  "reversal",
  "completion-advice",
  "offline-sale",
  "adjustment"
])

/**
 * What else than a repeat a blocked terminal may submit: it follows what the switch knows, and
 * moves no more than that. Advices of sales that the switch never heard of are vouched for by
 * nobody but their terminal, and wait until it is let go.
 */
const openToBlocked: ReadonlySet<Kind> = new Set<Kind>(["reversal", "adjustment"])

const cheap: ReadonlySet<Kind> = new Set<Kind>(["inquiry", "balance"])

/** Reversals and advices may exceed the window, by this factor and no more. */
const windowSlack = 4

type SerialFailure = "serial-used" | "serial-foreign"

/** What a terminal may send before it has proven who it is: none of it moves money or tells any. */
const unproven: ReadonlySet<Kind> = new Set<Kind>([
  "sign-on",
  "sign-off",
  "echo",
  "download",
  "status-upload",
  "settlement",
  "batch-upload",
  "script-result"
])

const nothing = () => {}

export class IsoDesk {
  readonly #house: SessionHouseShape
  readonly #transactions: TransactionsShape
  readonly #management: Management

  constructor(house: SessionHouseShape, transactions: TransactionsShape) {
    this.#house = house
    this.#transactions = transactions
    this.#management = new Management(house)
  }

  /** `macRight`: the message carried a MAC, and it was right. */
  take(session: IsoSession, spoken: Spoken, macRight: boolean): void {
    const { kind, profile } = spoken
    this.#house.hooks.meter.received(session.listener, kind)
    const binding = session.seats.take(profile)
    const stranger = this.#identify(session, spoken, binding, macRight)
    if (stranger !== undefined) {
      if (stranger === "terminal-foreign") session.audit(stranger, spoken.message)
      session.refuse(spoken, stranger)
      return
    }
    // Who must sign on first asks the same again.
    if (macRight && profile.baseKey !== undefined) this.#believe(spoken)
    if (managementKinds.has(kind)) {
      // Blocked, it may prove itself and close its books: only a download is for new business.
      if (!profile.kinds.has(kind)) session.refuse(spoken, "kind-forbidden")
      else if (profile.blocked && kind === "download") session.refuse(spoken, "terminal-blocked")
      else this.#management.take(session, spoken, binding)
      return
    }
    this.#submit(session, spoken, binding, macRight)
  }

  /** The reason why a message must not be taken: DUKPT's counter under which it stands. */
  unfit(spoken: Spoken, macRight: boolean): SerialFailure | undefined {
    const { kind, message, profile } = spoken
    const derivation = derivationOf(spoken)
    if (derivation === undefined) return undefined
    // Without a MAC the PIN has to prove the number, and what has neither is not under it.
    if (!macRight && !hasPin(message)) return undefined
    const standing = this.#house.serials.standing(profile.terminal, derivation)
    // Nothing came after it: it may be a repeat of what the switch answers itself.
    if (managementKinds.has(kind) && standing === "latest") return undefined
    return this.#refusal(spoken, standing, true)
  }

  #believe(spoken: Spoken): void {
    const { arrival, profile } = spoken
    const derivation = derivationOf(spoken)
    if (derivation === undefined) return
    arrival.believed = this.#house.serials.believe(profile.terminal, derivation) === "fresh"
  }

  /**
   * A repeat is for the transaction station, which does nothing twice. Reversals often stand under
   * the number of their original, and what is owed is said until it is taken.
   */
  #refusal(
    { kind, message, profile }: Spoken,
    standing: Standing,
    mayRepeat: boolean
  ): SerialFailure | undefined {
    if (standing === "fresh") return undefined
    if (standing === "foreign") return "serial-foreign"
    if (standing !== "behind" && neverRefusedEarly.has(kind)) return undefined
    const repeats = mayRepeat &&
      this.#transactions.knows(profile.terminal, message.dialect.transactionKey(message))
    return repeats ? undefined : "serial-used"
  }

  /** What the PIN of a message without MAC has to prove. Without a card in it it proves nothing. */
  #provedBy(
    session: IsoSession,
    spoken: Spoken,
    pin: PinUnder | undefined
  ): Submission["proved"] {
    if (pin === undefined || !("serial" in pin) || pin.format === 1) return undefined
    return () => {
      const standing = this.#house.serials.believe(spoken.profile.terminal, pin)
      spoken.arrival.believed = standing === "fresh"
      // By now the station knows the message itself.
      const unfit = this.#refusal(spoken, standing, false)
      if (unfit !== undefined) session.audit(unfit, spoken.message)
      return unfit
    }
  }

  /** By the profile's rule (rule 8): the reason why this terminal may not say this yet. */
  #identify(
    session: IsoSession,
    spoken: Spoken,
    binding: Binding,
    macRight: boolean
  ): FailureCode | undefined {
    const { kind, profile } = spoken
    switch (profile.identity) {
      case "certificate": {
        const name = commonName(session.connection.peer?.subject)
        if (name !== (profile.certificate ?? profile.terminal.trimEnd())) {
          return "terminal-foreign"
        }
        session.prove(binding)
        return undefined
      }
      case "mac":
        if (macRight) session.prove(binding)
        break
      case "sign-on":
        break
      case "hello":
        return "kind-forbidden"
    }
    return binding.proven || unproven.has(kind) ? undefined : "not-signed-on"
  }

  #submit(session: IsoSession, spoken: Spoken, binding: Binding, macRight: boolean): void {
    const refusal = this.#pressure(session, spoken, binding)
    if (refusal !== undefined) {
      const key = spoken.message.dialect.transactionKey(spoken.message)
      // A repeat is never refused early: what it repeats may be approved.
      if (!this.#transactions.knows(spoken.profile.terminal, key)) {
        if (!neverRefusedEarly.has(spoken.kind)) this.#transactions.refusedEarly(key, refusal)
        session.refuse(spoken, refusal)
        return
      }
    }
    const pin = pinUnder(spoken, this.#house.keys)
    const proved = macRight ? undefined : this.#provedBy(session, spoken, pin)
    const kept = spoken.profile.baseKey === undefined
      ? undefined
      : () => session.keepSerial(spoken, nothing)
    const submission = submissionOf(spoken, binding.generation, pin, proved, kept)
    if (typeof submission === "string") {
      session.refuse(spoken, submission)
      return
    }
    binding.inFlight++
    this.#transactions.submit(submission, new Ask(session, spoken, binding))
  }

  /** May it begin now? A block, window, its own and its merchant's rate, its age in our queues. */
  #pressure(
    session: IsoSession,
    spoken: Spoken,
    binding: Binding
  ): FailureCode | undefined {
    const { arrival, kind, profile } = spoken
    if (profile.blocked && !openToBlocked.has(kind)) return "terminal-blocked"
    if (neverRefusedEarly.has(kind)) {
      return binding.inFlight >= profile.window * windowSlack ? "session-busy" : undefined
    }
    if (session.room.draining) return "draining"
    if (binding.inFlight >= profile.window) return "session-busy"
    const { merchantRates, settings, terminalRates, time } = this.#house
    const now = time.monotonicMs()
    const patienceMs = cheap.has(kind) ? settings.refuseInquiryAfterMs : settings.refuseSaleAfterMs
    if (now - arrival.atMs > patienceMs) return "overloaded"
    if (terminalRates?.take(profile.terminal, now) === false) return "overloaded"
    return merchantRates?.take(profile.merchant, now) === false ? "overloaded" : undefined
  }
}

/** `CN` of a subject, in either of the usual notations: lines, or `/` and `,` between the parts. */
export function commonName(subject: string | undefined): string | undefined {
  return /(?:^|[\n,/]\s*)CN\s*=\s*([^\n,/]+)/.exec(subject ?? "")?.[1]?.trim()
}
