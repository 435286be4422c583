/**
 * The ground of the real machine, and what a run on it needs: reload, drain, endings. What
 * must hold: a reload is applied whole or not at all; a failed journal ends the process with exit
 * code 3, because only a restart tells what is on disk.
 */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Context, Deferred, Effect, Layer, Schema, Semaphore } from "effect"
import { Timers } from "../actor/timers.ts"
import type { ReloadReport } from "../admin/faces.ts"
import { pooledCodecLayer } from "../codec/codec-layer.ts"
import { type Accounts, loadAccounts } from "../config/account-secrets.ts"
import { diffConfig, needRestart } from "../config/changes.ts"
import { faultLine } from "../config/config-invalid.ts"
import { loadHsmKeys, loadKeyStore } from "../config/key-store-file.ts"
import { loadConfig } from "../config/load.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import { loadPanTokens } from "../config/pan-token-key.ts"
import { makeBusinessDays, makeLocalClock } from "../domain/business-day.ts"
import { invariant } from "../domain/invariant.ts"
import { Journal } from "../domain/ports/journal.ts"
import { diskStoreLayer } from "../journal/disk-store.ts"
import { archiveLayer } from "../ledger/archive.ts"
import { ledgerLayer } from "../ledger/ledger.ts"
import { DoorControl } from "../listen/doors.ts"
import { MachineHttp } from "../listen/machine-http.ts"
import { machineClock } from "../listen/machine-time.ts"
import { MachineTransport } from "../listen/machine-transport.ts"
import { fileDescriptorSink } from "../observe/log-output.ts"
import { Observatory, observatoryLayer } from "../observe/observatory.ts"
import { codecMeter, ledgerMeter } from "../observe/station-meters.ts"
import { compileRoutes } from "../route/route-table.ts"
import { RouteControl } from "../route/router.ts"
import type { KeyStore, StoredKey } from "../security/key-store.ts"
import { isFault } from "../security/security-fault.ts"
import { type VaultKeys, vaultKeysOf } from "../security/vault.ts"
import { EstateControl } from "../session/estate.ts"
import { UpstreamControl } from "../upstream/upstreams.ts"
import { operator } from "./audited-faces.ts"
import { BackOffice, backOfficeLayer } from "./back-office.ts"
import { noteInForce } from "./config-in-force.ts"
import { isJournalLost } from "./lost-journal.ts"
import { followRegistry, isDatabase, noteSnapshot, readRegistry } from "./registry.ts"

/** What a run of the switch is told. */
export interface SwitchRun {
  readonly path: string
  readonly loaded: LoadedConfig
  readonly verbose: boolean
  readonly stories: "all" | "failures"
  /** An operator says that this node's journal is lost, and that the switch shall go on. */
  readonly journalLost: boolean
  /** Hears every SIGHUP. */
  readonly onHangup: (listener: () => void) => void
}

/** The switch does not start, or cannot go on; one line that says what to do. */
export class SwitchStopped extends Schema.TaggedError<SwitchStopped>()("SwitchStopped", {
  message: Schema.String
}) {}

/** What must be there before anything is opened: keys and accounts. */
export const prepare = Effect.fnUntraced(function*(loaded: LoadedConfig) {
  const store = yield* loadKeyStore(loaded.config.keyStore)
  const hsmKeys = yield* loadHsmKeys(loaded.config.keyStore)
  const accounts = yield* loadAccounts(loaded.config.public.accounts)
  const panToken = yield* loadPanTokens(loaded.config.ledger)
  const expectExisting = yield* isJournalLost(loaded.config)
  return { store, hsmKeys, accounts, panToken, expectExisting }
}, Effect.provide(NodeFileSystem.layer))

export interface Prepared {
  readonly store: KeyStore
  /** Blocks for a security module that holds its master key itself. */
  readonly hsmKeys?: ReadonlyArray<StoredKey>
  readonly accounts: Accounts
  /** Tokens of card numbers, where they are switched on. */
  readonly panToken?: ((pan: string) => string) | undefined
}

/** Codec and ledger as the configuration wants them. */
export function productionGround(
  { config }: LoadedConfig,
  { accounts: { notifications }, store }: Prepared
) {
  const days = makeBusinessDays(makeLocalClock(config.timeZone), config.cutOver)
  return {
    codec: Layer.unwrap(Effect.map(Observatory, ({ lines, metrics }) =>
      pooledCodecLayer({
        ...config.codec,
        accounts: (name) => notifications.get(name),
        vault: () => vaultKeys(store),
        meter: codecMeter(metrics, lines)
      }))),
    ledger: Layer.provideMerge(
      Layer.merge(archiveLayer, backOfficeLayer),
      Layer.unwrap(Effect.map(Observatory, ({ metrics }) =>
        ledgerLayer({
          config: config.ledger,
          node: config.node,
          businessDay: days,
          drainMs: config.timeouts.drainMs,
          durable: true,
          meter: ledgerMeter(metrics)
        })))
    )
  }
}

/** For a thread; the vault's own layer has refused what does not fit before there is one. */
function vaultKeys(store: KeyStore): VaultKeys {
  const keys = vaultKeysOf(store)
  invariant(!isFault(keys), "the vault stands before its keys are asked for")
  return keys
}

/** Clock, chance, sockets, HTTP, disk and log of this machine. */
export function machineGround(
  { loaded: { config }, journalLost, verbose }: SwitchRun,
  { expectExisting }: { readonly expectExisting: boolean },
  version: string
) {
  const journal = { ...config.journal, expectExisting: expectExisting && !journalLost }
  return Layer.mergeAll(MachineTransport, MachineHttp, diskStoreLayer(journal)).pipe(
    Layer.provideMerge(Timers.layer),
    Layer.provideMerge(observatoryLayer({
      sink: fileDescriptorSink(2),
      least: verbose ? "debug" : "info",
      version,
      commit: "",
      node: config.node
    })),
    Layer.provideMerge(Layer.merge(machineClock, NodeFileSystem.layer))
  )
}

/** The configuration in force, and how it is replaced. */
export class CurrentConfig extends Context.Service<CurrentConfig, {
  readonly get: () => LoadedConfig
  readonly set: (loaded: LoadedConfig) => void
}>()("pointsman/switch/CurrentConfig") {}

export function currentConfigLayer(first: LoadedConfig): Layer.Layer<CurrentConfig> {
  return Layer.sync(CurrentConfig, () => {
    let loaded = first
    return CurrentConfig.of({
      get: () => loaded,
      set: (next) => {
        loaded = next
      }
    })
  })
}

/** PostgreSQL follows the terminals file, or is followed. */
export const startRegistry = Effect.fnUntraced(function*(loaded: LoadedConfig) {
  if (!isDatabase(loaded)) return (yield* BackOffice).mirror(loaded.terminals)
  const current = yield* CurrentConfig
  const context = yield* Effect.context<RouteControl | EstateControl | DoorControl | Journal>()
  const take = (terminals: LoadedConfig["terminals"]) => {
    const before = current.get()
    const after = underVersion({ ...before, terminals }, before.config.version + 1)
    if (diffConfig(before, after).length === 0) return
    Effect.runSyncWith(context)(putInForce(before, after))
    current.set(after)
  }
  yield* Effect.forkScoped(followRegistry(take))
})

/** Reads the file again; what can change live does, what cannot is refused by name. */
const reloadFrom = (path: string) =>
  Effect.gen(function*() {
    const current = yield* CurrentConfig
    const office = yield* BackOffice
    const result = yield* loadConfig(path).pipe(
      Effect.provide(NodeFileSystem.layer),
      Effect.result
    )
    if (result._tag === "Failure") {
      const { failure } = result
      const faults = "faults" in failure ? failure.faults.map(faultLine) : [String(failure)]
      return refusedBy(current.get(), faults)
    }
    const registry = isDatabase(result.success)
      ? yield* Effect.orElseSucceed(readRegistry, () => ({ terminals: current.get().terminals }))
      : { terminals: result.success.terminals }
    if ("problems" in registry) return refusedBy(current.get(), registry.problems)
    // The registry may have come into force meanwhile, under a version of its own.
    const before = current.get()
    const read = { ...result.success, terminals: registry.terminals }
    const after = underVersion(read, before.config.version + 1)
    const report = yield* putInForce(before, after)
    if (report.refused.length === 0) {
      current.set(after)
      if (!isDatabase(after)) office.mirror(after.terminals)
    }
    return report
  })

/** The configuration in force stays. */
const refusedBy = (
  { config }: LoadedConfig,
  refused: ReadonlyArray<string>
): ReloadReport => ({ version: config.version, changes: [], refused })

/** The operator's hands on the upstreams. */
export const upstreamHands = Effect.map(UpstreamControl, (hands) => hands)

/** A configuration takes the place of another, whole, or what needs a restart is named. */
export const putInForce = Effect.fnUntraced(
  function*(before: LoadedConfig, after: LoadedConfig): Effect.fn.Return<
    ReloadReport,
    never,
    RouteControl | EstateControl | DoorControl | Journal
  > {
    const routes = yield* RouteControl
    const estate = yield* EstateControl
    const doors = yield* DoorControl
    const journal = yield* Journal
    const changes = diffConfig(before, after)
    const restart = needRestart(changes)
    if (restart.length > 0) return refusedBy(before, restart.map((key) => `${key} needs a restart`))
    const names = new Set(after.config.upstreams.map(({ name }) => name))
    const table = compileRoutes(after.config.routes, names, after.config.version)
    if (!("decide" in table)) {
      return refusedBy(before, table.map((fault) => `${fault.path}: ${fault.problem}`))
    }
    routes.swap(table)
    estate.swap(after.terminals)
    doors.swap(after.config.listeners)
    noteInForce(journal, after)
    if (isDatabase(after)) noteSnapshot(journal, after.terminals)
    return {
      version: after.config.version,
      changes: changes.map((each) => `${each.path} ${each.what}`),
      refused: []
    }
  }
)

/** Of what a reload changed, or why it was refused, in its log line and its audit entry. */
const maxReloadDetail = 2_000

/** Reloads of a file, one after the other; each is counted, said, and on record. */
export const makeReload = Effect.fnUntraced(function*(path: string) {
  const { lines, metrics } = yield* Observatory
  const { audit } = yield* BackOffice
  const one = yield* Semaphore.make(1)
  return (origin: "admin" | "SIGHUP") =>
    one.withPermits(1)(Effect.map(reloadFrom(path), (report) => {
      const { changes, refused, version } = report
      const applied = refused.length === 0
      metrics.config_reloads_total.of(applied ? "applied" : "refused").add()
      const detail = (applied ? changes : refused).join("; ").slice(0, maxReloadDetail)
      lines.write(applied ? "info" : "warn", applied ? "reloaded" : "reload-refused", {
        origin,
        version,
        detail
      })
      const target = `version ${version}`
      const outcome = applied ? "done" : "refused"
      audit({ actor: operator, origin, action: "reload", target, outcome, detail })
      return report
    }))
})

export const underVersion = (loaded: LoadedConfig, version: number): LoadedConfig => ({
  ...loaded,
  config: { ...loaded.config, version }
})

/** Why a run ends: an operator's drain, or a journal that failed. */
export const endings = Effect.gen(function*() {
  const drained = yield* Deferred.make<void>()
  const failed = yield* Deferred.make<never, SwitchStopped>()
  const stopped = new SwitchStopped({
    message:
      "the journal's commit failed, so what is on disk is in doubt: look at disk and space " +
      "(`pointsman journal verify`), then start again; recovery decides"
  })
  return {
    drain: Deferred.succeed(drained, undefined).pipe(Effect.asVoid),
    isDraining: () => Deferred.isDoneUnsafe(drained),
    onJournalFailed: () => Deferred.doneUnsafe(failed, Effect.fail(stopped)),
    wait: Effect.raceFirst(Deferred.await(drained), Deferred.await(failed)).pipe(
      Effect.onInterrupt(() => Deferred.succeed(drained, undefined))
    )
  }
})

/** Every way not to start, as one line. */
export function startLine(failure: { readonly _tag: string }): string {
  const { advice, code, faults, listener, message, port } = failure as Readonly<
    Record<string, unknown>
  >
  if (typeof advice === "string") return advice
  if (failure._tag === "ListenFailed") {
    return code === "EADDRINUSE"
      ? `port ${String(port)} of listener ${String(listener)} is taken: end what listens there, ` +
        "or change the port in the configuration"
      : `listener ${String(listener)} cannot listen on port ${String(port)}: ${String(code)}`
  }
  if (Array.isArray(faults)) return faults.join("\n")
  return typeof message === "string" && message !== "" ? message : failure._tag
}
