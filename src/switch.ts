/**
 * The table of contents: every station in the order of the road, wired once. No logic lives here.
 *
 *     listen ─► frame ─► codec ─► session ─► transaction ─► route ─► upstream
 *                                   ▲            ├─► journal ─► ledger
 *                                   └── push ◄───┴─► advice
 *     notify ─► codec ─► transaction ─► push
 *
 * `switchLayer` is the same switch in production and in the seeded world; what differs is the
 * ground it stands on: clock, chance, sockets, HTTP, disk, database and codec. Layers end in the
 * opposite order: doors first, then what is in flight, the ledger's backlog, the journal; and last
 * the admin listener, which tells of it.
 */

import { Effect, Layer, Scope } from "effect"
import { ControlActors } from "./actor/control-actor.ts"
import { HotActors } from "./actor/hot-actor.ts"
import { Timers } from "./actor/timers.ts"
import { serveAdmin } from "./admin/admin-server.ts"
import { advicesLayer } from "./advice/advices.ts"
import type { LoadedConfig } from "./config/loaded.ts"
import type { Codec } from "./domain/ports/codec.ts"
import { Journal } from "./domain/ports/journal.ts"
import { journalLayer } from "./journal/journal.ts"
import { doorsLayer } from "./listen/doors.ts"
import { notificationsLayer } from "./notify/notifications.ts"
import { Observatory } from "./observe/observatory.ts"
import { watchHsm } from "./observe/station-gauges.ts"
import {
  noticeMeter,
  securityMeter,
  sessionMeter,
  upstreamMeter
} from "./observe/station-meters.ts"
import { adviceMeter, transactionMeter } from "./observe/transaction-meters.ts"
import { RouteControl } from "./route/router.ts"
import { vaultLayer } from "./security/vault.ts"
import { terminalsLayer } from "./session/estate.ts"
import { listenDevices, listenSessions, sessionHouseLayer } from "./session/sessions.ts"
import { BackOffice } from "./switch/back-office.ts"
import { routesInForce } from "./switch/config-in-force.ts"
import { makeFaces } from "./switch/faces.ts"
import { watchGauges } from "./switch/gauges.ts"
import { journalLostEntry } from "./switch/lost-journal.ts"
import {
  adviceLanes,
  deviceListeners,
  notificationOptions,
  sessionListeners,
  transactionOptions,
  upstreamOptions
} from "./switch/options.ts"
import {
  CurrentConfig,
  currentConfigLayer,
  endings,
  machineGround,
  makeReload,
  prepare,
  type Prepared,
  productionGround,
  startLine,
  startRegistry,
  type SwitchRun,
  SwitchStopped,
  underVersion
} from "./switch/production.ts"
import { withSnapshot } from "./switch/registry.ts"
import { securityModuleLayer, tellLackingKeys, upstreamKeys } from "./switch/security-module.ts"
import { sessionHooks } from "./switch/session-hooks.ts"
import { version } from "./switch/version.ts"
import { transactionsLayer } from "./transaction/transactions.ts"
import { upstreamsLayer } from "./upstream/upstreams.ts"

/** What the switch stands on where production and the seeded world differ. */
interface Ground<CodecError, CodecNeeds, LedgerOut, LedgerError, LedgerNeeds> {
  readonly codec: Layer.Layer<Codec, CodecError, CodecNeeds>
  readonly ledger: Layer.Layer<LedgerOut, LedgerError, LedgerNeeds>
  /** The journal's commit failed: what is on disk is in doubt, and only a restart tells. */
  readonly onJournalFailed: () => void
  /** Transactions that get a line in the log; absent: those that failed. */
  readonly stories?: "all" | "failures"
}

export const switchLayer = <CE, CN, LO, LE, LN>(
  loaded: LoadedConfig,
  { accounts, hsmKeys, panToken, store }: Prepared,
  ground: Ground<CE, CN, LO, LE, LN>
) =>
  Layer.unwrap(Effect.map(Observatory, (observatory) => {
    const { lines, metrics } = observatory
    const { config } = loaded
    return Layer.mergeAll(
      Layer.effectDiscard(Effect.forEach(sessionListeners(loaded), listenSessions)),
      Layer.effectDiscard(Effect.forEach(deviceListeners(loaded), listenDevices)),
      notificationsLayer({ ...notificationOptions(loaded), meter: noticeMeter(metrics, lines) })
    ).pipe(
      Layer.provideMerge(Layer.unwrap(Effect.map(
        sessionHooks(loaded, store, sessionMeter(metrics, lines)),
        sessionHouseLayer
      ))),
      Layer.provideMerge(Layer.unwrap(Effect.map(RouteControl, (routes) =>
        transactionsLayer({
          ...transactionOptions(loaded),
          ...(panToken === undefined ? {} : { panToken }),
          configVersion: () => routes.current().version,
          meter: transactionMeter(metrics, lines, ground.stories ?? "failures")
        })))),
      Layer.provideMerge(advicesLayer({
        lanes: adviceLanes(loaded),
        meter: adviceMeter(metrics, lines)
      })),
      Layer.provideMerge(Layer.unwrap(Effect.map(
        upstreamKeys(config.upstreams, config.keyStore, store, hsmKeys ?? []),
        (keys) =>
          upstreamsLayer({
            ...upstreamOptions(loaded),
            keys,
            wallets: accounts.wallets,
            meter: upstreamMeter(metrics, lines)
          })
      ))),
      Layer.provideMerge(routesInForce(loaded)),
      Layer.provideMerge(Layer.unwrap(Effect.map(
        Journal,
        (journal) => terminalsLayer(withSnapshot(journal, loaded).terminals)
      ))),
      Layer.provideMerge(ground.ledger),
      Layer.provideMerge(journalLayer({ ...config.journal, onFailed: ground.onJournalFailed })),
      Layer.provideMerge(ground.codec),
      Layer.provideMerge(Layer.merge(
        vaultLayer(store),
        securityModuleLayer(config.keyStore, store, hsmKeys ?? [], {
          refused: securityMeter(metrics, lines),
          watch: watchHsm(observatory)
        })
      )),
      Layer.provideMerge(Layer.merge(HotActors.layer, ControlActors.layer)),
      Layer.provideMerge(doorsLayer(config.listeners)),
      Layer.provideMerge(Timers.layer)
    )
  }))

/** Runs on the real machine until it is interrupted or drained; both drain it. */
export const runSwitch = (run: SwitchRun) =>
  Effect.gen(function*() {
    const { loaded } = run
    const outside = yield* Effect.scope
    const prepared = yield* prepare(loaded)
    const ends = yield* endings
    const layer = switchLayer(loaded, prepared, {
      ...productionGround(loaded, prepared),
      onJournalFailed: ends.onJournalFailed,
      stories: run.stories
    }).pipe(
      Layer.provideMerge(machineGround(run, prepared, version)),
      Layer.provideMerge(currentConfigLayer(loaded))
    )
    yield* Effect.gen(function*() {
      const current = yield* CurrentConfig
      const whole = withSnapshot(yield* Journal, loaded)
      current.set(underVersion(whole, (yield* RouteControl).current().version))
      yield* tellLackingKeys(whole.terminals, loaded.config.keyStore, prepared)
      const office = yield* BackOffice
      yield* startRegistry(whole)
      if (run.journalLost) office.audit(journalLostEntry)
      const context = yield* Effect.context<Layer.Success<typeof layer>>()
      const reloadFor = yield* makeReload(run.path)
      run.onHangup(() => Effect.runForkWith(context)(reloadFor("SIGHUP")))
      const reload = Effect.provideContext(reloadFor("admin"), context)
      const { drain, isDraining } = ends
      yield* watchGauges(current.get)
      const faces = yield* makeFaces({ loaded: current.get, reload, drain, isDraining })
      // The last door to close: a drain is watched through it.
      yield* Scope.provide(serveAdmin(loaded.config.admin, faces), outside)
      yield* ends.wait
    }).pipe(Effect.scoped, Effect.provide(layer))
  }).pipe(
    Effect.scoped,
    Effect.catch((failure) => Effect.fail(new SwitchStopped({ message: startLine(failure) })))
  )
