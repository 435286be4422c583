/**
 * What proven devices ask for: sales by a customer's code, codes to show, acknowledgements. They
 * go to the same transaction station as cards; an answer is one map, stored for repeats as it is.
 */

import type { Stan } from "../domain/brand.ts"
import { type FailureCode, failures } from "../domain/failures.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import type {
  Asker,
  PreparedAnswer,
  Submission,
  TransactionsShape,
  Verdict
} from "../domain/ports/transactions.ts"
import type { DeviceRequest } from "../qr/device-schema.ts"
import { encodeMessagePack } from "../qr/messagepack.ts"
import type { Binding } from "./binding.ts"
import type { DeviceSession } from "./device-session.ts"
import type { SessionHouseShape } from "./house.ts"
import { schemeOf } from "./submission.ts"

export interface DeviceSettings {
  /** How long a code on a screen may be paid. */
  readonly codeLifetimeMs: number
  /** The text of the code for an order, such as the address of its payment page. */
  readonly codeOf: (order: string) => string
}

/** Who asks. */
interface Device {
  readonly profile: TerminalProfile
  readonly binding: Binding
  readonly atMs: number
}

type Request<T extends DeviceRequest["type"]> = Extract<DeviceRequest, { readonly type: T }>

export class DeviceDesk {
  readonly #house: SessionHouseShape
  readonly #transactions: TransactionsShape
  readonly #settings: DeviceSettings

  constructor(
    house: SessionHouseShape,
    transactions: TransactionsShape,
    settings: DeviceSettings
  ) {
    this.#house = house
    this.#transactions = transactions
    this.#settings = settings
  }

  take(
    session: DeviceSession,
    request: Exclude<DeviceRequest, { readonly type: "hello" }>,
    device: Device
  ): void {
    switch (request.type) {
      case "ping":
        session.tell({ type: "pong", timeMs: this.#house.time.wallMs() })
        session.settled()
        break
      case "status":
        this.#house.hooks.meter.received(session.listener, "status-upload")
        session.tell({ type: "noted" })
        session.settled()
        break
      case "ack":
        this.#house.pushes.acknowledge(device.profile.terminal, request.sequence)
        session.settled()
        break
      case "sale":
        this.#sale(session, request, device)
        break
      case "show":
        this.#show(session, request, device)
    }
  }

  #sale(session: DeviceSession, request: Request<"sale">, device: Device): void {
    const { binding, profile } = device
    this.#house.hooks.meter.received(session.listener, "sale")
    const submission = saleOf(request, profile, binding.generation, device.atMs)
    const refusal = this.#pressure(session, device)
    if (refusal !== undefined && !this.#transactions.knows(profile.terminal, submission.key)) {
      this.#transactions.refusedEarly(submission.key, refusal)
      session.refuse(refusal, request.stan)
      return
    }
    binding.inFlight++
    this.#transactions.submit(submission, new DeviceAsk(session, request.stan, binding))
  }

  #show(session: DeviceSession, request: Request<"show">, device: Device): void {
    const { binding, profile } = device
    const { amount, currency, scheme, stan } = request
    const refusal = this.#pressure(session, device) ??
      (mayShowCode(profile, currency) ? undefined : "kind-forbidden")
    if (refusal !== undefined) {
      session.refuse(refusal, stan)
      return
    }
    const order = {
      profile,
      scheme: scheme === undefined ? "generic-qr" as const : scheme as Submission["scheme"],
      amount,
      currency,
      lifetimeMs: this.#settings.codeLifetimeMs
    }
    binding.inFlight++
    this.#transactions.openOrder(order, (opened) => {
      binding.inFlight--
      if (typeof opened === "string") {
        session.refuse(opened, stan)
        return
      }
      if (binding.live) {
        const code = this.#settings.codeOf(opened.order)
        const { expiresMs } = opened
        session.tell({ type: "code", stan, order: opened.order, code, expiresMs })
      }
      session.settled()
    })
  }

  #pressure(session: DeviceSession, device: Device): FailureCode | undefined {
    const { merchantRates, settings, terminalRates, time } = this.#house
    const now = time.monotonicMs()
    if (device.profile.blocked) return "terminal-blocked"
    if (session.room.draining) return "draining"
    if (device.binding.inFlight >= device.profile.window) return "session-busy"
    if (now - device.atMs > settings.refuseSaleAfterMs) return "overloaded"
    if (terminalRates?.take(device.profile.terminal, now) === false) return "overloaded"
    return merchantRates?.take(device.profile.merchant, now) === false ? "overloaded" : undefined
  }
}

function mayShowCode(profile: TerminalProfile, currency: string): boolean {
  return profile.kinds.has("sale") && profile.channels.has("qr-screen") &&
    profile.currencies.has(currency)
}

function saleOf(
  request: Request<"sale">,
  profile: TerminalProfile,
  session: number,
  arrivedMs: number
): Submission {
  const { amount, batch, code, currency, repeat, stan } = request
  const { merchant, terminal } = profile
  return {
    kind: "sale",
    channel: "qr-customer",
    scheme: schemeOf("qr-customer", code),
    profile,
    session,
    arrivedMs,
    key: `device|${terminal}|${merchant}|${batch ?? ""}|${stan}|sale`,
    repeat: repeat === true,
    mti: "0200",
    processingCode: "000000",
    terminal,
    merchant,
    stan: stan as Stan,
    amount,
    currency,
    payCode: code,
    ...(batch === undefined ? {} : { batch })
  }
}

class DeviceAsk implements Asker {
  readonly #session: DeviceSession
  readonly #stan: string
  readonly #binding: Binding

  constructor(session: DeviceSession, stan: string, binding: Binding) {
    this.#session = session
    this.#stan = stan
    this.#binding = binding
  }

  prepare({ approved, failure, record, response1987 }: Verdict): PreparedAnswer {
    if (failure !== undefined) {
      this.#session.room.house.hooks.meter.refused(this.#session.listener, failure)
    }
    if (response1987 === "") return this.#answer(new Uint8Array(0))
    const amount = record?.approvedAmount ?? record?.amount
    return this.#answer(encodeMessagePack({
      type: "result",
      stan: this.#stan,
      approved,
      response: response1987,
      ...(failure === undefined ? {} : { failure }),
      ...(record === undefined ? {} : { transaction: record.id }),
      ...(amount === undefined ? {} : { amount }),
      ...(record?.rrn === undefined ? {} : { rrn: record.rrn }),
      ...(record?.authCode === undefined ? {} : { authCode: record.authCode }),
      ...(record?.walletReference === undefined ? {} : { reference: record.walletReference })
    }))
  }

  repeat(body: Uint8Array): PreparedAnswer {
    if (body.length > 0) return this.#answer(body)
    const { response } = failures["duplicate-stale"]
    return this.prepare({ approved: false, response1987: response, failure: "duplicate-stale" })
  }

  #answer(body: Uint8Array): PreparedAnswer {
    return { body, deliver: (handed) => this.#deliver(body, handed) }
  }

  #deliver(body: Uint8Array, handed: (live: boolean) => void): void {
    const session = this.#session
    this.#binding.inFlight--
    const told = (live: boolean) => {
      session.room.house.hooks.meter.answered(session.listener, live)
      handed(live)
    }
    if (body.length === 0 || !this.#binding.live) told(false)
    else session.hand(new Uint8Array(0), body, told)
    session.settled()
  }
}
