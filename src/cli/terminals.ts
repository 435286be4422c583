/** `pointsman terminals`: simulated terminals of the estate against a running switch. */

import { Effect } from "effect"
import { Timers } from "../actor/timers.ts"
import { loadKeyStore } from "../config/key-store-file.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import type { ListenerConfig } from "../domain/config.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import { Random, Time } from "../domain/ports/time.ts"
import { Transport } from "../domain/ports/transport.ts"
import type { Framing } from "../frame/framing.ts"
import { CipherCache } from "../security/cipher-cache.ts"
import type { KeyStore } from "../security/key-store.ts"
import { TerminalBook } from "../simulate/book.ts"
import { Concentrator, hasTpdu } from "../simulate/concentrator.ts"
import { type FleetKeys, keysOf } from "../simulate/fleet-keys.ts"
import { Fleet } from "../simulate/fleet.ts"
import { mistyping, type PinPad } from "../simulate/pin-pad.ts"
import { calmHabits, type TerminalHabits } from "../simulate/terminal-habits.ts"
import type { TerminalKind } from "../simulate/terminal-speech.ts"
import { Terminal } from "../simulate/terminal.ts"
import { openBook } from "./book-file.ts"
import { loadedConfig } from "./configuration.ts"
import { asked, runOnMachine } from "./machine.ts"
import { sharesOf } from "./shares.ts"
import { type Action, type Call, configFlag, Refusal } from "./verb.ts"

const terminalKinds: ReadonlyArray<TerminalKind> = [
  "sale",
  "void",
  "refund",
  "preauth",
  "preauth-cancel",
  "completion",
  "balance",
  "pay-code"
]

/** How long the terminals get to bring what is open to its end. */
const finishMs = 60_000

/** Runs that begin within this of each other would share a batch number. */
const batchEveryMs = 5_000

export const verb: Action = {
  about:
    "Terminals of the estate that sign on, sell, repeat and reverse like real ones, and keep " +
    "their own book. Ends with SIGTERM, after --seconds, or when all have asked --questions.",
  parameters: [],
  flags: {
    config: configFlag,
    listener: {
      type: "text",
      value: "<name>",
      about: "listener to connect to: gives dialect, framing and port; absent: terminals, or " +
        "with --tls the first one that speaks TLS"
    },
    tls: { type: "yes", about: "connect over TLS, with sessions resumed" },
    authority: {
      type: "text",
      value: "<file>",
      about: "who must have signed the switch's certificate; absent: as the listener's clients"
    },
    prefix: {
      type: "text",
      value: "<text>",
      about: "only terminals whose identification begins so",
      fallback: "T"
    },
    group: { type: "text", value: "<name>", about: "only terminals of this group of the estate" },
    count: { type: "number", value: "<n>", about: "terminals", fallback: 100 },
    rate: {
      type: "number",
      value: "<n>",
      about: "transactions a second, all together",
      fallback: 20
    },
    questions: {
      type: "number",
      value: "<n>",
      about: "transactions of each; 0 = no end",
      fallback: 0
    },
    seconds: {
      type: "number",
      value: "<s>",
      about: "stop asking after this; 0 = never",
      fallback: 0
    },
    mix: {
      type: "text",
      value: "<shares>",
      about: `what they ask for, as sale=8,void=1 (${terminalKinds.join(" ")})`,
      fallback: "sale=1"
    },
    timeout: { type: "number", value: "<ms>", about: "patience of a terminal", fallback: 60_000 },
    repeats: { type: "number", value: "<n>", about: "repeats before a reversal", fallback: 1 },
    "close-after": {
      type: "number",
      value: "<n>",
      about: "transactions after which a terminal closes its batch; 0 = never",
      fallback: 0
    },
    churn: { type: "share", value: "<share>", about: "reconnects per transaction", fallback: 0 },
    takeover: { type: "share", value: "<share>", about: "second connections", fallback: 0 },
    "power-cut": { type: "share", value: "<share>", about: "power cuts", fallback: 0 },
    "slow-read": { type: "share", value: "<share>", about: "reads that pause", fallback: 0 },
    chip: { type: "share", value: "<share>", about: "cards read by their chip", fallback: 0 },
    concentrators: {
      type: "number",
      value: "<n>",
      about: "connections that all terminals share, told apart by TPDU; 0 = one each",
      fallback: 0
    },
    poll: {
      type: "number",
      value: "<s>",
      about: "ask this often what waits for them, once they have asked all; 0 = never",
      fallback: 0
    },
    mac: { type: "yes", about: "all messages carry a MAC: a terminal without a key is refused" },
    pin: { type: "yes", about: "customers type PINs; implies --mac" },
    "wrong-pin": { type: "share", value: "<share>", about: "mistyped PINs", fallback: 0 },
    rotate: {
      type: "number",
      value: "<s>",
      about: "sign on again this often, for new keys; 0 = only when needed",
      fallback: 0
    },
    sources: {
      type: "number",
      value: "<n>",
      about: "loopback addresses to come from",
      fallback: 1
    },
    report: {
      type: "number",
      value: "<s>",
      about: "write the sum so far this often; 0 = only at the end",
      fallback: 0
    },
    book: { type: "text", value: "<file>", about: "append their own book to this file" }
  },
  examples: [
    ["terminals --count 200 --rate 50 --mix sale=8,void=1,balance=1", "a busy counter"],
    ["terminals --count 500 --pin --wrong-pin 0.05 --rotate 10", "PINs, and keys that change"],
    ["terminals --count 2000 --tls --mac --pin --churn 5%", "a fleet that comes and goes"],
    ["terminals --prefix K --count 20 --concentrators 1", "pumps behind one connection"]
  ],
  run
}

async function run(call: Call): Promise<0 | 1> {
  const loaded = await loadedConfig(call)
  const listener = listenerOf(call, loaded)
  const profiles = profilesOf(call, loaded, listener)
  const file = openBook(call.text("book"))
  const book = new TerminalBook(file.sink)
  const program = Effect.gen(function*() {
    const store = yield* loadKeyStore(loaded.config.keyStore)
    const services: FleetServices = {
      transport: yield* Transport,
      time: yield* Time,
      timers: yield* Timers,
      random: yield* Random
    }
    const fleet = new Fleet(services.time, services.timers)
    const make = maker(call, loaded, listener, store, services, book, fleet)
    for (const [index, profile] of profiles.entries()) fleet.add(make(profile, index))
    fleet.start()
    call.streams.say(`${profiles.length} terminals call ${listener.name} on ${listener.port}`)
    const report = call.number("report") ?? 0
    if (report > 0) {
      const tell = () => call.streams.out(`${JSON.stringify(fleet.summary(book))}\n`)
      const stop = services.time.every(report * 1000, tell)
      yield* Effect.addFinalizer(() => Effect.sync(stop))
    }
    const seconds = call.number("seconds") ?? 0
    yield* Effect.raceAll([
      asked(call.streams),
      // Whoever polls has never asked all.
      ...(habitsOf(call).pollMs > 0 ? [] : [fleet.finished]),
      ...(seconds > 0 ? [Effect.sleep(seconds * 1000)] : [])
    ])
    const left = yield* fleet.finish(finishMs)
    call.streams.out(`${JSON.stringify({ ...fleet.summary(book), left })}\n`)
    return left === 0 ? 0 as const : 1 as const
  })
  const exit = await runOnMachine(program)
  file.close()
  return exit
}

interface FleetServices {
  readonly transport: Transport["Service"]
  readonly time: Time["Service"]
  readonly timers: Timers["Service"]
  readonly random: Random["Service"]
}

function listenerOf(call: Call, { config }: LoadedConfig): ListenerConfig {
  const tls = call.yes("tls")
  const listeners = config.listeners.filter(({ kind }) => kind === "iso8583")
  const first = tls ? listeners.find((each) => each.tls !== undefined)?.name : undefined
  const name = call.text("listener") ?? first ?? "terminals"
  const listener = listeners.find((each) => each.name === name)
  if (listener !== undefined) {
    if (tls === (listener.tls !== undefined)) return listener
    throw new Refusal(2, `--listener ${name}: it ${tls ? "has no TLS" : "speaks TLS: add --tls"}`)
  }
  const known = listeners.map((each) => each.name).join(", ")
  throw new Refusal(2, `--listener ${name}: the configuration has ${known}`)
}

function profilesOf(
  call: Call,
  { terminals }: LoadedConfig,
  listener: ListenerConfig
): ReadonlyArray<TerminalProfile> {
  const group = call.text("group")
  const prefix = call.text("prefix") ?? ""
  const count = call.number("count") ?? 0
  const secured = call.yes("mac") || call.yes("pin")
  const fitting = terminals.filter((profile) =>
    (!secured || profile.masterKey !== undefined || profile.baseKey !== undefined) &&
    profile.identity !== "hello" && profile.identity !== "certificate" && !profile.blocked &&
    profile.terminal.startsWith(prefix) &&
    (group === undefined || profile.group === group)
  )
  if (fitting.length < count) {
    throw new Refusal(
      2,
      `--count ${count}: the estate has ${fitting.length} terminals that sign on` +
        `${group === undefined ? "" : ` in group ${group}`} for ${listener.name}`
    )
  }
  return fitting.slice(0, count)
}

function maker(
  call: Call,
  { dialects, framings }: LoadedConfig,
  listener: ListenerConfig,
  store: KeyStore,
  services: FleetServices,
  book: TerminalBook,
  fleet: Fleet
): (profile: TerminalProfile, index: number) => Terminal {
  const dialect = dialects.get(listener.dialect)!
  const framing = framings.get(listener.framing)!
  const habits = habitsOf(call)
  const secured = call.yes("mac") || call.yes("pin")
  if (secured && dialect.mac === undefined) {
    throw new Refusal(2, `--mac: ${dialect.name} has no MAC`)
  }
  const transports = transportsOf(call, framing, services.transport)
  const authorityFile = call.text("authority") ?? listener.tls?.authorityFile
  const sources = call.number("sources") ?? 1
  // A later run is a later batch, so that its STANs may begin again.
  const wallMs = services.time.wallMs()
  const firstBatch = Math.floor(wallMs / batchEveryMs) % 1_000_000
  // Without batches the numbers themselves go on: one a second is more than a terminal uses.
  const seconds = Math.floor(wallMs / 1000)
  const lastStan = dialect.pathOf("batch") === undefined ? seconds % 1_000_000 : 0
  const fleetKeys: FleetKeys = {
    dialect,
    store,
    cache: new CipherCache(),
    counts: fleet.keys,
    random: services.random,
    lastCount: seconds
  }
  return (profile, index) => {
    const keys = keysOf(profile, index, fleetKeys)
    if (secured && keys === undefined) {
      throw new Refusal(2, `--mac: terminal ${profile.terminal.trim()} has no key for it`)
    }
    return new Terminal({
      ...services,
      transport: transports(index),
      ...(listener.tls === undefined ? {} : {
        tls: {
          serverName: "localhost",
          resumption: {},
          ...(authorityFile === undefined ? {} : { authorityFile })
        }
      }),
      terminal: profile.terminal.trim(),
      merchant: profile.merchant.trim(),
      dialect,
      framing,
      host: "127.0.0.1",
      port: listener.port,
      localAddress: `127.0.0.${1 + index % sources}`,
      signsOn: true,
      keys,
      habits,
      firstBatch,
      chips: call.number("chip") ?? 0,
      ...padOf(call, services.random),
      lastStan,
      book,
      onPush: (isNew) => fleet.pushed(isNew),
      onClosed: (isBalanced) => fleet.closed(isBalanced),
      onAnswer: (latencyMs) => fleet.heard(latencyMs)
    })
  }
}

function padOf(call: Call, random: Random["Service"]): { readonly pinPad?: PinPad } {
  return call.yes("pin") ? { pinPad: mistyping(call.number("wrong-pin") ?? 0, random) } : {}
}

/** Each terminal its own, or a few concentrators that share them out. */
function transportsOf(
  call: Call,
  framing: Framing,
  transport: Transport["Service"]
): (index: number) => Transport["Service"] {
  const count = call.number("concentrators") ?? 0
  if (count === 0) return () => transport
  if (!hasTpdu(framing)) {
    throw new Refusal(2, `--concentrators: frames of ${framing.name} name no terminal`)
  }
  const shared = Array.from({ length: count }, () => new Concentrator(transport, framing))
  const ports: Array<Transport["Service"]> = []
  return (index) => ports[index] ??= shared[index % count]!.port()
}

function habitsOf(call: Call): TerminalHabits {
  const number = (flag: string) => call.number(flag) ?? 0
  const questions = number("questions")
  return {
    ...calmHabits,
    thinkMs: number("count") * 1000 / Math.max(0.001, number("rate")),
    timeoutMs: number("timeout"),
    mix: sharesOf(call, "mix", terminalKinds),
    repeats: number("repeats"),
    closeAfter: number("close-after") === 0 ? Number.POSITIVE_INFINITY : number("close-after"),
    churn: number("churn"),
    takeover: number("takeover"),
    powerCut: number("power-cut"),
    slowRead: number("slow-read"),
    pollMs: 1000 * number("poll"),
    rotateMs: 1000 * number("rotate"),
    questions: questions === 0 ? Number.POSITIVE_INFINITY : questions
  }
}
