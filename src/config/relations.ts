/**
 * What must hold between the keys of one configuration, whoever reads it: names that are referred
 * to exist, deadlines nest, and what is unsafe was said to be meant. Pure; each fault has a path.
 */

import { isIP } from "node:net"
import type { AccountConfig, ListenerConfig, UpstreamConfig } from "../domain/config.ts"
import { maxNetworks, parseNetwork } from "../domain/networks.ts"
import { upstreamOf } from "../domain/route-target.ts"
import type { OnFault } from "../domain/source-fault.ts"
import { sessionMemoryBytes } from "./limits.ts"
import type { Settings } from "./loaded.ts"
import { suggestion } from "./suggest.ts"

/** Calls `fault` for every relation that does not hold. */
export function checkRelations(config: Settings, fault: OnFault): void {
  checkApart("listeners", "name", config.listeners, fault)
  checkApart("upstreams", "name", config.upstreams, fault)
  checkApart("public.accounts", "name", config.public.accounts, fault)
  checkApart("public.accounts", "path", config.public.accounts, fault)
  checkApart("routes", "name", config.routes, fault)
  config.public.accounts.forEach((account, index) =>
    checkAccount(account, needed[account.scheme], "believed", `public.accounts[${index}]`, fault)
  )
  checkMerchants(config.public.accounts, fault)
  checkPorts(config, fault)
  checkMemory(config.listeners, fault)
  config.listeners.forEach((listener, index) =>
    checkListener(listener, `listeners[${index}]`, config, fault)
  )
  config.upstreams.forEach((upstream, index) => {
    const path = `upstreams[${index}]`
    checkUpstream(upstream, path, config, fault)
    checkLine(upstream, path, fault)
    if (upstream.kind === "iso8583") checkAcquirer(upstream, path, fault)
    else checkWallet(upstream, path, config, fault)
  })
  checkPins(config, fault)
  checkRoutes(config, fault)
  checkHouse(config, fault)
}

function checkApart<Key extends string>(
  path: string,
  key: Key,
  items: ReadonlyArray<Readonly<Record<Key, string>>>,
  fault: OnFault
): void {
  const first = new Map<string, number>()
  items.forEach((item, index) => {
    const value = item[key]
    const before = first.get(value)
    if (before === undefined) first.set(value, index)
    else fault(`${path}[${index}].${key}`, `${value} is the ${key} of ${path}[${before}] already`)
  })
}

type AccountKeys = ReadonlyArray<keyof AccountConfig>

/** Without these no notice of the scheme can be believed, and no answer. */
const needed: Readonly<Record<AccountConfig["scheme"], AccountKeys>> = {
  wechat: ["secret", "publicKeys"],
  alipay: ["publicKeys"],
  unionpay: ["publicKeys"],
  hmac: ["secret"]
}

/** Without these no request can be made. */
const neededToAsk: Readonly<Record<AccountConfig["scheme"], AccountKeys>> = {
  wechat: ["privateKey", "serial", "appId"],
  alipay: ["privateKey", "appId"],
  unionpay: ["privateKey", "serial"],
  hmac: []
}

function checkAccount(
  account: AccountConfig,
  keys: AccountKeys,
  use: "believed" | "asked",
  path: string,
  fault: OnFault
): void {
  for (const key of keys) {
    const given = account[key]
    if (given !== undefined && Object.keys(given).length > 0) continue
    fault(`${path}.${key}`, `missing: an account at ${account.scheme} cannot be ${use} without it`)
  }
}

/**
 * A scheme counts payments for all of its merchants, each generic wallet for itself: of two that
 * call us alike, a payment of one would pass for a repeat of the other's.
 */
function checkMerchants(accounts: ReadonlyArray<AccountConfig>, fault: OnFault): void {
  const names = new Map<string, string>()
  accounts.forEach(({ merchantId, name, scheme }, index) => {
    if (scheme !== "hmac") return
    const before = names.get(merchantId)
    if (before === undefined) names.set(merchantId, name)
    else {
      fault(
        `public.accounts[${index}].merchantId`,
        `${before} and ${name} are both ${merchantId} for generic wallets, whose payments could ` +
          "not be told apart: let one of the two call us by another merchantId"
      )
    }
  })
}

function checkPorts(config: Settings, fault: OnFault): void {
  const places = [
    ...config.listeners.map(({ host, port }, index) => ({
      host,
      path: `listeners[${index}]`,
      port
    })),
    { ...config.admin, path: "admin" },
    { ...config.public, path: "public" }
  ]
  const wild = (host: string) => host === "0.0.0.0" || host === "::"
  places.forEach((place, index) => {
    const other = places.slice(0, index).find((each) =>
      each.port !== 0 && each.port === place.port &&
      (each.host === place.host || wild(each.host) || wild(place.host))
    )
    if (other !== undefined) {
      fault(`${place.path}.port`, `port ${place.port} is taken by ${other.path}`)
    }
  })
}

function checkMemory(listeners: ReadonlyArray<ListenerConfig>, fault: OnFault): void {
  const bytes = listeners.reduce(
    (sum, each) => sum + each.maxSessions * (each.maxFrameBytes + each.maxPendingBytes),
    0
  )
  if (bytes <= sessionMemoryBytes) return
  const GiB = 1024 ** 3
  fault(
    "listeners",
    `sessions may hold ${(bytes / GiB).toFixed(1)} GiB together, above the ` +
      `${sessionMemoryBytes / GiB} GiB allowed: lower maxSessions, maxFrameBytes or maxPendingBytes`
  )
}

function isLoopback(host: string): boolean {
  // An address of version 6 stands in brackets in a URL.
  return host === "[::1]" || host === "localhost" || host === "::1" ||
    /^127(?:\.\d{1,3}){3}$/.test(host)
}

function checkListener(
  listener: ListenerConfig,
  path: string,
  config: Settings,
  fault: OnFault
): void {
  if (listener.tls === undefined && !isLoopback(listener.host) && !config.privateNetwork) {
    fault(
      `${path}.host`,
      `plain TCP on ${listener.host}: add tls, or say privateNetwork: true when its peers come ` +
        "over a private network"
    )
  }
  const tls = listener.tls
  if (tls !== undefined && tls.clientCertificate !== "none" && tls.authorityFile === undefined) {
    fault(`${path}.tls.authorityFile`, "needed to judge client certificates")
  }
  const { echoAfterIdleMs } = config.sessions
  if (listener.kind === "iso8583" && echoAfterIdleMs >= listener.idleMs) {
    fault(
      `${path}.idleMs`,
      `${listener.idleMs} is not above sessions.echoAfterIdleMs ${echoAfterIdleMs}: a session ` +
        "would end before it is asked for an echo"
    )
  }
  listener.balancers?.forEach((address, index) => {
    if (isIP(address) === 0) fault(`${path}.balancers[${index}]`, `${address} is no IP address`)
  })
  const { allow = [] } = listener
  if (allow.length > maxNetworks) {
    fault(`${path}.allow`, `${allow.length} entries: at most ${maxNetworks}; name networks`)
  }
  allow.forEach((text, index) => {
    const network = parseNetwork(text)
    if (typeof network === "string") fault(`${path}.allow[${index}]`, `${text}: ${network}`)
  })
  if (listener.frameMs > listener.idleMs) {
    fault(`${path}.frameMs`, "above idleMs: a frame could outlive its session")
  }
  if (listener.maxPendingBytes < listener.maxFrameBytes) {
    fault(`${path}.maxPendingBytes`, "below maxFrameBytes: one answer could cut the session")
  }
}

function checkOrder<Key extends string>(
  path: string,
  times: Readonly<Record<Key, number>>,
  low: Key,
  high: Key,
  fault: OnFault
): void {
  if (times[low] <= times[high]) return
  fault(`${path}.${low}`, `${times[low]} is above ${path.split(".").at(-1)}.${high} ${times[high]}`)
}

function checkUpstream(
  upstream: UpstreamConfig,
  path: string,
  { timeouts }: Settings,
  fault: OnFault
): void {
  const { advice, breaker, inquiry, reconnect } = upstream
  if (upstream.timeoutMs + timeouts.marginMs >= timeouts.terminalMs) {
    fault(
      `${path}.timeoutMs`,
      `${upstream.timeoutMs} and timeouts.marginMs ${timeouts.marginMs} must stay below ` +
        `timeouts.terminalMs ${timeouts.terminalMs}, or terminals give up before we know`
    )
  }
  const ordered = <Key extends string>(
    part: string,
    times: Readonly<Record<Key, number>>,
    low: Key,
    high: Key
  ) => checkOrder(`${path}.${part}`, times, low, high, fault)
  ordered("reconnect", reconnect, "firstMs", "maxMs")
  ordered("breaker", breaker, "openMs", "maxOpenMs")
  ordered("advice", advice, "firstMs", "maxMs")
  ordered("advice", advice, "maxMs", "expireAfterMs")
  if (inquiry !== undefined) ordered("inquiry", inquiry, "firstMs", "giveUpMs")
  if (breaker.slowMs >= upstream.timeoutMs) {
    fault(
      `${path}.breaker.slowMs`,
      `${breaker.slowMs} is not below timeoutMs ${upstream.timeoutMs}: nothing could be slow`
    )
  }
  if (Math.floor(upstream.window * upstream.adviceShare) < 1) {
    fault(`${path}.adviceShare`, `its share of window ${upstream.window} leaves no place`)
  }
}

/**
 * What we dial out of this machine in clear: card numbers and amounts on an upstream's line, PIN
 * blocks and keys' cryptograms on a module's. That a network behind our listeners is private says
 * nothing of the way to a peer, so each line says it for itself.
 */
function checkLine(
  { links, privateLine, tls, url }: UpstreamConfig,
  path: string,
  fault: OnFault
): void {
  if (privateLine) return
  const unless = "or say privateLine: true when no stranger is on the way"
  if (tls === undefined) {
    links.forEach(({ host }, index) => {
      if (isLoopback(host)) return
      fault(`${path}.links[${index}].host`, `plain TCP to ${host}: add tls, ${unless}`)
    })
  }
  const place = url === undefined ? null : URL.parse(url)
  if (place?.protocol === "http:" && !isLoopback(place.hostname)) {
    fault(`${path}.url`, `plain HTTP to ${place.hostname}: name it with https, ${unless}`)
  }
}

function checkAcquirer(upstream: UpstreamConfig, path: string, fault: OnFault): void {
  if (upstream.links.length === 0) fault(`${path}.links`, "an ISO 8583 upstream has one at least")
  upstream.links.forEach((link, index) => {
    if (link.port === 0) fault(`${path}.links[${index}].port`, "0 is no port to connect to")
  })
  const { tls } = upstream
  if ((tls?.keyFile === undefined) !== (tls?.certificateFile === undefined)) {
    fault(`${path}.tls`, "our certificate and its key come together: name both or neither")
  }
  for (const key of ["account", "url", "inquiry"] as const) {
    if (upstream[key] !== undefined) fault(`${path}.${key}`, "only wallets have this")
  }
}

/** PCI PIN: a clear PIN exists in a security module, or is none. */
function checkPins({ keyStore, upstreams }: Settings, fault: OnFault): void {
  if (keyStore.test || keyStore.hsm !== undefined) return
  upstreams.forEach(({ pin }, index) => {
    if (pin === undefined) return
    fault(
      `upstreams[${index}].pin`,
      "PINs are translated in a security module (keyStore.hsm), or where keyStore.test is true"
    )
  })
}

function checkWallet(
  upstream: UpstreamConfig,
  path: string,
  config: Settings,
  fault: OnFault
): void {
  if (upstream.url === undefined) fault(`${path}.url`, "missing: a wallet has the URL of its API")
  const { accounts } = config.public
  const names = accounts.map(({ name }) => name)
  const place = names.indexOf(upstream.account ?? "")
  const account = accounts[place]
  if (upstream.account === undefined) {
    fault(`${path}.account`, "missing: a wallet has an account in public.accounts")
  } else if (account === undefined) {
    const near = suggestion(upstream.account, names)
    fault(`${path}.account`, `public.accounts has no ${upstream.account}.${near}`)
  } else {
    checkAccount(
      account,
      neededToAsk[account.scheme],
      "asked",
      `public.accounts[${place}]`,
      fault
    )
  }
  if (upstream.inquiry === undefined) {
    fault(
      `${path}.inquiry`,
      "missing: a wallet is asked what became of a payment; {} says how often"
    )
  }
  if (upstream.links.length > 0) fault(`${path}.links`, "only ISO 8583 upstreams have links")
  for (const key of ["macKey", "pin", "tls"] as const) {
    if (upstream[key] !== undefined) fault(`${path}.${key}`, "only ISO 8583 upstreams have this")
  }
}

function checkRoutes(config: Settings, fault: OnFault): void {
  const names = config.upstreams.map(({ name }) => name)
  config.routes.forEach((route, index) =>
    route.to.forEach((target, place) => {
      const name = upstreamOf(target)
      if (names.includes(name)) return
      const near = suggestion(name, names)
      fault(`routes[${index}].to[${place}]`, `there is no upstream named ${name}.${near}`)
    })
  )
}

function checkHouse(config: Settings, fault: OnFault): void {
  const { journal, keyStore: { hsm }, timeouts } = config
  if (hsm !== undefined) {
    checkOrder("keyStore.hsm.reconnect", hsm.reconnect, "firstMs", "maxMs", fault)
    hsm.links.forEach(({ host }, index) => {
      if (hsm.privateLine || isLoopback(host)) return
      fault(
        `keyStore.hsm.links[${index}].host`,
        `plain TCP to ${host}: dial it through a TLS tunnel on loopback, or say privateLine: ` +
          "true when no stranger is on the way"
      )
    })
  }
  if (journal.mode !== "strict" && !journal.unsafe) {
    fault("journal.mode", `${journal.mode} may lose money when power fails; say unsafe: true`)
  }
  if (!isLoopback(config.admin.host) && !config.privateNetwork) {
    fault("admin.host", "the admin listener asks for no password: keep it on loopback")
  }
  if (!zoneKnown(config.timeZone)) fault("timeZone", `${config.timeZone}: no such time zone`)
  const longest = Math.max(...config.upstreams.map(({ timeoutMs }) => timeoutMs))
  if (timeouts.drainMs < longest) {
    fault(
      "timeouts.drainMs",
      `below the longest upstream timeout ${longest}: answers would be lost`
    )
  }
}

function zoneKnown(zone: string): boolean {
  try {
    return Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone !== ""
  } catch {
    return false
  }
}
