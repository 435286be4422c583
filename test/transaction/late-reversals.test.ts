/** Reversals that come when their original has left the terminal's window. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { AdviceRecord } from "../../src/domain/advice.ts"
import type { Stan, TransactionId } from "../../src/domain/brand.ts"
import type { FailureCode } from "../../src/domain/failures.ts"
import type { Submission } from "../../src/domain/ports/transactions.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { askAgainMs, maxSought } from "../../src/transaction/late-reversals.ts"
import { keepMs } from "../../src/transaction/recalled.ts"
import { recentPerTerminal } from "../../src/transaction/recent.ts"
import { Stage } from "./stage.ts"
import { open } from "./written.ts"

const reversalOf = (stage: Stage, { stan }: Submission, change: Partial<Submission> = {}) =>
  stage.sale({ kind: "reversal", mti: "0400", stan, ...change })

/** With what the disk has: the old process can do it no more harm. */
function restarted(before: Stage): Stage {
  const after = new Stage()
  after.archived = undefined
  for (const [name, rows] of before.journal.tables) after.journal.tables.set(name, new Map(rows))
  after.recover()
  return after
}

/** So many more that what was there before is in the window no longer. */
function pass(stage: Stage): void {
  for (let count = 0; count < recentPerTerminal; count++) stage.approved()
}

describe("a reversal of what fell out of the window and is in the journal all the same", () => {
  it("takes back a sale that is still in flight", () => {
    const stage = new Stage()
    const submission = stage.sale()
    const asker = stage.ask(submission)
    stage.journal.sync()
    const flight = stage.last
    pass(stage)
    const reversal = stage.ask(reversalOf(stage, submission))
    stage.journal.sync()
    expect(reversal.delivered).toEqual(["answer 00"])
    flight.end({ _tag: "answered", answer: { approved: true, response: "00", response1987: "00" } })
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 68"])
    expect(stage.advices.started).toMatchObject([{ reason: "terminal-reversal" }])
  })

  it("takes back one whose delivery a restart left in doubt", () => {
    const before = new Stage()
    const submission = before.sale()
    before.ask(submission)
    before.journal.sync()
    before.answer("00")
    const stage = restarted(before)
    for (let count = 0; count < recentPerTerminal; count++) stage.approved(again(stage, count))
    stage.ask(reversalOf(stage, submission))
    stage.journal.sync()
    expect(stage.advices.started).toMatchObject([{ reason: "terminal-reversal" }])
    expect(stage.asked).toEqual([])
  })
})

/** After a restart the stage counts from the beginning. */
function again(stage: Stage, count: number): Submission {
  return stage.sale({ stan: String(100 + count).padStart(6, "0") as Submission["stan"] })
}

const id = "018bcfe5-6700-7000-8000-00000000a000" as TransactionId
const pan = "6235012345678900"
/** Numbers go round: what the stage asks comes after it. */
const stan = "999900" as Stan

/** A sale of yesterday, as PostgreSQL gives it back: nothing sealed is there. */
function stored(change: Partial<TransactionRecord> = {}): TransactionRecord {
  const stage = new Stage()
  stage.approved(stage.sale({ stan }))
  const { sealed: _, ...record } = stage.records[0]!
  return { ...record, id, upstream: "b", ...change }
}

const undo = (stage: Stage, change: Partial<Submission> = {}) =>
  stage.sale({ kind: "reversal", mti: "0400", stan, ...change })

/** Somebody reverses what is not in the journal; PostgreSQL is asked, and has not answered. */
function sought(change: Partial<Submission> = {}) {
  const stage = new Stage()
  stage.archived = undefined
  const submission = undo(stage, change)
  const asker = stage.ask(submission)
  stage.journal.sync()
  return { asker, stage, submission }
}

const own = (stage: Stage) => stage.records.filter(({ kind }) => kind === "reversal")

const exceptions = (stage: Stage) =>
  stage.journal.fed.flatMap((each) => each.table === "exceptions" ? [each.row] : [])

function end(stage: Stage, state: AdviceRecord["state"] = "acknowledged"): void {
  stage.advices.end({ record: { ...stage.advices.started.at(-1)!, state } })
  stage.journal.sync()
}

describe("a reversal whose original has left the journal", () => {
  it("is acknowledged, and owed when PostgreSQL has the original", () => {
    const { asker, stage } = sought()
    expect(asker.delivered).toEqual(["answer 00"])
    const [reversal] = own(stage)
    expect(reversal).toMatchObject({ state: "answered", failure: "original-sought" })
    expect(stage.asked.map(({ question }) => question)).toMatchObject([{
      terminal: reversal!.terminal,
      stan,
      batch: "000001",
      amount: 100,
      panMask: "623501******8900",
      before: reversal!.id
    }])
    expect(stage.asked[0]!.question.kinds).toContain("sale")
    stage.asked[0]!.answer(stored())
    expect(stage.advices.started).toEqual([])
    stage.journal.sync()
    expect(stage.advices.started).toMatchObject([
      { transaction: id, upstream: "b", reason: "terminal-reversal" }
    ])
    const { facts, record } = open(stage, stage.journal.get("transactions", id)!)
    expect(record).toMatchObject({ state: "reversing", version: stored().version + 1 })
    expect(facts).toMatchObject({ pan })
    expect(open(stage, own(stage)[0]!)).toMatchObject({ facts: {}, record: { original: id } })
    expect(own(stage)[0]!.failure).toBeUndefined()
    expect(stage.counted).toContain("original found")
  })

  it("keeps the original in the journal for as long as its chain needs it", () => {
    const { stage } = sought()
    stage.asked[0]!.answer(stored())
    stage.journal.sync()
    stage.time.pass(3 * keepMs, 1_000)
    end(stage)
    expect(stage.journal.get("transactions", id)?.state).toBe("reversed")
    stage.time.pass(2 * keepMs, 1_000)
    expect(stage.journal.has("transactions", id)).toBe(false)
    expect(stage.journal.fed.findLast(({ row }) => "id" in row && row.id === id)).toMatchObject({
      row: { state: "reversed" }
    })
  })

  it("names another transaction than its own number where its message does", () => {
    const { stage } = sought({ stan: "999901" as Stan, original: { stan, batch: "000004" } })
    expect(stage.asked[0]!.question).toMatchObject({ stan, batch: "000004" })
  })

  it("owes nothing for what was declined, or is reversed already", () => {
    const ends = [
      { approved: false },
      { state: "reversing" },
      { state: "reversed" },
      { state: "exception" }
    ] as const
    for (const change of ends) {
      const { stage } = sought()
      stage.asked[0]!.answer(stored(change))
      stage.journal.sync()
      expect(stage.advices.started).toEqual([])
      expect(own(stage)[0]).toMatchObject({ original: id })
      expect(stage.journal.has("transactions", id)).toBe(false)
    }
  })

  it("is for people to end when a part of the original was given back", () => {
    const { stage } = sought()
    stage.asked[0]!.answer(stored({ taken: 40 }))
    stage.journal.sync()
    expect(stage.advices.started).toEqual([])
    expect(exceptions(stage)).toMatchObject([{ transaction: id, reason: "terminal-reversal" }])
    stage.time.pass(2 * keepMs, 1_000)
    expect(stage.journal.has("transactions", id)).toBe(false)
  })

  it("is for people to end when it takes back a void whose sale is not here either", () => {
    const { stage } = sought()
    const original = "018bcfe5-6600-7000-8000-00000000a000" as TransactionId
    stage.asked[0]!.answer(stored({ kind: "void", original }))
    stage.journal.sync()
    expect(stage.advices.started).toEqual([])
    const detail = `void of 100 is taken back, and ${original}, from which it took, has left the ` +
      "journal"
    expect(exceptions(stage)).toMatchObject([
      { transaction: id, reason: "terminal-reversal", detail }
    ])
    expect(own(stage)).toMatchObject([{ original: id }])
  })

  it("is told its stored answer when it comes again, and nobody is asked twice", () => {
    const { stage, submission } = sought()
    expect(stage.ask(submission).delivered).toEqual(["answer 00"])
    stage.asked[0]!.answer(stored())
    stage.journal.sync()
    expect(stage.ask(submission).delivered).toEqual(["answer 00"])
    expect(stage.asked).toHaveLength(1)
    expect(stage.advices.started).toHaveLength(1)
  })

  it("opens one chain when two of them found the same", () => {
    const { stage } = sought()
    stage.ask(undo(stage, { key: "another" }))
    stage.journal.sync()
    for (const { answer } of stage.asked) answer(stored())
    stage.journal.sync()
    expect(stage.advices.started).toHaveLength(1)
    expect(own(stage).map(({ original }) => original)).toEqual([id, id])
  })

  it("waits for a refund of the original that is under way, and then takes back the rest", () => {
    const { stage } = sought()
    const refund = stage.sale({ kind: "refund", amount: 40, original: { rrn: "123456789012" } })
    stage.ask(refund)
    stage.asked[1]!.answer(stored())
    stage.journal.sync()
    stage.asked[0]!.answer(stored())
    stage.journal.sync()
    expect(stage.advices.started).toEqual([])
    stage.answer("05")
    stage.journal.sync()
    expect(stage.advices.started).toMatchObject([{ transaction: id }])
  })
})

describe("a reversal that PostgreSQL knows nothing of, or says nothing of", () => {
  it("ends as unknown", () => {
    const { stage } = sought()
    stage.asked[0]!.answer("original-unknown")
    expect(own(stage)).toMatchObject([{ failure: "original-unknown", version: 2 }])
    expect(stage.journal.fed.at(-1)).toMatchObject({ row: { failure: "original-unknown" } })
    expect([...stage.journal.keys("state")].filter((key) => key.startsWith("sought"))).toEqual([])
    expect(exceptions(stage)).toEqual([])
  })

  it("is looked for again after a while, for as long as PostgreSQL is away", () => {
    const { stage } = sought()
    for (let time = 1; time < 20; time++) {
      stage.asked.at(-1)!.answer("ledger-unavailable")
      // One that comes meanwhile is acknowledged, and asks nobody either.
      const other = stage.ask(undo(stage, { key: `other ${time}`, stan: "000888" as Stan }))
      stage.journal.sync()
      expect(other.delivered).toEqual(["answer 00"])
      expect(stage.asked.length).toBeLessThanOrEqual(8 * time)
      const before = stage.asked.length
      stage.time.pass(askAgainMs - 100, 100)
      expect(stage.asked).toHaveLength(before)
      stage.time.pass(200, 100)
      expect(stage.asked.length).toBeGreaterThan(before)
    }
  })

  it("has a bounded number of questions under way, and the others follow", () => {
    const { stage } = sought()
    for (let count = 0; count < 20; count++) stage.ask(undo(stage, { key: `${count}` }))
    stage.journal.sync()
    expect(stage.asked).toHaveLength(8)
    for (let at = 0; at < stage.asked.length; at++) stage.asked[at]!.answer("original-unknown")
    expect(stage.asked).toHaveLength(21)
    expect(own(stage).every(({ failure }) => failure === "original-unknown")).toBe(true)
  })

  it("is handed to people when there is no room for it", () => {
    const stage = new Stage()
    stage.archived = undefined
    for (let count = 0; count < maxSought; count++) {
      const other = String(count) as TransactionId
      stage.desk.floor.sought.set(other, {} as never)
    }
    const asker = stage.ask(undo(stage))
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 00"])
    expect(stage.asked).toEqual([])
    expect(own(stage)).toMatchObject([{ failure: "original-unknown" }])
    expect(exceptions(stage)).toMatchObject([{
      transaction: own(stage)[0]!.id,
      reason: "original-not-sought",
      detail: "reversal of 999900 batch 000001 terminal T0000001 amount 100 card 623501******8900"
    }])
  })
})

describe("a restart", () => {
  it("goes on looking, also for what fell out of the window meanwhile", () => {
    const { stage: before } = sought()
    pass(before)
    expect(own(before)).toHaveLength(1)
    const after = restarted(before)
    expect(after.asked).toMatchObject([{ question: before.asked[0]!.question }])
    after.asked[0]!.answer(stored())
    after.journal.sync()
    expect(after.advices.started).toMatchObject([{ transaction: id }])
    expect(open(after, after.journal.get("transactions", id)!).facts).toMatchObject({ pan })
    expect(own(after)).toEqual([])
    expect(after.journal.fed.find(({ row }) => "kind" in row && row.kind === "reversal"))
      .toMatchObject({ row: { original: id } })
  })

  it("hands to people, by name, what it cannot read, and goes on with the others", () => {
    const { stage: before } = sought()
    before.ask(undo(before, { stan: "999901" as Stan }))
    before.journal.sync()
    const [broken, whole] = own(before)
    const state = before.journal.tables.get("state")!
    const kept = state.get(`sought:${broken!.id}`) as Record<string, unknown>
    const { terminal: _, ...unsaid } = kept
    for (
      const value of [7, "text", unsaid, { ...kept, kinds: ["gift"] }, { ...kept, amount: "1" }]
    ) {
      state.set(`sought:${broken!.id}`, value)
      const after = restarted(before)
      expect(after.asked).toMatchObject([{ question: { before: whole!.id } }])
      expect(exceptions(after)).toMatchObject([{
        transaction: broken!.id,
        reason: "original-not-sought",
        detail: `what reversal ${broken!.stan} looks for is unreadable: terminal T0000001 ` +
          "amount 100 card 623501******8900"
      }])
      expect(after.journal.has("state", `sought:${broken!.id}`)).toBe(false)
      expect(own(after)).toMatchObject([{ failure: "original-unknown" }, {
        failure: "original-sought"
      }])
    }
  })

  it("looks for nothing that was found", () => {
    const { stage: before } = sought()
    before.asked[0]!.answer(stored())
    before.journal.sync()
    const after = restarted(before)
    expect(after.asked).toEqual([])
    expect(after.advices.started).toMatchObject([{ transaction: id }])
  })
})

/** What happens to reversals of one sale, to PostgreSQL and to the switch. */
const happenings = ["reverse", "sell", "answer", "away", "wait", "end", "restart"] as const

/** The sale is in PostgreSQL alone; one reversal after the other, and switch after switch. */
class Story {
  stage = new Stage()
  reversals = 0
  #sold = 0
  readonly #fed: Array<Stage["journal"]["fed"]> = [this.stage.journal.fed]
  /** What PostgreSQL had when it was asked; undefined: it has answered. */
  readonly #found = new Map<object, TransactionRecord | undefined>()

  constructor() {
    this.stage.archived = undefined
  }

  get rows(): Array<TransactionRecord> {
    return this.#fed.flat().flatMap((each) => each.table === "transactions" ? [each.row] : [])
  }

  get sale(): TransactionRecord {
    return this.rows.findLast((row) => row.id === id) ?? stored()
  }

  get #questions() {
    return this.stage.asked.filter((each) => this.#found.get(each) !== undefined)
  }

  happens(what: typeof happenings[number]): void {
    const { advices, journal, time } = this.stage
    const [question] = this.#questions
    if (what === "reverse") this.stage.ask(undo(this.stage, { key: `${++this.reversals}` }))
    if (what === "sell") this.stage.approved(again(this.stage, ++this.#sold))
    if (what === "answer" && question !== undefined) this.#say(question, this.#found.get(question)!)
    if (what === "away" && question !== undefined) this.#say(question, "ledger-unavailable")
    if (what === "wait") {
      // It has patience for seconds alone.
      for (const each of this.#questions) this.#say(each, "ledger-unavailable")
      time.pass(askAgainMs + 100, 100)
    }
    if (what === "end" && journal.has("advices", id) && advices.started.length > 0) end(this.stage)
    if (what === "restart") {
      this.stage = restarted(this.stage)
      this.#fed.push(this.stage.journal.fed)
    }
    this.stage.journal.sync()
    for (const each of this.stage.asked) {
      if (!this.#found.has(each)) this.#found.set(each, this.sale)
    }
  }

  #say(question: Stage["asked"][number], answer: TransactionRecord | FailureCode): void {
    this.#found.set(question, undefined)
    if (typeof answer === "string") return question.answer(answer)
    const { sealed: _, ...record } = answer
    question.answer(record)
  }
}

describe("whatever happens to reversals of a sale that has left the journal", () => {
  it("each ends, and together they are owed one chain", () => {
    fc.assert(fc.property(
      fc.array(fc.constantFrom(...happenings), { maxLength: 40, size: "max" }),
      (order) => {
        const story = new Story()
        for (const what of order) story.happens(what)
        for (let turn = 0; turn < 2 * order.length; turn++) {
          story.happens("wait")
          for (let place = 0; place < 8; place++) story.happens("answer")
          story.happens("end")
        }
        const last = new Map(story.rows.map((row) => [row.id, row]))
        const reversals = [...last.values()].filter(({ kind }) => kind === "reversal")
        expect(reversals.map(({ original }) => original)).toEqual(
          Array.from({ length: story.reversals }, () => id)
        )
        expect(story.sale.state).toBe(story.reversals > 0 ? "reversed" : "answered")
        expect(story.rows.filter(({ state }) => state === "reversing").length).toBe(
          Math.min(1, story.reversals)
        )
      }
    ))
  })
})
