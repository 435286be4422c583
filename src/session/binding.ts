/**
 * Who speaks for a terminal. A binding ties one terminal to one connection; the owner is the
 * newest one that has proven itself. What must hold (I4, rule 10): a terminal has at most one
 * owner; a new owner ends the old binding before anything else happens; an ended binding never
 * speaks again, and generations are never used twice.
 */

import type { TerminalId } from "../domain/brand.ts"
import type { SeenLine } from "./house.ts"

/** The connection side of a binding. */
export interface Bearer {
  /** A newer session has taken the terminal over; the binding has ended. */
  readonly dispossessed: (binding: Binding) => void
  readonly seen: () => SeenLine
}

export class Binding {
  readonly terminal: TerminalId
  readonly bearer: Bearer
  /** The session generation: answers and pushes go to the one that asked, and to no other. */
  readonly generation: number
  readonly boundMs: number
  live = true
  /** Its identity rule was satisfied; only then is it the owner. */
  proven = false
  signedOn = false
  /** Transactions that have not been answered yet. */
  inFlight = 0
  wrongMacs = 0

  constructor(terminal: TerminalId, bearer: Bearer, generation: number, boundMs: number) {
    this.terminal = terminal
    this.bearer = bearer
    this.generation = generation
    this.boundMs = boundMs
  }
}

export class Owners {
  readonly #byTerminal = new Map<TerminalId, Binding>()
  #generations = 0

  get size(): number {
    return this.#byTerminal.size
  }

  of(terminal: TerminalId): Binding | undefined {
    return this.#byTerminal.get(terminal)
  }

  /** A binding that has proven nothing yet: it may be answered, and it owns nothing. */
  bind(terminal: TerminalId, bearer: Bearer, nowMs: number): Binding {
    return new Binding(terminal, bearer, ++this.#generations, nowMs)
  }

  /** The binding has proven itself; returns the owner that had to go, which has ended. */
  claim(binding: Binding): Binding | undefined {
    const older = this.#byTerminal.get(binding.terminal)
    if (older === binding) return undefined
    binding.proven = true
    this.#byTerminal.set(binding.terminal, binding)
    if (older === undefined) return undefined
    older.live = false
    older.bearer.dispossessed(older)
    return older
  }

  /** The binding ends; whoever took the terminal over keeps it. */
  release(binding: Binding): void {
    binding.live = false
    if (this.#byTerminal.get(binding.terminal) === binding) {
      this.#byTerminal.delete(binding.terminal)
    }
  }

  all(): IterableIterator<Binding> {
    return this.#byTerminal.values()
  }
}
