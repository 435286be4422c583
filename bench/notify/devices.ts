/**
 * Devices of the notify bench, in a process of its own: each says hello, takes pushes, acknowledges
 * them, and comes back when the switch goes away. `{ open }` connects them; every push is told as
 * `{ payment, atMs }`, in batches.
 */

import { Context, Effect, Layer, Scope } from "effect"
import { Timers } from "../../src/actor/timers.ts"
import { Random } from "../../src/domain/ports/time.ts"
import { Transport } from "../../src/domain/ports/transport.ts"
import { MachineRandom, MachineTime } from "../../src/listen/machine-time.ts"
import { MachineTransport } from "../../src/listen/machine-transport.ts"
import { Device } from "../../src/simulate/device.ts"

export interface OpenDevices {
  readonly port: number
  readonly terminals: ReadonlyArray<string>
  readonly keyHex: string
}

export interface Heard {
  readonly payment: string
  /** Milliseconds since the epoch, with fractions. */
  readonly atMs: number
}

export type DevicesTell = { readonly ready: number } | { readonly heard: ReadonlyArray<Heard> }

const perSecond = 1000
const tellEveryMs = 50

const layer = MachineTransport.pipe(
  Layer.provideMerge(Timers.layer),
  Layer.provideMerge(Layer.merge(MachineTime, MachineRandom))
)
const context = await Effect.runPromise(Layer.buildWithScope(layer, Scope.makeUnsafe()))
const shared = {
  host: "127.0.0.1",
  transport: Context.get(context, Transport),
  timers: Context.get(context, Timers),
  random: Context.get(context, Random)
}

let heard: Array<Heard> = []
let ready = 0
setInterval(() => {
  if (heard.length === 0) return
  process.send?.({ heard } satisfies DevicesTell)
  heard = []
}, tellEveryMs)

async function open({ keyHex, port, terminals }: OpenDevices): Promise<void> {
  const key = Buffer.from(keyHex, "hex")
  for (const [index, terminal] of terminals.entries()) {
    const device = new Device({
      ...shared,
      terminal,
      key,
      port,
      onPush: (push) => {
        const atMs = performance.timeOrigin + performance.now()
        heard.push({ payment: String(push["payment"]), atMs })
      },
      onReady: () => {
        if (++ready === terminals.length) process.send?.({ ready } satisfies DevicesTell)
      }
    })
    device.connect()
    if (index % 50 === 49) {
      await new Promise((resolve) => setTimeout(resolve, 50_000 / perSecond))
    }
  }
}

process.on("message", (order: OpenDevices) => void open(order))
process.on("disconnect", () => process.exit(0))
