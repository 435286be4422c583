/**
 * A simulated concentrator: one connection that several terminals share. Each terminal sees a
 * connection of its own; on the wire their frames differ by the source address in the TPDU, to
 * which the switch sends each answer back. What must hold: an answer reaches the terminal whose
 * address it names, and no other; when the connection breaks, it breaks for all.
 *
 *     | length 2 | 60 | destination 2 | source 2 | … |
 *                                       └ number of the terminal here
 */

import type {
  Connection,
  ConnectionHandler,
  ConnectOptions,
  TransportShape
} from "../domain/ports/transport.ts"
import type { Framing } from "../frame/framing.ts"

const maxFrameBytes = 8_192
const tpduIdentity = 0x60
const destinationAt = 1
const sourceAt = 3

/** Can frames of this framing say which terminal they are of? */
export function hasTpdu(framing: Framing): boolean {
  return framing.requestHeader()[0] === tpduIdentity
}

export class Concentrator implements ConnectionHandler {
  readonly #transport: TransportShape
  readonly #framing: Framing
  readonly #lines = new Map<number, Line>()
  #connection: Connection | undefined
  #connecting = false
  #deframer: ReturnType<Framing["deframer"]>
  #numbers = 0
  /** Something was sent since anything was heard. */
  #unheard = false

  constructor(transport: TransportShape, framing: Framing) {
    this.#transport = transport
    this.#framing = framing
    this.#deframer = framing.deframer(maxFrameBytes)
  }

  /** What one terminal connects through. */
  port(): TransportShape {
    const number = ++this.#numbers
    return {
      listen: this.#transport.listen,
      connect: (options, connected, failed) => {
        const line = new Line(this, number, connected, failed)
        this.#lines.set(number, line)
        if (this.#connection !== undefined) line.stand(this.#connection)
        else if (!this.#connecting) this.#connect(options)
        return () => this.leave(line)
      }
    }
  }

  send(line: Line, bytes: Uint8Array): boolean {
    const { encode } = this.#framing
    let sent = true
    const deframer = this.#framing.deframer(maxFrameBytes)
    deframer.push(Buffer.from(bytes), {
      onKeepAlive: () => {},
      onFrame: (header, body) => {
        const own = Buffer.from(header)
        own.writeUInt16BE(line.number, sourceAt)
        const frame = encode(own, body)
        this.#unheard = true
        if (frame !== undefined) sent = this.#connection?.write(frame) ?? false
      }
    })
    return sent
  }

  /** The terminal hangs up; its neighbours stay connected, the last one takes the line along. */
  leave(line: Line): void {
    if (this.#lines.get(line.number) !== line) return
    this.#lines.delete(line.number)
    // A line on which nobody is heard is dead, however many still wait on it.
    if (this.#lines.size === 0 || this.#unheard) this.#connection?.destroy()
  }

  onData(chunk: Buffer): void {
    this.#unheard = false
    const lost = this.#deframer.push(chunk, {
      onKeepAlive: (reply) => {
        if (reply !== undefined) this.#connection?.write(reply)
      },
      onFrame: (header, body) => {
        const frame = this.#framing.encode(header, body)
        const number = Buffer.from(header).readUInt16BE(destinationAt)
        if (frame !== undefined) this.#lines.get(number)?.handler?.onData(frame)
      }
    })
    if (lost !== undefined) this.#connection?.destroy()
  }

  onDrain(): void {
    for (const line of this.#lines.values()) line.handler?.onDrain()
  }

  onEnd(): void {
    this.#connection?.end()
  }

  onClose(how: "ended" | "reset" | "failed"): void {
    this.#connection = undefined
    const lines = [...this.#lines.values()]
    this.#lines.clear()
    for (const line of lines) line.handler?.onClose(how)
  }

  #connect(options: ConnectOptions): void {
    this.#connecting = true
    this.#transport.connect(options, (connection) => {
      this.#connecting = false
      this.#connection = connection
      this.#unheard = false
      this.#deframer = this.#framing.deframer(maxFrameBytes)
      for (const line of this.#lines.values()) line.stand(connection)
      return this
    }, (code) => {
      this.#connecting = false
      const lines = [...this.#lines.values()]
      this.#lines.clear()
      for (const line of lines) line.failed(code)
    })
  }
}

/** A terminal's share of the connection. */
class Line implements Connection {
  readonly number: number
  readonly failed: (code: string) => void
  handler: ConnectionHandler | undefined
  readonly #concentrator: Concentrator
  readonly #connected: (connection: Connection) => ConnectionHandler
  #shared: Connection | undefined

  constructor(
    concentrator: Concentrator,
    number: number,
    connected: (connection: Connection) => ConnectionHandler,
    failed: (code: string) => void
  ) {
    this.#concentrator = concentrator
    this.number = number
    this.#connected = connected
    this.failed = failed
  }

  get id(): number {
    return this.#shared?.id ?? 0
  }

  get remote(): string {
    return this.#shared?.remote ?? ""
  }

  stand(shared: Connection): void {
    if (this.#shared !== undefined) return
    this.#shared = shared
    this.handler = this.#connected(this)
  }

  write(bytes: Uint8Array): boolean {
    return this.#concentrator.send(this, bytes)
  }

  pendingBytes(): number {
    return this.#shared?.pendingBytes() ?? 0
  }

  pause(): void {}

  resume(): void {}

  end(): void {
    this.destroy()
  }

  leave(): void {
    this.destroy()
  }

  destroy(): void {
    this.#concentrator.leave(this)
    const { handler } = this
    this.handler = undefined
    handler?.onClose("ended")
  }
}
