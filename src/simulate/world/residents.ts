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
import { type OpenDownload, TerminalKeys } from "../terminal-keys.ts"
import { Terminal } from "../terminal.ts"
import { Chance } from "./chance.ts"
import { Incarnation, type WallClock, type WorldEvents, worldTime } from "./events.ts"
import { type Network, worldTransport } from "./network.ts"
import { usualEpochMs, type WorldPlan } from "./plan.ts"

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
  readonly openDownload: OpenDownload
  /** Name in the key store of the master key that `openDownload` uses. */
  readonly masterKey: string
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
export function profilesOf(plan: WorldPlan, masterKey: string): ReadonlyArray<TerminalProfile> {
  const profile = (terminal: string, unionPay: boolean): TerminalProfile => ({
    terminal: terminal as TerminalId,
    merchant: merchantOf(terminal) as MerchantId,
    merchantName: "Shop",
    group: unionPay ? "cup" : "iso",
    identity: "sign-on",
    category: "5411",
    macRequired: unionPay,
    window: 2,
    kinds: new Set(kinds),
    channels: new Set(channels),
    currencies: new Set(["156", "840"]),
    partialApproval: true,
    reverseUnconfirmed: false,
    blocked: false,
    ...(unionPay ? { masterKey } : {})
  })
  return [
    ...Array.from({ length: plan.unionPayTerminals }, (_, at) => profile(unionPayName(at), true)),
    ...Array.from({ length: plan.isoTerminals }, (_, at) => profile(isoName(at), false))
  ]
}

export function merchantOf(terminal: string): string {
  return `M${terminal}`.padEnd(15, "0")
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
  const make = (name: string, tongue: Tongue, handle: number): Terminal => {
    const owner = new Incarnation(name)
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
      habits: { ...plan.habits, questions: plan.questions },
      transport: worldTransport(network, owner),
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
