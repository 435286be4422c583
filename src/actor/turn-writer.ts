/**
 * Write-coalescing: the frames that are queued for one connection in a turn of the event loop leave
 * in one write, and one task at the turn's end serves all connections. What must hold: frames leave
 * whole and in the order queued; a frame is *written* only when the socket of a standing connection
 * took it (design rule 1), never while it is queued here, and the sequence numbers tell which is
 * which; what waits for a peer that does not read is counted, and somebody is told.
 *
 *   send 7 ─┐                       ┌──────┬──────┬──────┐
 *   send 8 ─┼─ end of the turn ───► │  7   │  8   │  9   │ ──► one write     written() = 9
 *   send 9 ─┘                       └──────┴──────┴──────┘
 */

import { buggify } from "../domain/buggify.ts"
import type { Connection } from "../domain/ports/transport.ts"

/** Queued bytes of one connection that leave at once, without waiting for the end of the turn. */
export const flushBytes = 65_536

export interface WriterListener {
  /** Everything up to and including `sequence` was handed to the socket. */
  readonly onWritten?: (sequence: number) => void
  /** More than the limit waits for the peer. Said once, and again only after it had drained. */
  readonly onSlow: (pendingBytes: number) => void
}

/** One for each station: its writers share one deferred task. */
export class TurnFlush {
  readonly #atTurnEnd: (task: () => void) => void
  #waiting: Array<TurnWriter> = []
  #scheduled = false

  constructor(time: { readonly atTurnEnd: (task: () => void) => void }) {
    this.#atTurnEnd = time.atTurnEnd
  }

  writer(connection: Connection, maxPendingBytes: number, listener: WriterListener): TurnWriter {
    return new TurnWriter(this, connection, maxPendingBytes, listener)
  }

  /** For the writers: flush this one at the end of the turn. */
  add(writer: TurnWriter): void {
    this.#waiting.push(writer)
    if (this.#scheduled) return
    this.#scheduled = true
    this.#atTurnEnd(() => this.#run())
  }

  #run(): void {
    this.#scheduled = false
    const writers = this.#waiting
    this.#waiting = []
    for (const writer of writers) writer.flush()
  }
}

export class TurnWriter {
  readonly #house: TurnFlush
  readonly #connection: Connection
  readonly #listener: WriterListener
  readonly #maxPendingBytes: number
  /** What is queued: mostly one frame, and a list costs as much memory as its bytes. */
  #first: Uint8Array | undefined
  #others: Array<Uint8Array> | undefined
  #queuedBytes = 0
  #sent = 0
  #written = 0
  #waiting = false
  #slow = false
  #closed = false

  constructor(
    house: TurnFlush,
    connection: Connection,
    maxPendingBytes: number,
    listener: WriterListener
  ) {
    this.#house = house
    this.#connection = connection
    this.#maxPendingBytes = maxPendingBytes
    this.#listener = listener
  }

  /**
   * Queues one frame, which is ours from now on: it is wiped when it has left, or never will (I6).
   * Returns its sequence number (from 1); 0 when the writer is closed.
   */
  send(frame: Uint8Array): number {
    if (this.#closed) {
      frame.fill(0)
      return 0
    }
    if (this.#first === undefined) this.#first = frame
    else (this.#others ??= []).push(frame)
    this.#queuedBytes += frame.length
    this.#sent++
    if (this.#queuedBytes >= flushBytes || buggify("frames-flushed-early", 0.1)) {
      this.flush()
    } else if (!this.#waiting) {
      this.#waiting = true
      this.#house.add(this)
    }
    return this.#sent
  }

  /** The last frame that was handed to the socket; those after it were never written. */
  written(): number {
    return this.#written
  }

  /** Queued here, and handed over but not taken by the system. */
  pendingBytes(): number {
    return this.#queuedBytes + this.#connection.pendingBytes()
  }

  /** Hands over what is queued now instead of at the end of the turn. */
  flush(): void {
    this.#waiting = false
    const first = this.#first
    if (this.#closed || first === undefined) return
    const others = this.#others
    const bytes = others === undefined ? first : joined([first, ...others], this.#queuedBytes)
    this.#queuedBytes = 0
    this.#first = this.#others = undefined
    // Before the call: a connection that breaks in this very write may have sent some of it.
    this.#written = this.#sent
    this.#connection.write(bytes, () => void bytes.fill(0))
    this.#listener.onWritten?.(this.#written)
    if (!this.#closed) this.#watch()
  }

  /** The connection is gone: what is queued stays unwritten, and later frames are refused. */
  close(): void {
    this.#closed = true
    this.#first?.fill(0)
    for (const frame of this.#others ?? []) frame.fill(0)
    this.#first = this.#others = undefined
    this.#queuedBytes = 0
  }

  /** The peer took everything; it may be called slow again. */
  drained(): void {
    this.#slow = false
  }

  #watch(): void {
    const pending = this.#connection.pendingBytes()
    if (pending === 0) this.#slow = false
    if (this.#slow || pending <= this.#maxPendingBytes) return
    this.#slow = true
    this.#listener.onSlow(pending)
  }
}

/** One piece of all; the single ones say nothing any more (I6). */
function joined(frames: ReadonlyArray<Uint8Array>, bytes: number): Buffer {
  const whole = Buffer.concat(frames, bytes)
  for (const frame of frames) frame.fill(0)
  return whole
}
