/** Who lives in the world beside the switch: terminals in two dialects, and acquirers. */

import type { TimersShape } from "../../actor/timers.ts"
import type { MerchantId, TerminalId } from "../../domain/brand.ts"
import { channels } from "../../domain/channel.ts"
import { type Kind, kinds } from "../../domain/kind.ts"
import type { PinFormat } from "../../domain/ports/security-module.ts"
import type { TerminalProfile } from "../../domain/ports/terminals.ts"
import type { Framing } from "../../frame/framing.ts"
import type { Dialect } from "../../iso8583/message.ts"
import { CipherCache } from "../../security/cipher-cache.ts"
import type { UnwrappedKey } from "../../security/key-block.ts"
import { Acquirer } from "../acquirer.ts"
import type { TerminalBook, UpstreamBook } from "../book.ts"
import { Concentrator } from "../concentrator.ts"
import { DukptKeys } from "../dukpt-keys.ts"
import { Issuer } from "../issuer.ts"
import type { PaymentBook } from "../payment-book.ts"
import { calmHabits, type TerminalHabits } from "../terminal-habits.ts"
import { type OpenDownload, TerminalKeys } from "../terminal-keys.ts"
import type { TerminalOptions } from "../terminal-options.ts"
import { Terminal } from "../terminal.ts"
import { Wallet } from "../wallet.ts"
import { Chance } from "./chance.ts"
import { Counter } from "./counter.ts"
import { Eavesdropper } from "./eavesdropper.ts"
import { Incarnation, type WallClock, type WorldEvents, worldTime } from "./events.ts"
import { type Network, worldTransport } from "./network.ts"
import type { PinPads } from "./pin-pads.ts"
import { usualEpochMs, type WorldPlan } from "./plan.ts"
import { Purse } from "./purse.ts"
import type { Web } from "./web.ts"

/** How one group of residents speaks, and where. */
export interface Tongue {
  readonly dialect: Dialect
  readonly framing: Framing
  readonly port: number
}

/** Where the switch puts PINs under a key that it shares with the acquirer. */
export interface AcquirerTongue extends Tongue {
  readonly name: string
  readonly zone: { readonly key: Uint8Array; readonly format: PinFormat }
}

/** Where the key of each message is derived from this base key. */
export interface DukptTongue extends Tongue {
  readonly baseKey: string
  readonly base: UnwrappedKey
  readonly pinFormat: PinFormat
}

export interface Tongues {
  readonly unionPay: Tongue
  readonly iso: Tongue
  /** Triple DES, AES. */
  readonly dukpt: ReadonlyArray<DukptTongue>
  readonly acquirers: ReadonlyArray<AcquirerTongue>
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

export function dukptName(index: number): string {
  return `D${String(index + 1).padStart(7, "0")}`
}

function dukptTongue({ dukpt }: Tongues, index: number): DukptTongue {
  return dukpt[index % dukpt.length]!
}

/** The estate: everybody may do everything, so that only the storm decides what happens. */
export function profilesOf(
  plan: WorldPlan,
  tongues: Tongues
): ReadonlyArray<TerminalProfile> {
  const { devices, masterKey } = tongues
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
    ...Array.from({ length: plan.dukptTerminals }, (_, at) => {
      const { baseKey, pinFormat } = dukptTongue(tongues, at)
      const keys = { identity: "mac", macRequired: true, baseKey, pinFormat } as const
      return profile(dukptName(at), false, keys)
    }),
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

function merchantOf(terminal: string): string {
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
  eavesdroppers: ReadonlyArray<Eavesdropper>,
  pads: PinPads,
  onWrong: (what: string) => void
): Array<Terminal> {
  const { events } = network
  const cache = new CipherCache({ maxKeys: 4_096, maxCiphers: 4_096 })
  const shared = new Concentrator(
    worldTransport(network, new Incarnation("concentrator")),
    tongues.unionPay.framing
  )
  const make = (name: string, tongue: Tongue, more: Partial<TerminalOptions> = {}): Terminal => {
    const owner = new Incarnation(name)
    const isShared = more.transport !== undefined
    const pinPad = more.keys === undefined ? undefined : pads.at(name)
    return new Terminal({
      terminal: name,
      merchant: merchantOf(name),
      dialect: tongue.dialect,
      framing: tongue.framing,
      host: "127.0.0.1",
      port: tongue.port,
      signsOn: true,
      keys: undefined,
      habits: {
        ...plan.habits,
        mix: mixOf(plan, tongue),
        questions: plan.questions,
        // What is shared has one connection, and nobody closes it alone.
        ...(isShared ? { twoLines: 0, halfClose: 0 } : {})
      },
      transport: worldTransport(network, owner),
      time: worldTime(events, owner, residentWall(plan)),
      timers,
      random: new Chance(plan.seed, name),
      book,
      ...(plan.cards === undefined ? {} : { cards: plan.cards }),
      ...(pinPad === undefined ? {} : { pinPad }),
      onWrong: (what) => onWrong(`terminal ${name} was sent ${what} (I4)`),
      ...more
    })
  }
  return [
    ...Array.from(
      { length: plan.unionPayTerminals },
      (_, at) =>
        make(unionPayName(at), tongues.unionPay, {
          keys: new TerminalKeys(cache, at + 1, tongues.unionPay.dialect, tongues.openDownload),
          ...(at < plan.concentrated ? { transport: shared.port() } : {})
        })
    ),
    ...Array.from({ length: plan.isoTerminals }, (_, at) => make(isoName(at), tongues.iso)),
    ...Array.from({ length: plan.dukptTerminals }, (_, at) => {
      const tongue = dukptTongue(tongues, at)
      const tap = eavesdroppers[at]
      return make(dukptName(at), tongue, {
        signsOn: false,
        keys: dukptKeys(plan, tongue, at),
        habits: dukptHabits(plan, tongue),
        ...(tap === undefined ? {} : { tap })
      })
    })
  ]
}

function mixOf({ habits: { mix }, payCodes }: WorldPlan, { dialect }: Tongue) {
  const takesCodes = payCodes > 0 && dialect.pathOf("payCode") !== undefined
  return takesCodes ? { ...mix, "pay-code": payCodes } : mix
}

function dukptKeys({ seed }: WorldPlan, tongue: DukptTongue, at: number): DukptKeys {
  const { base, dialect, pinFormat } = tongue
  const random = new Chance(seed, `${dukptName(at)}-device`)
  const lastCount = random.between(0, mostCounted)
  const renews = random.happens(0.5)
  return new DukptKeys({
    dialect,
    base,
    device: at + 1,
    format: pinFormat,
    random,
    lastCount,
    renews
  })
}

/** Counters that devices have behind them when the world begins. */
const mostCounted = 200

/** There are no keys to ask for, and no batch to close; and some of the kinds have no words. */
function dukptHabits({ habits, questions }: WorldPlan, { dialect }: Tongue): TerminalHabits {
  const { closeAfter } = calmHabits
  const mix = Object.fromEntries(
    Object.entries(habits.mix).filter(([kind]) => dialect.form(kind as Kind) !== undefined)
  )
  return { ...habits, mix, questions, closeAfter, rotateMs: 0 }
}

/** One for each terminal with DUKPT, or none at all. */
export function settleEavesdroppers(
  plan: WorldPlan,
  tongues: Tongues,
  network: Network,
  timers: TimersShape,
  onWrong: (what: string) => void
): Array<Eavesdropper> {
  if (plan.replayEveryMs === 0) return []
  return Array.from({ length: plan.dukptTerminals }, (_, at) => {
    const terminal = dukptName(at)
    const name = `${terminal}-eavesdropper`
    return new Eavesdropper({
      ...dukptTongue(tongues, at),
      terminal,
      everyMs: plan.replayEveryMs,
      transport: worldTransport(network, new Incarnation(name)),
      timers,
      random: new Chance(plan.seed, name),
      onWrong
    })
  })
}

export function settleAcquirers(
  plan: WorldPlan,
  tongues: Tongues,
  network: Network,
  timers: TimersShape,
  book: UpstreamBook,
  pads: PinPads,
  onWrong: (what: string) => void
): Array<Acquirer> {
  const { events } = network
  return tongues.acquirers.map(({ dialect, framing, name, port, zone }, index) => {
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
      issuer: new Issuer(zone.key, zone.format, pads.witnessAt(name)),
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
