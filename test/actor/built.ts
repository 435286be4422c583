/** Builds a layer for a plain test, and tears it down when asked. */

import { Context, Effect, Exit, Layer, Scope } from "effect"

export interface Built<Services> {
  readonly get: <Id extends Services, Shape>(service: Context.Key<Id, Shape>) => Shape
  readonly scope: Scope.Closeable
  readonly close: () => Promise<void>
}

export function built<Services>(layer: Layer.Layer<Services>): Built<Services> {
  const scope = Effect.runSync(Scope.make())
  const context = Effect.runSync(Layer.buildWithScope(layer, scope))
  return {
    get: (service) => Context.get(context, service),
    scope,
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}
