/** The real machine for verbs that run by themselves: sockets, HTTP, files, clocks and chance. */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, Layer, type Scope } from "effect"
import { Timers } from "../actor/timers.ts"
import { MachineHttp } from "../listen/machine-http.ts"
import { machineClock } from "../listen/machine-time.ts"
import { MachineTransport } from "../listen/machine-transport.ts"
import { Refusal, type Streams } from "./verb.ts"

const machineLayer = Layer.mergeAll(MachineTransport, MachineHttp, NodeFileSystem.layer).pipe(
  Layer.provideMerge(Timers.layer),
  Layer.provideMerge(machineClock)
)

/** Completes with the first SIGTERM or SIGINT. */
export const asked = ({ signals }: Streams): Effect.Effect<void> =>
  Effect.callback((resume) => signals(() => resume(Effect.void), () => {}))

/** Runs a verb's program to its end; a typed failure becomes one line and exit code 3. */
export async function runProgram<A, E extends { readonly _tag: string }>(
  program: Effect.Effect<A, E>
): Promise<A> {
  const result = await Effect.runPromise(Effect.result(program))
  if (result._tag === "Success") return result.success
  throw new Refusal(3, lineOf(result.failure))
}

/** The same for a program on this machine, which is let go of at its end. */
export const runOnMachine = <A, E extends { readonly _tag: string }>(
  program: Effect.Effect<A, E, Layer.Success<typeof machineLayer> | Scope.Scope>
): Promise<A> => runProgram(program.pipe(Effect.scoped, Effect.provide(machineLayer)))

function lineOf(failure: { readonly _tag: string }): string {
  const { advice, code, port } = failure as Readonly<Record<string, unknown>>
  if (typeof advice === "string") return advice
  if (failure._tag === "ListenFailed") {
    return code === "EADDRINUSE"
      ? `port ${String(port)} is taken: end what listens there, or choose another`
      : `cannot listen on port ${String(port)}: ${String(code)}`
  }
  return failure._tag
}
