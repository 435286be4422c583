/**
 * A connection of the switch to a simulated acquirer: bytes into frames, and whether a sign-off
 * stands on it. What must hold: it counts as parted only when the switch has taken the sign-off,
 * because what left before then was on its way.
 */

import type { Connection, ConnectionHandler } from "../domain/ports/transport.ts"
import type { Deframer } from "../frame/framing.ts"
import type { Acquirer } from "./acquirer.ts"

export class Line implements ConnectionHandler {
  readonly connection: Connection
  readonly #deframer: Deframer
  readonly #acquirer: Acquirer
  closed = false
  /** The switch took the sign-off, and nobody has signed on again. */
  hasParted = false
  #partingStan: string | undefined

  constructor(connection: Connection, deframer: Deframer, acquirer: Acquirer) {
    this.connection = connection
    this.#deframer = deframer
    this.#acquirer = acquirer
  }

  /** A sign-off leaves under this number; undefined: a sign-on does. */
  partsAt(stan: string | undefined): void {
    this.#partingStan = stan
    this.hasParted = false
  }

  /** The answer to something that the acquirer asked. */
  heard(stan: string | undefined): void {
    if (stan !== undefined && stan === this.#partingStan) this.hasParted = true
  }

  send(header: Uint8Array, body: Uint8Array): void {
    const frame = this.#acquirer.frame(header, body)
    if (frame !== undefined) this.connection.write(frame)
  }

  onData(chunk: Buffer): void {
    const lost = this.#deframer.push(chunk, {
      onFrame: (header, body) => this.#acquirer.take(this, header, body),
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
    this.closed = true
    this.#acquirer.gone(this)
  }
}
