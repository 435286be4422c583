/**
 * Decoded values that are kept beside their place on disk, the most recent ones: older ones are
 * rarely asked for, and 320,000 of them as objects would be most of the memory. Must hold: what is
 * not yet on disk is never dropped, since it could not be read back.
 */

import type { LogGroup } from "./log-groups.ts"

/** Where a value lies, and the value itself while it is warm. */
export interface Slot {
  group: LogGroup
  offset: number
  length: number
  value: unknown
}

export class WarmValues {
  readonly #limit: number
  /** Grows to the limit, then goes round. */
  readonly #slots: Array<Slot> = []
  #next = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Keeps the value of a slot that is on disk, at the cost of the oldest kept. */
  keep(slot: Slot): void {
    const oldest = this.#slots[this.#next]
    // A slot that was written again since is kept by its later turn.
    if (oldest !== undefined && oldest.group.durable) oldest.value = undefined
    this.#slots[this.#next] = slot
    this.#next = (this.#next + 1) % this.#limit
  }
}
