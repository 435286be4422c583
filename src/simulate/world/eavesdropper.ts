/**
 * Somebody who listens in on a terminal with DUKPT and has no key: what was said and answered there
 * is said again, first of all when the switch comes back, and under counters that nobody used. What
 * must hold, and is told where it does not: what is played again hears its first answer, or that it
 * was sent before; what is forged is never approved; the terminal does not hear that a counter of
 * its own was used, unless it may have been refused without being heard, by a switch that has ended
 * since or so long ago that a refusal for want of room or by a block is forgotten.
 */

import type { Timer } from "../../actor/timer-wheel.ts"
import type { TimersShape } from "../../actor/timers.ts"
import type { Connection, ConnectionHandler, TransportShape } from "../../domain/ports/transport.ts"
import type { Deframer } from "../../frame/framing.ts"
import type { Message } from "../../iso8583/message.ts"
import type { WireTap } from "../terminal-options.ts"
import type { Chance } from "./chance.ts"
import type { Tongue } from "./residents.ts"

interface EavesdropperOptions extends Tongue {
  readonly terminal: string
  /** Mean pause between two of its messages. */
  readonly everyMs: number
  readonly transport: TransportShape
  readonly timers: TimersShape
  readonly random: Chance
  readonly onWrong: (what: string) => void
}

interface Recording {
  readonly body: Buffer
  readonly serial: Buffer
  readonly response: string
}

interface Said {
  readonly body: Buffer
  /** Ends of the switch before it was said. */
  readonly ends: number
  isOld: boolean
}

/** A refusal of which no record is made is the same for all copies that come within this. */
const refusalKeptMs = 60_000

const mostUnanswered = 8
/** So many of the first recordings stay, and so many of the last. */
const keptOfEach = 4
const maxFrameBytes = 8_192
const patienceMs = 5_000
/** When the switch has ended it is back before its terminal is. */
const backMs = 100
/** Of what it says: under a counter that is ahead by so much, with the MAC of another. */
const forged = 0.25
const aheadBy = 64
const sentBefore = "94"

export class Eavesdropper implements ConnectionHandler, WireTap {
  readonly #options: EavesdropperOptions
  readonly #unanswered: Array<Said> = []
  readonly #recordings: Array<Recording> = []
  #connection: Connection | undefined
  #deframer: Deframer | undefined
  #timer: Timer | undefined
  /** What it says next, before anything by chance. */
  #next: Array<Recording> = []
  /** What it waits for the answer of; undefined: of what it made up. */
  #playing: Recording | undefined
  #mode: "listens" | "rests" | "says all" = "listens"
  #ends = 0
  #endsSeen = 0
  /** Messages that it played. */
  played = 0

  constructor(options: EavesdropperOptions) {
    this.#options = options
  }

  start(): void {
    this.#connect()
  }

  /** The switch has ended. */
  ended(): void {
    this.#ends++
  }

  /** The storm is over. */
  rest(): void {
    this.#mode = "rests"
    this.#timer?.cancel()
    this.#connection?.destroy()
  }

  /** Everything that it has once more; `isQuiet` again when that was heard. */
  sayAll(): void {
    this.#mode = "says all"
    this.#next = this.#recordings.slice()
    this.#connect()
  }

  get isQuiet(): boolean {
    return this.#mode !== "says all" || this.#next.length === 0 && this.#playing === undefined
  }

  // --- the terminal's line

  said(body: Buffer): void {
    const said: Said = { body: Buffer.from(body), ends: this.#ends, isOld: false }
    this.#options.timers.after(refusalKeptMs, () => {
      said.isOld = true
    })
    this.#unanswered.push(said)
    if (this.#unanswered.length > mostUnanswered) this.#unanswered.shift()
  }

  heard(message: Message): void {
    const { onWrong, terminal } = this.#options
    const response = message.role("response") ?? ""
    const path = message.dialect.pathOf("ksn")
    const serial = Buffer.from(path === undefined ? [] : message.raw(path) ?? [])
    const said = this.#unanswered.filter(({ body }) => body.includes(serial))
    const body = said.at(-1)?.body
    if (body === undefined || serial.length === 0) return
    const [first] = said
    if (response === sentBefore && first?.ends === this.#ends && !first.isOld) {
      onWrong(`terminal ${terminal} hears that its counter was used`)
    }
    // What was not believed has used nothing.
    if (response === message.dialect.responseCode("A0")) return
    this.#recordings.push({ body, serial, response })
    if (this.#recordings.length > 2 * keptOfEach) this.#recordings.splice(keptOfEach, 1)
  }

  // --- its own line

  #after(delayMs: number, next: () => void): void {
    this.#timer?.cancel()
    this.#timer = this.#options.timers.after(delayMs, next)
  }

  #pauseMs(): number {
    return this.#options.random.pauseMs(this.#options.everyMs)
  }

  #connect(): void {
    const { framing, port, transport } = this.#options
    const options = { host: "127.0.0.1", port, timeoutMs: patienceMs }
    transport.connect(options, (connection) => {
      this.#connection = connection
      this.#deframer = framing.deframer(maxFrameBytes)
      // The oldest: what the switch is the likeliest to have forgotten.
      if (this.#mode === "listens") this.#next = this.#recordings.slice(0, 1)
      this.#after(1, () => this.#say())
      return this
    }, () => {
      if (this.#mode !== "rests") this.#after(backMs, () => this.#connect())
    })
  }

  #say(): void {
    const { random } = this.#options
    const recording = this.#next.shift()
    if (recording !== undefined) this.#play(recording, recording.body)
    else if (this.#mode !== "listens") this.#connection?.destroy()
    else if (this.#recordings.length === 0) this.#after(this.#pauseMs(), () => this.#say())
    else {
      const chosen = random.pick(this.#recordings)
      if (random.happens(forged)) this.#play(undefined, ahead(chosen))
      else this.#play(chosen, chosen.body)
    }
  }

  #play(recording: Recording | undefined, body: Buffer): void {
    const { framing } = this.#options
    const frame = framing.encode(framing.requestHeader(), body)
    if (frame === undefined) return
    this.#playing = recording
    this.played++
    this.#after(patienceMs, () => this.#connection?.destroy())
    this.#connection?.write(frame)
  }

  onData(chunk: Buffer): void {
    this.#deframer?.push(chunk, {
      onFrame: (_, body) => this.#answered(body),
      onKeepAlive: () => {}
    })
  }

  onDrain(): void {}

  onEnd(): void {
    this.#connection?.destroy()
  }

  onClose(): void {
    this.#connection = undefined
    this.#playing = undefined
    this.#timer?.cancel()
    if (this.#mode === "rests" || this.#mode === "says all" && this.isQuiet) return
    const isThrownOut = this.#ends === this.#endsSeen && this.#mode === "listens"
    this.#endsSeen = this.#ends
    this.#after(isThrownOut ? this.#pauseMs() : backMs, () => this.#connect())
  }

  #answered(body: Uint8Array): void {
    const { dialect, onWrong, terminal } = this.#options
    const message = dialect.read(body)
    if ("failure" in message) return
    const first = this.#playing?.response
    this.#playing = undefined
    const response = message.role("response") ?? ""
    const isApproved = dialect.approvals.has(response)
    const what = `${terminal} ${message.role("stan")}`
    if (first === undefined && isApproved) onWrong(`${what} is forged, and was approved`)
    // What was taken back meanwhile is approved no more.
    const isFit = response === first || response === sentBefore ||
      first !== undefined && dialect.approvals.has(first) && !isApproved
    if (first !== undefined && !isFit) {
      onWrong(`${what} was answered ${first}, and ${response} when it was played again`)
    }
    const isBusy = this.#next.length > 0 || this.#mode === "says all"
    this.#after(isBusy ? 1 : this.#pauseMs(), () => this.#say())
  }
}

/** Under a counter of the same device that nobody used. */
function ahead({ body, serial }: Recording): Buffer {
  const copy = Buffer.from(body)
  const end = copy.indexOf(serial) + serial.length
  copy.writeUInt16BE((copy.readUInt16BE(end - 2) + aheadBy) & 0xffff, end - 2)
  return copy
}
