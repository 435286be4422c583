/** The switch as the seeded world boots it: the same wiring, on the world's ground. */

import { Context, Effect, Layer, Logger } from "effect"
import { inPlaceCodecLayer } from "../codec/codec-layer.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import { Http } from "../domain/ports/http.ts"
import { Random, Time } from "../domain/ports/time.ts"
import { Transport } from "../domain/ports/transport.ts"
import { LogLines } from "../observe/log-lines.ts"
import { makeMetrics } from "../observe/metrics.ts"
import { Observatory } from "../observe/observatory.ts"
import type { KeyStore } from "../security/key-store.ts"
import { downloadOpener } from "../simulate/download-opener.ts"
import type { WorldHouse, WorldMachine } from "../simulate/world/house.ts"
import type { Tongues } from "../simulate/world/residents.ts"
import { switchLayer } from "../switch.ts"
import { makeWorldDatabase } from "./world-database.ts"
import { makeWorldDisk } from "./world-disk.ts"
import { lookInside } from "./world-view.ts"

/** A house of its own for one world: disk and database begin empty. */
const accounts = { notifications: new Map(), wallets: new Map() }

export function makeWorldHouse(loaded: LoadedConfig, store: KeyStore): WorldHouse {
  const disk = makeWorldDisk()
  const database = makeWorldDatabase()
  const boot = Effect.fnUntraced(function*(machine: WorldMachine) {
    const time = Time.of(machine.time)
    const ground = Context.make(Time, time).pipe(
      Context.add(Random, Random.of(machine.random)),
      Context.add(Transport, Transport.of(machine.transport)),
      Context.add(Http, Http.of(machine.http)),
      Context.add(Observatory, silentObservatory(machine))
    )
    const layer = switchLayer({ ...loaded, terminals: machine.terminals }, { store, accounts }, {
      codec: inPlaceCodecLayer({ accounts: () => undefined }),
      ledger: database.layer,
      onJournalFailed: () => machine.exit("journal failed")
    }).pipe(Layer.provide(disk.layer), Layer.provide(Layer.succeedContext(ground)))
    const built = yield* Layer.build(layer)
    return yield* Effect.provide(lookInside, built)
  }, (effect, machine) => Effect.provide(effect, Logger.layer([defectLogger(machine)])))
  return { boot, disk: disk.hand, database: database.hand }
}

/** Of everything that is logged, the world wants to know one thing: which actor threw. */
function defectLogger({ defect }: WorldMachine) {
  return Logger.make<unknown, void>(({ logLevel, message }) => {
    if (logLevel !== "Error") return
    const [what, cause] = Array.isArray(message) ? message : [message]
    if (typeof what !== "string" || !what.startsWith("actor ")) return
    defect(`${what}: ${cause instanceof Error ? cause.stack ?? cause.message : String(cause)}`)
  })
}

/** Counts like the real one, says nothing, and looks at no process. */
function silentObservatory(machine: WorldMachine): Observatory["Service"] {
  const lines = new LogLines({
    wallMs: machine.time.wallMs,
    defer: machine.time.defer,
    sink: (_, done) => done(true),
    least: "error",
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
export function tonguesOf(loaded: LoadedConfig, store: KeyStore, masterKey: string): Tongues {
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
    acquirers: loaded.config.upstreams.filter(({ kind }) => kind === "iso8583").map(
      ({ dialect, framing, links, name }) => tongue(name, dialect, framing, links[0]!.port)
    ),
    openDownload: downloadOpener(store, masterKey),
    masterKey
  }
}
