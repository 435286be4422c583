/** The switch as the seeded world boots it: the same wiring, on the world's ground. */

import { Context, Effect, Layer, Logger } from "effect"
import { inPlaceCodecLayer } from "../codec/codec-layer.ts"
import type { Accounts } from "../config/account-secrets.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import type { ListenerConfig, UpstreamConfig } from "../domain/config.ts"
import { InvariantViolation } from "../domain/invariant.ts"
import { Codec, type Decoded } from "../domain/ports/codec.ts"
import { Http } from "../domain/ports/http.ts"
import { Random, Time } from "../domain/ports/time.ts"
import { Transport } from "../domain/ports/transport.ts"
import { lineLogger } from "../observe/json-logger.ts"
import { LogLines } from "../observe/log-lines.ts"
import { makeMetrics } from "../observe/metrics.ts"
import { Observatory } from "../observe/observatory.ts"
import type { UnwrappedKey } from "../security/key-block.ts"
import type { KeyStore } from "../security/key-store.ts"
import { isFault } from "../security/security-fault.ts"
import { downloadOpener } from "../simulate/download-opener.ts"
import { unamended } from "../simulate/world/house.ts"
import type { WorldHouse, WorldMachine, Written } from "../simulate/world/house.ts"
import type {
  AcquirerTongue,
  DukptTongue,
  Tongues,
  WalletTongue
} from "../simulate/world/residents.ts"
import { switchLayer } from "../switch.ts"
import { startLine } from "../switch/production.ts"
import { makeWorldDatabase } from "./world-database.ts"
import { makeWorldDisk } from "./world-disk.ts"
import { amended, operatorHands } from "./world-operator.ts"
import type { Variants } from "./world-variants.ts"
import { lookInside } from "./world-view.ts"
import { rowWatch } from "./world-watch.ts"

/** A house of its own for one world: disk and database begin empty. */
export function makeWorldHouse(
  loaded: LoadedConfig,
  store: KeyStore,
  accounts: Accounts,
  story?: { readonly variants: Variants }
): WorldHouse {
  const database = makeWorldDatabase()
  const disk = makeWorldDisk(database.knowsNode)
  const log: Array<string> = []
  const trap: Trap = { next: undefined }
  let file = unamended
  let written: Written | undefined
  const start = Effect.fnUntraced(function*(machine: WorldMachine, observatory: Observed) {
    const time = Time.of(machine.time)
    const ground = Context.make(Time, time).pipe(
      Context.add(Random, Random.of(machine.random)),
      Context.add(Transport, Transport.of(machine.transport)),
      Context.add(Http, Http.of(machine.http)),
      Context.add(Observatory, observatory)
    )
    const usual = { ...loaded, terminals: machine.terminals }
    const amendment = file
    const layer = switchLayer(amended(usual, amendment), { store, accounts }, {
      codec: trapped(
        trap,
        inPlaceCodecLayer({ accounts: (name) => accounts.notifications.get(name) })
      ),
      ledger: database.layer,
      onJournalFailed: () => machine.exit("journal failed")
    }).pipe(Layer.provide(disk.layer), Layer.provide(Layer.succeedContext(ground)))
    const built = yield* Layer.build(layer)
    const hands = yield* Effect.provide(operatorHands(usual, amendment, () => file, story), built)
    return yield* Effect.provide(lookInside(observatory.metrics, hands), built)
  }, Effect.mapError((failure) => new Error(startLine(failure))))
  const boot = (machine: WorldMachine) => {
    const observatory = silentObservatory(machine, story === undefined ? undefined : log, written)
    const told = written === undefined ? [] : [lineLogger(observatory.lines)]
    const loggers = Logger.layer([defectLogger(machine), ...told])
    return start(machine, observatory).pipe(Effect.provide(loggers))
  }
  return {
    amend: (next) => {
      file = next
    },
    boot,
    watch: (next) => {
      written = next
      disk.watch(next)
      database.watcher.onRow = rowWatch(store, next)
    },
    disk: disk.hand,
    database: database.hand,
    log,
    failNextFrame: (how) => {
      trap.next = how
    },
    check: (number) => {
      const variant = story?.variants.get(number)
      return variant === undefined || "config" in variant ? undefined : variant.join("; ")
    }
  }
}

interface Trap {
  next: "defect" | "invariant" | undefined
}

/** The codec, until the trap is set: then what it makes of one frame fails whoever looks at it. */
function trapped<E, R>(trap: Trap, layer: Layer.Layer<Codec, E, R>): Layer.Layer<Codec, E, R> {
  return Layer.effect(
    Codec,
    Effect.map(Codec, (codec) =>
      Codec.of({
        ...codec,
        decode: (lane, dialect, body, key, done) =>
          codec.decode(lane, dialect, body, key, (result) => {
            const how = trap.next
            trap.next = undefined
            done(how === undefined ? result : failing(how, result))
          })
      }))
  ).pipe(Layer.provide(layer))
}

function failing(how: "defect" | "invariant", result: Decoded): Decoded {
  return Object.defineProperty({ ...result }, "_tag", {
    get: () => {
      if (how === "defect") throw new Error("a defect that the story asks for")
      throw new InvariantViolation("an invariant that the story breaks")
    }
  })
}

/** Of everything that is logged, the world wants to know one thing: which actor threw. */
function defectLogger({ defect }: WorldMachine) {
  return Logger.make<unknown, void>(({ logLevel, message }) => {
    if (logLevel !== "Error") return
    const [event, fields, cause] = Array.isArray(message) ? message : [message]
    if (event !== "actor-failed") return
    const { actor } = fields as { readonly actor: string }
    const why = cause instanceof Error ? cause.stack ?? cause.message : String(cause)
    defect(`actor ${actor}: ${why}`)
  })
}

type Observed = Observatory["Service"]

/** Counts like the real one, says nothing but to a story's log, and looks at no process. */
function silentObservatory(
  machine: WorldMachine,
  log: Array<string> | undefined,
  written: Written | undefined
): Observed {
  const lines = new LogLines({
    wallMs: machine.time.wallMs,
    defer: machine.time.defer,
    sink: (bytes, done) => {
      log?.push(...bytes.toString().split("\n").slice(0, -1))
      written?.("the log", bytes)
      done(true)
    },
    least: written !== undefined ? "debug" : log === undefined ? "error" : "info",
    dropped: () => {}
  })
  return Observatory.of({
    metrics: makeMetrics(),
    lines,
    onScrape: () => {},
    scrape: () => ""
  })
}

/** Who speaks what in the world, from the configuration. */
export function tonguesOf(
  loaded: LoadedConfig,
  store: KeyStore,
  accounts: Accounts,
  masterKey: string
): Tongues {
  const tongue = (name: string, dialect: string, framing: string, port: number) => ({
    name,
    dialect: loaded.dialects.get(dialect)!,
    framing: loaded.framings.get(framing)!,
    port
  })
  const listener = (dialect: string) => {
    const found = loaded.config.listeners.find((each) =>
      each.kind === "iso8583" && each.dialect === dialect
    )
    if (found === undefined) throw new Error(`the world has no listener for ${dialect}`)
    return tongue(found.name, found.dialect, found.framing, found.port)
  }
  return {
    unionPay: listener("cup-pos"),
    iso: listener("iso87-ascii"),
    dukpt: [
      { ...listener("pos-dukpt"), ...baseOf(store, "bdk-demo-tdes"), pinFormat: 0 },
      { ...listener("pos-dukpt-aes"), ...baseOf(store, "bdk-demo-aes"), pinFormat: 4 }
    ],
    acquirers: loaded.config.upstreams.filter(({ kind }) => kind === "iso8583").map(
      ({ dialect, framing, links, name, pin }) =>
        Object.assign(tongue(name, dialect, framing, links[0]!.port), zoneOf(store, name, pin))
    ),
    wallet: walletOf(loaded, accounts),
    devices: { port: portOf(loaded, "devices"), keys: deviceKeys(store) },
    openDownload: downloadOpener(store, masterKey),
    masterKey
  }
}

function baseOf(store: KeyStore, baseKey: string): Pick<DukptTongue, "base" | "baseKey"> {
  return { base: keyOf(store, baseKey), baseKey }
}

function zoneOf(
  store: KeyStore,
  name: string,
  pin: UpstreamConfig["pin"]
): Pick<AcquirerTongue, "zone"> {
  if (pin === undefined) throw new Error(`the world's ${name} takes no PINs`)
  return { zone: { key: keyOf(store, pin.key).key, format: pin.format } }
}

function keyOf(store: KeyStore, name: string): UnwrappedKey {
  const stored = store.current(name)
  const opened = stored === undefined ? undefined : store.unwrap(stored)
  if (opened === undefined || isFault(opened)) throw new Error(`no key ${name}`)
  return opened
}

function portOf({ config }: LoadedConfig, kind: ListenerConfig["kind"]): number {
  const found = config.listeners.find((each) => each.kind === kind)
  if (found === undefined) throw new Error(`the world has no listener for ${kind}`)
  return found.port
}

function walletOf(loaded: LoadedConfig, accounts: Accounts): WalletTongue {
  const { public: { accounts: known, port }, upstreams } = loaded.config
  const upstream = upstreams.find(({ kind }) => kind === "wallet")
  const account = known.find(({ name }) => name === upstream?.account)
  const secret = accounts.notifications.get(account?.name ?? "")?.secret
  if (upstream?.url === undefined || account === undefined || secret === undefined) {
    throw new Error("the world has no wallet with an account and a secret")
  }
  return {
    name: upstream.name,
    port: Number(new URL(upstream.url).port),
    account: account.name,
    merchantAccount: account.merchantId,
    secret: Buffer.from(secret),
    noticeUrl: `http://127.0.0.1:${port}${account.path}`,
    streamPort: portOf(loaded, "notifications")
  }
}

/** The devices whose keys the test store holds. */
function deviceKeys(store: KeyStore): Tongues["devices"]["keys"] {
  return Array.from({ length: maxCounters }, (_, at) => {
    const terminal = `Q${String(at + 1).padStart(7, "0")}`
    return { terminal, key: keyOf(store, `mak-${terminal}`).key }
  })
}

const maxCounters = 8
