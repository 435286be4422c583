/** The station before the simulated wallet, over real HTTP on loopback, signed both ways. */

import { Effect, Exit, Layer, Scope } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import { HotActors } from "../../src/actor/hot-actor.ts"
import { Timers } from "../../src/actor/timers.ts"
import { Codec, type CodecShape } from "../../src/domain/ports/codec.ts"
import { Http } from "../../src/domain/ports/http.ts"
import { Random, Time } from "../../src/domain/ports/time.ts"
import { Transport, type TransportShape } from "../../src/domain/ports/transport.ts"
import { type Ending, type UpstreamRequest, Upstreams } from "../../src/domain/ports/upstream.ts"
import { MachineHttp } from "../../src/listen/machine-http.ts"
import { MachineRandom, MachineTime } from "../../src/listen/machine-time.ts"
import { hmacWallet } from "../../src/qr/hmac-request.ts"
import { UpstreamBook } from "../../src/simulate/book.ts"
import { goodWallet, Wallet, type WalletMood } from "../../src/simulate/wallet.ts"
import { upstreamsLayer } from "../../src/upstream/upstreams.ts"
import { keys } from "../qr/wallet-account.ts"
import { Counts, record, upstreamConfig } from "./station.ts"

const base = Layer.mergeAll(
  MachineHttp,
  HotActors.layer,
  MachineRandom,
  Layer.succeed(Transport, Transport.of({} as TransportShape)),
  Layer.succeed(Codec, Codec.of({} as CodecShape))
).pipe(Layer.provideMerge(Timers.layer), Layer.provideMerge(MachineTime))

const opened: Array<Scope.Closeable> = []

afterEach(async () => {
  for (const scope of opened.splice(0)) await Effect.runPromise(Scope.close(scope, Exit.void))
})

const open = Effect.fnUntraced(function*(mood: WalletMood, scope: Scope.Closeable) {
  const context = yield* Layer.buildWithScope(base, scope)
  const run = Effect.provide(context)
  const services = yield* run(Effect.all({ random: Random, time: Time, timers: Timers }))
  const book = new UpstreamBook()
  const wallet = new Wallet({
    name: "bank",
    secret: keys.secret,
    book,
    temper: { ...goodWallet, shares: { [mood]: 1 } },
    ...services
  })
  const http = yield* run(Http)
  const serve = { name: "wallet", host: "127.0.0.1", port: 0, maxBodyBytes: 65_536 }
  const { port } = yield* Scope.provide(
    http.serve(serve, (request, respond) => wallet.handle(request, respond)),
    scope
  )
  const layer = upstreamsLayer({
    node: "n1",
    timeZone: "Asia/Shanghai",
    upstreams: [{
      ...upstreamConfig,
      kind: "wallet",
      links: [],
      account: "shop",
      url: `http://127.0.0.1:${port}`,
      inquiry: { firstMs: 50, everyMs: 50, giveUpMs: 10_000, undoNotBeforeMs: 0 }
    }],
    dialects: new Map(),
    framings: new Map(),
    mappings: new Map(),
    wallets: new Map([["shop", hmacWallet(keys)]]),
    maxFrameBytes: 8192,
    meter: new Counts()
  })
  const built = yield* run(Layer.buildWithScope(layer, scope))
  return { book, upstreams: yield* Effect.provide(Upstreams, built) }
})

async function shop(mood: WalletMood) {
  const scope = Effect.runSync(Scope.make())
  opened.push(scope)
  const { book, upstreams } = await Effect.runPromise(open(mood, scope))
  const send = (request: UpstreamRequest, timeoutMs: number) => {
    const reservation = upstreams.reserve("bank", request)
    if (typeof reservation === "string") throw new Error(reservation)
    const ending = new Promise<Ending>((done) => reservation.dispatch(timeoutMs, done))
    return { reservation, ending }
  }
  return { book, upstreams, send }
}

const sale: UpstreamRequest = { record: record("t1"), facts: {}, payCode: "130061098828009406" }

describe("a pay code over loopback", () => {
  it("is paid at once, after waiting, and when the answer was lost", async () => {
    for (const mood of ["pay", "wait", "lose-answer"] as const) {
      const { book, send } = await shop(mood)
      const { ending, reservation } = send(sale, 10_000)
      expect(await ending).toMatchObject({ _tag: "answered", answer: { approved: true } })
      const entries = [...book.entries.values()]
      expect(entries).toMatchObject([{ reference: reservation.walletReference, times: 1 }])
    }
  })

  it("is refused in the wallet's own word", async () => {
    const { send } = await shop("decline")
    expect(await send(sale, 10_000).ending).toMatchObject({
      answer: { approved: false, response: "NOT_ENOUGH", response1987: "51" }
    })
  })

  it("is undone when nobody ever said paid", async () => {
    const { book, send, upstreams } = await shop("wait-for-ever")
    const { ending, reservation } = send(sale, 300)
    expect(await ending).toEqual({ _tag: "timed-out" })
    const original = record("t1", { walletReference: reservation.walletReference! })
    const stan = upstreams.adviceStan("bank")
    const advice = { record: original, facts: {}, reason: "98", attempt: 0, stan }
    const undone = await new Promise<Ending>((done) => {
      upstreams.advise("bank", advice, 10_000, done)
    })
    expect(undone).toMatchObject({ _tag: "answered", answer: { approved: true } })
    // The payer never agreed, so nothing was taken; the number can never be charged any more.
    expect(book.entries.size).toBe(0)
    expect([...book.early]).toEqual([`bank|${reservation.walletReference}`])
  })

  it("is given back by a refund under a number of its own", async () => {
    const { send } = await shop("pay")
    const paid = send(sale, 10_000)
    await paid.ending
    const original = record("t1", { walletReference: paid.reservation.walletReference! })
    const refund = { record: record("t2", { kind: "refund", amount: 40 }), facts: {}, original }
    expect(await send(refund, 10_000).ending).toMatchObject({ answer: { approved: true } })
  })
})
