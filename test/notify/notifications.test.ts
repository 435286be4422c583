/** The station's end: who has a stream open must not keep the switch from ending. */

import { Effect, Exit, Layer, Scope } from "effect"
import { expect, it } from "vitest"
import { Timers } from "../../src/actor/timers.ts"
import type { NotificationVerdict } from "../../src/domain/ports/codec.ts"
import { Codec } from "../../src/domain/ports/codec.ts"
import { Http } from "../../src/domain/ports/http.ts"
import { Journal } from "../../src/domain/ports/journal.ts"
import { Push } from "../../src/domain/ports/push.ts"
import { Terminals } from "../../src/domain/ports/terminals.ts"
import { Transactions } from "../../src/domain/ports/transactions.ts"
import {
  type Connection,
  Transport,
  type TransportShape
} from "../../src/domain/ports/transport.ts"
import { notificationsLayer } from "../../src/notify/notifications.ts"
import { encodeMessagePack } from "../../src/qr/messagepack.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { Caller } from "../session/caller.ts"
import { listener } from "../session/place.ts"

it("answers what a stream brought before the drain, reads no more of it, and leaves it", async () => {
  const ends: Array<string> = []
  const verdicts: Array<(verdict: NotificationVerdict) => void> = []
  let accept: Parameters<TransportShape["listen"]>[1] = () => undefined
  const transport = {
    listen: (_, accepts) => {
      accept = accepts
      return Effect.succeed({ port: 1 })
    }
  } as Partial<TransportShape> as TransportShape
  const codec = {
    verifyNotification: (_: unknown, done: (verdict: NotificationVerdict) => void) =>
      void verdicts.push(done)
  }
  const time = new ManualTime()
  const scope = Scope.makeUnsafe()
  const none = {} as never
  await Effect.runPromise(Layer.buildWithScope(
    notificationsLayer({
      public: { host: "127.0.0.1", port: 0, accounts: [] },
      listeners: [{ ...listener, kind: "notifications" }],
      payPages: false,
      pushLifetimeMs: 1000,
      drainMs: 1000,
      meter: {
        notice: () => {},
        pushed: () => {},
        declined: () => {},
        streamEnded: (_, reason) => void ends.push(reason)
      }
    }).pipe(
      Layer.provide([
        Layer.succeed(Transport, transport),
        Layer.succeed(Codec, codec as never),
        Layer.succeed(Http, none),
        Layer.succeed(Journal, none),
        Layer.succeed(Push, none),
        Layer.succeed(Terminals, none),
        Layer.succeed(Transactions, none),
        Timers.layer
      ]),
      Layer.provide(time.layer)
    ),
    scope
  ))
  const caller = new Caller(1, "127.0.0.1:1")
  caller.handler = accept(caller as Connection)
  const map = encodeMessagePack({ n: 1, account: "x", headers: new Map(), body: new Uint8Array(0) })
  caller.bytes(Buffer.concat([Buffer.from([0, 0, 0, map.length]), map]))

  const closed = Effect.runPromise(Scope.close(scope, Exit.void))
  await new Promise((resolve) => setImmediate(resolve))
  expect([caller.paused, caller.fate, ends]).toEqual([true, "open", []])
  verdicts[0]?.({ _tag: "refused", failure: "notification-forged", detail: "" })
  await closed
  expect([caller.fate, ends]).toEqual(["ended", ["draining"]])
  expect(caller.raw.includes("refused")).toBe(true)
})
