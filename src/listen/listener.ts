/**
 * One listening port: accepts, reads a balancer's header where one is wanted, shakes hands, and
 * hands over the connection. What must hold: whoever is not handed over is closed and counted, by
 * a deadline; a failed accept (no file descriptors left) ends nobody's work.
 *
 *   accept ─► PROXY header ─► allowed? ─► first byte ─► TLS handshake ─► connection
 *              if declared                 └── if TLS is declared ──┘
 *
 * What does not begin like TLS is refused by its first byte, and who says nothing has no TLS state:
 * both are what strangers do by the thousand, and TLS state costs 40 KiB and a fifth of a
 * millisecond.
 */

import { createServer, type Server, type Socket } from "node:net"
import { createServer as createTlsServer, type Server as TlsServer, TLSSocket } from "node:tls"
import type { TimersShape } from "../actor/timers.ts"
import type { TimeShape } from "../domain/ports/time.ts"
import type {
  Connection,
  ConnectionHandler,
  ListenOptions,
  UnheardReason
} from "../domain/ports/transport.ts"
import { maxHeaderBytes, readProxyHeader } from "./proxy-header.ts"
import { SecureFiles } from "./secure-files.ts"
import { readShared } from "./shared-reads.ts"
import { addressOf, heard, named, remoteOf, SocketConnection } from "./socket-connection.ts"

/** Quiet connections are probed after this; it costs the terminal's network nothing to speak of. */
export const probeAfterMs = 60_000

/** Every TLS connection begins with a record of this type (RFC 8446, section 5.1). */
const handshakeRecord = 0x16

/** For TLS and PROXY headers, where the options say nothing. */
const defaultHandshakeMs = 10_000

interface ListenerHouse {
  readonly time: Pick<TimeShape, "wallMs">
  readonly timers: TimersShape
  readonly nextId: () => number
  /** For an operator: `event` is the name of what happened, and `code` what went wrong. */
  readonly report: (event: string, listener: string, code: string | undefined) => void
}

export class Listener {
  readonly #options: ListenOptions
  readonly #accept: (connection: Connection) => ConnectionHandler | undefined
  readonly #house: ListenerHouse
  readonly #server: Server
  readonly #tls: TlsServer | undefined
  readonly #files: SecureFiles | undefined
  /** Behind a balancer: the real peer, by the balancer's own address, until TLS stands. */
  readonly #peers = new Map<string, string>()
  #closed = false
  #acceptCode: string | undefined

  constructor(
    options: ListenOptions,
    accept: (connection: Connection) => ConnectionHandler | undefined,
    house: ListenerHouse
  ) {
    this.#options = options
    this.#accept = accept
    this.#house = house
    if (options.tls !== undefined) {
      this.#files = new SecureFiles(options.tls)
      this.#tls = createTlsServer({
        ...socketOptions,
        handshakeTimeout: this.#handshakeMs,
        requestCert: options.tls.clientCertificate !== "none",
        rejectUnauthorized: options.tls.clientCertificate === "required"
      }, (socket) => this.#secured(socket))
      this.#tls.on("tlsClientError", (_, socket) => this.#refuse("handshake-failed", socket))
    }
    this.#server = createServer(socketOptions, (socket) => this.#accepted(socket))
  }

  /** Reads the TLS files; the code of what is wrong with them. */
  secure(): string | undefined {
    const read = this.#files?.read(this.#house.time.wallMs())
    if (read?._tag === "read") this.#tls?.setSecureContext(read.options)
    return read?._tag === "refused" ? read.code : undefined
  }

  /** Takes changed TLS files into use; new handshakes see them, connections stay. */
  refresh(): void {
    if (this.#files === undefined || !this.#files.changed()) return
    const code = this.secure()
    const event = code === undefined ? "certificates-read" : "certificates-refused"
    this.#house.report(event, this.#options.name, code)
  }

  /** Calls back once, with the port or the system's name of what went wrong. */
  open(done: (port: number, code: string | undefined) => void): void {
    const { backlog, host, port } = this.#options
    const server = this.#server
    const refused = (error: NodeJS.ErrnoException) => done(port, error.code ?? "unknown")
    server.once("error", refused)
    server.listen({ host, port, backlog }, () => {
      server.removeListener("error", refused)
      server.on("error", (error: NodeJS.ErrnoException) => this.#faltered(error.code ?? "unknown"))
      const address = server.address()
      done(typeof address === "object" && address !== null ? address.port : port, undefined)
    })
  }

  /** Accepts no more; open connections stay with those who have them. */
  close(): void {
    this.#closed = true
    if (this.#server.listening) this.#server.close()
  }

  get #handshakeMs(): number {
    return this.#options.handshakeTimeoutMs ?? defaultHandshakeMs
  }

  #accepted(socket: Socket): void {
    this.#acceptCode = undefined
    if (this.#options.proxy === undefined) {
      if (this.#allows(addressOf(socket))) this.#introduced(socket, undefined)
      else this.#refuse("address-not-allowed", socket)
    } else if (this.#options.proxy.from.includes(addressOf(socket))) this.#readHeader(socket)
    else this.#refuse("address-refused", socket)
  }

  /** A connection of a balancer: nothing is believed before its header is whole. */
  #readHeader(socket: Socket): void {
    let held: Buffer = Buffer.alloc(0)
    this.#awaited(socket, "address-refused", (chunk) => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      const header = readProxyHeader(held)
      if (header._tag === "more" && held.length < maxHeaderBytes) return "more"
      if (header._tag !== "header") return "wrong"
      const { bytes, source } = header
      if (!this.#allows(source?.address ?? addressOf(socket))) return "unwanted"
      socket.pause()
      if (held.length > bytes) socket.unshift(held.subarray(bytes))
      return () =>
        this.#introduced(
          socket,
          source === undefined ? undefined : named(source.address, source.port)
        )
    })
  }

  /** Reads until there is something to go on with, and no longer than a handshake may take. */
  #awaited(
    socket: Socket,
    reason: UnheardReason,
    take: (chunk: Buffer) => "more" | "wrong" | "unwanted" | (() => void)
  ): void {
    const refuseFor = (why: UnheardReason) => {
      stop()
      this.#refuse(why, socket)
    }
    const refuse = () => refuseFor(reason)
    const read = (chunk: Buffer) => {
      const goOn = take(chunk)
      if (goOn === "more") return
      if (goOn === "wrong") return refuse()
      if (goOn === "unwanted") return refuseFor("address-not-allowed")
      stop()
      goOn()
    }
    const stop = () => {
      deadline.cancel()
      socket.off("data", read).off("end", refuse).off("error", refuse)
    }
    const deadline = this.#house.timers.after(this.#handshakeMs, refuse)
    socket.on("data", read).on("end", refuse).on("error", refuse)
  }

  #introduced(socket: Socket, source: string | undefined): void {
    const seen = remoteOf(socket)
    if (this.#tls === undefined) {
      // Before, and not after: whoever takes the connection may want it paused.
      if (this.#options.proxy !== undefined) socket.resume()
      const plain = this.#options.proxy === undefined ? readShared(socket, heard) : undefined
      this.#hand(plain ?? socket, source ?? seen, undefined)
      return
    }
    if (source !== undefined) {
      this.#peers.set(seen, source)
      socket.once("close", () => this.#peers.delete(seen))
    }
    this.#awaited(socket, "handshake-failed", (chunk) => {
      if (chunk[0] !== handshakeRecord) return "wrong"
      socket.pause()
      socket.unshift(chunk)
      return () => this.#tls?.emit("connection", socket)
    })
    socket.resume()
  }

  #secured(socket: TLSSocket): void {
    this.#acceptCode = undefined
    const certificate = this.#options.tls?.clientCertificate === "none"
      ? undefined
      : socket.getPeerX509Certificate()
    // An optional certificate may be absent, but not wrong.
    if (certificate !== undefined && !socket.authorized) {
      return this.#refuse("handshake-failed", socket)
    }
    const peer = certificate === undefined
      ? undefined
      : { subject: oneLine(certificate.subject), fingerprint: certificate.fingerprint256 }
    const seen = remoteOf(socket)
    this.#hand(socket, this.#peers.get(seen) ?? seen, peer)
  }

  #hand(socket: Socket, remote: string, peer: Connection["peer"]): void {
    const connection = new SocketConnection(this.#house.nextId(), socket, remote, peer)
    const handler = this.#closed ? undefined : this.#accept(connection)
    if (handler === undefined) reset(socket)
    else connection.serve(handler)
  }

  #allows(address: string): boolean {
    return this.#options.allows?.(address) ?? true
  }

  #refuse(reason: UnheardReason, socket: Socket): void {
    const seen = remoteOf(socket)
    this.#options.refused?.(reason, this.#peers.get(seen) ?? seen)
    reset(socket)
  }

  /** Said once for each row of the same failure, however long it lasts. */
  #faltered(code: string): void {
    if (this.#acceptCode === code) return
    this.#acceptCode = code
    this.#house.report("accept-failed", this.#options.name, code)
  }
}

const socketOptions = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: probeAfterMs
}

function reset(socket: Socket): void {
  socket.on("error", () => {})
  // TLS ends with an alert of its own, and Node cannot reset it.
  if (socket instanceof TLSSocket) socket.destroy()
  else socket.resetAndDestroy()
}

/** `C=CN\nO=Shop\nCN=T1` as `CN=T1,O=Shop,C=CN` (RFC 4514: most specific first). */
function oneLine(subject: string): string {
  return subject.split("\n").toReversed().join(",")
}
