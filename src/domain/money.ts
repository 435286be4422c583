/** Money: whole minor units of one currency. Never a float, never without its currency. */

import { invariant } from "./invariant.ts"

export interface Money {
  /** Minor units (fen, cents): a safe integer that is not negative. */
  readonly minor: number
  /** ISO 4217 numeric code, three digits: `156` is CNY. */
  readonly currency: string
}

export function money(minor: number, currency: string): Money {
  invariant(Number.isSafeInteger(minor), "an amount is a safe integer of minor units")
  invariant(minor >= 0, "an amount is never negative")
  invariant(/^\d{3}$/.test(currency), "a currency is three digits of ISO 4217")
  return { minor, currency }
}
