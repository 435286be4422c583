/**
 * What makes two requests of one key the same one (I2): digested under the vault's key, because the
 * digest rests on disk beside the masked card number.
 */

import type { Kind } from "./kind.ts"

export interface RequestContent {
  readonly kind: Kind
  readonly processingCode: string
  /** Minor units. */
  readonly amount?: number
  readonly currency?: string
  readonly pan?: string
  readonly payCode?: string
}

export function contentText(content: RequestContent): string {
  const { amount, currency, kind, pan, payCode, processingCode } = content
  return `${kind}|${processingCode}|${amount ?? ""}|${currency ?? ""}|${pan ?? payCode ?? ""}`
}
