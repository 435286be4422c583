/** What the station opens, and its end: an open stream must not keep the switch from ending. */

import { Effect, Exit, Layer, Scope } from "effect"
import { describe, expect, it } from "vitest"
import { Timers } from "../../src/actor/timers.ts"
import type { NotificationVerdict } from "../../src/domain/ports/codec.ts"
import { Codec } from "../../src/domain/ports/codec.ts"
import { Http, type HttpShape } from "../../src/domain/ports/http.ts"
import { Journal } from "../../src/domain/ports/journal.ts"
import { Push } from "../../src/domain/ports/push.ts"
import { Terminals } from "../../src/domain/ports/terminals.ts"
import { Transactions } from "../../src/domain/ports/transactions.ts"
import {
  type Connection,
  type ListenOptions,
  Transport,
  type TransportShape
} from "../../src/domain/ports/transport.ts"
import { notificationsLayer, type NotificationsOptions } from "../../src/notify/notifications.ts"
import { encodeMessagePack } from "../../src/qr/messagepack.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { Caller } from "../session/caller.ts"
import { listener } from "../session/place.ts"

const none = {} as never

/** A station over ports that do nothing, and what it asked of them. */
async function stationOf(change: Partial<NotificationsOptions> = {}) {
  const ends: Array<string> = []
  const verdicts: Array<(verdict: NotificationVerdict) => void> = []
  const served: Array<string> = []
  const listened: Array<ListenOptions> = []
  let accept: Parameters<TransportShape["listen"]>[1] = () => undefined
  const transport = {
    listen: (options, accepts) => {
      listened.push(options)
      accept = accepts
      return Effect.succeed({ port: 1 })
    }
  } as Partial<TransportShape> as TransportShape
  const http = {
    serve: ({ name }) => {
      served.push(name)
      return Effect.succeed({ port: 1 })
    }
  } as Partial<HttpShape> as HttpShape
  const codec = {
    verifyNotification: (_: unknown, done: (verdict: NotificationVerdict) => void) =>
      void verdicts.push(done)
  }
  const scope = Scope.makeUnsafe()
  await Effect.runPromise(Layer.buildWithScope(
    notificationsLayer({
      public: { host: "127.0.0.1", port: 0, accounts: [] },
      listeners: [],
      payPages: false,
      pushLifetimeMs: 1000,
      drainMs: 1000,
      meter: {
        notice: () => {},
        pushed: () => {},
        declined: () => {},
        streamEnded: (name, reason) => void ends.push(`${name} ${reason}`)
      },
      ...change
    }).pipe(
      Layer.provide([
        Layer.succeed(Transport, transport),
        Layer.succeed(Codec, codec as never),
        Layer.succeed(Http, http),
        Layer.succeed(Journal, none),
        Layer.succeed(Push, none),
        Layer.succeed(Terminals, none),
        Layer.succeed(Transactions, none),
        Timers.layer
      ]),
      Layer.provide(new ManualTime().layer)
    ),
    scope
  ))
  return {
    ends,
    verdicts,
    served,
    listened,
    scope,
    connect: () => {
      const caller = new Caller(1, "127.0.0.1:1")
      caller.handler = accept(caller as Connection)
      return caller
    }
  }
}

const streams = { ...listener, name: "streams", kind: "notifications" } as const

it("answers what a stream brought before the drain, reads no more of it, and leaves it", async () => {
  const { connect, ends, scope, verdicts } = await stationOf({ listeners: [streams] })
  const caller = connect()
  const map = encodeMessagePack({ n: 1, account: "x", headers: new Map(), body: new Uint8Array(0) })
  caller.bytes(Buffer.concat([Buffer.from([0, 0, 0, map.length]), map]))

  const closed = Effect.runPromise(Scope.close(scope, Exit.void))
  await new Promise((resolve) => setImmediate(resolve))
  expect([caller.paused, caller.fate, ends]).toEqual([true, "open", []])
  verdicts[0]?.({ _tag: "refused", failure: "notification-forged", detail: "" })
  await closed
  expect([caller.fate, ends]).toEqual(["ended", ["streams draining"]])
  expect(caller.raw.includes("refused")).toBe(true)
})

describe("the public port", () => {
  const account = {
    name: "a",
    scheme: "wechat",
    path: "/notify/a",
    merchantId: "1",
    replayWindowMs: 1
  } as const
  const empty = { host: "127.0.0.1", port: 0, accounts: [] }

  it.each([
    ["is not opened for nobody", { public: empty }, []],
    ["is opened for an account", { public: { ...empty, accounts: [account] } }, ["public"]],
    ["is opened for the pages of devices", { public: empty, payPages: true }, ["public"]]
  ])("%s", async (_, change, served) => {
    const station = await stationOf(change)
    expect(station.served).toEqual(served)
    await Effect.runPromise(Scope.close(station.scope, Exit.void))
  })
})

it("takes as many streams as its listener says, and another when one has gone", async () => {
  const listeners = [{ ...streams, maxSessions: 2 }]
  const { connect, ends, scope } = await stationOf({ listeners })
  const first = connect()
  expect(connect().handler).toBeDefined()
  expect(connect().handler).toBeUndefined()
  expect(ends).toEqual(["streams too-many-sessions"])
  first.close("ended")
  expect(connect().handler).toBeDefined()
  await Effect.runPromise(Scope.close(scope, Exit.void))
  expect(ends).toEqual([
    "streams too-many-sessions",
    "streams peer-closed",
    "streams draining",
    "streams draining"
  ])
})

it("lets nobody but its balancers in, and counts whom a handshake or they refuse", async () => {
  const listeners = [{ ...streams, firstMessageMs: 700, balancers: ["10.0.0.1"] }]
  const { ends, listened: [options], scope } = await stationOf({ listeners })
  expect(options).toMatchObject({ proxy: { from: ["10.0.0.1"] }, handshakeTimeoutMs: 700 })
  options?.refused?.("handshake-failed", "unknown")
  options?.refused?.("address-refused", "10.0.0.2:1")
  expect(ends).toEqual(["streams handshake-failed", "streams address-refused"])
  await Effect.runPromise(Scope.close(scope, Exit.void))
})
