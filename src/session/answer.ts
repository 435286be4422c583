/**
 * Answers in the terminal's own dialect. What must hold: the terminal finds its own STAN, terminal
 * and merchant again whatever the upstream said; an answer is sealed under the terminal's key, the
 * current one or the one that it still has, whenever its profile demands a MAC; it goes to the
 * session generation that asked or to nobody (I4), and `handed` is called exactly once.
 */

import { failures } from "../domain/failures.ts"
import { managementKinds } from "../domain/kind.ts"
import type { Asker, PreparedAnswer, Verdict } from "../domain/ports/transactions.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { hasMac } from "../iso8583/mac-place.ts"
import type { Dialect, Message, Role, Values } from "../iso8583/message.ts"
import { ValueList } from "../iso8583/value-list.ts"
import type { Spoken } from "./arrival.ts"
import type { Binding } from "./binding.ts"
import type { IsoSession } from "./iso-session.ts"

/** Asks on behalf of one terminal; answered once. */
export class Ask implements Asker {
  readonly session: IsoSession
  readonly spoken: Spoken
  readonly binding: Binding

  constructor(session: IsoSession, spoken: Spoken, binding: Binding) {
    this.session = session
    this.spoken = spoken
    this.binding = binding
  }

  prepare(verdict: Verdict): PreparedAnswer {
    const { session, spoken } = this
    const { message } = spoken
    const mac = wantsMac(spoken)
    if (verdict.failure !== undefined) session.countRefusal(verdict.failure)
    if (verdict.response1987 === "") return new Prepared(this, nothing, false)
    const theirs = verdict.failure === undefined ? theirCode(message, verdict.values) : undefined
    const code = theirs ?? message.dialect.responseCode(verdict.response1987)
    const all = new ValueList()
    if (verdict.values !== undefined) all.take(verdict.values)
    all.take(session.piggyback(spoken))
    addOwn(all, session, message, code, verdict.record)
    const own = () => ownValues(session, message, code, verdict.record)
    const body = compose(message, code, all, own, mac)
    return new Prepared(this, body, mac)
  }

  repeat(stored: Uint8Array): PreparedAnswer {
    const { message } = this.spoken
    const { dialect } = message
    const known = stored.length === 0 ? undefined : dialect.read(stored)
    if (known === undefined || !("mti" in known)) {
      return this.prepare({
        approved: false,
        response1987: failures["duplicate-stale"].response,
        failure: "duplicate-stale"
      })
    }
    const mac = wantsMac(this.spoken)
    const set = serialOf(message, known)
    return new Prepared(
      this,
      mac === hasMac(known) && set === undefined
        ? Buffer.from(stored)
        : dialect.patch(known, { mac, ...(set === undefined ? {} : { set }) }),
      mac
    )
  }
}

/**
 * DUKPT: the stored answer names the keys of the question that it was made for, and is sealed under
 * those of the repeat. Undefined where they are the same.
 */
function serialOf(repeat: Message, stored: Message): Values | undefined {
  const path = repeat.dialect.pathOf("ksn")
  if (path === undefined || stored.text(path) === repeat.text(path)) return undefined
  const serial = repeat.raw(path)
  return serial === undefined ? undefined : { [path]: serial }
}

const nothing: Uint8Array = new Uint8Array(0)

/**
 * The answer's body. Values that came from elsewhere and do not fit the terminal's dialect stay
 * behind, and only `own` are told: the decision is told all the same. Empty when not even those
 * fit.
 */
export function compose(
  message: Message,
  code: string,
  all: Values | ValueList,
  own: () => ValueList,
  mac: boolean
): Uint8Array {
  const { dialect } = message
  const whole = dialect.answer(message, code, all, mac)
  if (whole instanceof Uint8Array) return whole
  const plain = dialect.answer(message, code, own(), mac)
  if (plain instanceof Uint8Array) return plain
  const bare = dialect.answer(message, code, {}, mac)
  return bare instanceof Uint8Array ? bare : nothing
}

/** Ready, or still being sealed; delivered once both its outcome and its MAC are there. */
class Prepared implements PreparedAnswer {
  readonly body: Uint8Array
  readonly #ask: Ask
  /** Undefined while it is being sealed, and when no MAC could be made. */
  #sealed: Uint8Array | undefined
  #sealing = true
  #handed: ((live: boolean) => void) | undefined

  constructor(ask: Ask, body: Uint8Array, mac: boolean) {
    this.#ask = ask
    this.body = body
    ask.session.keepSerial(ask.spoken, () => {
      if (mac && body.length > 0) ask.session.seal(ask.spoken, body, (sealed) => this.#made(sealed))
      else this.#made(body.length === 0 ? undefined : body)
    })
  }

  #made(sealed: Uint8Array | undefined): void {
    this.#sealing = false
    this.#sealed = sealed
    if (this.#handed !== undefined) this.#leave(this.#handed)
  }

  deliver(handed: (live: boolean) => void): void {
    if (this.#sealing) this.#handed = handed
    else this.#leave(handed)
  }

  #leave(handed: (live: boolean) => void): void {
    const { binding, session, spoken } = this.#ask
    binding.inFlight--
    const { listener, room } = session
    const told = (live: boolean) => {
      room.house.hooks.meter.answered(listener, live)
      handed(live)
    }
    if (this.#sealed === undefined || !binding.live) told(false)
    else session.reply(spoken.arrival, this.#sealed, told)
    if (this.#sealed !== this.body) this.#sealed?.fill(0)
    spoken.arrival.wipe()
    session.settled()
  }
}

/** Management answers carry a MAC when their request did; all others when the profile says so. */
export function wantsMac(spoken: Spoken): boolean {
  const { kind, message, profile } = spoken
  const { mac } = message.dialect
  if (mac === undefined) return false
  if (managementKinds.has(kind)) return kind !== "sign-on" && hasMac(message)
  return profile.macRequired
}

/** The upstream's own response code, when the mapping brought it in this dialect's words. */
function theirCode(
  message: Message,
  values: Values | ValueList | undefined
): string | undefined {
  const path = message.dialect.pathOf("response")
  if (path === undefined || values === undefined) return undefined
  if (values instanceof ValueList) return values.text(path)
  const value = values[path]
  return typeof value === "string" ? value : undefined
}

/** What is the terminal's own, or ours to say. */
export function ownValues(
  session: IsoSession,
  message: Message,
  code: string,
  record?: TransactionRecord
): ValueList {
  const values = new ValueList()
  addOwn(values, session, message, code, record)
  return values
}

/** It wins over whatever came back from upstream. */
function addOwn(
  values: ValueList,
  session: IsoSession,
  message: Message,
  code: string,
  record: TransactionRecord | undefined
): void {
  const { dialect } = message
  const set = (role: Role, value: string | undefined) => {
    const path = dialect.pathOf(role)
    if (path !== undefined && value !== undefined) values.set(path, value)
  }
  set("response", code)
  set("stan", message.role("stan"))
  set("terminal", message.role("terminal"))
  set("merchant", message.role("merchant"))
  set("rrn", record?.rrn ?? record?.upstreamRrn ?? message.role("rrn"))
  set("authCode", record?.authCode)
  if (record !== undefined) {
    const { day } = record
    const digits = day.slice(0, 4) + day.slice(5, 7) + day.slice(8, 10)
    set("settlementDate", lastOf(dialect, "settlementDate", 4, digits))
  }
  if (record?.approvedAmount !== undefined) {
    set("amount", String(record.approvedAmount).padStart(12, "0"))
  }
  const stamp = session.localStamp()
  set("localDate", message.role("localDate") ?? stamp.slice(4, 8))
  set("localTime", message.role("localTime") ?? lastOf(dialect, "localTime", 6, stamp))
}

/** Of a day or a time as many digits as its field has: without the year, or its century. */
function lastOf(dialect: Dialect, role: Role, usual: number, text: string): string {
  return text.slice(-(dialect.digitsOf?.(role) ?? usual))
}
