/**
 * The notification station: webhooks over HTTP and streams over TCP lead into one intake. Ends with
 * its scope: listeners close first, what is under way is finished, then the streams are left.
 */

import { Effect, Layer } from "effect"
import { Timers } from "../actor/timers.ts"
import { TurnFlush } from "../actor/turn-writer.ts"
import type { AccountConfig, ListenerConfig } from "../domain/config.ts"
import type { EndReason } from "../domain/end-reasons.ts"
import { Codec } from "../domain/ports/codec.ts"
import { Http } from "../domain/ports/http.ts"
import { Journal } from "../domain/ports/journal.ts"
import { Push } from "../domain/ports/push.ts"
import { Terminals } from "../domain/ports/terminals.ts"
import { Time } from "../domain/ports/time.ts"
import { Transactions } from "../domain/ports/transactions.ts"
import { Transport } from "../domain/ports/transport.ts"
import { Intake, type NoticeMeter } from "./intake.ts"
import { NoticeStream, type StreamHouse } from "./notice-stream.ts"
import { makeWebhooks, maxNoticeBytes } from "./webhooks.ts"

export interface NotificationsOptions {
  readonly public: {
    readonly host: string
    readonly port: number
    readonly accounts: ReadonlyArray<AccountConfig>
  }
  /** Listeners of kind `notifications`. */
  readonly listeners: ReadonlyArray<ListenerConfig>
  /** There are devices whose codes lead to a page of the public listener. */
  readonly payPages: boolean
  readonly pushLifetimeMs: number
  readonly drainMs: number
  readonly meter: NoticeMeter & {
    readonly declined: () => void
    readonly streamEnded: (listener: string, reason: EndReason) => void
  }
}

const drainPollMs = 20

export const notificationsLayer = (options: NotificationsOptions) =>
  Layer.effectDiscard(Effect.gen(function*() {
    const time = yield* Time
    const journal = yield* Journal
    const terminals = yield* Terminals
    const intake = new Intake({
      codec: yield* Codec,
      journal,
      transactions: yield* Transactions,
      push: yield* Push,
      accounts: new Set(options.public.accounts.map(({ name }) => name)),
      monotonicMs: () => time.monotonicMs(),
      meter: options.meter,
      pushLifetimeMs: options.pushLifetimeMs
    })
    // Registered first, so run last: after the listeners below have closed.
    const streams = new Set<NoticeStream>()
    yield* Effect.addFinalizer(() => finished(intake, streams, options.drainMs))
    const http = yield* Http
    if (options.public.accounts.length > 0 || options.payPages) {
      yield* http.serve(
        {
          name: "public",
          host: options.public.host,
          port: options.public.port,
          maxBodyBytes: maxNoticeBytes,
          declined: options.meter.declined,
          oversized: () => options.meter.notice("unknown", "notification-oversized")
        },
        makeWebhooks(options.public.accounts, intake, {
          order: (number) => journal.get("orders", number),
          merchantName: (terminal) => terminals.find(terminal)?.merchantName,
          wallMs: () => time.wallMs()
        })
      )
    }
    for (const config of options.listeners) yield* listen(config, intake, streams, options)
  }))

const listen = Effect.fnUntraced(
  function*(
    config: ListenerConfig,
    intake: Intake,
    streams: Set<NoticeStream>,
    options: NotificationsOptions
  ) {
    const time = yield* Time
    const transport = yield* Transport
    const own = new Set<NoticeStream>()
    const house: StreamHouse = {
      config,
      intake,
      timers: yield* Timers,
      flush: new TurnFlush(time),
      wallMs: () => time.wallMs(),
      ended: (reason, stream) => {
        own.delete(stream)
        streams.delete(stream)
        options.meter.streamEnded(config.name, reason)
      }
    }
    const { balancers, firstMessageMs, host, name, port, tls } = config
    yield* transport.listen(
      {
        name,
        host,
        port,
        backlog: 128,
        handshakeTimeoutMs: firstMessageMs,
        refused: (reason) => options.meter.streamEnded(name, reason),
        ...(tls === undefined ? {} : { tls }),
        ...(balancers === undefined ? {} : { proxy: { from: balancers } })
      },
      (connection) => {
        if (own.size >= config.maxSessions) {
          options.meter.streamEnded(config.name, "too-many-sessions")
          return undefined
        }
        const stream = new NoticeStream(house, connection)
        own.add(stream)
        streams.add(stream)
        return stream
      }
    )
    yield* Effect.addFinalizer(() => Effect.sync(() => own.forEach((stream) => stream.drain())))
  }
)

/** What is under way is brought to its end; what is not by then, the scheme sends again. */
const finished = Effect.fnUntraced(
  function*(intake: Intake, streams: ReadonlySet<NoticeStream>, drainMs: number) {
    for (let waitedMs = 0; intake.underWay > 0 && waitedMs < drainMs; waitedMs += drainPollMs) {
      yield* Effect.sleep(drainPollMs)
    }
    for (const stream of streams) stream.leave()
  }
)
