/**
 * What of a value people may see. The mask is part of the field's definition, and a free text still
 * loses every number in it that could be a card's.
 */

import { maskPan, maskText } from "../domain/pan.ts"
import { maskPayCode } from "../qr/pay-code.ts"
import type { Composite } from "./composite.ts"

export const masks = ["none", "pan", "track", "code", "hidden"] as const
/** pan: first six, last four; track: its PAN so, the rest gone; code: a pay code; hidden: all. */
export type Mask = typeof masks[number]

/** Is it masked, or may a part of it be? */
export function isGuarded(
  { composite, mask }: { readonly mask: Mask; readonly composite: Composite | undefined }
): boolean {
  return mask !== "none" || composite?.guards === true
}

/** Never shows a byte of a hidden value, nor its ends. */
export function masked(mask: Mask, text: string): string {
  switch (mask) {
    case "none":
      return maskText(text)
    case "pan":
      return maskPan(text.slice(0, digitsEnd(text)))
    case "track": {
      const pan = /^(?:%?B|;)?([0-9]{8,19})[=D^]/.exec(text)?.[1]
      return pan === undefined ? hidden(text) : `${maskPan(pan)}=****`
    }
    case "code":
      return maskPayCode(text)
    case "hidden":
      return hidden(text)
  }
}

/** The offset behind the last digit. */
function digitsEnd(text: string): number {
  let end = text.length
  while (end > 0 && !/[0-9]/.test(text[end - 1]!)) end--
  return end
}

function hidden(text: string): string {
  return text === "" ? "" : "****"
}
