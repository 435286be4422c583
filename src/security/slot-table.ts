/**
 * Numbers to slots: a hash table in two flat arrays, for a look-up whose memory is as small as it
 * can be. With thousands of keys used at random, what a look-up touches is most of what it costs.
 * What holds: at most half of the places are taken, so that every search ends.
 *
 *   names  | 33 | -1 | 18 | 50 | …      a name stands at its hash, or behind it
 *   slots  |  4 |    |  0 |  9 | …
 */

const empty = -1

export class SlotTable {
  #names = new Float64Array(16).fill(empty)
  #slots = new Int32Array(16)
  #shift = 28
  #count = 0

  get size(): number {
    return this.#count
  }

  /** The slot under this name, a whole number from 0; -1 when there is none. */
  get(name: number): number {
    const place = this.#placeOf(name)
    return this.#names[place] === name ? this.#slots[place]! : -1
  }

  /** Names a slot; the name must not be there yet. */
  add(name: number, slot: number): void {
    if (2 * (this.#count + 1) > this.#names.length) this.#grow()
    const place = this.#placeOf(name)
    this.#names[place] = name
    this.#slots[place] = slot
    this.#count++
  }

  /** Forgets a name. Those that stand behind it for its sake move up, and searches find them. */
  delete(name: number): void {
    let hole = this.#placeOf(name)
    if (this.#names[hole] !== name) return
    const mask = this.#names.length - 1
    this.#count--
    for (let place = (hole + 1) & mask;; place = (place + 1) & mask) {
      const moved = this.#names[place]!
      if (moved === empty) break
      // How far each is behind the hash of `moved`: the hole must not be ahead of it.
      const home = this.#hash(moved)
      if (((place - home) & mask) < ((place - hole) & mask)) continue
      this.#names[hole] = moved
      this.#slots[hole] = this.#slots[place]!
      hole = place
    }
    this.#names[hole] = empty
  }

  /** Where the name stands, or the empty place where it would. */
  #placeOf(name: number): number {
    const names = this.#names
    const mask = names.length - 1
    let place = this.#hash(name)
    while (names[place] !== name && names[place] !== empty) place = (place + 1) & mask
    return place
  }

  /** Multiplicative hashing by the golden ratio (Knuth, volume 3, section 6.4). */
  #hash(name: number): number {
    return Math.imul(name | 0, 0x9e3779b1) >>> this.#shift
  }

  #grow(): void {
    const names = this.#names
    const slots = this.#slots
    this.#names = new Float64Array(2 * names.length).fill(empty)
    this.#slots = new Int32Array(2 * names.length)
    this.#shift--
    for (let place = 0; place < names.length; place++) {
      if (names[place] === empty) continue
      const other = this.#placeOf(names[place]!)
      this.#names[other] = names[place]!
      this.#slots[other] = slots[place]!
    }
  }
}
