/**
 * The last ends of sessions, newest last, so that an operator can ask why yesterday's terminal went
 * away (I14). A ring: the oldest of {@link keptEnds} makes room.
 */

import type { EndReason } from "../domain/end-reasons.ts"

const keptEnds = 10_000

export interface EndedSession {
  readonly listener: string
  readonly remote: string
  /** The terminal that was bound last; undefined when none ever was. */
  readonly terminal: string | undefined
  readonly reason: EndReason
  readonly openedMs: number
  readonly endedMs: number
  /** Messages that came in. */
  readonly messages: number
}

export class EndedSessions {
  readonly #ring: Array<EndedSession> = []
  #next = 0

  add(ended: EndedSession): void {
    this.#ring[this.#next] = ended
    this.#next = (this.#next + 1) % keptEnds
  }

  /** Oldest first. */
  all(): ReadonlyArray<EndedSession> {
    if (this.#ring.length < keptEnds) return this.#ring.slice()
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)]
  }
}
