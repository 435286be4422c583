/**
 * What QR devices and soundboxes say on the device listener, and what they hear. One frame is two
 * bytes of length (big-endian) and one MessagePack map with text keys; `type` names the message.
 * Keys that a message does not know are ignored, so that either side may grow. This table is the
 * published schema: device makers read it, and the switch checks every map against it.
 *
 *   device                         switch
 *     │ ◄──── challenge {nonce} ─────┤      on connect
 *     ├─ hello {terminal, proof} ──► │      proof over both nonces (see {@link proofInput})
 *     │ ◄──── welcome {proof} ───────┤      the switch proves itself too
 *     ├─ sale, show, ping, status ─► │
 *     │ ◄─ result, code, pong, noted ┤
 *     │ ◄──── push {sequence, …} ────┤      repeated until acknowledged, in order
 *     ├─ ack {sequence} ───────────► │      everything up to the number
 */

import { terminalIdOf } from "../domain/brand.ts"
import { schemes } from "../domain/channel.ts"
import type { MessagePackMap, MessagePackValue } from "./messagepack.ts"

export const deviceVersion = 1

/** Bytes of a nonce; a proof is the first 8 bytes of an HMAC-SHA-256. */
export const nonceBytes = 16
export const proofBytes = 8

export type FieldRule =
  | { readonly is: "text"; readonly most: number; readonly optional?: true }
  | { readonly is: "digits"; readonly length: number; readonly optional?: true }
  | {
    readonly is: "integer"
    readonly least: number
    readonly most: number
    readonly optional?: true
  }
  | { readonly is: "bytes"; readonly length: number; readonly optional?: true }
  | { readonly is: "flag"; readonly optional?: true }
  | { readonly is: "one-of"; readonly values: ReadonlyArray<string>; readonly optional?: true }

const amount = { is: "integer", least: 1, most: 999_999_999_999 } as const
const stan = { is: "digits", length: 6 } as const
const currency = { is: "digits", length: 3 } as const
const sequence = { is: "integer", least: 1, most: 9_999_999_999 } as const

/** Whose code the customer's wallet is to find. */
const codeSchemes = schemes.filter((scheme) => scheme !== "card")

/** From the device. */
export const deviceRequests = {
  hello: {
    version: { is: "integer", least: 1, most: deviceVersion },
    terminal: { is: "text", most: 8 },
    nonce: { is: "bytes", length: nonceBytes },
    proof: { is: "bytes", length: proofBytes }
  },
  ping: {},
  /** The shop scanned the customer's code. A repeat has the same numbers and says so. */
  sale: {
    stan,
    amount,
    currency,
    code: { is: "text", most: 684 },
    batch: { is: "digits", length: 6, optional: true },
    repeat: { is: "flag", optional: true }
  },
  /** The customer is to scan a code on the device's screen. */
  show: {
    stan,
    amount,
    currency,
    scheme: { is: "one-of", values: codeSchemes, optional: true }
  },
  ack: { sequence },
  status: {
    software: { is: "text", most: 32, optional: true },
    batteryPercent: { is: "integer", least: 0, most: 100, optional: true },
    signalPercent: { is: "integer", least: 0, most: 100, optional: true }
  }
} as const satisfies Readonly<Record<string, Readonly<Record<string, FieldRule>>>>

/** From the switch, in the same words. `response` is a code of ISO 8583:1987 field 39. */
export const deviceNotices = {
  challenge: {
    version: { is: "integer", least: 1, most: deviceVersion },
    nonce: { is: "bytes", length: nonceBytes }
  },
  welcome: {
    proof: { is: "bytes", length: proofBytes },
    timeMs: { is: "integer", least: 0, most: Number.MAX_SAFE_INTEGER }
  },
  pong: { timeMs: { is: "integer", least: 0, most: Number.MAX_SAFE_INTEGER } },
  noted: {},
  result: {
    stan,
    approved: { is: "flag" },
    response: { is: "text", most: 2 },
    failure: { is: "text", most: 32, optional: true },
    transaction: { is: "text", most: 36, optional: true },
    amount: { ...amount, optional: true },
    rrn: { is: "text", most: 12, optional: true },
    authCode: { is: "text", most: 6, optional: true },
    reference: { is: "text", most: 64, optional: true }
  },
  code: {
    stan,
    order: { is: "text", most: 64 },
    code: { is: "text", most: 512 },
    expiresMs: { is: "integer", least: 0, most: Number.MAX_SAFE_INTEGER }
  },
  push: {
    sequence,
    transaction: { is: "text", most: 36 },
    event: { is: "one-of", values: ["paid"] },
    scheme: { is: "one-of", values: codeSchemes },
    amount,
    currency,
    /** The wallet's number of the payment. */
    payment: { is: "text", most: 64 },
    paidMs: { is: "integer", least: 0, most: Number.MAX_SAFE_INTEGER },
    /** As `code` named it; none where a printed code was paid. */
    order: { is: "text", most: 64, optional: true },
    /** Who paid, masked. */
    payer: { is: "text", most: 64, optional: true }
  },
  refused: {
    failure: { is: "text", most: 32 },
    response: { is: "text", most: 2 },
    stan: { ...stan, optional: true }
  }
} as const satisfies Readonly<Record<string, Readonly<Record<string, FieldRule>>>>

type DeviceRequestType = keyof typeof deviceRequests

type ValueOf<R> = R extends { readonly is: "integer" } ? number
  : R extends { readonly is: "bytes" } ? Uint8Array
  : R extends { readonly is: "flag" } ? boolean
  : string

type Message<F> =
  & {
    readonly [K in keyof F as F[K] extends { readonly optional: true } ? never : K]: ValueOf<F[K]>
  }
  & {
    readonly [K in keyof F as F[K] extends { readonly optional: true } ? K : never]?: ValueOf<F[K]>
  }

export type DeviceRequest = {
  readonly [T in DeviceRequestType]:
    & { readonly type: T }
    & Message<typeof deviceRequests[T]>
}[DeviceRequestType]

/** The key whose value is missing or wrong. */
interface DeviceFault {
  readonly path: string
}

/** A decoded map as a request, or where it breaks the schema. */
export function readRequest(value: MessagePackValue): DeviceRequest | DeviceFault {
  if (!(value instanceof Map)) return { path: "" }
  const map = value as MessagePackMap
  const type = map.get("type")
  if (typeof type !== "string" || !Object.hasOwn(deviceRequests, type)) return { path: "type" }
  const request: Record<string, unknown> = { type }
  const rules: Readonly<Record<string, FieldRule>> = deviceRequests[type as DeviceRequestType]
  for (const name in rules) {
    const rule = rules[name]!
    const found = map.get(name)
    if (found === undefined || found === null) {
      if (rule.optional !== true) return { path: name }
    } else if (fits(rule, found)) {
      request[name] = found
    } else {
      return { path: name }
    }
  }
  return request as unknown as DeviceRequest
}

export function fits(rule: FieldRule, value: MessagePackValue): boolean {
  switch (rule.is) {
    case "text":
      return typeof value === "string" && value.length > 0 && value.length <= rule.most
    case "digits":
      return typeof value === "string" && value.length === rule.length && /^\d+$/.test(value)
    case "integer":
      return Number.isSafeInteger(value) && (value as number) >= rule.least &&
        (value as number) <= rule.most
    case "bytes":
      return value instanceof Uint8Array && value.length === rule.length
    case "flag":
      return typeof value === "boolean"
    case "one-of":
      return typeof value === "string" && rule.values.includes(value)
  }
}

/** What a proof is made over: who proves, both nonces, and the terminal in its 8 characters. */
export function proofInput(
  who: "device" | "switch",
  challenge: Uint8Array,
  nonce: Uint8Array,
  terminal: string
): Uint8Array {
  return Buffer.concat([
    Buffer.from(`pointsman-${who}-${deviceVersion}`),
    challenge,
    nonce,
    Buffer.from(terminalIdOf(terminal), "latin1")
  ])
}
