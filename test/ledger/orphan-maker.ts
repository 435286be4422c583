/**
 * Starts an embedded server in the folder that it is given, prints the server's pid and port, and
 * waits to be killed: what a switch leaves behind.
 */

import { Effect } from "effect"
import { EmbeddedServer } from "../../src/ledger/embedded-server.ts"
import { serverLayer } from "./server.ts"

const [folder = ""] = process.argv.slice(2)

await Effect.runPromise(
  Effect.gen(function*() {
    const { pid, port } = yield* EmbeddedServer
    process.stdout.write(`${JSON.stringify({ pid: pid(), port })}\n`)
    yield* Effect.never
  }).pipe(Effect.provide(serverLayer(folder)))
)
