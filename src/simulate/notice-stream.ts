/**
 * A wallet's side of the notification stream (see `notify/notice-stream.ts`): one connection that
 * stays, notices numbered on it. What must hold: a notice ends once, as accepted, refused or, when
 * the connection broke before its answer, as unknown; whoever sent it decides what then.
 */

import type { Connection, ConnectionHandler, TransportShape } from "../domain/ports/transport.ts"
import { frameLimits } from "../qr/messagepack-scan.ts"
import { decodeMessagePack, encodeMessagePack } from "../qr/messagepack.ts"
import type { SignedNotice } from "./wallet.ts"

type StreamedEnd = "accepted" | "refused" | "unknown"

const lengthBytes = 4
const connectTimeoutMs = 5_000

export class NoticeSender implements ConnectionHandler {
  readonly #transport: TransportShape
  readonly #port: number
  readonly #waiting = new Map<number, (end: StreamedEnd) => void>()
  #queue: Array<Buffer> = []
  #connection: Connection | undefined
  #connecting = false
  #rest: Buffer = Buffer.alloc(0)
  #number = 0

  constructor(transport: TransportShape, port: number) {
    this.#transport = transport
    this.#port = port
  }

  send(account: string, notice: SignedNotice, done: (end: StreamedEnd) => void): void {
    const number = ++this.#number
    const map = encodeMessagePack({
      n: number,
      account,
      headers: new Map(notice.headers),
      body: notice.body
    })
    const frame = Buffer.allocUnsafe(lengthBytes + map.length)
    frame.writeUInt32BE(map.length, 0)
    frame.set(map, lengthBytes)
    this.#waiting.set(number, done)
    if (this.#connection !== undefined) this.#connection.write(frame)
    else {
      this.#queue.push(frame)
      this.#connect()
    }
  }

  /** Gives up on what was not answered, and on the connection. */
  hangUp(): void {
    if (this.#connection === undefined) this.#lost()
    else this.#connection.destroy()
  }

  #connect(): void {
    if (this.#connecting) return
    this.#connecting = true
    this.#transport.connect(
      { host: "127.0.0.1", port: this.#port, timeoutMs: connectTimeoutMs },
      (connection) => {
        this.#connecting = false
        this.#connection = connection
        for (const frame of this.#queue.splice(0)) connection.write(frame)
        return this
      },
      () => {
        this.#connecting = false
        this.#lost()
      }
    )
  }

  onData(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk])
    while (bytes.length >= lengthBytes) {
      const end = lengthBytes + bytes.readUInt32BE(0)
      if (bytes.length < end) break
      const decoded = decodeMessagePack(bytes.subarray(lengthBytes, end), frameLimits)
      bytes = bytes.subarray(end)
      if (decoded._tag === "value" && decoded.value instanceof Map) {
        this.#answered(Number(decoded.value.get("n")), String(decoded.value.get("end")))
      }
    }
    this.#rest = bytes
  }

  #answered(number: number, end: string): void {
    const done = this.#waiting.get(number)
    this.#waiting.delete(number)
    done?.(end === "accepted" || end === "refused" ? end : "unknown")
  }

  onDrain(): void {}

  onEnd(): void {
    this.#connection?.end()
  }

  onClose(): void {
    this.#connection = undefined
    this.#lost()
  }

  #lost(): void {
    this.#rest = Buffer.alloc(0)
    this.#queue = []
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const done of waiting) done("unknown")
  }
}
