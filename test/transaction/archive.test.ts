/** Follow-ons whose original has left the journal: PostgreSQL is asked, and nothing waits for it. */

import { describe, expect, it } from "vitest"
import type { Rrn, TransactionId } from "../../src/domain/brand.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { keepMs } from "../../src/transaction/recalled.ts"
import { Stage } from "./stage.ts"

const id = "018bcfe5-6800-7000-8000-00000000a000" as TransactionId
const rrn = "123456789012" as Rrn

/** A sale of last month, as PostgreSQL gives it back: nothing sealed is there. */
function stored(change: Partial<TransactionRecord> = {}): TransactionRecord {
  const stage = new Stage()
  stage.approved(stage.sale({ rrn }))
  const { sealed: _, ...record } = stage.records[0]!
  return { ...record, id, upstream: "b", ...change }
}

const refund = (stage: Stage, amount: number) =>
  stage.sale({ kind: "refund", original: { rrn }, amount })

/** A stage that asks, and waits. */
function asking(): Stage {
  const stage = new Stage()
  stage.archived = undefined
  return stage
}

describe("a follow-on of an original that PostgreSQL has", () => {
  it("waits for it alone, then goes to the original's upstream with its references", () => {
    const stage = asking()
    const original = stored()
    const refunded = stage.ask(refund(stage, 40))
    expect(stage.asked[0]?.question).toMatchObject({ kinds: ["sale", "completion"], rrn })
    expect(stage.upstreams.flights).toEqual([])
    expect(stage.records).toEqual([])
    const other = stage.approved()
    expect(other.delivered).toEqual(["answer 00"])
    stage.asked[0]?.answer(original)
    stage.journal.sync()
    expect(stage.last).toMatchObject({ upstream: "b", request: { original: { id: original.id } } })
    expect(stage.last.request.facts.pan).toBe("6235012345678900")
    stage.answer("00")
    stage.journal.sync()
    expect(refunded.delivered).toEqual(["answer 00"])
    expect(stage.journal.get("transactions", original.id)).toMatchObject({ taken: 40 })
    expect(stage.journal.fed).toContainEqual({
      table: "transactions",
      row: expect.objectContaining({ id: original.id, taken: 40, version: original.version + 1 })
    })
  })

  it("takes no more than remains of it there", () => {
    const stage = asking()
    const asker = stage.ask(refund(stage, 40))
    stage.asked[0]?.answer(stored({ taken: 70 }))
    stage.journal.sync()
    expect(asker.verdict?.failure).toBe("amount-exceeds")
    expect(stage.upstreams.flights).toEqual([])
  })

  it("cannot share it with another that asked at the same time", () => {
    const stage = asking()
    const original = stored()
    stage.ask(refund(stage, 60))
    const second = stage.ask(refund(stage, 60))
    for (const { answer } of stage.asked) answer(original)
    stage.journal.sync()
    expect(stage.upstreams.flights).toHaveLength(1)
    expect(second.verdict?.failure).toBe("amount-exceeds")
  })

  it("gives back what was declined, and lets the original go when nobody needs it", () => {
    const stage = asking()
    const original = stored()
    stage.ask(refund(stage, 60))
    stage.asked[0]?.answer(original)
    stage.journal.sync()
    stage.time.pass(keepMs + 1_000, 1_000)
    expect(stage.journal.get("transactions", original.id)).toMatchObject({ taken: 60 })
    stage.answer("05")
    stage.journal.sync()
    expect(stage.journal.get("transactions", original.id)).toMatchObject({ taken: 0 })
    stage.time.pass(keepMs + 1_000, 1_000)
    expect(stage.journal.get("transactions", original.id)).toBeUndefined()
    expect(stage.journal.fed.at(-1)).toMatchObject({ row: { id: original.id, taken: 0 } })
  })
})

describe("a follow-on that PostgreSQL is asked for", () => {
  it("is told 25 when it is unknown there, and refused for sure when PostgreSQL is away", () => {
    for (const code of ["original-unknown", "ledger-unavailable"] as const) {
      const stage = asking()
      const asker = stage.ask(refund(stage, 1))
      stage.asked[0]?.answer(code)
      stage.journal.sync()
      expect(asker.verdict?.failure).toBe(code)
      expect(asker.delivered).toEqual([code === "original-unknown" ? "answer 25" : "answer 91"])
      expect(stage.records[0]?.state).toBe("refused")
    }
  })

  it("is joined by its repeat, and one question is asked", () => {
    const stage = asking()
    const submission = refund(stage, 1)
    const asker = stage.ask(submission)
    const again = stage.ask(submission)
    expect(stage.asked).toHaveLength(1)
    stage.asked[0]?.answer("original-unknown")
    stage.journal.sync()
    expect([...asker.delivered, ...again.delivered]).toEqual(["answer 25", "answer 25"])
  })

  it("never leaves when its terminal takes it back meanwhile", () => {
    const stage = asking()
    const submission = refund(stage, 1)
    const asker = stage.ask(submission)
    const undo = stage.ask(stage.sale({
      kind: "reversal",
      original: { stan: submission.stan, batch: "000001" }
    }))
    stage.journal.sync()
    expect(undo.delivered).toEqual(["answer 00"])
    stage.asked[0]?.answer(stored())
    stage.journal.sync()
    expect(asker.verdict?.approved).toBe(false)
    expect(stage.upstreams.flights).toEqual([])
  })

  it("names nothing: it is told 25, and nobody is asked", () => {
    const stage = asking()
    const asker = stage.ask(stage.sale({ kind: "refund", original: {}, amount: 1 }))
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 25"])
    expect(stage.asked).toEqual([])
  })
})
