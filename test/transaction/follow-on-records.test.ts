/**
 * What is written down of what refers to an earlier transaction, field by field: of a refund and of
 * the sale it takes from, of a terminal's reversal and of the chain it opens.
 */

import { describe, expect, it } from "vitest"
import type { Stan } from "../../src/domain/brand.ts"
import type { Submission } from "../../src/domain/ports/transactions.ts"
import { profile, Stage } from "./stage.ts"
import {
  asked,
  everything,
  forwarded,
  forwardedMs,
  idAt,
  noon,
  only,
  open,
  pan,
  plain,
  receivedMs,
  told
} from "./written.ts"

describe("the record of a refund, field by field", () => {
  const sold = (stage: Stage) => {
    stage.approved(stage.sale({ ...everything, localTime: "1114221320" }))
    return stage
  }
  const refund = (stage: Stage, change: Partial<Submission> = {}) =>
    stage.sale({
      kind: "refund",
      processingCode: "200000",
      stan: "000042" as Stan,
      amount: 40,
      original: { stan: "000041" },
      ...change
    })
  /** The sale, and what has been taken from it. */
  const takenFrom = (stage: Stage) => stage.records[0]!

  it("that is approved, and what it took from its sale", () => {
    const stage = sold(new Stage())
    forwarded(stage, refund(stage))
    expect(takenFrom(stage)).toMatchObject({ version: 3, taken: 40 })
    stage.answer("00")
    stage.journal.sync()
    expect(open(stage, stage.records[1]!)).toStrictEqual({
      record: {
        id: idAt(2),
        version: 2,
        state: "answered",
        kind: "refund",
        channel: "chip",
        scheme: "card",
        day: "2026-11-26",
        key: "T0000001|000001|000042|refund",
        fingerprint: `digest of refund|200000|40|156|${pan}`,
        terminal: profile.terminal,
        merchant: profile.merchant,
        session: 1,
        mti: "0200",
        processingCode: "200000",
        stan: "000042",
        batch: "000001",
        amount: 40,
        currency: "156",
        panMask: "623501******8900",
        configVersion: 7,
        route: "original",
        original: idAt(0),
        upstream: "a",
        link: 0,
        upstreamStan: "000002",
        upstreamRrn: "R000002",
        walletReference: "order 000002",
        approved: true,
        response: "00",
        upstreamResponse: "00",
        rrn: "R000002",
        times: {
          receivedMs,
          forwardedMs,
          upstreamAnsweredMs: noon + 43,
          answeredMs: noon + 43
        },
        ownMs: 3,
        upstreamMs: 40
      },
      facts: { pan },
      answer: "answer 00"
    })
    expect(told(stage)).toEqual(["sale 2 answered", "sale 3 answered", "refund 2 answered"])
    expect(takenFrom(stage)).toMatchObject({ version: 3, taken: 40 })
  })

  it("that is declined gives back what it took, and PostgreSQL hears of both", () => {
    const stage = sold(new Stage())
    forwarded(stage, refund(stage))
    stage.answer("05")
    stage.journal.sync()
    expect(takenFrom(stage)).toMatchObject({ version: 4, taken: 0 })
    expect(told(stage)).toEqual([
      "sale 2 answered",
      "sale 3 answered",
      "refund 2 answered",
      "sale 4 answered"
    ])
  })

  it("beside another: each takes its own, and the declined one gives back its own alone", () => {
    const stage = sold(new Stage())
    forwarded(stage, refund(stage))
    const first = stage.last
    forwarded(stage, refund(stage, { stan: "000043" as Stan, amount: 50 }))
    expect(takenFrom(stage).taken).toBe(90)
    const answer = { approved: false, response: "05", response1987: "05" }
    first.end({ _tag: "answered", answer })
    stage.journal.sync()
    expect(takenFrom(stage).taken).toBe(50)
  })

  it("that waited for its PIN takes what is its own beside what went meanwhile", () => {
    const stage = sold(new Stage())
    stage.upstreams.translating.add("a")
    stage.ask(refund(stage))
    stage.upstreams.translating.clear()
    forwarded(stage, refund(stage, { stan: "000043" as Stan, amount: 50 }))
    stage.upstreams.secured[0]!()
    expect(takenFrom(stage).taken).toBe(90)
  })

  it("after another: each takes its own, and gives back no more than that", () => {
    const stage = sold(new Stage())
    forwarded(stage, refund(stage))
    stage.answer("00")
    stage.journal.sync()
    forwarded(stage, refund(stage, { stan: "000043" as Stan, amount: 50 }))
    expect(takenFrom(stage).taken).toBe(90)
    stage.answer("05")
    stage.journal.sync()
    expect(takenFrom(stage).taken).toBe(40)
  })

  it("that names neither amount nor currency is of what remains, in the sale's own", () => {
    const stage = sold(new Stage())
    const { amount: _amount, currency: _currency, ...bare } = refund(stage)
    forwarded(stage, bare)
    expect(stage.records[1]).toMatchObject({ amount: 100, currency: "156" })
    expect(takenFrom(stage).taken).toBe(100)
  })

  it("of a sale that was approved for less is bounded by that", () => {
    const stage = new Stage()
    forwarded(stage, stage.sale(everything))
    stage.answer("10", { approved: true, approvedAmount: { minor: 70, currency: "156" } as never })
    stage.journal.sync()
    const asker = stage.ask(refund(stage, { amount: 80 }))
    expect(asker.verdict?.failure).toBe("amount-exceeds")
    stage.journal.sync()
    stage.approved(refund(stage, { stan: "000043" as Stan, amount: 70 }))
    expect(takenFrom(stage).taken).toBe(70)
  })

  it("of a sale without currency has none either, and none is made up", () => {
    const stage = new Stage()
    stage.approved({ ...plain(stage), amount: 100, stan: "000041" as Stan, batch: "000001" })
    const { currency: _currency, ...bare } = refund(stage)
    forwarded(stage, bare)
    expect(stage.records[1]).not.toHaveProperty("currency")
  })

  it("never has the reference of what it refers to as its own", () => {
    const stage = sold(new Stage())
    stage.approved(refund(stage, { rrn: "R000001" }))
    stage.approved(
      stage.sale({ kind: "completion-advice", rrn: "R000001", stan: "000043" as Stan })
    )
    expect(stage.records.map(({ rrn }) => rrn)).toEqual(["R000001", "R000002", "R000003"])
  })

  it("as a void takes the whole, whatever less it says, and no more than there is", () => {
    const stage = sold(new Stage())
    const change = { kind: "void", stan: "000043" as Stan } as const
    const more = stage.ask(refund(stage, { ...change, amount: 120 }))
    expect(more.verdict?.failure).toBe("amount-exceeds")
    stage.journal.sync()
    forwarded(stage, refund(stage, { ...change, stan: "000044" as Stan }))
    expect(stage.records[2]).toMatchObject({ kind: "void", amount: 40 })
    expect(takenFrom(stage).taken).toBe(100)
  })

  for (const [state, taken] of [["acknowledged", 0], ["exhausted", 100]] as const) {
    it(`as a void in doubt leaves ${taken} taken when its chain is ${state}`, () => {
      const stage = sold(new Stage())
      forwarded(stage, refund(stage, { kind: "void", amount: 100 }))
      stage.last.end({ _tag: "timed-out" })
      stage.journal.sync()
      expect(takenFrom(stage).taken).toBe(100)
      stage.advices.end({ record: { ...stage.advices.started[0]!, state } })
      // Nobody knows whether the void stands: its sale is not given back a second time.
      expect(takenFrom(stage).taken).toBe(taken)
    })
  }

  it("in doubt is a human's: nobody takes a refund back", () => {
    const stage = sold(new Stage())
    forwarded(stage, refund(stage))
    stage.last.end({ _tag: "timed-out" })
    stage.journal.sync()
    expect(stage.records[1]).toMatchObject({ state: "exception", failure: "upstream-timeout" })
    expect(takenFrom(stage).taken).toBe(40)
  })
})

describe("the record of a terminal's reversal, field by field", () => {
  const reversal = (stage: Stage) =>
    stage.sale({ ...everything, kind: "reversal", mti: "0400", processingCode: "000000" })
  const own = {
    ...asked,
    kind: "reversal",
    key: "T0000001|000001|000041|reversal",
    fingerprint: `digest of reversal|000000|100|156|${pan}`,
    mti: "0400",
    version: 1,
    state: "answered",
    configVersion: 7,
    approved: true,
    response: "00",
    times: { receivedMs, answeredMs: noon + 2 }
  }

  it("whose sale it takes back", () => {
    const stage = new Stage()
    stage.approved(stage.sale(everything))
    stage.time.hold(2)
    const asker = stage.ask(reversal(stage))
    stage.journal.sync()
    expect(open(stage, stage.records[1]!)).toStrictEqual({
      record: { ...own, original: idAt(0) },
      facts: {},
      answer: "answer 00"
    })
    expect(told(stage)).toEqual([
      "sale 2 answered",
      "reversal 1 answered",
      "sale 3 reversing",
      "advice pending"
    ])
    expect(asker.verdict?.approved).toBe(true)
    expect(stage.counted).toEqual(["ended answered", "ended answered"])
  })

  it("that crosses a decline owes nothing, that crosses a timeout is the reason of its chain", () => {
    for (
      const [end, chains] of [
        ["declined", []],
        ["timed-out", [{ reason: "terminal-reversal" }]]
      ] as const
    ) {
      const stage = new Stage()
      const asker = forwarded(stage, stage.sale(everything))
      stage.ask(reversal(stage))
      if (end === "declined") stage.answer("05")
      else stage.last.end({ _tag: end })
      stage.journal.sync()
      expect(stage.advices.started).toMatchObject(chains)
      expect(asker.delivered).toEqual([end === "declined" ? "answer 05" : "answer 68"])
    }
  })

  it("of another batch is of another sale", () => {
    const stage = new Stage()
    stage.approved(stage.sale(everything))
    for (const change of [{ batch: "000002" }, { original: { batch: "000002" } }]) {
      stage.ask({ ...reversal(stage), ...change, key: JSON.stringify(change) })
      stage.journal.sync()
    }
    expect(stage.records.map(({ failure }) => failure)).toEqual([
      undefined,
      "original-unknown",
      "original-unknown"
    ])
    expect(stage.advices.started).toEqual([])
  })

  it("whose sale nobody knows", () => {
    const stage = new Stage()
    stage.time.hold(2)
    stage.ask(reversal(stage))
    stage.journal.sync()
    const ended = { ...own, version: 2, failure: "original-unknown" }
    expect(only(stage)).toStrictEqual({ record: ended, facts: {}, answer: "answer 00" })
    expect(told(stage)).toEqual(["reversal 1 answered", "reversal 2 answered"])
  })

  it("repeated, after its sale has long been reversed, gets the stored answer", () => {
    const stage = new Stage()
    stage.approved(stage.sale(everything))
    const asking = reversal(stage)
    stage.ask(asking)
    stage.journal.sync()
    stage.advices.end({ record: { ...stage.advices.started[0]!, state: "acknowledged" } })
    const again = stage.ask(asking)
    expect(again.delivered).toEqual(["answer 00"])
    expect(stage.records).toHaveLength(2)
    expect(stage.records[0]?.state).toBe("reversed")
  })

  it("that the disk never took is told to nobody, and nobody is sent anything", () => {
    const stage = new Stage()
    stage.approved(stage.sale(everything))
    const asker = stage.ask(reversal(stage))
    stage.journal.sync("journal-failed")
    expect(asker.delivered).toEqual([])
    expect(stage.advices.started).toEqual([])
  })
})
