/**
 * Transactions in flight, by terminal: it has few at once, so its list is looked through. A map by
 * transaction key would cost more than all else here: the engine enters every text that a map is
 * asked for into its own table of texts first, and these come once each.
 */

import { TurnoverMap } from "../domain/turnover-map.ts"
import type { Life } from "./life.ts"

export class InFlight {
  /** Terminals with nothing in flight have none: an old list would keep its last entry alive. */
  readonly #byTerminal = new TurnoverMap<string, ReadonlyArray<Life>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  find(terminal: string, key: string): Life | undefined {
    const lives = this.#byTerminal.get(terminal)
    if (lives === undefined) return undefined
    for (const life of lives) if (life.submission.key === key) return life
    return undefined
  }

  add(life: Life): void {
    const { terminal } = life.submission
    const lives = this.#byTerminal.get(terminal)
    this.#byTerminal.set(terminal, lives === undefined ? [life] : [...lives, life])
    this.#size++
  }

  remove(life: Life): void {
    const { terminal } = life.submission
    const others = this.#byTerminal.get(terminal)!.filter((each) => each !== life)
    this.#size--
    if (others.length > 0) this.#byTerminal.set(terminal, others)
    else this.#byTerminal.delete(terminal)
  }
}
