/**
 * The operator of a seeded world: what reaches into a switch that runs, by the same doors as in
 * production. What must hold: what is in force is told as it was when it came into force.
 */

import { Effect } from "effect"
import type { LoadedConfig } from "../config/loaded.ts"
import type { RouteConfig } from "../domain/config.ts"
import { upstreamOf } from "../domain/route-target.ts"
import { RouteControl } from "../route/router.ts"
import { type Amendment, pinnedRoute, type RunningSwitch } from "../simulate/world/house.ts"
import { putInForce, underVersion, upstreamHands } from "../switch/production.ts"
import type { Variants } from "./world-variants.ts"

export type OperatorHands = Pick<
  RunningSwitch,
  "force" | "hold" | "inForce" | "reload" | "reread"
>

/** For a switch that started with this amendment of the usual file; `file`: how it stands now. */
export const operatorHands = Effect.fnUntraced(function*(
  usual: LoadedConfig,
  first: Amendment,
  file: () => Amendment,
  story: { readonly variants: Variants } | undefined
) {
  const routes = yield* RouteControl
  const upstreams = yield* upstreamHands
  const context = yield* Effect.context<Effect.Services<ReturnType<typeof putInForce>>>()
  let amendment = first
  let current = underVersion(amended(usual, first), routes.current().version)
  const put = (next: LoadedConfig): string | undefined => {
    const after = underVersion(next, current.config.version + 1)
    const { refused } = Effect.runSyncWith(context)(putInForce(current, after))
    if (refused.length > 0) return refused.join("; ")
    current = after
    return undefined
  }
  const hands: OperatorHands = {
    force: upstreams.force,
    hold: (upstream, held) => {
      const { links = [] } = usual.config.upstreams.find(({ name }) => name === upstream) ?? {}
      for (const link of links.keys()) upstreams[held ? "drain" : "resume"](upstream, link)
    },
    inForce: () => ({
      version: routes.current().version,
      amendment,
      routes: new Map(current.config.routes.map(({ name, to }) => [name, to.map(upstreamOf)]))
    }),
    reread: () => {
      const refusal = put(amended(usual, file()))
      if (refusal === undefined) amendment = file()
      return refusal
    },
    reload: (number) => {
      const after = story?.variants.get(number)
      return after !== undefined && "config" in after
        ? put({ ...after, terminals: usual.terminals })
        : after?.join("; ") ?? "no such variant"
    }
  }
  return hands
})

/** The configuration as an operator has changed it. */
export function amended(
  loaded: LoadedConfig,
  { blocked, pinned, share }: Amendment
): LoadedConfig {
  const routes = share === 0 ? loaded.config.routes : loaded.config.routes.map(shared(share))
  const cards = routes.find(({ when }) => when.channels !== undefined)
  const others = routes.filter(({ when }) => when.bins === undefined && when.channels === undefined)
  return {
    ...loaded,
    terminals: loaded.terminals.map((each) => ({ ...each, blocked: blocked.has(each.terminal) })),
    config: {
      ...loaded.config,
      routes: pinned === undefined || cards === undefined
        ? routes
        : [{ ...cards, name: pinnedRoute, to: [pinned] }, ...others]
    }
  }
}

/** The first of two upstreams takes so many of a hundred, the second the rest. */
const shared = (share: number) => (route: RouteConfig): RouteConfig => {
  const [first, second, ...others] = route.to.map(upstreamOf)
  if (first === undefined || second === undefined) return route
  const to = [{ upstream: first, share }, { upstream: second, share: 100 - share }, ...others]
  return { ...route, to }
}
