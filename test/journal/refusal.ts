/** Why a layer could not be built. */

import { Cause, Effect, Exit, Layer, Scope } from "effect"
import { JournalUnusable } from "../../src/domain/ports/journal.ts"

export async function refusal<A>(
  layer: Layer.Layer<A, JournalUnusable>
): Promise<JournalUnusable> {
  const scope = Effect.runSync(Scope.make())
  const exit = await Effect.runPromiseExit(Layer.buildWithScope(layer, scope))
  await Effect.runPromise(Scope.close(scope, Exit.void))
  const error = Exit.isSuccess(exit) ? new Error("it opened") : Cause.squash(exit.cause)
  if (error instanceof JournalUnusable) return error
  throw error
}
