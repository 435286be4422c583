/**
 * The knee: the highest rate that a program holds. Must hold: a rate is held only when everything
 * that was due was sent and answered, in time, and the ledger kept up; one bad stretch on a shared
 * machine is tried once more before it counts.
 */

import { type Arm, lagSeconds, type Measured, percentile } from "./arm.ts"

/** A rate is held while the slowest hundredth is answered within this. */
const heldP99Ms = 500
/** And while so many of the sends that were due are answered. */
const heldShare = 0.99
/** PostgreSQL may be this far behind when a run ends. */
export const heldLagSeconds = 2

const growth = 1.25
const maxSteps = 24

export interface Stretch {
  readonly seconds: number
  readonly warmupSeconds: number
}

function isHeld(measured: Measured): boolean {
  return measured.answered >= heldShare * measured.planned &&
    percentile(measured, 99) <= heldP99Ms && lagSeconds(measured) <= heldLagSeconds
}

export interface Knee {
  /** The best run; its `perSecond` is the throughput at the knee. */
  readonly held: Measured
  readonly runs: ReadonlyArray<Measured>
}

/** Climbs from `from` until a rate is not held twice, then looks once in between. */
export async function climb(arm: Arm, from: number, stretch: Stretch): Promise<Knee> {
  const runs: Array<Measured> = []
  let held: Measured | undefined
  const tried = async (rate: number): Promise<boolean> => {
    for (let attempt = 0; attempt < 2; attempt++) {
      const measured = await arm.run(rate, stretch.seconds, stretch.warmupSeconds)
      runs.push(measured)
      if (!isHeld(measured)) continue
      if (held === undefined || measured.perSecond > held.perSecond) held = measured
      return true
    }
    return false
  }
  let rate = from
  for (let step = 0; step < maxSteps; step++) {
    if (await tried(rate)) rate *= growth
    else if (held === undefined) rate /= growth ** 2
    else break
  }
  if (held === undefined) throw new Error(`the ${arm.name} held no rate down to ${rate.toFixed(0)}`)
  await tried(held.ratePerSecond * Math.sqrt(growth))
  return { held, runs }
}
