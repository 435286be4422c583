/**
 * What crosses on its way: a terminal's reversal beside the approval that it takes back, before
 * anybody knows whether that approval was delivered (I3), and a follow-on beside the end of its
 * original's place in the window.
 */

import { describe, expect, it } from "vitest"
import type { AdviceRecord } from "../../src/domain/advice.ts"
import type { Stan } from "../../src/domain/brand.ts"
import { keepMs } from "../../src/transaction/recalled.ts"
import { recentPerTerminal } from "../../src/transaction/recent.ts"
import { FakeAsker, Stage } from "./stage.ts"

/** Its answers wait for their MAC until `seal`. */
class SealingAsker extends FakeAsker {
  readonly #waiting: Array<() => void> = []

  override prepare(verdict: Parameters<FakeAsker["prepare"]>[0]) {
    return this.#late(super.prepare(verdict))
  }

  override repeat(body: Uint8Array) {
    return this.#late(super.repeat(body))
  }

  seal(): void {
    for (const deliver of this.#waiting.splice(0)) deliver()
  }

  #late({ body, deliver }: ReturnType<FakeAsker["repeat"]>) {
    return {
      body,
      deliver: (handed: (live: boolean) => void) => void this.#waiting.push(() => deliver(handed))
    }
  }
}

const reversalOf = (stage: Stage, stan: string) =>
  stage.sale({ kind: "reversal", mti: "0400", stan: stan as Stan })

const refund = (stage: Stage, stan: string, amount: number) =>
  stage.sale({ kind: "refund", amount, original: { stan } })

/** The chain that was started last ends as the upstream says. */
function end(stage: Stage, state: AdviceRecord["state"]): void {
  const record: AdviceRecord = { ...stage.advices.started.at(-1)!, state }
  stage.advices.end({ record })
  stage.journal.sync()
}

describe("a reversal that crosses the approval it takes back", () => {
  for (const state of ["acknowledged", "exhausted"] as const) {
    it(`is the only chain when that ends ${state} before the grace of a dead socket does`, () => {
      const stage = new Stage()
      const submission = stage.sale()
      const asker = stage.ask(submission)
      asker.live = false
      stage.journal.sync()
      stage.answer("00")
      // The approval is not on disk yet, the terminal has come back on another socket.
      stage.ask(reversalOf(stage, submission.stan))
      stage.journal.sync()
      expect(stage.advices.started.map(({ reason }) => reason)).toEqual(["terminal-reversal"])
      end(stage, state)
      stage.time.pass(10_000)
      stage.journal.sync()
      expect(stage.advices.started).toHaveLength(1)
      expect(stage.records[0]?.state).toBe(state === "acknowledged" ? "reversed" : "exception")
    })
  }

  it("is not undone by a repeat of a delivery in doubt whose answer was being sealed", () => {
    const before = new Stage()
    const submission = before.sale()
    before.ask(submission)
    before.journal.sync()
    before.answer("00")
    const stage = new Stage(before.journal)
    stage.recover()
    expect(stage.records[0]?.state).toBe("delivery-unconfirmed")
    const repeat = new SealingAsker()
    stage.desk.submit(submission, repeat)
    stage.ask(reversalOf(stage, submission.stan))
    stage.journal.sync()
    repeat.seal()
    expect(stage.records[0]?.state).toBe("reversing")
    end(stage, "acknowledged")
    expect(stage.records[0]?.state).toBe("reversed")
  })
})

describe("a reversal of what follow-ons gave back", () => {
  const exceptions = (stage: Stage) =>
    stage.journal.fed.flatMap((each) => each.table === "exceptions" ? [each.row] : [])

  it("owes nothing when all of it was given back: the money would go twice", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    stage.approved(stage.sale({ kind: "void", original: { stan: submission.stan } }))
    const asker = stage.ask(reversalOf(stage, submission.stan))
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 00"])
    expect(stage.advices.started).toEqual([])
    expect(exceptions(stage)).toEqual([])
    expect(stage.records[0]?.state).toBe("answered")
  })

  it("is for people to end when a part of it was", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    stage.approved(refund(stage, submission.stan, 60))
    const asker = stage.ask(reversalOf(stage, submission.stan))
    stage.journal.sync()
    expect(asker.delivered).toEqual(["answer 00"])
    expect(stage.advices.started).toEqual([])
    expect(exceptions(stage)).toMatchObject([{
      reason: "terminal-reversal",
      detail: "sale of 100 is taken back, and 60 of it had been given back"
    }])
    expect(stage.records.find(({ stan }) => stan === submission.stan)?.state).toBe("exception")
  })

  it("opens its chain when the void was refused, or may still be", () => {
    const stage = new Stage()
    const [first, second] = [stage.sale(), stage.sale()]
    for (const submission of [first, second]) stage.approved(submission)
    stage.ask(stage.sale({ kind: "void", original: { stan: first.stan } }))
    stage.journal.sync()
    stage.answer("05")
    stage.journal.sync()
    stage.ask(reversalOf(stage, first.stan))
    stage.ask(stage.sale({ kind: "void", original: { stan: second.stan } }))
    stage.journal.sync()
    stage.ask(reversalOf(stage, second.stan))
    stage.journal.sync()
    expect(stage.advices.started).toHaveLength(2)
  })

  it("is not owed for want of delivery either", () => {
    const stage = new Stage()
    const submission = stage.sale()
    const asker = stage.ask(submission)
    asker.live = false
    stage.journal.sync()
    stage.answer("00")
    stage.journal.sync()
    stage.approved(stage.sale({ kind: "void", original: { stan: submission.stan } }))
    stage.time.pass(60_000, 1000)
    stage.journal.sync()
    expect(stage.advices.started).toEqual([])
  })
})

describe("a follow-on of the oldest that the window holds", () => {
  function oldest() {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    for (let count = 1; count < recentPerTerminal; count++) stage.approved()
    return { original: stage.records[0]!, stage, submission }
  }

  it("leaves nothing in the journal that nobody removes", () => {
    const { original, stage, submission } = oldest()
    stage.approved(refund(stage, submission.stan, 60))
    stage.time.pass(3 * keepMs, 1_000)
    expect(stage.journal.has("transactions", original.id)).toBe(false)
  })

  it("gives back what it took when it is reversed", () => {
    const { original, stage, submission } = oldest()
    stage.ask(stage.sale({ kind: "void", original: { stan: submission.stan } }))
    stage.journal.sync()
    stage.approved()
    stage.upstreams.flights.at(-2)!.end({ _tag: "timed-out" })
    stage.journal.sync()
    stage.time.pass(3 * keepMs, 1_000)
    end(stage, "acknowledged")
    const told = stage.journal.fed.flatMap((each) =>
      each.table === "transactions" && each.row.id === original.id ? [each.row] : []
    )
    expect(told.at(-1)?.taken).toBe(0)
    stage.time.pass(3 * keepMs, 1_000)
    expect(stage.journal.has("transactions", original.id)).toBe(false)
  })
})

describe("the body of an answer", () => {
  it("is wiped once everybody who asked has a copy, and not before (I6)", () => {
    const stage = new Stage()
    const submission = stage.sale()
    const first = new FakeAsker()
    const prepared = first.prepare({ approved: true, response1987: "00" })
    first.prepare = () => prepared
    const second = new SealingAsker()
    stage.desk.submit(submission, first)
    stage.desk.submit(submission, second)
    stage.journal.sync()
    stage.answer("00")
    stage.journal.sync()
    expect(first.delivered).toEqual(["answer 00"])
    expect(prepared.body.some((byte) => byte !== 0)).toBe(true)
    second.seal()
    expect(second.delivered).toEqual(["answer 00"])
    expect(prepared.body.every((byte) => byte === 0)).toBe(true)
  })
})

describe("a void", () => {
  it("that names less than its original, and is reversed, leaves all of it to the next one", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    const original = { stan: submission.stan }
    stage.ask(stage.sale({ kind: "void", amount: 60, original }))
    stage.journal.sync()
    stage.last.end({ _tag: "timed-out" })
    stage.journal.sync()
    end(stage, "acknowledged")
    const again = stage.approved(stage.sale({ kind: "void", original }))
    expect(again.delivered).toEqual(["answer 00"])
  })
})
