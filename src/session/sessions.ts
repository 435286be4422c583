/**
 * The session station: what all listeners share, and one layer for each listener. Closing a
 * listener's scope refuses new connections, waits for the answers that are under way, and ends what
 * is left with `draining`.
 */

import { Context, Effect, Layer, Result } from "effect"
import { HotActors } from "../actor/hot-actor.ts"
import { Timers } from "../actor/timers.ts"
import { TurnFlush } from "../actor/turn-writer.ts"
import { makeLocalClock } from "../domain/business-day.ts"
import type { ListenerConfig } from "../domain/config.ts"
import { invariant } from "../domain/invariant.ts"
import { Codec } from "../domain/ports/codec.ts"
import { Journal } from "../domain/ports/journal.ts"
import { Push } from "../domain/ports/push.ts"
import { SecurityModule } from "../domain/ports/security-module.ts"
import { Terminals } from "../domain/ports/terminals.ts"
import { Random, Time } from "../domain/ports/time.ts"
import { Transactions } from "../domain/ports/transactions.ts"
import { type Connection, Transport } from "../domain/ports/transport.ts"
import { compileFraming } from "../frame/compile.ts"
import type { Framing } from "../frame/framing.ts"
import type { Dialect } from "../iso8583/message.ts"
import { Owners } from "./binding.ts"
import { DeviceDesk, type DeviceSettings } from "./device-desk.ts"
import { DeviceSession } from "./device-session.ts"
import { EndedSessions } from "./ended-sessions.ts"
import {
  type SessionHooks,
  SessionHouse,
  type SessionHouseShape,
  type SessionSettings
} from "./house.ts"
import { IsoDesk } from "./iso-desk.ts"
import { IsoSession } from "./iso-session.ts"
import { KeySerials } from "./key-serials.ts"
import { Keyring } from "./keyring.ts"
import { ListenerRoom, type RoomLine } from "./listener-room.ts"
import { Pushes } from "./pushes.ts"
import { ReadingRoom } from "./reading-room.ts"
import { SessionsView, sessionsView } from "./sessions-view.ts"
import { TokenBuckets } from "./token-buckets.ts"

interface SessionHouseOptions {
  readonly settings: SessionSettings
  readonly hooks: SessionHooks
  /** IANA name, for fields 12 and 13. */
  readonly timeZone: string
}

/** Pending connections that the system holds before we accept them. */
const backlog = 4096

/** How often a drain looks whether everything owed has left. */
const drainPollMs = 20

export const sessionHouseLayer = (options: SessionHouseOptions) =>
  Layer.effectContext(
    Effect.gen(function*() {
      const house = yield* makeHouse(options)
      const recovered = house.pushes.recover()
      if (recovered > 0) yield* Effect.logInfo("pushes-recovered", { pushes: recovered })
      return Context.make(SessionHouse, SessionHouse.of(house)).pipe(
        Context.add(Push, Push.of(house.pushes)),
        Context.add(SessionsView, sessionsView(house))
      )
    })
  )

const makeHouse = Effect.fnUntraced(function*(options: SessionHouseOptions) {
  const { hooks, settings } = options
  const time = yield* Time
  const timers = yield* Timers
  const journal = yield* Journal
  const security = yield* SecurityModule
  const codec = yield* Codec
  const context = yield* Effect.context<never>()
  const keys = new Keyring(
    journal,
    security,
    hooks.seedKeys ?? (() => undefined),
    settings.keyGraceMs,
    timers.after
  )
  const reading = yield* Effect.acquireRelease(
    Effect.sync(() => new ReadingRoom(codec, journal, timers)),
    (room) => Effect.sync(() => room.close())
  )
  const house: SessionHouseShape = {
    time,
    timers,
    random: yield* Random,
    actors: yield* HotActors,
    codec,
    terminals: yield* Terminals,
    journal,
    security,
    local: makeLocalClock(options.timeZone),
    flush: new TurnFlush(time),
    owners: new Owners(),
    keys,
    serials: new KeySerials(journal),
    ends: new EndedSessions(),
    pushes: new Pushes(time, timers, journal, keys, settings.pushRepeatMs, hooks.meter),
    addresses: new Map(),
    addressRates: settings.perAddress && new TokenBuckets(settings.perAddress),
    terminalRates: settings.perTerminal && new TokenBuckets(settings.perTerminal),
    merchantRates: settings.perMerchant && new TokenBuckets(settings.perMerchant),
    signOnRates: new TokenBuckets(settings.signOns),
    settings,
    hooks,
    reading,
    rooms: new Set(),
    run: (effect, done) => {
      const told = Effect.catchDefect(
        effect,
        (cause) =>
          Effect.logError("security-module-failed", cause).pipe(
            Effect.andThen(Effect.fail("hsm-unavailable" as const))
          )
      )
      Effect.runForkWith(context)(
        Effect.map(
          Effect.result(told),
          (result) => done(Result.isSuccess(result) ? result.success : result.failure)
        )
      )
    }
  }
  return house
})

interface SessionsOptions {
  readonly config: ListenerConfig
  readonly dialect: Dialect
  readonly framing: Framing
}

/** Sessions of terminals that speak ISO 8583, until the scope closes. Gives the bound port. */
export const listenSessions = Effect.fnUntraced(function*(options: SessionsOptions) {
  const house = yield* SessionHouse
  const desk = new IsoDesk(house, yield* Transactions)
  const room = new ListenerRoom(house, options.config, options.framing)
  return yield* serve(
    room,
    (connection) => new IsoSession(room, connection, options.dialect, desk)
  )
})

interface DevicesOptions {
  readonly config: ListenerConfig
  readonly settings: DeviceSettings
}

/** Sessions of MessagePack devices, until the scope closes. Gives the bound port. */
export const listenDevices = Effect.fnUntraced(function*(options: DevicesOptions) {
  const house = yield* SessionHouse
  const desk = new DeviceDesk(house, yield* Transactions, options.settings)
  const room = new ListenerRoom(house, options.config, deviceFraming())
  return yield* serve(room, (connection) => new DeviceSession(room, connection, desk))
})

/** Two bytes of length, big-endian, and nothing else. */
function deviceFraming(): Framing {
  const framing = compileFraming({ name: "devices", length: { bytes: 2, encoding: "binary" } })
  invariant("encode" in framing, "the framing of devices is one")
  return framing
}

/** Accepts until the scope closes; then drains. */
const serve = Effect.fnUntraced(function*<L extends RoomLine>(
  room: ListenerRoom,
  make: (connection: Connection) => L
) {
  const transport = yield* Transport
  const { config, house } = room
  const bound = yield* transport.listen({
    name: config.name,
    host: config.host,
    port: config.port,
    backlog,
    handshakeTimeoutMs: config.firstMessageMs,
    refused: (reason, remote) => room.refused(reason, remote),
    ...(config.tls === undefined ? {} : { tls: config.tls }),
    ...(config.balancers === undefined ? {} : { proxy: { from: config.balancers } })
  }, (connection) => room.enter(connection, () => make(connection)))
  room.port = bound.port
  house.rooms.add(room)
  // Runs before the sockets are closed, because it was added after them.
  yield* Effect.addFinalizer(() => drained(room))
  return bound
})

/**
 * Nothing new, and up to `drainMs` for what is under way. Listeners end one after the other, so the
 * first closes the doors of all: `drainMs` counts from there, and nobody comes in by the next.
 */
const drained = Effect.fnUntraced(function*(room: ListenerRoom) {
  const { rooms, settings, time } = room.house
  for (const each of rooms) each.drain()
  while (room.busy() && time.monotonicMs() < room.drainsSinceMs + settings.drainMs) {
    yield* Effect.sleep(drainPollMs)
  }
  room.close()
  room.house.rooms.delete(room)
})
