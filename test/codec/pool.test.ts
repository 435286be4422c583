/** The pool and the in-place codec give the same results; order, bounds and keys hold in both. */

import * as fc from "fast-check"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import type { DecodeJob } from "../../src/codec/job.ts"
import { PoolWorker } from "../../src/codec/pool-worker.ts"
import { inPlaceJobs } from "../../src/codec/pool.ts"
import type { KeyHandle } from "../../src/domain/brand.ts"
import type { Decoded, MacVerdict } from "../../src/domain/ports/codec.ts"
import { testModule } from "./keys.ts"
import {
  ascii,
  cup,
  decodeAll,
  keyC,
  keys,
  saleC,
  saleOf,
  type Station,
  station,
  told
} from "./station.ts"

const open: Array<Station> = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function opened(...args: Parameters<typeof station>): Promise<Station> {
  const made = await station(...args)
  open.push(made)
  return made
}

function times<T>(count: number, make: (index: number) => T): Array<T> {
  return Array.from({ length: count }, (_, index) => make(index))
}

function verify(at: Station, body: Buffer, key: KeyHandle): Promise<MacVerdict> {
  const message = cup.read(body)
  if (!("mti" in message)) throw new Error(message.path)
  return new Promise((resolve) => at.codec.verify(at.codec.lane(), message, key, resolve))
}

function seal(at: Station, body: Uint8Array, key: KeyHandle): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => at.codec.seal(at.codec.lane(), cup, body, key, resolve))
}

/** Work for one turn, so that it goes through the pool. */
const enough = inPlaceJobs + 1

describe.each([["in place", 0], ["with two workers", 2]])("a codec %s", (_, workers) => {
  let shared: Station
  beforeAll(async () => {
    shared = await station({ workers })
  })
  afterAll(() => shared.close())

  it("decodes, and says what the MAC is worth", async () => {
    const wrong = saleC()
    wrong[wrong.length - 1]! ^= 1
    const cases: ReadonlyArray<readonly [Buffer, KeyHandle | undefined, string]> = [
      [saleC(), keyC, "right"],
      [saleC(), undefined, "unchecked"],
      [saleC(), 1 as KeyHandle, "wrong"],
      [wrong, keyC, "wrong"],
      [saleC(), 3 as KeyHandle, "unchecked"],
      [saleC(), 99 as KeyHandle, "unchecked"]
    ]
    const frames = cases.map(([body, key]) => [cup, body, key] as const)
    const results = await decodeAll(shared, frames)
    expect(results.map((each) => each.split(" ")[0])).toEqual(
      cases.map(([, , verdict]) => verdict)
    )
  })

  it("names what is no message", async () => {
    const cut = saleC().subarray(0, 30)
    const unknown = saleC()
    unknown[0] = 0x99
    const results = await decodeAll(
      shared,
      times(4, () => [[cup, cut, keyC], [cup, unknown, keyC]] as const).flat()
    )
    expect(results[0]).toMatch(/^fault .*message-format/)
    expect(results[1]).toMatch(/^fault .*mti-unknown/)
  })

  it("verifies afterwards and seals", async () => {
    const verdicts = await Promise.all(
      times(enough, (index) => verify(shared, saleC(), index % 2 === 0 ? keyC : 1 as KeyHandle))
    )
    expect(verdicts.slice(0, 2)).toEqual(["right", "wrong"])
    const bodies = times(enough, () => {
      const body = saleC()
      body.fill(0, body.length - 8)
      return body
    })
    const sealed = await Promise.all(bodies.map((body) => seal(shared, body, keyC)))
    for (const [index, body] of sealed.entries()) {
      expect(body).toBe(bodies[index])
      expect(Buffer.from(body ?? [])).toEqual(saleC())
    }
    expect(await seal(shared, saleC(), 99 as KeyHandle)).toBeUndefined()
    expect(await seal(shared, new Uint8Array(3), keyC)).toBeUndefined()
  })

  it("hands out nothing of a lane that was closed", async () => {
    const lane = shared.codec.lane()
    lane.close()
    const heard: Array<Decoded> = []
    for (let count = 0; count < enough; count++) {
      shared.codec.decode(lane, cup, saleC(), keyC, (result) => heard.push(result))
    }
    await decodeAll(shared, times(enough, () => [cup, saleC(), keyC] as const))
    expect(heard).toEqual([])
    expect(lane.pending()).toBe(0)
  })

  it("asks a module that keeps its keys", async () => {
    const module = testModule(keys, new Set([1, 2, 3]))
    const at = await opened({ workers }, module)
    const frames = times(enough, (index) => [cup, saleC(), index % 2 === 0 ? keyC : 1] as const)
    const results = await decodeAll(
      at,
      frames.map(([d, b, k]) => [d, b, k as KeyHandle] as const)
    )
    expect(results.map((each) => each.split(" ")[0])).toEqual(
      times(enough, (index) => index % 2 === 0 ? "right" : "wrong")
    )
    expect(await verify(at, saleC(), keyC)).toBe("right")
    const body = saleC()
    body.fill(0, body.length - 8)
    expect(Buffer.from(await seal(at, body, keyC) ?? [])).toEqual(saleC())
    expect(module.exports).toEqual([])
  })

  it("keeps a lane's order while its module is slow", async () => {
    const module = testModule(keys, new Set([2]))
    const at = await opened({ workers }, module)
    module.slow = true
    const lane = at.codec.lane()
    const order: Array<string> = []
    const all = new Promise<void>((resolve) => {
      const heard = (name: string) => () => {
        if (order.push(name) === 3) resolve()
      }
      at.codec.decode(lane, cup, saleC(), keyC, heard("first"))
      at.codec.decode(lane, cup, saleC(), undefined, heard("second"))
      at.codec.decode(lane, cup, saleC(), undefined, heard("third"))
    })
    await decodeAll(at, times(enough, () => [cup, saleC(), undefined] as const))
    while (module.waiting.length === 0) await new Promise(setImmediate)
    expect([order, lane.pending()]).toEqual([[], 3])
    for (const answer of module.waiting) answer()
    await all
    expect([order, lane.pending()]).toEqual([["first", "second", "third"], 0])
  })
})

describe("the pool", () => {
  let pool: Station
  beforeAll(async () => {
    pool = await station({ workers: 2 })
  })
  afterAll(() => pool.close())
  it("gives what the in-place codec gives, for any input and any batching", async () => {
    const here = await opened({ workers: 0 })
    const valid = fc.constantFrom(saleC(), saleOf("A"), saleOf("B"), Buffer.from("0800"))
    const mutated = fc.tuple(valid, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }))
      .map(
        ([body, changes]) => {
          const copy = Buffer.from(body)
          for (const [at, byte] of changes) copy[at % copy.length] = byte
          return copy
        }
      )
    const cut = fc.tuple(valid, fc.nat()).map(([body, end]) => body.subarray(0, end % body.length))
    const body = fc.oneof(valid, mutated, cut, fc.uint8Array({ maxLength: 200 }))
    const frame = fc.tuple(
      fc.constantFrom(cup, ascii),
      body,
      fc.constantFrom(undefined, 1 as KeyHandle, keyC, 3 as KeyHandle, 9 as KeyHandle)
    )
    const turns = fc.array(fc.array(frame, { minLength: 3, maxLength: 90, size: "max" }), {
      maxLength: 4
    })
    await fc.assert(
      fc.asyncProperty(turns, async (batches) => {
        const [one, other] = [here.codec.lane(), pool.codec.lane()]
        // All turns are given at once: later ones wait while the workers are busy.
        const results = await Promise.all(batches.map(async (frames) => {
          const expected = await decodeAll(here, frames, one)
          return [expected, await decodeAll(pool, frames, other)] as const
        }))
        for (const [expected, got] of results) expect(got).toEqual(expected)
      }),
      { numRuns: 25, seed: 21 }
    )
    expect(pool.counts.pool).toBeGreaterThan(1000)
    expect([pool.counts.died, pool.counts.hung, pool.counts.defects]).toEqual([0, 0, 0])
  })

  it("keeps the order of each lane over many batches and workers", async () => {
    const before = pool.counts.pool
    const lanes = times(7, () => pool.codec.lane())
    const heard = lanes.map((): Array<number> => [])
    let left = 700
    await new Promise<void>((resolve) => {
      for (let index = 0; index < 700; index++) {
        const lane = index % 7
        pool.codec.decode(
          lanes[lane]!,
          cup,
          index % 3 === 0 ? Buffer.alloc(5) : saleC(),
          keyC,
          () => {
            heard[lane]?.push(index)
            if (--left === 0) resolve()
          }
        )
      }
    })
    for (const each of heard) expect(each).toEqual(each.toSorted((a, b) => a - b))
    expect(pool.counts.pool - before).toBe(700)
  })

  it("does a few small ones in place, and never past a lane's own in the pool", async () => {
    const at = await opened()
    const lane = at.codec.lane()
    await decodeAll(at, [[cup, saleC(), keyC]], lane)
    await decodeAll(at, times(inPlaceJobs, () => [cup, saleC(), keyC] as const), lane)
    const here = inPlaceJobs + 1
    expect([at.counts.here, at.counts.pool]).toEqual([here, 0])
    const order: Array<string> = []
    const first = decodeAll(at, times(enough, () => [cup, saleC(), keyC] as const), lane)
    await new Promise(setImmediate)
    expect(lane.pending()).toBe(enough)
    const second = decodeAll(at, [[cup, saleC(), keyC]], lane)
    await new Promise(setImmediate)
    expect(at.counts.here).toBe(here)
    await Promise.all([
      first.then(() => order.push("first")),
      second.then(() => order.push("second"))
    ])
    expect(order).toEqual(["first", "second"])
    const { here: inPlace, pool: inPool } = at.counts
    expect(inPlace + inPool).toBe(here + enough + 1)
    await decodeAll(at, [[cup, Buffer.alloc(2000), keyC]])
    expect(at.counts).toMatchObject({ here: inPlace, pool: inPool + 1 })
  })

  it("declines what is above its bound, and says when there is room again", async () => {
    const at = await opened({ queueFrames: 100 })
    const lane = at.codec.lane()
    let done = 0
    let taken = 0
    while (taken < 200 && at.codec.decode(lane, cup, saleC(), keyC, () => done++)) taken++
    expect([taken, at.codec.congested()]).toEqual([100, true])
    await new Promise<void>((resolve) => at.codec.onRelief(resolve))
    expect(at.codec.congested()).toBe(false)
    expect(done).toBeGreaterThanOrEqual(50)
    await decodeAll(at, [[cup, saleC(), keyC]], lane)
    expect([done, lane.pending()]).toEqual([100, 0])
  })

  it("gives each key to each thread once", async () => {
    const before = pool.module.exports.length
    for (let round = 0; round < 10; round++) {
      await decodeAll(pool, times(200, () => [cup, saleC(), keyC] as const))
    }
    const given = pool.module.exports.slice(before)
    expect(given.filter((key) => key === keyC).length).toBeLessThanOrEqual(3)
  })

  it("lets no thread keep a key that was released, and keeps no copy of one that went over", async () => {
    const workerFile = new URL("./telling-worker.ts", import.meta.url)
    const channel = new BroadcastChannel("pointsman-telling-worker")
    const at = await opened({ workerFile })
    const forgotten = new Promise<unknown>((resolve) => {
      channel.addEventListener("message", ({ data }) => {
        const { drops } = data as { drops: ReadonlyArray<KeyHandle> }
        if (drops.length > 0) resolve(drops)
      })
    })
    await decodeAll(at, times(enough, () => [cup, saleC(), keyC] as const))
    expect(at.module.copies).toEqual([new Uint8Array(keys[1]!.length)])
    // Nothing more is to be done, and still the thread hears of it.
    at.module.release(keyC)
    expect(await forgotten).toEqual([keyC])
    channel.close()
    expect(at.counts.pool).toBe(enough)
    const again = await decodeAll(at, times(enough, () => [cup, saleC(), keyC] as const))
    expect(again[0]).toMatch(/^right/)
    expect(at.module.exports).toEqual([keyC, keyC])
  })

  it("gives results that outlive their batch", async () => {
    const kept: Array<Decoded> = []
    await new Promise<void>((resolve) => {
      for (let count = 0; count < enough; count++) {
        pool.codec.decode(pool.codec.lane(), cup, saleC(), keyC, (result) => {
          if (kept.push(result) === enough) resolve()
        })
      }
    })
    await decodeAll(pool, times(200, () => [cup, Buffer.alloc(80, 0xff), keyC] as const))
    expect(new Set(kept.map(told)).size).toBe(1)
    const [first] = kept
    expect(first?._tag === "message" ? first.message.role("terminal") : "").toBe("65465423")
  })

  it("closes cleanly with work under way", async () => {
    const at = await station()
    void decodeAll(at, times(300, () => [cup, saleC(), keyC] as const))
    await new Promise(setImmediate)
    await at.close()
  })
})

describe("a worker", () => {
  const workerFile = new URL("./poison-worker.ts", import.meta.url)

  it("that hangs does not keep the pool from closing", async () => {
    const at = await station({ workerFile, hungMs: 60_000 })
    void decodeAll(at, times(3, () => [cup, saleOf("SPINNING"), keyC] as const))
    await new Promise(setImmediate)
    await at.close()
  })

  it("that cannot start fails the layer", async () => {
    const none = new URL("./no-such-worker.ts", import.meta.url)
    await expect(station({ workerFile: none, workers: 2 })).rejects.toThrow()
  })

  it("that throws on one message gives the others", async () => {
    const at = await opened({ workerFile })
    const frames = [...times(5, () => saleC()), saleOf("THROWING"), ...times(5, () => saleC())]
    const results = await decodeAll(at, frames.map((body) => [cup, body, keyC] as const))
    expect(results.map((each) => each.split(" ")[0])).toEqual(
      [...times(5, () => "right"), "failed", ...times(5, () => "right")]
    )
    expect(results[5]).toBe("failed codec-defect")
    expect([at.counts.died, at.counts.defects]).toEqual([0, 1])
  })

  it.each([["EXITING_", "died"], ["SPINNING", "hung"]] as const)(
    "that a message ends (%s) is replaced, and only that message is refused",
    async (terminal, how) => {
      const at = await opened({ workerFile, workers: 2, hungMs: how === "hung" ? 300 : 60_000 })
      const lane = at.codec.lane()
      const poison = decodeAll(
        at,
        [...times(6, () => saleC()), saleOf(terminal), ...times(6, () => saleC())]
          .map((body) => [cup, body, keyC] as const),
        lane
      )
      const innocent = decodeAll(at, times(300, () => [cup, saleC(), keyC] as const))
      const results = (await poison).map((each) => each.split(" ")[0])
      expect(results).toEqual([...times(6, () => "right"), "failed", ...times(6, () => "right")])
      expect(new Set((await innocent).map((each) => each.split(" ")[0]))).toEqual(
        new Set(["right"])
      )
      expect(at.counts.defects).toBe(1)
      expect([at.counts[how], at.counts.died + at.counts.hung]).toEqual([2, 2])
      // Whoever came instead works.
      const after = await decodeAll(at, times(50, () => [cup, saleC(), keyC] as const))
      expect(after.every((each) => each.startsWith("right"))).toBe(true)
    }
  )

  it("that is the only one heals too", async () => {
    const at = await opened({ workerFile, workers: 1 })
    const sales = times(inPlaceJobs, saleC)
    const frames = [saleC(), saleOf("EXITING_"), saleC(), saleOf("EXITING_"), ...sales]
    const results = await decodeAll(at, frames.map((body) => [cup, body, keyC] as const))
    expect(results.map((each) => each.split(" ")[0])).toEqual(
      ["right", "failed", "right", "failed", ...sales.map(() => "right")]
    )
    expect(at.counts.died).toBe(3)
    // Of the keys that went over to those that died, no copy is left here.
    expect(at.module.copies.length).toBeGreaterThanOrEqual(3)
    for (const copy of at.module.copies) expect(copy).toEqual(new Uint8Array(copy.length))
  })

  it("that ended and cannot be replaced is tried for again until one stands", async () => {
    const gate = join(mkdtempSync(join(tmpdir(), "pointsman-pool-")), "shut")
    const gated = new URL(`./gated-worker.ts?${encodeURIComponent(gate)}`, import.meta.url)
    const at = await opened({ workerFile: gated, workers: 1 })
    writeFileSync(gate, "")
    const frames = [saleOf("EXITING_"), ...times(inPlaceJobs, saleC)]
    const results = decodeAll(at, frames.map((body) => [cup, body, keyC] as const))
    while (at.counts.died < 2) await new Promise(setImmediate)
    rmSync(dirname(gate), { recursive: true })
    expect((await results).map((each) => each.split(" ")[0])).toEqual(
      ["failed", ...times(inPlaceJobs, () => "right")]
    )
    expect(at.counts.defects).toBe(1)
  })
})

describe("the time that a batch may take", () => {
  const workerFile = new URL("./poison-worker.ts", import.meta.url)

  /** A worker with a clock of its own, and what became of it. */
  async function watched() {
    const clock = { nowMs: 0 }
    const heard: Array<string> = []
    const worker = new PoolWorker({
      file: workerFile,
      module: testModule(keys),
      accounts: () => undefined,
      nowMs: () => clock.nowMs,
      returned: () => heard.push("returned"),
      failed: (_worker, why, batches) => heard.push(`${why} with ${batches.length}`)
    })
    await worker.start()
    return { clock, heard, worker }
  }

  const job = (bytes: Uint8Array): DecodeJob => ({
    op: "decode",
    dialect: cup,
    bytes,
    key: undefined,
    done: () => {},
    lane: undefined,
    next: undefined,
    settled: false,
    result: undefined,
    strikes: 0
  })

  it("is over at the second look, and what ended is told once with all that it had", async () => {
    const { clock, heard, worker } = await watched()
    expect(worker.hangs(1000, 300)).toBe(false)
    worker.send([job(saleC())])
    while (heard.length === 0) await new Promise(setImmediate)
    clock.nowMs = 5000
    worker.send([job(saleOf("SPINNING"))])
    expect([worker.free, worker.inFlight]).toEqual([true, 1])
    worker.send([job(saleC())])
    expect([worker.free, worker.inFlight]).toEqual([false, 2])
    const looks = [5299, 5299, 5300, 5301].map((nowMs) => worker.hangs(nowMs, 300))
    expect(looks).toEqual([false, false, false, true])
    worker.fail("hung")
    worker.fail("died")
    expect(heard).toEqual(["returned", "hung with 2"])
    expect([worker.free, worker.inFlight]).toEqual([false, 0])
    await worker.close()
  })
})
