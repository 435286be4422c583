/**
 * The machine's byte streams: `Transport` over `node:net` and `node:tls`. The seeded world has its
 * own layer for the same port.
 */

import { Effect, Layer } from "effect"
import { Timers } from "../actor/timers.ts"
import { Time } from "../domain/ports/time.ts"
import { ListenFailed, type ListenOptions, Transport } from "../domain/ports/transport.ts"
import { startConnect } from "./connector.ts"
import { Listener } from "./listener.ts"
import { lookEveryMs } from "./secure-files.ts"

export const MachineTransport: Layer.Layer<Transport, never, Time | Timers> = Layer.effect(
  Transport,
  Effect.gen(function*() {
    const time = yield* Time
    const timers = yield* Timers
    const context = yield* Effect.context<never>()
    let id = 0
    const house = {
      time,
      timers,
      nextId: () => ++id,
      report: (event: string, listener: string, code: string | undefined) => {
        Effect.runForkWith(context)(
          code === undefined
            ? Effect.logInfo(event, { listener })
            : Effect.logWarning(event, { listener, code })
        )
      }
    }
    return Transport.of({
      listen: (options, accept) =>
        Effect.acquireRelease(
          opened(new Listener(options, accept, house), options),
          ({ listener }) => Effect.sync(() => listener.close())
        ).pipe(
          Effect.tap(({ listener }) => options.tls === undefined ? Effect.void : watched(listener)),
          Effect.map(({ port }) => ({ port })),
          Effect.provideService(Time, time)
        ),
      connect: (options, connected, failed) => startConnect(house, options, connected, failed)
    })
  })
)

function opened(
  listener: Listener,
  options: ListenOptions
): Effect.Effect<{ readonly listener: Listener; readonly port: number }, ListenFailed> {
  const failure = (port: number, code: string) =>
    Effect.fail(new ListenFailed({ listener: options.name, port, code }))
  return Effect.callback((resume) => {
    const code = listener.secure()
    if (code !== undefined) return resume(failure(options.port, code))
    listener.open((port, refused) =>
      resume(refused === undefined ? Effect.succeed({ listener, port }) : failure(port, refused))
    )
  })
}

/** Looks at the TLS files from time to time, as long as the listener stands. */
const watched = Effect.fnUntraced(function*(listener: Listener) {
  const time = yield* Time
  yield* Effect.acquireRelease(
    Effect.sync(() => time.every(lookEveryMs, () => listener.refresh())),
    (stop) => Effect.sync(stop)
  )
})
