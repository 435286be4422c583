/**
 * One connection to an ISO 8583 upstream, as a hot actor: what the socket and the timers report is
 * mail, handled one at a time in the order it came; sending is a plain call. What must hold:
 * nothing is sent before the link is up; a link that signed off or is drained takes nothing new and
 * lets what is in flight end; whatever ends a connection ends everything on it, once, and the link
 * comes back by itself, slower every time (fault U14).
 *
 *   down ─► connecting ─► signing-on ─► up ─► draining ─► down
 *     ▲          │             │         │                  │ backoff, jittered
 *     └──────────┴─────────────┴─────────┴──────────────────┘
 */

import type { HotKind, HotRef } from "../actor/hot-actor.ts"
import type { Timer } from "../actor/timer-wheel.ts"
import type { TurnWriter } from "../actor/turn-writer.ts"
import type { UpstreamConfig } from "../domain/config.ts"
import type { EndReason } from "../domain/end-reasons.ts"
import { unreachable } from "../domain/invariant.ts"
import type { Connection, ConnectionHandler } from "../domain/ports/transport.ts"
import type { Deframer } from "../frame/framing.ts"
import type { Message } from "../iso8583/message.ts"
import { Backoff } from "./backoff.ts"
import type { LinkHost, ManagementEnd } from "./link-host.ts"

export type LinkState = "down" | "connecting" | "signing-on" | "up" | "draining"

/** Above this many bytes that the upstream does not read, the link takes nothing new. */
const maxPendingBytes = 1 << 20

/** Chunks that wait to be read; above, the socket is paused until all are. */
const pauseDepth = 64

/** A link that failed by a defect of ours goes on: restarts are slower than the limit. */
const kind: HotKind = {
  name: "upstream-link",
  capacity: 4096,
  restarts: 20,
  withinMs: 60_000,
  restartMs: 5000
}

type LinkMail =
  | { readonly tag: "connect" | "idle" | "drained" | "drain" | "resume" }
  | { readonly tag: "connected"; readonly wire: Wire }
  | { readonly tag: "refused"; readonly code: string }
  | { readonly tag: "chunk"; readonly wire: Wire; readonly chunk: Buffer }
  | { readonly tag: "closed"; readonly wire: Wire; readonly reason: EndReason }
  | { readonly tag: "greeted"; readonly wire: Wire; readonly accepted: boolean }
  | { readonly tag: "echoed"; readonly wire: Wire; readonly how: ManagementEnd }

/** What belongs to one connection; a link has several, one after the other. */
interface Wire {
  readonly connection: Connection
  readonly deframer: Deframer
  readonly writer: TurnWriter
  open: boolean
  /** Goodbye was said, or our side is closed: nothing new leaves on it ever again. */
  parting: boolean
  paused: boolean
  slow: boolean
}

const connect: LinkMail = { tag: "connect" }
const idle: LinkMail = { tag: "idle" }
const drained: LinkMail = { tag: "drained" }

/** What Node calls a certificate that is not to be believed: its name, authority or time. */
const notTrusted = /^ERR_TLS_CERT_|^CERT_|UNABLE_TO_|SELF_SIGNED_CERT/

export class Link {
  readonly index: number
  readonly #host: LinkHost
  readonly #config: UpstreamConfig
  readonly #backoff: Backoff
  readonly #actor: HotRef<LinkMail>
  #state: LinkState = "down"
  #wire: Wire | undefined
  #giveUp: (() => void) | undefined
  #reconnect: Timer | undefined
  #watch: Timer | undefined
  /** The operator's hand: no connection until it lets go. */
  #held = false
  /** Why the link drains; the reason of its end. */
  #leaving: EndReason | undefined
  #inFlight = 0
  #advices = 0
  #misses = 0
  #heardMs = 0
  #echoedMs = 0

  constructor(index: number, host: LinkHost) {
    this.index = index
    this.#host = host
    this.#config = host.config
    this.#backoff = new Backoff(host.config.reconnect, host.random)
    const name = `${host.config.name}/${index}`
    this.#actor = host.actors.spawn<LinkMail>(kind, name, () => {
      if (this.#state === "down") this.#after(0)
      return { receive: (mail) => this.#receive(mail), ended: (reason) => this.#ended(reason) }
    })
  }

  get state(): LinkState {
    return this.#state
  }

  /** Places taken: reserved, or sent and not answered. */
  get inFlight(): number {
    return this.#inFlight
  }

  get advices(): number {
    return this.#advices
  }

  /** An operator drained it and has not let go. */
  get isHeld(): boolean {
    return this.#held
  }

  /** May something new be sent now? */
  get takesNew(): boolean {
    return this.#state === "up" && this.#wire?.open === true && !this.#wire.slow
  }

  /** A place for one request; every place is given back. */
  occupy(advice: boolean): void {
    this.#inFlight++
    if (advice) this.#advices++
  }

  vacate(advice: boolean): void {
    this.#inFlight--
    if (advice) this.#advices--
    if (this.#state === "draining" && this.#inFlight === 0) this.#actor.tell(drained)
  }

  /** Queues a whole frame; its number in the writer, or 0 when no connection stands. */
  send(frame: Uint8Array): number {
    return this.#wire?.open === true ? this.#wire.writer.send(frame) : 0
  }

  /** The operator's commands. */
  drain(): void {
    this.#actor.tell({ tag: "drain" })
  }

  resume(): void {
    this.#actor.tell({ tag: "resume" })
  }

  /** Ends for good. */
  stop(): void {
    this.#actor.end("draining")
  }

  #receive(mail: LinkMail): void {
    try {
      this.#handle(mail)
      this.#readOn()
    } catch (defect) {
      // Nobody can say what state the connection is in: it ends, and the actor starts afresh.
      this.#fall("defect")
      throw defect
    }
  }

  #handle(mail: LinkMail): void {
    switch (mail.tag) {
      case "connect":
        return this.#connect()
      case "connected":
        return this.#connected(mail.wire)
      case "refused":
        return this.#refused(mail.code)
      case "chunk":
        return this.#read(mail.wire, mail.chunk)
      case "closed":
        return mail.wire === this.#wire ? this.#fall(this.#leaving ?? mail.reason) : undefined
      case "greeted":
        return mail.wire === this.#wire ? this.#greeted(mail.accepted) : undefined
      case "idle":
        return this.#idle()
      case "echoed":
        return mail.wire === this.#wire ? this.#echoed(mail.how) : undefined
      case "drain":
        this.#held = true
        return this.#leave("operator")
      case "resume":
        return this.#resume()
      case "drained":
        return this.#state === "draining" && this.#inFlight === 0 ? this.#part() : undefined
      default:
        return unreachable(mail)
    }
  }

  // --- coming up

  #after(delayMs: number): void {
    this.#reconnect?.cancel()
    this.#reconnect = this.#host.timers.after(delayMs, () => void this.#actor.tell(connect))
  }

  #connect(): void {
    if (this.#state !== "down" || this.#held) return
    this.#enter("connecting", undefined)
    const { connectTimeoutMs: timeoutMs, links, tls } = this.#config
    const { host, port } = links[this.index]!
    this.#giveUp = this.#host.transport.connect(
      { host, port, timeoutMs, ...(tls === undefined ? {} : { tls }) },
      (connection) => this.#handler(connection),
      (code) => void this.#actor.tell({ tag: "refused", code })
    )
  }

  /** Runs inside the transport's callback: only takes note and passes on. */
  #handler(connection: Connection): ConnectionHandler {
    const wire: Wire = {
      connection,
      deframer: this.#host.framing.deframer(this.#host.maxFrameBytes),
      writer: this.#host.flush.writer(connection, maxPendingBytes, {
        onSlow: () => {
          wire.slow = true
        }
      }),
      open: true,
      parting: false,
      paused: false,
      slow: false
    }
    const over = (reason: EndReason) => {
      if (!wire.open) return
      // From this moment nothing counts as written that was not: the mail comes later.
      wire.open = false
      wire.writer.close()
      this.#actor.tell({ tag: "closed", wire, reason })
    }
    if (!this.#actor.tell({ tag: "connected", wire })) connection.destroy()
    return {
      onData: (chunk) => {
        if (!this.#actor.tell({ tag: "chunk", wire, chunk })) return connection.destroy()
        if (wire.paused || this.#actor.depth() < pauseDepth) return
        wire.paused = true
        connection.pause()
      },
      onDrain: () => {
        wire.slow = false
        wire.writer.drained()
      },
      onEnd: () => {
        over("peer-closed")
        connection.end()
      },
      onClose: (how) => over(how === "ended" ? "peer-closed" : "peer-reset")
    }
  }

  #refused(code: string): void {
    this.#giveUp = undefined
    if (this.#state !== "connecting") return
    this.#fall(
      code === "ETIMEDOUT"
        ? "connect-timeout"
        : notTrusted.test(code)
        ? "certificate-refused"
        : "connect-failed"
    )
  }

  #connected(wire: Wire): void {
    this.#giveUp = undefined
    if (this.#state !== "connecting") {
      wire.connection.destroy()
      return
    }
    this.#wire = wire
    this.#heard()
    if (!this.#config.signOn) return this.#up()
    this.#enter("signing-on", undefined)
    const tell = (accepted: boolean) => void this.#actor.tell({ tag: "greeted", wire, accepted })
    this.#host.manage(this, "sign-on", this.#config.timeoutMs, (how) => tell(how === "accepted"))
  }

  #greeted(accepted: boolean): void {
    if (this.#state !== "signing-on") return
    if (accepted) this.#up()
    else this.#fall("identity-refused")
  }

  #up(): void {
    this.#leaving = undefined
    this.#misses = 0
    this.#backoff.began(this.#host.time.monotonicMs())
    this.#enter("up", undefined)
    this.#watchIdle(this.#config.echoAfterIdleMs)
  }

  #enter(state: LinkState, reason: EndReason | undefined): void {
    if (state === this.#state) return
    this.#state = state
    this.#host.moved(this, reason)
  }

  // --- hearing

  #heard(): void {
    this.#heardMs = this.#host.time.monotonicMs()
    this.#misses = 0
  }

  #read(wire: Wire, chunk: Buffer): void {
    if (wire !== this.#wire) return
    const failure = wire.deframer.push(chunk, {
      onFrame: (header, body) => this.#frame(header, body),
      onKeepAlive: (reply) => {
        this.#heard()
        if (reply !== undefined) this.send(Buffer.from(reply))
      }
    })
    if (failure !== undefined) this.#fall(failure)
  }

  /** Asked after all mail: what a chunk brought about may stand behind the last chunk. */
  #readOn(): void {
    const wire = this.#wire
    if (wire?.paused !== true || this.#actor.depth() > 0) return
    wire.paused = false
    wire.connection.resume()
  }

  /** A frame that is no message, or a message that nobody wants, costs itself alone (rule 7). */
  #frame(header: Uint8Array, body: Uint8Array): void {
    this.#heard()
    const message = this.#host.dialect.read(body)
    if ("failure" in message) this.#host.malformed(message)
    else if (this.#host.dialect.isResponse(message)) this.#host.answered(this, message)
    else this.#asked(header, message)
  }

  /** The upstream asks: echo, sign-off, sign-on. Everything else is counted and left (U17). */
  #asked(header: Uint8Array, request: Message): void {
    const { dialect, framing } = this.#host
    const asked = request.kind()
    if (asked !== "echo" && asked !== "sign-off" && asked !== "sign-on") {
      this.#host.unasked(request)
      return
    }
    const reply = dialect.respond(request, dialect.responseCode("00"), {}, false)
    const frame = framing.encode(framing.replyHeader(header), reply)
    if (frame !== undefined) this.send(frame)
    if (asked === "sign-off") this.#leave("signed-off")
    else if (asked === "sign-on" && this.#leaving === "signed-off") this.#back()
  }

  // --- silence

  #watchIdle(delayMs: number): void {
    this.#watch?.cancel()
    if (this.#config.echoAfterIdleMs <= 0) return
    this.#watch = this.#host.timers.after(delayMs, () => void this.#actor.tell(idle))
  }

  /** An echo when nothing was heard for long enough, but never more often than agreed. */
  #idle(): void {
    if (this.#state !== "up" && this.#state !== "draining") return
    const { echoAfterIdleMs, echoMinIntervalMs } = this.#config
    const nowMs = this.#host.time.monotonicMs()
    const dueMs = Math.max(this.#heardMs + echoAfterIdleMs, this.#echoedMs + echoMinIntervalMs)
    if (nowMs < dueMs) return this.#watchIdle(dueMs - nowMs)
    const wire = this.#wire
    if (wire === undefined) return
    this.#echoedMs = nowMs
    this.#host.manage(this, "echo", this.#host.echoTimeoutMs, (how) => {
      this.#actor.tell({ tag: "echoed", wire, how })
    })
  }

  #echoed(how: ManagementEnd): void {
    if (how === "silent") this.#misses++
    const silent = this.#misses >= this.#config.echoMissesBeforeDown
    if (silent && this.#host.mayEject(this, this.#misses)) return this.#fall("echo-missed")
    this.#watchIdle(how === "gone" ? this.#config.echoAfterIdleMs : 0)
  }

  // --- going down

  /** Nothing new from now on; when what is in flight has ended, the connection does. */
  #leave(reason: EndReason): void {
    if (this.#state === "connecting" || this.#state === "signing-on") return this.#fall(reason)
    // Who signs off while an operator drains is not let back by the operator's hand alone.
    if (this.#state === "draining" && reason === "signed-off") this.#leaving = reason
    if (this.#state !== "up") return
    this.#leaving = reason
    this.#enter("draining", reason)
    if (this.#inFlight === 0) this.#part()
  }

  /** Says goodbye where it said hello, and half-closes; a peer that stays open is cut. */
  #part(): void {
    const wire = this.#wire
    if (wire === undefined || wire.parting) return
    wire.parting = true
    const end = () => {
      if (!wire.open) return
      wire.writer.flush()
      wire.connection.end()
      this.#host.timers.after(this.#config.connectTimeoutMs, () => wire.connection.destroy())
    }
    if (!this.#config.signOn || this.#leaving === "signed-off") return end()
    this.#host.manage(this, "sign-off", this.#host.echoTimeoutMs, end)
  }

  #resume(): void {
    this.#held = false
    if (this.#state === "down") this.#after(0)
    else if (this.#state === "draining" && this.#leaving === "operator") this.#stay()
  }

  /** The upstream is back; where an operator drains the link, that goes on. */
  #back(): void {
    if (this.#held) this.#leaving = "operator"
    else this.#stay()
  }

  /** Drains no longer; once it is parting it is too late, and the next connection comes up. */
  #stay(): void {
    if (this.#wire?.parting === false) this.#up()
  }

  /** The connection is over, or never began: everything on it ends, and another try is planned. */
  #fall(reason: EndReason): void {
    const wire = this.#wire
    const signedOff = this.#leaving === "signed-off"
    this.#forget()
    wire?.connection.destroy()
    this.#enter("down", reason)
    if (wire !== undefined) this.#host.lost(this, wire.writer.written())
    if (!this.#held) this.#after(this.#backoff.next(this.#host.time.monotonicMs(), signedOff))
  }

  #forget(): void {
    this.#giveUp?.()
    this.#giveUp = undefined
    this.#watch?.cancel()
    this.#reconnect?.cancel()
    this.#leaving = undefined
    const wire = this.#wire
    this.#wire = undefined
    if (wire === undefined) return
    wire.open = false
    wire.writer.close()
  }

  #ended(reason: EndReason): void {
    const wire = this.#wire
    wire?.writer.flush()
    // Timers end with the switch: nobody would cut a peer that does not close.
    wire?.connection.leave()
    this.#forget()
    this.#enter("down", reason)
    if (wire !== undefined) this.#host.lost(this, wire.writer.written())
  }
}
