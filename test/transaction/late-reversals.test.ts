/** Reversals that come when their original has left the terminal's window. */

import { describe, expect, it } from "vitest"
import type { Submission } from "../../src/domain/ports/transactions.ts"
import { recentPerTerminal } from "../../src/transaction/recent.ts"
import { Stage } from "./stage.ts"

const reversalOf = (stage: Stage, { stan }: Submission, change: Partial<Submission> = {}) =>
  stage.sale({ kind: "reversal", mti: "0400", stan, ...change })

/** With what the disk has: the old process can do it no more harm. */
function restarted(before: Stage): Stage {
  const after = new Stage()
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
