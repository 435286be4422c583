/**
 * A map of what comes and goes. The engine's own map, when it is outgrown, links the table it
 * leaves behind to its successor; once one such table is old, it keeps everything that passes
 * through the map alive until the next full collection, and each short collection copies it. Must
 * hold: no table that was left behind leads to one that is in use.
 */

/** So many removals are borne by any map before it is renewed. */
const spared = 32

export class TurnoverMap<Key, Value> {
  #map = new Map<Key, Value>()
  /** Removed since the map was renewed. */
  #removed = 0

  get size(): number {
    return this.#map.size
  }

  has(key: Key): boolean {
    return this.#map.has(key)
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key)
  }

  set(key: Key, value: Value): void {
    this.#map.set(key, value)
  }

  /** False: it was not there. */
  delete(key: Key): boolean {
    if (!this.#map.delete(key)) return false
    if (++this.#removed > spared && this.#removed > this.#map.size) {
      this.#map = new Map(this.#map)
      this.#removed = 0
    }
    return true
  }

  /** In the order in which they came; nothing is removed meanwhile. */
  entries(): MapIterator<[Key, Value]> {
    return this.#map.entries()
  }

  /** In the order in which they came; nothing is removed meanwhile. */
  values(): MapIterator<Value> {
    return this.#map.values()
  }
}
