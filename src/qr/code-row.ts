/**
 * One line of an explained code. Must hold: its value is what people may see; no card number in
 * it is whole, and nothing in it moves the cursor of the terminal on which it is shown.
 */

import { maskPan, maskText } from "../domain/pan.ts"

export interface CodeRow {
  /** Ids or tags, outermost first: `62.07`. */
  readonly path: string
  readonly depth: number
  readonly name: string
  /** Characters of a text or bytes of a binary code before it. */
  readonly offset: number
  /** Of its value. */
  readonly length: number
  readonly value: string
  readonly note: string
}

/** A text of strangers: numbers that may be a card's masked, control characters written out. */
export function shownText(text: string): string {
  return maskText(text).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (each) => `\\u{${each.codePointAt(0)!.toString(16).toUpperCase()}}`
  )
}

/** Where a card number is expected, it is masked whether its check digit is right or not. */
export function shownNumber(text: string): string {
  return /^[0-9]{12,19}$/.test(text) ? maskPan(text) : shownText(text)
}
