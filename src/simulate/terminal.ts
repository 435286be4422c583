/**
 * A simulated terminal: connects, signs on, sells, repeats, reverses what it has heard nothing
 * about, and keeps a book. The same code serves `npx pointsman terminals`, the demo and the seeded
 * world. What must hold: at most one question is open; what was asked and not answered is repeated
 * or reversed before anything new is asked, also across power cuts; the book is written before the
 * bytes leave.
 *
 *     off → connecting → signing-on → ready → asking ──answer──► ready
 *                            ▲                  │ no answer
 *                            └── reversing ◄────┘ (until acknowledged)
 */

import type { Timer } from "../actor/timer-wheel.ts"
import type { Connection } from "../domain/ports/transport.ts"
import type { Framing } from "../frame/framing.ts"
import type { Dialect, Message } from "../iso8583/message.ts"
import { issuerDeclines } from "./book.ts"
import { spoilt } from "./mac-key.ts"
import { asked, type OpenQuestion, toReverse, undoesRecent } from "./open-question.ts"
import { PushEar } from "./push-ear.ts"
import type { TerminalHabits } from "./terminal-habits.ts"
import type { TerminalOptions, TerminalState } from "./terminal-options.ts"
import { heardIn, type Question, type TerminalKind, TerminalSpeech } from "./terminal-speech.ts"
import { dial, type Wire } from "./terminal-wire.ts"

const reconnectMs = 1_000
const maxFrameBytes = 8_192
const heardBodies = 4

export class Terminal {
  state: TerminalState = "off"
  readonly name: string
  readonly #options: TerminalOptions
  readonly #speech: TerminalSpeech
  #wire: Wire | undefined
  #open: OpenQuestion | undefined
  #timer: Timer | undefined
  #asked = 0
  #stopped = false
  #questions: number
  #habits: TerminalHabits
  #keysMs = 0
  readonly #ear = new PushEar()
  /** Questions when the last batch was closed. */
  #closedAt = 0
  #giveUpConnect: (() => void) | undefined
  #mischievous = false
  /** Its clock is wrong by this. */
  clockAheadMs = 0
  /** Bodies of its questions as they left, the newest last: for whoever listens in on the line. */
  readonly said: Array<Buffer> = []

  constructor(options: TerminalOptions) {
    this.#options = options
    this.name = options.terminal
    this.#speech = new TerminalSpeech(options)
    this.#habits = options.habits
    this.#questions = options.habits.questions
  }

  /** Nothing is open and nothing more will be asked. */
  get isQuiet(): boolean {
    return this.#open === undefined && (this.#stopped || this.#asked >= this.#questions)
  }

  /** On its way to its first question, or back to the next one. */
  get isStarting(): boolean {
    return this.state === "connecting" || this.state === "signing-on"
  }

  /** What it waits for. */
  get question(): Question | undefined {
    return this.#open?.question
  }

  start(): void {
    if (this.state === "off") this.#connect()
  }

  /** Asks nothing new; what is open is brought to its end. */
  stop(): void {
    this.#stopped = true
    if (this.state === "ready") this.#wait(undefined)
  }

  /** Goes on after it has stopped or has asked all it wanted to. */
  more(questions: number, habits: TerminalHabits): void {
    this.#habits = habits
    this.#stopped = false
    this.#questions = this.#asked + questions
    if (this.state === "ready" && this.#open === undefined) this.#ready()
  }

  /** Asks this now, or takes this back, whatever its habits; false: it is not ready. */
  askFor(what: TerminalKind | Question, amount?: number): boolean {
    if (this.state !== "ready" || this.#open !== undefined || this.#wire === undefined) return false
    if (typeof what === "string") this.#put(what, amount)
    else this.#reverse(this.#open = toReverse(what, this.#options.time.monotonicMs()), "98")
    return true
  }

  /** Sends what is open once more, at once, on the same connection. */
  stutter(): void {
    if (this.#open !== undefined) this.#send(this.#open.question.body)
  }

  /** Says nothing more on its connection, where it still waits for an answer. */
  halfClose(): void {
    if (this.#open !== undefined) this.#wire?.halfClose(this.#open.entry.stan)
  }

  /** Sends what is open once more, at once, on a second connection, which is its own from then. */
  askTwice(): void {
    const { keys, time } = this.#options
    const open = this.#open
    dial(this.#options, this, (wire) =>
      time.defer(() => {
        if (open === undefined || this.#open !== open || this.state !== "asking") {
          return wire.connection.destroy()
        }
        this.#wire?.forget(this.#speech.stan)
        this.#wire = wire
        // Where there are keys the MAC proves who asks: another sign-on would change them.
        if (keys === undefined) this.#send(this.#speech.signOn())
        this.#send(open.question.body)
      }), () => {})
  }

  /** The old connection stays open beside the new one until the switch ends it. */
  takeOver(): void {
    this.#wire?.forget(this.#speech.stan)
    this.#wire = undefined
    this.#connect()
  }

  /** Breaks its connection and opens another one at once. */
  reconnect(): void {
    this.#drop()
    this.#connect()
  }

  /** The connection it has now, for whoever wants to harm it. */
  get connection(): Connection | undefined {
    return this.#wire?.connection
  }

  /** Pulls the plug: no FIN, nothing in memory survives but what is open. */
  cutPower(awayMs: number): void {
    this.#again(awayMs)
  }

  close(): void {
    this.#stopped = true
    this.#wait(undefined)
    this.#giveUpConnect?.()
    this.#drop()
    this.state = "off"
  }

  #drop(): void {
    const wire = this.#wire
    this.#wire = undefined
    wire?.connection.destroy()
  }

  #wait(timer: Timer | undefined): void {
    this.#timer?.cancel()
    this.#timer = timer
  }

  #after(delayMs: number, next: () => void): void {
    this.#wait(this.#options.timers.after(delayMs, next))
  }

  #connect(): void {
    this.state = "connecting"
    this.#wait(undefined)
    this.#giveUpConnect = dial(this.#options, this, (wire) => {
      this.#giveUpConnect = undefined
      this.#wire = wire
      // The connection is not ours to write to before this call has returned.
      this.#options.time.defer(() => this.#connected(wire))
    }, () => {
      this.#giveUpConnect = undefined
      this.#after(this.#jittered(reconnectMs), () => this.#connect())
    })
  }

  #jittered(delayMs: number): number {
    return delayMs * (0.5 + this.#options.random.next())
  }

  #connected(wire: Wire): void {
    if (this.#wire !== wire) return
    const { keys, signsOn } = this.#options
    if (!signsOn && keys?.hasMacKey !== false) return this.#ready()
    this.#signOn()
  }

  #signOn(): void {
    this.#keysMs = this.#options.time.monotonicMs()
    this.state = "signing-on"
    this.#send(this.#speech.signOn())
    this.#after(this.#habits.timeoutMs, () => this.#again())
  }

  /** The connection leads nowhere: a new one. */
  #again(awayMs = this.#jittered(reconnectMs)): void {
    this.#drop()
    this.state = "off"
    this.#after(awayMs, () => this.#connect())
  }

  #ready(): void {
    if (this.#wire?.saysNoMore === true) return this.#again()
    this.state = "ready"
    const open = this.#open
    if (open !== undefined) {
      if (open.reversing === undefined && open.repeatsLeft > 0) return this.#repeat(open)
      return this.#reverse(open, open.reversing ?? "98")
    }
    const { random, time } = this.#options
    const habits = this.#habits
    if (habits.pollMs > 0 && this.#ear.owes) return this.#poll()
    if (this.isQuiet) {
      if (habits.pollMs > 0 && !this.#stopped) this.#after(habits.pollMs, () => this.#poll())
      return
    }
    if (this.#asked - this.#closedAt >= habits.closeAfter) return this.#close()
    if (habits.rotateMs > 0 && time.monotonicMs() - this.#keysMs > habits.rotateMs) {
      return this.#signOn()
    }
    if (habits.takeover > 0 && random.next() < habits.takeover) return this.takeOver()
    if (habits.churn > 0 && random.next() < habits.churn) return this.#again()
    const pauseMs = habits.thinkMs <= 0 ? 0 : -Math.log(1 - random.next()) * habits.thinkMs
    if (pauseMs <= 0) time.defer(() => this.#ask())
    else this.#after(pauseMs, () => this.#ask())
  }

  #poll(): void {
    const body = this.#speech.poll(this.#ear.heard)
    if (body === undefined) return
    this.state = "polling"
    this.#ear.tell()
    this.#send(body)
    this.#after(this.#habits.timeoutMs, () => this.#again())
  }

  /** Asked again, under a new number, until the books were compared. */
  #close(): void {
    this.state = "closing"
    this.#send(this.#speech.close())
    this.#after(this.#habits.timeoutMs, () => this.#again())
  }

  #closed(isBalanced: boolean | undefined): void {
    if (isBalanced === undefined) {
      return this.#after(this.#jittered(reconnectMs * 5), () => this.#ready())
    }
    const { book, dialect, terminal } = this.#options
    const batch = dialect.pathOf("batch") === undefined ? {} : { batch: this.#speech.batch }
    book.close({ terminal, ...batch, balanced: isBalanced })
    this.#closedAt = this.#asked
    this.#speech.nextBatch()
    this.#options.onClosed?.(isBalanced)
    this.#ready()
  }

  #ask(): void {
    if (this.state !== "ready" || this.isQuiet || this.#wire === undefined) return
    this.#put(this.#speech.choose(this.#habits.mix), undefined)
  }

  #put(what: TerminalKind, amount: number | undefined): void {
    const { book, random, time } = this.#options
    const habits = this.#habits
    const question = this.#speech.ask(what, time.wallMs() + this.clockAheadMs, amount)
    if (this.said.push(question.body) > heardBodies) this.said.splice(1, 1)
    this.#asked++
    const { undoes } = question
    const isRegretted = habits.regret > 0 && undoesRecent(question) && random.next() < habits.regret
    const nowMs = time.monotonicMs()
    this.#open = asked(question, book.ask(question.entry), habits.repeats, nowMs, isRegretted)
    this.state = "asking"
    const hasMac = habits.wrongMac > 0 && this.#options.keys?.hasMacKey === true
    const isWrong = hasMac && random.next() < habits.wrongMac
    this.#send(isWrong ? spoilt(question.body) : question.body)
    if (random.next() < habits.stutter) this.#send(question.body)
    if (isRegretted && undoes !== undefined) this.#regret(undoes)
    if (habits.twoLines > 0 && random.next() < habits.twoLines) this.askTwice()
    if (habits.halfClose > 0 && random.next() < habits.halfClose) this.halfClose()
    if (habits.slowRead > 0 && random.next() < habits.slowRead) this.#readSlowly()
    if (random.next() < habits.powerCut) {
      this.#after(this.#soon(), () => this.cutPower(this.#jittered(habits.awayMs)))
      return
    }
    if (habits.walkOff > 0 && random.next() < habits.walkOff) {
      this.#after(this.#soon(), () => this.walkOff())
      return
    }
    this.#after(habits.timeoutMs, () => this.#unanswered())
  }

  /** Said beside the question that is open; nothing waits for its answer yet. */
  #regret(question: Question): void {
    this.#speech.forget(question.entry.stan)
    this.#options.book.reverse(question.entry, "sent")
    this.#send(this.#speech.reversal(question, "98"))
  }

  #readSlowly(): void {
    const connection = this.#wire?.connection
    connection?.pause()
    this.#options.timers.after(this.#jittered(this.#habits.awayMs), () => connection?.resume())
  }

  /** While it waits: mostly within a second, when answers come, and sometimes much later. */
  #soon(): number {
    return this.#options.random.next() ** 6 * this.#habits.timeoutMs
  }

  /** The customer has gone: what is open is taken back, whatever may still be answered. */
  walkOff(): void {
    if (this.#open !== undefined) this.#reverse(this.#open, "98")
  }

  #unanswered(): void {
    const open = this.#open
    if (open === undefined) return
    if (open.repeatsLeft > 0 && this.#wire !== undefined) this.#repeat(open)
    else this.#reverse(open, "98")
  }

  #repeat(open: OpenQuestion): void {
    open.repeatsLeft--
    this.state = "asking"
    this.#send(this.#speech.repeat(open.question))
    this.#after(this.#habits.timeoutMs, () => this.#unanswered())
  }

  /** Kinds that hold no money end without an answer; all others end with a reversal. */
  #reverse(open: OpenQuestion, reason: string): void {
    const { book } = this.#options
    if (!open.question.reversible) {
      if (open.entry.outcome === "open") book.hear(open.entry, "none")
      return this.#finish()
    }
    open.reversing = reason
    this.#speech.forget(open.entry.stan)
    if (open.entry.outcome === "open") book.hear(open.entry, "none")
    if (open.entry.reversal === "none") book.reverse(open.entry, "sent")
    if (this.#wire === undefined) return
    this.state = "reversing"
    this.#send(this.#speech.reversal(open.question, reason))
    this.#after(this.#habits.timeoutMs, () => this.#again())
  }

  #finish(): void {
    const question = this.#open?.regretted
    const nowMs = this.#options.time.monotonicMs()
    this.#open = question === undefined ? undefined : toReverse(question, nowMs)
    this.#ready()
  }

  get dialect(): Dialect {
    return this.#options.dialect
  }

  /** What a sign-on of now says. */
  signOn(): Buffer {
    return this.#speech.signOn()
  }

  /**
   * Says something that it does not wait for, and gets what it deserves: from now on it complains
   * of nothing but a wrong approval. False: it has no connection.
   */
  utter(body: Uint8Array): boolean {
    const { framing } = this.#options
    this.#mischievous = true
    const frame = framing.encode(framing.requestHeader(), body)
    return frame !== undefined && this.#wire?.connection.write(frame) !== undefined
  }

  #send(body: Buffer): void {
    const { framing, tap } = this.#options
    tap?.said(body)
    const frame = framing.encode(framing.requestHeader(), body)
    if (frame !== undefined) this.#wire?.connection.write(frame)
  }

  /** A frame from the switch; what it did not wait for is dropped. */
  take(wire: Wire, body: Uint8Array): void {
    if (wire !== this.#wire) return
    const message = this.#options.dialect.read(body)
    if ("failure" in message) return
    const named = message.role("terminal")
    const onWrong = this.#mischievous ? undefined : this.#options.onWrong
    if (named !== undefined && named.trim() !== this.name.trim()) {
      onWrong?.(`a message for ${named}`)
    }
    if (!this.#options.dialect.isResponse(message)) return
    this.#options.tap?.heard(message)
    const stan = Number(message.role("stan"))
    if (!(stan <= this.#speech.stan)) onWrong?.(`an answer under STAN ${stan}`)
    if (this.state === "signing-on" && this.#speech.isSignOnAnswer(message)) {
      if (this.#speech.takeSignOn(message)) this.#ready()
      else this.#after(this.#jittered(reconnectMs * 5), () => this.#again())
      return
    }
    const isNewPush = this.#ear.hear(this.#speech.pushIn(message))
    if (isNewPush !== undefined) this.#options.onPush?.(isNewPush)
    if (this.state === "polling" && stan === this.#speech.stan) {
      if (message.role("response") !== "00") return this.#again()
      this.#ear.wasTold()
      return this.#ready()
    }
    if (this.state === "closing" && stan === this.#speech.stan) {
      return this.#closed(this.#speech.isBalanced(message))
    }
    const open = this.#open
    if (open === undefined) return
    // Where its sign-on was refused nothing is taken, and many dialects have no word for that.
    const isSignOn = this.#speech.isSignOnAnswer(message)
    if (isSignOn && !this.#speech.takeSignOn(message)) return this.#again()
    if (message.role("stan") !== open.entry.stan) return
    if (this.#speech.isReversalAnswer(message)) this.#reversed(open, message)
    else if (open.reversing === undefined && this.state === "asking") this.#answered(open, message)
  }

  #reversed(open: OpenQuestion, message: Message): void {
    if (open.reversing === undefined) return
    const { book, dialect, onWrong } = this.#options
    const response = message.role("response") ?? ""
    if (this.#speech.isDisbelief(response)) return this.#again()
    if (!dialect.reversal.accepts.has(response)) {
      // Nobody may forbid a reversal; but in some dialects that also says "sign on first".
      const isForbidden = response === "58" && dialect.responseCode("77") !== response
      if (isForbidden) onWrong?.(`that it may not reverse ${open.entry.stan}`)
      this.#after(this.#jittered(reconnectMs * 5), () => this.#ready())
      return
    }
    book.reverse(open.entry, "acknowledged")
    this.#finish()
  }

  #answered(open: OpenQuestion, message: Message): void {
    const { book, dialect, keys, onAnswer, time } = this.#options
    if (keys?.hasMacKey === true && !keys.isRight(message) && this.#speech.mustCarryMac(message)) {
      this.#options.onWrong?.(`an approval of ${open.entry.stan} whose MAC is not right`)
      return this.#reverse(open, "A0")
    }
    const response = message.role("response") ?? ""
    if (this.#speech.isDisbelief(response)) return this.#again()
    const approved = dialect.approvals.has(response)
    const declined = issuerDeclines.has(response)
    const outcome = approved ? "approved" : declined ? "declined" : "refused"
    book.hear(open.entry, outcome, heardIn(message, response))
    if (approved) this.#speech.remember(open.question, message)
    onAnswer?.(time.monotonicMs() - open.askedMs, approved)
    // Told that nobody knows (68): a terminal that is careful reverses by itself.
    if (response === "68" && open.question.reversible && this.#habits.repeats === 0) {
      return this.#reverse(open, "98")
    }
    this.#finish()
  }

  /** On a connection that it has turned away from: what it asked since must not come here. */
  overhear(body: Uint8Array, lastStan: number): void {
    const message = this.#options.dialect.read(body)
    if ("failure" in message || !this.#options.dialect.isResponse(message)) return
    const stan = Number(message.role("stan"))
    if (stan > lastStan) this.#options.onWrong?.(`the answer to ${stan} on its older session`)
  }

  /** `owed`: what it had asked last when it half-closed, and the switch ended in good order. */
  lost(wire: Wire, owed: string | undefined): void {
    if (wire !== this.#wire) return
    if (this.state === "asking" && this.#open?.entry.stan === owed) {
      this.#options.onWrong?.(`a good end before the answer to ${owed}`)
    }
    this.#wire = undefined
    this.#again()
  }

  deframer(): ReturnType<Framing["deframer"]> {
    return this.#options.framing.deframer(maxFrameBytes)
  }
}
