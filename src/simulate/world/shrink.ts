/**
 * A failing plan made small: one thing after the other is taken away, and stays away while the
 * world still fails. What is left is what the failure needs.
 */

import { goodTemper } from "../acquirer.ts"
import { goodWallet } from "../wallet.ts"
import { calmCounter } from "./counter.ts"
import { calm } from "./network.ts"
import { calmPlan, usualEpochMs, type WorldPlan } from "./plan.ts"
import { calmPurse } from "./purse.ts"

type Change = (plan: WorldPlan) => WorldPlan

function populationOf(plan: WorldPlan): number {
  return plan.counters + plan.dukptTerminals + plan.isoTerminals + plan.unionPayTerminals
}

const halved = (value: number): number => Math.max(1, Math.floor(value / 2))

/** Largest savings first. Each returns its argument when it has nothing to take away. */
const changes: ReadonlyArray<Change> = [
  (plan) => ({ ...plan, isoTerminals: 0 }),
  (plan) => ({ ...plan, unionPayTerminals: 0 }),
  (plan) => ({ ...plan, dukptTerminals: 0, replayEveryMs: 0 }),
  (plan) => ({ ...plan, unionPayTerminals: halved(plan.unionPayTerminals) }),
  (plan) => ({ ...plan, isoTerminals: halved(plan.isoTerminals) }),
  (plan) => ({
    ...plan,
    dukptTerminals: plan.dukptTerminals > 1 ? halved(plan.dukptTerminals) : plan.dukptTerminals
  }),
  (plan) => ({ ...plan, counters: 0 }),
  (plan) => ({ ...plan, counters: plan.counters > 0 ? halved(plan.counters) : 0 }),
  (plan) => ({ ...plan, pinPads: 0, wrongPins: 0 }),
  (plan) => ({ ...plan, wrongPins: 0 }),
  (plan) => ({ ...plan, concentrated: 0 }),
  (plan) => ({ ...plan, payCodes: 0 }),
  (plan) => ({ ...plan, questions: halved(plan.questions) }),
  (plan) => ({ ...plan, weather: calm }),
  (plan) => ({ ...plan, tempers: plan.tempers.map(() => goodTemper) }),
  (plan) => ({ ...plan, killEveryMs: 0 }),
  (plan) => ({ ...plan, powerCutEveryMs: 0 }),
  (plan) => ({ ...plan, databaseAwayEveryMs: 0 }),
  (plan) => ({ ...plan, diskFailsEveryMs: 0 }),
  (plan) => ({ ...plan, diskFullEveryMs: 0 }),
  (plan) => ({ ...plan, failOverEveryMs: 0 }),
  (plan) => ({ ...plan, partitionEveryMs: 0 }),
  (plan) => ({ ...plan, wallStepEveryMs: 0 }),
  (plan) => ({ ...plan, stallEveryMs: 0 }),
  (plan) => ({ ...plan, signOffEveryMs: 0 }),
  (plan) => ({ ...plan, drainEveryMs: 0 }),
  (plan) => ({ ...plan, reloadEveryMs: 0 }),
  (plan) => ({ ...plan, replayEveryMs: 0 }),
  (plan) => ({ ...plan, share: 0 }),
  (plan) => ({ ...plan, epochMs: usualEpochMs }),
  (plan) => ({ ...plan, diskSlowMs: 0 }),
  (plan) => ({ ...plan, rare: 0 }),
  (plan) => ({ ...plan, habits: { ...plan.habits, churn: 0, takeover: 0, powerCut: 0 } }),
  (plan) => ({ ...plan, wallet: goodWallet, purse: calmPurse, counter: calmCounter }),
  (plan) => ({ ...plan, habits: { ...plan.habits, slowRead: 0, wrongMac: 0, rotateMs: 0 } }),
  (plan) => ({ ...plan, habits: { ...plan.habits, closeAfter: calmPlan.habits.closeAfter } }),
  (plan) => ({
    ...plan,
    habits: { ...plan.habits, stutter: 0, walkOff: 0, regret: 0, mix: { sale: 1 } }
  }),
  (plan) => ({ ...plan, habits: { ...plan.habits, twoLines: 0, halfClose: 0 } }),
  (plan) => ({ ...plan, weather: { ...plan.weather, split: 0, merge: 0, jitterMs: 0 } }),
  (plan) => ({ ...plan, weather: { ...plan.weather, reset: 0, refuse: 0, vanish: 0 } }),
  (plan) => ({ ...plan, weather: { ...plan.weather, deaf: 0, stall: 0 } }),
  (plan) => shortened(plan) as WorldPlan
]

/** Digits of a fraction: few enough that nobody takes them for a card number and masks them. */
const digits = 9

function shortened(value: unknown): unknown {
  if (typeof value === "number") {
    return Number.isInteger(value) ? value : Number(value.toPrecision(digits))
  }
  if (Array.isArray(value)) return value.map(shortened)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shortened(each)]))
}

const maxRounds = 8

/** `fails` runs the plan's world. */
export function shrinkPlan(
  first: WorldPlan,
  fails: (plan: WorldPlan) => boolean,
  onSmaller: (plan: WorldPlan) => void = () => {}
): WorldPlan {
  let plan = first
  for (let round = 0; round < maxRounds; round++) {
    let smaller = false
    for (const change of changes) {
      const next = change(plan)
      if (JSON.stringify(next) === JSON.stringify(plan)) continue
      if (populationOf(next) === 0 || !fails(next)) continue
      plan = next
      smaller = true
      onSmaller(plan)
    }
    if (!smaller) break
  }
  return plan
}
