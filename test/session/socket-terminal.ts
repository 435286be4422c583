/** A terminal of the JSON dialect on a socket of this machine, and waiting for what it causes. */

import { connect, type Socket } from "node:net"
import { connect as connectTls, type ConnectionOptions } from "node:tls"
import { expect } from "vitest"
import { fakeFraming, type Fields } from "../upstream/fake-dialect.ts"
import { frameOf } from "./caller.ts"

export interface SocketOptions {
  readonly localAddress?: string
  readonly tls?: ConnectionOptions
  /** Said before anything else, in clear. */
  readonly header?: string
}

export class SocketTerminal {
  readonly socket: Socket
  readonly heard: Array<Fields> = []
  /** The switch has hung up. */
  closed = false
  #waiting: (() => void) | undefined

  constructor(port: number, { header, localAddress, tls }: SocketOptions = {}) {
    const plain = connect({
      host: "127.0.0.1",
      port,
      allowHalfOpen: true,
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress })
    })
    if (header !== undefined) plain.write(header)
    this.socket = tls === undefined ? plain : connectTls({ socket: plain, ...tls })
    const deframer = fakeFraming.deframer(65_535)
    plain.on("error", () => {})
    this.socket.on("error", () => {})
    const hungUp = () => {
      this.closed = true
      this.#waiting?.()
    }
    this.socket.on("end", hungUp).on("close", hungUp)
    this.socket.on("data", (chunk: Buffer) => {
      deframer.push(chunk, {
        onKeepAlive: () => {},
        onFrame: (_, body) => {
          this.heard.push(JSON.parse(Buffer.from(body).toString()) as Fields)
        }
      })
      this.#waiting?.()
    })
  }

  say(...messages: ReadonlyArray<Fields>): this {
    this.socket.write(Buffer.concat(messages.map(frameOf)))
    return this
  }

  /** Everything heard, once there is so much of it, or once the connection has ended. */
  async hears(count: number): Promise<ReadonlyArray<Fields>> {
    while (this.heard.length < count && !this.closed) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
    return this.heard
  }
}

/** Looks again and again, a bounded number of times. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 4000 && !condition(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(condition()).toBe(true)
}
