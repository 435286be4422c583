/** A terminal's end of a real connection: bytes and messages out, messages and the end in. */

import { connect, type Socket } from "node:net"
import type { Framing } from "../../src/frame/framing.ts"
import type { Dialect, Message } from "../../src/iso8583/message.ts"
import { until } from "./site.ts"

export interface Speech {
  readonly dialect: Dialect
  readonly framing: Framing
}

interface Heard {
  readonly header: Buffer
  readonly message: Message
}

export class Caller {
  readonly socket: Socket
  readonly heard: Array<Heard> = []
  closed = false
  readonly #speech: Speech

  constructor(speech: Speech, port: number, host = "127.0.0.1") {
    this.#speech = speech
    this.socket = connect({ port, host, noDelay: true })
    const deframer = speech.framing.deframer(65_535)
    this.socket.on("data", (chunk: Buffer) => {
      deframer.push(chunk, {
        onKeepAlive: () => {},
        onFrame: (header, body) => {
          const message = speech.dialect.read(Buffer.from(body))
          if ("failure" in message) throw new Error(`answered ${JSON.stringify(message)}`)
          this.heard.push({ header: Buffer.from(header), message })
        }
      })
    })
    this.socket.on("error", () => {})
    this.socket.on("close", () => {
      this.closed = true
    })
  }

  bytes(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  /** A whole frame around a body. */
  frame(body: Uint8Array, header: Uint8Array = this.#speech.framing.requestHeader()): void {
    this.bytes(this.#speech.framing.encode(header, body)!)
  }

  /** Sends a body and waits for the answer to it, which is the next message. */
  async ask(body: Uint8Array, header?: Uint8Array, withinMs = 20_000): Promise<Heard> {
    const index = this.heard.length
    this.frame(body, header)
    return this.message(index, withinMs)
  }

  /** The message of this number, counted from 0. */
  message(index: number, withinMs = 20_000): Promise<Heard> {
    return until(`message ${index}`, withinMs, () => {
      if (this.closed && this.heard.length <= index) throw new Error("the switch hung up")
      return this.heard[index]
    })
  }

  end(withinMs = 20_000): Promise<true> {
    return until("the end of the connection", withinMs, () => this.closed ? true : undefined)
  }

  close(): void {
    this.socket.destroy()
  }
}
