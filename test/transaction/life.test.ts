/** A transaction's life as stories: what is on disk before anybody is told, and who hears what. */

import { describe, expect, it } from "vitest"
import type { Rrn, Stan } from "../../src/domain/brand.ts"
import { transactionStates, transitions } from "../../src/domain/transaction.ts"
import { rememberedMs } from "../../src/transaction/turned-away.ts"
import { FakeAsker, Stage } from "./stage.ts"

describe("a sale", () => {
  it("is on disk before it leaves, and its answer is on disk before the terminal hears it", () => {
    const stage = new Stage()
    const asker = stage.ask()
    expect(stage.records[0]?.state).toBe("forwarded")
    expect(stage.last.written).toBe(false)
    stage.journal.sync()
    expect(stage.last.written).toBe(true)
    stage.answer("00")
    expect(stage.records[0]?.state).toBe("answered")
    expect(asker.delivered).toEqual([])
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 00"])
    expect([...stage.journal.entries("undelivered")]).toEqual([])
  })

  it("that is declined owes nothing to anybody", () => {
    const stage = new Stage()
    const asker = stage.ask()
    stage.journal.sync()
    stage.answer("05")
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 05"])
    expect(stage.advices.started).toEqual([])
  })

  it("goes to the next candidate while nothing was written", () => {
    const stage = new Stage()
    stage.upstreams.refusals.set("a", "breaker-open")
    stage.ask()
    expect(stage.last.upstream).toBe("b")
    const other = new Stage()
    other.upstreams.fragile.add("a")
    other.ask()
    other.journal.sync()
    expect(other.last.upstream).toBe("b")
    other.journal.sync()
    other.last.end({ _tag: "unwritten" })
    other.journal.sync()
    expect(other.records[0]?.failure).toBe("upstream-down")
  })

  it("has no name left by which only a candidate knew it that never saw it", () => {
    const stage = new Stage()
    stage.upstreams.names = (stan) =>
      stan === "000001" ? { rrn: "R1" as Rrn, time: "1114221320", walletReference: "W1" } : {}
    stage.upstreams.fragile.add("a")
    stage.ask()
    expect(stage.records[0]).toMatchObject({ upstreamRrn: "R1", walletReference: "W1" })
    stage.journal.sync()
    const names = ["upstreamRrn", "upstreamTime", "walletReference"] as const
    expect(names.map((name) => stage.records[0]![name])).toEqual([undefined, undefined, undefined])
    expect(stage.desk.floor.byReference("W1")).toBeUndefined()
  })

  it("has the business day of the acquirer that it went to first, and keeps it", () => {
    const stage = new Stage()
    stage.upstreams.refusals.set("a", "breaker-open")
    stage.ask()
    expect(stage.records[0]).toMatchObject({ upstream: "b", day: "2026-11-27" })
    const other = new Stage()
    other.upstreams.fragile.add("a")
    other.ask()
    expect(other.records[0]).toMatchObject({ upstream: "a", day: "2026-11-26" })
    other.journal.sync()
    expect(other.records[0]).toMatchObject({ upstream: "b", day: "2026-11-26" })
  })

  it("carries a token of its card only where tokens are switched on", () => {
    const stage = new Stage()
    stage.ask()
    expect(stage.records[0]).not.toHaveProperty("panToken")
    const other = new Stage()
    const settings = { ...other.room.settings, panToken: (pan: string) => `of ${pan.length}` }
    Object.assign(other.room, { settings })
    other.ask()
    expect(other.records[0]?.panToken).toBe("of 16")
  })

  it("is refused by the most telling reason when nobody takes it, without a reversal", () => {
    const stage = new Stage()
    stage.upstreams.refusals.set("a", "upstream-down").set("b", "window-full")
    for (const candidates of [["a", "b"], ["b", "a"]]) {
      stage.candidates = candidates
      const asker = stage.ask()
      stage.journal.sync()
      expect(asker.delivered).toEqual(["answer 91"])
      expect(stage.records.at(-1)).toMatchObject({ state: "refused", failure: "window-full" })
    }
    expect(stage.advices.started).toEqual([])
  })

  it("without a route is told so", () => {
    const stage = new Stage()
    stage.candidates = []
    const asker = stage.ask()
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 15"])
  })

  it("that nobody may be told about while the journal fails is answered by silence", () => {
    const stage = new Stage()
    const asker = stage.ask()
    stage.journal.sync("journal-failed")
    expect(stage.last.written).toBe(false)
    expect(asker.delivered).toEqual([])
  })
})

describe("in doubt", () => {
  for (const tag of ["timed-out", "lost"] as const) {
    it(`${tag}: the reversal is in the same commit, then the terminal, then the upstream`, () => {
      const stage = new Stage()
      const asker = stage.ask()
      stage.journal.sync()
      stage.last.end({ _tag: tag })
      const id = stage.records[0]!.id
      expect(stage.journal.log.at(-1)).toEqual(
        expect.arrayContaining([`transactions:${id}`, `advices:${id}`])
      )
      expect(stage.records[0]?.state).toBe("reversing")
      expect(asker.delivered).toEqual([])
      expect(stage.advices.started).toEqual([])
      stage.journal.sync()
      expect(asker.delivered).toEqual(["answer 68"])
      expect(stage.advices.started).toHaveLength(1)
      expect(stage.last.upstream).toBe(stage.advices.started[0]?.upstream)
    })
  }

  it("is never sent to another upstream", () => {
    const stage = new Stage()
    stage.ask()
    stage.journal.sync()
    stage.last.end({ _tag: "lost" })
    stage.journal.sync()
    expect(stage.upstreams.flights).toHaveLength(1)
  })

  it("ends reversed when the upstream acknowledges, and as an exception when it never does", () => {
    for (const state of ["acknowledged", "exhausted"] as const) {
      const stage = new Stage()
      stage.ask()
      stage.journal.sync()
      stage.last.end({ _tag: "timed-out" })
      stage.journal.sync()
      stage.advices.end({ record: { ...stage.advices.started[0]!, state } })
      expect(stage.records[0]?.state).toBe(state === "acknowledged" ? "reversed" : "exception")
      expect([...stage.journal.entries("advices")]).toEqual([])
    }
  })

  it("a late approval is counted and changes nothing while its chain exists", () => {
    const stage = new Stage()
    const asker = stage.ask()
    stage.journal.sync()
    stage.last.end({ _tag: "timed-out" })
    stage.journal.sync()
    const answer = { approved: true, response: "00", response1987: "00" }
    for (const listener of stage.upstreams.late) listener(stage.records[0]!.id, answer)
    expect(stage.counted).toContain("late a true")
    expect(asker.delivered).toEqual(["answer 68"])
    expect(stage.counted.some((each) => each.startsWith("exception"))).toBe(false)
  })
})

describe("a repeat", () => {
  it("joins the one in flight: one forward, two answers", () => {
    const stage = new Stage()
    const submission = stage.sale()
    const first = stage.ask(submission)
    stage.journal.sync()
    const second = stage.ask({ ...submission, repeat: true, session: 2 })
    stage.answer("00")
    stage.journal.sync()
    expect(stage.upstreams.flights).toHaveLength(1)
    expect(stage.counted).toContain("duplicate joined")
    expect([first.delivered, second.delivered]).toEqual([["answer 00"], ["answer 00"]])
  })

  it("of what has ended gets the stored answer, and nothing goes upstream", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    const again = stage.ask({ ...submission, repeat: true })
    expect(again.delivered).toEqual(["answer 00"])
    expect(stage.upstreams.flights).toHaveLength(1)
    expect(stage.counted).toContain("duplicate replayed")
  })

  it("with other content is refused", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    const again = stage.ask({ ...submission, amount: 999 })
    expect(again.delivered).toEqual(["answer 94"])
    expect(again.verdict?.approved).toBe(false)
    expect(stage.counted).toEqual([
      "ended answered",
      "duplicate conflicting",
      "turned away duplicate-conflict"
    ])
  })

  it("of something older than the terminal's newest is refused as stale", () => {
    const stage = new Stage()
    stage.approved(stage.sale({ stan: "000100" as Stan }))
    const old = stage.ask(stage.sale({ stan: "000050" as Stan }))
    expect(old.delivered).toEqual(["answer 94"])
    expect(stage.counted).toContain("duplicate stale")
  })
})

describe("an approval that no live socket took", () => {
  it("waits for the terminal to come back, and is reversed when it does not", () => {
    const stage = new Stage()
    const asker = stage.ask()
    asker.live = false
    stage.journal.sync()
    stage.answer("00")
    stage.journal.sync()
    stage.time.pass(4_900)
    expect(stage.advices.started).toEqual([])
    stage.time.pass(200)
    stage.journal.sync()
    expect(stage.advices.started[0]?.reason).toBe("undeliverable")
  })

  it("is reversed although the terminal repeats, when that socket is dead as well", () => {
    const stage = new Stage()
    const submission = stage.sale()
    const asker = stage.ask(submission)
    asker.live = false
    stage.journal.sync()
    stage.answer("00")
    stage.journal.sync()
    const again = new FakeAsker()
    again.live = false
    stage.desk.submit(submission, again)
    stage.time.pass(5_100)
    stage.journal.sync()
    expect(stage.advices.started).toMatchObject([{ reason: "undeliverable" }])
  })

  it("is sent to nobody when the disk does not take the reversal", () => {
    const stage = new Stage()
    const asker = stage.ask()
    asker.live = false
    stage.journal.sync()
    stage.answer("00")
    stage.journal.sync()
    stage.time.pass(5_100)
    stage.journal.sync("journal-failed")
    expect(stage.advices.started).toEqual([])
  })

  it("is kept when the terminal repeats within the grace", () => {
    const stage = new Stage()
    const submission = stage.sale()
    const asker = stage.ask(submission)
    asker.live = false
    stage.journal.sync()
    stage.answer("00")
    stage.journal.sync()
    stage.time.pass(1_000)
    expect(stage.ask(submission).delivered).toEqual(["answer 00"])
    stage.time.pass(60_000)
    stage.journal.sync()
    expect(stage.advices.started).toEqual([])
    expect(stage.records[0]?.state).toBe("answered")
  })
})

describe("the terminal's own reversal", () => {
  const reversalOf = (stage: Stage, stan: string) =>
    stage.sale({ kind: "reversal", mti: "0400", stan: stan as Stan })

  it("of an unknown original is acknowledged", () => {
    const stage = new Stage()
    const asker = stage.ask(reversalOf(stage, "000777"))
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 00"])
    expect(stage.advices.started).toEqual([])
  })

  it("of an approval opens the one chain, and a second reversal joins it", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    stage.ask(reversalOf(stage, submission.stan))
    stage.journal.sync()
    const again = stage.ask({
      ...reversalOf(stage, submission.stan),
      key: "another key of the same reversal"
    })
    stage.journal.sync()
    expect(again.delivered).toEqual(["answer 00"])
    expect(stage.advices.started).toHaveLength(1)
  })

  it("of one in flight waits for its end, and never overtakes it", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.ask(submission)
    stage.journal.sync()
    const asker = stage.ask(reversalOf(stage, submission.stan))
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 00"])
    expect(stage.advices.started).toEqual([])
    stage.answer("00")
    stage.journal.sync()
    expect(stage.advices.started).toHaveLength(1)
    expect(stage.advices.started[0]?.reason).toBe("terminal-reversal")
  })

  it("joins the chain of a timeout instead of starting a second", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.ask(submission)
    stage.journal.sync()
    stage.last.end({ _tag: "timed-out" })
    stage.journal.sync()
    stage.ask(reversalOf(stage, submission.stan))
    stage.journal.sync()
    expect(stage.advices.started).toHaveLength(1)
  })
})

describe("a follow-on", () => {
  const refund = (stage: Stage, stan: string, amount: number) =>
    stage.sale({ kind: "refund", original: { stan }, amount })

  it("goes to the original's upstream, whatever the routes say now", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    stage.candidates = ["b"]
    stage.ask(refund(stage, submission.stan, 40))
    expect(stage.last.upstream).toBe("a")
    expect(stage.last.request.original?.stan).toBe(submission.stan)
  })

  it("takes no more than what remains, also when two are under way", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    const first = stage.ask(refund(stage, submission.stan, 60))
    const second = stage.ask(refund(stage, submission.stan, 60))
    stage.journal.sync()
    expect(second.delivered).toEqual(["answer 13"])
    stage.answer("05")
    stage.journal.sync()
    expect(first.delivered).toEqual(["answer 05"])
    const third = stage.ask(refund(stage, submission.stan, 100))
    stage.journal.sync()
    stage.answer("00")
    stage.journal.sync()
    expect(third.delivered).toEqual(["answer 00"])
  })

  it("of an unknown original is told 25, of a void twice 22", () => {
    const stage = new Stage()
    const lost = stage.ask(refund(stage, "000999", 1))
    stage.journal.sync()
    expect(lost.delivered).toEqual(["answer 25"])
    const submission = stage.sale()
    stage.approved(submission)
    stage.approved(stage.sale({ kind: "void", original: { stan: submission.stan } }))
    const again = stage.ask(stage.sale({ kind: "void", original: { stan: submission.stan } }))
    stage.journal.sync()
    expect(again.delivered).toEqual(["answer 22"])
  })
})

describe("admission", () => {
  it("refuses what is new while draining, full or overloaded, and still takes reversals", () => {
    const stage = new Stage()
    stage.journal.level = "full"
    expect(stage.ask().verdict?.failure).toBe("journal-full")
    const reversal = stage.ask(stage.sale({ kind: "reversal", mti: "0400" }))
    stage.journal.sync()
    expect(reversal.delivered).toEqual(["answer 00"])
    stage.journal.level = "open"
    for (let count = 0; count < 8; count++) stage.ask()
    expect(stage.ask().verdict?.failure).toBe("overloaded")
    stage.desk.drain()
    expect(stage.ask().verdict?.failure).toBe("draining")
  })

  it("tells every copy of a question the same, though room was found in between", () => {
    const stage = new Stage()
    const question = stage.sale()
    stage.journal.level = "full"
    expect(stage.ask(question).verdict?.failure).toBe("journal-full")
    stage.journal.level = "open"
    expect(stage.desk.knows(question.terminal, question.key)).toBe(true)
    expect(stage.ask(question).verdict?.failure).toBe("journal-full")
    expect(stage.desk.floor.inFlight.size).toBe(0)
    // What forbids a kind forbids it for good: nothing to remember.
    const forbidden = stage.sale({ currency: "840" })
    stage.ask(forbidden)
    expect(stage.desk.knows(forbidden.terminal, forbidden.key)).toBe(false)
    // A line that stalled for four minutes brings the last copy.
    const stalledMs = 240_000
    stage.time.pass(stalledMs, 1000)
    expect(stage.ask(question).verdict?.failure).toBe("journal-full")
    // Counted from the first: a terminal that goes on asking is not refused for ever.
    stage.time.pass(rememberedMs - stalledMs + 1000, 1000)
    expect(stage.desk.knows(question.terminal, question.key)).toBe(false)
  })

  it("takes a reversal whose first copy found no room, whatever that was told", () => {
    const stage = new Stage()
    const asking = stage.sale({ kind: "reversal", mti: "0400" })
    stage.desk.refusedEarly(asking.key, "session-busy")
    const asker = stage.ask(asking)
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 00"])
  })

  it("knows what is in flight and what has ended, each under its own key", () => {
    const stage = new Stage()
    const asking = stage.sale()
    const knows = () => stage.desk.knows(asking.terminal, asking.key)
    expect(knows()).toBe(false)
    stage.ask(asking)
    expect(knows()).toBe(true)
    stage.journal.sync()
    stage.answer("00")
    stage.journal.sync()
    expect([knows(), stage.desk.floor.inFlight.size]).toEqual([true, 0])
    expect(stage.desk.knows("T0000002", asking.key)).toBe(false)
  })

  it("refuses what the profile forbids", () => {
    const stage = new Stage()
    expect(stage.ask(stage.sale({ currency: "840" })).verdict?.failure).toBe("kind-forbidden")
  })
})

describe("the table of states", () => {
  it("reaches every state from the first, and leaves none but the recorded for ever", () => {
    const reached = new Set<string>(["received"])
    for (let round = 0; round < transactionStates.length; round++) {
      for (const state of Array.from(reached)) {
        for (const next of transitions[state as keyof typeof transitions]) reached.add(next)
      }
    }
    expect([...reached].sort()).toEqual([...transactionStates].sort())
    for (const state of transactionStates) expect(transitions[state].length).toBeGreaterThan(0)
  })
})
