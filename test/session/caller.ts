/** The terminal's end of one connection, as a test holds it. */

import type { Connection, ConnectionHandler } from "../../src/domain/ports/transport.ts"
import { encode, fakeFraming, type Fields } from "../upstream/fake-dialect.ts"

export class Caller implements Connection {
  readonly id: number
  readonly remote: string
  readonly peer?: { readonly subject: string; readonly fingerprint: string }
  /** JSON messages that arrived here. */
  readonly heard: Array<Fields> = []
  /** Every byte that arrived here. */
  raw: Buffer = Buffer.alloc(0)
  /** How the switch let go: gently, at once, or not yet. */
  fate: "open" | "ended" | "destroyed" = "open"
  paused = false
  /** Bytes that the system is said not to have taken. */
  stuckBytes = 0
  handler: ConnectionHandler | undefined
  readonly #deframer = fakeFraming.deframer(65_535)
  #closed = false

  constructor(id: number, remote: string, subject?: string) {
    this.id = id
    this.remote = remote
    if (subject !== undefined) this.peer = { subject, fingerprint: "" }
  }

  write(bytes: Uint8Array): boolean {
    this.raw = Buffer.concat([this.raw, bytes])
    this.#deframer.push(Buffer.from(bytes), {
      onKeepAlive: () => {},
      onFrame: (_, body) => {
        const text = Buffer.from(body).toString()
        if (text.startsWith("{")) this.heard.push(JSON.parse(text) as Fields)
      }
    })
    return this.stuckBytes === 0
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
    if (this.fate === "open") this.fate = "ended"
  }

  leave(): void {
    this.end()
  }

  destroy(): void {
    if (this.fate === "destroyed") return
    this.fate = "destroyed"
    this.close("reset")
  }

  // --- the test's side

  say(...messages: ReadonlyArray<Fields>): void {
    this.bytes(Buffer.concat(messages.map(frameOf)))
  }

  bytes(chunk: Buffer): void {
    this.handler?.onData(chunk)
  }

  /** The socket is gone. */
  close(how: "ended" | "reset"): void {
    if (this.#closed) return
    this.#closed = true
    this.handler?.onClose(how)
  }

  last(): Fields | undefined {
    return this.heard.at(-1)
  }
}

export function frameOf(fields: Fields): Buffer {
  return fakeFraming.encode(Buffer.alloc(0), encode(fields))!
}
