/**
 * The STANs that belong to chains: each is kept through all repeats and given back when its chain
 * is over. What must hold: a chain never goes out under a number that a request holds, even
 * when an earlier process gave it that number.
 */

import type { Stan } from "../domain/brand.ts"
import { invariant } from "../domain/invariant.ts"
import { formatStan, parseStan, type StanAllocator } from "./stan-allocator.ts"

export class AdviceStans {
  readonly #stans: StanAllocator
  readonly #held = new Set<number>()

  constructor(stans: StanAllocator) {
    this.#stans = stans
  }

  take(): Stan {
    const number = this.#stans.take()
    invariant(number !== 0, "fewer advices are pending than there are STANs")
    this.#held.add(number)
    return formatStan(number)
  }

  /** Takes up the STAN of a chain from before a restart; false while a request is using it. */
  hold(stan: Stan): boolean {
    const number = parseStan(stan)
    if (this.#held.has(number)) return true
    if (this.#stans.isTaken(number)) return false
    this.#stans.claim(number)
    this.#held.add(number)
    return true
  }

  free(stan: Stan): void {
    const number = parseStan(stan)
    if (this.#held.delete(number)) this.#stans.free(number)
  }
}
