/**
 * How long a link waits before it tries again: twice as long after every failure, up to a maximum,
 * shortened by chance so that links and nodes do not march in step. Only a connection that lasted
 * makes it begin anew, so that a flapping upstream is not hammered (fault U14).
 */

import type { RandomShape } from "../domain/ports/time.ts"

export class Backoff {
  readonly #config: { readonly firstMs: number; readonly maxMs: number }
  readonly #random: RandomShape
  #failures = 0
  #upMs: number | undefined

  constructor(
    config: { readonly firstMs: number; readonly maxMs: number },
    random: RandomShape
  ) {
    this.#config = config
    this.#random = random
  }

  /** The connection stands since now. */
  began(nowMs: number): void {
    this.#upMs = nowMs
  }

  /** The pause after a connection ended or failed to begin; `longest` after a sign-off. */
  next(nowMs: number, longest: boolean): number {
    const { firstMs, maxMs } = this.#config
    const lasted = this.#upMs !== undefined && nowMs - this.#upMs >= maxMs
    this.#upMs = undefined
    this.#failures = lasted ? 1 : this.#failures + 1
    const full = longest ? maxMs : Math.min(maxMs, firstMs * 2 ** Math.min(this.#failures - 1, 30))
    return full * (0.5 + this.#random.next() / 2)
  }
}
