/** The seeded world: reproducible to the byte, fast, and without a violation in a hundred storms. */

import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { worldMaker } from "../../src/cli/world-maker.ts"
import { type CampaignSum, faultTotal } from "../../src/simulate/world/campaign.ts"
import { Incarnation } from "../../src/simulate/world/events.ts"
import { readPlan } from "../../src/simulate/world/plan-file.ts"
import { calmPlan, drawPlan, type WorldPlan, worldVersion } from "../../src/simulate/world/plan.ts"
import type { World } from "../../src/simulate/world/world.ts"

const main = join(import.meta.dirname, "../../src/main.ts")
const seeds = 100
const transactions = 1000

let make: (plan: WorldPlan) => World

beforeAll(async () => {
  make = await worldMaker()
})

/** Runs the verb in a process of its own. */
function simulate(
  ...words: ReadonlyArray<string>
): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, "simulate", ...words], {
      stdio: ["ignore", "pipe", "pipe"]
    })
    let out = ""
    let err = ""
    child.stdout.on("data", (chunk: Buffer) => out += chunk.toString())
    child.stderr.on("data", (chunk: Buffer) => err += chunk.toString())
    child.on("close", (code) => resolve({ code: code ?? -1, out, err }))
  })
}

describe("the seeded world", () => {
  it("gives one trace for one seed, and another for another", () => {
    const run = (seed: number) => make(drawPlan(seed, { transactions: 100 })).run()
    const [first, second, other] = [run(11), run(11), run(12)]
    expect(second).toEqual(first)
    expect(first.events).toBeGreaterThan(1000)
    expect(other.hash).not.toBe(first.hash)
  })

  it("approves everything where nothing goes wrong", () => {
    const result = make({ ...calmPlan, questions: 25 }).run()
    expect(result.violations).toEqual([])
    expect(result.approved).toBe(result.transactions)
    expect(result.transactions).toBeGreaterThanOrEqual(200)
  })

  it("balances every batch where nothing goes wrong", () => {
    const habits = { ...calmPlan.habits, closeAfter: 7 }
    const world = make({ ...calmPlan, habits, counters: 0, questions: 25 })
    expect(world.run().violations).toEqual([])
    const { closes } = world.terminalBook
    expect(closes.filter(({ balanced }) => !balanced)).toEqual([])
    expect(new Set(closes.map(({ terminal }) => terminal)).size).toBe(8)
    expect(closes.length).toBeGreaterThanOrEqual(8 * 3)
  })

  it("says what is left when a world does not become quiet", () => {
    const world = make({ ...calmPlan, questions: 1 })
    world.start()
    // It begins when the story is over, and never ends: nothing can become quiet.
    world.events.after(new Incarnation("fiend"), 1, function again() {
      world.house.disk.setSlowMs(86_400_000)
      world.events.after(new Incarnation("fiend"), 100, again)
    })
    const { violations } = world.close()
    expect(violations.map(({ kind }) => kind)).toContain("unfinished")
  })

  it(`finds nothing in ${seeds} seeds of ${transactions} transactions`, async () => {
    const words = ["--seeds", `${seeds}`, "--transactions", `${transactions}`, "--jobs", "2"]
    const { out } = await simulate(...words, "--format", "json")
    // Printed by the program under test.
    const sum = JSON.parse(out) as CampaignSum
    expect(sum.findings).toEqual([])
    expect(sum.worlds).toBe(seeds)
    expect(faultTotal(sum)).toBeGreaterThan(10_000)
    expect(sum.transactions).toBeGreaterThan(seeds * transactions * 0.5)
  }, 900_000)
})

describe("a plan from a file", () => {
  it("is the plan that was printed", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const plan = drawPlan(seed, { transactions: 100 })
      expect(readPlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan)
    }
  })

  it.each([
    [{ teapot: 1 }, "teapot: no plan has this"],
    [{ questions: "many" }, "questions: expected a number from 0 to 1000000"],
    [{ questions: 1e12 }, "questions: expected a number from 0 to 1000000"],
    [{ habits: { thinkMs: -1 } }, `habits.thinkMs: expected a number from 0 to ${2 ** 53 - 1}`],
    [{ weather: null }, "weather: not what a plan has there"],
    [{ tempers: [] }, "tempers: not what a plan has there"],
    [{ version: 1 }, `not a plan of world version ${worldVersion}`]
  ])("%j is refused by its key", (change, fault) => {
    expect(readPlan({ ...JSON.parse(JSON.stringify(calmPlan)), ...change })).toBe(fault)
  })
})

describe("files of another world", () => {
  it("are refused with a line that says so", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pointsman-world-"))
    const file = join(folder, "plan.json")
    const name = "plan.json: not a plan of world version"
    try {
      writeFileSync(file, `{"version":1}`)
      const plan = await simulate("--plan", file)
      expect([plan.code, plan.err.includes(name)]).toEqual([2, true])
      const sum = await simulate("--seeds", "1", "--resume", file)
      expect([sum.code, sum.err.includes("the sum of another campaign")]).toEqual([2, true])
      writeFileSync(file, "# x\nT1 sings\nbooks agree")
      const story = await simulate("--scenario", file)
      expect([story.code, story.err.includes("line 2: nobody understands")]).toEqual([2, true])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }, 300_000)
})
