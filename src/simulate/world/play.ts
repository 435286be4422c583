/**
 * Plays a scenario: does what a line says, and waits in virtual time for what a line expects. What
 * must hold: the first line that does not come true ends the play, by its number; no line waits
 * for ever.
 */

import { calmHabits } from "../terminal-habits.ts"
import { calmPlan, type WorldPlan } from "./plan.ts"
import type { Setting, Tongue } from "./scenario-rules.ts"
import type { Line, Scenario } from "./scenario.ts"
import { card, Stage, storyTemper } from "./stage.ts"
import type { World, WorldResult } from "./world.ts"

export interface Played {
  /** Undefined: every line came true. */
  readonly fault: string | undefined
  readonly result: WorldResult
}

/** The world of a scenario: its terminals, and nothing that happens by itself. */
export function planOf(scenario: Scenario): WorldPlan {
  const tongues = [...scenario.terminals.values()]
  const count = (tongue: Tongue) => tongues.filter((each) => each === tongue).length
  const begin = scenario.lines.findLast(({ step }) => step.do === "begin")?.step
  return {
    ...calmPlan,
    unionPayTerminals: count("cup"),
    isoTerminals: count("iso"),
    dukptTerminals: count("dukpt"),
    counters: scenario.lines.some(({ step }) => step.do === "pays") ? 1 : 0,
    payCodes: 0,
    questions: 0,
    cards: [card],
    tempers: [storyTemper, storyTemper],
    habits: { ...calmHabits, repeats: 1 },
    ...(begin?.do === "begin" ? { epochMs: begin.epochMs } : {})
  }
}

/** The settings that a scenario makes before it begins. */
export function settingsOf({ lines }: Scenario): ReadonlyArray<Setting> {
  return lines.flatMap(({ step }) => step.do === "config" ? step.settings : [])
}

export function play(scenario: Scenario, world: World): Played {
  const stage = new Stage(scenario, world)
  world.start()
  let fault: string | undefined
  for (const line of scenario.lines) {
    const problem = stage.play(line)
    if (problem === undefined) continue
    fault = lineFault(line, problem)
    break
  }
  const result = world.close()
  const [violation] = result.violations
  if (fault === undefined && violation !== undefined) {
    fault = lineFault(scenario.lines.at(-1)!, `${violation.kind}: ${violation.what}`)
  }
  return { fault, result }
}

function lineFault({ number, text }: Line, problem: string): string {
  return `line ${number}, "${text}": ${problem}`
}
