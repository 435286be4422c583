/** A connection of a simulated terminal: bytes into frames, for as long as the terminal cares. */

import type { Connection, ConnectionHandler } from "../domain/ports/transport.ts"
import type { Framing } from "../frame/framing.ts"
import type { Terminal } from "./terminal.ts"

/** One connection of the terminal. */
export class Wire implements ConnectionHandler {
  readonly connection: Connection
  readonly #deframer: ReturnType<Framing["deframer"]>
  readonly #terminal: Terminal
  /** The last STAN that was used when the terminal turned away; undefined: it has not. */
  #turnedAt: number | undefined

  constructor(connection: Connection, terminal: Terminal) {
    this.connection = connection
    this.#terminal = terminal
    this.#deframer = terminal.deframer()
  }

  /** The terminal has turned away; the connection stays until the other side ends it. */
  forget(lastStan: number): void {
    this.#turnedAt = lastStan
  }

  onData(chunk: Buffer): void {
    const lost = this.#deframer.push(chunk, {
      onFrame: (_, body) => {
        if (this.#turnedAt === undefined) this.#terminal.take(this, body)
        else this.#terminal.overhear(body, this.#turnedAt)
      },
      onKeepAlive: (reply) => {
        if (reply !== undefined) this.connection.write(reply)
      }
    })
    if (lost !== undefined) this.connection.destroy()
  }

  onDrain(): void {}

  onEnd(): void {
    this.connection.end()
  }

  onClose(): void {
    if (this.#turnedAt === undefined) this.#terminal.lost(this)
  }
}
