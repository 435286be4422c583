/**
 * One open socket as a `Connection`. There are tens of thousands of them: what must hold is that a
 * connection is one small object, that no function is made for it, and that its handler hears of
 * its end exactly once.
 */

import type { Socket } from "node:net"
import type { Connection, ConnectionHandler } from "../domain/ports/transport.ts"

/** What was written has this long to reach a peer, once the process has nothing left to do. */
const leaveMs = 1000

/** The socket's way back to its connection: listeners are shared and find it by this. */
const owner = Symbol("connection")

type OwnedSocket = Socket & { [owner]?: SocketConnection }

export class SocketConnection implements Connection {
  readonly id: number
  readonly remote: string
  declare readonly peer?: NonNullable<Connection["peer"]>
  readonly #socket: Socket
  #handler: ConnectionHandler | undefined
  #how: "ended" | "reset" | "failed" = "ended"

  constructor(id: number, socket: Socket, remote: string, peer: Connection["peer"]) {
    this.id = id
    this.#socket = socket
    this.remote = remote
    if (peer !== undefined) this.peer = peer
  }

  write(bytes: Uint8Array, left?: () => void): boolean {
    return this.#socket.writable && this.#socket.write(bytes, left)
  }

  pendingBytes(): number {
    return this.#socket.writableLength
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  leave(): void {
    // A peer that reads nothing is cut; this timer is the socket's own and keeps nothing alive.
    this.#socket.setTimeout(leaveMs, () => this.#socket.destroy())
    this.#socket.unref()
    this.#socket.destroySoon()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Begins to read, for this handler. */
  serve(handler: ConnectionHandler): void {
    const socket: OwnedSocket = this.#socket
    this.#handler = handler
    socket[owner] = this
    socket.on("error", failed)
    socket.on("close", closed)
    socket.on("drain", drained)
    socket.on("end", ended)
    socket.on("data", arrived)
  }

  /** For the socket's listeners. */
  handler(): ConnectionHandler | undefined {
    return this.#handler
  }

  /**
   * It is over now. Node says `close` a phase later, and what was written in between would count
   * as handed to a live socket.
   */
  failed(code: string): void {
    this.#how = broken.has(code) ? "reset" : "failed"
    this.closed()
  }

  closed(): void {
    const handler = this.#handler
    this.#handler = undefined
    handler?.onClose(this.#how)
  }
}

/** The system's names for a connection that the other side broke. */
const broken = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"])

/** Tells the handler what its socket read. */
export function heard(socket: OwnedSocket, chunk: Buffer): void {
  socket[owner]?.handler()?.onData(chunk)
}

function arrived(this: OwnedSocket, chunk: Buffer): void {
  heard(this, chunk)
}

function drained(this: OwnedSocket): void {
  this[owner]?.handler()?.onDrain()
}

function ended(this: OwnedSocket): void {
  this[owner]?.handler()?.onEnd()
}

function failed(this: OwnedSocket, error: NodeJS.ErrnoException): void {
  this[owner]?.failed(error.code ?? "unknown")
}

function closed(this: OwnedSocket): void {
  this[owner]?.closed()
}

/** `address:port`; IPv4 in its own form also where the socket is an IPv6 one. */
export function remoteOf(socket: Socket): string {
  return named(addressOf(socket), socket.remotePort ?? 0)
}

export function addressOf(socket: Socket): string {
  const address = socket.remoteAddress ?? "unknown"
  return address.startsWith("::ffff:") ? address.slice(7) : address
}

export function named(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`
}
