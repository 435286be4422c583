/** A connection of a simulated terminal: bytes into frames, for as long as the terminal cares. */

import type { Connection, ConnectionHandler } from "../domain/ports/transport.ts"
import type { Framing } from "../frame/framing.ts"
import type { TerminalOptions } from "./terminal-options.ts"
import type { Terminal } from "./terminal.ts"

const connectTimeoutMs = 5_000

/** Opens a connection of the terminal's; the function that is returned gives it up. */
export function dial(
  { host, localAddress, port, tls, transport }: TerminalOptions,
  terminal: Terminal,
  connected: (wire: Wire) => void,
  failed: () => void
): () => void {
  const options = {
    host,
    port,
    timeoutMs: connectTimeoutMs,
    ...(tls === undefined ? {} : { tls }),
    ...(localAddress === undefined ? {} : { localAddress })
  }
  return transport.connect(options, (connection) => {
    const wire = new Wire(connection, terminal)
    connected(wire)
    return wire
  }, failed)
}

/** One connection of the terminal. */
export class Wire implements ConnectionHandler {
  readonly connection: Connection
  readonly #deframer: ReturnType<Framing["deframer"]>
  readonly #terminal: Terminal
  /** The last STAN that was used when the terminal turned away; undefined: it has not. */
  #turnedAt: number | undefined
  /** What was asked before our side was closed. */
  #lastStan: string | undefined

  constructor(connection: Connection, terminal: Terminal) {
    this.connection = connection
    this.#terminal = terminal
    this.#deframer = terminal.deframer()
  }

  /** The terminal has turned away; the connection stays until the other side ends it. */
  forget(lastStan: number): void {
    this.#turnedAt = lastStan
  }

  /** Says nothing more; the answer to this is still to come. */
  halfClose(stan: string): void {
    this.#lastStan = stan
    this.connection.end()
  }

  /** What it asks next it asks on another connection. */
  get saysNoMore(): boolean {
    return this.#lastStan !== undefined
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

  onClose(how: "ended" | "reset" | "failed"): void {
    if (this.#turnedAt !== undefined) return
    this.#terminal.lost(this, how === "ended" ? this.#lastStan : undefined)
  }
}
