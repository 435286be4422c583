/**
 * Working keys of terminals, as handles. They are durable and outlive connections and restarts
 * (rule 8): the journal's blocks are installed when a terminal is first heard, and a new download
 * replaces them. What must hold: after a rotation the old keys are accepted for a grace, because
 * the answer that carried the new ones may have been lost, and never after it: then they are gone.
 */

import type { TimersShape } from "../actor/timers.ts"
import type { KeyHandle, TerminalId } from "../domain/brand.ts"
import type { JournalShape, TerminalState } from "../domain/ports/journal.ts"
import type { SecurityModuleShape } from "../domain/ports/security-module.ts"

/** The keys of one download. */
interface Keys {
  readonly mac: KeyHandle | undefined
  /** Installed when the first PIN comes: many terminals never send one. */
  pin: KeyHandle | undefined
  readonly pinBlock: Uint8Array | undefined
}

interface Entry {
  current: Keys
  previous: Keys | undefined
  graceEnd: ReturnType<TimersShape["after"]> | undefined
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
  readonly #after: TimersShape["after"]
  /** One entry a terminal of the estate that has been heard. */
  readonly #entries = new Map<TerminalId, Entry>()

  constructor(
    journal: JournalShape,
    security: SecurityModuleShape,
    seed: (terminal: TerminalId) => StoredKeys | undefined,
    graceMs: number,
    after: TimersShape["after"]
  ) {
    this.#journal = journal
    this.#security = security
    this.#seed = seed
    this.#graceMs = graceMs
    this.#after = after
  }

  /** The terminal's current MAC key; undefined: it has none yet, or its block is not ours. */
  mac(terminal: TerminalId): KeyHandle | undefined {
    return this.#entry(terminal).current.mac
  }

  /** The MAC key before the last rotation, while it may still be in use. */
  previousMac(terminal: TerminalId): KeyHandle | undefined {
    return this.#entry(terminal).previous?.mac
  }

  /** The terminal's current PIN key, likewise. */
  pin(terminal: TerminalId): KeyHandle | undefined {
    return this.#pinOf(this.#entry(terminal).current)
  }

  previousPin(terminal: TerminalId): KeyHandle | undefined {
    const { previous } = this.#entry(terminal)
    return previous === undefined ? undefined : this.#pinOf(previous)
  }

  /** What the journal knows of the terminal; for read, change and write in one turn. */
  state(terminal: TerminalId): TerminalState {
    return this.#journal.get("terminals", terminal) ?? noState
  }

  /** New blocks are durable: from now on the terminal may use them. */
  rotated(terminal: TerminalId, keys: StoredKeys): void {
    const entry = this.#entry(terminal)
    const fresh = this.#install(keys)
    this.#endGrace(entry)
    entry.previous = entry.current
    entry.graceEnd = this.#after(this.#graceMs, () => this.#endGrace(entry))
    entry.current = fresh
  }

  #entry(terminal: TerminalId): Entry {
    let entry = this.#entries.get(terminal)
    if (entry === undefined) {
      const stored = this.state(terminal).keys
      const keys = stored.mac === undefined ? this.#seed(terminal) : stored
      const current = this.#install(keys ?? {})
      entry = { current, previous: undefined, graceEnd: undefined }
      this.#entries.set(terminal, entry)
    }
    return entry
  }

  #endGrace(entry: Entry): void {
    entry.graceEnd?.cancel()
    this.#release(entry.previous)
    entry.graceEnd = entry.previous = undefined
  }

  #install({ mac, pin }: StoredKeys): Keys {
    const handle = mac === undefined ? undefined : this.#security.install(mac, "mac")
    return {
      mac: typeof handle === "number" ? handle : undefined,
      pin: undefined,
      pinBlock: pin
    }
  }

  #pinOf(keys: Keys): KeyHandle | undefined {
    if (keys.pin === undefined && keys.pinBlock !== undefined) {
      const handle = this.#security.install(keys.pinBlock, "pin")
      if (typeof handle === "number") keys.pin = handle
    }
    return keys.pin
  }

  #release(keys: Keys | undefined): void {
    if (keys?.mac !== undefined) this.#security.release(keys.mac)
    if (keys?.pin !== undefined) this.#security.release(keys.pin)
  }
}
