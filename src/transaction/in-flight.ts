/**
 * Transactions in flight, by terminal: it has few at once, so its list is looked through. A map by
 * transaction key would cost more than all else here: the engine enters every text that a map is
 * asked for into its own table of texts first, and these come once each.
 */

import type { Life } from "./life.ts"

export class InFlight {
  /** A terminal that has spoken keeps its list. */
  readonly #byTerminal = new Map<string, Array<Life>>()
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
    if (lives === undefined) this.#byTerminal.set(terminal, [life])
    else lives.push(life)
    this.#size++
  }

  remove(life: Life): void {
    const lives = this.#byTerminal.get(life.submission.terminal)
    const index = lives?.indexOf(life) ?? -1
    if (index < 0) return
    lives!.splice(index, 1)
    this.#size--
  }
}
