/**
 * The line: one connection from accept to the last byte, whatever is spoken on it. It frames what
 * comes in, coalesces what goes out, knows what it still owes, and ends once, with a reason. What
 * must hold: every request that was counted in is counted out; an answer's `handed` is called
 * exactly once, true only when the bytes went to a live socket; reading pauses while anything asks
 * for it; nothing is allocated for an idle line that a busy one could make when it needs it.
 *
 *   open ── finish(reason) ─► finishing: reads nothing more, hands over what is owed
 *     └──── end(reason) ────► ended: nothing is heard or said; the socket closes
 */

import type { HotBehaviour, HotRef } from "../actor/hot-actor.ts"
import type { TurnWriter, WriterListener } from "../actor/turn-writer.ts"
import type { TerminalId } from "../domain/brand.ts"
import type { EndReason } from "../domain/end-reasons.ts"
import type { Connection, ConnectionHandler } from "../domain/ports/transport.ts"
import type { Deframer, FrameSink } from "../frame/framing.ts"
import type { Bearer, Binding } from "./binding.ts"
import type { SeenLine, SessionState } from "./house.ts"
import type { ListenerRoom } from "./listener-room.ts"

/** Why a socket is not being read; several at once are possible. */
const pause = { room: 1, held: 2, rate: 4, slow: 8, finishing: 16 } as const

type Pause = keyof typeof pause

/** Pending bytes above this multiple of the limit cut a slow reader without waiting. */
const cutFactor = 4

/** Ends after which what is queued still leaves, and the socket is closed in good order. */
const gentleEnds: ReadonlySet<EndReason> = new Set<EndReason>([
  "peer-closed",
  "idle",
  "signed-off",
  "mac-wrong-repeated",
  "messages-bad-repeated",
  "identity-refused",
  "frame-too-long",
  "frame-empty",
  "frame-length",
  "frame-incomplete",
  "operator",
  "draining"
])

interface Handing {
  readonly sequence: number
  readonly handed: (live: boolean) => void
}

const never = -1

export abstract class Line<Mail>
  implements ConnectionHandler, FrameSink, WriterListener, HotBehaviour<Mail>, SeenLine, Bearer
{
  readonly connection: Connection
  readonly room: ListenerRoom
  readonly openedMs: number
  /** Monotonic time of the last bytes that came in. */
  lastMs: number
  /** Frames that came in. */
  messages = 0
  /** Requests that were taken and not yet answered or dropped. */
  owed = 0
  protected readonly actor: HotRef<Mail>
  readonly #writer: TurnWriter
  #deframer: Deframer | undefined
  #handing: Array<Handing> | undefined
  #pauses = 0
  #frameSinceMs = never
  #slowSinceMs = never
  #finishing: EndReason | undefined
  #understood = false
  #echoes = 0

  constructor(room: ListenerRoom, connection: Connection) {
    const { house } = room
    this.room = room
    this.connection = connection
    this.openedMs = this.lastMs = house.time.monotonicMs()
    this.#writer = house.flush.writer(connection, room.config.maxPendingBytes, this)
    this.actor = house.actors.spawn<Mail>(
      room.kind,
      `${room.name}:${connection.id}`,
      () => this
    )
  }

  /** One whole frame; the line has counted it as owed. */
  protected abstract frame(header: Uint8Array, body: Uint8Array): void
  abstract receive(mail: Mail): void
  abstract dispossessed(binding: Binding): void
  /** Bindings and lanes go; called once. */
  protected abstract released(): void
  /** Nothing stands in the way any more: what was held back may go on. */
  protected abstract resumed(): void
  abstract terminals(): ReadonlyArray<TerminalId>
  abstract owned(): ReadonlyArray<TerminalId>
  /** Sends an echo request; false when the line cannot. */
  protected abstract echo(): boolean
  abstract proven(): boolean

  get remote(): string {
    return this.connection.remote
  }

  get listener(): string {
    return this.room.name
  }

  seen(): SeenLine {
    return this
  }

  get alive(): boolean {
    return this.actor.endReason() === undefined
  }

  pendingBytes(): number {
    return this.#writer.pendingBytes()
  }

  state(): SessionState {
    if (this.#finishing !== undefined || !this.alive) return "closing"
    if (this.#slowSinceMs !== never) return "quarantined"
    return this.proven() ? "proven" : "new"
  }

  // --- what the connection says

  onData(chunk: Buffer): void {
    if (!this.alive || this.#finishing !== undefined) return
    const { house, config, framing } = this.room
    const now = house.time.monotonicMs()
    this.lastMs = now
    this.#echoes = 0
    const before = this.messages
    this.#deframer ??= framing.deframer(config.maxFrameBytes)
    const failure = this.#deframer.push(chunk, this)
    house.hooks.meter.read(chunk.length, this.messages - before)
    if (!this.alive) return
    if (failure !== undefined) {
      this.finish(failure)
      return
    }
    if (this.#deframer.pendingBytes() === 0) this.#frameSinceMs = never
    else if (this.#frameSinceMs === never || this.messages > before) this.#frameSinceMs = now
    if (house.reading.full()) this.waitForRoom()
  }

  onFrame(header: Uint8Array, body: Uint8Array): void {
    if (!this.alive) return
    this.messages++
    this.owed++
    this.frame(header, body)
  }

  onKeepAlive(reply: Uint8Array | undefined): void {
    if (reply !== undefined && this.alive) this.#writer.send(Buffer.from(reply))
  }

  onDrain(): void {
    this.#writer.drained()
    this.#slowSinceMs = never
    this.unpause("slow")
  }

  /** The other side sends nothing more; what it is owed it still gets (N3). */
  onEnd(): void {
    const cut = (this.#deframer?.pendingBytes() ?? 0) > 0
    this.finish(cut ? "frame-incomplete" : "peer-closed")
  }

  onClose(how: "ended" | "reset" | "failed"): void {
    this.end(this.#finishing ?? (how === "ended" ? "peer-closed" : "peer-reset"))
    this.room.closed(this)
  }

  // --- what the writer says

  onWritten(sequence: number): void {
    for (;;) {
      const next = this.#handing?.[0]
      if (next === undefined || next.sequence > sequence) return
      this.#handing?.shift()
      next.handed(true)
    }
  }

  /** Quarantine: nothing more is read from a peer that does not read. */
  onSlow(): void {
    if (this.#slowSinceMs !== never) return
    this.#slowSinceMs = this.room.house.time.monotonicMs()
    this.pause("slow")
  }

  // --- what the session does

  /** Sends a frame; `handed` hears whether it went to a live socket. */
  hand(header: Uint8Array, body: Uint8Array, handed: ((live: boolean) => void) | undefined): void {
    const frame = this.alive ? this.room.framing.encode(header, body) : undefined
    const sequence = frame === undefined ? 0 : this.#writer.send(frame)
    if (sequence === 0) {
      handed?.(false)
      return
    }
    this.room.house.hooks.meter.sent(frame?.length ?? 0)
    if (handed !== undefined) {
      if (this.#writer.written() >= sequence) handed(true)
      else (this.#handing ??= []).push({ sequence, handed })
    }
    if (this.pendingBytes() > cutFactor * this.room.config.maxPendingBytes) {
      this.end("slow-reader")
    }
  }

  /** A request has been answered, or dropped by name. */
  settled(): void {
    this.owed--
    if (this.owed === 0 && this.#finishing !== undefined) this.end(this.#finishing)
  }

  /** The peer has sent something that we understood: the first-message deadline is met. */
  protected understood(): void {
    this.#understood = true
  }

  /** Reads nothing more; ends when nothing is owed. Only the first reason counts. */
  finish(reason: EndReason): void {
    if (this.#finishing !== undefined || !this.alive) return
    this.#finishing = reason
    this.pause("finishing")
    if (this.owed === 0) this.end(reason)
  }

  end(reason: EndReason): void {
    this.actor.end(reason)
  }

  /** The actor's last call: whoever ended it, this is where the line ends. */
  ended(reason: EndReason): void {
    const gentle = gentleEnds.has(reason)
    if (gentle) this.#writer.flush()
    this.#writer.close()
    this.room.house.reading.leave(this)
    this.room.left(this, reason, gentle)
    this.released()
    const handing = this.#handing
    this.#handing = undefined
    if (handing !== undefined) { for (const each of handing) each.handed(false) }
    if (gentle) this.connection.end()
    else this.connection.destroy()
  }

  pause(why: Pause): void {
    if (this.#pauses === 0) this.connection.pause()
    this.#pauses |= pause[why]
  }

  unpause(why: Pause): void {
    const pauses = this.#pauses & ~pause[why]
    if (pauses === this.#pauses) return
    this.#pauses = pauses
    if (pauses !== 0 || !this.alive) return
    // While we did not read, the rest of a frame could not come: its time begins anew.
    if (this.#frameSinceMs !== never) this.#frameSinceMs = this.room.house.time.monotonicMs()
    this.connection.resume()
  }

  waitForRoom(): void {
    this.pause("room")
    this.room.house.reading.wait(this)
  }

  /** There is room again. */
  relieved(): void {
    this.unpause("room")
    this.resumed()
  }

  /** The deadlines of this line, looked at from time to time. */
  inspect(nowMs: number): void {
    const { config } = this.room
    if (this.#slowSinceMs !== never) {
      const slowMs = nowMs - this.#slowSinceMs
      if (slowMs > this.room.house.settings.quarantineMs) this.end("slow-reader")
      return
    }
    if (this.#pauses & pause.rate) {
      this.unpause("rate")
      this.resumed()
    }
    if (!this.alive || this.#pauses !== 0) return
    if (this.#frameSinceMs !== never && nowMs - this.#frameSinceMs > config.frameMs) {
      this.finish("frame-incomplete")
    } else if (!this.#understood && nowMs - this.openedMs > config.firstMessageMs) {
      this.finish("first-message-late")
    } else if (nowMs - this.lastMs > config.idleMs && this.owed === 0) {
      this.end("idle")
    } else {
      this.#listenForLife(nowMs)
    }
  }

  /** A silent peer is asked whether it lives (N5, N6). */
  #listenForLife(nowMs: number): void {
    const { echo } = this.room.house.settings
    if (echo === undefined || nowMs - this.lastMs <= echo.afterIdleMs * (1 + this.#echoes)) return
    if (this.#echoes >= echo.misses) this.end("echo-missed")
    else if (this.echo()) this.#echoes++
  }
}
