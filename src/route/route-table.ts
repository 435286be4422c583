/**
 * Routes compiled to one immutable table under one configuration version. What must hold: among the
 * routes whose conditions are met, the one with the longest matching BIN wins, then the one listed
 * first; a table in which a route could never win, or could win only by its place among equals that
 * it cannot be told from, is refused before it is used (G3, G4).
 */

import type { RouteConfig } from "../domain/config.ts"
import { followOnKinds, managementKinds } from "../domain/kind.ts"
import type { RouteDecision, RouteFacts } from "../domain/ports/router.ts"
import { type RouteTarget, type SharedTarget, upstreamOf } from "../domain/route-target.ts"
import type { OnFault, SourceFault } from "../domain/source-fault.ts"
import {
  anyCard,
  type BinEntry,
  binOf,
  type BinTable,
  makeBinTable,
  parseBin
} from "./bin-table.ts"
import {
  compileConditions,
  type ConditionName,
  type Conditions,
  covers,
  failing,
  parseBetween
} from "./conditions.ts"
import { compileShares, partOf, sharedOf } from "./shares.ts"

/** What became of one route for certain facts. */
interface RouteStep {
  readonly route: string
  /** Digits of the matching BIN; 0: the route asks for none. */
  readonly binLength: number
  /** `bins` when no BIN of the route matches; `later` when an earlier one had won already. */
  readonly outcome: "matched" | "later" | "bins" | ConditionName
}

interface RouteExplanation {
  readonly decision: RouteDecision
  /** Of the route that won; empty: its order is the same for everybody. */
  readonly shares: ReadonlyArray<SharedTarget>
  /** False: the facts have no id, and the candidates are in the order that is written. */
  readonly drawn: boolean
  /** Every route, in the order in which it was looked at; those without a matching BIN last. */
  readonly steps: ReadonlyArray<RouteStep>
}

export interface RouteTable {
  readonly version: number
  readonly decide: (facts: RouteFacts) => RouteDecision
  /** Every way that a card with these first digits may go; undefined: there is no card. */
  readonly possible: (
    facts: RouteFacts,
    digits: string | undefined
  ) => ReadonlyArray<RouteDecision>
  /** All groups that a route asks for. */
  readonly groups: ReadonlySet<string>
  /** For people: slower, and says why. */
  readonly explain: (facts: RouteFacts) => RouteExplanation
}

interface Rule {
  readonly index: number
  readonly name: string
  readonly conditions: Conditions
  readonly shares: ReadonlyArray<SharedTarget>
  /** One for each part of the draw, which ends where `ends` says; a message makes none. */
  readonly decisions: ReadonlyArray<RouteDecision>
  readonly ends: ReadonlyArray<number>
}

/**
 * A table, or every fault at once. `upstreams` are the names that routes may lead to.
 */
export function compileRoutes(
  routes: ReadonlyArray<RouteConfig>,
  upstreams: ReadonlySet<string>,
  version: number
): RouteTable | ReadonlyArray<SourceFault> {
  const faults: Array<SourceFault> = []
  const entries: Array<BinEntry<Rule>> = []
  const names = new Set<string>()
  routes.forEach((route, index) => {
    const fault = (path: string, problem: string) =>
      faults.push({ path: `routes[${index}].${path}`, problem })
    if (names.has(route.name)) fault("name", `another route is named ${route.name}`)
    names.add(route.name)
    checkTargets(route.to, upstreams, fault)
    checkConditions(route.when, fault)
    const rule = compileRule(route, index, version)
    if (route.when.bins === undefined) entries.push({ range: anyCard, value: rule })
    route.when.bins?.forEach((text, place) => {
      const range = parseBin(text)
      if (typeof range === "string") fault(`when.bins[${place}]`, `${text}: ${range}`)
      else entries.push({ range, value: rule })
    })
  })
  const table = makeBinTable(entries)
  if (faults.length === 0) checkOverlaps(table, faults)
  return faults.length > 0 ? faults : makeTable(table, entries, version)
}

function compileRule({ name, to, when }: RouteConfig, index: number, version: number): Rule {
  const { ends, orders } = compileShares(to) ??
    { ends: [1], orders: [Object.freeze(to.map(upstreamOf))] }
  return {
    index,
    name,
    conditions: compileConditions(when),
    shares: sharedOf(to),
    decisions: orders.map((candidates) =>
      Object.freeze({ route: name, candidates, configVersion: version })
    ),
    ends
  }
}

function checkTargets(
  to: ReadonlyArray<RouteTarget>,
  upstreams: ReadonlySet<string>,
  fault: OnFault
): void {
  if (to.length === 0) fault("to", "a route leads to at least one upstream")
  const names = to.map(upstreamOf)
  names.forEach((name, place) => {
    if (!upstreams.has(name)) fault(`to[${place}]`, `there is no upstream named ${name}`)
    else if (names.indexOf(name) < place) fault(`to[${place}]`, `${name} stands there already`)
  })
  const plain = to.findIndex((target) => typeof target === "string")
  const shared = to.findLastIndex((target) => typeof target !== "string")
  if (plain >= 0 && plain < shared) {
    fault(`to[${plain}]`, `${names[plain]} has no share, and stands before one that has`)
  } else if (shared === 0) {
    fault("to[0].share", `${names[0]} shares with nobody: write its name alone`)
  }
}

function checkConditions(when: RouteConfig["when"], fault: OnFault): void {
  const { between, kinds = [], maxAmount, minAmount } = when
  for (const [name, values] of Object.entries(when)) {
    if (Array.isArray(values) && values.length === 0) {
      fault(`when.${name}`, "an empty list matches nothing; leave the condition out")
    }
  }
  kinds.forEach((kind, place) => {
    const at = `when.kinds[${place}]`
    if (managementKinds.has(kind)) fault(at, `the switch answers ${kind} itself`)
    else if (followOnKinds.has(kind)) {
      fault(at, `a ${kind} goes where its original went, whatever the routes say`)
    }
  })
  for (const [name, amount] of Object.entries({ minAmount, maxAmount })) {
    if (amount !== undefined && !(Number.isSafeInteger(amount) && amount >= 0)) {
      fault(`when.${name}`, "an amount is a whole number of minor units, not negative")
    }
  }
  if (minAmount !== undefined && maxAmount !== undefined && minAmount > maxAmount) {
    fault("when.minAmount", "no amount is at least minAmount and at most maxAmount")
  }
  if (between !== undefined && parseBetween(between) === undefined) {
    fault("when.between", `${between}: expected HH:MM-HH:MM with two different times`)
  }
}

/**
 * Two routes on cards that overlap with equal length: the second is refused when whatever it asks
 * for is taken by the first, since it could never win there.
 */
function checkOverlaps(table: BinTable<Rule>, faults: Array<SourceFault>): void {
  const told = new Set<string>()
  for (const segment of table.segments) {
    for (let later = 1; later < segment.length; later++) {
      const { range, value } = segment[later]!
      for (let at = later - 1; at >= 0 && segment[at]!.range.length === range.length; at--) {
        const { value: first } = segment[at]!
        const pair = `${first.index} ${value.index}`
        if (first.index === value.index || told.has(pair)) continue
        if (!covers(first.conditions, value.conditions)) continue
        told.add(pair)
        const where = range.length === 0 ? "" : ` on ${range.length}-digit BINs they share`
        faults.push({
          path: `routes[${value.index}]`,
          problem: `${value.name} can never match${where}: ${first.name} takes everything first`
        })
      }
    }
  }
}

function makeTable(
  table: BinTable<Rule>,
  entries: ReadonlyArray<BinEntry<Rule>>,
  version: number
): RouteTable {
  const none: RouteDecision = Object.freeze({
    route: undefined,
    candidates: Object.freeze([]),
    configVersion: version
  })
  const winner = (members: ReadonlyArray<BinEntry<Rule>>, facts: RouteFacts): RouteDecision => {
    for (let index = 0; index < members.length; index++) {
      const rule = members[index]!.value
      if (failing(rule.conditions, facts) !== undefined) continue
      return rule.decisions[partOf(rule.ends, facts.id)]!
    }
    return none
  }
  const decide = (facts: RouteFacts): RouteDecision =>
    winner(table.find(binOf(facts.digits)), facts)
  const rules = [...new Set(entries.map(({ value }) => value))]
  return Object.freeze({
    version,
    decide,
    possible: (facts: RouteFacts, digits: string | undefined) =>
      (digits === undefined ? [table.find(-1)] : table.within(digits)).map((members) =>
        winner(members, facts)
      ),
    groups: new Set(rules.flatMap(({ conditions }) => [...conditions.groups ?? []])),
    explain: (facts: RouteFacts): RouteExplanation => {
      const members = table.find(binOf(facts.digits))
      const steps: Array<RouteStep> = []
      let won = false
      for (const { range, value } of members) {
        if (steps.some(({ route }) => route === value.name)) continue
        const outcome: RouteStep["outcome"] = won
          ? "later"
          : failing(value.conditions, facts) ?? "matched"
        won ||= outcome === "matched"
        steps.push({ route: value.name, binLength: range.length, outcome })
      }
      for (const rule of rules) {
        if (members.some(({ value }) => value === rule)) continue
        steps.push({ route: rule.name, binLength: 0, outcome: "bins" })
      }
      const decision = decide(facts)
      const { shares = [] } = rules.find(({ name }) => name === decision.route) ?? {}
      return { decision, shares, drawn: facts.id !== undefined, steps }
    }
  })
}

const reasons: Readonly<Record<RouteStep["outcome"], string>> = {
  matched: "matches",
  later: "not looked at, an earlier one won",
  bins: "no BIN of it matches",
  channels: "other channels",
  kinds: "other kinds",
  currencies: "other currencies",
  minAmount: "amount too low or absent",
  maxAmount: "amount too high or absent",
  groups: "other groups",
  merchants: "other merchants",
  between: "another time of day"
}

/** The explanation as lines for a terminal; holds no digit of the card. */
export function explanationLines(
  { decision, drawn, shares, steps }: RouteExplanation
): ReadonlyArray<string> {
  const lines = steps.map(({ binLength, outcome, route }) => {
    const bin = outcome === "bins" ? "" : binLength === 0 ? " (any card)" : ` (${binLength} digits)`
    return `${outcome === "matched" ? "→" : " "} ${route}${bin}: ${reasons[outcome]}`
  })
  const { candidates, configVersion, route } = decision
  const total = shares.reduce((sum, { share }) => sum + share, 0)
  const parts = shares.map(({ share, upstream }) => `${upstream} ${share} of ${total}`).join(", ")
  const end = route === undefined
    ? "no route: the terminal is told 15"
    : shares.length === 0 || drawn
    ? `route ${route} leads to ${candidates.join(", then ")}`
    : `route ${route} leads to one by its share, then the others of ${candidates.join(", ")}`
  if (parts !== "") lines.push(`  first by share: ${parts}`)
  return [...lines, `${end} (configuration ${configVersion})`]
}
