/**
 * A plan that comes from a file, as `--shrink` prints it. What must hold: what is printed is read
 * as the same plan; what is no plan is refused by the name of its key, before anything is made of
 * it.
 */

import { calmPlan, type WorldPlan, worldVersion } from "./plan.ts"

/** Above these a world is no test case but a heater. */
const most: Readonly<Record<string, number>> = {
  unionPayTerminals: 1_000,
  isoTerminals: 1_000,
  dukptTerminals: 1_000,
  questions: 1_000_000,
  stormMs: 7 * 86_400_000
}

/** Keys that a plan may have beside those of the calm one. */
const optional: Readonly<Record<string, unknown>> = { cards: [""], epochMs: 0 }

/** Whose keys are weights of what may be asked or answered. */
const weights = /(?:^|\.)(?:mix|shares)$/

/** The plan, or why it is none. What it leaves out is calm. */
export function readPlan(value: unknown): WorldPlan | string {
  if (!isRecord(value) || value["version"] !== worldVersion) {
    return `not a plan of world version ${worldVersion}`
  }
  const faults: Array<string> = []
  const plan = merged(value, { ...calmPlan, ...optional }, "", faults)
  const [fault] = faults
  if (fault !== undefined) return fault
  if (!("cards" in value)) delete plan["cards"]
  if (!("epochMs" in value)) delete plan["epochMs"]
  // Each key was held against the calm plan's.
  return plan as unknown as WorldPlan
}

function merged(
  value: Readonly<Record<string, unknown>>,
  model: Readonly<Record<string, unknown>>,
  path: string,
  faults: Array<string>
): Record<string, unknown> {
  const result: Record<string, unknown> = { ...model }
  for (const [key, each] of Object.entries(value)) {
    const at = path === "" ? key : `${path}.${key}`
    if (key in model || weights.test(path)) result[key] = fitted(each, model[key] ?? 0, at, faults)
    else faults.push(`${at}: no plan has this`)
  }
  return result
}

function fitted(value: unknown, model: unknown, path: string, faults: Array<string>): unknown {
  // JSON has no word for it.
  if (value === null && model === Number.POSITIVE_INFINITY) return model
  if (Array.isArray(model) && Array.isArray(value) && value.length > 0) {
    return value.map((each) => fitted(each, model[0], path, faults))
  }
  if (isRecord(model) && isRecord(value)) return merged(value, model, path, faults)
  if (typeof model === "number") {
    const limit = most[path] ?? Number.MAX_SAFE_INTEGER
    if (typeof value === "number" && value >= 0 && value <= limit) return value
    faults.push(`${path}: expected a number from 0 to ${limit}`)
  } else if (typeof model !== typeof value || Array.isArray(model) || isRecord(model)) {
    faults.push(`${path}: not what a plan has there`)
  }
  return value
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
