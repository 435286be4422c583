/**
 * Times operations against each other in one process, in turn, and counts the rounds that nobody
 * disturbed. Must hold: what is compared saw the same keys in the same random order; a stretch is
 * long enough that each side clears its own garbage, and begins no more often than it must with
 * what the other left in the processor's caches.
 */

import { calibrate, undisturbed } from "../yardstick.ts"

export interface Operation {
  readonly name: string
  /** `index` runs through the calls; the operation picks its key by it. */
  readonly run: (index: number) => void
}

/** Enough for every key to have been used, and for the code to be compiled. */
const warmCalls = 10_000

/** However disturbed the machine is, a race ends after this. */
const boundMs = 15_000

/**
 * Microseconds of one call, mean of `rounds` rounds in which the core was ours (see the yardstick),
 * for each operation.
 */
export function race(
  operations: ReadonlyArray<Operation>,
  rounds: number,
  calls: number
): ReadonlyArray<number> {
  for (const { run } of operations) for (let index = 0; index < warmCalls; index++) run(index)
  calibrate(200)
  let round = 0
  const { counted } = undisturbed(rounds, boundMs, () => {
    round++
    return operations.map(({ run }) => {
      const start = performance.now()
      for (let index = 0; index < calls; index++) run(round * calls + index)
      return performance.now() - start
    })
  })
  return operations.map((_, place) => {
    const total = counted.reduce((sum, times) => sum + times[place]!, 0)
    return total * 1000 / (counted.length * calls)
  })
}

/** A random but repeatable order over `count` things: a full-period congruential sequence. */
export function shuffled(count: number, length: number): Uint32Array {
  const order = new Uint32Array(length)
  let state = 12_345
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    order[index] = Math.floor(state / 2 ** 32 * count)
  }
  return order
}
