/**
 * What is to be looked at and when, without a timer for each: keys in buckets of some seconds. Each
 * key is handed out once for each time that it was put, after its moment and never before it.
 */

const bucketMs = 5_000

export class Agenda {
  readonly #buckets = new Map<number, Array<string>>()

  /** `atMs` on the wall clock. */
  put(key: string, atMs: number): void {
    const bucket = Math.ceil(atMs / bucketMs)
    const keys = this.#buckets.get(bucket)
    if (keys === undefined) this.#buckets.set(bucket, [key])
    else keys.push(key)
  }

  /** Up to `limit` keys whose moment has come, in no order. */
  due(nowMs: number, limit: number): Array<string> {
    const last = Math.floor(nowMs / bucketMs)
    const due: Array<string> = []
    for (const [bucket, keys] of this.#buckets) {
      if (bucket > last) continue
      while (keys.length > 0 && due.length < limit) due.push(keys.pop()!)
      if (keys.length > 0) break
      this.#buckets.delete(bucket)
    }
    return due
  }
}
