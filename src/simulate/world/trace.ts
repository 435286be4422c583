/**
 * The trace of a world as one number: every event that can be seen from outside is folded in. What
 * must hold: two runs of one seed give one hash, to the byte; the hash depends on order.
 */

export class Trace {
  #low = 0xdeadbeef
  #high = 0x41c6ce57
  /** Things that were folded in. */
  count = 0

  text(text: string): void {
    for (let index = 0; index < text.length; index++) this.#fold(text.charCodeAt(index))
    this.#end()
  }

  bytes(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length; index++) this.#fold(bytes[index]!)
    this.#end()
  }

  get hash(): string {
    const low = Math.imul(this.#low ^ (this.#low >>> 16), 2246822507) ^
      Math.imul(this.#high ^ (this.#high >>> 13), 3266489909)
    const high = Math.imul(this.#high ^ (this.#high >>> 16), 2246822507) ^
      Math.imul(this.#low ^ (this.#low >>> 13), 3266489909)
    return [high, low].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("")
  }

  #fold(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 2654435761)
    this.#high = Math.imul(this.#high ^ value, 1597334677)
  }

  #end(): void {
    this.#fold(0x1f)
    this.count++
  }
}
