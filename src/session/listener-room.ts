/**
 * One listener and its lines: who may come in, who must go, and the look at every deadline that
 * replaces a timer per session. What must hold (I5, I14): never more lines than the configuration
 * says; when full, the oldest line that has proven nothing makes room, and none that has; every
 * line that leaves is counted and kept with its reason.
 */

import type { HotKind } from "../actor/hot-actor.ts"
import type { Timer } from "../actor/timer-wheel.ts"
import type { ListenerConfig } from "../domain/config.ts"
import type { EndReason } from "../domain/end-reasons.ts"
import type { Connection, ConnectionHandler } from "../domain/ports/transport.ts"
import type { Framing } from "../frame/framing.ts"
import type { AuditEvent, Listening, SeenLine, SessionHouseShape } from "./house.ts"

/** Messages of one session between decoding and handling. */
export const mailboxCapacity = 256

/** How long a socket may take to close after a gentle end. */
const lingerMs = 5000

/** A line that has proven nothing may be reclaimed after this, when the listener is full. */
const reclaimAfterMs = 1000

/** Deadlines are looked at this often: an eighth of the shortest, within these bounds. */
const quickestLookMs = 20
const slowestLookMs = 1000

/** Of that look in one turn of the event loop: lines, and ends, which cost far more. */
const looksPerTurn = 2000
const endsPerTurn = 4

/** The line as its listener sees it. */
export interface RoomLine extends ConnectionHandler, SeenLine {
  readonly connection: Connection
  readonly inspect: (nowMs: number) => void
}

export class ListenerRoom implements Listening {
  /** Where it listens; 0 until it does. */
  port = 0
  readonly house: SessionHouseShape
  readonly config: ListenerConfig
  readonly framing: Framing
  readonly kind: HotKind
  readonly #lines = new Set<RoomLine>()
  /** Oldest first; lines leave it when they prove themselves. */
  readonly #unproven = new Set<RoomLine>()
  /** Ended, and the socket is not closed yet. */
  readonly #lingering = new Map<RoomLine, number>()
  readonly #wallMinusMonotonicMs: number
  #look: Timer | undefined
  /** Where the look at all lines has come to. */
  #looking: SetIterator<RoomLine> | undefined
  /** Lines that have left, ever. */
  #left = 0
  #drainsSinceMs = Number.POSITIVE_INFINITY

  constructor(house: SessionHouseShape, config: ListenerConfig, framing: Framing) {
    this.house = house
    this.config = config
    this.framing = framing
    this.kind = {
      name: `session-${config.name}`,
      capacity: mailboxCapacity,
      restarts: 0,
      withinMs: 0,
      restartMs: 0
    }
    this.#wallMinusMonotonicMs = house.time.wallMs() - house.time.monotonicMs()
    this.#schedule()
  }

  get name(): string {
    return this.config.name
  }

  get draining(): boolean {
    return this.#drainsSinceMs < Number.POSITIVE_INFINITY
  }

  /** On the monotonic clock; infinity: it does not drain. */
  get drainsSinceMs(): number {
    return this.#drainsSinceMs
  }

  get size(): number {
    return this.#lines.size
  }

  lines(): Iterable<RoomLine> {
    return this.#lines
  }

  /** A place for one more connection; undefined: it is refused, counted and kept. */
  enter<L extends RoomLine>(connection: Connection, make: () => L): L | undefined {
    const refusal = this.#refusal(connection)
    if (refusal !== undefined) {
      this.refused(refusal, connection.remote)
      return undefined
    }
    const line = make()
    this.#lines.add(line)
    this.#unproven.add(line)
    const address = addressOf(connection.remote)
    this.house.addresses.set(address, (this.house.addresses.get(address) ?? 0) + 1)
    this.house.hooks.meter.opened(this.name)
    return line
  }

  /** Ended before it began. */
  refused(reason: EndReason, remote: string): void {
    this.#keep(remote, undefined, reason, this.house.time.monotonicMs(), 0)
  }

  /** The line has an owner's binding: it is not reclaimed any more. */
  proved(line: RoomLine): void {
    this.#unproven.delete(line)
  }

  /** Called once for each line that entered, by the line. */
  left(line: RoomLine, reason: EndReason, lingers: boolean): void {
    if (!this.#lines.delete(line)) return
    this.#left++
    this.#unproven.delete(line)
    const address = addressOf(line.remote)
    const left = (this.house.addresses.get(address) ?? 1) - 1
    if (left > 0) this.house.addresses.set(address, left)
    else this.house.addresses.delete(address)
    if (lingers) this.#lingering.set(line, this.house.time.monotonicMs() + lingerMs)
    this.#keep(line.remote, line.terminals()[0], reason, line.openedMs, line.messages)
  }

  /** The socket is gone. */
  closed(line: RoomLine): void {
    this.#lingering.delete(line)
  }

  addressOf(line: RoomLine): string {
    return addressOf(line.remote)
  }

  audit(
    what: AuditEvent["what"],
    remote: string,
    terminal: string | undefined,
    merchant: string | undefined
  ): void {
    const { hooks, time } = this.house
    hooks.audit({
      what,
      listener: this.name,
      remote,
      terminal: terminal ?? "",
      merchant: merchant ?? "",
      atMs: time.wallMs()
    })
  }

  drain(): void {
    if (!this.draining) this.#drainsSinceMs = this.house.time.monotonicMs()
  }

  busy(): boolean {
    for (const line of this.#lines) if (line.owed > 0 || line.pendingBytes() > 0) return true
    return false
  }

  close(): void {
    this.drain()
    this.#look?.cancel()
    this.#looking = undefined
    for (const line of this.#lines) line.end("draining")
    // Nobody looks after them from here on.
    for (const line of this.#lingering.keys()) line.connection.leave()
  }

  #refusal(connection: Connection): EndReason | undefined {
    if (this.draining) return "draining"
    const held = this.house.addresses.get(addressOf(connection.remote)) ?? 0
    if (held >= this.house.settings.maxSessionsPerAddress) return "address-refused"
    if (this.#lines.size < this.config.maxSessions) return undefined
    const [oldest] = this.#unproven
    const now = this.house.time.monotonicMs()
    if (oldest === undefined || now - oldest.openedMs < reclaimAfterMs || oldest.owed > 0) {
      return "too-many-sessions"
    }
    oldest.end("too-many-sessions")
    return undefined
  }

  #keep(
    remote: string,
    terminal: string | undefined,
    reason: EndReason,
    openedMs: number,
    messages: number
  ): void {
    const { ends, hooks, time } = this.house
    hooks.meter.ended(this.name, reason)
    ends.add({
      listener: this.name,
      remote,
      terminal,
      reason,
      openedMs: Math.round(openedMs + this.#wallMinusMonotonicMs),
      endedMs: time.wallMs(),
      messages
    })
  }

  /** Those who came at once are late at once: a few end a turn, and others are heard between. */
  #lookOn(): void {
    const now = this.house.time.monotonicMs()
    const before = this.#left
    for (let seen = 0; seen < looksPerTurn && this.#left - before < endsPerTurn; seen++) {
      const next = this.#looking?.next()
      if (next === undefined || next.done === true) {
        this.#looking = undefined
        return
      }
      next.value.inspect(now)
    }
    this.house.time.defer(() => this.#lookOn())
  }

  #schedule(): void {
    const { firstMessageMs, frameMs, idleMs } = this.config
    const shortest = Math.min(firstMessageMs, frameMs, idleMs, this.house.settings.quarantineMs)
    const lookMs = Math.min(slowestLookMs, Math.max(quickestLookMs, shortest / 8))
    const look = () => {
      this.#look = this.house.timers.after(lookMs, look)
      const now = this.house.time.monotonicMs()
      // A look that is still under way goes on in the place of a new one.
      if (this.#looking === undefined) {
        this.#looking = this.#lines.values()
        this.#lookOn()
      }
      for (const [line, dueMs] of this.#lingering) {
        if (now < dueMs) continue
        this.#lingering.delete(line)
        line.connection.destroy()
      }
    }
    this.#look = this.house.timers.after(lookMs, look)
  }
}

/** Without the port. */
function addressOf(remote: string): string {
  const colon = remote.lastIndexOf(":")
  return colon < 0 ? remote : remote.slice(0, colon)
}
