/**
 * What is written down of a card transaction, field by field: as it stands in the journal, and as
 * the feed tells PostgreSQL. A field that is there and should not be counts as much as one that is
 * missing: analysts read every column.
 */

import { describe, expect, it } from "vitest"
import type { AdviceRecord } from "../../src/domain/advice.ts"
import type { Rrn } from "../../src/domain/brand.ts"
import { profile, Stage } from "./stage.ts"
import {
  asked,
  everything,
  facts,
  forwarded,
  forwardedMs,
  idAt,
  noon,
  only,
  pan,
  plain,
  receivedMs,
  richly,
  sent,
  told
} from "./written.ts"

describe("the record of a sale, field by field", () => {
  it("that is under way", () => {
    const { stage } = richly()
    expect(only(stage)).toStrictEqual({
      record: { ...sent, version: 1, state: "forwarded", times: { receivedMs, forwardedMs } },
      facts
    })
    // PostgreSQL hears of what has ended.
    expect(stage.journal.fed).toEqual([])
    expect(stage.journal.log).toEqual([[`transactions:${idAt(2)}`, "state:stan:a"]])
    expect(stage.last.request).toStrictEqual({
      record: {
        ...asked,
        version: 0,
        state: "routed",
        configVersion: 7,
        route: "r",
        times: { receivedMs }
      },
      facts,
      partialApproval: false
    })
  })

  it("that is approved for less, with names of the upstream's own", () => {
    const { stage } = richly()
    stage.answer("10", {
      approved: true,
      response1987: "10",
      response: "A2",
      authCode: "123456",
      rrn: "631822000001" as Rrn,
      approvedAmount: { minor: 70, currency: "156" } as never
    })
    stage.time.hold(1)
    stage.journal.sync()
    expect(only(stage)).toStrictEqual({
      record: {
        ...sent,
        version: 2,
        state: "answered",
        approved: true,
        response: "10",
        upstreamResponse: "A2",
        authCode: "123456",
        rrn: "631822000001",
        upstreamRrn: "631822000001",
        approvedAmount: 70,
        times: {
          receivedMs,
          forwardedMs,
          upstreamAnsweredMs: noon + 43,
          answeredMs: noon + 43
        },
        ownMs: 3,
        upstreamMs: 40
      },
      facts,
      answer: "answer 10"
    })
    expect(told(stage)).toEqual(["sale 2 answered"])
    expect(stage.journal.log.slice(1)).toEqual([
      [`transactions:${idAt(2)}`, `undelivered:${idAt(2)}`],
      [`-undelivered:${idAt(2)}`]
    ])
    expect(stage.counted).toEqual(["ended answered"])
  })

  it("that is declined", () => {
    const { stage } = richly()
    stage.answer("51")
    stage.journal.sync()
    expect(only(stage)).toStrictEqual({
      record: {
        ...sent,
        version: 2,
        state: "answered",
        approved: false,
        response: "51",
        upstreamResponse: "51",
        rrn: "R000001",
        times: {
          receivedMs,
          forwardedMs,
          upstreamAnsweredMs: noon + 43,
          answeredMs: noon + 43
        },
        ownMs: 3,
        upstreamMs: 40
      },
      facts,
      answer: "answer 51"
    })
    expect(told(stage)).toEqual(["sale 2 answered"])
    // Whether a "no" arrived is nobody's worry.
    expect(stage.journal.log.slice(1)).toEqual([[`transactions:${idAt(2)}`]])
    expect(stage.counted).toEqual(["ended answered"])
  })

  it("of which only the least is known has nothing else, not even empty", () => {
    const stage = new Stage()
    forwarded(stage, plain(stage))
    stage.answer("00")
    stage.journal.sync()
    expect(only(stage)).toStrictEqual({
      record: {
        id: idAt(2),
        version: 2,
        state: "answered",
        kind: "sale",
        channel: "chip",
        scheme: "card",
        day: "2026-11-26",
        key: "T0000001|000001|000001|sale",
        fingerprint: "digest of sale|000000|||",
        terminal: profile.terminal,
        merchant: profile.merchant,
        session: 1,
        mti: "0200",
        processingCode: "000000",
        stan: "000001",
        configVersion: 7,
        upstream: "a",
        link: 0,
        upstreamStan: "000001",
        approved: true,
        response: "00",
        upstreamResponse: "00",
        times: {
          receivedMs,
          forwardedMs,
          upstreamAnsweredMs: noon + 43,
          answeredMs: noon + 43
        },
        ownMs: 3,
        upstreamMs: 40
      },
      facts: {},
      answer: "answer 00"
    })
  })

  it("that no rule has a way for", () => {
    const stage = new Stage()
    stage.candidates = []
    stage.time.hold(2)
    const asker = stage.ask(stage.sale(everything))
    stage.journal.sync()
    expect(only(stage)).toStrictEqual({
      record: {
        ...asked,
        version: 1,
        state: "refused",
        configVersion: 7,
        approved: false,
        failure: "no-route",
        response: "15",
        times: { receivedMs, answeredMs: noon + 2 },
        ownMs: 0
      },
      facts,
      answer: "answer 15"
    })
    expect(asker.verdict).toMatchObject({ approved: false, failure: "no-route" })
    expect(told(stage)).toEqual(["sale 1 refused"])
    expect(stage.counted).toEqual(["ended refused"])
  })

  it("has what a thread made of its card beside the decoding, not made again", () => {
    const stage = new Stage()
    const atRest = { fingerprint: "made before", sealed: Uint8Array.of(1, 0, 0, 0) }
    stage.ask(stage.sale({ atRest }))
    expect(stage.records[0]).toMatchObject(atRest)
  })

  it("has the reference that the terminal chose, beside the upstream's own", () => {
    const stage = new Stage()
    stage.approved(stage.sale({ rrn: "T00000000041" }))
    expect(stage.records[0]).toMatchObject({ rrn: "T00000000041", upstreamRrn: "R000001" })
  })
})

describe("the record of a sale in doubt, field by field", () => {
  const doubtful = {
    ...sent,
    approved: false,
    failure: "upstream-timeout",
    response: "68",
    ownMs: 3,
    upstreamMs: 40
  }
  const times = { receivedMs, forwardedMs, timedOutMs: noon + 43 }

  function timedOut(): Stage {
    const { stage } = richly()
    stage.last.end({ _tag: "timed-out" })
    stage.journal.sync()
    return stage
  }

  it("that is being reversed", () => {
    const stage = timedOut()
    expect(only(stage)).toStrictEqual({
      record: { ...doubtful, version: 3, state: "reversing", times },
      facts,
      answer: "answer 68"
    })
    expect(told(stage)).toEqual(["sale 3 reversing", "advice pending"])
    expect(stage.journal.log.slice(1)).toEqual([[
      `transactions:${idAt(2)}`,
      `advices:${idAt(2)}`,
      `-undelivered:${idAt(2)}`,
      "state:stan:a"
    ]])
    expect([...stage.journal.entries("advices")]).toEqual([[
      idAt(2),
      expect.objectContaining({ kind: "reversal", upstream: "a", reason: "upstream-timeout" })
    ]])
    expect(stage.counted).toEqual(["ended reversing"])
  })

  for (
    const [state, end, lines] of [
      ["acknowledged", "reversed", ["advice acknowledged", "sale 4 reversed"]],
      [
        "exhausted",
        "exception",
        ["advice exhausted", "exception advice-exhausted", "sale 4 exception"]
      ]
    ] as const
  ) {
    it(`whose chain is ${state}`, () => {
      const stage = timedOut()
      stage.time.hold(500)
      const row = { id: "e", reason: "advice-exhausted", detail: "", atMs: 1 }
      stage.advices.end({
        record: { ...stage.advices.started[0]!, state } as AdviceRecord,
        ...(state === "exhausted" ? { exception: row } : {})
      })
      stage.journal.sync()
      expect(only(stage)).toStrictEqual({
        record: {
          ...doubtful,
          version: 4,
          state: end,
          times: { ...times, reversedMs: noon + 543 }
        },
        facts,
        answer: "answer 68"
      })
      // One commit: in which order its rows stand is nobody's concern.
      expect(told(stage).slice(2).toSorted()).toEqual(lines)
      expect(stage.counted).toEqual([
        "ended reversing",
        ...(state === "exhausted" ? ["exception advice-exhausted"] : []),
        `ended ${end}`
      ])
    })
  }

  it("of a kind that nobody reverses: a human's, in the commit that says so", () => {
    const stage = new Stage()
    forwarded(stage, stage.sale({ ...everything, kind: "balance" }))
    stage.last.end({ _tag: "lost" })
    stage.journal.sync()
    expect(only(stage).record).toMatchObject({
      version: 3,
      state: "exception",
      failure: "link-lost",
      times
    })
    expect(told(stage)).toEqual(["balance 3 exception", "exception link-lost"])
    expect(stage.journal.log.at(-1)).toEqual([
      `transactions:${idAt(2)}`,
      `-undelivered:${idAt(2)}`
    ])
    expect(stage.journal.fed.at(-1)).toMatchObject({
      row: { transaction: idAt(2), detail: "balance in doubt at a", atMs: noon + 43 }
    })
    expect(stage.counted).toEqual(["exception link-lost", "ended exception"])
  })

  it("that was approved and nobody took: reversed, with its approval still to be seen", () => {
    const { asker, stage } = richly()
    asker.live = false
    stage.answer("00")
    stage.journal.sync()
    stage.time.pass(5_100)
    stage.journal.sync()
    expect(only(stage).record).toMatchObject({
      version: 3,
      state: "reversing",
      approved: true,
      failure: "undeliverable",
      response: "00"
    })
    expect(told(stage)).toEqual(["sale 2 answered", "sale 3 reversing", "advice pending"])
  })

  it("that a restart finds without its outcome", () => {
    const { stage } = richly()
    const after = new Stage(stage.journal)
    after.recover()
    expect(only(after)).toStrictEqual({
      record: {
        ...sent,
        version: 3,
        state: "reversing",
        approved: false,
        failure: "restarted",
        times: { receivedMs, forwardedMs, timedOutMs: noon }
      },
      facts
    })
    expect(told(after)).toEqual(["sale 3 reversing", "advice pending"])
  })

  it("that a restart finds approved, and its terminal repeats: both are told to PostgreSQL", () => {
    const { stage } = richly()
    stage.answer("00")
    const after = new Stage(stage.journal)
    after.recover()
    expect(told(after)).toEqual(["sale 2 answered", "sale 3 delivery-unconfirmed"])
    after.ask(stage.sale(everything))
    expect(told(after)).toEqual([
      "sale 2 answered",
      "sale 3 delivery-unconfirmed",
      "sale 4 answered"
    ])
  })
})

describe("what whoever asked hears", () => {
  it("the fields that came back from the upstream, where some did", () => {
    const stage = new Stage()
    const first = forwarded(stage, stage.sale())
    stage.answer("00", { values: { 54: "balance" } })
    expect(first.verdict).toMatchObject({ response1987: "00", values: { 54: "balance" } })
    const second = forwarded(stage, stage.sale())
    stage.answer("00")
    expect(second.verdict).not.toHaveProperty("values")
  })

  it("nothing, when the disk did not take the outcome", () => {
    const stage = new Stage()
    const asker = forwarded(stage, stage.sale())
    stage.answer("00")
    stage.journal.sync("journal-failed")
    expect([asker.delivered, stage.counted]).toEqual([[], []])
  })
})

describe("what the router and the upstream hear of a request", () => {
  it("all that the terminal said, once", () => {
    const stage = new Stage()
    stage.ask(stage.sale(everything))
    expect(stage.routed).toStrictEqual([{
      id: stage.last.request.record.id,
      kind: "sale",
      channel: "chip",
      scheme: "card",
      terminal: profile.terminal,
      merchant: profile.merchant,
      group: "shops",
      minuteOfDay: 22 * 60 + 13,
      digits: pan,
      amount: 100,
      currency: "156"
    }])
  })

  it("a pay code before a card, and nothing that was not said", () => {
    const stage = new Stage()
    stage.ask(stage.sale({ payCode: "134567890123456789" }))
    expect(stage.routed[0]?.digits).toBe("134567890123456789")
    expect(stage.last.request.payCode).toBe("134567890123456789")
    stage.ask(plain(stage))
    for (const absent of ["digits", "amount", "currency"]) {
      expect(stage.routed[1]).not.toHaveProperty(absent)
    }
  })

  it("the message and the key of its PIN block, where there are such", () => {
    const stage = new Stage()
    const message = { dialect: { pathOf: () => undefined } } as never
    const pin = { key: "k" } as never
    stage.ask(stage.sale({ message, pin }))
    expect(stage.last.request.message).toBe(message)
    expect(stage.last.request.pin).toBe(pin)
  })
})
