/** Every scenario of the fault catalogue that the seeded world can play, named after its ID. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { worldOf } from "../../src/cli/world-maker.ts"
import { play } from "../../src/simulate/world/play.ts"
import { parseScenario } from "../../src/simulate/world/scenario.ts"
import { World } from "../../src/simulate/world/world.ts"
import { elsewhere, simulated } from "./catalogue.ts"

const folder = join(import.meta.dirname, "scenarios")
const ids = readdirSync(folder).map((file) => file.replace(".scenario", "")).sort()

/** What did not come true; undefined: everything did. */
async function faultOf(text: string): Promise<string | undefined> {
  const scenario = parseScenario(text)
  if (!("lines" in scenario)) return scenario.join("\n")
  const world = await worldOf(scenario)
  return world instanceof World ? play(scenario, world).fault : world.join("\n")
}

describe("scenarios", () => {
  it.each(ids)("%s", async (id) => {
    const text = readFileSync(join(folder, `${id}.scenario`), "utf8")
    expect(await faultOf(text)).toBeUndefined()
  })

  it("tell every fault of the catalogue that a simulator can inject", () => {
    const told = new Set(ids)
    expect(simulated.filter((id) => !told.has(id)).sort()).toEqual(Object.keys(elsewhere).sort())
  })

  it("are stories, and short ones", () => {
    for (const id of ids) {
      const lines = readFileSync(join(folder, `${id}.scenario`), "utf8").trimEnd().split("\n")
      expect(lines[0], id).toMatch(/^# [A-Z]/)
      expect(lines.length, id).toBeLessThanOrEqual(20)
    }
  })

  it("name the line that did not come true", async () => {
    expect(await faultOf("# wrong\nT1 (iso) sells 100\nT1 hears 05\nbooks agree")).toBe(
      `line 3, "T1 hears 05": it hears 00`
    )
  })

  it("never wait for ever", async () => {
    const text = "# stuck\nT1 (iso) sells 100\nT1 hears 00\nacquirer has 4 links\nbooks agree"
    expect(await faultOf(text)).toBe(`line 4, "acquirer has 4 links": it is 2`)
  })

  it("name the key of a setting that no configuration has", async () => {
    const text = "# x\nconfig with timeouts.teapot as 5\nT1 sells 1\nbooks agree"
    expect(await faultOf(text)).toMatch(/world\.yaml:\d+: timeouts\.teapot: /)
  })
})

describe("a scenario with a mistake", () => {
  it.each([
    ["# x\nT1 sings\nbooks agree", `line 2: nobody understands "T1 sings"`],
    ["# x\nT1 hears 00\nbooks agree", "line 2: T1 has not asked anything yet"],
    ["# x\nT1 sells 1\nT1 says what T2 said\nbooks agree", "line 3: T2 has not asked anything yet"],
    ["# x\nT1 (cup) sells 1\nT1 (iso) sells 1\nbooks agree", "line 3: T1 speaks cup already"],
    [
      "# x\nT1 sells 1\nit is 2027-01-01T00:00:00Z\nbooks agree",
      "line 3: this is said before anybody does anything"
    ],
    ["T1 sells 1\nbooks agree", "line 1: a scenario begins with # and what it shows"],
    ["# x\nT1 sells 1", `line 2: a scenario ends with "books agree"`],
    ["#\n".repeat(201), "line 201: a scenario ends by here"]
  ])("%j is refused by its line", (text, fault) => {
    expect(parseScenario(text)).toEqual([fault])
  })
})
