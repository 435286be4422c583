/**
 * A chain's pace, as stories: what goes out when, what stands in the journal meanwhile, and what
 * operators are told. That a doubt ends in one chain is the whole life's (`test/upstream`).
 */

import { Layer } from "effect"
import { describe, expect, it } from "vitest"
import { Timers } from "../../src/actor/timers.ts"
import { advicesLayer } from "../../src/advice/advices.ts"
import type { AdviceRecord } from "../../src/domain/advice.ts"
import type { Stan, TransactionId } from "../../src/domain/brand.ts"
import type { AdviceConfig } from "../../src/domain/config.ts"
import { type AdviceEnd, Advices } from "../../src/domain/ports/advices.ts"
import { Journal } from "../../src/domain/ports/journal.ts"
import { Random } from "../../src/domain/ports/time.ts"
import { type AdviceSend, type Ending, Upstreams } from "../../src/domain/ports/upstream.ts"
import { Vault } from "../../src/domain/ports/vault.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { built } from "../actor/built.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { FakeJournal, FakeUpstreams } from "../transaction/stage.ts"

const pace: AdviceConfig = {
  firstMs: 1000,
  maxMs: 6000,
  timeoutMs: 500,
  alertAfterAttempts: 3,
  expireAfterMs: 60_000
}

const id = (name: string) => name as TransactionId

interface Sent {
  readonly atMs: number
  readonly advice: AdviceSend
  readonly end: (ending: Ending) => void
}

const answered = (response: string): Ending => ({
  _tag: "answered",
  answer: { approved: response === "00", response, response1987: response }
})

/** One lane named `bank`, whose upstream takes what the test lets it take. */
class Rig {
  readonly time = new ManualTime()
  readonly journal = new FakeJournal()
  readonly sent: Array<Sent> = []
  readonly told: Array<string> = []
  readonly ends: Array<AdviceEnd> = []
  readonly over: Array<string> = []
  readonly advices
  readonly #start = this.time.now
  /** There is a place for an advice. */
  free = true
  up: (upstream: string) => void = () => {}

  constructor(random = 1) {
    const { shape } = new FakeUpstreams()
    const upstreams = Upstreams.of({
      ...shape,
      adviceStan: (upstream) => (upstream === "bank" ? "000700" : "000000") as Stan,
      adviceOver: (upstream, stan) => void this.over.push(`${upstream} ${stan}`),
      onUp: (listener) => this.up = listener,
      advise: (_upstream, advice, _timeoutMs, end) => {
        if (!this.free) return false
        this.sent.push({ atMs: this.time.now - this.#start, advice, end })
        return true
      }
    })
    this.advices = built(
      advicesLayer({
        lanes: new Map([["bank", pace], ["other", pace]]),
        meter: {
          sent: (upstream, repeat) =>
            void this.told.push(`${upstream} ${repeat ? "again" : "once"}`),
          ended: (upstream, state) => void this.told.push(`${upstream} ${state}`),
          alert: ({ attempts }) => void this.told.push(`alert at ${attempts}`)
        }
      }).pipe(
        Layer.provide([
          Timers.layer,
          Layer.succeed(Journal, Journal.of(this.journal)),
          Layer.succeed(Upstreams, upstreams),
          Layer.succeed(Random, Random.of({ next: () => random, bytes: (n) => new Uint8Array(n) })),
          Layer.succeed(
            Vault,
            Vault.of({
              seal: (clear) => Uint8Array.from(clear),
              open: (sealed) => sealed,
              digest: (text) => text
            })
          )
        ]),
        Layer.provide(this.time.layer)
      )
    ).get(Advices)
    this.advices.onEnd((end) => this.ends.push(end))
  }

  /** A chain for a transaction that the journal has. */
  open(name = "t1", change: Partial<AdviceRecord> = {}, record: Partial<TransactionRecord> = {}) {
    const value = { id: id(name), ...record } as TransactionRecord
    this.journal.note([{ table: "transactions", key: name, value }], [])
    const advice = this.advices.open(id(name), "bank", "upstream-timeout", "reversal")
    this.advices.start({ ...advice, ...change })
  }

  /** How the last one that was sent ends. */
  end(ending: Ending): void {
    this.sent.at(-1)!.end(ending)
  }

  get row(): AdviceRecord | undefined {
    return this.journal.get("advices", "t1")
  }
}

describe("a chain", () => {
  it("begins with all that whoever opened it knows, under a number of its upstream", () => {
    const rig = new Rig()
    expect(rig.advices.open(id("t1"), "bank", "link-lost", "wallet-undo")).toStrictEqual({
      transaction: "t1",
      kind: "wallet-undo",
      upstream: "bank",
      reason: "link-lost",
      stan: "000700",
      attempts: 0,
      createdMs: rig.time.wall,
      nextMs: rig.time.wall,
      state: "pending"
    })
  })

  it("goes out at once, and says what it reverses", () => {
    const rig = new Rig()
    rig.open()
    expect(rig.sent).toMatchObject([{
      atMs: 0,
      advice: { record: { id: "t1" }, facts: {}, reason: "98", attempt: 0, stan: "000700" }
    }])
    expect(rig.sent[0]!.advice).not.toHaveProperty("original")
    expect(rig.row).toMatchObject({ attempts: 1, state: "pending" })
    expect(rig.told).toEqual(["bank once"])
    expect([...rig.advices.pending()]).toEqual([["bank", 1], ["other", 0]])
    expect(rig.advices.stanOf(id("t1"))).toBe("000700")
    expect(rig.advices.stanOf(id("t2"))).toBeUndefined()
  })

  it("of a follow-on names what that followed", () => {
    const rig = new Rig()
    const original = { id: id("sale") } as TransactionRecord
    rig.journal.note([{ table: "transactions", key: "sale", value: original }], [])
    rig.open("t1", {}, { original: id("sale") })
    expect(rig.sent[0]!.advice.original).toBe(original)
  })

  it.each(
    [
      ["upstream-timeout", "98"],
      ["link-lost", "98"],
      ["restarted", "98"],
      ["terminal-reversal", "98"],
      ["undeliverable", "96"],
      ["answer-invalid", "06"],
      ["operator", "06"],
      ["overloaded", "06"]
    ] as const
  )("for %s says %s", (reason, code) => {
    const rig = new Rig()
    rig.open("t1", { reason })
    expect(rig.sent[0]!.advice.reason).toBe(code)
  })

  it("that is acknowledged is over: its number is free, and nothing goes out any more", () => {
    const rig = new Rig()
    rig.open()
    rig.end(answered("00"))
    expect(rig.ends).toMatchObject([{
      record: { state: "acknowledged", attempts: 1, lastResponse: "00" }
    }])
    expect(rig.ends[0]).not.toHaveProperty("exception")
    expect(rig.over).toEqual(["bank 000700"])
    expect(rig.told).toEqual(["bank once", "bank acknowledged"])
    expect(rig.advices.pending().get("bank")).toBe(0)
    rig.time.pass(20_000, 100)
    expect(rig.sent).toHaveLength(1)
  })

  it.each([["00", false], ["94", false], ["12", true], ["25", true]])(
    "that is acknowledged with %s ends with an original that the upstream does not know: %s",
    (code, unknown) => {
      const rig = new Rig()
      rig.open()
      rig.end({
        _tag: "answered",
        answer: { approved: true, response: code, response1987: code }
      })
      expect(rig.ends).toMatchObject([{ record: { state: "acknowledged" }, unknown }])
    }
  )

  it("is one, however often it is started", () => {
    const rig = new Rig()
    rig.open()
    rig.open()
    expect([rig.sent.length, rig.advices.pending().get("bank")]).toEqual([1, 1])
  })

  it("gets its number when its upstream is configured again", () => {
    const rig = new Rig()
    rig.open("t1", { stan: "000000" as Stan })
    rig.open("t2", { stan: "000123" as Stan })
    expect(rig.sent.map(({ advice }) => advice.stan)).toEqual(["000700", "000123"])
  })

  it("to an upstream that is not configured is a human's at once", () => {
    const rig = new Rig()
    const advice = rig.advices.open(id("t1"), "gone", "link-lost", "reversal")
    rig.advices.start(advice)
    expect(rig.ends).toStrictEqual([{
      record: { ...advice, state: "exhausted" },
      exception: {
        id: "t1:upstream-removed",
        transaction: "t1",
        reason: "upstream-removed",
        detail: "reversal to gone, which is not configured",
        atMs: rig.time.wall
      }
    }])
  })

  it("whose original nobody has is a human's, and is not sent", () => {
    const rig = new Rig()
    rig.advices.start(rig.advices.open(id("t1"), "bank", "link-lost", "reversal"))
    expect(rig.sent).toEqual([])
    expect(rig.ends).toMatchObject([{
      exception: { detail: "reversal to bank: the original is not in the journal" }
    }])
  })
})

describe("a chain's pace", () => {
  /** Every attempt ends at once, with nothing said. */
  function hopeless(random: number): Rig {
    const rig = new Rig(random)
    rig.open()
    rig.end({ _tag: "timed-out" })
    for (let count = 1; count < 6; count++) {
      const before = rig.sent.length
      for (let ms = 0; ms < 10_000 && rig.sent.length === before; ms += 10) rig.time.pass(10)
      rig.end({ _tag: "timed-out" })
    }
    return rig
  }

  const gaps = (rig: Rig) =>
    rig.sent.slice(1).map(({ atMs }, index) => atMs - rig.sent[index]!.atMs)

  it("doubles up to its longest", () => {
    const near = gaps(hopeless(1)).map((ms) => Math.round(ms / 100) * 100)
    expect(near).toEqual([1000, 2000, 4000, 6000, 6000])
  })

  it("is up to a quarter shorter, by chance, so that chains do not march in step", () => {
    const near = gaps(hopeless(0)).map((ms) => Math.round(ms / 100) * 100)
    expect(near).toEqual([800, 1500, 3000, 4500, 4500])
  })

  it("is that of repeats from the second on; people hear of it once, when it drags on", () => {
    const rig = hopeless(1)
    expect(rig.sent.map(({ advice }) => advice.attempt)).toEqual([0, 1, 2, 3, 4, 5])
    expect(rig.told).toEqual([
      "bank once",
      "bank again",
      "bank again",
      "alert at 3",
      "bank again",
      "bank again",
      "bank again"
    ])
    expect(rig.row?.attempts).toBe(6)
  })

  it("counts no attempt that never left", () => {
    const rig = new Rig()
    rig.open()
    rig.end({ _tag: "unwritten" })
    rig.time.pass(1100)
    expect(rig.sent.map(({ advice }) => advice.attempt)).toEqual([0, 0])
    rig.end({ _tag: "lost" })
    rig.time.pass(1100)
    expect(rig.sent.map(({ advice }) => advice.attempt)).toEqual([0, 0, 1])
  })

  it("goes on after a restart when its next attempt is due, but never later than its longest", () => {
    const rig = new Rig()
    rig.open("t1", { attempts: 2, nextMs: rig.time.wall + 3000 })
    rig.open("t2", { attempts: 2, nextMs: rig.time.wall + 86_400_000 })
    rig.time.pass(2900)
    expect(rig.sent).toEqual([])
    rig.time.pass(200)
    expect(rig.sent.map(({ advice }) => advice.record.id)).toEqual(["t1"])
    rig.time.pass(3100)
    expect(rig.sent.map(({ advice }) => advice.record.id)).toEqual(["t1", "t2"])
  })

  it("writes down when it goes on", () => {
    const rig = new Rig()
    rig.open()
    rig.end(answered("96"))
    const due = rig.time.wall + 1000
    rig.time.pass(1100)
    expect(rig.row).toMatchObject({ attempts: 2, lastResponse: "96", nextMs: due })
  })
})

describe("a chain that is given up", () => {
  it.each<[string, Ending, string]>([
    ["what the upstream said last", answered("96"), "96"],
    ["that it said nothing", { _tag: "timed-out" }, "no answer"],
    [
      "what was wrong with it",
      { _tag: "invalid", detail: "no frame takes it" },
      "no frame takes it"
    ]
  ])("tells people %s", (_, ending, last) => {
    const rig = new Rig()
    rig.open("t1", { attempts: 1, createdMs: rig.time.wall - 59_500 })
    rig.end(ending)
    rig.time.pass(3000)
    expect(rig.sent).toHaveLength(1)
    expect(rig.ends).toMatchObject([{
      record: { state: "exhausted", attempts: 2 },
      exception: {
        id: "t1:advice-exhausted",
        transaction: "t1",
        reason: "advice-exhausted",
        detail: `reversal to bank: no acknowledgement after 2 attempts, the last: ${last}`
      }
    }])
    expect(rig.told).toEqual(["bank again", "bank exhausted"])
    expect(rig.over).toEqual(["bank 000700"])
  })

  it("was answered in an earlier run: that is not forgotten", () => {
    const rig = new Rig()
    rig.open("t1", { attempts: 4, lastResponse: "30", createdMs: rig.time.wall - 60_001 })
    expect(rig.sent).toEqual([])
    expect(rig.ends[0]?.exception?.detail).toMatch(/the last: 30$/)
  })

  it("is as old as it is, whatever a wall clock says that was set back behind its birth", () => {
    const rig = new Rig()
    rig.open("t1", { createdMs: rig.time.wall + 3_600_000 })
    for (let second = 0; second < 70 && rig.ends.length === 0; second++) {
      rig.end({ _tag: "timed-out" })
      rig.time.pass(7000, 100)
    }
    expect(rig.ends).toMatchObject([{ record: { state: "exhausted" } }])
    expect(rig.sent.at(-1)!.atMs).toBeLessThan(60_000)
  })
})

describe("chains without a place", () => {
  it("wait, and try again shortly, the oldest first", () => {
    const rig = new Rig()
    rig.free = false
    for (const name of ["t1", "t2", "t3"]) rig.open(name)
    rig.time.pass(1000)
    expect([rig.sent, rig.row, rig.told]).toEqual([[], undefined, []])
    rig.free = true
    rig.time.pass(250)
    expect(rig.sent.map(({ advice }) => [advice.record.id, advice.attempt])).toEqual([
      ["t1", 0],
      ["t2", 0],
      ["t3", 0]
    ])
    rig.time.pass(1000)
    expect(rig.sent).toHaveLength(3)
  })

  it("go out at once when their upstream is up, and when another leaves its place", () => {
    const rig = new Rig()
    rig.free = false
    rig.open("t1")
    rig.free = true
    rig.up("other")
    expect(rig.sent).toEqual([])
    rig.up("bank")
    expect(rig.sent).toHaveLength(1)
    for (const ending of [answered("00"), answered("96")]) {
      rig.free = false
      rig.open(`t${rig.sent.length + 1}`)
      rig.free = true
      const before = rig.sent.length
      rig.end(ending)
      expect(rig.sent).toHaveLength(before + 1)
    }
  })
})
