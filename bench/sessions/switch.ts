/**
 * The session station of the sessions bench, in a process of its own: real sockets, framing,
 * dialect, registry and keys, codec in place; no transactions, and a journal in memory. The bench
 * asks by messages: `{ measure: true }` is answered with what this process holds.
 */

import { Context, Effect, Layer, Scope } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { HotActors } from "../../src/actor/hot-actor.ts"
import { Timers } from "../../src/actor/timers.ts"
import { inPlaceCodecLayer } from "../../src/codec/codec-layer.ts"
import { Journal, type JournalShape, type TerminalState } from "../../src/domain/ports/journal.ts"
import { Transactions } from "../../src/domain/ports/transactions.ts"
import { MachineRandom, MachineTime } from "../../src/listen/machine-time.ts"
import { MachineTransport } from "../../src/listen/machine-transport.ts"
import { openKeyStore, readMasterKey } from "../../src/security/key-store.ts"
import { isFault, type SecurityFault } from "../../src/security/security-fault.ts"
import { softwareModuleLayer } from "../../src/security/software-module.ts"
import { terminalsLayer } from "../../src/session/estate.ts"
import { SessionsView } from "../../src/session/sessions-view.ts"
import { listenSessions, sessionHouseLayer } from "../../src/session/sessions.ts"
import { healthyJournal } from "../../test/domain/healthy-journal.ts"
import { cupDialect, cupFraming, profiles } from "./estate.ts"

export interface Measured {
  readonly sessions: number
  readonly proven: number
  readonly heapBytes: number
  readonly processBytes: number
  readonly refusals: number
  /** Since the last question. */
  readonly loopP99Ms: number
}

const count = Number(process.argv[2])
const config = join(import.meta.dirname, "../../config")

function right<A>(result: A | SecurityFault): A {
  if (isFault(result)) throw new Error(result.code)
  return result
}

const master = right(readMasterKey(readFileSync(join(config, "test-master-key.hex"), "utf8")))
const store = right(openKeyStore(readFileSync(join(config, "keys.test.json")), master))

/** Terminal states only; durable at the end of the turn. */
function journal(): JournalShape {
  const states = new Map<string, TerminalState>()
  const note: JournalShape["note"] = (writes) => {
    for (const write of writes) {
      if (write.table === "terminals" && write.value) states.set(write.key, write.value)
    }
  }
  return {
    commit: (writes, feed, done) => {
      note(writes, feed)
      setImmediate(() => done(undefined))
    },
    note,
    get: (table, key) => table === "terminals" ? states.get(key) as never : undefined,
    has: () => false,
    keys: () => [],
    entries: () => [],
    survey: () => ({ take: () => [], next: () => undefined }),
    greatestKey: () => undefined,
    feedAfter: () => [],
    feedMark: () => 0,
    feedWritten: () => {},
    onFeed: () => {},
    health: () => healthyJournal
  }
}

const refuseAll = Transactions.of({
  submit: () => {
    throw new Error("nobody sells here")
  },
  knows: () => false,
  refusedEarly: () => {},
  inFlight: () => 0,
  drain: () => {},
  openOrder: (_, done) => done("no-route"),
  book: () => ({ _tag: "known" }),
  unhandled: () => [],
  recent: () => [],
  decide: () => {}
})

let refusals = 0
const listener = {
  name: "pos",
  kind: "iso8583",
  host: "127.0.0.1",
  port: 0,
  framing: "cup-tpdu",
  dialect: "cup-pos",
  maxSessions: count + 100,
  maxFrameBytes: 4096,
  firstMessageMs: 60_000,
  frameMs: 10_000,
  idleMs: 3_600_000,
  maxPendingBytes: 65_536,
  maxWrongMacs: 3,
  maxBadMessages: 10
} as const
const spoken = { dialect: cupDialect(), framing: cupFraming() }
const tls = {
  keyFile: join(config, "test-tls.key"),
  certificateFile: join(config, "test-tls.pem"),
  clientCertificate: "none"
} as const
const station = Layer.mergeAll(
  Layer.effectDiscard(listenSessions({ config: listener, ...spoken })),
  Layer.effectDiscard(
    listenSessions({ config: { ...listener, name: "pos-tls", tls }, ...spoken })
  )
).pipe(
  Layer.provideMerge(sessionHouseLayer({
    settings: {
      keyGraceMs: 60_000,
      quarantineMs: 10_000,
      drainMs: 0,
      maxSessionsPerAddress: count + 100,
      signOns: { perSecond: 10, burst: 10 },
      refuseInquiryAfterMs: 60_000,
      refuseSaleAfterMs: 60_000,
      pushRepeatMs: 10_000
    },
    hooks: {
      meter: {
        opened: () => {},
        ended: () => {},
        read: () => {},
        sent: () => {},
        received: () => {},
        refused: () => void refusals++,
        answered: () => {},
        unanswerable: () => void refusals++,
        push: () => {}
      },
      audit: () => {}
    },
    timeZone: "Asia/Shanghai"
  })),
  Layer.provideMerge(Layer.mergeAll(
    terminalsLayer(profiles(count)),
    Layer.sync(Journal, journal),
    Layer.succeed(Transactions, refuseAll),
    inPlaceCodecLayer({ accounts: () => undefined }).pipe(
      Layer.provideMerge(softwareModuleLayer({ store, testEnvironment: true }))
    ),
    HotActors.layer,
    MachineTransport
  )),
  Layer.provideMerge(Timers.layer),
  Layer.provideMerge(Layer.merge(MachineTime, MachineRandom))
)

const context = await Effect.runPromise(Layer.buildWithScope(station, Scope.makeUnsafe()))
const view = Context.get(context, SessionsView)
const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()

/** Everything that can be freed, and the pages it was on. */
function collect(): void {
  void globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" })
}

function measure(): Measured {
  const loopP99Ms = delay.percentile(99) / 1e6
  for (let often = 0; often < 3; often++) collect()
  const { external, heapUsed, rss } = process.memoryUsage()
  const { closing, new: fresh, proven, quarantined } = view.counts()
  const sessions = closing + fresh + proven + quarantined
  delay.reset()
  return {
    sessions,
    proven,
    heapBytes: heapUsed + external,
    processBytes: rss,
    refusals,
    loopP99Ms
  }
}

process.on("message", () => process.send?.(measure()))
const portOf = (name: string) => view.listeners().find((each) => each.name === name)?.port
process.send?.({ port: portOf("pos"), tlsPort: portOf("pos-tls") })
