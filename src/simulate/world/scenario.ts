/**
 * Scenarios: one fault as a story, line by line, played in a world that is calm but for what the
 * story does. What must hold: a line that nobody understands is refused before anything is played,
 * by its number; an expectation is waited for in virtual time, and for a bounded one.
 *
 *     # An approval that comes after the reversal was sent
 *     acquirer answers too late
 *     T1 (cup) sells 100
 *     T1 hears 68
 *     acquirer has T1's question reversed
 *     books agree
 *
 * The lines are in `scenario-rules.ts`.
 */

import { type Step, stepOf, type Tongue, tongues } from "./scenario-rules.ts"

export interface Line {
  readonly number: number
  readonly text: string
  readonly step: Step
}

export interface Scenario {
  readonly title: string
  readonly lines: ReadonlyArray<Line>
  /** Terminals by the order in which the story names them. */
  readonly terminals: ReadonlyMap<string, Tongue>
}

/** A story is ten lines; what is longer than this is none. */
const maxLines = 200

/** Before anybody does anything: they make the world. */
const prologue: ReadonlySet<Step["do"]> = new Set(["begin", "config"])

/** The scenario, or what is wrong with it: one text a line, each with its number. */
export function parseScenario(text: string): Scenario | ReadonlyArray<string> {
  const faults: Array<string> = []
  const lines: Array<Line> = []
  const terminals = new Map<string, Tongue>()
  const raws = text.split("\n")
  if (raws.length > maxLines) return [`line ${maxLines + 1}: a scenario ends by here`]
  let title = ""
  for (const [index, raw] of raws.entries()) {
    const trimmed = raw.trim()
    const number = index + 1
    if (trimmed.startsWith("#")) {
      title ||= trimmed.slice(1).trim()
      continue
    }
    if (trimmed === "") continue
    const step = stepOf(trimmed)
    if (step === undefined) {
      faults.push(`line ${number}: nobody understands "${trimmed}"`)
      continue
    }
    if (prologue.has(step.do) && lines.some((line) => !prologue.has(line.step.do))) {
      faults.push(`line ${number}: this is said before anybody does anything`)
    }
    const fault = nameFault(trimmed, step, terminals)
    if (fault !== undefined) faults.push(`line ${number}: ${fault}`)
    lines.push({ number, text: trimmed, step })
  }
  if (title === "") faults.push("line 1: a scenario begins with # and what it shows")
  if (lines.at(-1)?.step.do !== "agree") {
    faults.push(`line ${raws.length}: a scenario ends with "books agree"`)
  }
  return faults.length > 0 ? faults : { title, lines, terminals }
}

/** Who is named has asked something before, or asks now, in one tongue. */
function nameFault(text: string, step: Step, terminals: Map<string, Tongue>): string | undefined {
  const tongue = tongues.find((each) => text.includes(`(${each})`))
  for (const name of text.match(/\bT\d+\b/g) ?? []) {
    const known = terminals.get(name)
    if (known !== undefined && tongue !== undefined && known !== tongue) {
      return `${name} speaks ${known} already`
    }
    if (known !== undefined) continue
    if (step.do !== "ask" && step.do !== "clock-wrong") return `${name} has not asked anything yet`
    terminals.set(name, tongue ?? "cup")
  }
  return undefined
}
