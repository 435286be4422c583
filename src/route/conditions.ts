/**
 * The conditions of a route beside its BINs, compiled to sets and numbers. What must hold:
 * `covers(a, b)` is true only if whatever meets `b` meets `a`; the load check relies on it.
 */

import type { RouteConfig } from "../domain/config.ts"
import type { RouteFacts } from "../domain/ports/router.ts"

/** Undefined everywhere: no condition. */
export interface Conditions {
  readonly channels: ReadonlySet<string> | undefined
  readonly kinds: ReadonlySet<string> | undefined
  readonly merchants: ReadonlySet<string> | undefined
  readonly groups: ReadonlySet<string> | undefined
  readonly currencies: ReadonlySet<string> | undefined
  readonly minAmount: number | undefined
  readonly maxAmount: number | undefined
  readonly between: Between | undefined
}

/** Minutes since midnight; `to` is excluded; `from` above `to` spans midnight. */
interface Between {
  readonly from: number
  readonly to: number
}

/** `HH:MM-HH:MM`, up to `24:00`; undefined when it is anything else or empty. */
export function parseBetween(text: string): Between | undefined {
  const match = /^([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$/.exec(text)
  if (match === null) return undefined
  const [, fromHour, fromMinute, toHour, toMinute] = match.map(Number)
  const from = fromHour! * 60 + fromMinute!
  const to = toHour! * 60 + toMinute!
  return from === to || from >= 1440 || to > 1440 ? undefined : { from, to }
}

export function compileConditions(when: RouteConfig["when"]): Conditions {
  return {
    channels: setOf(when.channels),
    kinds: setOf(when.kinds),
    merchants: setOf(when.merchants),
    groups: setOf(when.groups),
    currencies: setOf(when.currencies),
    minAmount: when.minAmount,
    maxAmount: when.maxAmount,
    between: when.between === undefined ? undefined : parseBetween(when.between)
  }
}

function setOf(values: ReadonlyArray<string> | undefined): ReadonlySet<string> | undefined {
  return values === undefined ? undefined : new Set(values)
}

/** Names of the conditions, in the order in which they are looked at. */
export type ConditionName =
  | "channels"
  | "kinds"
  | "currencies"
  | "minAmount"
  | "maxAmount"
  | "groups"
  | "merchants"
  | "between"

/** The first condition that the facts do not meet; undefined: all are met. */
export function failing(conditions: Conditions, facts: RouteFacts): ConditionName | undefined {
  const { between, channels, currencies, groups, kinds, maxAmount, merchants, minAmount } =
    conditions
  if (channels !== undefined && !channels.has(facts.channel)) return "channels"
  if (kinds !== undefined && !kinds.has(facts.kind)) return "kinds"
  if (currencies !== undefined && !currencies.has(facts.currency ?? "")) return "currencies"
  // A message without an amount meets no condition on amounts: NaN compares with nothing.
  const amount = facts.amount ?? Number.NaN
  if (minAmount !== undefined && !(amount >= minAmount)) return "minAmount"
  if (maxAmount !== undefined && !(amount <= maxAmount)) return "maxAmount"
  if (groups !== undefined && !groups.has(facts.group)) return "groups"
  if (merchants !== undefined && !merchants.has(facts.merchant.trimEnd())) return "merchants"
  if (between !== undefined && !isBetween(between, facts.minuteOfDay)) return "between"
  return undefined
}

function isBetween({ from, to }: Between, minute: number): boolean {
  return from < to ? minute >= from && minute < to : minute >= from || minute < to
}

/** Does everything that meets `narrow` meet `wide`, for certain? */
export function covers(wide: Conditions, narrow: Conditions): boolean {
  return includes(wide.channels, narrow.channels) && includes(wide.kinds, narrow.kinds) &&
    includes(wide.merchants, narrow.merchants) && includes(wide.groups, narrow.groups) &&
    includes(wide.currencies, narrow.currencies) &&
    (wide.minAmount === undefined ||
      narrow.minAmount !== undefined && narrow.minAmount >= wide.minAmount) &&
    (wide.maxAmount === undefined ||
      narrow.maxAmount !== undefined && narrow.maxAmount <= wide.maxAmount) &&
    spans(wide.between, narrow.between)
}

function includes(
  wide: ReadonlySet<string> | undefined,
  narrow: ReadonlySet<string> | undefined
): boolean {
  if (wide === undefined) return true
  return narrow !== undefined && [...narrow].every((value) => wide.has(value))
}

function spans(wide: Between | undefined, narrow: Between | undefined): boolean {
  if (wide === undefined) return true
  if (narrow === undefined) return false
  for (let minute = 0; minute < 1440; minute++) {
    if (isBetween(narrow, minute) && !isBetween(wide, minute)) return false
  }
  return true
}
