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
import { goodWallet, type WalletMood, walletMoods, type WalletTemper } from "../wallet.ts"
import { Chance } from "./chance.ts"
import { calmCounter, type CounterHabits } from "./counter.ts"
import { calm, type Weather } from "./network.ts"
import { calmPurse, type PurseHabits } from "./purse.ts"

/** Grows when the same seed would give another world; seed files name it. */
export const worldVersion = 14

/** Wall time at which worlds begin that say nothing else. */
export const usualEpochMs = 1_890_000_000_000

export interface WorldPlan {
  readonly version: number
  readonly seed: number
  /** Terminals by the dialect they speak. */
  readonly unionPayTerminals: number
  readonly isoTerminals: number
  /** Terminals with DUKPT: one after the other triple DES and AES. */
  readonly dukptTerminals: number
  /** Share of the terminals with keys that ask for PINs, and of the PINs that are mistyped. */
  readonly pinPads: number
  readonly wrongPins: number
  /** Of the first, those that share one connection, told apart by their TPDU. */
  readonly concentrated: number
  /** Weight of sales by a customer's code among what those ask for. */
  readonly payCodes: number
  /** Counters that take codes only, each with a device. */
  readonly counters: number
  /** Questions each terminal asks before it rests. */
  readonly questions: number
  readonly habits: TerminalHabits
  /** Of a hundred cards, what their route's first upstream takes; 0: all that it can. */
  readonly share: number
  /** The cards that terminals are shown; absent: all of the test cards. */
  readonly cards?: ReadonlyArray<string>
  readonly weather: Weather
  readonly tempers: ReadonlyArray<AcquirerTemper>
  readonly wallet: WalletTemper
  readonly counter: CounterHabits
  readonly purse: PurseHabits
  /** Mean virtual time between two of each; 0 = never. */
  readonly killEveryMs: number
  readonly powerCutEveryMs: number
  readonly databaseAwayEveryMs: number
  readonly diskFailsEveryMs: number
  readonly diskFullEveryMs: number
  readonly failOverEveryMs: number
  readonly partitionEveryMs: number
  readonly wallStepEveryMs: number
  readonly stallEveryMs: number
  /** An upstream signs off; an operator drains one; an operator changes routes and terminals. */
  readonly signOffEveryMs: number
  readonly drainEveryMs: number
  readonly reloadEveryMs: number
  /** Somebody who listens in on terminals with DUKPT says again what they said. */
  readonly replayEveryMs: number
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

/** As a number that a plan in JSON keeps. */
const never = Number.MAX_SAFE_INTEGER

export const calmPlan: WorldPlan = {
  version: worldVersion,
  seed: 1,
  unionPayTerminals: 4,
  isoTerminals: 4,
  dukptTerminals: 0,
  pinPads: 0,
  wrongPins: 0,
  concentrated: 0,
  payCodes: 0.5,
  counters: 2,
  questions: 25,
  share: 0,
  habits: { ...calmHabits, thinkMs: 400, timeoutMs: 40_000, closeAfter: never },
  weather: calm,
  tempers: [goodTemper, goodTemper],
  wallet: goodWallet,
  counter: calmCounter,
  purse: calmPurse,
  killEveryMs: 0,
  powerCutEveryMs: 0,
  databaseAwayEveryMs: 0,
  diskFailsEveryMs: 0,
  diskFullEveryMs: 0,
  failOverEveryMs: 0,
  partitionEveryMs: 0,
  wallStepEveryMs: 0,
  stallEveryMs: 0,
  signOffEveryMs: 0,
  drainEveryMs: 0,
  reloadEveryMs: 0,
  replayEveryMs: 0,
  awayMs: 3_000,
  diskSlowMs: 0,
  rare: 0,
  stormMs: 3_600_000
}

interface PlanSize {
  readonly transactions: number
}

/** Half of the worlds have none of a given fault; in the others its rate varies by a factor. */
export function drawPlan(seed: number, size: PlanSize): WorldPlan {
  const chance = new Chance(seed, "plan")
  const maybe = maybeOf(chance)
  // Luck of its own, so that whoever moves in changes nobody else's rates.
  const more = new Chance(seed, "more")
  const maybeMore = maybeOf(more)
  const late = new Chance(seed, "late")
  const maybeLate = maybeOf(late)
  const everyMs = (low: number, high: number): number => Math.round(maybe(low, high))
  const unionPayTerminals = chance.between(1, 6)
  const twoKinds = chance.between(1, 6)
  const dukpt = new Chance(seed, "dukpt")
  const dukptTerminals = dukpt.happens(0.35) ? dukpt.between(1, twoKinds) : 0
  const split = new Chance(seed, "shares")
  const counters = more.happens(0.5) ? more.between(1, 3) : 0
  const terminals = unionPayTerminals + twoKinds + counters
  const habits = drawHabits(chance, maybe)
  const weather = drawWeather(chance, maybe)
  return {
    version: worldVersion,
    seed,
    unionPayTerminals,
    isoTerminals: twoKinds - dukptTerminals,
    dukptTerminals,
    ...drawPins(seed),
    concentrated: more.happens(0.5) ? more.between(1, unionPayTerminals) : 0,
    payCodes: more.happens(0.6) ? more.next() * 2 : 0,
    counters,
    questions: Math.max(1, Math.ceil(size.transactions / terminals)),
    share: split.happens(0.4) ? split.between(1, 99) : 0,
    habits: {
      ...habits,
      ...drawMoreHabits(more, maybeMore),
      walkOff: drawSeldom(seed, "walk-off"),
      regret: drawSeldom(seed, "regret"),
      twoLines: maybeLate(0.005, 0.1),
      // A frame that stalls half way is given up, and then nothing is owed.
      halfClose: weather.stall > 0 ? 0 : maybeLate(0.005, 0.1)
    },
    weather,
    tempers: [drawTemper(chance, maybe), drawTemper(chance, maybe)],
    wallet: drawWallet(more, maybeMore),
    counter: drawCounter(more, maybeMore),
    purse: {
      streamed: more.happens(0.3) ? 0 : more.next(),
      twice: maybeMore(0.01, 0.3),
      forged: maybeMore(0.01, 0.2)
    },
    killEveryMs: everyMs(10_000, 120_000),
    powerCutEveryMs: everyMs(15_000, 150_000),
    databaseAwayEveryMs: everyMs(8_000, 80_000),
    diskFailsEveryMs: everyMs(20_000, 200_000),
    diskFullEveryMs: Math.round(maybeMore(30_000, 300_000)),
    failOverEveryMs: everyMs(10_000, 100_000),
    partitionEveryMs: everyMs(5_000, 60_000),
    wallStepEveryMs: everyMs(20_000, 200_000),
    stallEveryMs: everyMs(5_000, 60_000),
    signOffEveryMs: Math.round(maybeLate(5_000, 60_000)),
    drainEveryMs: Math.round(maybeLate(10_000, 120_000)),
    reloadEveryMs: Math.round(maybeLate(5_000, 60_000)),
    replayEveryMs: dukptTerminals > 0 ? Math.round(20_000 * 10 ** dukpt.next()) : 0,
    awayMs: chance.between(200, 20_000),
    diskSlowMs: Math.round(maybe(1, 200)),
    rare: maybe(0.001, 0.2),
    stormMs: 3_600_000,
    ...(late.happens(0.25) ? { epochMs: usualEpochMs - late.between(1_000, wrapWithinMs) } : {})
  }
}

/** So long before midnight (UTC) the numbers of a first start come to their end in the storm. */
const wrapWithinMs = 150_000

type Maybe = (low: number, high: number) => number

const maybeOf = (chance: Chance): Maybe => (low, high) =>
  chance.happens(0.5) ? 0 : low * (high / low) ** chance.next()

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

function drawPins(seed: number): Pick<WorldPlan, "pinPads" | "wrongPins"> {
  const chance = new Chance(seed, "pins")
  const pinPads = chance.happens(0.5) ? chance.next() : 0
  return { pinPads, wrongPins: chance.next() * 0.4 }
}

/** Of its own luck, so that everything else is as it would be without. */
function drawSeldom(seed: number, what: string): number {
  const chance = new Chance(seed, what)
  return chance.happens(0.5) ? 0 : 0.005 * 20 ** chance.next()
}

type MoreHabits = Pick<TerminalHabits, "slowRead" | "wrongMac" | "rotateMs" | "closeAfter">

function drawMoreHabits(chance: Chance, maybe: Maybe): MoreHabits {
  return {
    slowRead: maybe(0.001, 0.1),
    wrongMac: maybe(0.001, 0.1),
    rotateMs: Math.round(maybe(10_000, 300_000)),
    closeAfter: chance.happens(0.5) ? chance.between(5, 60) : never
  }
}

function drawWallet(chance: Chance, maybe: Maybe): WalletTemper {
  const shares: Partial<Record<WalletMood, number>> = { pay: 10 }
  for (const mood of walletMoods) {
    const share = mood === "pay" ? 0 : maybe(0.01, 3)
    if (share > 0) shares[mood] = share
  }
  return { shares, delayMs: chance.between(0, 2_000), refuseUndo: maybe(0.05, 0.5) }
}

function drawCounter(chance: Chance, maybe: Maybe): CounterHabits {
  return {
    thinkMs: chance.between(200, 5_000),
    sale: chance.next(),
    show: chance.next(),
    printed: chance.next(),
    paid: chance.next(),
    wrongAmount: maybe(0.01, 0.1),
    paidTwice: maybe(0.01, 0.1),
    scanMs: chance.between(500, 90_000),
    churn: maybe(0.01, 0.2)
  }
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
