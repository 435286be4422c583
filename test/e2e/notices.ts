/**
 * A wallet's side of notices, and a counter's: signed for real, sent over HTTP or down a stream,
 * and devices that hear what was paid.
 */

import { Context, Effect, Exit, Layer, Scope } from "effect"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { Timers } from "../../src/actor/timers.ts"
import { Random } from "../../src/domain/ports/time.ts"
import { Transport } from "../../src/domain/ports/transport.ts"
import { MachineRandom, MachineTime } from "../../src/listen/machine-time.ts"
import { MachineTransport } from "../../src/listen/machine-transport.ts"
import { frameLimits } from "../../src/qr/messagepack-scan.ts"
import { decodeMessagePack, encodeMessagePack } from "../../src/qr/messagepack.ts"
import { Device, type DeviceMessage } from "../../src/simulate/device.ts"
import { genericNotice, type SignedNotice } from "../../src/simulate/wallet.ts"
import { randomFrom } from "../security/seeded-random.ts"
import type { Site } from "./site.ts"

const secret = Buffer.from(
  readFileSync(join(import.meta.dirname, "../../config/test-wallet-secret.txt"), "utf8").trim()
)

const random = { bytes: randomFrom(7), next: () => 0.5 }

/** A payment at the printed code of a counter, told at `nowMs`. */
export function notice(payment: string, counter: string, nowMs = Date.now()): SignedNotice {
  return genericNotice(
    {
      id: `notice-${payment}`,
      payment,
      counter,
      amount: 1200,
      merchantAccount: "1900000109",
      paidMs: nowMs
    },
    secret,
    nowMs,
    random
  )
}

/** The status that a wallet hears; undefined: it heard none. */
export async function post(site: Site, signed: SignedNotice): Promise<number | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${site.ports.public}/notify/demo-wallet`, {
      method: "POST",
      headers: Object.fromEntries(signed.headers),
      body: Buffer.from(signed.body),
      signal: AbortSignal.timeout(5000)
    })
    await response.arrayBuffer()
    return response.status
  } catch {
    return undefined
  }
}

/** A notice stream of a wallet: numbered notices out, their ends in. */
export class Stream {
  readonly ends = new Map<number, string>()
  closed = false
  readonly #socket: Socket
  #rest: Buffer = Buffer.alloc(0)

  constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true })
    this.#socket.on("error", () => {})
    this.#socket.on("close", () => {
      this.closed = true
    })
    this.#socket.on("data", (chunk: Buffer) => this.#heard(chunk))
  }

  send(number: number, { body, headers }: SignedNotice): void {
    this.frame(encodeMessagePack({
      n: number,
      account: "demo-wallet",
      headers,
      body
    }))
  }

  frame(bytes: Uint8Array): void {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    this.#socket.write(Buffer.concat([length, bytes]))
  }

  close(): void {
    this.#socket.destroy()
  }

  #heard(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    while (this.#rest.length >= 4) {
      const length = this.#rest.readUInt32BE(0)
      if (this.#rest.length < 4 + length) return
      const decoded = decodeMessagePack(this.#rest.subarray(4, 4 + length), frameLimits)
      this.#rest = this.#rest.subarray(4 + length)
      if (decoded._tag !== "value" || !(decoded.value instanceof Map)) throw new Error("no answer")
      this.ends.set(Number(decoded.value.get("n")), String(decoded.value.get("end")))
    }
  }
}

/** Devices of a site's counters, each with its published test key. */
export class Devices {
  /** Payments that a counter announced, in order; by counter. */
  readonly heard = new Map<string, Array<string>>()
  readonly #devices: Array<Device> = []
  readonly #scope = Scope.makeUnsafe()

  /** Devices 1 to `count` of the estate. */
  async open(site: Site, count: number): Promise<void> {
    const machine = await Effect.runPromise(Layer.buildWithScope(
      MachineTransport.pipe(
        Layer.provideMerge(Timers.layer),
        Layer.provideMerge(Layer.merge(MachineTime, MachineRandom))
      ),
      this.#scope
    ))
    for (let number = 1; number <= count; number++) {
      const counter = counterOf(number)
      const terminal = `Q${String(number).padStart(7, "0")}`
      const payments: Array<string> = []
      this.heard.set(counter, payments)
      const device = new Device({
        terminal,
        key: createHash("sha256").update(`pointsman test device ${terminal}`).digest(),
        host: "127.0.0.1",
        port: site.ports.devices,
        transport: Context.get(machine, Transport),
        timers: Context.get(machine, Timers),
        random: Context.get(machine, Random),
        onPush: (push: DeviceMessage) => void payments.push(paymentOf(push))
      })
      this.#devices.push(device)
      device.connect()
    }
  }

  get ready(): number {
    return this.#devices.filter(({ isReady }) => isReady).length
  }

  get count(): number {
    return [...this.heard.values()].reduce((sum, { length }) => sum + length, 0)
  }

  device(number: number): Device {
    return this.#devices[number - 1]!
  }

  async close(): Promise<void> {
    for (const device of this.#devices) device.stop()
    await Effect.runPromise(Scope.close(this.#scope, Exit.void))
  }
}

export const counterOf = (number: number): string => `C${String(number).padStart(4, "0")}`

function paymentOf(push: DeviceMessage): string {
  return String(push["payment"])
}
