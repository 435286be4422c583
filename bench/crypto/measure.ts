/**
 * Times operations against each other in one process: many short rounds in turn, of which the
 * lower quartile counts, so that rounds in which the machine did something else do not. Must hold:
 * what is compared saw the same keys in the same random order.
 */

export interface Operation {
  readonly name: string
  /** `index` runs through the calls; the operation picks its key by it. */
  readonly run: (index: number) => void
}

/** Enough for every key to have been used, and for the code to be compiled. */
const warmCalls = 20_000

/** Microseconds of one call, lower quartile of the rounds, for each operation. */
export function race(
  operations: ReadonlyArray<Operation>,
  rounds: number,
  calls: number
): ReadonlyArray<number> {
  const times = operations.map((): Array<number> => [])
  for (const { run } of operations) for (let index = 0; index < warmCalls; index++) run(index)
  for (let round = 0; round < rounds; round++) {
    operations.forEach(({ run }, place) => {
      const start = performance.now()
      for (let index = 0; index < calls; index++) run(round * calls + index)
      times[place]!.push((performance.now() - start) * 1000 / calls)
    })
  }
  return times.map((each) => each.toSorted((a, b) => a - b)[each.length >> 2]!)
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
