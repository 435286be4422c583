/** The router's service: one table at a time, swapped whole. */

import { Effect } from "effect"
import { expect, it } from "vitest"
import { Router } from "../../src/domain/ports/router.ts"
import { compileRoutes, type RouteTable } from "../../src/route/route-table.ts"
import { RouteControl, routerLayer } from "../../src/route/router.ts"
import { sale } from "./facts.ts"

function table(to: string, version: number): RouteTable {
  const made = compileRoutes([{ name: "all", when: {}, to: [to] }], new Set(["a", "b"]), version)
  if ("length" in made) throw new Error("refused")
  return made
}

it("decides by the new table from the swap on, each decision under one version (I10)", () => {
  const story = Effect.gen(function*() {
    const router = yield* Router
    const control = yield* RouteControl
    const before = router.decide(sale())
    control.swap(table("b", 2))
    return [before, router.decide(sale()), control.current().version]
  })
  expect(Effect.runSync(Effect.provide(story, routerLayer(table("a", 1))))).toEqual([
    { route: "all", candidates: ["a"], configVersion: 1 },
    { route: "all", candidates: ["b"], configVersion: 2 },
    2
  ])
})
