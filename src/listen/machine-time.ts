/**
 * Time and randomness of the real machine: the one place of the switch that reads its clocks, its
 * event loop and its random numbers. The seeded world has its own layers for both.
 */

import { Layer } from "effect"
import { Random, Time } from "../domain/ports/time.ts"
import { Turn } from "./turn.ts"

/** The machine's clocks, and the turns of its event loop. */
export const MachineTime: Layer.Layer<Time> = Layer.sync(Time, () => {
  const turn = new Turn(setImmediate)
  return Time.of({
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    defer: (task) => turn.defer(task),
    atTurnEnd: (task) => turn.atEnd(task),
    every: (periodMs, task) => {
      const interval = setInterval(task, periodMs)
      return () => clearInterval(interval)
    }
  })
})

/** Random bytes fetched at once, because a fetch costs more than the bytes. */
const poolBytes = 4096

/** The machine's randomness: `bytes` from the system's cryptographic source. */
export const MachineRandom: Layer.Layer<Random> = Layer.sync(Random, () => {
  const pool = new Uint8Array(poolBytes)
  let used = poolBytes
  const bytes = (length: number): Uint8Array<ArrayBuffer> => {
    if (length > poolBytes / 4) return crypto.getRandomValues(new Uint8Array(length))
    if (used + length > poolBytes) {
      crypto.getRandomValues(pool)
      used = 0
    }
    const taken = pool.slice(used, used + length)
    // What was given away may become a key; the pool forgets it.
    pool.fill(0, used, used + length)
    used += length
    return taken
  }
  return Random.of({ next: () => Math.random(), bytes })
})

/** Both, for what needs nothing else of the machine. */
export const machineClock = Layer.merge(MachineTime, MachineRandom)
