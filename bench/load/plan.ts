/**
 * The plan of a load run: every send and its moment, fixed before the first byte leaves, so that a
 * slow system cannot slow the questions down. Must hold: the moments depend on seed and steps
 * alone, ascend, and both arms of a pair get the same plan.
 */

/** A stretch of constant rate. Only its part after `warmupSeconds` is measured. */
export interface Step {
  readonly ratePerSecond: number
  readonly seconds: number
  readonly warmupSeconds: number
}

export interface Plan {
  /** Milliseconds after the start of the run. */
  readonly dueMs: Float64Array
  /** Index of the step each send belongs to. */
  readonly step: Uint16Array
  /** 1 where the send falls into the measured part of its step. */
  readonly measured: Uint8Array
  readonly endMs: number
}

/** A small seeded generator (mulberry32): numbers in [0, 1). */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Sends with exponential gaps: customers do not queue up at equal distances. */
export function makePlan(steps: ReadonlyArray<Step>, seed: number): Plan {
  const random = seeded(seed)
  const due: Array<number> = []
  const step: Array<number> = []
  const measured: Array<number> = []
  let startMs = 0
  for (const [index, { ratePerSecond, seconds, warmupSeconds }] of steps.entries()) {
    const endMs = startMs + seconds * 1000
    const measureFromMs = startMs + warmupSeconds * 1000
    const gapMs = 1000 / ratePerSecond
    for (let at = startMs - Math.log(1 - random()) * gapMs; at < endMs;) {
      due.push(at)
      step.push(index)
      measured.push(at >= measureFromMs ? 1 : 0)
      at -= Math.log(1 - random()) * gapMs
    }
    startMs = endMs
  }
  return {
    dueMs: Float64Array.from(due),
    step: Uint16Array.from(step),
    measured: Uint8Array.from(measured),
    endMs: startMs
  }
}

/** Every `parts`-th send, beginning with number `part`: a generator process's share of a plan. */
export function shareOf(plan: Plan, part: number, parts: number): Plan {
  const mine = (_: number, index: number) => index % parts === part
  return {
    dueMs: plan.dueMs.filter(mine),
    step: plan.step.filter(mine),
    measured: plan.measured.filter(mine),
    endMs: plan.endMs
  }
}
