/** Worlds, each from its plan, and the world of a scenario from what its first lines say. */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { loadAccounts } from "../config/account-secrets.ts"
import { loadKeyStore } from "../config/key-store-file.ts"
import { loadConfig } from "../config/load.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import type { WorldPlan } from "../simulate/world/plan.ts"
import { planOf, settingsOf } from "../simulate/world/play.ts"
import type { Scenario } from "../simulate/world/scenario.ts"
import { World, type WorldResult } from "../simulate/world/world.ts"
import { runProgram } from "./machine.ts"
import { makeWorldHouse, tonguesOf } from "./world-house.ts"
import { loadVariant } from "./world-variants.ts"

const worldConfig = fileURLToPath(new URL("../../config/world.yaml", import.meta.url))
/** In the key store of the world. */
const masterKey = "tmk-demo"

/** Everything that worlds have in common is loaded once. */
export async function worldMaker(): Promise<(plan: WorldPlan) => World> {
  const { accounts, loaded, store } = await runProgram(
    Effect.gen(function*() {
      const first = yield* loadConfig(worldConfig)
      return {
        loaded: first,
        store: yield* loadKeyStore(first.config.keyStore),
        accounts: yield* loadAccounts(first.config.public.accounts)
      }
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
  const tongues = tonguesOf(loaded, store, accounts, masterKey)
  return (plan) => new World(plan, makeWorldHouse(loaded, store, accounts), tongues)
}

/** Runs a plan's world to its end. */
export async function worldRunner(): Promise<(plan: WorldPlan) => WorldResult> {
  const make = await worldMaker()
  return (plan) => make(plan).run()
}

/** The world that a scenario begins in, or why there is none: one text a line. */
export function worldOf(scenario: Scenario): Promise<World | ReadonlyArray<string>> {
  return runProgram(
    Effect.gen(function*() {
      const settings = settingsOf(scenario)
      const config = yield* loadVariant(worldConfig, settings, 0)
      if (!("config" in config)) return config
      const store = yield* loadKeyStore(config.config.keyStore)
      const accounts = yield* loadAccounts(config.config.public.accounts)
      const variants = new Map<number, LoadedConfig | ReadonlyArray<string>>()
      for (const { number, step } of scenario.lines) {
        if (step.do !== "variant") continue
        const before = config.config.version + variants.size
        variants.set(
          number,
          yield* loadVariant(worldConfig, [...settings, ...step.settings], before)
        )
      }
      const house = makeWorldHouse(config, store, accounts, { variants })
      return new World(planOf(scenario), house, tonguesOf(config, store, accounts, masterKey))
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
}
