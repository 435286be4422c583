/**
 * One connection of terminals that speak ISO 8583. What must hold: messages are handled in the
 * order they arrived, even while a MAC is being checked (I9); each is answered once, refused by
 * name, or counted as unanswerable; a bad message costs that message, and only too many in a row
 * cost the connection (rule 7).
 *
 *   frame ─► held? ─► codec ─► mailbox ─► waiting? ─► who speaks ─► MAC ─► may they ─► desk
 */

import type { KeyHandle, TerminalId } from "../domain/brand.ts"
import type { EndReason } from "../domain/end-reasons.ts"
import { type FailureCode, failures } from "../domain/failures.ts"
import { managementKinds } from "../domain/kind.ts"
import type { CodecLane, Decoded, MacVerdict } from "../domain/ports/codec.ts"
import type { Connection } from "../domain/ports/transport.ts"
import { hasMac } from "../iso8583/mac-place.ts"
import { awaitsAnswer } from "../iso8583/message-type.ts"
import type { Dialect, Message, Values } from "../iso8583/message.ts"
import { compose, ownValues, wantsMac } from "./answer.ts"
import { Arrival, type Spoken } from "./arrival.ts"
import type { Binding } from "./binding.ts"
import type { Imposture } from "./house.ts"
import type { IsoDesk } from "./iso-desk.ts"
import { Line } from "./line.ts"
import { type ListenerRoom, mailboxCapacity } from "./listener-room.ts"
import { type Derivation, derivationOf } from "./message-keys.ts"
import { pushText } from "./push-text.ts"
import { Seats } from "./seats.ts"

export class IsoSession extends Line<Arrival> {
  readonly dialect: Dialect
  readonly seats: Seats
  readonly #desk: IsoDesk
  #lane: CodecLane | undefined
  #onDecoded: ((result: Decoded) => void) | undefined
  /** In the codec, in order. */
  #decoding: Array<Arrival> | undefined
  /** Framed, and no room in the codec yet. */
  #held: Array<Arrival> | undefined
  /** Decoded, and behind a message whose MAC is being checked. */
  #waiting: Array<Arrival> | undefined
  #verifying: Arrival | undefined
  /** Keys of single messages, while their MACs are checked or made. */
  #derived: Set<KeyHandle> | undefined
  /** Answers that were to leave and are still being sealed: they hear when the line ends. */
  #unsealed: Array<(body: undefined) => void> | undefined
  #badInRow = 0
  #strangersInRow = 0
  #wrongMacs = 0
  #echoStan = 0

  constructor(room: ListenerRoom, connection: Connection, dialect: Dialect, desk: IsoDesk) {
    super(room, connection)
    this.dialect = dialect
    this.#desk = desk
    this.seats = new Seats(room.house, this)
  }

  // --- from the line

  protected frame(header: Uint8Array, body: Uint8Array): void {
    const arrival = new Arrival(header, body, this.lastMs)
    if ((this.#held?.length ?? 0) > 0 || !this.#decode(arrival)) (this.#held ??= []).push(arrival)
  }

  protected resumed(): void {
    const held = this.#held
    if (held === undefined) return
    let taken = 0
    while (taken < held.length && this.alive && this.#decode(held[taken]!)) taken++
    held.splice(0, taken)
    if (held.length === 0) this.unpause("held")
  }

  receive(arrival: Arrival): void {
    if (this.#verifying === arrival) {
      this.#verifying = undefined
      this.#heard(arrival)
    } else if (this.#verifying !== undefined) {
      ;(this.#waiting ??= []).push(arrival)
      return
    } else {
      this.#heard(arrival)
    }
    while (this.#verifying === undefined) {
      const next = this.#waiting?.shift()
      if (next === undefined) break
      this.#heard(next)
    }
    if ((this.#held?.length ?? 0) > 0) this.resumed()
  }

  dispossessed(binding: Binding): void {
    this.seats.leave(binding)
    if (this.seats.empty) this.end("taken-over")
  }

  proven(): boolean {
    return this.seats.proven
  }

  terminals(): ReadonlyArray<TerminalId> {
    return this.seats.terminals()
  }

  owned(): ReadonlyArray<TerminalId> {
    return this.seats.owned()
  }

  protected released(): void {
    this.seats.leaveAll()
    this.#lane?.close()
    this.#held = this.#waiting = this.#decoding = undefined
    for (const key of Array.from(this.#derived ?? [])) this.#letGo(key)
    const unsealed = this.#unsealed
    this.#unsealed = undefined
    for (const done of unsealed?.slice() ?? []) done(undefined)
  }

  protected echo(): boolean {
    const form = this.dialect.form("echo")
    const binding = this.seats.sole
    if (form === undefined || binding === undefined || !binding.proven) return false
    const profile = this.room.house.terminals.find(binding.terminal)
    if (profile === undefined) return false
    this.#echoStan = this.#echoStan % 999_999 + 1
    const body = this.dialect.build(form.mti, {
      ...form.values,
      ...this.#at("stan", String(this.#echoStan).padStart(6, "0")),
      ...this.#at("terminal", profile.terminal),
      ...this.#at("merchant", profile.merchant)
    })
    this.hand(this.room.framing.requestHeader(), body, undefined)
    return true
  }

  /** The binding has proven itself: it is the terminal's owner from now on (rule 10). */
  prove(binding: Binding): void {
    if (binding.proven || !binding.live) return
    this.room.house.owners.claim(binding)
    this.room.proved(this)
  }

  /** The terminal said goodbye: a line of its own closes once what it is owed has left. */
  signedOff(binding: Binding): void {
    if (!this.seats.shared) return this.finish("signed-off")
    this.seats.leave(binding)
  }

  // --- decoding

  get lane(): CodecLane {
    return this.#lane ??= this.room.house.codec.lane()
  }

  #outstanding(): number {
    return (this.#decoding?.length ?? 0) + this.actor.depth() + (this.#waiting?.length ?? 0) +
      (this.#verifying === undefined ? 0 : 1)
  }

  /** False: there is no room, and the line does not read until there is. */
  #decode(arrival: Arrival): boolean {
    const { addressRates, codec, keys, time } = this.room.house
    if (this.#outstanding() >= mailboxCapacity) {
      this.pause("held")
      return false
    }
    if (addressRates?.take(this.room.addressOf(this), time.monotonicMs()) === false) {
      this.pause("rate")
      return false
    }
    const sole = this.seats.sole
    arrival.key = sole?.proven === true ? keys.mac(sole.terminal) : undefined
    const decoding = this.#decoding ??= []
    decoding.push(arrival)
    this.#onDecoded ??= (result) => this.#decoded(result)
    if (codec.decode(this.lane, this.dialect, arrival.body, arrival.key, this.#onDecoded)) {
      return true
    }
    decoding.pop()
    this.waitForRoom()
    return false
  }

  #decoded(result: Decoded): void {
    const arrival = this.#decoding?.shift()
    if (arrival === undefined) return
    arrival.result = result
    this.actor.tell(arrival)
  }

  // --- who speaks

  #heard(arrival: Arrival): void {
    const result = arrival.result!
    switch (result._tag) {
      case "fault":
        return this.#bad(arrival, result.fault.failure)
      case "failed":
        return this.#bad(arrival, result.failure)
      case "message":
        arrival.atRest ??= result.atRest
        return this.#message(arrival, result.message, result.mac)
    }
  }

  #message(arrival: Arrival, message: Message, mac: MacVerdict): void {
    this.understood()
    if (message.dialect.isResponse(message)) return this.#response(message)
    const spoken = this.#whoSpeaks(arrival, message)
    if (typeof spoken === "string") return this.#stranger(arrival, message, spoken)
    this.#badInRow = this.#strangersInRow = 0
    this.#checkMac(spoken, mac)
  }

  /** Only an answer to our own echo is expected from a terminal. */
  #response(message: Message): void {
    if (this.#echoStan === 0 || Number(message.role("stan")) !== this.#echoStan) {
      this.room.house.hooks.meter.unanswerable(this.listener)
      this.#badMessage()
    }
    this.settled()
  }

  #whoSpeaks(arrival: Arrival, message: Message): Spoken | FailureCode {
    const terminal = message.role("terminal")
    if (terminal === undefined) return "field-missing"
    const profile = this.room.house.terminals.find(this.seats.known(terminal))
    if (profile === undefined) return "terminal-unknown"
    const merchant = message.role("merchant")
    if (merchant !== undefined && merchant.trimEnd() !== profile.merchant.trimEnd()) {
      return "terminal-foreign"
    }
    if (!this.seats.mayTake(profile)) return "terminal-foreign"
    const kind = message.kind()
    if (kind === undefined) return "transaction-unknown"
    return { arrival, message, profile, kind }
  }

  /** Somebody who is not who they say, or says nothing we know. */
  #stranger(arrival: Arrival, message: Message, failure: FailureCode): void {
    if (failure === "terminal-foreign" || failure === "terminal-unknown") {
      this.audit(failure, message)
      this.#strangersInRow++
    }
    this.#refuseUnknown(arrival, message, failure)
    if (failure === "field-missing") this.#badMessage()
    if (this.#strangersInRow >= this.room.config.maxBadMessages) this.finish("identity-refused")
  }

  // --- the MAC

  #checkMac(spoken: Spoken, verdict: MacVerdict): void {
    const { arrival, kind, message, profile } = spoken
    const demanded = (profile.macRequired || profile.identity === "mac") &&
      !managementKinds.has(kind)
    if (!hasMac(message) || kind === "sign-on") {
      if (demanded) this.#macRefused(spoken, "mac-missing")
      else this.#judged(spoken, false)
      return
    }
    const derivation = derivationOf(spoken)
    // A reload may have given its terminal another base key meanwhile: the old one proves nothing.
    const asked = arrival.asked && arrival.baseKey === derivation?.baseKey
    if (asked && derivation !== undefined) return this.#macChecked(spoken, verdict)
    if (derivation !== undefined) return this.#checkDerived(spoken, derivation)
    const key = this.room.house.keys.mac(profile.terminal)
    if (key === undefined) {
      if (demanded) this.refuse(spoken, "key-missing")
      else this.#judged(spoken, false)
    } else if (asked || (arrival.key === key && verdict !== "unchecked")) {
      this.#macChecked(spoken, verdict)
    } else {
      this.#verify(spoken, key)
    }
  }

  #checkDerived(spoken: Spoken, { baseKey, serial }: Derivation): void {
    const key = this.room.house.security.derive(baseKey, serial, "mac-request")
    if (typeof key !== "number") return this.refuse(spoken, key)
    ;(this.#derived ??= new Set()).add(key)
    this.#verify(spoken, key, baseKey)
  }

  /** A key of one message has done its work; a line that ends lets go of all. */
  #letGo(key: KeyHandle): void {
    if (this.#derived?.delete(key) === true) this.room.house.security.release(key)
  }

  #verify(spoken: Spoken, key: KeyHandle, baseKey?: string): void {
    const { arrival, message } = spoken
    arrival.key = key
    arrival.baseKey = baseKey
    arrival.asked = true
    this.#verifying = arrival
    this.room.house.codec.verify(this.lane, message, key, (mac) => {
      this.#letGo(key)
      arrival.result = { _tag: "message", message, mac }
      this.actor.tell(arrival)
    })
  }

  #macChecked(spoken: Spoken, verdict: MacVerdict): void {
    const { arrival, profile } = spoken
    const { keys, security } = this.room.house
    if (verdict === "unchecked") {
      this.refuse(spoken, security.place === "hsm" ? "hsm-unavailable" : "key-missing")
      return
    }
    if (verdict === "right") {
      this.#judged(spoken, true)
      return
    }
    const previous = arrival.baseKey !== undefined ? undefined : keys.previousMac(profile.terminal)
    if (previous === undefined || arrival.triedPrevious) {
      this.audit("mac-wrong", spoken.message)
      this.#macRefused(spoken, "mac-wrong")
      return
    }
    arrival.triedPrevious = true
    this.#verify(spoken, previous)
  }

  /** Its MAC is right, or it needs none: is its serial number, where it stands under one? */
  #judged(spoken: Spoken, macRight: boolean): void {
    const unfit = spoken.profile.baseKey === undefined
      ? undefined
      : this.#desk.unfit(spoken, macRight)
    if (unfit !== undefined) {
      this.audit(unfit, spoken.message)
      this.#macRefused(spoken, unfit, "identity-refused")
      return
    }
    if (macRight) this.#wrongMacs = 0
    this.#desk.take(this, spoken, macRight)
  }

  #macRefused(
    spoken: Spoken,
    failure: FailureCode,
    end: EndReason = "mac-wrong-repeated"
  ): void {
    this.refuse(spoken, failure)
    const binding = this.seats.of(spoken.profile.terminal)
    const limit = this.room.config.maxWrongMacs
    if (binding !== undefined && this.seats.shared) {
      if (++binding.wrongMacs < limit) return
      this.seats.leave(binding)
    } else if (++this.#wrongMacs >= limit) {
      this.finish(end)
    }
  }

  // --- answers that are made here

  /** Refuses by name, in the terminal's dialect. */
  refuse(spoken: Spoken, failure: FailureCode): void {
    this.countRefusal(failure)
    const { response } = failures[failure]
    if (response === "") this.keepSerial(spoken, () => this.settled())
    else this.answer(spoken, response, {}, undefined)
  }

  /** Something comes of it: its DUKPT counter stays used, and that is on disk before `then`. */
  keepSerial(spoken: Spoken, then: () => void): void {
    const { arrival: { believed }, profile: { baseKey, terminal } } = spoken
    if (baseKey === undefined) return then()
    this.room.house.serials.keep(terminal, believed ? derivationOf(spoken) : undefined, then)
  }

  /** An answer that is no transaction's. */
  answer(
    spoken: Spoken,
    response1987: string,
    values: Values,
    handed: ((live: boolean) => void) | undefined
  ): void {
    const { message } = spoken
    const mac = wantsMac(spoken)
    const code = message.dialect.responseCode(response1987)
    const own = () => ownValues(this, message, code)
    const all = own()
    all.take(values)
    const body = compose(message, code, all, own, mac)
    const leave = (sealed: Uint8Array | undefined) => {
      if (sealed === undefined || sealed.length === 0) handed?.(false)
      else this.reply(spoken.arrival, sealed, handed)
      spoken.arrival.wipe()
      this.settled()
    }
    this.keepSerial(spoken, () => {
      if (mac && body.length > 0) this.seal(spoken, body, leave)
      else leave(body)
    })
  }

  reply(arrival: Arrival, body: Uint8Array, handed: ((live: boolean) => void) | undefined): void {
    this.hand(this.room.framing.replyHeader(arrival.header), body, handed)
  }

  /**
   * The current key; but a terminal that asks under the one before it, after the change, has not
   * got the new one: its answer stands under the key that it has, as long as that is honoured.
   */
  #answerKey({ arrival, profile }: Spoken): KeyHandle | undefined {
    const { keys } = this.room.house
    const previous = arrival.triedPrevious ? keys.previousMac(profile.terminal) : undefined
    return previous ?? keys.mac(profile.terminal)
  }

  /** Undefined when no MAC can be made, and when the line ends before it is. */
  seal(spoken: Spoken, body: Uint8Array, done: (body: Uint8Array | undefined) => void): void {
    const { codec, security } = this.room.house
    if (!this.alive) return done(undefined)
    const derivation = derivationOf(spoken)
    const key = derivation === undefined
      ? this.#answerKey(spoken)
      : security.derive(derivation.baseKey, derivation.serial, "mac-response")
    if (typeof key !== "number") return done(body)
    if (derivation !== undefined) (this.#derived ??= new Set()).add(key)
    const unsealed = this.#unsealed ??= []
    const sealed = (bytes: Uint8Array | undefined) => {
      const at = unsealed.indexOf(sealed)
      if (at < 0) return
      unsealed.splice(at, 1)
      done(bytes)
    }
    unsealed.push(sealed)
    codec.seal(this.lane, this.dialect, body, key, (bytes) => {
      if (derivation !== undefined) this.#letGo(key)
      sealed(bytes)
    })
  }

  /** What waits for this terminal, where the dialect has a field for it. */
  piggyback(spoken: Spoken): Values {
    const { pushPath } = this.dialect
    const { terminal } = spoken.profile
    if (pushPath === undefined || this.seats.of(terminal)?.proven !== true) return {}
    const push = this.room.house.pushes.first(terminal)
    return push === undefined ? {} : { [pushPath]: pushText(push) }
  }

  /** YYYYMMDDhhmmss */
  localStamp(): string {
    const { local, time } = this.room.house
    const wallMs = time.wallMs()
    return local.at(wallMs).date.slice(0, 4) + local.stamp(wallMs)
  }

  countRefusal(failure: FailureCode): void {
    this.room.house.hooks.meter.refused(this.listener, failure)
  }

  audit(what: Imposture, message: Message): void {
    this.room.audit(what, this.remote, message.role("terminal"), message.role("merchant"))
  }

  /** Told 30 or 12 when its MTI, STAN and terminal can be read; counted in any case. */
  #bad(arrival: Arrival, failure: FailureCode): void {
    const readable = this.dialect.salvage?.(arrival.body)
    if (readable === undefined || !awaitsAnswer(readable.mtiNumber)) {
      this.countRefusal(failure)
      this.room.house.hooks.meter.unanswerable(this.listener)
      this.settled()
    } else {
      this.#refuseUnknown(arrival, readable, failure)
    }
    this.#badMessage()
  }

  #badMessage(): void {
    if (++this.#badInRow >= this.room.config.maxBadMessages) this.finish("messages-bad-repeated")
  }

  /** Without a profile there is no key: the answer carries no MAC. */
  #refuseUnknown(arrival: Arrival, message: Message, failure: FailureCode): void {
    this.countRefusal(failure)
    const { response } = failures[failure]
    if (
      response === "" || message.role("stan") === undefined ||
      message.role("terminal") === undefined
    ) {
      this.room.house.hooks.meter.unanswerable(this.listener)
    } else {
      const code = this.dialect.responseCode(response)
      const own = () => ownValues(this, message, code)
      const body = compose(message, code, own(), own, false)
      if (body.length > 0) this.reply(arrival, body, undefined)
    }
    arrival.wipe()
    this.settled()
  }

  #at(role: "stan" | "terminal" | "merchant", value: string): Values {
    const path = this.dialect.pathOf(role)
    return path === undefined ? {} : { [path]: value }
  }
}
