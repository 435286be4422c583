/**
 * How far the DUKPT counter of each terminal has come, and whose counter it is. The receiver of a
 * key serial number verifies that its counter has increased (X9.24-1); here it may also be one of
 * the last that was not used, because messages of two connections overtake each other.
 * What must hold: a counter is believed once, and only after the message under it was found right,
 * so that no forger can move it; a terminal keeps the device that it began with until an operator
 * or another base key says otherwise; what a message leads to is durable with its counter, and
 * neither without the other: who asks again what a kill took along is not refused for it.
 */

import type { TerminalId } from "../domain/brand.ts"
import type { FailureCode } from "../domain/failures.ts"
import type { JournalShape, SerialState } from "../domain/ports/journal.ts"
import { type KeySerial, keySerialOf } from "../security/key-serial.ts"
import type { Derivation } from "./message-keys.ts"

/** Counters below the highest that may still come, the highest included: the bits of `seen`. */
const windowSize = 32

/**
 * `fresh`: not used yet. `latest`: the highest one used. `used`: used, and not long ago. `behind`:
 * too old to tell. `foreign`: of a device that is not the terminal's.
 */
export type Standing = "fresh" | "latest" | "used" | "behind" | "foreign"

export class KeySerials {
  readonly #journal: JournalShape
  /** One a terminal that has spoken under DUKPT; undefined: it has no device yet. */
  readonly #states = new Map<TerminalId, SerialState | undefined>()
  /** What the journal has, where that is not yet all. */
  readonly #kept = new Map<TerminalId, SerialState | undefined>()
  /** What waits for the newest row of a terminal, which is not on disk yet. */
  readonly #syncing = new Map<TerminalId, Array<() => void>>()

  constructor(journal: JournalShape) {
    this.#journal = journal
  }

  standing(terminal: TerminalId, { baseKey, serial }: Derivation): Standing {
    const given = keySerialOf(serial)
    // One that no key can be derived from is refused by name where that is tried.
    return given === undefined ? "fresh" : standingOf(this.#state(terminal), baseKey, given)
  }

  /** The message was right: if its counter is fresh, it is used now, and kept by `keep`. */
  believe(terminal: TerminalId, { baseKey, serial }: Derivation): Standing {
    const given = keySerialOf(serial)
    const state = this.#state(terminal)
    const standing = given === undefined ? "behind" : standingOf(state, baseKey, given)
    if (given === undefined || standing !== "fresh") return standing
    if (!this.#kept.has(terminal)) this.#kept.set(terminal, state)
    this.#states.set(terminal, used(state, baseKey, given))
    return standing
  }

  /**
   * Something comes of a message that was believed, and is told in `then`: the counter is on disk
   * before, or what was refused could be played again after a crash, and be taken. A message that
   * was not believed may be a copy of one that was: it hears no earlier.
   */
  keep(terminal: TerminalId, derivation: Derivation | undefined, then: () => void): void {
    const given = derivation === undefined ? undefined : keySerialOf(derivation.serial)
    const kept = this.#kept.get(terminal)
    if (
      derivation === undefined || given === undefined || !this.#kept.has(terminal) ||
      standingOf(kept, derivation.baseKey, given) !== "fresh"
    ) return this.#synced(terminal, then)
    const value = used(kept, derivation.baseKey, given)
    if (isSame(value, this.#states.get(terminal))) this.#kept.delete(terminal)
    else this.#kept.set(terminal, value)
    const waiting = [then]
    this.#syncing.set(terminal, waiting)
    this.#journal.commit([{ table: "serials", key: terminal, value }], [], (failure) => {
      if (this.#syncing.get(terminal) === waiting) this.#syncing.delete(terminal)
      if (failure !== undefined) return
      for (const each of waiting) each()
    })
  }

  #synced(terminal: TerminalId, then: () => void): void {
    const waiting = this.#syncing.get(terminal)
    if (waiting === undefined) then()
    else waiting.push(then)
  }

  /**
   * Other keys were injected: the terminal may begin with another device. What was recorded of the
   * one that it had stays used, unless `sameDevice` begins anew. False: it has none.
   */
  forget(
    terminal: TerminalId,
    sameDevice: boolean,
    done: (failure: FailureCode | undefined) => void
  ): boolean {
    const state = this.#state(terminal)
    if (state === undefined) return false
    const value: SerialState | undefined = sameDevice ? undefined : { ...state, released: true }
    this.#states.set(terminal, value)
    this.#kept.delete(terminal)
    this.#journal.commit([{ table: "serials", key: terminal, value }], [], done)
    return true
  }

  /** For people. */
  find(terminal: TerminalId): SerialState | undefined {
    return this.#journal.get("serials", terminal)
  }

  all(): Iterable<readonly [terminal: string, state: SerialState]> {
    return this.#journal.entries("serials")
  }

  #state(terminal: TerminalId): SerialState | undefined {
    const state = this.#states.get(terminal)
    if (state !== undefined || this.#states.has(terminal)) return state
    const stored = this.find(terminal)
    this.#states.set(terminal, stored)
    return stored
  }
}

/** Under another base key no old message is right: its counters say nothing. */
function standingOf(
  state: SerialState | undefined,
  baseKey: string,
  { counter, device }: KeySerial
): Standing {
  if (state === undefined || state.baseKey !== baseKey) return "fresh"
  if (state.device !== device) return state.released === true ? "fresh" : "foreign"
  const behind = state.highest - counter
  if (behind === 0) return "latest"
  if (behind >= windowSize) return "behind"
  return behind < 0 || ((state.seen >>> behind) & 1) === 0 ? "fresh" : "used"
}

/** With a counter that is fresh. */
function used(
  state: SerialState | undefined,
  baseKey: string,
  { counter, device }: KeySerial
): SerialState {
  return state?.baseKey === baseKey && state.device === device
    ? advanced(state, counter)
    : { baseKey, device, highest: counter, seen: 1 }
}

function isSame(one: SerialState, other: SerialState | undefined): boolean {
  return other !== undefined && one.baseKey === other.baseKey && one.device === other.device &&
    one.highest === other.highest && one.seen === other.seen
}

function advanced(state: SerialState, counter: number): SerialState {
  const ahead = counter - state.highest
  if (ahead <= 0) return { ...state, seen: (state.seen | (1 << -ahead)) >>> 0 }
  const seen = ahead >= windowSize ? 1 : ((state.seen << ahead) | 1) >>> 0
  return { ...state, highest: counter, seen }
}
