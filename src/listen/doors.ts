/**
 * Who may connect to which listener: a transport whose doors look at a list, and the hand that
 * swaps the lists whole on reload. What must hold: a listener without a list is open to everybody;
 * those who are connected stay when a list changes.
 */

import { Context, Effect, Layer } from "effect"
import type { ListenerConfig } from "../domain/config.ts"
import { compileNetworks } from "../domain/networks.ts"
import { Transport } from "../domain/ports/transport.ts"

type Listed = ReadonlyArray<Pick<ListenerConfig, "name" | "allow">>

interface DoorControlShape {
  /** From the next connection on. */
  readonly swap: (listeners: Listed) => void
}

export class DoorControl
  extends Context.Service<DoorControl, DoorControlShape>()("pointsman/listen/DoorControl")
{}

export const doorsLayer = (
  first: Listed
): Layer.Layer<Transport | DoorControl, never, Transport> =>
  Layer.effectContext(Effect.map(Transport, (transport) => {
    let lists = compile(first)
    const guarded = Transport.of({
      ...transport,
      listen: (options, accept) =>
        transport.listen({
          ...options,
          allows: (address) => lists.get(options.name)?.(address) ?? true
        }, accept)
    })
    const control = DoorControl.of({
      swap: (next) => {
        lists = compile(next)
      }
    })
    return Context.make(Transport, guarded).pipe(Context.add(DoorControl, control))
  }))

function compile(listeners: Listed): ReadonlyMap<string, (address: string) => boolean> {
  const lists = new Map<string, (address: string) => boolean>()
  for (const { allow, name } of listeners) {
    if (allow !== undefined) lists.set(name, compileNetworks(allow))
  }
  return lists
}
