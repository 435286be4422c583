/**
 * Who waits for which answer. An answer names its request by MTI class and STAN alone, so that two
 * requests of one class never wait under one STAN; and whoever ended in doubt is remembered, so
 * that a late answer still finds its transaction. Bounded: {@link rememberedDoubts}.
 */

import { invariant } from "../domain/invariant.ts"
import { TurnoverMap } from "../domain/turnover-map.ts"
import type { Message } from "../iso8583/message.ts"
import { highestStan, parseStan } from "./stan-allocator.ts"

/** Ends in doubt that a late answer can still find; the oldest are forgotten. */
export const rememberedDoubts = 65_536

/** Not yet handed to the link's writer. */
export const unqueued = Number.POSITIVE_INFINITY

export interface Waiting {
  readonly key: number
  /** Index of the link it went to; an answer over another link counts as well. */
  readonly link: number
  /** Its number in the link's writer: those up to `written()` were handed to the socket. */
  readonly sequence: number
  /** Told with a late answer; empty when nobody wants to know. */
  readonly transaction: string
  /** Each of these ends it; exactly one is called, once. */
  readonly answered: (answer: Message) => void
  /** `stalled`: the deadline fell into a stall of our own and says nothing about the upstream. */
  readonly failed: (how: "unwritten" | "timed-out" | "lost", stalled: boolean) => void
}

/** `x1xx` to `x8xx` and a STAN; a response has the key of its request. */
export function correlationKey(mti: string, stan: number): number {
  return (mti.charCodeAt(1) - 48) * (highestStan + 1) + stan
}

/** The key that a response answers, or 0 when it names no STAN. */
export function keyOfAnswer(answer: Message): number {
  const stan = parseStan(answer.role("stan"))
  return stan === 0 ? 0 : correlationKey(answer.mti, stan)
}

export function stanOfKey(key: number): number {
  return key % (highestStan + 1)
}

export class Correlation {
  readonly #waiting = new TurnoverMap<number, Waiting>()
  readonly #doubts = new Map<number, string>()

  isWaiting(key: number): boolean {
    return this.#waiting.has(key)
  }

  add(waiting: Waiting): void {
    invariant(!this.#waiting.has(waiting.key), "one request at a time waits under a STAN")
    this.#waiting.set(waiting.key, waiting)
    this.#doubts.delete(waiting.key)
  }

  find(key: number): Waiting | undefined {
    return this.#waiting.get(key)
  }

  /** False: it had ended already. */
  end(waiting: Waiting, inDoubt: boolean): boolean {
    if (this.#waiting.get(waiting.key) !== waiting) return false
    this.#waiting.delete(waiting.key)
    if (inDoubt && waiting.transaction !== "") {
      this.#doubts.set(waiting.key, waiting.transaction)
      if (this.#doubts.size > rememberedDoubts) {
        for (const oldest of this.#doubts.keys()) {
          this.#doubts.delete(oldest)
          break
        }
      }
    }
    return true
  }

  /** The transaction that ended in doubt under this key; asked once, because it is answered now. */
  takeDoubt(key: number): string | undefined {
    const transaction = this.#doubts.get(key)
    if (transaction !== undefined) this.#doubts.delete(key)
    return transaction
  }

  /** Everything that waits, as it came; nothing ends meanwhile. */
  waiting(): Iterable<Waiting> {
    return this.#waiting.values()
  }

  /** Everything that waits for an answer over this link. */
  ofLink(link: number): Array<Waiting> {
    const found: Array<Waiting> = []
    for (const waiting of this.#waiting.values()) if (waiting.link === link) found.push(waiting)
    return found
  }
}
