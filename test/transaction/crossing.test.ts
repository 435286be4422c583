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

  it("opens its chain when the void was refused", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    stage.ask(stage.sale({ kind: "void", original: { stan: submission.stan } }))
    stage.journal.sync()
    stage.answer("05")
    stage.journal.sync()
    stage.ask(reversalOf(stage, submission.stan))
    stage.journal.sync()
    expect(stage.advices.started).toHaveLength(1)
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

  it("is people's when it is taken back after its original has gone", () => {
    const { original, stage, submission } = oldest()
    const named = { original: { stan: submission.stan } }
    const voided = stage.sale({ kind: "void", ...named })
    stage.approved(voided)
    stage.time.pass(3 * keepMs, 1_000)
    expect(stage.journal.has("transactions", original.id)).toBe(false)
    stage.ask(reversalOf(stage, voided.stan))
    stage.journal.sync()
    expect(stage.advices.started).toEqual([])
    expect(stage.records.find(({ kind }) => kind === "void")?.state).toBe("exception")
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

describe("a reversal while a void of the same sale is under way", () => {
  /** A sale, its void in flight, and the reversal that is acknowledged meanwhile. */
  function crossed() {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    const [sold] = stage.records
    stage.ask(stage.sale({ kind: "void", original: { stan: submission.stan } }))
    stage.journal.sync()
    const reversal = stage.ask(reversalOf(stage, submission.stan))
    stage.journal.sync()
    expect(reversal.delivered).toEqual(["answer 00"])
    expect(stage.advices.started).toEqual([])
    const state = (of: Stage) => of.journal.get("transactions", sold!.id)?.state
    expect(state(stage)).toBe("reversing")
    return { stage, sold: sold!, submission, state }
  }

  const reversed = (stage: Stage) => stage.advices.started.map(({ transaction }) => transaction)

  it("leaves it to the void, which the upstream approves", () => {
    const { sold, stage, state, submission } = crossed()
    stage.answer("00")
    stage.journal.sync()
    stage.journal.sync()
    expect(stage.advices.started).toEqual([])
    expect([...stage.journal.keys("advices")]).toEqual([])
    expect(state(stage)).toBe("answered")
    expect(stage.journal.get("transactions", sold.id)?.taken).toBe(100)
    const again = stage.ask(stage.sale({ kind: "void", original: { stan: submission.stan } }))
    expect(again.verdict?.failure).toBe("original-state")
  })

  it("begins once, when the void was approved before the reversal was on disk", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    stage.ask(stage.sale({ kind: "void", original: { stan: submission.stan } }))
    stage.journal.sync()
    stage.ask(reversalOf(stage, submission.stan))
    stage.answer("00")
    stage.journal.sync()
    stage.journal.sync()
    expect(stage.advices.started).toEqual([])
    expect(stage.records[0]).toMatchObject({ state: "answered", taken: 100 })
  })

  it("goes out after all when the approved void is undone later", () => {
    const { sold, stage, state } = crossed()
    const voided = stage.records.find(({ kind }) => kind === "void")!
    stage.answer("00")
    stage.journal.sync()
    stage.journal.sync()
    expect(stage.journal.get("transactions", sold.id)?.failure).toBe("taken-back")
    stage.ask(reversalOf(stage, voided.stan))
    stage.journal.sync()
    expect(reversed(stage)).toEqual([voided.id])
    end(stage, "acknowledged")
    expect(reversed(stage)).toEqual([voided.id, sold.id])
    expect(stage.journal.get("transactions", sold.id)?.taken).toBe(0)
    end(stage, "acknowledged")
    expect(state(stage)).toBe("reversed")
    expect([...stage.journal.keys("advices")]).toEqual([])
  })

  it("is people's when the void was approved in part", () => {
    const { sold, stage, state } = crossed()
    stage.answer("10", {
      approved: true,
      approvedAmount: { minor: 77, currency: "156" }
    })
    stage.journal.sync()
    stage.journal.sync()
    expect(stage.journal.get("transactions", sold.id)?.taken).toBe(77)
    expect(state(stage)).toBe("exception")
  })

  it("goes out when the upstream declines the void, and not before that is on disk", () => {
    const { sold, stage, state } = crossed()
    stage.answer("05")
    expect(stage.advices.started).toEqual([])
    stage.journal.sync()
    expect(reversed(stage)).toEqual([sold.id])
    end(stage, "acknowledged")
    expect(state(stage)).toBe("reversed")
  })

  it("waits for the end of the void's own reversal when nobody knows what came of it", () => {
    const { sold, stage, state } = crossed()
    stage.last.end({ _tag: "timed-out" })
    stage.journal.sync()
    expect(reversed(stage)).not.toContain(sold.id)
    expect(stage.advices.started).toHaveLength(1)
    end(stage, "acknowledged")
    expect(reversed(stage)[1]).toBe(sold.id)
    end(stage, "acknowledged")
    expect(state(stage)).toBe("reversed")
  })

  it("is people's together with the void whose own reversal nobody acknowledged", () => {
    const { sold, stage, state } = crossed()
    stage.last.end({ _tag: "timed-out" })
    stage.journal.sync()
    end(stage, "exhausted")
    stage.journal.sync()
    expect(stage.advices.started).toHaveLength(1)
    expect(state(stage)).toBe("exception")
    expect(stage.journal.fed).toContainEqual({
      table: "exceptions",
      row: expect.objectContaining({ transaction: sold.id, reason: "terminal-reversal" })
    })
  })

  it("gives the rest to people when a refund of a part is approved", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.approved(submission)
    stage.ask(refund(stage, submission.stan, 40))
    stage.journal.sync()
    stage.ask(reversalOf(stage, submission.stan))
    stage.journal.sync()
    stage.answer("00")
    stage.journal.sync()
    expect(stage.advices.started).toEqual([])
    expect(stage.records[0]?.state).toBe("exception")
    expect(stage.counted).toContain("exception terminal-reversal")
  })

  it("waits across a restart, and goes out when the void was undone", () => {
    const { sold, stage: before, state } = crossed()
    const stage = new Stage(before.journal)
    stage.recover()
    expect(stage.advices.started).toHaveLength(1)
    expect(reversed(stage)).not.toContain(sold.id)
    end(stage, "acknowledged")
    expect(reversed(stage)[1]).toBe(sold.id)
    expect(state(stage)).toBe("reversing")
  })

  it("is left to a void that a restart found approved", () => {
    const { stage: before, state } = crossed()
    // On disk, and the process ended before it did anything about it.
    before.answer("00")
    const stage = new Stage(before.journal)
    stage.recover()
    stage.journal.sync()
    expect(stage.advices.started).toEqual([])
    expect([...stage.journal.keys("advices")]).toEqual([])
    expect(state(stage)).toBe("answered")
  })

  it("lets go of what its transaction followed itself, when that was given back", () => {
    const stage = new Stage()
    const preauth = stage.sale({ kind: "preauth" })
    stage.approved(preauth)
    const completion = stage.sale({ kind: "completion", original: { stan: preauth.stan } })
    stage.approved(completion)
    stage.ask(stage.sale({ kind: "completion-void", original: { stan: completion.stan } }))
    stage.journal.sync()
    stage.ask(reversalOf(stage, completion.stan))
    stage.ask(reversalOf(stage, preauth.stan))
    stage.journal.sync()
    expect(stage.advices.started).toEqual([])
    stage.answer("00")
    for (let turn = 0; turn < 3; turn++) stage.journal.sync()
    expect([...stage.journal.keys("advices")]).toEqual([])
    expect(stage.records.map(({ state }) => state).slice(0, 3))
      .toEqual(["answered", "answered", "answered"])
  })
})
