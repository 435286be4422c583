/** Who lives in the world beside the switch: terminals in two dialects, and acquirers. */

import type { TimersShape } from "../../actor/timers.ts"
import type { MerchantId, TerminalId } from "../../domain/brand.ts"
import { channels } from "../../domain/channel.ts"
import { kinds } from "../../domain/kind.ts"
import type { TerminalProfile } from "../../domain/ports/terminals.ts"
import type { Framing } from "../../frame/framing.ts"
import type { Dialect } from "../../iso8583/message.ts"
import { CipherCache } from "../../security/cipher-cache.ts"
import { Acquirer } from "../acquirer.ts"
import type { TerminalBook, UpstreamBook } from "../book.ts"
import { Concentrator } from "../concentrator.ts"
import type { PaymentBook } from "../payment-book.ts"
import { type OpenDownload, TerminalKeys } from "../terminal-keys.ts"
import { Terminal } from "../terminal.ts"
import { Wallet } from "../wallet.ts"
import { Chance } from "./chance.ts"
import { Counter } from "./counter.ts"
import { Incarnation, type WallClock, type WorldEvents, worldTime } from "./events.ts"
import { type Network, worldTransport } from "./network.ts"
import { usualEpochMs, type WorldPlan } from "./plan.ts"
import { Purse } from "./purse.ts"
import type { Web } from "./web.ts"

/** How one group of residents speaks, and where. */
export interface Tongue {
  readonly dialect: Dialect
  readonly framing: Framing
  readonly port: number
}

export interface Tongues {
  readonly unionPay: Tongue
  readonly iso: Tongue
  readonly acquirers: ReadonlyArray<Tongue & { readonly name: string }>
  readonly wallet: WalletTongue
  readonly devices: {
    readonly port: number
    /** The key of each device that the key store knows. */
    readonly keys: ReadonlyArray<{ readonly terminal: string; readonly key: Uint8Array }>
  }
  readonly openDownload: OpenDownload
  /** Name in the key store of the master key that `openDownload` uses. */
  readonly masterKey: string
}

/** The wallet upstream, and the account under which it sends notices. */
export interface WalletTongue {
  readonly name: string
  readonly port: number
  readonly account: string
  readonly merchantAccount: string
  readonly secret: Uint8Array
  readonly noticeUrl: string
  readonly streamPort: number
}

/** Residents' clocks are right, whatever happens to the switch's. */
function residentWall({ epochMs }: WorldPlan): WallClock {
  return { offsetMs: epochMs ?? usualEpochMs }
}

/** Timers of residents are events themselves: they lose power, but never their clock. */
export function residentTimers(events: WorldEvents): TimersShape {
  const owner = new Incarnation("residents")
  let pending = 0
  return {
    after: (delayMs, fire) => {
      let waits = true
      const end = () => {
        if (waits) pending--
        waits = false
      }
      pending++
      events.after(owner, delayMs, () => {
        if (!waits) return
        end()
        fire()
      })
      return { cancel: end }
    },
    stalled: () => false,
    stalls: () => 0,
    pending: () => pending
  }
}

export function unionPayName(index: number): string {
  return `C${String(index + 1).padStart(7, "0")}`
}

export function isoName(index: number): string {
  return `I${String(index + 1).padStart(7, "0")}`
}

/** The estate: everybody may do everything, so that only the storm decides what happens. */
export function profilesOf(
  plan: WorldPlan,
  { devices, masterKey }: Tongues
): ReadonlyArray<TerminalProfile> {
  const profile = (
    terminal: string,
    unionPay: boolean,
    more: Partial<TerminalProfile> = {}
  ): TerminalProfile => ({
    terminal: terminal as TerminalId,
    merchant: merchantOf(terminal) as MerchantId,
    merchantName: "Shop",
    group: unionPay ? "cup" : "iso",
    // Who asks on two connections proves on both of them who it is.
    identity: unionPay && plan.habits.twoLines > 0 ? "mac" : "sign-on",
    category: "5411",
    macRequired: unionPay,
    window: 2,
    kinds: new Set(kinds),
    channels: new Set(channels),
    currencies: new Set(["156", "840"]),
    partialApproval: true,
    reverseUnconfirmed: false,
    blocked: false,
    ...(unionPay ? { masterKey } : {}),
    ...more
  })
  return [
    ...Array.from(
      { length: plan.unionPayTerminals },
      (_, at) =>
        profile(unionPayName(at), true, at < plan.concentrated ? { concentrator: "shared" } : {})
    ),
    ...Array.from({ length: plan.isoTerminals }, (_, at) => profile(isoName(at), false)),
    ...devices.keys.slice(0, plan.counters).map(({ terminal }) =>
      profile(terminal, false, {
        group: "qr",
        identity: "hello",
        counter: counterOf(terminal),
        kinds: new Set(["sale"])
      })
    )
  ]
}

export function merchantOf(terminal: string): string {
  return `M${terminal}`.padEnd(15, "0")
}

export function counterOf(terminal: string): string {
  return `counter-${terminal}`
}

export function settleTerminals(
  plan: WorldPlan,
  tongues: Tongues,
  network: Network,
  timers: TimersShape,
  book: TerminalBook,
  onWrong: (what: string) => void
): Array<Terminal> {
  const { events } = network
  const cache = new CipherCache({ maxKeys: 4_096, maxCiphers: 4_096 })
  const shared = new Concentrator(
    worldTransport(network, new Incarnation("concentrator")),
    tongues.unionPay.framing
  )
  const make = (name: string, tongue: Tongue, handle: number): Terminal => {
    const owner = new Incarnation(name)
    const isShared = handle > 0 && handle <= plan.concentrated
    const takesCodes = plan.payCodes > 0 && tongue.dialect.pathOf("payCode") !== undefined
    const mix = { ...plan.habits.mix, ...(takesCodes ? { "pay-code": plan.payCodes } : {}) }
    const keys = handle === 0 ? undefined : new TerminalKeys(
      cache,
      handle,
      tongue.dialect,
      tongues.openDownload
    )
    return new Terminal({
      terminal: name,
      merchant: merchantOf(name),
      dialect: tongue.dialect,
      framing: tongue.framing,
      host: "127.0.0.1",
      port: tongue.port,
      signsOn: true,
      keys,
      habits: {
        ...plan.habits,
        mix,
        questions: plan.questions,
        // What is shared has one connection, and nobody closes it alone.
        ...(isShared ? { twoLines: 0, halfClose: 0 } : {})
      },
      transport: isShared ? shared.port() : worldTransport(network, owner),
      time: worldTime(events, owner, residentWall(plan)),
      timers,
      random: new Chance(plan.seed, name),
      book,
      ...(plan.cards === undefined ? {} : { cards: plan.cards }),
      onWrong: (what) => onWrong(`terminal ${name} was sent ${what} (I4)`)
    })
  }
  return [
    ...Array.from(
      { length: plan.unionPayTerminals },
      (_, at) => make(unionPayName(at), tongues.unionPay, at + 1)
    ),
    ...Array.from({ length: plan.isoTerminals }, (_, at) => make(isoName(at), tongues.iso, 0))
  ]
}

export function settleAcquirers(
  plan: WorldPlan,
  tongues: Tongues,
  network: Network,
  timers: TimersShape,
  book: UpstreamBook,
  onWrong: (what: string) => void
): Array<Acquirer> {
  const { events } = network
  return tongues.acquirers.map(({ dialect, framing, name, port }, index) => {
    const owner = new Incarnation(name)
    const acquirer = new Acquirer({
      name,
      dialect,
      framing,
      time: worldTime(events, owner, residentWall(plan)),
      timers,
      random: new Chance(plan.seed, name),
      book,
      temper: plan.tempers[index % plan.tempers.length]!,
      onWrong
    })
    network.listen(owner, port, (connection) => acquirer.accept(connection))
    acquirer.flap()
    return acquirer
  })
}

/** The wallet that takes pay codes over HTTP. */
export function settleWallet(
  plan: WorldPlan,
  { wallet: { name, port, secret } }: Tongues,
  web: Web,
  timers: TimersShape,
  book: UpstreamBook
): Wallet {
  const owner = new Incarnation(name)
  const wallet = new Wallet({
    name,
    secret,
    time: worldTime(web.events, owner, residentWall(plan)),
    timers,
    random: new Chance(plan.seed, name),
    book,
    temper: plan.wallet
  })
  web.open(owner, port, (request, respond) => wallet.handle(request, respond))
  return wallet
}

/** Counters with their devices, and the customers who scan there. */
export function settleCounters(
  plan: WorldPlan,
  { devices, wallet }: Tongues,
  network: Network,
  web: Web,
  timers: TimersShape,
  books: { readonly terminals: TerminalBook; readonly payments: PaymentBook },
  onWrong: (what: string) => void
): { readonly counters: Array<Counter>; readonly purse: Purse } {
  const { events } = network
  const customers = new Incarnation("customers")
  const purse = new Purse({
    ...wallet,
    wallet: wallet.name,
    url: wallet.noticeUrl,
    habits: plan.purse,
    http: web.of(customers),
    transport: worldTransport(network, customers),
    time: worldTime(events, customers, residentWall(plan)),
    timers,
    random: new Chance(plan.seed, "customers"),
    book: books.payments,
    onWrong
  })
  const counters = devices.keys.slice(0, plan.counters).map(({ key, terminal }) => {
    const owner = new Incarnation(terminal)
    const random = new Chance(plan.seed, terminal)
    const transport = worldTransport(network, owner)
    return new Counter({
      name: terminal,
      merchant: merchantOf(terminal),
      counter: counterOf(terminal),
      questions: plan.questions,
      habits: plan.counter,
      device: { key, host: "127.0.0.1", port: devices.port, transport, timers, random, pingMs },
      time: worldTime(events, owner, residentWall(plan)),
      timers,
      random,
      book: books.terminals,
      payments: books.payments,
      purse,
      onWrong
    })
  })
  return { counters, purse }
}

/** Below the listener's patience with an idle device. */
const pingMs = 30_000
