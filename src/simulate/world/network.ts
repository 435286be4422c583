/**
 * The world's network: byte streams between processes that delay, split, merge, stall, go deaf and
 * break. What must hold: the bytes of one direction arrive in order, each once or never; nothing
 * arrives at a process that is dead; a write that nobody will ever read succeeds all the same, as
 * it does on a real machine.
 *
 *     writer ──► wire (in order, each chunk with its own delay) ──► reader's buffer ──► onData
 *                 cut: everything on it is lost                      paused: stays here
 */

import { Effect, type Scope } from "effect"
import {
  type Connection,
  type ConnectionHandler,
  type ConnectOptions,
  ListenFailed,
  type ListenOptions,
  type TransportShape
} from "../../domain/ports/transport.ts"
import type { Chance } from "./chance.ts"
import type { Incarnation, WorldEvents } from "./events.ts"

/** How bad the weather is: shares and probabilities; all zero is a calm network. */
export interface Weather {
  readonly latencyMs: number
  /** Mean of what is added to the latency of a chunk, exponentially distributed. */
  readonly jitterMs: number
  /** Of chunks: arrives in two or more pieces; arrives glued to what follows. */
  readonly split: number
  readonly merge: number
  /** Per chunk: reset; this direction goes silent for ever; stalls for a while. */
  readonly reset: number
  readonly deaf: number
  readonly stall: number
  readonly stallMs: number
  /** Per connect: refused; never answered. */
  readonly refuse: number
  readonly vanish: number
}

export const calm: Weather = {
  latencyMs: 1,
  jitterMs: 0,
  split: 0,
  merge: 0,
  reset: 0,
  deaf: 0,
  stall: 0,
  stallMs: 0,
  refuse: 0,
  vanish: 0
}

/** What a system takes for a reader that does not read; above it, bytes count as pending. */
const systemBufferBytes = 65_536

interface Listener {
  readonly owner: Incarnation
  readonly accept: (connection: Connection) => ConnectionHandler | undefined
}

interface NetworkCounts {
  connects: number
  resets: number
  splits: number
  merges: number
  stalls: number
  deafs: number
  refusals: number
}

export class Network {
  weather: Weather = calm
  /** Ports that nobody can reach for now. */
  readonly blocked = new Set<number>()
  readonly counts: NetworkCounts = {
    connects: 0,
    resets: 0,
    splits: 0,
    merges: 0,
    stalls: 0,
    deafs: 0,
    refusals: 0
  }
  readonly events: WorldEvents
  readonly chance: Chance
  readonly #listeners = new Map<number, Listener>()
  readonly #ends = new Map<Incarnation, Set<End>>()
  /** Hears every piece that arrives, for the world's trace. */
  onArrival: (end: number, bytes: Uint8Array) => void = () => {}
  #lastId = 0
  #lastPort = 40_000

  constructor(events: WorldEvents, chance: Chance) {
    this.events = events
    this.chance = chance
  }

  /** A way of its own for one direction of one connection, in the weather of the moment. */
  delayMs(): number {
    const { jitterMs, latencyMs } = this.weather
    return latencyMs + (jitterMs > 0 ? this.chance.pauseMs(jitterMs) : 0)
  }

  listen(owner: Incarnation, port: number, accept: Listener["accept"]): number | undefined {
    const wanted = port === 0 ? ++this.#lastPort : port
    if (this.#listeners.get(wanted)?.owner.alive === true) return undefined
    this.#listeners.set(wanted, { owner, accept })
    return wanted
  }

  unlisten(owner: Incarnation, port: number): void {
    if (this.#listeners.get(port)?.owner === owner) this.#listeners.delete(port)
  }

  listener(port: number): Listener | undefined {
    const found = this.#listeners.get(port)
    return found?.owner.alive === true ? found : undefined
  }

  /** Two ends that know each other; the caller announces them. */
  pair(client: Incarnation, server: Incarnation, from: string): readonly [End, End] {
    const near = new End(this, client, ++this.#lastId, "127.0.0.1:0")
    const far = new End(this, server, ++this.#lastId, from)
    near.other = far
    far.other = near
    for (const end of [near, far]) {
      const ends = this.#ends.get(end.owner) ?? new Set()
      this.#ends.set(end.owner, ends.add(end))
    }
    return [near, far]
  }

  forget(end: End): void {
    this.#ends.get(end.owner)?.delete(end)
  }

  /**
   * The process is gone. `cut`: its machine answers resets for it; `silent`: nobody does (power).
   */
  died(owner: Incarnation, how: "cut" | "silent"): void {
    owner.alive = false
    for (const end of this.#ends.get(owner) ?? []) {
      if (how === "cut") end.abandon()
    }
    this.#ends.delete(owner)
    for (const [port, listener] of this.#listeners) {
      if (listener.owner === owner) this.#listeners.delete(port)
    }
  }
}

type Piece = { readonly bytes: Buffer; readonly dueMs: number } | "fin"

/** One end of a stream: what it writes goes over its wire to the other end's buffer. */
export class End implements Connection {
  readonly id: number
  readonly remote: string
  readonly owner: Incarnation
  readonly #network: Network
  other!: End
  handler: ConnectionHandler | undefined
  /** On the wire towards the other end, in order. */
  #wire: Array<Piece> = []
  #wireBytes = 0
  #moving = false
  #deaf = false
  #silent = false
  #lastDueMs = 0
  /** Arrived here, not yet handed over. */
  #inbox: Array<Buffer | "fin"> = []
  #paused = false
  #ended = false
  #heardEnd = false
  #closed = false
  /** Reset, though neither side has heard of it yet: what is written now goes nowhere. */
  #broken = false
  #wantsDrain = false

  constructor(network: Network, owner: Incarnation, id: number, remote: string) {
    this.#network = network
    this.owner = owner
    this.id = id
    this.remote = remote
  }

  get isClosed(): boolean {
    return this.#closed
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#ended || this.#broken || bytes.length === 0) return !this.#closed
    const network = this.#network
    const { chance, weather } = network
    if (chance.happens(weather.reset)) {
      network.counts.resets++
      // Some of it may have gone out: the peer sees a prefix, or nothing.
      const kept = chance.between(0, bytes.length)
      if (kept > 0) this.#put(Buffer.from(bytes.subarray(0, kept)))
      this.#broken = true
      this.other.#broken = true
      network.events.after(this.owner, 0, () => this.#close("reset"))
      network.events.after(this.other.owner, network.delayMs(), () => this.other.#close("reset"))
      return true
    }
    if (chance.happens(weather.deaf)) {
      network.counts.deafs++
      this.#deaf = true
    }
    let rest = Buffer.from(bytes)
    while (rest.length > 1 && chance.happens(weather.split)) {
      network.counts.splits++
      const at = chance.between(1, rest.length - 1)
      this.#put(rest.subarray(0, at))
      rest = rest.subarray(at)
    }
    this.#put(rest)
    const roomy = this.pendingBytes() === 0
    if (!roomy) this.#wantsDrain = true
    return roomy
  }

  pendingBytes(): number {
    return Math.max(0, this.#wireBytes + this.other.#inboxBytes() - systemBufferBytes)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#network.events.after(this.owner, 0, () => this.#handOver())
  }

  end(): void {
    if (this.#ended || this.#closed || this.#broken) return
    this.#ended = true
    this.#wire.push("fin")
    this.#move()
    this.#closeWhenBothEnded()
  }

  /** The world has no process to keep alive. */
  leave(): void {
    this.end()
  }

  destroy(): void {
    if (this.#closed) return
    this.abandon()
    this.#network.events.after(this.owner, 0, () => this.#close("ended"))
  }

  /** From here on nobody speaks for this side, not even its machine (N5). */
  fallSilent(): void {
    this.#silent = true
  }

  /** This side is no more: the other hears a reset, if it hears anything. */
  abandon(): void {
    this.#wire = []
    this.#wireBytes = 0
    if (this.#silent) return
    const other = this.other
    this.#network.events.after(other.owner, this.#network.delayMs(), () => other.#close("reset"))
  }

  #inboxBytes(): number {
    let sum = 0
    for (const piece of this.#inbox) sum += piece === "fin" ? 0 : piece.length
    return sum
  }

  #put(bytes: Buffer): void {
    const network = this.#network
    let delayMs = network.delayMs()
    if (network.chance.happens(network.weather.stall)) {
      network.counts.stalls++
      delayMs += network.chance.pauseMs(network.weather.stallMs)
    }
    this.#lastDueMs = Math.max(this.#lastDueMs, network.events.nowMs + delayMs)
    this.#wire.push({ bytes, dueMs: this.#lastDueMs })
    this.#wireBytes += bytes.length
    this.#move()
  }

  /** One event moves what is due; the next is made when it has happened. */
  #move(): void {
    if (this.#moving || this.#deaf || this.#wire.length === 0) return
    this.#moving = true
    const { events } = this.#network
    const [first] = this.#wire
    const dueMs = first === "fin" ? this.#lastDueMs : first!.dueMs
    events.after(this.other.owner, dueMs - events.nowMs, () => this.#arrive())
  }

  #arrive(): void {
    this.#moving = false
    const network = this.#network
    const { nowMs } = network.events
    const glued: Array<Buffer> = []
    while (this.#wire.length > 0) {
      const piece = this.#wire[0]!
      const due = piece === "fin" ? this.#lastDueMs : piece.dueMs
      if (due > nowMs && !(glued.length > 0 && network.chance.happens(network.weather.merge))) {
        break
      }
      this.#wire.shift()
      if (piece === "fin") {
        this.other.#receive(glued.splice(0), true)
        break
      }
      this.#wireBytes -= piece.bytes.length
      glued.push(piece.bytes)
    }
    if (glued.length > 1) network.counts.merges++
    if (glued.length > 0) this.other.#receive(glued, false)
    this.#drained()
    this.#move()
  }

  #receive(pieces: ReadonlyArray<Buffer>, fin: boolean): void {
    if (this.#closed) return
    if (pieces.length > 0) {
      this.#inbox.push(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
    }
    if (fin) this.#inbox.push("fin")
    this.#handOver()
  }

  #handOver(): void {
    while (!this.#paused && !this.#closed && this.#inbox.length > 0) {
      const piece = this.#inbox.shift()!
      if (piece === "fin") {
        this.#heardEnd = true
        this.handler?.onEnd()
        this.#closeWhenBothEnded()
      } else {
        this.#network.onArrival(this.id, piece)
        this.handler?.onData(piece)
      }
    }
    this.other.#drained()
  }

  #drained(): void {
    if (!this.#wantsDrain || this.#closed || this.pendingBytes() > 0) return
    this.#wantsDrain = false
    this.#network.events.after(this.owner, 0, () => {
      if (!this.#closed) this.handler?.onDrain()
    })
  }

  #closeWhenBothEnded(): void {
    if (this.#ended && this.#heardEnd) {
      this.#network.events.after(this.owner, 0, () => this.#close("ended"))
    }
  }

  #close(how: "ended" | "reset"): void {
    if (this.#closed) return
    this.#closed = true
    this.#network.forget(this)
    this.handler?.onClose(how)
  }
}

/** `Transport` for one process. */
export function worldTransport(network: Network, owner: Incarnation): TransportShape {
  return {
    listen: (options, accept) => listenOn(network, owner, options, accept),
    connect: (options, connected, failed) => connectFrom(network, owner, options, connected, failed)
  }
}

function listenOn(
  network: Network,
  owner: Incarnation,
  options: ListenOptions,
  accept: Listener["accept"]
): Effect.Effect<{ readonly port: number }, ListenFailed, Scope.Scope> {
  return Effect.acquireRelease(
    Effect.suspend(() => {
      const port = network.listen(owner, options.port, (connection) => {
        if (options.allows?.(addressOf(connection.remote)) ?? true) return accept(connection)
        options.refused?.("address-not-allowed", connection.remote)
        return undefined
      })
      return port === undefined
        ? Effect.fail(
          new ListenFailed({ listener: options.name, port: options.port, code: "EADDRINUSE" })
        )
        : Effect.succeed({ port })
    }),
    ({ port }) => Effect.sync(() => network.unlisten(owner, port))
  )
}

/** Who names no address of its own comes from loopback. */
function addressOf(remote: string): string {
  return remote.slice(0, remote.lastIndexOf(":")) || "127.0.0.1"
}

function connectFrom(
  network: Network,
  owner: Incarnation,
  options: ConnectOptions,
  connected: (connection: Connection) => ConnectionHandler,
  failed: (code: string) => void
): () => void {
  const { chance, events, weather } = network
  let over = false
  const fail = (afterMs: number, code: string) =>
    events.after(owner, afterMs, () => {
      if (over) return
      over = true
      failed(code)
    })
  network.counts.connects++
  const lost = network.blocked.has(options.port) || chance.happens(weather.vanish)
  if (lost) fail(options.timeoutMs, "ETIMEDOUT")
  else if (chance.happens(weather.refuse)) {
    network.counts.refusals++
    fail(network.delayMs(), "ECONNREFUSED")
  } else {
    const arriveMs = network.delayMs()
    events.after(owner, arriveMs, () => {
      const listener = network.listener(options.port)
      if (over) return
      if (listener === undefined) return fail(weather.latencyMs, "ECONNREFUSED")
      const [near, far] = network.pair(owner, listener.owner, `${options.localAddress ?? ""}:1`)
      const handler = listener.accept(far)
      if (handler === undefined) {
        network.forget(near)
        network.forget(far)
        return fail(weather.latencyMs, "ECONNRESET")
      }
      far.handler = handler
      events.after(owner, weather.latencyMs, () => {
        if (over) return near.destroy()
        over = true
        if (near.isClosed) return failed("ECONNRESET")
        near.handler = connected(near)
      })
    })
  }
  return () => {
    over = true
  }
}
