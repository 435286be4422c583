/** Money: whole minor units of one currency. Never a float, never without its currency. */

export interface Money {
  /** Minor units (fen, cents): a safe integer that is not negative. */
  readonly minor: number
  /** ISO 4217 numeric code, three digits: `156` is CNY. */
  readonly currency: string
}
