/**
 * The terminals of one connection: one, or the many of a concentrator. What must hold: terminals
 * share a connection only when their profiles name the same concentrator; the seat of a terminal
 * that was taken over is empty at once.
 */

import type { TerminalId } from "../domain/brand.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import type { Bearer, Binding } from "./binding.ts"
import type { SessionHouseShape } from "./house.ts"

/** Terminals on one connection. */
const maxSeats = 4096

export class Seats {
  readonly #house: SessionHouseShape
  readonly #bearer: Bearer
  /** The only terminal, or the first of several. */
  #first: Binding | undefined
  #others: Map<TerminalId, Binding> | undefined

  constructor(house: SessionHouseShape, bearer: Bearer) {
    this.#house = house
    this.#bearer = bearer
  }

  /** The one terminal of the connection; undefined when there is none, or several. */
  get sole(): Binding | undefined {
    return this.shared ? undefined : this.#first
  }

  get shared(): boolean {
    return (this.#others?.size ?? 0) > 0
  }

  get empty(): boolean {
    return this.#first === undefined && !this.shared
  }

  get proven(): boolean {
    if (this.#first?.proven === true) return true
    if (this.#others !== undefined) {
      for (const binding of this.#others.values()) if (binding.proven) return true
    }
    return false
  }

  of(terminal: TerminalId): Binding | undefined {
    return this.#first?.terminal === terminal ? this.#first : this.#others?.get(terminal)
  }

  /**
   * The same text; where the connection's first terminal has it, that one's: a text that was just
   * read out of a message would be looked up among all the engine's texts before any map finds it.
   */
  known(terminal: string): string {
    const first = this.#first?.terminal
    return first === terminal ? first : terminal
  }

  mayTake(profile: TerminalProfile): boolean {
    const { terminal } = profile
    if (this.empty || this.of(terminal) !== undefined) return true
    if (profile.concentrator === undefined || (this.#others?.size ?? 0) >= maxSeats) return false
    const neighbour = this.#first?.terminal ?? this.#others?.keys().next().value
    if (neighbour === undefined) return true
    return this.#house.terminals.find(neighbour)?.concentrator === profile.concentrator
  }

  /** The terminal's binding on this connection, made when it speaks for the first time. */
  take(profile: TerminalProfile): Binding {
    const { owners, time } = this.#house
    const known = this.of(profile.terminal)
    if (known !== undefined) return known
    const binding = owners.bind(profile.terminal, this.#bearer, time.monotonicMs())
    if (this.#first === undefined) this.#first = binding
    else (this.#others ??= new Map()).set(binding.terminal, binding)
    return binding
  }

  leave(binding: Binding): void {
    this.#house.owners.release(binding)
    if (this.#first === binding) this.#first = undefined
    else this.#others?.delete(binding.terminal)
  }

  leaveAll(): void {
    const { owners } = this.#house
    if (this.#first !== undefined) owners.release(this.#first)
    if (this.#others === undefined) return
    for (const binding of this.#others.values()) owners.release(binding)
  }

  terminals(): ReadonlyArray<TerminalId> {
    return this.#all().map(({ terminal }) => terminal)
  }

  owned(): ReadonlyArray<TerminalId> {
    return this.#all().flatMap(({ live, proven, terminal }) => live && proven ? [terminal] : [])
  }

  #all(): ReadonlyArray<Binding> {
    const first = this.#first === undefined ? [] : [this.#first]
    return this.#others === undefined ? first : [...first, ...this.#others.values()]
  }
}
