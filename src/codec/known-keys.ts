/**
 * Which keys a thread has been given. A key leaves the security module once for each thread that
 * needs it. What must hold: the number is bounded (the oldest goes); what the module forgets is
 * forgotten here; keys that it keeps to itself are used there and nowhere else.
 */

import type { KeyHandle } from "../domain/brand.ts"
import type { MacAlgorithm, SecurityModuleShape } from "../domain/ports/security-module.ts"

/** Keys a thread holds: 10,000 terminals with a MAC key each, and those of before. */
export const maxKnownKeys = 32_768

export interface KeyReceiver {
  readonly put: (handle: KeyHandle, key: Uint8Array) => void
  readonly drop: (handle: KeyHandle) => void
}

export class KnownKeys {
  readonly #module: SecurityModuleShape
  readonly #receiver: KeyReceiver
  readonly #max: number
  /** With the algorithms that each was given for: its block may forbid others. */
  readonly #known = new Map<KeyHandle, Array<MacAlgorithm["name"]>>()

  constructor(module: SecurityModuleShape, receiver: KeyReceiver, max: number = maxKnownKeys) {
    this.#module = module
    this.#receiver = receiver
    this.#max = max
  }

  /** Makes sure that the receiver has the key; false when the module does not give it away. */
  share(handle: KeyHandle, algorithm: MacAlgorithm): boolean {
    const uses = this.#known.get(handle)
    if (uses?.includes(algorithm.name) === true) return true
    const key = this.#module.exportToWorker(handle, algorithm)
    if (key === undefined) return false
    if (uses !== undefined) {
      key.fill(0)
      uses.push(algorithm.name)
      return true
    }
    this.#receiver.put(handle, key)
    this.#known.set(handle, [algorithm.name])
    if (this.#known.size > this.#max) this.#dropOldest()
    return true
  }

  /** The receiver, if it was given the key, is to overwrite it. */
  forget(handle: KeyHandle): void {
    if (this.#known.delete(handle)) this.#receiver.drop(handle)
  }

  #dropOldest(): void {
    for (const handle of this.#known.keys()) return this.forget(handle)
  }
}

/** What a thread is to learn about keys with its next batch, and to forget after it. */
export class KeyLessons implements KeyReceiver {
  #keys: Array<{ readonly handle: KeyHandle; readonly key: Uint8Array }> = []
  #drops: Array<KeyHandle> = []

  put(handle: KeyHandle, key: Uint8Array): void {
    // A key that went and comes back before the batch was sent stays.
    const dropped = this.#drops.indexOf(handle)
    if (dropped === -1) this.#keys.push({ handle, key })
    else {
      this.#drops.splice(dropped, 1)
      key.fill(0)
    }
  }

  drop(handle: KeyHandle): void {
    this.#drops.push(handle)
  }

  /** Is there a key that the thread still has and should not? */
  get owesDrops(): boolean {
    return this.#drops.length > 0
  }

  get owesAny(): boolean {
    return this.#keys.length > 0 || this.#drops.length > 0
  }

  /** Everything since the last call. */
  take() {
    const lessons = { keys: this.#keys, drops: this.#drops }
    this.#keys = []
    this.#drops = []
    return lessons
  }
}
