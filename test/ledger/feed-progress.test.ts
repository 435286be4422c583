/** What the journal is told, and how batches grow and shrink. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { BatchSize, FeedProgress } from "../../src/ledger/feed-progress.ts"

describe("the feed's progress", () => {
  it("calls written only what has no gap before it, in any order of endings", () => {
    fc.assert(fc.property(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }).chain((lengths) =>
        fc.tuple(fc.constant(lengths), fc.shuffledSubarray(lengths.map((_, index) => index)))
      ),
      ([lengths, order]) => {
        const progress = new FeedProgress()
        const ends: Array<number> = []
        for (const length of lengths) {
          progress.take(progress.cursor + length)
          ends.push(progress.cursor)
        }
        const done = new Set<number>()
        let told = 0
        for (const index of order) {
          done.add(index)
          told = progress.written(ends[index]!) ?? told
          let whole = 0
          while (done.has(whole)) whole++
          expect(told).toBe(whole === 0 ? 0 : ends[whole - 1])
          expect(progress.inFlight).toBe(lengths.length - done.size)
        }
      }
    ))
  })
})

describe("the size of a batch", () => {
  it("halves in trouble down to a floor, and grows back while writing is quick", () => {
    const size = new BatchSize(500)
    size.trouble()
    expect(size.rows).toBe(250)
    for (let n = 0; n < 9; n++) size.written(5000)
    expect(size.rows).toBe(50)
    size.written(500)
    expect(size.rows).toBe(50)
    for (let n = 0; n < 20; n++) size.written(10)
    expect(size.rows).toBe(500)
  })
})
