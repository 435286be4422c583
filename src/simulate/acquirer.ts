/**
 * A simulated acquirer: answers as its moods say, and keeps a book of its own. The same code serves
 * `npx pointsman acquirer`, the demo and the seeded world. What must hold: the book says what was
 * executed and reversed, whatever was answered; a request is decided once, a repeat of it never
 * executes again.
 */

import type { TimersShape } from "../actor/timers.ts"
import type { Kind } from "../domain/kind.ts"
import type { RandomShape, TimeShape } from "../domain/ports/time.ts"
import type { Connection, ConnectionHandler } from "../domain/ports/transport.ts"
import type { Framing } from "../frame/framing.ts"
import type { Dialect, Message, Values } from "../iso8583/message.ts"
import { Line } from "./acquirer-line.ts"
import {
  lastFour,
  type PinVerdict,
  type UpstreamBook,
  type UpstreamEntry,
  upstreamKey
} from "./book.ts"
import type { Issuer } from "./issuer.ts"
import type { MacKey } from "./mac-key.ts"
import { isRightChip } from "./test-chip.ts"

export const moods = [
  "approve",
  "decline",
  /** Approves after `slowMs`. */
  "slow",
  /** Executes and never answers. */
  "silent",
  /** Neither executes nor answers: the request was lost inside. */
  "forget",
  /** Executes, and answers after `lateMs`: longer than anybody waits. */
  "late",
  /** Answers twice. */
  "duplicate",
  /** Executes, and drops the connection instead of answering. */
  "drop-after-write",
  /** Approves with an altered amount. */
  "altered",
  /** Executes, and answers bytes that are no message. */
  "garbage",
  /** Answers 91: its own issuer is away. */
  "technical",
  /** Approves, after an answer under a number that nobody asked under and one to a reversal. */
  "stray",
  /** Approves half of the amount as a partial approval, where the dialect has a code for it. */
  "partial"
] as const

export type Mood = typeof moods[number]

export interface AcquirerTemper {
  /** Weights; a mood that is not named has none. Empty: always approves. */
  readonly shares: Readonly<Partial<Record<Mood, number>>>
  readonly delayMs: number
  readonly slowMs: number
  readonly lateMs: number
  /** Of reversals: their acknowledgement is lost; they are refused with 96. */
  readonly loseAcknowledgement: number
  readonly refuseReversal: number
  /** All connections are dropped this often, and new ones refused for as long; 0 = never. */
  readonly flapMs: number
}

export const goodTemper: AcquirerTemper = {
  shares: {},
  delayMs: 0,
  slowMs: 6_000,
  lateMs: 20_000,
  loseAcknowledgement: 0,
  refuseReversal: 0,
  flapMs: 0
}

interface AcquirerOptions {
  readonly name: string
  readonly dialect: Dialect
  readonly framing: Framing
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly random: RandomShape
  readonly book: UpstreamBook
  readonly temper: AcquirerTemper
  /** Called when the switch does what an acquirer would complain about. */
  readonly onWrong?: (what: string) => void
  /** Judges PINs; absent: nobody looks at them. */
  readonly issuer?: Issuer
  /** Absent: no MACs. */
  readonly mac?: MacKey
}

/** Connections of one acquirer may have this much unfinished input. */
const maxFrameBytes = 8_192

/** Kinds that execute something; everything else is answered and forgotten. */
const executed: ReadonlySet<Kind> = new Set<Kind>([
  "sale",
  "void",
  "refund",
  "preauth",
  "preauth-cancel",
  "completion",
  "completion-void",
  "completion-advice",
  "offline-sale",
  "adjustment"
])

interface AcquirerCounts {
  requests: number
  answers: number
  approved: number
  declined: number
  reversals: number
  echoes: number
  refused: number
  rightChips: number
  wrongChips: number
  rightPins: number
  wrongPins: number
  wrongMacs: number
  /** Answers to what it asked itself. */
  heard: number
  /** Connections taken or refused. */
  calls: number
}

export class Acquirer {
  temper: AcquirerTemper
  readonly counts: AcquirerCounts = {
    requests: 0,
    answers: 0,
    approved: 0,
    declined: 0,
    reversals: 0,
    echoes: 0,
    refused: 0,
    rightChips: 0,
    wrongChips: 0,
    rightPins: 0,
    wrongPins: 0,
    wrongMacs: 0,
    heard: 0,
    calls: 0
  }
  /** How often each mood came up. */
  readonly moodCounts: Partial<Record<Mood, number>> = {}
  readonly #options: AcquirerOptions
  /** What comes before the temper decides, one request each. */
  readonly nextMoods: Array<Mood> = []
  readonly #lines = new Set<Line>()
  #authCode = 0
  #asked = 0
  #downUntilMs = 0

  constructor(options: AcquirerOptions) {
    this.#options = options
    this.temper = options.temper
  }

  get name(): string {
    return this.#options.name
  }

  get connections(): number {
    return this.#lines.size
  }

  /** For `Transport.listen`. */
  accept(connection: Connection): ConnectionHandler | undefined {
    const { time } = this.#options
    this.counts.calls++
    if (time.monotonicMs() < this.#downUntilMs) {
      this.counts.refused++
      return undefined
    }
    const line = new Line(connection, this.#options.framing.deframer(maxFrameBytes), this)
    this.#lines.add(line)
    return line
  }

  gone(line: Line): void {
    this.#lines.delete(line)
  }

  /** Starts flapping, if the temper says so; asked again whenever the temper changes. */
  flap(): void {
    const { flapMs } = this.temper
    if (flapMs <= 0) return
    const { time, timers } = this.#options
    timers.after(flapMs, () => {
      this.dropAll()
      this.#downUntilMs = time.monotonicMs() + flapMs
      timers.after(flapMs, () => this.flap())
    })
  }

  /** Says this on every connection of its own accord. */
  manage(kind: "echo" | "sign-off" | "sign-on"): void {
    const { dialect, framing } = this.#options
    const form = dialect.form(kind)
    const path = dialect.pathOf("stan")
    if (form === undefined || path === undefined) return
    const stan = String(++this.#asked).padStart(6, "0")
    const body = dialect.build(form.mti, { ...form.values, [path]: stan })
    for (const line of this.#lines) {
      if (kind !== "echo") line.partsAt(kind === "sign-off" ? stan : undefined)
      line.send(framing.requestHeader(), body)
    }
  }

  /** One connection stands and is not read any more; false: there is none. */
  freeze(): boolean {
    const [line] = this.#lines
    line?.connection.pause()
    return line !== undefined
  }

  dropAll(): void {
    for (const line of Array.from(this.#lines)) line.connection.destroy()
  }

  /** A frame from the switch. What cannot be read is counted and answered by silence. */
  take(line: Line, header: Uint8Array, body: Uint8Array): void {
    const { dialect } = this.#options
    const message = dialect.read(body)
    if ("failure" in message) {
      this.counts.refused++
      return
    }
    if (dialect.isResponse(message)) {
      this.counts.heard++
      line.heard(message.role("stan"))
      return
    }
    if (line.hasParted && !isManagement(message)) {
      this.#options.onWrong?.(`${this.#options.name} was asked after its sign-off was taken (I9)`)
    }
    const { mac } = this.#options
    if (mac !== undefined && !isManagement(message) && !mac.isRight(message)) {
      this.counts.wrongMacs++
      this.#options.onWrong?.("a request whose MAC is wrong")
      return
    }
    const kind = message.kind()
    this.counts.requests++
    if (kind === "echo" || kind === "sign-on" || kind === "sign-off") {
      this.counts.echoes++
      this.#answer(line, header, message, "00", {}, 0)
    } else if (kind === "reversal") this.#reverse(line, header, message)
    else if (kind !== undefined && executed.has(kind)) this.#execute(line, header, message, kind)
    else {
      const response = kind === undefined ? "12" : this.#pinOf(message) === "wrong" ? "55" : "00"
      this.#answer(line, header, message, response, {}, 0)
    }
  }

  #reverse(line: Line, header: Uint8Array, message: Message): void {
    const { book, dialect, name, random } = this.#options
    this.counts.reversals++
    if (random.next() < this.temper.refuseReversal) {
      this.#answer(line, header, message, "96", {}, this.temper.delayMs)
      return
    }
    const reference = message.role("originalStan") ?? message.role("stan") ?? ""
    this.#compare(reference, message)
    book.reverse(name, reference, dialect.isRepeat(message))
    if (random.next() < this.temper.loseAcknowledgement) return
    this.#answer(line, header, message, "00", {}, this.temper.delayMs)
  }

  /** A reversal names the terminal, the amount and the reference of what it reverses. */
  #compare(reference: string, message: Message): void {
    const { book, name, onWrong } = this.#options
    const entry = book.entries.get(upstreamKey({ upstream: name, reference }))
    if (entry === undefined) return
    const terminal = (message.role("terminal") ?? entry.terminal).trim()
    const amount = Number(message.role("amount") ?? entry.amount)
    const rrn = message.role("rrn") ?? entry.rrn
    if (
      terminal === entry.terminal && rrn === entry.rrn &&
      (entry.amount === undefined || amount === entry.amount)
    ) return
    onWrong?.(
      `the reversal of ${name} ${reference} is for ${terminal} ${amount} under ${rrn}, ` +
        `its original for ${entry.terminal} ${entry.amount} under ${entry.rrn}`
    )
  }

  #execute(line: Line, header: Uint8Array, message: Message, kind: Kind): void {
    const mood = this.#mood()
    this.moodCounts[mood] = (this.moodCounts[mood] ?? 0) + 1
    if (mood === "forget") return
    const pin = this.#pinOf(message)
    const wrong = pin === "wrong" ? "55" : this.#isWrongChip(message) ? "05" : undefined
    const declines = wrong !== undefined || mood === "decline" || mood === "technical"
    const entry = this.#book(
      message,
      kind,
      declines ? "declined" : "approved",
      wrong === undefined ? mood : "decline",
      pin
    )
    if (entry.times > 1) return
    if (entry.decision === "approved") this.counts.approved++
    else this.counts.declined++
    const { dialect } = this.#options
    const { delayMs, lateMs, slowMs } = this.temper
    const amount = message.role("amount") ?? "0"
    const say = (response: string, values: Values, afterMs: number) =>
      this.#answer(line, header, message, response, values, afterMs)
    if (wrong !== undefined) return say(wrong, {}, delayMs)
    switch (mood) {
      case "silent":
        return
      case "drop-after-write":
        line.connection.destroy()
        return
      case "garbage":
        line.send(header, new Uint8Array([0x02, 0x10, 0xff, 0xff, 0x00]))
        return
      case "decline":
        return say("05", {}, delayMs)
      case "technical":
        return say("91", {}, delayMs)
      case "late":
        return say("00", this.#approval(), lateMs)
      case "slow":
        return say("00", this.#approval(), slowMs)
      case "altered":
        return say("00", { ...this.#approval(), ...this.#amount(Number(amount) + 1) }, delayMs)
      case "stray": {
        const path = dialect.pathOf("stan")!
        say("00", { ...this.#approval(), [path]: elsewhere(message.role("stan")) }, delayMs)
        this.#acknowledge(line, header, message)
        return say("00", this.#approval(), delayMs)
      }
      case "partial":
        return say(
          "10",
          { ...this.#approval(), ...this.#amount(half(amount)) },
          delayMs
        )
      case "duplicate": {
        const values = this.#approval()
        say("00", values, delayMs)
        return say("00", values, delayMs + 5)
      }
      case "approve":
        return say("00", this.#approval(), delayMs)
    }
  }

  /** As if this had been a reversal, and refused. */
  #acknowledge(line: Line, header: Uint8Array, message: Message): void {
    const { dialect, framing } = this.#options
    const body = dialect.respond(message, dialect.responseCode("05"), {}, false)
    const answer = dialect.read(body)
    if ("failure" in answer) return
    const mti = String(Number(dialect.reversal.mti) + 10).padStart(4, "0")
    line.send(framing.replyHeader(header), dialect.patch(answer, { mti }))
  }

  #pinOf(message: Message): PinVerdict | undefined {
    const verdict = this.#options.issuer?.judge(message)
    if (verdict === "right") this.counts.rightPins++
    if (verdict === "wrong") this.counts.wrongPins++
    return verdict
  }

  /** A cryptogram that its issuer cannot make again: something changed it on the road. */
  #isWrongChip(message: Message): boolean {
    const right = isRightChip(message)
    if (right === true) this.counts.rightChips++
    if (right === false) this.counts.wrongChips++
    return right === false
  }

  #book(
    message: Message,
    kind: Kind,
    decision: UpstreamEntry["decision"],
    mood: Mood,
    pin: PinVerdict | undefined
  ): UpstreamEntry {
    const { book, dialect, name, time } = this.#options
    const reference = message.role("stan") ?? ""
    const rrn = message.role("rrn")
    const amount = message.role("amount")
    const currency = message.role("currency")
    const original = message.role("originalStan")
    // A reversal that overtook its original has already said that it must not stand.
    const early = book.early.has(`${name}|${reference}`)
    return book.execute({
      upstream: name,
      reference,
      terminal: (message.role("terminal") ?? "").trim(),
      merchant: (message.role("merchant") ?? "").trim(),
      kind,
      executedMs: time.wallMs(),
      decision: early ? "declined" : decision,
      times: 1,
      reversed: false,
      reversals: 0,
      repeats: 0,
      marksRepeats: dialect.reversal.repeatMti !== undefined,
      ...lastFour(message.role("pan")),
      ...(original === undefined ? {} : { original }),
      ...(pin === undefined ? {} : { pin }),
      ...(mood === "partial" ? { approvedAmount: half(amount) } : {}),
      ...(rrn === undefined ? {} : { rrn }),
      ...(amount === undefined ? {} : { amount: Number(amount) }),
      ...(currency === undefined ? {} : { currency })
    })
  }

  #approval(): Values {
    const path = this.#options.dialect.pathOf("authCode")
    this.#authCode = (this.#authCode + 1) % 1_000_000
    return path === undefined ? {} : { [path]: String(this.#authCode).padStart(6, "0") }
  }

  #amount(minor: number): Values {
    const path = this.#options.dialect.pathOf("amount")
    return path === undefined ? {} : { [path]: String(minor).padStart(12, "0") }
  }

  #answer(
    line: Line,
    header: Uint8Array,
    request: Message,
    response1987: string,
    values: Values,
    afterMs: number
  ): void {
    const { dialect, framing, timers } = this.#options
    const mac = isManagement(request) ? undefined : this.#options.mac
    const send = () => {
      if (line.closed) return
      this.counts.answers++
      const code = dialect.responseCode(response1987)
      const body = dialect.respond(request, code, values, mac !== undefined)
      line.send(framing.replyHeader(header), mac === undefined ? body : mac.seal(body))
    }
    if (afterMs <= 0) send()
    else timers.after(afterMs, send)
  }

  #mood(): Mood {
    const next = this.nextMoods.shift()
    if (next !== undefined) return next
    const { shares } = this.temper
    let total = 0
    for (const mood of moods) total += shares[mood] ?? 0
    if (total === 0) return "approve"
    let left = this.#options.random.next() * total
    for (const mood of moods) {
      left -= shares[mood] ?? 0
      if (left < 0) return mood
    }
    return "approve"
  }

  frame(header: Uint8Array, body: Uint8Array): Buffer | undefined {
    return this.#options.framing.encode(header, body)
  }
}

/** Half of all numbers away: nobody has come that far in one day. */
function elsewhere(stan: string | undefined): string {
  return String((Number(stan ?? 0) + 500_000) % 1_000_000).padStart(6, "0")
}

function half(amount: string | undefined): number {
  return Math.floor(Number(amount ?? 0) / 2)
}

function isManagement({ mti }: Message): boolean {
  return mti.charAt(1) === "8"
}
