/** The machine's HTTP: `Http` over `node:http`. The seeded world has a layer of its own. */

import { Effect, Layer, type Scope } from "effect"
import type { Server } from "node:http"
import { Timers } from "../actor/timers.ts"
import { Http } from "../domain/ports/http.ts"
import { ListenFailed } from "../domain/ports/transport.ts"
import { HttpClient } from "./http-client.ts"
import { createHttpServer, type HttpHandler, type ServeOptions } from "./http-server.ts"

/** Requests under way when a server closes have this long to be answered. */
const closeMs = 5000

export const MachineHttp: Layer.Layer<Http, never, Timers> = Layer.effect(
  Http,
  Effect.gen(function*() {
    const timers = yield* Timers
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => new HttpClient(timers)),
      (made) => Effect.sync(() => made.close())
    )
    return Http.of({ serve, call: (call, done) => client.call(call, done) })
  })
)

function serve(
  options: ServeOptions,
  handle: HttpHandler
): Effect.Effect<{ readonly port: number }, ListenFailed, Scope.Scope> {
  return Effect.acquireRelease(opened(options, handle), ({ server }) => closed(server)).pipe(
    Effect.map(({ port }) => ({ port }))
  )
}

function opened(
  options: ServeOptions,
  handle: HttpHandler
): Effect.Effect<{ readonly server: Server; readonly port: number }, ListenFailed> {
  return Effect.callback((resume) => {
    const server = createHttpServer(options, handle)
    const { host, name, port } = options
    const refused = (error: NodeJS.ErrnoException) =>
      resume(
        Effect.fail(new ListenFailed({ listener: name, port, code: error.code ?? "unknown" }))
      )
    server.once("error", refused)
    server.listen({ host, port }, () => {
      server.removeListener("error", refused)
      // Failed accepts: those that are open go on, and the system drops the rest.
      server.on("error", () => {})
      const address = server.address()
      const bound = typeof address === "object" && address !== null ? address.port : port
      resume(Effect.succeed({ server, port: bound }))
    })
  })
}

function closed(server: Server): Effect.Effect<void> {
  return Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeIdleConnections()
  }).pipe(
    Effect.timeoutOrElse({
      duration: closeMs,
      orElse: () => Effect.sync(() => server.closeAllConnections())
    })
  )
}
