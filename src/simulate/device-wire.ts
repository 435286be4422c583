/**
 * One connection to a device listener, frame by frame, for whoever wants to say what a well-behaved
 * device would not. Everything heard waits in order until it is asked for.
 */

import { Effect } from "effect"
import { createHmac } from "node:crypto"
import { invariant } from "../domain/invariant.ts"
import type { Connection, ConnectionHandler, TransportShape } from "../domain/ports/transport.ts"
import { compileFraming } from "../frame/compile.ts"
import { proofBytes, proofInput } from "../qr/device-schema.ts"
import { frameLimits } from "../qr/messagepack-scan.ts"
import { decodeMessagePack, encodeMessagePack, type MessagePackMap } from "../qr/messagepack.ts"
import type { DeviceMessage } from "./device.ts"

/** `closed`: the connection is gone. `silent`: nothing came in time. `unreadable`: no map. */
export type Heard = DeviceMessage | "closed" | "silent" | "unreadable"

const patienceMs = 5000
const connectTimeoutMs = 5000
const noHeader = new Uint8Array(0)

const deviceFraming = (() => {
  const framing = compileFraming({ name: "devices", length: { bytes: 2, encoding: "binary" } })
  invariant("encode" in framing, "the framing of devices is one")
  return framing
})()

export class DeviceWire implements ConnectionHandler {
  readonly #connection: Connection
  readonly #deframer = deviceFraming.deframer(65_535)
  readonly #waiting: Array<Heard> = []
  #hungry: ((heard: Heard) => void) | undefined
  #closed = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Undefined: nobody listens there. */
  static connect(
    transport: TransportShape,
    host: string,
    port: number
  ): Effect.Effect<DeviceWire | undefined> {
    return Effect.callback((resume) => {
      const giveUp = transport.connect(
        { host, port, timeoutMs: connectTimeoutMs },
        (connection) => {
          const wire = new DeviceWire(connection)
          resume(Effect.succeed(wire))
          return wire
        },
        () => resume(Effect.succeed(undefined))
      )
      return Effect.sync(giveUp)
    })
  }

  send(message: DeviceMessage): void {
    this.sendBody(encodeMessagePack(message))
  }

  sendBody(body: Uint8Array): void {
    const frame = deviceFraming.encode(noHeader, body)
    if (frame !== undefined) this.sendBytes(frame)
  }

  sendBytes(bytes: Uint8Array): void {
    if (!this.#closed) this.#connection.write(bytes)
  }

  close(): void {
    this.#connection.destroy()
  }

  /** The next thing heard. */
  get next(): Effect.Effect<Heard> {
    return Effect.callback<Heard>((resume) => {
      const first = this.#waiting.shift() ?? (this.#closed ? "closed" : undefined)
      if (first !== undefined) return resume(Effect.succeed(first))
      this.#hungry = (heard) => resume(Effect.succeed(heard))
      return Effect.sync(() => this.#hungry = undefined)
    }).pipe(Effect.timeoutOrElse({
      duration: patienceMs,
      orElse: () => Effect.succeed("silent" as const)
    }))
  }

  /** The next message of this type, or a refusal; others are passed over, so many of them. */
  hear(type: string): Effect.Effect<Heard> {
    const { next } = this
    return Effect.gen(function*() {
      for (let passed = 0; passed < 64; passed++) {
        const heard = yield* next
        if (typeof heard === "string") return heard
        if (heard["type"] === type || heard["type"] === "refused") return heard
      }
      return "silent" as const
    })
  }

  onData(chunk: Buffer): void {
    const lost = this.#deframer.push(chunk, {
      onFrame: (_, body) => this.#take(readMessage(body)),
      onKeepAlive: () => {}
    })
    if (lost !== undefined) this.#connection.destroy()
  }

  onDrain(): void {}

  onEnd(): void {
    this.#connection.end()
  }

  onClose(): void {
    this.#closed = true
    this.#hungry?.("closed")
  }

  #take(heard: Heard): void {
    const hungry = this.#hungry
    this.#hungry = undefined
    if (hungry === undefined) this.#waiting.push(heard)
    else hungry(heard)
  }
}

function readMessage(body: Uint8Array): Heard {
  const decoded = decodeMessagePack(Uint8Array.from(body), frameLimits)
  return decoded._tag === "value" && decoded.value instanceof Map
    ? Object.fromEntries(decoded.value as MessagePackMap)
    : "unreadable"
}

/** What a device or the switch proves itself with, under the key that they share. */
export function proofOf(
  key: Uint8Array,
  who: "device" | "switch",
  first: Uint8Array,
  second: Uint8Array,
  terminal: string
): Uint8Array {
  const input = proofInput(who, first, second, terminal)
  return createHmac("sha256", key).update(input).digest().subarray(0, proofBytes)
}
