/** What is told and owed when an end is not the plain one: taken back, late, unheard, forbidden. */

import { describe, expect, it } from "vitest"
import type { MerchantId, TerminalId } from "../../src/domain/brand.ts"
import type { AdviceEnd } from "../../src/domain/ports/advices.ts"
import type { Submission } from "../../src/domain/ports/transactions.ts"
import { maxAskers } from "../../src/transaction/life.ts"
import { recentPerTerminal } from "../../src/transaction/recent.ts"
import { FakeAsker, profile, Stage } from "./stage.ts"

const reversalOf = (stage: Stage, { stan }: Submission, change: Partial<Submission> = {}) =>
  stage.sale({ kind: "reversal", mti: "0400", stan, ...change })

const refund = (stage: Stage, { stan }: Submission, amount: number) =>
  stage.sale({ kind: "refund", amount, original: { stan } })

function doubtful(stage: Stage, submission = stage.sale()): Submission {
  stage.ask(submission)
  stage.journal.sync()
  stage.last.end({ _tag: "timed-out" })
  stage.journal.sync()
  return submission
}

function end(stage: Stage, change: Partial<AdviceEnd["record"]>): void {
  stage.advices.end({ record: { ...stage.advices.started.at(-1)!, ...change } })
  stage.journal.sync()
}

const exceptions = (stage: Stage) =>
  stage.journal.fed.flatMap((each) => each.table === "exceptions" ? [each.row] : [])

describe("a repeat", () => {
  it("of an approval that was taken back is not told as one", () => {
    for (const ended of [false, true]) {
      const stage = new Stage()
      const submission = stage.sale()
      stage.approved(submission)
      stage.ask(reversalOf(stage, submission))
      stage.journal.sync()
      if (ended) end(stage, { state: "acknowledged" })
      expect(stage.ask(submission).delivered).toEqual([""])
    }
  })

  it("of what was refused hears the same, though a way is there by now", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.candidates = []
    stage.ask(submission)
    stage.journal.sync()
    stage.candidates = ["a"]
    expect(stage.ask(submission).delivered).toEqual(["answer 15"])
    expect(stage.upstreams.flights).toEqual([])
  })

  it("joins as one of a few: a terminal that shouts is told that it is busy", () => {
    const stage = new Stage()
    const submission = stage.sale()
    const askers = Array.from({ length: maxAskers }, () => stage.ask(submission))
    const tooMany = stage.ask(submission)
    expect(tooMany.verdict?.failure).toBe("session-busy")
    stage.journal.sync()
    stage.answer("00")
    stage.journal.sync()
    expect(askers.map(({ delivered }) => delivered)).toEqual(askers.map(() => ["answer 00"]))
  })
})

describe("an answer that no live socket took", () => {
  it("owes nothing when it was a decline", () => {
    const stage = new Stage()
    stage.ask().live = false
    stage.journal.sync()
    stage.answer("05")
    stage.journal.sync()
    stage.time.pass(60_000, 1000)
    stage.journal.sync()
    expect([stage.advices.started, exceptions(stage)]).toEqual([[], []])
    expect(stage.desk.floor.graces.size).toBe(0)
  })

  it.each(["repeats", "takes it back", "stays away"])(
    "is not waited for any more once its terminal %s (I5)",
    (does) => {
      const stage = new Stage()
      const submission = stage.sale()
      stage.ask(submission).live = false
      stage.journal.sync()
      stage.answer("00")
      stage.journal.sync()
      expect(stage.desk.floor.graces.size).toBe(1)
      if (does === "repeats") stage.ask(submission)
      if (does === "takes it back") stage.ask(reversalOf(stage, submission))
      if (does === "stays away") stage.time.pass(6000, 1000)
      stage.journal.sync()
      expect(stage.desk.floor.graces.size).toBe(0)
      const [sold] = stage.records
      if (does !== "repeats") end(stage, { state: "acknowledged" })
      stage.time.pass(6000, 1000)
      expect(stage.advices.started).toHaveLength(does === "repeats" ? 0 : 1)
      for (let count = 0; count < recentPerTerminal; count++) stage.approved()
      expect(stage.journal.has("transactions", sold!.id)).toBe(false)
    }
  )
})

describe("a terminal's reversal", () => {
  it("of what is on its way to the disk keeps it from leaving, and nothing is owed", () => {
    const stage = new Stage()
    const submission = stage.sale()
    const asker = stage.ask(submission)
    const reversal = stage.ask(reversalOf(stage, submission))
    stage.journal.sync()
    stage.journal.sync()
    expect(reversal.delivered).toEqual(["answer 00"])
    expect(asker.verdict?.failure).toBe("upstream-down")
    expect(stage.upstreams.flights).toMatchObject([{ released: true, written: false }])
    expect(stage.advices.started).toEqual([])
  })

  it("of what came back unwritten keeps it from the next candidate", () => {
    const stage = new Stage()
    const submission = stage.sale()
    const asker = stage.ask(submission)
    stage.journal.sync()
    stage.ask(reversalOf(stage, submission))
    stage.last.end({ _tag: "unwritten" })
    stage.journal.sync()
    expect(asker.verdict?.failure).toBe("upstream-down")
    expect(stage.upstreams.flights).toHaveLength(1)
  })

  it("leaves alone what another terminal asked under the same number", () => {
    const stage = new Stage()
    stage.upstreams.translating.add("a")
    const submission = stage.sale()
    const asker = stage.ask(submission)
    const terminal = "T0000002" as TerminalId
    stage.ask(reversalOf(stage, submission, { terminal, key: "another's" }))
    stage.upstreams.secured[0]!()
    stage.journal.sync()
    stage.answer("00")
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 00"])
    expect(stage.advices.started).toEqual([])
  })

  it("of a decline, or of one that has ended reversed, opens nothing", () => {
    const stage = new Stage()
    const declined = stage.sale()
    stage.ask(declined)
    stage.journal.sync()
    stage.answer("05")
    stage.journal.sync()
    const asker = stage.ask(reversalOf(stage, declined))
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 00"])
    expect(stage.advices.started).toEqual([])
    const taken = stage.sale()
    stage.approved(taken)
    stage.ask(reversalOf(stage, taken))
    stage.journal.sync()
    end(stage, { state: "acknowledged" })
    stage.ask(reversalOf(stage, taken, { key: "once more" }))
    stage.journal.sync()
    expect(stage.advices.started).toHaveLength(1)
  })
})

describe("a follow-on", () => {
  it("of another merchant's, of a decline, or of what is being reversed is told 22", () => {
    const stage = new Stage()
    const [approved, declined] = [stage.sale(), stage.sale()]
    stage.approved(approved)
    stage.ask(declined)
    stage.journal.sync()
    stage.answer("05")
    stage.journal.sync()
    const reversing = doubtful(stage)
    const merchant = "M00000000000002" as MerchantId
    const asked = [
      stage.ask({ ...refund(stage, approved, 10), merchant }),
      stage.ask(refund(stage, declined, 10)),
      stage.ask(refund(stage, reversing, 10))
    ]
    stage.journal.sync()
    expect(asked.map(({ verdict }) => verdict?.failure)).toEqual(asked.map(() => "original-state"))
  })

  it("that names no original is told 25, and PostgreSQL is not asked", () => {
    const stage = new Stage()
    stage.archived = undefined
    stage.approved()
    const asked = [
      stage.ask(stage.sale({ kind: "refund", amount: 10 })),
      stage.ask(stage.sale({ kind: "refund", amount: 10, original: {} }))
    ]
    stage.journal.sync()
    expect(asked.map(({ delivered }) => delivered)).toEqual([["answer 25"], ["answer 25"]])
    expect(stage.asked).toEqual([])
  })

  it("names every reference right, or it is another's", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.ask(submission)
    stage.journal.sync()
    stage.answer("00", { authCode: "A1B2C3" as never })
    stage.journal.sync()
    const { stan } = submission
    const rrn = stage.records[0]!.rrn!
    const right = { stan, rrn, authCode: "A1B2C3", batch: "000001", voucher: "order 000001" }
    for (const wrong of ["stan", "rrn", "authCode", "batch", "voucher"]) {
      const original = { ...right, [wrong]: "000777" } as never
      const asker = stage.ask(stage.sale({ kind: "refund", amount: 1, original }))
      stage.journal.sync()
      expect([wrong, asker.verdict?.failure]).toEqual([wrong, "original-unknown"])
    }
    const original = right as never
    expect(stage.approved(stage.sale({ kind: "refund", amount: 1, original })).delivered)
      .toEqual(["answer 00"])
  })

  it("that is reversed gives back what it took, and no more", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    const original = () => stage.records.find(({ stan }) => stan === submission.stan)
    stage.approved(stage.sale({ kind: "preauth" }))
    const preauth = stage.records.find(({ kind }) => kind === "preauth")!
    const of = { stan: preauth.stan }
    doubtful(stage, stage.sale({ kind: "completion", amount: 60, original: of }))
    end(stage, { state: "acknowledged" })
    expect(stage.journal.get("transactions", preauth.id)?.taken).toBe(0)
    expect(original()).not.toHaveProperty("taken")
  })

  it("in doubt whose kind nobody can reverse is for people to end", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    doubtful(stage, refund(stage, submission, 40))
    expect(stage.advices.started).toEqual([])
    expect(exceptions(stage)).toMatchObject([
      { reason: "upstream-timeout", detail: "refund in doubt at a" }
    ])
    expect(stage.counted).toContain("exception upstream-timeout")
    expect(stage.records[0]?.taken).toBe(40)
  })

  it("of which another took while it waited for its PIN is refused", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    stage.upstreams.translating.add("a")
    const asked = [60, 60].map((amount) => stage.ask(refund(stage, submission, amount)))
    for (const secured of stage.upstreams.secured) secured()
    stage.journal.sync()
    expect(asked[1]!.verdict?.failure).toBe("amount-exceeds")
    expect(stage.last).toMatchObject({ released: true, written: false })
    expect(stage.records[0]?.taken).toBe(60)
  })
})

describe("a chain", () => {
  it("is of the kind that its upstream understands", () => {
    const stage = new Stage()
    Object.assign(stage.room, { settings: { ...stage.room.settings, wallets: new Set(["b"]) } })
    doubtful(stage)
    stage.candidates = ["b"]
    doubtful(stage)
    expect(stage.advices.started.map(({ kind }) => kind)).toEqual(["reversal", "wallet-undo"])
  })

  it("that nobody acknowledged is in the ledger as an exception, and counted", () => {
    const stage = new Stage()
    doubtful(stage)
    const record = { ...stage.advices.started[0]!, state: "exhausted" } as const
    const { transaction } = record
    const exception = { id: "e", transaction, reason: "advice-exhausted", detail: "", atMs: 0 }
    stage.advices.end({ record, exception })
    expect(exceptions(stage)).toEqual([exception])
    expect(stage.counted).toContain("exception advice-exhausted")
  })

  it("that its upstream knew needs nobody to look at a late approval", () => {
    const stage = new Stage()
    doubtful(stage)
    end(stage, { state: "acknowledged" })
    const answer = { approved: true, response: "00", response1987: "00" }
    for (const listener of stage.upstreams.late) listener(stage.records[0]!.id, answer)
    expect(exceptions(stage)).toEqual([])
    expect(stage.counted).toContain("late a true")
  })

  it("that its upstream knew nothing of does not hide a late approval: people hear of it", () => {
    const stage = new Stage()
    doubtful(stage)
    const record = { ...stage.advices.started[0]!, state: "acknowledged" } as const
    stage.advices.end({ record, unknown: true })
    stage.journal.sync()
    const { id } = stage.records[0]!
    for (const approved of [false, true]) {
      const answer = { approved, response: "00", response1987: "00" }
      for (const listener of stage.upstreams.late) listener(id, answer)
      expect(exceptions(stage)).toHaveLength(approved ? 1 : 0)
    }
    expect(exceptions(stage)).toMatchObject([
      { transaction: id, reason: "late-approval", detail: "late approval 00 after state reversed" }
    ])
    const answer = { approved: true, response: "00", response1987: "00" }
    for (const listener of stage.upstreams.late) listener("unknown", answer)
    expect(exceptions(stage)).toHaveLength(1)
    expect(stage.counted.slice(-4)).toEqual([
      "late a false",
      "late a true",
      "exception late-approval",
      "late  true"
    ])
  })

  it("begins when an answer is not one, as when none came", () => {
    const stage = new Stage()
    const asker = stage.ask()
    stage.journal.sync()
    stage.last.end({ _tag: "invalid" } as never)
    stage.journal.sync()
    expect(stage.advices.started).toMatchObject([{ reason: "answer-invalid" }])
    expect(asker.verdict?.approved).toBe(false)
  })
})

describe("admission", () => {
  it("is by the profile's kinds and channels, and takes nothing when the journal has failed", () => {
    const stage = new Stage()
    const strict = { ...profile, kinds: new Set(["sale"] as const) }
    const chips = { ...profile, channels: new Set(["chip"] as const) }
    expect(stage.ask(stage.sale({ kind: "preauth", profile: strict })).verdict?.failure)
      .toBe("kind-forbidden")
    expect(stage.ask(stage.sale({ channel: "swipe" as never, profile: chips })).verdict?.failure)
      .toBe("kind-forbidden")
    stage.journal.level = "failed"
    const reversal = new FakeAsker()
    stage.desk.submit(reversalOf(stage, stage.sale()), reversal)
    expect(reversal.verdict?.failure).toBe("journal-failed")
    expect(stage.records).toEqual([])
  })
})
