/**
 * Working keys of terminals, as handles. They are durable and outlive connections and restarts
 * (rule 8): the journal's block is installed when a terminal is first heard, and a new download
 * replaces it. What must hold: after a rotation the old MAC key is accepted for a grace, because
 * the answer that carried the new one may have been lost, and never after it.
 */

import type { KeyHandle, TerminalId } from "../domain/brand.ts"
import type { JournalShape, TerminalState } from "../domain/ports/journal.ts"
import type { SecurityModuleShape } from "../domain/ports/security-module.ts"

interface Entry {
  mac: KeyHandle | undefined
  previous: KeyHandle | undefined
  graceEndsMs: number
}

export type StoredKeys = TerminalState["keys"]

const noState: TerminalState = {
  keys: {},
  keysChangedMs: 0,
  batch: "",
  highStan: "",
  pushSequence: 0
}

export class Keyring {
  readonly #journal: JournalShape
  readonly #security: SecurityModuleShape
  readonly #seed: (terminal: TerminalId) => StoredKeys | undefined
  readonly #graceMs: number
  /** One entry a terminal of the estate that has been heard. */
  readonly #entries = new Map<TerminalId, Entry>()

  constructor(
    journal: JournalShape,
    security: SecurityModuleShape,
    seed: (terminal: TerminalId) => StoredKeys | undefined,
    graceMs: number
  ) {
    this.#journal = journal
    this.#security = security
    this.#seed = seed
    this.#graceMs = graceMs
  }

  /** The terminal's current MAC key; undefined: it has none yet, or its block is not ours. */
  mac(terminal: TerminalId): KeyHandle | undefined {
    return this.#entry(terminal).mac
  }

  /** The key before the last rotation, while it may still be in use. */
  previousMac(terminal: TerminalId, nowMs: number): KeyHandle | undefined {
    const entry = this.#entry(terminal)
    if (entry.previous === undefined || nowMs < entry.graceEndsMs) return entry.previous
    this.#security.release(entry.previous)
    entry.previous = undefined
    return undefined
  }

  /** What the journal knows of the terminal; for read, change and write in one turn. */
  state(terminal: TerminalId): TerminalState {
    return this.#journal.get("terminals", terminal) ?? noState
  }

  /** New blocks are durable: from now on the terminal may use them. */
  rotated(terminal: TerminalId, keys: StoredKeys, nowMs: number): void {
    const entry = this.#entry(terminal)
    const fresh = this.#install(keys)
    if (fresh === entry.mac) return
    if (entry.previous !== undefined) this.#security.release(entry.previous)
    entry.previous = entry.mac
    entry.graceEndsMs = nowMs + this.#graceMs
    entry.mac = fresh
  }

  #entry(terminal: TerminalId): Entry {
    let entry = this.#entries.get(terminal)
    if (entry === undefined) {
      const stored = this.state(terminal).keys
      const keys = stored.mac === undefined ? this.#seed(terminal) : stored
      entry = { mac: this.#install(keys ?? {}), previous: undefined, graceEndsMs: 0 }
      this.#entries.set(terminal, entry)
    }
    return entry
  }

  #install(keys: StoredKeys): KeyHandle | undefined {
    if (keys.mac === undefined) return undefined
    const handle = this.#security.install(keys.mac, "mac")
    return typeof handle === "number" ? handle : undefined
  }
}
