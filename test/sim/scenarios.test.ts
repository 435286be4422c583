/** Every scenario of the fault catalogue that the seeded world can play, named after its ID. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { worldMaker } from "../../src/cli/simulate.ts"
import type { WorldPlan } from "../../src/simulate/world/plan.ts"
import { planOf, play } from "../../src/simulate/world/play.ts"
import { parseScenario } from "../../src/simulate/world/scenario.ts"
import type { World } from "../../src/simulate/world/world.ts"

const folder = join(import.meta.dirname, "scenarios")
const ids = readdirSync(folder).map((file) => file.replace(".scenario", "")).sort()

let make: (plan: WorldPlan) => World

beforeAll(async () => {
  make = await worldMaker()
})

describe("scenarios", () => {
  it.each(ids)("%s", (id) => {
    const scenario = parseScenario(readFileSync(join(folder, `${id}.scenario`), "utf8"))
    if (!("lines" in scenario)) throw new Error(scenario.join("\n"))
    expect(play(scenario, make(planOf(scenario))).fault).toBeUndefined()
  })

  it("names the line that did not come true", () => {
    const scenario = parseScenario("# wrong\nT1 (iso) sells 100\nT1 hears 05\nbooks agree")
    if (!("lines" in scenario)) throw new Error(scenario.join("\n"))
    expect(play(scenario, make(planOf(scenario))).fault).toBe(
      `line 3, "T1 hears 05": it hears 00`
    )
  })
})

describe("a scenario with a mistake", () => {
  it.each([
    ["# x\nT1 sings\nbooks agree", `line 2: nobody understands "T1 sings"`],
    ["# x\nT1 hears 00\nbooks agree", "line 2: T1 has not asked anything yet"],
    ["# x\nT1 (cup) sells 1\nT1 (iso) sells 1\nbooks agree", "line 3: T1 speaks cup already"],
    ["T1 sells 1\nbooks agree", "line 1: a scenario begins with # and what it shows"],
    ["# x\nT1 sells 1", `line 2: a scenario ends with "books agree"`]
  ])("%j is refused by its line", (text, fault) => {
    expect(parseScenario(text)).toEqual([fault])
  })
})
