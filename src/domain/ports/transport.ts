/**
 * Byte streams. `listen/` and `upstream/` speak to this; production binds it to `node:net` and TLS,
 * the seeded world to its network.
 */

import { Context, type Effect, Schema, type Scope } from "effect"

/** One open byte stream, as plain calls: this is the hot path. */
export interface Connection {
  /** Unique within the process; grows. */
  readonly id: number
  /** `address:port` of the other side. */
  readonly remote: string
  /** SHA-256 fingerprint and subject of a verified client certificate, where there is one. */
  readonly peer?: { readonly subject: string; readonly fingerprint: string }
  /**
   * Hands bytes to the socket. False: the peer is not draining; wait for `onDrain`. `left` is
   * called when nobody needs the bytes any more, unless they never leave.
   */
  readonly write: (bytes: Uint8Array, left?: () => void) => boolean
  /** Bytes handed over that the system has not taken yet. */
  readonly pendingBytes: () => number
  readonly pause: () => void
  readonly resume: () => void
  /** Half-close: sends what is pending, then FIN. */
  readonly end: () => void
  /**
   * For the end of the process: sends what is pending, and is closed then, whatever the other side
   * does. Nothing that it leaves undone keeps the process alive.
   */
  readonly leave: () => void
  /** Ends at once; pending bytes are lost. `onClose` follows. */
  readonly destroy: () => void
}

export interface ConnectionHandler {
  readonly onData: (chunk: Buffer) => void
  readonly onDrain: () => void
  /** The other side will send nothing more; we may still write. */
  readonly onEnd: () => void
  /**
   * Called exactly once; nothing else follows. `ended`: both sides were done, or we destroyed it.
   * `reset`: the other side broke it. `failed`: the system or TLS gave up on it.
   */
  readonly onClose: (how: "ended" | "reset" | "failed") => void
}

export interface TlsOptions {
  readonly keyFile: string
  readonly certificateFile: string
  readonly authorityFile?: string
  readonly revocationFile?: string
  readonly clientCertificate: "none" | "optional" | "required"
}

/** Why a connection ends before anybody has heard it. */
export type UnheardReason = "handshake-failed" | "address-refused" | "address-not-allowed"

export interface ListenOptions {
  readonly name: string
  readonly host: string
  /** 0 asks the system for a free one. */
  readonly port: number
  readonly backlog: number
  readonly tls?: TlsOptions
  readonly handshakeTimeoutMs?: number
  /**
   * Connections open with a PROXY protocol header (version 1 or 2) that names the real peer. Only
   * these addresses may send one, and they must (N12).
   */
  readonly proxy?: { readonly from: ReadonlyArray<string> }
  /**
   * May this peer, which a balancer may have named, connect? Who may not is closed unheard. Asked
   * once for each connection; absent: everybody may.
   */
  readonly allows?: (address: string) => boolean
  /**
   * Hears of every connection that ended before it was handed to `accept` (I14). `remote` begins
   * with `unknown` when the other side was gone already.
   */
  readonly refused?: (reason: UnheardReason, remote: string) => void
}

export interface ConnectOptions {
  readonly host: string
  readonly port: number
  /** Our own address, where several are wanted. */
  readonly localAddress?: string
  readonly timeoutMs: number
  readonly tls?: {
    readonly authorityFile?: string
    readonly serverName?: string
    /** Our own certificate, where the other side wants one. */
    readonly keyFile?: string
    readonly certificateFile?: string
    /** Where the session is kept with which the next connection is shorter. */
    readonly resumption?: { session?: Buffer }
  }
}

export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  listener: Schema.String,
  port: Schema.Int,
  /** `EADDRINUSE`, `EACCES`, or the system's name of what happened. */
  code: Schema.String
}) {}

export interface TransportShape {
  /** Accepts until its scope closes. `accept` returns undefined to refuse (the socket is reset). */
  readonly listen: (
    options: ListenOptions,
    accept: (connection: Connection) => ConnectionHandler | undefined
  ) => Effect.Effect<{ readonly port: number }, ListenFailed, Scope.Scope>
  /**
   * Starts a connect; exactly one of `connected` and `failed` is called. The returned function
   * gives up. Nothing is ever written before `connected`.
   */
  readonly connect: (
    options: ConnectOptions,
    connected: (connection: Connection) => ConnectionHandler,
    failed: (code: string) => void
  ) => () => void
}

export class Transport
  extends Context.Service<Transport, TransportShape>()("pointsman/domain/ports/Transport")
{}
