/**
 * What the switch asks of a wallet and how it may be answered, the same for every wallet. The rules
 * of reading (wallet-requests §4.5.5): an answer whose signature does not verify, and every word
 * that is on no list, is doubt; paid is believed only with our own order, merchant and amount in
 * it; "not found" is final only after an undo was accepted, or when the order's life is over.
 */

import type { KeyObject } from "node:crypto"
import type { HttpResponse } from "../domain/ports/http.ts"

/** A customer's code, to be charged. */
interface PayOrder {
  /** Our order number: 14 digits of Beijing time, then our RRN. Never used again. */
  readonly order: string
  /** Minor units and ISO 4217 numeric code. */
  readonly amount: number
  readonly currency: string
  readonly payCode: string
  readonly terminal: string
  readonly description: string
}

/** What names an order afterwards, and what its answers are compared with. */
export type OrderFacts = Pick<PayOrder, "order" | "amount" | "currency">

/** Money to be given back from a paid order. */
export interface RefundOrder {
  /** Our refund number: one refund, however often it is sent. */
  readonly refund: string
  readonly order: string
  readonly amount: number
  /** Of the order that was paid. */
  readonly total: number
  readonly currency: string
}

interface WalletCall {
  readonly method: "GET" | "POST"
  /** Path with query, to be joined to the base URL as it is: it is signed. */
  readonly path: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export type WalletVerdict =
  /** The money moved. `undone`: and was given back since. */
  | { readonly _tag: "paid"; readonly payment: string; readonly undone: boolean }
  /** It did not and will not move for this number. */
  | { readonly _tag: "failed"; readonly code: string }
  /** The wallet took it on, or the payer still acts: ask later. */
  | { readonly _tag: "waiting"; readonly code: string }
  /** The wallet does not know the number. */
  | { readonly _tag: "absent"; readonly code: string }
  | { readonly _tag: "doubt"; readonly code: string }
  /** A genuine answer that speaks of other money than ours. */
  | { readonly _tag: "mismatch"; readonly detail: string }

/** When and with which nonce a request is made. */
export interface WalletStamp {
  readonly nowMs: number
  /** 32 characters of letters and digits. */
  readonly nonce: string
}

/** Our side of an account, its secrets resolved. */
export interface WalletKeys {
  readonly merchantId: string
  readonly appId: string
  /** Serial of our own certificate, as the wallet knows it. */
  readonly serial: string
  readonly privateKey: KeyObject | undefined
  /** The wallet's keys by serial. */
  readonly publicKeys: ReadonlyMap<string, KeyObject>
  /** Shared secret of HMAC accounts. */
  readonly secret: Uint8Array
}

/** One step of talking to a wallet: the call, and how to read what came back. */
export interface WalletStep {
  readonly call: WalletCall
  readonly read: (response: HttpResponse, nowMs: number) => WalletVerdict
}

/**
 * `undo` and `refund` answer "waiting" when they were accepted: what came of them is asked by
 * `inquire` and `inquireRefund`. An undo may also be "absent". A refund is "paid" when the money is
 * back.
 */
export interface Wallet {
  /** The only currency it takes (ISO 4217 numeric); undefined: any. */
  readonly currency: string | undefined
  /** Wants every inquiry twice as long after the one before (UnionPay: at most six). */
  readonly growingPace: boolean
  readonly pay: (order: PayOrder, stamp: WalletStamp) => WalletStep
  readonly inquire: (order: OrderFacts, stamp: WalletStamp) => WalletStep
  readonly undo: (order: OrderFacts, stamp: WalletStamp) => WalletStep
  readonly refund: (refund: RefundOrder, stamp: WalletStamp) => WalletStep
  readonly inquireRefund: (refund: RefundOrder, stamp: WalletStamp) => WalletStep
}

export const doubt = (code: string): WalletVerdict => ({ _tag: "doubt", code })
export const failed = (code: string): WalletVerdict => ({ _tag: "failed", code })
export const waiting = (code: string): WalletVerdict => ({ _tag: "waiting", code })
export const absent = (code: string): WalletVerdict => ({ _tag: "absent", code })
export const mismatch = (detail: string): WalletVerdict => ({ _tag: "mismatch", detail })
export const paid = (payment: string, undone = false): WalletVerdict => ({
  _tag: "paid",
  payment,
  undone
})

const hourMs = 3_600_000

/** `YYYY-MM-DD hh:mm:ss` in Beijing, which is UTC+8 all year. */
export function beijingTime(nowMs: number): string {
  return new Date(nowMs + 8 * hourMs).toISOString().slice(0, 19).replace("T", " ")
}

/** `YYYYMMDDhhmmss` in Beijing. */
export function beijingStamp(nowMs: number): string {
  return beijingTime(nowMs).replace(/\D/g, "")
}

/** The Beijing time in an order number; UnionPay names an order by both. */
export function stampOfOrder(order: string): string {
  return order.slice(0, 14)
}

/** Minor units as yuan with two decimals. */
export function yuan(minor: number): string {
  const digits = String(minor).padStart(3, "0")
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`
}

/** Two-decimal yuan as minor units, without a float in between; NaN when it is none. */
export function fen(text: unknown): number {
  const match = typeof text === "string" ? /^(\d{1,12})(?:\.(\d{1,2}))?$/.exec(text) : null
  if (match === null) return Number.NaN
  return Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"))
}

/** A JSON object, or undefined for anything else. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined
    return value as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : ""
}

/** Compares what an answer says with what we know (rule 9); the first difference, or undefined. */
export function difference(
  pairs: ReadonlyArray<readonly [name: string, ours: string | number, theirs: unknown]>
): string | undefined {
  for (const [name, ours, theirs] of pairs) if (theirs !== ours) return `${name} differs`
  return undefined
}
