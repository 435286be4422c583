/**
 * A QR device or soundbox as a small client: what a device maker needs to speak to the switch, by
 * the schema of `qr/device-schema.ts`. What must hold: it believes only a switch that has proven
 * the shared key; a push is told once, however often it comes, and acknowledged every time; what
 * was asked and not answered is asked again, as a repeat, after every reconnect.
 */

import { createHmac, timingSafeEqual } from "node:crypto"
import type { Timer } from "../actor/timer-wheel.ts"
import type { TimersShape } from "../actor/timers.ts"
import { invariant } from "../domain/invariant.ts"
import type { RandomShape } from "../domain/ports/time.ts"
import type { Connection, ConnectionHandler, TransportShape } from "../domain/ports/transport.ts"
import { compileFraming } from "../frame/compile.ts"
import type { Framing } from "../frame/framing.ts"
import { deviceVersion, nonceBytes, proofBytes, proofInput } from "../qr/device-schema.ts"
import { frameLimits } from "../qr/messagepack-scan.ts"
import {
  decodeMessagePack,
  encodeMessagePack,
  type MessagePackMap,
  type MessagePackValue
} from "../qr/messagepack.ts"

export type DeviceMessage = Readonly<Record<string, MessagePackValue>>

export interface DeviceOptions {
  readonly terminal: string
  /** The key it shares with the switch, for HMAC-SHA-256. */
  readonly key: Uint8Array
  readonly host: string
  readonly port: number
  readonly transport: TransportShape
  readonly timers: TimersShape
  readonly random: RandomShape
  /** A payment to announce: each once, in order. */
  readonly onPush: (push: DeviceMessage) => void
  /** The switch has proven itself. */
  readonly onReady?: () => void
  /** Says so often that it is there, and hangs up when nothing came back; absent: never. */
  readonly pingMs?: number
}

interface Asked {
  readonly message: DeviceMessage
  readonly done: (answer: DeviceMessage) => void
}

const connectTimeoutMs = 5000
const reconnectMs = 1000
const noHeader = new Uint8Array(0)

export class Device implements ConnectionHandler {
  readonly #options: DeviceOptions
  readonly #framing: Framing
  /** By STAN: what has not been answered. */
  readonly #asked = new Map<string, Asked>()
  #deframer: ReturnType<Framing["deframer"]> | undefined
  #connection: Connection | undefined
  #nonce: Uint8Array = noHeader
  #challenge: Uint8Array = noHeader
  #ready = false
  #heard = 0
  #again: Timer | undefined
  #pulse: Timer | undefined
  /** Something came since the last ping. */
  #alive = false
  #stopped = false

  constructor(options: DeviceOptions) {
    const framing = compileFraming({ name: "devices", length: { bytes: 2, encoding: "binary" } })
    invariant("encode" in framing, "the framing of devices is one")
    this.#options = options
    this.#framing = framing
  }

  get isReady(): boolean {
    return this.#ready
  }

  connect(): void {
    const { host, port, transport } = this.#options
    transport.connect(
      { host, port, timeoutMs: connectTimeoutMs },
      (connection) => {
        this.#connection = connection
        this.#deframer = this.#framing.deframer(frameLimits.maxBytes)
        this.#alive = true
        this.#beat()
        return this
      },
      () => this.#later()
    )
  }

  /** Breaks the connection; another one follows. */
  hangUp(): void {
    this.#connection?.destroy()
  }

  stop(): void {
    this.#stopped = true
    this.#again?.cancel()
    this.#pulse?.cancel()
    this.#connection?.destroy()
  }

  /** `sale` or `show` with a STAN of its own; answered once, also across reconnects. */
  ask(message: DeviceMessage & { readonly stan: string }, done: Asked["done"]): void {
    this.#asked.set(message.stan, { message, done })
    if (this.#ready) this.#send(message)
  }

  #beat(): void {
    const { pingMs, timers } = this.#options
    if (pingMs === undefined) return
    this.#pulse = timers.after(pingMs, () => {
      if (!this.#alive) return this.hangUp()
      this.#alive = false
      if (this.#ready) this.#send({ type: "ping" })
      this.#beat()
    })
  }

  onData(chunk: Buffer): void {
    this.#alive = true
    const lost = this.#deframer?.push(chunk, {
      onFrame: (_, body) => this.#frame(body),
      onKeepAlive: () => {}
    })
    if (lost !== undefined) this.#connection?.destroy()
  }

  onDrain(): void {}

  onEnd(): void {
    this.#connection?.destroy()
  }

  onClose(): void {
    this.#connection = undefined
    this.#ready = false
    this.#pulse?.cancel()
    this.#later()
  }

  #later(): void {
    if (this.#stopped) return
    this.#again = this.#options.timers.after(reconnectMs, () => this.connect())
  }

  #frame(body: Uint8Array): void {
    const decoded = decodeMessagePack(body, frameLimits)
    if (decoded._tag !== "value" || !(decoded.value instanceof Map)) {
      this.#connection?.destroy()
      return
    }
    const message: DeviceMessage = Object.fromEntries(decoded.value as MessagePackMap)
    switch (message["type"]) {
      case "challenge":
        return this.#hello(message["nonce"] as Uint8Array)
      case "welcome":
        return this.#welcome(message["proof"] as Uint8Array)
      case "push":
        return this.#push(message)
      case "result":
      case "code":
      case "refused":
        return this.#answered(message)
    }
  }

  #hello(challenge: Uint8Array): void {
    const { random, terminal } = this.#options
    this.#challenge = challenge
    this.#nonce = random.bytes(nonceBytes)
    const proof = this.#proof("device", challenge, this.#nonce)
    this.#send({ type: "hello", version: deviceVersion, terminal, nonce: this.#nonce, proof })
  }

  #welcome(proof: Uint8Array): void {
    const expected = this.#proof("switch", this.#nonce, this.#challenge)
    if (proof.length !== expected.length || !timingSafeEqual(proof, expected)) {
      this.#connection?.destroy()
      return
    }
    this.#ready = true
    for (const { message } of this.#asked.values()) {
      this.#send(message["type"] === "sale" ? { ...message, repeat: true } : message)
    }
    this.#options.onReady?.()
  }

  /** Nothing is announced on the word of a switch that has not proven itself. */
  #push(message: DeviceMessage): void {
    const sequence = message["sequence"]
    if (!this.#ready || typeof sequence !== "number") return
    if (sequence > this.#heard) {
      this.#heard = sequence
      this.#options.onPush(message)
    }
    this.#send({ type: "ack", sequence })
  }

  #answered(message: DeviceMessage): void {
    const stan = message["stan"]
    const asked = typeof stan === "string" ? this.#asked.get(stan) : undefined
    if (asked === undefined) return
    this.#asked.delete(stan as string)
    asked.done(message)
  }

  #proof(who: "device" | "switch", first: Uint8Array, second: Uint8Array): Uint8Array {
    const { key, terminal } = this.#options
    const input = proofInput(who, first, second, terminal)
    return createHmac("sha256", key).update(input).digest().subarray(0, proofBytes)
  }

  #send(message: DeviceMessage): void {
    const frame = this.#framing.encode(noHeader, encodeMessagePack(message))
    if (frame !== undefined) this.#connection?.write(frame)
  }
}
