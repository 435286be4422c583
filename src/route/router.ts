/**
 * The `Router` service: one reference to the current table, swapped whole on reload, so that a
 * message is decided under exactly one configuration version (I10).
 */

import { Context, Effect, Layer, Schema } from "effect"
import type { SwitchConfig } from "../domain/config.ts"
import { Router } from "../domain/ports/router.ts"
import { compileRoutes, type RouteTable } from "./route-table.ts"

interface RouteControlShape {
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

/** The routes of a configuration cannot be used; each fault as `routes[2].when.bins[0]: why`. */
class RoutesInvalid extends Schema.TaggedError<RoutesInvalid>()("RoutesInvalid", {
  faults: Schema.Array(Schema.String)
}) {}

/** The router of a configuration, under its version. */
export function routesLayer(
  { routes, upstreams, version }: Pick<SwitchConfig, "routes" | "upstreams" | "version">
): Layer.Layer<Router | RouteControl, RoutesInvalid> {
  const table = compileRoutes(routes, new Set(upstreams.map(({ name }) => name)), version)
  if ("decide" in table) return routerLayer(table)
  const faults = table.map(({ path, problem }) => `${path}: ${problem}`)
  return Layer.unwrap(Effect.fail(new RoutesInvalid({ faults })))
}
