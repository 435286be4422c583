/**
 * Questions that were turned away for want of room, or because their terminal was blocked, by
 * their key, for as long as a copy of them may still be on its way. Must hold: all copies of a
 * question hear the same. A copy that found room behind one that did not would be approved, and its
 * terminal would have heard "no".
 */

import type { FailureCode } from "../domain/failures.ts"

/** A connection that stalls holds back a copy, or the refusal itself, for minutes. */
export const rememberedMs = 300_000
/** The oldest are forgotten beyond this. */
export const mostRemembered = 16_384

/** Refusals that may not stand: a moment, or a reload, later the question would be taken. */
const passing: ReadonlySet<FailureCode> = new Set([
  "overloaded",
  "session-busy",
  "journal-full",
  "terminal-blocked"
])

interface Refusal {
  readonly code: FailureCode
  readonly atMs: number
}

export class TurnedAway {
  readonly #refusals = new Map<string, Refusal>()

  add(key: string, code: FailureCode, atMs: number): void {
    if (!passing.has(code)) return
    // In the order of their times, so that what is over is at the front.
    this.#refusals.delete(key)
    for (const [each, refusal] of this.#refusals) {
      const isOver = atMs - refusal.atMs > rememberedMs
      if (!isOver && this.#refusals.size < mostRemembered) break
      this.#refusals.delete(each)
    }
    this.#refusals.set(key, { code, atMs })
  }

  find(key: string, nowMs: number): FailureCode | undefined {
    const refusal = this.#refusals.size === 0 ? undefined : this.#refusals.get(key)
    if (refusal === undefined || nowMs - refusal.atMs > rememberedMs) return undefined
    return refusal.code
  }
}
