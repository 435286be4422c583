/** `pointsman wallet`: a simulated wallet that takes pay codes and sends signed notices. */

import { Effect, Redacted } from "effect"
import { Timers } from "../actor/timers.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import { resolveSecret } from "../config/secrets.ts"
import type { AccountConfig } from "../domain/config.ts"
import { Http } from "../domain/ports/http.ts"
import { Random, Time } from "../domain/ports/time.ts"
import { UpstreamBook } from "../simulate/book.ts"
import { PaymentBook } from "../simulate/payment-book.ts"
import {
  deliverNotice,
  genericNotice,
  goodWallet,
  Wallet,
  walletMoods
} from "../simulate/wallet.ts"
import { openBook } from "./book-file.ts"
import { loadedConfig } from "./configuration.ts"
import { asked, runOnMachine } from "./machine.ts"
import { sharesOf } from "./shares.ts"
import { type Action, type Call, configFlag, Refusal } from "./verb.ts"

const maxBodyBytes = 65_536
/** As WeChat Pay repeats a notice, less the hours. */
const retryMs = [15_000, 15_000, 30_000, 180_000, 600_000]

export const verb: Action = {
  about:
    "Answers as the wallet of an upstream of the configuration, and sends notices of payments " +
    "at printed shop codes to the switch, signed like a real wallet's.",
  parameters: [],
  flags: {
    config: configFlag,
    upstream: { type: "text", value: "<name>", about: "which wallet to play", fallback: "wallet" },
    mood: {
      type: "text",
      value: "<shares>",
      about: `shares of moods, as pay=9,wait=1 (${walletMoods.join(" ")})`,
      fallback: "pay=1"
    },
    notices: { type: "number", value: "<n>", about: "notices a second", fallback: 0 },
    book: {
      type: "text",
      value: "<file>",
      about: "append its own book to this file: pay codes, and payments at shop codes"
    }
  },
  examples: [["wallet --mood pay=9,wait=1 --notices 5", "a lively wallet"]],
  run
}

async function run(call: Call): Promise<0> {
  const loaded = await loadedConfig(call)
  const { account, port } = accountOf(call, loaded)
  const file = openBook(call.text("book"))
  const name = call.text("upstream") ?? ""
  const shares = sharesOf(call, "mood", walletMoods)
  const program = Effect.gen(function*() {
    const http = yield* Http
    if (account.secret === undefined) {
      return yield* Effect.fail({ _tag: "NoSecret", advice: `${account.name} has no secret` })
    }
    const secret = Buffer.from(Redacted.value(yield* resolveSecret(account.secret)))
    const wallet = new Wallet({
      name,
      secret,
      time: yield* Time,
      timers: yield* Timers,
      random: yield* Random,
      book: new UpstreamBook(file.sink),
      temper: { ...goodWallet, shares }
    })
    yield* http.serve(
      { name: "wallet", host: "127.0.0.1", port, maxBodyBytes },
      (request, respond) => wallet.handle(request, respond)
    )
    const book = new PaymentBook(file.sink)
    const perSecond = call.number("notices") ?? 0
    const sent = yield* sendNotices({ book, name, perSecond, account, secret }, loaded)
    call.streams.say(`${name} listens on ${port}`)
    yield* asked(call.streams)
    call.streams.out(
      `${JSON.stringify({ upstream: name, moods: wallet.moodCounts, notices: sent })}\n`
    )
  })
  await runOnMachine(program)
  file.close()
  return 0
}

function accountOf(call: Call, { config }: LoadedConfig) {
  const name = call.text("upstream") ?? ""
  const upstream = config.upstreams.find((each) => each.name === name && each.kind === "wallet")
  const account = config.public.accounts.find((each) => each.name === upstream?.account)
  if (upstream?.url === undefined || account === undefined) {
    const known = config.upstreams.filter(({ kind }) => kind === "wallet").map((each) => each.name)
    throw new Refusal(2, `--upstream ${name}: the configuration's wallets are ${known.join(", ")}`)
  }
  if (account.scheme !== "hmac") {
    throw new Refusal(2, `account ${account.name}: the simulator speaks the generic scheme, hmac`)
  }
  return { account, port: Number(new URL(upstream.url).port) }
}

interface Notices {
  readonly book: PaymentBook
  /** Of the wallet. */
  readonly name: string
  readonly perSecond: number
  readonly account: AccountConfig
  readonly secret: Uint8Array
}

/** Payments at counters of the estate, one after the other, until the scope closes. */
const sendNotices = Effect.fnUntraced(function*(
  { account, book, name, perSecond, secret }: Notices,
  { config, terminals }: LoadedConfig
) {
  const sent = { accepted: 0, given: 0, up: 0 }
  const counters = terminals.flatMap(({ counter, terminal }) =>
    counter === undefined ? [] : { counter, terminal: terminal.trim() }
  )
  if (perSecond <= 0 || counters.length === 0) return sent
  const http = yield* Http
  const time = yield* Time
  const timers = yield* Timers
  const random = yield* Random
  const url = `http://127.0.0.1:${config.public.port}${account.path}`
  const series = Buffer.from(random.bytes(6)).toString("hex")
  const stop = time.every(1000 / perSecond, () => {
    const number = ++sent.given
    const { counter, terminal } = counters[number % counters.length]!
    const payment = `p-${series}-${number}`
    const amount = 100 + number % 9_000
    const paidMs = time.wallMs()
    book.pay({ wallet: name, payment, terminal, amount, paidMs, accepted: false, told: 0 })
    const merchantAccount = account.merchantId
    const notice = genericNotice(
      { id: `n-${series}-${number}`, payment, counter, amount, merchantAccount, paidMs },
      secret,
      paidMs,
      random
    )
    deliverNotice(http, timers, url, notice, retryMs, (accepted) => {
      if (accepted) {
        sent.accepted++
        book.accept(payment)
      } else sent.up++
    })
  })
  yield* Effect.addFinalizer(() => Effect.sync(stop))
  return sent
})
