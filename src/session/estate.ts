/**
 * The estate: which terminals exist and by which rules each speaks. One immutable table, swapped
 * whole, so that a message is judged by one registry from beginning to end (I10). Reads never wait.
 */

import { Context, Effect, Layer } from "effect"
import { terminalIdOf } from "../domain/brand.ts"
import { invariant } from "../domain/invariant.ts"
import { type TerminalProfile, Terminals } from "../domain/ports/terminals.ts"

interface EstateControlShape {
  /** From the next message on. */
  readonly swap: (profiles: ReadonlyArray<TerminalProfile>) => void
}

/** The side of the registry that configuration and imports use. */
export class EstateControl
  extends Context.Service<EstateControl, EstateControlShape>()("pointsman/session/EstateControl")
{}

export function terminalsLayer(
  profiles: ReadonlyArray<TerminalProfile>
): Layer.Layer<Terminals | EstateControl> {
  return Layer.effectContext(Effect.sync(() => {
    let table = new EstateTable(profiles)
    const terminals = Terminals.of({
      find: (terminal) => table.find(terminal),
      byCounter: (counter) => table.byCounter.get(counter),
      all: () => table.byTerminal.values(),
      count: () => table.byTerminal.size
    })
    const control = EstateControl.of({
      swap: (next) => {
        table = new EstateTable(next)
      }
    })
    return Context.make(Terminals, terminals).pipe(Context.add(EstateControl, control))
  }))
}

class EstateTable {
  readonly byTerminal = new Map<string, TerminalProfile>()
  readonly byCounter = new Map<string, TerminalProfile>()

  constructor(profiles: ReadonlyArray<TerminalProfile>) {
    for (const profile of profiles) {
      invariant(!this.byTerminal.has(profile.terminal), "a terminal is registered once")
      this.byTerminal.set(profile.terminal, profile)
      if (profile.counter !== undefined) this.byCounter.set(profile.counter, profile)
    }
  }

  find(terminal: string): TerminalProfile | undefined {
    return this.byTerminal.get(terminalIdOf(terminal))
  }
}
