/** What a run of the road bench found, and the arithmetic on it. */

import { grown } from "../load/scrape.ts"
import type { Measured } from "./arm.ts"
import type { Knee } from "./knee.ts"

/** Each list has one entry for each arm, named by it. */
export interface PairResult {
  readonly knees: ReadonlyArray<Knee>
  /** At a quarter, at half, and close to the switch's knee. */
  readonly quarter: ReadonlyArray<Measured>
  readonly half: ReadonlyArray<Measured>
  readonly full: ReadonlyArray<Measured>
}

export interface RoadResult {
  readonly pairs: ReadonlyArray<PairResult>
  readonly machine: string
  readonly terminals: number
  /** Why the run does not count; empty when it does. */
  readonly objections: ReadonlyArray<string>
}

export function median(values: ReadonlyArray<number>): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** Share of the codec's work that a worker did. */
export function poolShare({ after, before }: Measured): number {
  const all = grown(before, after, "codec_jobs_total")
  return all === 0 ? 0 : grown(before, after, "codec_jobs_total", "place=\"pool\"") / all
}
