/**
 * Where customers type their PINs at a simulated terminal. What must hold: what was typed for a
 * question stays the same through its repeats, so it is asked for once a question.
 */

import type { RandomShape } from "../domain/ports/time.ts"
import { testPin, wrongPin } from "./test-cards.ts"

export interface PinPad {
  /** What the customer types for this card and this amount, in minor units. */
  readonly type: (pan: string, amount: number | undefined) => string
  /** A block with it is about to leave. */
  readonly sent?: (block: Uint8Array) => void
}

/** Customers of whom this share mistypes. */
export function mistyping(share: number, random: RandomShape): PinPad {
  return {
    type: (pan) => share > 0 && random.next() < share ? wrongPin(pan) : testPin(pan)
  }
}
