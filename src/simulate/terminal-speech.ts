/**
 * What a simulated terminal says and understands, in whatever dialect it speaks. Messages are built
 * by role, so the same terminal speaks them all. What must hold: no two questions of one terminal
 * have the same STAN within a batch, nor the same amount, so that books can be compared without
 * asking the switch.
 */

import { type Kind, reversibleKinds } from "../domain/kind.ts"
import type { RandomShape } from "../domain/ports/time.ts"
import type { Dialect, Message, OriginalFacts, Role, Values } from "../iso8583/message.ts"
import { BatchTally } from "./batch-tally.ts"
import { type HeardAnswer, lastFour, type TerminalEntry } from "./book.ts"
import type { PinPad } from "./pin-pad.ts"
import type { TerminalSecurity } from "./terminal-keys.ts"
import { testCards, testPin } from "./test-cards.ts"
import { cardSequence, chipValues } from "./test-chip.ts"

/** What a terminal can be asked to do. */
export type TerminalKind =
  | "sale"
  | "void"
  | "refund"
  | "preauth"
  | "preauth-cancel"
  | "completion"
  | "balance"
  | "pay-code"

const expiry = "3012"
const currency = "156"
/** Wallet pay codes: WeChat 10–15 and 18 digits, Alipay 25–30 and 16 to 24. */
const payCodes = ["134567890123456789", "287654321098765432"] as const
const remembered = 16

/** Kinds for which the customer is asked for a PIN. */
export const pinKinds: ReadonlySet<string> = new Set(["sale", "preauth", "balance"])
/** Kinds for which the card is in the reader, where it has a chip. */
const chipKinds = pinKinds
/** China UnionPay field 53: format with the card number, double-length triple DES. */
const pinControl = "2600000000000000"
const longestPin = "12"

/** Kinds that leave nothing of what they follow. */
const wholeKinds: ReadonlySet<TerminalKind> = new Set(["void", "preauth-cancel"])

/** A question as it was built: what is needed to repeat it, reverse it or refer to it. */
export interface Question {
  readonly entry: TerminalEntry
  readonly kind: Kind
  readonly body: Buffer
  readonly facts: OriginalFacts
  readonly reversible: boolean
  /** Of what takes the whole of its original: that. */
  readonly undoes?: Question
  /** What the customer typed, to be enciphered again should the keys change before a repeat. */
  readonly pin?: { readonly pan: string; readonly digits: string }
}

interface SpeechOptions {
  readonly terminal: string
  readonly merchant: string
  readonly dialect: Dialect
  readonly keys: TerminalSecurity | undefined
  readonly random: RandomShape
  readonly cards?: ReadonlyArray<string>
  readonly firstBatch?: number
  /** PINs are typed and sent. */
  readonly pinPad?: PinPad
  /** Share of the cards that are read by their chip; 0 when absent. */
  readonly chips?: number
  /** The number before the first; 0 when absent. */
  readonly lastStan?: number
}

/** Something approved that a follow-on may refer to. */
interface Approved {
  readonly question: Question
  readonly facts: OriginalFacts
  readonly amount: number
  used: boolean
}

/** Of follow-ons: names an original that has been followed already, as cashiers do. */
const secondHelping = 0.15

export class TerminalSpeech {
  readonly #options: SpeechOptions
  readonly #past: Array<Approved> = []
  #stan = 0
  #amount = 100
  #batch: number
  readonly #tally = new BatchTally()

  constructor(options: SpeechOptions) {
    this.#options = options
    this.#batch = options.firstBatch ?? 1
    this.#stan = options.lastStan ?? 0
  }

  /** The last STAN it used. */
  get stan(): number {
    return this.#stan
  }

  get batch(): string {
    return String(this.#batch).padStart(6, "0")
  }

  /** What to ask next, by weight; a follow-on without an original becomes a sale. */
  choose(mix: Readonly<Partial<Record<TerminalKind, number>>>): TerminalKind {
    let total = 0
    for (const weight of Object.values(mix)) total += weight
    let left = this.#options.random.next() * total
    for (const [kind, weight] of Object.entries(mix)) {
      left -= weight
      // The names of a record with these keys.
      if (left < 0) {
        return this.#originalFor(kind as TerminalKind) === "missing"
          ? "sale"
          : kind as TerminalKind
      }
    }
    return "sale"
  }

  signOn(): Buffer {
    const { dialect, keys } = this.#options
    const form = dialect.form("sign-on")
    const values = {
      ...this.#identity(),
      ...this.#role("stan", this.#nextStan()),
      ...this.#role("batch", this.batch),
      ...form?.values,
      ...(keys?.downloads === true ? this.#role("networkCode", "003") : {})
    }
    return dialect.build(form?.mti ?? "0800", values)
  }

  isSignOnAnswer(message: Message): boolean {
    return message.kind() === "sign-on" || message.mti.slice(1) === "810"
  }

  /** False: refused, or the keys could not be opened. */
  takeSignOn(message: Message): boolean {
    const { dialect, keys } = this.#options
    if (!dialect.approvals.has(message.role("response") ?? "")) return false
    if (keys?.downloads !== true) return true
    const download = message.raw("62")
    return download === undefined ? keys.hasMacKey : keys.takeDownload(download)
  }

  mustCarryMac(message: Message): boolean {
    // A refusal may come from before the switch knew which key to use.
    return this.#options.dialect.approvals.has(message.role("response") ?? "")
  }

  /** A new key or counter is wanted, maybe with a sign-on, and the same question once more. */
  isDisbelief(response: string): boolean {
    const { dialect, keys } = this.#options
    const isTold = keys !== undefined && response === dialect.responseCode("A0")
    if (response !== "A0" && response !== "77" && !isTold) return false
    keys?.forgetMacKey()
    return true
  }

  isReversalAnswer(message: Message): boolean {
    return message.mti[1] === "4"
  }

  /** `wanted` is in minor units; without it every question has another amount. */
  ask(what: TerminalKind, wallMs: number, wanted?: number): Question {
    const { cards = testCards, dialect, keys, merchant, terminal } = this.#options
    const kind = what === "pay-code" ? "sale" : what
    const past = this.#originalFor(what)
    if (past === "missing") return this.ask("sale", wallMs, wanted)
    const amount = what === "balance" ? undefined : wanted ?? this.#amountFor(what, past)
    const stan = this.#nextStan()
    const serial = keys?.next() ?? {}
    const form = dialect.form(kind)
    const card = past?.facts.pan ?? this.#options.random.next()
    const pan = typeof card === "string" ? card : cards[Math.floor(card * cards.length)]!
    const pin = pinKinds.has(what) ? this.#pinFor(pan, amount) : undefined
    const isChip = chipKinds.has(what) && this.#isChip()
    const isOfCode = what === "pay-code" || past !== undefined && past.facts.pan === undefined
    const batch = dialect.pathOf("batch") === undefined ? undefined : this.batch
    const payCode = payCodes[stan.charCodeAt(5) % payCodes.length]!
    const local = localTime(wallMs)
    const values: Values = {
      ...serial,
      ...(what === "pay-code"
        ? { ...this.#role("payCode", payCode), ...this.#role("entryMode", "032") }
        : {
          ...this.#role("pan", pan),
          ...this.#role("expiry", expiry),
          ...this.#role("entryMode", "012"),
          ...this.#pinValues(pin),
          ...(isChip ? this.#chipValues(pan, amount, stan, wallMs, pin !== undefined) : {})
        }),
      ...(amount === undefined ? {} : this.#role("amount", String(amount).padStart(12, "0"))),
      ...this.#role("transmissionTime", local),
      ...this.#role("stan", stan),
      ...(dialect.pathOf("batch") === undefined
        ? {
          ...this.#role("localTime", local.slice(4)),
          ...this.#role("localDate", local.slice(0, 4))
        }
        : {}),
      ...this.#identity(),
      ...this.#role("currency", currency),
      ...(batch === undefined ? {} : this.#role("batch", batch)),
      ...(past === undefined ? {} : dialect.refer(past.facts)),
      ...form?.values
    }
    const mti = form?.mti ?? "0200"
    const facts: OriginalFacts = {
      kind,
      mti,
      stan,
      terminal,
      merchant,
      // What gives back a code's payment is the wallet's, whatever card comes with it.
      ...this.#facts(values, isOfCode ? undefined : pan, amount)
    }
    const entry = entryOf(facts, wallMs, past, pin)
    if (past !== undefined) past.used = true
    const body = dialect.build(mti, values, keys !== undefined)
    const sealed = keys === undefined ? body : keys.seal(body)
    const reversible = reversibleKinds.has(kind)
    return {
      entry,
      kind,
      body: sealed,
      facts,
      reversible,
      ...(past === undefined || !wholeKinds.has(what) ? {} : { undoes: past.question }),
      ...(pin === undefined ? {} : { pin })
    }
  }

  /** The same question again: with the repeat digit where the dialect's MTIs have one. */
  repeat(question: Question): Buffer {
    const { dialect, keys } = this.#options
    const hasRepeats = dialect.reversal.repeatMti !== undefined
    const serial = keys?.again() ?? (hasRepeats ? keys?.next() : undefined)
    if (serial === undefined && !hasRepeats) return question.body
    const message = dialect.read(question.body)
    if ("failure" in message) return question.body
    const mti = hasRepeats ? `${message.mti.slice(0, 3)}1` : message.mti
    const set = { ...serial, ...this.#pinValues(question.pin) }
    const body = dialect.patch(message, { mti, set, mac: keys !== undefined })
    return keys === undefined ? body : keys.seal(body)
  }

  reversal({ facts }: Question, reason: string): Buffer {
    const { dialect, keys } = this.#options
    const { reversal } = dialect
    const values = {
      ...keys?.next(),
      ...this.#identity(),
      ...this.#role("stan", facts.stan),
      ...this.#role("amount", facts.amount),
      ...this.#role("currency", facts.currency),
      ...this.#role("batch", facts.batch),
      ...this.#role("transmissionTime", facts.transmissionTime),
      ...reversal.compose(facts, reason)
    }
    const body = dialect.build(reversal.mti, values, keys !== undefined)
    return keys === undefined ? body : keys.seal(body)
  }

  /** Asks what waits for it, and says up to which number it has heard. */
  poll(heard: number): Buffer | undefined {
    const { dialect, keys } = this.#options
    const form = dialect.form("poll")
    const { pushPath } = dialect
    if (form === undefined || pushPath === undefined) return undefined
    const values = {
      ...this.#identity(),
      ...this.#role("stan", this.#nextStan()),
      ...this.#role("batch", this.batch),
      ...form.values,
      ...(heard === 0 ? {} : { [pushPath]: `sequence=${heard}` })
    }
    const body = dialect.build(form.mti, values, keys !== undefined)
    return keys === undefined ? body : keys.seal(body)
  }

  /** The number of the push that an answer brings; 0: it brings none. */
  pushIn(message: Message): number {
    const { pushPath } = this.#options.dialect
    const text = pushPath === undefined ? undefined : message.text(pushPath)
    return Number(/^sequence=(\d{1,10})(?:;|$)/.exec(text ?? "")?.[1] ?? 0)
  }

  /** Declares what the batch adds up to. */
  close(): Buffer {
    const { dialect, keys } = this.#options
    const form = dialect.form("settlement")
    const values = {
      ...keys?.next(),
      ...this.#identity(),
      ...this.#role("stan", this.#nextStan()),
      ...this.#role("batch", this.batch),
      ...this.#tally.declared(dialect),
      ...form?.values
    }
    const body = dialect.build(form?.mti ?? "0500", values, keys !== undefined)
    return keys === undefined ? body : keys.seal(body)
  }

  /** Did the books of both sides agree? Undefined: they were not compared, come again. */
  isBalanced(message: Message): boolean | undefined {
    const response = message.role("response")
    if (response !== "00" && response !== "95") return undefined
    if (this.#options.dialect.pathOf("batch") === undefined) return message.text("66") === "1"
    const totals = message.text("48")
    return totals?.[30] === "1" && totals[61] === "1"
  }

  /** The batch is closed: a new one, without anything that a follow-on may refer to. */
  nextBatch(): void {
    this.#batch = (this.#batch + 1) % 1_000_000
    this.#tally.clear()
    this.#past.length = 0
  }

  /** Counts an approval; others may follow it, under the references that the answer brought. */
  remember(question: Question, answer: Message): void {
    const { entry, facts, kind } = question
    const amount = entry.heardAmount ?? entry.amount ?? 0
    this.#tally.take(kind, entry.stan, amount, facts.pan, entry.original)
    if (kind !== "sale" && kind !== "preauth" && kind !== "completion") return
    const rrn = answer.role("rrn")
    const authCode = answer.role("authCode")
    this.#past.push({
      question,
      facts: {
        ...question.facts,
        ...(rrn === undefined ? {} : { rrn }),
        ...(authCode === undefined ? {} : { authCode })
      },
      amount,
      used: false
    })
    if (this.#past.length > remembered) this.#past.shift()
  }

  /** What was approved is taken back: it counts no more, and nothing follows it. */
  forget(stan: string): void {
    this.#tally.forget(stan)
    const at = this.#past.findIndex(({ facts }) => facts.stan === stan)
    if (at >= 0) this.#past.splice(at, 1)
  }

  #pinFor(pan: string, amount: number | undefined): Question["pin"] {
    const digits = this.#options.pinPad?.type(pan, amount)
    return digits === undefined ? undefined : { pan, digits }
  }

  #isChip(): boolean {
    const { chips = 0, random } = this.#options
    return chips > 0 && random.next() < chips
  }

  #chipValues(
    pan: string,
    amount: number | undefined,
    stan: string,
    wallMs: number,
    hasPin: boolean
  ): Values {
    const date = new Date(wallMs).toISOString().slice(2, 10).replaceAll("-", "")
    return {
      ...this.#role("entryMode", hasPin ? "051" : "052"),
      ...this.#role("cardSequence", cardSequence),
      ...chipValues(pan, amount, Number(stan), date, this.#options.random)
    }
  }

  /** Under the current key: of China UnionPay's download, or of this question's serial number. */
  #pinValues(pin: Question["pin"]): Values {
    const { keys, pinPad } = this.#options
    const block = pin === undefined ? undefined : keys?.pinBlock(pin.pan, pin.digits)
    if (block === undefined) return {}
    pinPad?.sent?.(block)
    return {
      ...this.#role("entryMode", "011"),
      "26": longestPin,
      ...this.#bytes("pinBlock", block),
      ...(keys?.downloads === true ? { "53": pinControl } : {})
    }
  }

  #bytes(role: Role, value: Uint8Array): Values {
    const path = this.#options.dialect.pathOf(role)
    return path === undefined ? {} : { [path]: value }
  }

  #originalFor(kind: TerminalKind): Approved | "missing" | undefined {
    const of = kind === "void" || kind === "refund"
      ? "sale"
      : kind === "completion" || kind === "preauth-cancel"
      ? "preauth"
      : undefined
    if (of === undefined) return undefined
    const again = this.#options.random.next() < secondHelping
    const those = this.#past.filter(({ facts }) => facts.kind === of)
    return those.findLast(({ used }) => used === again) ?? "missing"
  }

  /** Every amount is new, but that of a void, which is its original's. */
  #amountFor(kind: TerminalKind, past: Approved | undefined): number {
    if (past !== undefined && kind !== "refund") return past.amount
    if (past !== undefined) return Math.max(1, Math.floor(past.amount / 2))
    this.#amount += 1
    return this.#amount
  }

  #nextStan(): string {
    this.#stan = this.#stan % 999_999 + 1
    return String(this.#stan).padStart(6, "0")
  }

  #identity(): Values {
    const { merchant, terminal } = this.#options
    return { ...this.#role("terminal", terminal), ...this.#role("merchant", merchant) }
  }

  #role(role: Role, value: string | undefined): Values {
    const path = this.#options.dialect.pathOf(role)
    return path === undefined || value === undefined ? {} : { [path]: value }
  }

  /** The parts of a message that a reversal or a follow-on must name again. */
  #facts(
    values: Values,
    pan: string | undefined,
    amount: number | undefined
  ): Partial<OriginalFacts> {
    const { dialect } = this.#options
    const text = (role: Role) => {
      const path = dialect.pathOf(role)
      const value = path === undefined ? undefined : values[path]
      return typeof value === "string" ? value : undefined
    }
    const found: Record<string, string> = {}
    const roles = ["processingCode", "entryMode", "condition", "transmissionTime"] as const
    for (const role of roles) {
      const value = text(role)
      if (value !== undefined) found[role] = value
    }
    return {
      ...found,
      ...(pan === undefined ? {} : { pan, expiry }),
      ...(amount === undefined ? {} : { amount: String(amount).padStart(12, "0"), currency }),
      ...(dialect.pathOf("batch") === undefined ? {} : { batch: this.batch })
    }
  }
}

/** What its book says of a question that is asked now. */
function entryOf(
  { amount, batch, kind, merchant, pan, stan, terminal }: OriginalFacts,
  startedMs: number,
  past: Approved | undefined,
  pin: Question["pin"]
): TerminalEntry {
  return {
    terminal,
    merchant,
    stan,
    kind,
    startedMs,
    outcome: "open",
    reversal: "none",
    ...(batch === undefined ? {} : { batch }),
    ...(amount === undefined ? {} : { amount: Number(amount), currency }),
    ...(past === undefined ? {} : { original: past.facts.stan }),
    ...(pin === undefined ? {} : { pin: pin.digits === testPin(pin.pan) ? "right" : "wrong" }),
    ...lastFour(pan)
  }
}

/** MMDDhhmmss, in UTC. */
function localTime(wallMs: number): string {
  const text = new Date(wallMs).toISOString()
  return text.slice(5, 7) + text.slice(8, 10) + text.slice(11, 13) + text.slice(14, 16) +
    text.slice(17, 19)
}

/** What the book keeps of an answer. */
export function heardIn(message: Message, response: string): HeardAnswer {
  const rrn = message.role("rrn")
  const amount = message.role("amount")
  return {
    response,
    ...(rrn === undefined ? {} : { rrn }),
    ...(amount === undefined ? {} : { heardAmount: Number(amount) })
  }
}
