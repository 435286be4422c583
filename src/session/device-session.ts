/**
 * One connection of a QR device or soundbox. What must hold: nothing is decoded that the scan did
 * not find sound; nothing but a hello is heard before the device has proven its key over a nonce of
 * this connection; pushes go to the session that owns the terminal (I4), in order.
 */

import { timingSafeEqual } from "node:crypto"
import type { TerminalId } from "../domain/brand.ts"
import { type FailureCode, failures } from "../domain/failures.ts"
import type { PushRecord } from "../domain/order.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import type { Connection } from "../domain/ports/transport.ts"
import {
  type DeviceRequest,
  deviceVersion,
  nonceBytes,
  proofInput,
  readRequest
} from "../qr/device-schema.ts"
import { frameLimits } from "../qr/messagepack-scan.ts"
import { decodeMessagePack, encodeMessagePack, type MessagePackValue } from "../qr/messagepack.ts"
import type { Binding } from "./binding.ts"
import type { DeviceDesk } from "./device-desk.ts"
import { Line } from "./line.ts"
import type { ListenerRoom } from "./listener-room.ts"
import type { PushTarget } from "./pushes.ts"

/** One frame of a device, and the monotonic time of its last byte. */
interface DeviceMail {
  readonly body: Uint8Array
  readonly atMs: number
}

type Hello = Extract<DeviceRequest, { readonly type: "hello" }>

const noHeader = new Uint8Array(0)

export class DeviceSession extends Line<DeviceMail> implements PushTarget {
  readonly #desk: DeviceDesk
  readonly #challenge: Uint8Array
  #binding: Binding | undefined
  #badInRow = 0
  #wrongProofs = 0

  constructor(room: ListenerRoom, connection: Connection, desk: DeviceDesk) {
    super(room, connection)
    this.#desk = desk
    this.#challenge = room.house.random.bytes(nonceBytes)
    this.tell({ type: "challenge", version: deviceVersion, nonce: this.#challenge })
  }

  // --- from the line

  protected frame(_: Uint8Array, body: Uint8Array): void {
    const { addressRates, time } = this.room.house
    const taken = addressRates?.take(this.room.addressOf(this), time.monotonicMs()) !== false &&
      this.actor.tell({ body, atMs: this.lastMs })
    if (!taken) this.refuse("overloaded", undefined)
  }

  receive({ atMs, body }: DeviceMail): void {
    const decoded = decodeMessagePack(body, frameLimits)
    const request = decoded._tag === "value" ? readRequest(decoded.value) : { path: "" }
    if (!("type" in request)) {
      this.refuse("message-format", undefined)
      if (++this.#badInRow >= this.room.config.maxBadMessages) {
        this.finish("messages-bad-repeated")
      }
      return
    }
    this.understood()
    this.#badInRow = 0
    if (request.type === "hello") this.#hello(request)
    else this.#request(request, atMs)
  }

  dispossessed(): void {
    this.end("taken-over")
  }

  proven(): boolean {
    return this.#binding?.proven === true
  }

  terminals(): ReadonlyArray<TerminalId> {
    return this.#binding === undefined ? [] : [this.#binding.terminal]
  }

  owned(): ReadonlyArray<TerminalId> {
    return this.#binding?.live === true && this.#binding.proven ? [this.#binding.terminal] : []
  }

  protected released(): void {
    if (this.#binding === undefined) return
    this.room.house.pushes.detach(this.#binding.terminal, this)
    this.room.house.owners.release(this.#binding)
  }

  protected resumed(): void {}

  /** Devices ping; the switch does not. */
  protected echo(): boolean {
    return false
  }

  push(record: PushRecord): boolean {
    if (!this.alive || this.#binding?.live !== true) return false
    const { body, sequence, transaction } = record
    this.tell({ ...body, type: "push", sequence, transaction })
    return true
  }

  // --- what the desk does with it

  tell(
    message: Readonly<Record<string, MessagePackValue>>,
    handed?: (live: boolean) => void
  ): void {
    this.hand(noHeader, encodeMessagePack(message), handed)
  }

  refuse(failure: FailureCode, stan: string | undefined): void {
    this.room.house.hooks.meter.refused(this.listener, failure)
    const { response } = failures[failure]
    this.tell({ type: "refused", failure, response, ...(stan === undefined ? {} : { stan }) })
    this.settled()
  }

  #request(request: Exclude<DeviceRequest, Hello>, atMs: number): void {
    const stan = "stan" in request ? request.stan : undefined
    const binding = this.#binding
    if (binding?.proven !== true) {
      this.refuse("not-signed-on", stan)
      return
    }
    const profile = this.room.house.terminals.find(binding.terminal)
    if (profile === undefined) {
      this.refuse("terminal-unknown", stan)
      return
    }
    this.#desk.take(this, request, { profile, binding, atMs })
  }

  #hello(hello: Hello): void {
    const { house } = this.room
    const profile = house.terminals.find(hello.terminal)
    if (profile === undefined || profile.identity !== "hello") {
      this.#stranger(profile === undefined ? "terminal-unknown" : "terminal-foreign", hello)
      return
    }
    if (this.#binding !== undefined && this.#binding.terminal !== profile.terminal) {
      this.#stranger("terminal-foreign", hello)
      return
    }
    if (!house.signOnRates.take(profile.terminal, house.time.monotonicMs())) {
      this.refuse("session-busy", undefined)
      return
    }
    const key = house.keys.mac(profile.terminal)
    if (key === undefined) {
      this.refuse("key-missing", undefined)
      return
    }
    const input = proofInput("device", this.#challenge, hello.nonce, profile.terminal)
    house.security.makeMac(key, { name: "hmac-sha256" }, input, (proof) => {
      const right = proof !== undefined && proof.length === hello.proof.length &&
        timingSafeEqual(proof, hello.proof)
      if (!this.alive) return
      if (right) this.#welcome(hello, profile)
      else this.#wrongProof(hello)
    })
  }

  /** From here on this session is the terminal's; what waits for it leaves. */
  #welcome(hello: Hello, profile: TerminalProfile): void {
    const { house } = this.room
    const { terminal } = profile
    const key = house.keys.mac(terminal)
    this.#wrongProofs = 0
    const input = proofInput("switch", hello.nonce, this.#challenge, terminal)
    if (key === undefined) return this.refuse("key-missing", undefined)
    house.security.makeMac(key, { name: "hmac-sha256" }, input, (proof) => {
      if (!this.alive) return
      if (proof === undefined) return this.refuse("hsm-unavailable", undefined)
      this.tell({ type: "welcome", proof, timeMs: house.time.wallMs() })
      this.settled()
      // Telling it may have been the end of a peer that does not read.
      if (!this.alive || this.#binding !== undefined) return
      this.#binding = house.owners.bind(terminal, this, house.time.monotonicMs())
      house.owners.claim(this.#binding)
      this.room.proved(this)
      house.pushes.attach(terminal, this)
    })
  }

  #wrongProof(hello: Hello): void {
    this.room.audit("mac-wrong", this.remote, hello.terminal, undefined)
    this.refuse("mac-wrong", undefined)
    if (++this.#wrongProofs >= this.room.config.maxWrongMacs) this.finish("mac-wrong-repeated")
  }

  #stranger(failure: "terminal-unknown" | "terminal-foreign", hello: Hello): void {
    this.room.audit(failure, this.remote, hello.terminal, undefined)
    this.refuse(failure, undefined)
    if (++this.#wrongProofs >= this.room.config.maxWrongMacs) this.finish("identity-refused")
  }
}
