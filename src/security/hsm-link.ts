/**
 * One connection to a host-command security module: commands out, answers matched to them by their
 * header. What holds: an answer goes only to the command whose header it carries; an answer that
 * nobody waits for, or half an answer at the end, ends the connection and all that is on it; a
 * header whose command timed out is not used again while its answer may still come; commands, which
 * carry messages and card numbers, are overwritten when they have left or never will (I6).
 */

import type { Connection, ConnectionHandler } from "../domain/ports/transport.ts"
import type { Deframer, FrameSink, Framing } from "../frame/framing.ts"
import { maxHsmFrameBytes } from "./hsm-command.ts"

/** A command on its way; `answered` gets what stands behind the header, or undefined: nothing. */
export interface HsmCall {
  /** Overwritten once it is sent. */
  readonly body: Buffer
  readonly answered: (body: Uint8Array | undefined) => void
}

export class HsmLink implements ConnectionHandler {
  readonly #connection: Connection
  readonly #framing: Framing
  readonly #deframer: Deframer
  readonly #headerLength: number
  readonly #defer: (task: () => void) => void
  readonly #closed: () => void
  readonly #pending = new Map<string, HsmCall>()
  readonly #headers = new Map<HsmCall, string>()
  /** Headers of commands that nobody waits for any more. */
  readonly #abandoned = new Set<string>()
  readonly #sink: FrameSink
  #out: Array<Buffer> = []
  #next = 0
  #isClosed = false

  constructor(
    connection: Connection,
    framing: Framing,
    headerLength: number,
    defer: (task: () => void) => void,
    closed: () => void
  ) {
    this.#connection = connection
    this.#framing = framing
    this.#deframer = framing.deframer(maxHsmFrameBytes)
    this.#headerLength = headerLength
    this.#defer = defer
    this.#closed = closed
    this.#sink = {
      onFrame: (header, body) => this.#take(header, body),
      onKeepAlive: () => {}
    }
  }

  /** Commands that wait for their answer here. */
  get outstanding(): number {
    return this.#pending.size
  }

  /** Commands whose answer was given up and has not come since. */
  get abandoned(): number {
    return this.#abandoned.size
  }

  /** Sends at the end of this turn, together with what else goes out. False: it does not fit. */
  send(call: HsmCall): boolean {
    if (this.#isClosed) return false
    const header = this.#header()
    const frame = this.#framing.encode(Buffer.from(header, "latin1"), call.body)
    if (frame === undefined) return false
    call.body.fill(0)
    this.#pending.set(header, call)
    this.#headers.set(call, header)
    this.#out.push(frame)
    if (this.#out.length === 1) this.#defer(() => this.#flush())
    return true
  }

  /** Nobody waits for the answer any more. */
  abandon(call: HsmCall): void {
    const header = this.#headers.get(call)
    if (header === undefined) return
    this.#forget(header, call)
    this.#abandoned.add(header)
  }

  destroy(): void {
    this.#connection.destroy()
  }

  onData(chunk: Buffer): void {
    if (this.#isClosed) return
    if (this.#deframer.push(chunk, this.#sink) !== undefined) this.destroy()
  }

  onDrain(): void {}

  onEnd(): void {
    this.destroy()
  }

  onClose(): void {
    this.#isClosed = true
    const calls = [...this.#pending.values()]
    this.#pending.clear()
    this.#headers.clear()
    this.#abandoned.clear()
    for (const frame of this.#out) frame.fill(0)
    this.#out = []
    this.#closed()
    for (const call of calls) call.answered(undefined)
  }

  #flush(): void {
    const frames = this.#out
    this.#out = []
    if (this.#isClosed || frames.length === 0) return
    const bytes = frames.length === 1 ? frames[0]! : Buffer.concat(frames)
    if (frames.length > 1) { for (const frame of frames) frame.fill(0) }
    this.#connection.write(bytes, () => void bytes.fill(0))
  }

  #take(header: Uint8Array, body: Uint8Array): void {
    if (this.#isClosed) return
    const name = Buffer.from(header).toString("latin1")
    if (this.#abandoned.delete(name)) return
    const call = this.#pending.get(name)
    if (call === undefined) return this.destroy()
    this.#forget(name, call)
    call.answered(body)
  }

  #forget(header: string, call: HsmCall): void {
    this.#pending.delete(header)
    this.#headers.delete(call)
  }

  /** The next decimal number that is neither waited for nor abandoned; the window is far below. */
  #header(): string {
    for (;;) {
      this.#next = (this.#next + 1) % 10 ** this.#headerLength
      const header = String(this.#next).padStart(this.#headerLength, "0")
      if (!this.#pending.has(header) && !this.#abandoned.has(header)) return header
    }
  }
}
