/**
 * Times operations against each other in one process: rounds in turn, and of all rounds the quarter
 * that was disturbed the least, by the time that all operations took together. Must hold: what is
 * compared saw the same keys in the same random order; a stretch is long enough that each side
 * clears its own garbage and begins no more often than it must with what the other left in the
 * processor's caches.
 */

export interface Operation {
  readonly name: string
  /** `index` runs through the calls; the operation picks its key by it. */
  readonly run: (index: number) => void
}

/** Enough for every key to have been used, and for the code to be compiled. */
const warmCalls = 10_000

/** Microseconds of one call, mean of the quietest quarter of rounds, for each operation. */
export function race(
  operations: ReadonlyArray<Operation>,
  rounds: number,
  calls: number
): ReadonlyArray<number> {
  for (const { run } of operations) for (let index = 0; index < warmCalls; index++) run(index)
  const took: Array<ReadonlyArray<number>> = []
  for (let round = 0; round < rounds; round++) {
    took.push(operations.map(({ run }) => {
      const start = performance.now()
      for (let index = 0; index < calls; index++) run(round * calls + index)
      return performance.now() - start
    }))
  }
  const sum = (times: ReadonlyArray<number>) => times.reduce((one, other) => one + other, 0)
  const quiet = took.toSorted((a, b) => sum(a) - sum(b)).slice(0, Math.ceil(rounds / 4))
  return operations.map((_, place) =>
    sum(quiet.map((times) => times[place]!)) * 1000 / (quiet.length * calls)
  )
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
