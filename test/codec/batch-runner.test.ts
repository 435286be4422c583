/**
 * What a thread does with a batch, seen from beside it: what is left of the batch, of its keys and
 * of an item that cannot be done. That its results are those of the station is the pool's story.
 */

import { describe, expect, it } from "vitest"
import { BatchRunner } from "../../src/codec/batch-runner.ts"
import { type BatchTask, ends, ResultReader, writeBatch } from "../../src/codec/batch.ts"
import type { Job } from "../../src/codec/job.ts"
import { verdicts } from "../../src/codec/mac-check.ts"
import type { KeyHandle } from "../../src/domain/brand.ts"
import type { MacVerdict, NotificationVerdict } from "../../src/domain/ports/codec.ts"
import type { Message } from "../../src/iso8583/message.ts"
import { cup, keyC, keys, saleC } from "./station.ts"

const waiting = {
  lane: undefined,
  next: undefined,
  settled: false,
  result: undefined,
  strikes: 0,
  done: () => {}
} as const

const decode = (bytes: Uint8Array, key: KeyHandle | undefined): Job => ({
  op: "decode",
  dialect: cup,
  bytes,
  key,
  ...waiting
})

const verify = (bytes: Uint8Array): Job => ({
  op: "verify",
  dialect: cup,
  bytes,
  key: keyC,
  message: cup.read(bytes) as Message,
  ...waiting
})

const seal = (bytes: Uint8Array): Job => ({
  op: "seal",
  dialect: cup,
  bytes,
  key: keyC,
  ...waiting
})

const notice = (account: string): Job => ({
  op: "notice",
  notice: { account, headers: new Map(), body: Buffer.from("{}"), nowMs: 1 },
  ...waiting
})

const unsealed = () => {
  const body = saleC()
  body.fill(0, body.length - 8)
  return body
}

const nothing: Omit<BatchTask, "batch"> = { dialects: [], keys: [], drops: [], accounts: [] }

/** A thread that knows the dialect and the key of vector C, and finds a defect in one message. */
class Thread {
  readonly key = Uint8Array.from(keys[1]!)
  task: BatchTask | undefined
  readonly #runner = new BatchRunner(() => ({
    mac: cup.mac,
    view: (bytes, index) => cup.view(bytes, index),
    index: (bytes, start, end, out) => {
      if (bytes[0] === 0xdd) throw new Error("a defect")
      return cup.index(bytes, start, end, out)
    }
  }), (length) => new Uint8Array(length))

  constructor() {
    const dialects = [{ number: cup.number, source: "cup" }]
    this.run([], { dialects, keys: [{ handle: keyC, key: this.key }] })
  }

  run(jobs: ReadonlyArray<Job>, lessons: Partial<BatchTask> = {}): ResultReader {
    const batch = jobs.length === 0 ? new ArrayBuffer(0) : writeBatch(jobs, (key) => key)
    this.task = { ...nothing, batch, ...lessons }
    return new ResultReader(this.#runner.run(this.task))
  }

  /** What became of one `decode`: the verdict on its MAC, or why there is none. */
  decoded(reader: ResultReader): "threw" | "fault" | MacVerdict | undefined {
    const end = reader.word()
    if (end !== ends.done) return end === ends.threw ? "threw" : "fault"
    const verdict = verdicts[reader.word()]
    reader.index()
    expect(reader.atRest()).toBeUndefined()
    return verdict
  }
}

describe("a batch", () => {
  it("of every kind of work is done in its order", () => {
    const thread = new Thread()
    const results = thread.run([
      decode(saleC(), keyC),
      verify(saleC()),
      seal(unsealed()),
      notice("who")
    ])
    expect(thread.decoded(results)).toBe("right")
    expect([results.word(), verdicts[results.word()]]).toEqual([ends.done, "right"])
    expect(results.word()).toBe(ends.done)
    expect(Buffer.from(results.bytes())).toEqual(saleC().subarray(-8))
    expect(results.word()).toBe(ends.done)
    const told = JSON.parse(Buffer.from(results.bytes()).toString()) as NotificationVerdict
    expect(told).toMatchObject({ _tag: "refused", failure: "notification-forged" })
  })

  it("leaves neither messages nor keys in clear (I6)", () => {
    const thread = new Thread()
    expect(new Set(thread.key)).toEqual(new Set([0]))
    thread.run([decode(saleC(), keyC), notice("shop")])
    expect(new Set(new Uint8Array(thread.task!.batch))).toEqual(new Set([0]))
  })

  it("loses nothing but the item that cannot be done", () => {
    const thread = new Thread()
    const defect = Buffer.concat([Buffer.from([0xdd]), saleC()])
    const unknown = saleC()
    unknown[0] = 0x99
    const results = thread.run([
      decode(saleC(), keyC),
      decode(defect, keyC),
      decode(unknown, keyC),
      decode(saleC(), keyC)
    ])
    const ended = [1, 2, 3, 4].map(() => thread.decoded(results))
    expect(ended).toEqual(["right", "threw", "fault", "right"])
  })

  it("of a dialect that was never sent is thrown, and the thread goes on", () => {
    const thread = new Thread()
    const stranger = { ...decode(saleC(), keyC), dialect: { ...cup, number: 99 } } as unknown as Job
    expect(thread.decoded(thread.run([stranger]))).toBe("threw")
    expect(thread.decoded(thread.run([decode(saleC(), keyC)]))).toBe("right")
  })

  it("uses a key that goes with it, and has it no more afterwards", () => {
    const thread = new Thread()
    const told = [1, 2].map(() =>
      thread.decoded(thread.run([decode(saleC(), keyC)], { drops: [keyC] }))
    )
    expect(told).toEqual(["right", "unchecked"])
  })

  it("says what each MAC is worth: none, unchecked, right, wrong", () => {
    const thread = new Thread()
    const bad = saleC()
    bad[bad.length - 1]! ^= 1
    const bare = cup.patch(cup.read(saleC()) as Message, { mac: false }) as Uint8Array
    const told = [
      decode(bare, keyC),
      decode(saleC(), undefined),
      decode(saleC(), keyC),
      decode(bad, keyC)
    ].map((job) => thread.decoded(thread.run([job])))
    expect(told).toEqual(["absent", "unchecked", "right", "wrong"])
  })

  it("seals what a record keeps, of requests alone, unless the MAC is wrong", () => {
    const thread = new Thread()
    const vault = { data: new Map([[1, Buffer.alloc(32, 1)]]), digest: Buffer.alloc(32, 9) }
    const bad = saleC()
    bad[bad.length - 1]! ^= 1
    const asked = cup.read(saleC()) as Message
    const answer = cup.respond(asked, "00", {}, true) as Uint8Array
    const sealed = [saleC(), bad, answer].map((body, place) => {
      const jobs = [decode(body, undefined), decode(body, keyC)]
      const results = thread.run(jobs, place === 0 ? { vault } : {})
      return jobs.map(() => {
        results.word()
        results.word()
        results.index()
        return results.atRest() !== undefined
      })
    })
    expect(sealed).toEqual([[true, true], [true, false], [false, false]])
    for (const key of [...vault.data.values(), vault.digest]) {
      expect(new Set(key)).toEqual(new Set([0]))
    }
  })
})
