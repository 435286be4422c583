/**
 * From the loaded configuration to what each station wants to know. Pure; the names of the file
 * become the names of the stations here and nowhere else.
 */

import type { LoadedConfig } from "../config/loaded.ts"
import type { TerminalId } from "../domain/brand.ts"
import type { AdviceConfig } from "../domain/config.ts"
import { invariant } from "../domain/invariant.ts"
import { payLinkOf } from "../qr/pay-link.ts"
import { type KeyStore, seededWorkingKeys } from "../security/key-store.ts"

/** In flight over all terminals; above it new transactions are refused as overloaded. */
const maxInFlight = 20_000

/** How long a terminal may take to hear of a payment. */
const pushLifetimeMs = 24 * 3_600_000

/** How long a code on a device's screen may be paid. */
const codeLifetimeMs = 120_000

const sessionSettings = {
  keyGraceMs: 60_000,
  quarantineMs: 5_000,
  signOns: { perSecond: 2, burst: 10 },
  refuseInquiryAfterMs: 2_000,
  refuseSaleAfterMs: 8_000,
  pushRepeatMs: 10_000
} as const

export function transactionOptions({ config }: LoadedConfig) {
  const wallets = config.upstreams.filter(({ kind }) => kind === "wallet")
  return {
    deliverGraceMs: config.timeouts.deliverGraceMs,
    upstreamTimeoutMs: new Map(config.upstreams.map(({ name, timeoutMs }) => [name, timeoutMs])),
    wallets: new Set(wallets.map(({ name }) => name)),
    maxInFlight,
    cutOver: config.cutOver,
    cutOvers: new Map(
      config.upstreams.flatMap(({ cutOver, name }) =>
        cutOver === undefined ? [] : [[name, cutOver]]
      )
    ),
    timeZone: config.timeZone,
    drainMs: config.timeouts.drainMs
  }
}

export function adviceLanes({ config }: LoadedConfig): ReadonlyMap<string, AdviceConfig> {
  return new Map(config.upstreams.map(({ advice, name }) => [name, advice]))
}

export function upstreamOptions({ config, dialects, framings, mappings }: LoadedConfig) {
  return {
    node: config.node,
    timeZone: config.timeZone,
    upstreams: config.upstreams,
    dialects,
    framings,
    mappings,
    maxFrameBytes: Math.max(8_192, ...config.listeners.map(({ maxFrameBytes }) => maxFrameBytes))
  }
}

/** Hooks of the session house, less what the key store says. */
export function sessionOptions<Hooks extends object>(
  { config, parameters }: LoadedConfig,
  store: KeyStore,
  hooks: Hooks
) {
  const seeded = seededWorkingKeys(store)
  const { echoAfterIdleMs: afterIdleMs, echoMisses: misses, maxPerAddress } = config.sessions
  const { perAddress, perMerchant, perTerminal } = config.sessions
  return {
    settings: {
      ...sessionSettings,
      drainMs: config.timeouts.drainMs,
      ...(afterIdleMs === 0 ? {} : { echo: { afterIdleMs, misses } }),
      maxSessionsPerAddress: maxPerAddress,
      ...(perAddress === undefined ? {} : { perAddress }),
      ...(perTerminal === undefined ? {} : { perTerminal }),
      ...(perMerchant === undefined ? {} : { perMerchant })
    },
    timeZone: config.timeZone,
    hooks: {
      ...hooks,
      seedKeys: (terminal: TerminalId) => seeded.get(terminal.trim()),
      parameters: (group: string) => parameters.get(group)
    }
  }
}

/** Listeners of terminals that speak ISO 8583, each with its compiled dialect and framing. */
export function sessionListeners({ config, dialects, framings }: LoadedConfig) {
  return config.listeners.filter(({ kind }) => kind === "iso8583").map((listener) => {
    const dialect = dialects.get(listener.dialect)
    const framing = framings.get(listener.framing)
    invariant(dialect !== undefined, `listener ${listener.name} has a dialect`)
    invariant(framing !== undefined, `listener ${listener.name} has a framing`)
    return { config: listener, dialect, framing }
  })
}

/** Listeners of MessagePack devices; a code on their screen is the order's payment page. */
export function deviceListeners({ config }: LoadedConfig) {
  const settings = { codeLifetimeMs, codeOf: (order: string) => payLinkOf(config.public, order) }
  return config.listeners.filter(({ kind }) => kind === "devices").map((listener) => ({
    config: listener,
    settings
  }))
}

export function notificationOptions({ config }: LoadedConfig) {
  return {
    public: config.public,
    listeners: config.listeners.filter(({ kind }) => kind === "notifications"),
    payPages: config.listeners.some(({ kind }) => kind === "devices"),
    pushLifetimeMs,
    drainMs: config.timeouts.drainMs
  }
}
