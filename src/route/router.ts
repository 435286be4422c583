/**
 * The `Router` service: one reference to the current table, swapped whole on reload, so that a
 * message is decided under exactly one configuration version (I10).
 */

import { Context, Effect, Layer } from "effect"
import { Router } from "../domain/ports/router.ts"
import type { RouteTable } from "./route-table.ts"

export interface RouteControlShape {
  readonly current: () => RouteTable
  /** From the next decision on. */
  readonly swap: (table: RouteTable) => void
}

/** The side of the router that configuration and people use. */
export class RouteControl
  extends Context.Service<RouteControl, RouteControlShape>()("pointsman/route/RouteControl")
{}

export function routerLayer(first: RouteTable): Layer.Layer<Router | RouteControl> {
  return Layer.effectContext(Effect.sync(() => {
    let table = first
    return Context.make(Router, Router.of({ decide: (facts) => table.decide(facts) })).pipe(
      Context.add(
        RouteControl,
        RouteControl.of({
          current: () => table,
          swap: (next) => {
            table = next
          }
        })
      )
    )
  }))
}
