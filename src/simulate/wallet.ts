/**
 * A simulated wallet: takes pay codes over the signed JSON protocol of the generic wallet, and
 * sends notices that it signs for real. What must hold: an order is decided once; the book says
 * what was charged and given back, whatever was answered.
 */

import { createHmac } from "node:crypto"
import type { TimersShape } from "../actor/timers.ts"
import type { HttpRequest, HttpResponse, HttpShape } from "../domain/ports/http.ts"
import type { RandomShape, TimeShape } from "../domain/ports/time.ts"
import type { UpstreamBook } from "./book.ts"

export const walletMoods = [
  "pay",
  "decline",
  /** Waiting at first, paid when asked again. */
  "wait",
  /** Waiting for ever. */
  "wait-for-ever",
  /** Charges, and never answers. */
  "lose-answer",
  /** Answers a system error without having charged. */
  "error"
] as const

export type WalletMood = typeof walletMoods[number]

export interface WalletTemper {
  readonly shares: Readonly<Partial<Record<WalletMood, number>>>
  readonly delayMs: number
  /** Of undo requests: refused once. */
  readonly refuseUndo: number
}

export const goodWallet: WalletTemper = { shares: {}, delayMs: 0, refuseUndo: 0 }

interface WalletOptions {
  readonly name: string
  readonly secret: Uint8Array
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly random: RandomShape
  readonly book: UpstreamBook
  readonly temper: WalletTemper
}

interface WalletOrder {
  readonly order: string
  readonly terminal: string
  readonly merchant: string
  readonly amount: number
  readonly currency: string
  readonly payment: string
  state: "paid" | "failed" | "waiting" | "undone"
  asked: number
  readonly patient: boolean
}

type Body = Readonly<Record<string, unknown>>

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

export class Wallet {
  temper: WalletTemper
  readonly moodCounts: Partial<Record<WalletMood, number>> = {}
  readonly #options: WalletOptions
  readonly #orders = new Map<string, WalletOrder>()
  readonly #refunds = new Map<string, { readonly order: string; readonly amount: number }>()
  #payments = 0

  constructor(options: WalletOptions) {
    this.#options = options
    this.temper = options.temper
  }

  /** For `Http.serve`. */
  handle(request: HttpRequest, respond: (response: HttpResponse) => void): void {
    const body = this.#genuine(request)
    if (body === undefined) return respond(unauthorized)
    const answer = this.#answer(request.path, body)
    if (answer === undefined) return
    const send = () => respond(this.#signed(request, { ...answer, merchant: body["merchant"] }))
    if (this.temper.delayMs <= 0) send()
    else this.#options.timers.after(this.temper.delayMs, send)
  }

  #genuine(request: HttpRequest): Body | undefined {
    const { secret } = this.#options
    const text = Buffer.from(request.body).toString()
    const timestamp = request.headers.get("x-timestamp") ?? ""
    const nonce = request.headers.get("x-nonce") ?? ""
    const signed = `POST\n${request.path}\n${timestamp}\n${nonce}\n${text}\n`
    const right = createHmac("sha256", secret).update(signed).digest("hex")
    if (request.headers.get("x-signature") !== right) return undefined
    try {
      // Ours alone can sign it, and ours are JSON objects.
      return JSON.parse(text) as Body
    } catch {
      return undefined
    }
  }

  #answer(path: string, body: Body): Body | undefined {
    const order = String(body["order"])
    switch (path) {
      case "/pay":
        return this.#pay(order, body)
      case "/inquire":
        return this.#inquire(order)
      case "/undo":
        return this.#undo(order)
      case "/refund":
        return this.#refund(order, String(body["refund"]), Number(body["amount"]))
      case "/inquire-refund": {
        const refund = this.#refunds.get(String(body["refund"]))
        return refund === undefined
          ? { state: "ABSENT" }
          : { state: "REFUNDED", refund: body["refund"], ...refund, payment: `R${order}` }
      }
      default:
        return { state: "UNKNOWN" }
    }
  }

  #pay(order: string, body: Body): Body | undefined {
    const known = this.#orders.get(order)
    if (known !== undefined) return this.#stateOf(known)
    const mood = this.#mood()
    this.moodCounts[mood] = (this.moodCounts[mood] ?? 0) + 1
    if (mood === "error") return { state: "ERROR", code: "SYSTEM_ERROR" }
    const charged: WalletOrder = {
      order,
      terminal: String(body["terminal"]).trim(),
      merchant: String(body["merchant"]),
      amount: Number(body["amount"]),
      currency: String(body["currency"]),
      payment: `4200${String(++this.#payments).padStart(12, "0")}`,
      state: mood === "decline" ? "failed" : mood === "wait" || mood === "wait-for-ever"
        ? "waiting"
        : "paid",
      asked: 0,
      patient: mood === "wait-for-ever"
    }
    this.#orders.set(order, charged)
    // Nothing is taken while the payer still thinks about it.
    if (charged.state !== "waiting") this.#book(charged, order, "sale", charged.amount)
    return mood === "lose-answer" ? undefined : this.#stateOf(charged)
  }

  #book(order: WalletOrder, reference: string, kind: "sale" | "refund", amount: number): void {
    const { book, name, time } = this.#options
    book.execute({
      upstream: name,
      reference,
      terminal: order.terminal,
      merchant: order.merchant,
      kind,
      amount,
      currency: order.currency,
      executedMs: time.wallMs(),
      decision: order.state === "failed" ? "declined" : "approved",
      times: 1,
      reversed: false,
      reversals: 0,
      repeats: 0
    })
  }

  #inquire(order: string): Body {
    const known = this.#orders.get(order)
    if (known === undefined) return { state: "ABSENT" }
    known.asked++
    if (known.state === "waiting" && !known.patient && known.asked >= 2) {
      known.state = "paid"
      this.#book(known, order, "sale", known.amount)
    }
    return this.#stateOf(known)
  }

  #undo(order: string): Body {
    const { book, name, random } = this.#options
    if (random.next() < this.temper.refuseUndo) return { state: "ERROR", code: "SYSTEM_ERROR" }
    const known = this.#orders.get(order)
    if (known === undefined) {
      // It may still come: a number that was undone is never charged.
      this.#orders.set(order, {
        order,
        terminal: "",
        merchant: "",
        amount: 0,
        currency: "",
        payment: "",
        state: "undone",
        asked: 0,
        patient: false
      })
    } else if (known.state !== "failed") known.state = "undone"
    book.reverse(name, order, false)
    return { state: "UNDONE", order }
  }

  #refund(order: string, refund: string, amount: number): Body {
    const known = this.#orders.get(order)
    if (known?.state !== "paid") return { state: "FAILED", code: "NOT_PAID" }
    if (!this.#refunds.has(refund)) {
      this.#refunds.set(refund, { order, amount })
      this.#book(known, refund, "refund", amount)
    }
    return { state: "ACCEPTED", refund, order, amount }
  }

  #stateOf({ amount, currency, order, payment, state }: WalletOrder): Body {
    const facts = { order, amount, currency, payment }
    switch (state) {
      case "paid":
        return { state: "PAID", ...facts }
      case "failed":
        return { state: "FAILED", code: "NOT_ENOUGH", ...facts }
      case "waiting":
        return { state: "WAITING", code: "USERPAYING", ...facts }
      case "undone":
        return { state: "UNDONE", ...facts }
    }
  }

  #signed(request: HttpRequest, answer: Body): HttpResponse {
    const body = JSON.stringify(answer)
    const timestamp = String(Math.floor(this.#options.time.wallMs() / 1000))
    const text = `${timestamp}\n${request.headers.get("x-nonce") ?? ""}\n${body}\n`
    const signature = createHmac("sha256", this.#options.secret).update(text).digest("hex")
    return {
      status: 200,
      headers: new Map([
        ["content-type", "application/json"],
        ["x-timestamp", timestamp],
        ["x-signature", signature]
      ]),
      body: Buffer.from(body)
    }
  }

  #mood(): WalletMood {
    const { shares } = this.temper
    let total = 0
    for (const mood of walletMoods) total += shares[mood] ?? 0
    let left = this.#options.random.next() * total
    for (const mood of walletMoods) {
      left -= shares[mood] ?? 0
      if (left < 0) return mood
    }
    return "pay"
  }
}

const unauthorized: HttpResponse = { status: 401, headers: new Map(), body: new Uint8Array(0) }

/** A payment that a customer made by scanning: what a notice tells. */
export interface PaidNotice {
  /** The notice's own number. */
  readonly id: string
  readonly payment: string
  readonly order?: string
  readonly counter?: string
  readonly amount: number
  readonly merchantAccount: string
  readonly paidMs: number
}

export interface SignedNotice {
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
}

/** The generic form: HMAC-SHA256 over timestamp, nonce and body, each ended by a line feed. */
export function genericNotice(
  notice: PaidNotice,
  secret: Uint8Array,
  nowMs: number,
  random: RandomShape
): SignedNotice {
  const body = JSON.stringify({ ...notice, event: "paid", currency: "156" })
  const timestamp = String(Math.floor(nowMs / 1000))
  const nonce = hex(random.bytes(16))
  const signature = createHmac("sha256", secret).update(`${timestamp}\n${nonce}\n${body}\n`)
    .digest("hex")
  return {
    headers: new Map([
      ["content-type", "application/json"],
      ["x-timestamp", timestamp],
      ["x-nonce", nonce],
      ["x-signature", signature]
    ]),
    body: Buffer.from(body)
  }
}

/** Sends a notice like a wallet does: again after each failure, on the wallet's own schedule. */
export function deliverNotice(
  http: HttpShape,
  timers: TimersShape,
  url: string,
  notice: SignedNotice,
  retryMs: ReadonlyArray<number>,
  done: (accepted: boolean, attempts: number) => void
): void {
  let attempts = 0
  const attempt = () => {
    attempts++
    http.call({
      method: "POST",
      url,
      headers: notice.headers,
      body: notice.body,
      timeoutMs: 5_000
    }, (outcome) => {
      const accepted = outcome._tag === "answered" && outcome.response.status >= 200 &&
        outcome.response.status < 300
      if (accepted) return done(true, attempts)
      const waitMs = retryMs[attempts - 1]
      if (waitMs === undefined) return done(false, attempts)
      timers.after(waitMs, attempt)
    })
  }
  attempt()
}
