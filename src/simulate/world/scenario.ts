/**
 * Scenarios: one fault as a story, line by line, played in a world that is calm but for what the
 * story does. What must hold: a line that nobody understands is refused before anything is played,
 * by its number; an expectation is waited for in virtual time, and for a bounded one.
 *
 *     # U7: an approval that comes after the reversal was sent
 *     acquirer answers the next too late
 *     T1 (cup) sells 100
 *     T1 hears 68
 *     acquirer has T1's sale reversed
 *     books agree
 */

import type { Mood } from "../acquirer.ts"
import type { TerminalKind } from "../terminal-speech.ts"
import type { DatabaseMood } from "./house.ts"

export type Tongue = "cup" | "iso"

/** What an acquirer is expected to hold of a terminal's last question. */
export type Holding = "approved" | "declined" | "reversed" | "nothing"

export type Step =
  | {
    readonly do: "ask"
    readonly who: string
    readonly what: TerminalKind
    readonly amount?: number
  }
  | {
    readonly do: "terminal"
    readonly who: string
    readonly how:
      | "stutters"
      | "takes over"
      | "reconnects"
      | "half-closes"
      | "stops reading"
      | "loses power"
      | "sends rubbish"
  }
  | { readonly do: "hears"; readonly who: string; readonly what: string }
  | { readonly do: "mood"; readonly who: string; readonly mood: Mood; readonly times: number }
  | {
    readonly do: "acquirer"
    readonly who: string
    readonly how:
      | "goes away"
      | "comes back"
      | "drops its connections"
      | "refuses reversals"
      | "accepts reversals"
      | "loses acknowledgements"
  }
  | { readonly do: "has"; readonly acquirer: string; readonly who: string; readonly what: Holding }
  | { readonly do: "switch"; readonly how: "kill" | "power-cut"; readonly awayMs: number }
  | { readonly do: "stall"; readonly ms: number }
  | { readonly do: "disk"; readonly how: "slow" | "failing" | "well" }
  | { readonly do: "database"; readonly mood: DatabaseMood | "fails over" }
  | { readonly do: "network"; readonly how: "splits" | "merges" | "slow" | "calm" }
  | { readonly do: "clock"; readonly ms: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "agree" }

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

type Rule = readonly [pattern: RegExp, make: (...parts: Array<string>) => Step]

const asks: Readonly<Record<string, TerminalKind>> = {
  sells: "sale",
  voids: "void",
  refunds: "refund",
  preauthorises: "preauth",
  completes: "completion",
  "cancels its preauthorisation": "preauth-cancel",
  "asks for the balance": "balance"
}

const moods: Readonly<Record<string, Mood>> = {
  approves: "approve",
  declines: "decline",
  "answers slowly": "slow",
  "executes and is silent": "silent",
  forgets: "forget",
  "answers too late": "late",
  "answers twice": "duplicate",
  "executes and drops": "drop-after-write",
  "alters the amount": "altered",
  "answers rubbish": "garbage",
  "answers 91": "technical",
  "approves half": "partial"
}

const terminalDeeds =
  "stutters|takes over|reconnects|half-closes|stops reading|loses power|sends rubbish"
const acquirerDeeds = "goes away|comes back|drops its connections|refuses reversals|" +
  "accepts reversals|loses acknowledgements"

const either = (names: Readonly<Record<string, unknown>>) => Object.keys(names).join("|")

const who = "(T\\d+)(?: \\((?:cup|iso)\\))?"
const upstream = "(acquirer|unionpay)"

/** In the order in which they are tried; the parts are what the pattern's groups caught. */
const rules: ReadonlyArray<Rule> = [
  [line(`${who} (${either(asks)})(?: (\\d+))?`), (name = "", verb = "", amount) => ({
    do: "ask",
    who: name,
    what: asks[verb]!,
    ...(amount === undefined ? {} : { amount: Number(amount) })
  })],
  [line(`${who} hears (nothing|[0-9A-Z]{2})`), (name = "", what = "") => ({
    do: "hears",
    who: name,
    what
  })],
  // The pattern names nothing but the deeds.
  [line(`${who} (${terminalDeeds})`), (name = "", how) => ({
    do: "terminal",
    who: name,
    how
  } as Step)],
  [line(`${upstream} (${either(moods)})(?: (\\d+) times)?`), (name = "", verb = "", times) => ({
    do: "mood",
    who: name,
    mood: moods[verb]!,
    times: Number(times ?? 1)
  })],
  [line(`${upstream} (${acquirerDeeds})`), (name = "", how) => ({
    do: "acquirer",
    who: name,
    how
  } as Step)],
  [
    line(`${upstream} has (T\\d+)'s question (approved|declined|reversed|nothing)`),
    (acquirer, name, what) => ({ do: "has", acquirer, who: name, what } as Step)
  ],
  [line("switch (is killed|loses power) for (\\d+)s"), (how, seconds) => ({
    do: "switch",
    how: how === "is killed" ? "kill" : "power-cut",
    awayMs: Number(seconds) * 1000
  })],
  [line("switch is held for (\\d+)s"), (seconds) => ({ do: "stall", ms: Number(seconds) * 1000 })],
  [line("disk is (slow|failing|well)"), (how) => ({ do: "disk", how } as Step)],
  [
    line("database (?:is )?(away|slow|refuses|loses-acknowledgement|well|fails over)"),
    (mood) => ({ do: "database", mood } as Step)
  ],
  [line("network is calm|network (splits|merges|is slow)"), (how) => ({
    do: "network",
    how: how === undefined ? "calm" : how === "is slow" ? "slow" : how
  } as Step)],
  [line("clock jumps by ([+-]\\d+)h"), (hours) => ({ do: "clock", ms: Number(hours) * 3_600_000 })],
  [line("time passes (\\d+)(ms|s)"), (count, unit) => ({
    do: "pass",
    ms: Number(count) * (unit === "s" ? 1000 : 1)
  })],
  [line("books agree"), () => ({ do: "agree" })]
]

function line(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`)
}

/** The scenario, or what is wrong with it: one text a line, each with its number. */
export function parseScenario(text: string): Scenario | ReadonlyArray<string> {
  const faults: Array<string> = []
  const lines: Array<Line> = []
  const terminals = new Map<string, Tongue>()
  let title = ""
  for (const [index, raw] of text.split("\n").entries()) {
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
    const name = "who" in step && /^T\d+$/.test(step.who) ? step.who : undefined
    const tongue = /\((cup|iso)\)/.exec(trimmed)?.[1] as Tongue | undefined
    if (name !== undefined) {
      const known = terminals.get(name)
      if (known !== undefined && tongue !== undefined && known !== tongue) {
        faults.push(`line ${number}: ${name} speaks ${known} already`)
      } else if (known === undefined && step.do !== "ask") {
        faults.push(`line ${number}: ${name} has not asked anything yet`)
      } else if (known === undefined) terminals.set(name, tongue ?? "cup")
    }
    lines.push({ number, text: trimmed, step })
  }
  if (title === "") faults.push("line 1: a scenario begins with # and what it shows")
  if (lines.at(-1)?.step.do !== "agree") {
    faults.push(`line ${text.split("\n").length}: a scenario ends with "books agree"`)
  }
  return faults.length > 0 ? faults : { title, lines, terminals }
}

function stepOf(text: string): Step | undefined {
  for (const [pattern, make] of rules) {
    const found = pattern.exec(text)
    if (found !== null) return make(...found.slice(1))
  }
  return undefined
}
