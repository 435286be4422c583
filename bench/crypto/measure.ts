/**
 * Times operations against each other in one process: rounds in turn, so that what disturbs one
 * disturbs the other, in processor time of this thread, which waiting for a busy machine does not
 * stretch. Must hold: what is compared saw the same keys in the same random order.
 */

export interface Operation {
  readonly name: string
  /** `index` runs through the calls; the operation picks its key by it. */
  readonly run: (index: number) => void
}

/** Enough for every key to have been used, and for the code to be compiled. */
const warmCalls = 10_000

/**
 * Microseconds of one call, mean of all rounds, for each operation. Some kernels count processor
 * time in steps of 4 ms: the sum over many rounds does not mind.
 */
export function race(
  operations: ReadonlyArray<Operation>,
  rounds: number,
  calls: number
): ReadonlyArray<number> {
  const totals = operations.map(() => 0)
  for (const { run } of operations) for (let index = 0; index < warmCalls; index++) run(index)
  for (let round = 0; round < rounds; round++) {
    operations.forEach(({ run }, place) => {
      const start = process.threadCpuUsage()
      for (let index = 0; index < calls; index++) run(round * calls + index)
      const { system, user } = process.threadCpuUsage(start)
      totals[place]! += system + user
    })
  }
  return totals.map((total) => total / (rounds * calls))
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
