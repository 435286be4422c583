/**
 * A network in the hands of the test: what each port does with a connect, and a peer at the other
 * end of every connection that sees what was written and says what the test wants.
 */

import { Layer } from "effect"
import {
  type Connection,
  type ConnectionHandler,
  type ConnectOptions,
  Transport
} from "../../src/domain/ports/transport.ts"
import type { ManualTime } from "../actor/manual-time.ts"
import { encode, fakeFraming, type Fields, responseMti } from "./fake-dialect.ts"

export class Peer implements Connection {
  readonly id: number
  readonly port: number
  readonly remote: string
  /** Every whole message that arrived here. */
  readonly heard: Array<Fields> = []
  /** Answers management messages by itself while this is set. */
  polite = true
  open = true
  paused = false
  /** Does not close its side when the link closes its own. */
  lingers = false
  /** The link has closed its side: what it writes now goes nowhere. */
  halfClosed = false
  /** Bytes that the system is said not to have taken. */
  stuckBytes = 0
  handler: ConnectionHandler | undefined
  readonly #deframer = fakeFraming.deframer(65_535)

  constructor(id: number, port: number) {
    this.id = id
    this.port = port
    this.remote = `127.0.0.1:${port}`
  }

  write(bytes: Uint8Array): boolean {
    if (this.halfClosed) return false
    this.#deframer.push(Buffer.from(bytes), {
      onKeepAlive: () => {},
      onFrame: (_, body) => {
        const fields = JSON.parse(Buffer.from(body).toString()) as Fields
        this.heard.push(fields)
        if (this.polite && fields["mti"] === "0800") this.answer(fields, { 39: "00" })
      }
    })
    return true
  }

  pendingBytes(): number {
    return this.stuckBytes
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  end(): void {
    this.halfClosed = true
    if (!this.lingers) this.close("ended")
  }

  leave(): void {
    this.close("ended")
  }

  destroy(): void {
    this.close("reset")
  }

  // --- the test's side

  close(how: "ended" | "reset"): void {
    if (!this.open) return
    this.open = false
    this.handler?.onClose(how)
  }

  /** A message from the upstream, as one chunk. */
  say(fields: Fields): void {
    this.bytes(fakeFraming.encode(Buffer.alloc(0), encode(fields))!)
  }

  bytes(chunk: Buffer): void {
    if (this.open) this.handler?.onData(chunk)
  }

  answer(request: Fields, change: Fields): void {
    this.say({ ...request, mti: responseMti(request["mti"]!), ...change })
  }

  /** The requests of one MTI, oldest first. */
  of(mti: string): Array<Fields> {
    return this.heard.filter((fields) => fields["mti"] === mti)
  }
}

export class FakeTransport {
  readonly peers: Array<Peer> = []
  /** How a port takes a connect; those not named accept. */
  readonly ports = new Map<number, "accept" | "refuse" | "silent">()
  /** What the system says of a port that refuses. */
  refusal = "ECONNREFUSED"
  /** Every connect that was tried: port and time. */
  readonly tries: Array<{ readonly port: number; readonly atMs: number }> = []
  /** How the last of them was to be secured; undefined: not at all. */
  tls: ConnectOptions["tls"]
  #nextId = 1
  readonly #time: ManualTime

  constructor(time: ManualTime) {
    this.#time = time
  }

  readonly layer = Layer.sync(Transport, () =>
    Transport.of({
      listen: () => {
        throw new Error("nobody listens here")
      },
      connect: (options, connected, failed) => this.#connect(options, connected, failed)
    }))

  /** The living connection to a port. */
  peer(port: number): Peer {
    const peer = this.peers.findLast((each) => each.port === port && each.open)
    if (peer === undefined) throw new Error(`no connection to ${port}`)
    return peer
  }

  #connect(
    options: ConnectOptions,
    connected: (connection: Connection) => ConnectionHandler,
    failed: (code: string) => void
  ): () => void {
    let given = false
    this.tls = options.tls
    this.tries.push({ port: options.port, atMs: this.#time.now })
    const how = this.ports.get(options.port) ?? "accept"
    if (how === "silent") return () => {}
    this.#time.shape.defer(() => {
      if (given) return
      if (how === "refuse") return failed(this.refusal)
      const peer = new Peer(this.#nextId++, options.port)
      this.peers.push(peer)
      peer.handler = connected(peer)
    })
    return () => {
      given = true
    }
  }
}
