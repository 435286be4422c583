/** The last group commits, from the first commit in a group to its acknowledgement. */

const kept = 1024

export class Latencies {
  readonly #ms = new Float64Array(kept)
  #count = 0

  add(ms: number): void {
    this.#ms[this.#count++ % kept] = ms
  }

  /** `share` between 0 and 1; 0 when nothing was committed yet. */
  percentileMs(share: number): number {
    const filled = this.#ms.slice(0, Math.min(this.#count, kept)).sort()
    return filled[Math.min(filled.length - 1, Math.floor(filled.length * share))] ?? 0
  }
}
