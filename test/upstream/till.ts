/** A till at a wallet that says what the test wants: it pays, and undoes what it paid. */

import { Layer } from "effect"
import { expect } from "vitest"
import type { UpstreamConfig } from "../../src/domain/config.ts"
import {
  Http,
  type HttpCall,
  type HttpOutcome,
  type HttpShape
} from "../../src/domain/ports/http.ts"
import type { AdviceSend, Ending, UpstreamRequest } from "../../src/domain/ports/upstream.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { hmacAnswerText, hmacHex, hmacWallet } from "../../src/qr/hmac-request.ts"
import { keys } from "../qr/wallet-account.ts"
import { record, Station } from "./station.ts"

export const walletConfig: Partial<UpstreamConfig> = {
  name: "bank",
  kind: "wallet",
  links: [],
  account: "shop",
  url: "http://wallet.test/api/",
  timeoutMs: 30_000,
  inquiry: { firstMs: 2000, everyMs: 3000, giveUpMs: 30_000, undoNotBeforeMs: 15_000 }
}

type Body = Readonly<Record<string, unknown>>
/** `lost`: it arrived and no answer comes. `held`: the test answers later. */
type Reply = Body | "lost" | "unsent" | "forged" | "held"

class FakeWallet {
  readonly asked: Array<{ readonly path: string; readonly body: Body }> = []
  readonly held: Array<() => void> = []
  replies: Readonly<Record<string, Reply>> = {}
  wallMs = () => 0

  readonly layer = Layer.sync(
    Http,
    () =>
      Http.of({ call: (call, done) => this.#call(call, done) } as Partial<HttpShape> as HttpShape)
  )

  paths(): Array<string> {
    return this.asked.map(({ path }) => path)
  }

  #call(call: HttpCall, done: (outcome: HttpOutcome) => void): void {
    const path = new URL(call.url).pathname.replace("/api", "")
    const body = JSON.parse(Buffer.from(call.body).toString()) as Body
    const reply = this.replies[path] ?? { state: "WAITING" }
    if (reply === "unsent") return done({ _tag: "unsent", code: "ECONNREFUSED" })
    this.asked.push({ path, body })
    const answer = (state: Body, secret: Uint8Array = keys.secret) => {
      const text = JSON.stringify({ ...body, payment: "P1", ...state })
      const timestamp = String(Math.floor(this.wallMs() / 1000))
      const nonce = call.headers.get("x-nonce") ?? ""
      const sign = hmacHex(secret, hmacAnswerText(timestamp, nonce, text))
      const headers = new Map([["x-timestamp", timestamp], ["x-signature", sign]])
      done({ _tag: "answered", response: { status: 200, headers, body: Buffer.from(text) } })
    }
    if (reply === "lost") return done({ _tag: "doubt", code: "ECONNRESET" })
    if (reply === "forged") return answer({ state: "PAID" }, Buffer.from("another secret"))
    if (reply === "held") return void this.held.push(() => answer({ state: "PAID" }))
    answer(reply)
  }
}

export class Till {
  readonly wallet = new FakeWallet()
  readonly station: Station

  constructor(change: Partial<UpstreamConfig> = {}, growingPace = false) {
    this.station = new Station({ ...walletConfig, ...change }, {
      wallets: new Map([["shop", { ...hmacWallet(keys), growingPace }]]),
      http: this.wallet.layer
    })
    this.wallet.wallMs = () => this.station.time.wall
  }

  request(change: Partial<UpstreamRequest> = {}): UpstreamRequest {
    return { record: record("t1"), facts: {}, payCode: "130061098828009406", ...change }
  }

  reserve(change: Partial<UpstreamRequest> = {}) {
    const reserved = this.station.upstreams.reserve("bank", this.request(change))
    if (typeof reserved === "string") throw new Error(reserved)
    return reserved
  }

  pay(change: Partial<UpstreamRequest> = {}) {
    const reservation = this.reserve(change)
    const endings: Array<Ending> = []
    expect(reservation.dispatch(30_000, (ending) => void endings.push(ending))).toBe(true)
    return { reservation, endings }
  }

  /** The record of a payment as the undo finds it. */
  recordOf(reference: string | undefined, change: Partial<TransactionRecord> = {}) {
    return record("t1", {
      walletReference: reference!,
      times: { receivedMs: 0, forwardedMs: this.station.time.wall },
      ...change
    })
  }

  undo(original: TransactionRecord, followed?: TransactionRecord): Array<Ending> {
    const endings: Array<Ending> = []
    const advice: AdviceSend = {
      record: original,
      ...(followed === undefined ? {} : { original: followed }),
      facts: {},
      reason: "98",
      attempt: 0,
      stan: this.station.upstreams.adviceStan("bank")
    }
    const sent = this.station.upstreams.advise(
      "bank",
      advice,
      3000,
      (end) => void endings.push(end)
    )
    expect(sent).toBe(true)
    this.station.time.pass(20)
    return endings
  }
}

/** `PAID` with the money of the order that is asked after. */
export const paidReply = { state: "PAID", amount: 100, currency: "156" }
