/**
 * Whether more may be read from terminals: the lines that wait with reading while the codec is full
 * or the journal is behind. What must hold: who waits is called once when both keep up again; what
 * was read before is not touched by it. Upstreams do not queue, so nothing is waited for there: a
 * full window is the next route, or a refusal by name.
 */

import type { Timer } from "../actor/timer-wheel.ts"
import type { TimersShape } from "../actor/timers.ts"
import type { CodecShape } from "../domain/ports/codec.ts"
import type { JournalShape } from "../domain/ports/journal.ts"

/** A commit that waits for longer than this is no slow disk any more, but a disk that stands. */
const behindMs = 1000

const lookMs = 100

export class ReadingRoom {
  readonly #codec: CodecShape
  readonly #journal: JournalShape
  readonly #timers: TimersShape
  readonly #waiting = new Set<{ readonly relieved: () => void }>()
  #behind = false
  #look: Timer

  constructor(codec: CodecShape, journal: JournalShape, timers: TimersShape) {
    this.#codec = codec
    this.#journal = journal
    this.#timers = timers
    codec.onRelief(() => this.#relieve())
    this.#look = timers.after(lookMs, () => this.#lookOn())
  }

  full(): boolean {
    return this.#behind || this.#codec.congested()
  }

  /** Called back by `relieved`. */
  wait(line: { readonly relieved: () => void }): void {
    this.#waiting.add(line)
  }

  leave(line: { readonly relieved: () => void }): void {
    this.#waiting.delete(line)
  }

  close(): void {
    this.#look.cancel()
  }

  #lookOn(): void {
    this.#look = this.#timers.after(lookMs, () => this.#lookOn())
    const before = this.#behind
    this.#behind = this.#journal.health().waitingMs > behindMs
    if (before && !this.#behind) this.#relieve()
  }

  #relieve(): void {
    if (this.#behind) return
    // A line that finds no room again waits for the next relief, not for this one.
    const lines = Array.from(this.#waiting)
    this.#waiting.clear()
    for (const line of lines) line.relieved()
  }
}
