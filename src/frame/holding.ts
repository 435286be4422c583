/**
 * The bytes of one unfinished frame, copied once from the chunks they came in. What must hold:
 * memory grows with what arrived, never with what was declared (M1, M2).
 */

/** A frame up to this size gets its whole room at once. */
const roomAtOnce = 2048

export class Holding {
  #bytes: Buffer | undefined
  length = 0

  /** Adds `chunk[start, end)`; `expected` is the length of the whole frame, where it is known. */
  add(chunk: Buffer, start: number, end: number, expected: number): void {
    const wanted = this.length + end - start
    const held = this.#bytes
    if (held === undefined || held.length < wanted) {
      const room = expected <= roomAtOnce ? expected : Math.min(expected, 2 * wanted)
      const grown = Buffer.allocUnsafe(Math.max(wanted, room))
      held?.copy(grown, 0, 0, this.length)
      this.#bytes = grown
    }
    chunk.copy(this.#bytes as Buffer, this.length, start, end)
    this.length = wanted
  }

  /** What is held, to look at. */
  view(): Buffer {
    return this.#bytes as Buffer
  }

  /** What is held, given away. */
  take(): Buffer {
    const bytes = this.#bytes as Buffer
    const { length } = this
    this.#bytes = undefined
    this.length = 0
    return bytes.length === length ? bytes : bytes.subarray(0, length)
  }
}
