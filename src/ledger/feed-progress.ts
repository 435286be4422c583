/**
 * How far the feed has been taken and how far it is written. Batches may end in any order; the
 * journal is told only of what is written without a gap. And how many rows a batch may have.
 */

interface Taken {
  readonly to: number
  written: boolean
}

export class FeedProgress {
  readonly #taken: Array<Taken> = []
  #cursor = 0
  #inFlight = 0

  /** Sequence of the last entry that was taken; the next batch begins after it. */
  get cursor(): number {
    return this.#cursor
  }

  /** Batches that are not written; those written behind one of them wait, and are not counted. */
  get inFlight(): number {
    return this.#inFlight
  }

  take(to: number): void {
    this.#taken.push({ to, written: false })
    this.#inFlight++
    this.#cursor = to
  }

  /** Everything up to the result is written; undefined when an earlier batch is still under way. */
  written(to: number): number | undefined {
    const found = this.#taken.find((each) => each.to === to)
    if (found !== undefined) {
      found.written = true
      this.#inFlight--
    }
    let end: number | undefined
    while (this.#taken[0]?.written === true) end = this.#taken.shift()?.to
    return end
  }
}

/** So few rows are no reason for being slow. */
export const leastRows = 50
const slowMs = 1000
const quickMs = 250

/** Halves when PostgreSQL is slow or in trouble, grows again while it is quick. */
export class BatchSize {
  readonly #most: number
  #rows: number

  constructor(most: number) {
    this.#most = most
    this.#rows = most
  }

  get rows(): number {
    return this.#rows
  }

  written(tookMs: number): void {
    if (tookMs > slowMs) this.trouble()
    else if (tookMs < quickMs) this.#rows = Math.min(this.#most, Math.ceil(this.#rows * 1.25))
  }

  trouble(): void {
    this.#rows = Math.max(Math.min(leastRows, this.#most), this.#rows >> 1)
  }
}
