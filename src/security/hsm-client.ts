/**
 * A pool of connections to security modules: picks the least busy, bounds what is outstanding,
 * gives up in time, comes back after a loss and asks its breaker. What holds: every command is
 * answered exactly once, with fields or a fault; nothing is sent twice; nothing grows past its
 * bound.
 */

import type { TransportShape } from "../domain/ports/transport.ts"
import type { Framing } from "../frame/framing.ts"
import { answerFields, diagnostics, hsmFraming } from "./hsm-command.ts"
import { type HsmCall, HsmLink } from "./hsm-link.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"

export interface HsmClientOptions {
  readonly hosts: ReadonlyArray<{ readonly host: string; readonly port: number }>
  /** To each host. */
  readonly connections: number
  /** Characters, as the module's host port is set; often 4. */
  readonly headerLength: number
  /** Commands outstanding on one connection. */
  readonly window: number
  /** Commands that wait for a window beyond that; the next one is declined. */
  readonly queue: number
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly reconnect: { readonly firstMs: number; readonly maxMs: number }
}

/** The part of `upstream/breaker` that is used here. A permit of 0 is a refusal. */
export interface HsmBreaker {
  readonly permit: () => number
  readonly ended: (permit: number, outcome: "good" | "failed", nowMs: number) => void
  readonly echoWanted: (nowMs: number) => boolean
  readonly echoSent: () => number
  readonly echoEnded: (permit: number, outcome: "good" | "failed", nowMs: number) => void
}

/** The part of `actor/timers` that is used here. */
export interface HsmTimers {
  readonly after: (delayMs: number, fire: () => void) => { readonly cancel: () => void }
}

interface HsmHouse {
  readonly transport: TransportShape
  readonly timers: HsmTimers
  readonly breaker: HsmBreaker
  readonly monotonicMs: () => number
  readonly defer: (task: () => void) => void
}

/** Commands without an answer that can be used, since the start. */
const noFailures = {
  /** Declined here: no connection stands. */
  "no-link": 0,
  /** Declined here: windows and queue are full. */
  "queue-full": 0,
  /** Declined here: the module is left alone for a while. */
  "breaker-open": 0,
  "timed-out": 0,
  "link-lost": 0,
  /** The answer was none to its command. */
  misfit: 0,
  /** The module says itself that its hardware or its master key failed. */
  failed: 0
}

export type HsmFailure = keyof typeof noFailures

export interface HsmCounts {
  readonly links: number
  readonly outstanding: number
  readonly queued: number
  readonly sent: number
  readonly failures: Readonly<Record<HsmFailure, number>>
}

/** One command from its call to its answer. */
class Ask implements HsmCall {
  readonly body: Buffer
  readonly command: string
  readonly done: (fields: string | SecurityFault) => void
  readonly answered: (body: Uint8Array | undefined) => void
  expires: { readonly cancel: () => void } | undefined
  link: HsmLink | undefined
  isOver = false

  constructor(
    body: Buffer,
    done: (fields: string | SecurityFault) => void,
    answered: (ask: Ask, body: Uint8Array | undefined) => void
  ) {
    this.body = body
    this.command = body.toString("latin1", 0, 2)
    this.done = done
    this.answered = (answer) => answered(this, answer)
  }
}

export class HsmClient {
  readonly #options: HsmClientOptions
  readonly #house: HsmHouse
  readonly #framing: Framing
  /** Below the number of headers, so that there is always a free one. */
  readonly #window: number
  readonly #links = new Set<HsmLink>()
  /** In order of age. */
  readonly #queue = new Set<Ask>()
  /** Connects and reconnects that are under way. */
  readonly #giveUps = new Set<() => void>()
  #closed = false
  #sent = 0
  readonly #failures = { ...noFailures }

  constructor(options: HsmClientOptions, house: HsmHouse) {
    this.#options = options
    this.#house = house
    this.#framing = hsmFraming(options.headerLength)
    this.#window = Math.min(options.window, 10 ** options.headerLength - 1)
    for (const address of options.hosts) {
      for (let index = 0; index < options.connections; index++) {
        this.#connect(address, options.reconnect.firstMs)
      }
    }
  }

  counts(): HsmCounts {
    let outstanding = 0
    for (const link of this.#links) outstanding += link.outstanding
    return {
      links: this.#links.size,
      outstanding,
      queued: this.#queue.size,
      sent: this.#sent,
      failures: { ...this.#failures }
    }
  }

  /**
   * Sends a command; `done` gets the fields behind the error code. Faults: `hsm-unavailable` (no
   * link, no permit, full, timed out, link lost), `hsm-answer`, `length-unfit`, `hsm-refused` and
   * what else error codes stand for.
   */
  send(body: Buffer, done: (fields: string | SecurityFault) => void): void {
    const { breaker, monotonicMs } = this.#house
    // What is declined here says nothing about the module.
    if (this.#links.size === 0) return done(this.#unavailable("no-link"))
    if (this.#isFull()) return done(this.#unavailable("queue-full"))
    const permit = breaker.permit()
    if (permit === 0) {
      this.#echo()
      return done(this.#unavailable("breaker-open"))
    }
    this.#ask(body, (fields) => {
      breaker.ended(permit, isTechnical(fields) ? "failed" : "good", monotonicMs())
      done(fields)
    })
  }

  close(): void {
    this.#closed = true
    for (const giveUp of this.#giveUps) giveUp()
    this.#giveUps.clear()
    for (const link of this.#links) link.destroy()
    for (const ask of this.#queue) this.#finish(ask, fault("hsm-unavailable"))
  }

  /** An open breaker is probed with diagnostics, never with somebody's PIN. */
  #echo(): void {
    const { breaker, monotonicMs } = this.#house
    if (!breaker.echoWanted(monotonicMs())) return
    const permit = breaker.echoSent()
    this.#ask(diagnostics(), (fields) => {
      breaker.echoEnded(permit, isFault(fields) ? "failed" : "good", monotonicMs())
    })
  }

  #ask(body: Buffer, done: (fields: string | SecurityFault) => void): void {
    const ask = new Ask(body, done, (of, answer) => this.#answered(of, answer))
    ask.expires = this.#house.timers.after(this.#options.timeoutMs, () => this.#expired(ask))
    const link = this.#free()
    if (link !== undefined) this.#place(ask, link)
    else if (!this.#isFull()) this.#queue.add(ask)
    else this.#finish(ask, this.#unavailable("queue-full"))
  }

  #unavailable(why: HsmFailure): SecurityFault {
    this.#failures[why]++
    return fault("hsm-unavailable")
  }

  #isFull(): boolean {
    return this.#queue.size >= this.#options.queue && this.#free() === undefined
  }

  #place(ask: Ask, link: HsmLink): void {
    ask.link = link
    if (link.send(ask)) this.#sent++
    else this.#finish(ask, fault("length-unfit"))
  }

  #answered(ask: Ask, body: Uint8Array | undefined): void {
    if (body === undefined) return this.#finish(ask, this.#unavailable("link-lost"))
    const fields = answerFields(ask.command, body)
    if (fields === fault("hsm-answer")) {
      // Whoever answers something else has lost its place: nothing on this link can be trusted.
      this.#failures.misfit++
      ask.link?.destroy()
    } else if (fields === fault("hsm-failed")) this.#failures.failed++
    this.#finish(ask, fields)
  }

  #expired(ask: Ask): void {
    const { link } = ask
    link?.abandon(ask)
    this.#finish(ask, this.#unavailable("timed-out"))
    // A module that lets a whole window time out is not going to answer on this connection.
    if (link !== undefined && link.abandoned >= this.#window) link.destroy()
  }

  #finish(ask: Ask, fields: string | SecurityFault): void {
    if (ask.isOver) return
    ask.isOver = true
    // One that never left is overwritten here.
    ask.body.fill(0)
    ask.expires?.cancel()
    this.#queue.delete(ask)
    ask.done(fields)
    this.#drain()
  }

  /** Moves what waits to links that have room. */
  #drain(): void {
    for (const ask of this.#queue) {
      const link = this.#free()
      if (link === undefined) return
      this.#queue.delete(ask)
      this.#place(ask, link)
    }
  }

  /** The link with the fewest commands on it, if that is below the window. */
  #free(): HsmLink | undefined {
    let best: HsmLink | undefined
    let least = this.#window
    for (const link of this.#links) {
      const busy = link.outstanding + link.abandoned
      if (busy >= least) continue
      best = link
      least = busy
    }
    return best
  }

  #connect(address: HsmClientOptions["hosts"][number], waitMs: number): void {
    const { connectTimeoutMs, headerLength, reconnect } = this.#options
    let giveUp = (): void => {}
    const under = (): void => giveUp()
    this.#giveUps.add(under)
    giveUp = this.#house.transport.connect(
      { ...address, timeoutMs: connectTimeoutMs },
      (connection) => {
        this.#giveUps.delete(under)
        const link = new HsmLink(connection, this.#framing, headerLength, this.#house.defer, () => {
          this.#links.delete(link)
          this.#reconnect(address, reconnect.firstMs)
        })
        this.#links.add(link)
        this.#drain()
        return link
      },
      () => {
        this.#giveUps.delete(under)
        this.#reconnect(address, waitMs)
      }
    )
  }

  #reconnect(address: HsmClientOptions["hosts"][number], waitMs: number): void {
    if (this.#closed) return
    const giveUp = (): void => timer.cancel()
    const timer = this.#house.timers.after(waitMs, () => {
      this.#giveUps.delete(giveUp)
      this.#connect(address, Math.min(waitMs * 2, this.#options.reconnect.maxMs))
    })
    this.#giveUps.add(giveUp)
  }
}

const technical: ReadonlySet<SecurityFault> = new Set([
  fault("hsm-unavailable"),
  fault("hsm-answer"),
  fault("hsm-failed")
])

/** Did the module fail, or did it only say no? */
function isTechnical(fields: string | SecurityFault): boolean {
  return isFault(fields) && technical.has(fields)
}
