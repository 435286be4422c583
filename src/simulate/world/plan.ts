/**
 * What a world is made of: who lives in it and how much goes wrong, drawn from one seed. Swarm
 * style: each kind of fault has a rate of its own, and in many worlds none at all, because a fault
 * that is always there hides what happens without it. What must hold: a plan is plain data; a seed
 * and a version give one plan.
 */

import type { AcquirerTemper, Mood } from "../acquirer.ts"
import { goodTemper } from "../acquirer.ts"
import { calmHabits, type TerminalHabits } from "../terminal-habits.ts"
import type { TerminalKind } from "../terminal-speech.ts"
import { Chance } from "./chance.ts"
import { calm, type Weather } from "./network.ts"

/** Grows when the same seed would give another world; seed files name it. */
export const worldVersion = 7

/** Wall time at which worlds begin that say nothing else. */
export const usualEpochMs = 1_790_000_000_000

export interface WorldPlan {
  readonly version: number
  readonly seed: number
  /** Terminals by the dialect they speak. */
  readonly unionPayTerminals: number
  readonly isoTerminals: number
  /** Questions each terminal asks before it rests. */
  readonly questions: number
  readonly habits: TerminalHabits
  /** The cards that terminals are shown; absent: all of the test cards. */
  readonly cards?: ReadonlyArray<string>
  readonly weather: Weather
  readonly tempers: ReadonlyArray<AcquirerTemper>
  /** Mean virtual time between two of each; 0 = never. */
  readonly killEveryMs: number
  readonly powerCutEveryMs: number
  readonly databaseAwayEveryMs: number
  readonly diskFailsEveryMs: number
  readonly failOverEveryMs: number
  readonly partitionEveryMs: number
  readonly wallStepEveryMs: number
  readonly stallEveryMs: number
  /** How long what was taken away stays away, on average. */
  readonly awayMs: number
  readonly diskSlowMs: number
  /** Rate of each rare branch that the code offers. */
  readonly rare: number
  /** Virtual time after which the storm ends whatever terminals still want. */
  readonly stormMs: number
  /** Wall time at which the world begins, for everybody in it; absent: some day in 2026. */
  readonly epochMs?: number
}

export const calmPlan: WorldPlan = {
  version: worldVersion,
  seed: 1,
  unionPayTerminals: 4,
  isoTerminals: 4,
  questions: 25,
  habits: { ...calmHabits, thinkMs: 400, timeoutMs: 40_000 },
  weather: calm,
  tempers: [goodTemper, goodTemper],
  killEveryMs: 0,
  powerCutEveryMs: 0,
  databaseAwayEveryMs: 0,
  diskFailsEveryMs: 0,
  failOverEveryMs: 0,
  partitionEveryMs: 0,
  wallStepEveryMs: 0,
  stallEveryMs: 0,
  awayMs: 3_000,
  diskSlowMs: 0,
  rare: 0,
  stormMs: 3_600_000
}

export interface PlanSize {
  readonly transactions: number
}

/** Half of the worlds have none of a given fault; in the others its rate varies by a factor. */
export function drawPlan(seed: number, size: PlanSize): WorldPlan {
  const chance = new Chance(seed, "plan")
  const maybe = (low: number, high: number): number =>
    chance.happens(0.5) ? 0 : low * (high / low) ** chance.next()
  const everyMs = (low: number, high: number): number => Math.round(maybe(low, high))
  const unionPayTerminals = chance.between(1, 6)
  const isoTerminals = chance.between(1, 6)
  const terminals = unionPayTerminals + isoTerminals
  return {
    version: worldVersion,
    seed,
    unionPayTerminals,
    isoTerminals,
    questions: Math.max(1, Math.ceil(size.transactions / terminals)),
    habits: { ...drawHabits(chance, maybe), walkOff: drawWalkOff(seed) },
    weather: drawWeather(chance, maybe),
    tempers: [drawTemper(chance, maybe), drawTemper(chance, maybe)],
    killEveryMs: everyMs(10_000, 120_000),
    powerCutEveryMs: everyMs(15_000, 150_000),
    databaseAwayEveryMs: everyMs(8_000, 80_000),
    diskFailsEveryMs: everyMs(20_000, 200_000),
    failOverEveryMs: everyMs(10_000, 100_000),
    partitionEveryMs: everyMs(5_000, 60_000),
    wallStepEveryMs: everyMs(20_000, 200_000),
    stallEveryMs: everyMs(5_000, 60_000),
    awayMs: chance.between(200, 20_000),
    diskSlowMs: Math.round(maybe(1, 200)),
    rare: maybe(0.001, 0.2),
    stormMs: 3_600_000
  }
}

type Maybe = (low: number, high: number) => number

function drawHabits(chance: Chance, maybe: Maybe): TerminalHabits {
  const mix: Partial<Record<TerminalKind, number>> = { sale: 4 }
  const others = ["void", "refund", "preauth", "completion", "preauth-cancel", "balance"] as const
  for (const kind of others) if (chance.happens(0.6)) mix[kind] = chance.next()
  return {
    ...calmHabits,
    thinkMs: chance.between(20, 2_000),
    timeoutMs: chance.between(32_000, 45_000),
    mix,
    repeats: chance.between(0, 2),
    churn: maybe(0.001, 0.2),
    takeover: maybe(0.001, 0.1),
    powerCut: maybe(0.001, 0.05),
    awayMs: chance.between(500, 60_000),
    stutter: maybe(0.001, 0.1)
  }
}

/** Of its own luck, so that everything else is as it would be without. */
function drawWalkOff(seed: number): number {
  const chance = new Chance(seed, "walk-off")
  return chance.happens(0.5) ? 0 : 0.005 * 20 ** chance.next()
}

function drawWeather(chance: Chance, maybe: Maybe): Weather {
  return {
    latencyMs: chance.between(1, 30),
    jitterMs: Math.round(maybe(1, 400)),
    split: maybe(0.01, 0.7),
    merge: maybe(0.01, 0.7),
    reset: maybe(0.0005, 0.02),
    deaf: maybe(0.0005, 0.01),
    stall: maybe(0.001, 0.05),
    stallMs: chance.between(500, 40_000),
    refuse: maybe(0.01, 0.3),
    vanish: maybe(0.01, 0.2)
  }
}

function drawTemper(chance: Chance, maybe: Maybe): AcquirerTemper {
  const shares: Partial<Record<Mood, number>> = { approve: 10, decline: chance.next() * 3 }
  const rare = [
    "slow",
    "silent",
    "forget",
    "late",
    "duplicate",
    "drop-after-write",
    "altered",
    "garbage",
    "technical",
    "partial"
  ] as const
  for (const mood of rare) {
    const share = maybe(0.01, 3)
    if (share > 0) shares[mood] = share
  }
  return {
    shares,
    delayMs: chance.between(0, 300),
    slowMs: chance.between(2_000, 20_000),
    lateMs: chance.between(25_000, 60_000),
    loseAcknowledgement: maybe(0.05, 0.6),
    refuseReversal: maybe(0.05, 0.4),
    flapMs: chance.happens(0.2) ? chance.between(500, 5_000) : 0
  }
}
