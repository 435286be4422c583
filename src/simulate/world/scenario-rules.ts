/** What a line of a scenario may say, and what it means: one table. */

import type { Mood } from "../acquirer.ts"
import type { TerminalKind } from "../terminal-speech.ts"
import { type Attack, attacks } from "./attacks.ts"
import type { DatabaseMood } from "./house.ts"

export const tongues = ["cup", "iso", "dukpt"] as const

export type Tongue = typeof tongues[number]

/** What an acquirer is expected to hold of a terminal's last question. */
export type Holding = "approved" | "declined" | "reversed" | "nothing"

type BreakerWord = "closed" | "half-open" | "open" | "forced-open" | "forced-closed"

const terminalDeeds = [
  "stutters",
  "takes over",
  "reconnects",
  "half-closes",
  "asks on two connections",
  "stops reading",
  "loses power",
  "vanishes",
  "walks off",
  "meets a defect",
  "breaks an invariant"
] as const

const acquirerDeeds = [
  "goes away",
  "comes back",
  "drops its connections",
  "freezes a connection",
  "flaps every 2s",
  "stands still",
  "asks for an echo",
  "signs off",
  "signs on again",
  "refuses reversals",
  "accepts reversals",
  "loses acknowledgements"
] as const

const noticeDeeds = ["forges a notice", "sends the last notice again"] as const

const diskDeeds = ["slow", "failing", "well", "flips a bit", "not mounted", "mended"] as const
const networkMoods = ["splits", "merges", "cuts", "is slow", "is calm"] as const

/** A key of the configuration; undefined: it is left out. */
export interface Setting {
  readonly path: string
  /** The file that has it, as it is named beside the configuration; undefined: that itself. */
  readonly of: string | undefined
  readonly value: string | undefined
}

export type Step =
  | { readonly do: "begin"; readonly epochMs: number }
  | { readonly do: "config"; readonly settings: ReadonlyArray<Setting> }
  | {
    readonly do: "ask"
    readonly who: string
    readonly what: TerminalKind
    readonly amount?: number
    readonly times: number
  }
  | { readonly do: "terminal"; readonly who: string; readonly how: typeof terminalDeeds[number] }
  | { readonly do: "keep" | "take-back"; readonly who: string }
  | { readonly do: "attack"; readonly who: string; readonly what: Attack }
  | { readonly do: "forge"; readonly who: string; readonly whose: string }
  | { readonly do: "clock-wrong"; readonly who: string; readonly ms: number }
  | { readonly do: "pays"; readonly amount: number }
  | { readonly do: "notice"; readonly how: typeof noticeDeeds[number] }
  | { readonly do: "announced"; readonly amount: number }
  | { readonly do: "hears"; readonly who: string; readonly what: string }
  | { readonly do: "day"; readonly who: string; readonly day: string }
  | { readonly do: "mood"; readonly who: string; readonly mood: Mood; readonly times: number }
  | { readonly do: "acquirer"; readonly who: string; readonly how: typeof acquirerDeeds[number] }
  | { readonly do: "has"; readonly acquirer: string; readonly who: string; readonly what: Holding }
  | { readonly do: "called"; readonly acquirer: string; readonly most: number }
  | { readonly do: "answered"; readonly acquirer: string; readonly least: number }
  | { readonly do: "numbered"; readonly acquirer: string; readonly stan: string }
  | { readonly do: "breaker"; readonly acquirer: string; readonly state: BreakerWord }
  | { readonly do: "links"; readonly acquirer: string; readonly count: number }
  | {
    readonly do: "force"
    readonly acquirer: string
    readonly to: "open" | "closed" | "auto"
  }
  | {
    readonly do: "counts"
    readonly count: number
    readonly metric: string
    readonly labels: ReadonlyArray<string>
  }
  | {
    readonly do: "variant"
    readonly how: "reload" | "check"
    readonly settings: ReadonlyArray<Setting>
    /** Part of the refusal; undefined: it is taken. */
    readonly refusal: string | undefined
    /** What is set is a secret, and no refusal may repeat it. */
    readonly quietly: boolean
  }
  | { readonly do: "switch"; readonly how: "kill" | "power-cut"; readonly awayMs: number }
  | { readonly do: "refuses-disk"; readonly because: string }
  | { readonly do: "stall"; readonly ms: number }
  | { readonly do: "disk"; readonly how: typeof diskDeeds[number] }
  | { readonly do: "database"; readonly mood: DatabaseMood | "fails over" }
  | { readonly do: "contradict"; readonly who: string }
  | { readonly do: "exception"; readonly reason: string }
  | { readonly do: "network"; readonly how: typeof networkMoods[number] }
  | { readonly do: "clock"; readonly ms: number }
  | { readonly do: "log"; readonly event: string | undefined }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "agree" }

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
  "answers nobody first": "stray",
  "approves half": "partial"
}

const either = (names: ReadonlyArray<string> | Readonly<Record<string, unknown>>) =>
  `(${(Array.isArray(names) ? names : Object.keys(names)).join("|")})`

const who = `(T\\d+)(?: \\((?:${tongues.join("|")})\\))?`
const upstream = "(acquirer|unionpay)"
/** A path of the configuration, and what stands there in YAML. */
const setting = "[\\w[\\].-]+(?: of [\\w./-]+)? (?:as .+?|left out)"
const settings = `(${setting}(?: and ${setting})*)`

type Rule = readonly [pattern: RegExp, make: (...parts: Array<string>) => Step]

/**
 * In the order in which they are tried; the parts are what the pattern's groups caught, so a part
 * is one of the words that its group names.
 */
const rules: ReadonlyArray<Rule> = [
  // --- the world
  [line("it is (\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?Z)"), (time = "") => ({
    do: "begin",
    epochMs: Date.parse(time)
  })],
  [line(`config with ${settings}`), (all) => ({ do: "config", settings: settingsIn(all) })],
  // --- terminals
  [
    line(`${who} ${either(asks)}(?: (\\d+))?(?: each)?(?:, (\\d+) times)?`),
    (name = "", verb = "", amount, times) => ({
      do: "ask",
      who: name,
      what: asks[verb]!,
      times: Number(times ?? 1),
      ...(amount === undefined ? {} : { amount: Number(amount) })
    })
  ],
  [line(`${who} hears (nothing|[0-9A-Z]{2})`), (name = "", what = "") => ({
    do: "hears",
    who: name,
    what
  })],
  [line(`${who} ${either(terminalDeeds)}`), (name = "", how) => ({
    do: "terminal",
    who: name,
    how
  } as Step)],
  [line(`${who} keeps its question`), (name = "") => ({ do: "keep", who: name })],
  [line(`${who} takes back what it kept`), (name = "") => ({ do: "take-back", who: name })],
  [line(`${who} sends ${either(attacks)}`), (name = "", what) => ({
    do: "attack",
    who: name,
    what
  } as Step)],
  [line(`${who} says what (T\\d+) said`), (name = "", whose = "") => ({
    do: "forge",
    who: name,
    whose
  })],
  [line(`${who} has a clock that is (\\d+)h (ahead|behind)`), (name = "", hours, which) => ({
    do: "clock-wrong",
    who: name,
    ms: Number(hours) * (which === "ahead" ? 3_600_000 : -3_600_000)
  })],
  [line("(T\\d+)'s question is of (\\d{4}-\\d\\d-\\d\\d)"), (name = "", day = "") => ({
    do: "day",
    who: name,
    day
  })],
  // --- customers and their wallet
  [line("customer pays (\\d+) at the counter"), (amount) => ({
    do: "pays",
    amount: Number(amount)
  })],
  [line(`somebody ${either(noticeDeeds)}`), (how) => ({ do: "notice", how } as Step)],
  [line("counter announces (\\d+)"), (amount) => ({ do: "announced", amount: Number(amount) })],
  // --- acquirers
  [line(`${upstream} ${either(moods)}(?: (\\d+) times)?`), (name = "", verb = "", times) => ({
    do: "mood",
    who: name,
    mood: moods[verb]!,
    times: Number(times ?? 1)
  })],
  [line(`${upstream} ${either(acquirerDeeds)}`), (name = "", how) => ({
    do: "acquirer",
    who: name,
    how
  } as Step)],
  [
    line(`${upstream} has (T\\d+)'s question (approved|declined|reversed|nothing)`),
    (acquirer, name, what) => ({ do: "has", acquirer, who: name, what } as Step)
  ],
  [line(`${upstream} was called at most (\\d+) times`), (acquirer = "", most) => ({
    do: "called",
    acquirer,
    most: Number(most)
  })],
  [line(`${upstream} heard (\\d+) answers`), (acquirer = "", least) => ({
    do: "answered",
    acquirer,
    least: Number(least)
  })],
  [line(`${upstream} has seen number (\\d{6})`), (acquirer = "", stan = "") => ({
    do: "numbered",
    acquirer,
    stan
  })],
  [
    line(`${upstream}'s breaker is (closed|half-open|open|forced-open|forced-closed)`),
    (acquirer, state) => ({ do: "breaker", acquirer, state } as Step)
  ],
  [line(`${upstream} has (\\d) links?`), (acquirer = "", count) => ({
    do: "links",
    acquirer,
    count: Number(count)
  })],
  // --- the switch and who runs it
  [line(`operator forces ${upstream} (open|closed|auto)`), (acquirer, to) => ({
    do: "force",
    acquirer,
    to
  } as Step)],
  [line("switch counts (\\d+) ([a-z_]+)((?: [\\w-]+)*)"), (count, metric = "", labels = "") => ({
    do: "counts",
    count: Number(count),
    metric,
    labels: labels.split(" ").filter((label) => label !== "")
  })],
  [line(`(reload|check) with ${settings}(?: is refused( quietly)?: (.+))?`), (
    how,
    all,
    quietly,
    refusal
  ) => ({
    do: "variant",
    how,
    settings: settingsIn(all),
    refusal,
    quietly: quietly !== undefined
  } as Step)],
  [line("switch (is killed|loses power) for (\\d+)s"), (how, seconds) => ({
    do: "switch",
    how: how === "is killed" ? "kill" : "power-cut",
    awayMs: Number(seconds) * 1000
  })],
  [line("switch does not start: (.+)"), (because = "") => ({ do: "refuses-disk", because })],
  [line("switch is held for (\\d+)s"), (seconds) => ({ do: "stall", ms: Number(seconds) * 1000 })],
  [line("log is clean(?: and tells of ([a-z-]+))?"), (event) => ({ do: "log", event })],
  // --- what it stands on
  [line(`disk (?:is )?${either(diskDeeds)}`), (how) => ({ do: "disk", how } as Step)],
  [
    line("database (?:is )?(away|slow|refuses|loses-acknowledgement|well|fails over)"),
    (mood) => ({ do: "database", mood } as Step)
  ],
  [line("database contradicts (T\\d+)'s question"), (name = "") => ({
    do: "contradict",
    who: name
  })],
  [line("database has an exception ([a-z-]+)"), (reason = "") => ({ do: "exception", reason })],
  [line(`network ${either(networkMoods)}`), (how) => ({ do: "network", how } as Step)],
  [line("clock jumps by ([+-]\\d+)h"), (hours) => ({ do: "clock", ms: Number(hours) * 3_600_000 })],
  [line("time passes (\\d+)(ms|s)"), (count, unit) => ({
    do: "pass",
    ms: Number(count) * (unit === "s" ? 1000 : 1)
  })],
  [line("books agree"), () => ({ do: "agree" })]
]

function settingsIn(text = ""): ReadonlyArray<Setting> {
  return text.split(new RegExp(` and (?=${setting})`)).map((each) => {
    const parts = /^(\S+)(?: of (\S+))? (?:as (.+)|left out)$/.exec(each) ?? []
    const [, path = "", of, value] = parts
    return { path, of, value }
  })
}

function line(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`)
}

/** Undefined: no rule takes the line. */
export function stepOf(text: string): Step | undefined {
  for (const [pattern, make] of rules) {
    const found = pattern.exec(text)
    if (found !== null) return make(...found.slice(1))
  }
  return undefined
}
