/**
 * Rates by key: an address, a merchant, a terminal that signs on. Token buckets on the monotonic
 * clock, filled when they are looked at. What must hold: a key never takes more than its burst at
 * once nor more than its rate over time; no more than {@link maxBuckets} keys are held, and the one
 * forgotten first is the one seen first, which then begins again with a full burst.
 */

export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

const maxBuckets = 65_536

interface Bucket {
  tokens: number
  atMs: number
}

export class TokenBuckets {
  readonly #rate: Rate
  readonly #buckets = new Map<string, Bucket>()

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** Takes one token; false when there is none. */
  take(key: string, nowMs: number): boolean {
    const { burst, perSecond } = this.#rate
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      if (this.#buckets.size >= maxBuckets) this.#forgetFirst()
      bucket = { tokens: burst, atMs: nowMs }
      this.#buckets.set(key, bucket)
    }
    bucket.tokens = Math.min(burst, bucket.tokens + (nowMs - bucket.atMs) * perSecond / 1000)
    bucket.atMs = nowMs
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }

  get size(): number {
    return this.#buckets.size
  }

  #forgetFirst(): void {
    for (const key of this.#buckets.keys()) {
      this.#buckets.delete(key)
      return
    }
  }
}
