/**
 * The live keys of one table: those that a replay found, and those written since. Must hold: a key
 * is among one of the two, and stays there until it is removed, so that who walks over them while
 * they change meets none twice.
 */

import type { LogGroup, LogGroups } from "./log-groups.ts"
import { RestoredKeys } from "./restored-keys.ts"
import type { Slot } from "./warm-values.ts"

export class TableKeys {
  readonly restored: RestoredKeys
  readonly #written = new Map<string, Slot>()

  constructor(groups: LogGroups, replayed: ReadonlyArray<LogGroup>) {
    this.restored = new RestoredKeys(groups, replayed)
  }

  get size(): number {
    return this.restored.size + this.#written.size
  }

  get(key: string): Slot | undefined {
    return this.#written.get(key) ?? this.restored.slot(key)
  }

  has(key: string): boolean {
    return this.#written.has(key) || this.restored.has(key)
  }

  /** Of a key that is not here. */
  add(key: string, slot: Slot): void {
    this.#written.set(key, slot)
  }

  remove(key: string): void {
    if (!this.#written.delete(key)) this.restored.forget(key)
  }

  /** These three are in the order of the log. */
  *slots(): Generator<Slot> {
    for (const entry of this.restored.inOrder()) yield this.restored.place(entry)
    yield* this.#written.values()
  }

  *keys(): Generator<string> {
    for (const entry of this.restored.inOrder()) yield this.restored.key(entry)
    yield* this.#written.keys()
  }

  *entries(): Generator<readonly [string, Slot]> {
    const { restored } = this
    for (const entry of restored.inOrder()) yield [restored.key(entry), restored.place(entry)]
    yield* this.#written
  }

  /** No key here is greater; undefined: there was never any. */
  greatest(): string | undefined {
    let greatest = this.restored.last
    for (const key of this.#written.keys()) {
      if (greatest === undefined || key > greatest) greatest = key
    }
    return greatest
  }
}
