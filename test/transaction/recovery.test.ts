/** What a restart finds and owes, killed at each step of a transaction's life (P1, P2, P3). */

import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { TransactionId } from "../../src/domain/brand.ts"
import { recentPerTerminal } from "../../src/transaction/recent.ts"
import { chainsAtOnce, recover } from "../../src/transaction/recovery.ts"
import { profile, Stage } from "./stage.ts"

/** A journal as the disk has it: a copy, so that the old process can do it no more harm. */
function restart(before: Stage): Stage {
  const after = new Stage()
  for (const [name, rows] of before.journal.tables) after.journal.tables.set(name, new Map(rows))
  return after
}

function chainOf(stage: Stage) {
  stage.ask()
  stage.journal.sync()
  stage.last.end({ _tag: "timed-out" })
  stage.journal.sync()
  const [chain] = stage.journal.entries("advices")
  return chain!
}

describe("recovery (P1, P2, P3)", () => {
  it("P1: reverses what was forwarded and has no outcome", () => {
    const before = new Stage()
    before.ask()
    before.journal.sync()
    const after = restart(before)
    const found = { records: 1, reversed: 1, unconfirmed: 0, chains: 0 }
    expect(after.recover()).toMatchObject({ _tag: "Success", value: found })
    expect(after.records[0]).toMatchObject({ state: "reversing", failure: "restarted" })
    expect(after.advices.started).toHaveLength(1)
  })

  it("P1: tells who repeats what was in flight that it is declined, not that it is a copy", () => {
    const before = new Stage()
    const submission = before.sale()
    before.ask(submission)
    before.journal.sync()
    const after = restart(before)
    after.recover()
    const { delivered, verdict } = after.ask(submission)
    expect(verdict).toMatchObject({ approved: false, response1987: "68", failure: "restarted" })
    expect(delivered).toEqual(["answer 68"])
    expect(after.upstreams.flights).toEqual([])
  })

  it("P2: marks an approval whose delivery is unknown, and gives it to who repeats", () => {
    const before = new Stage()
    const submission = before.sale()
    before.ask(submission)
    before.journal.sync()
    before.answer("00")
    const after = restart(before)
    const found = { records: 1, reversed: 0, unconfirmed: 1, chains: 0 }
    expect(after.recover()).toMatchObject({ _tag: "Success", value: found })
    expect(after.records[0]?.state).toBe("delivery-unconfirmed")
    expect(after.advices.started).toEqual([])
    expect(after.ask(submission).delivered).toEqual(["answer 00"])
    expect(after.records[0]?.state).toBe("answered")
  })

  it("P2: reverses such an approval where the terminal's profile says so", () => {
    const before = new Stage()
    before.ask()
    before.journal.sync()
    before.answer("00")
    const after = restart(before)
    after.terminals.set(profile.terminal, { ...profile, reverseUnconfirmed: true })
    after.recover()
    expect(after.records[0]).toMatchObject({ state: "reversing", approved: true })
    expect(after.advices.started).toMatchObject([{ reason: "undeliverable" }])
    expect([...after.journal.entries("undelivered")]).toEqual([])
  })

  it("never stands, and sends nothing, when the disk does not take what it found", () => {
    const before = new Stage()
    before.ask()
    before.journal.sync()
    const after = restart(before)
    const fiber = Effect.runFork(recover(after.room, after.desk))
    after.journal.sync("journal-failed")
    expect(fiber.pollUnsafe()).toBeUndefined()
    expect(after.advices.started).toEqual([])
  })

  it("holds an original for no follow-on that has ended", () => {
    const before = new Stage()
    const submission = before.sale()
    before.approved(submission)
    before.approved(
      before.sale({ kind: "refund", amount: 40, original: { stan: submission.stan } })
    )
    const after = restart(before)
    after.recover()
    expect(after.desk.chains.isOwing(after.records[0]!.id)).toBe(false)
  })

  it("removes beside the road what lies outside of a window that nobody asks for", () => {
    const before = new Stage()
    before.approved()
    const [record] = before.records
    for (let count = 1; count <= recentPerTerminal + 5; count++) {
      const id = `${record!.id.slice(0, -4)}${String(count).padStart(4, "0")}` as TransactionId
      const value = { ...record!, id, key: `k${count}` }
      before.journal.note([{ table: "transactions", key: id, value }], [])
    }
    const after = restart(before)
    after.recover()
    after.time.pass(1_000, 100)
    expect(after.records).toHaveLength(recentPerTerminal)
  })

  it("counts on behind the mark on disk where no record has come as far", () => {
    const before = new Stage()
    before.approved()
    before.journal.note([{ table: "state", key: "stan:a", value: "000501" }], [])
    const after = restart(before)
    after.recover()
    expect([...after.upstreams.continued]).toEqual([["a", "000501"]])
  })

  it("keeps what a pending chain refers to, as its upstream is asked by it", () => {
    const before = new Stage()
    const submission = before.sale()
    before.approved(submission)
    const [sold] = before.records
    before.ask(before.sale({ kind: "void", original: { stan: submission.stan } }))
    before.journal.sync()
    before.last.end({ _tag: "timed-out" })
    before.journal.sync()
    const after = restart(before)
    after.journal.tables.get("undelivered")?.clear()
    after.recover()
    expect(after.advices.started).toHaveLength(1)
    expect(after.desk.chains.isOwing(sold!.id)).toBe(true)
  })

  it("lets a batch close decide such a doubt, either way, once", () => {
    const before = new Stage()
    before.ask()
    before.ask()
    before.journal.sync()
    const answer = { approved: true, response: "00", response1987: "00" }
    for (const { end } of before.upstreams.flights) end({ _tag: "answered", answer })
    const after = restart(before)
    after.recover()
    const doubts = after.records.map(({ state }) => state)
    expect(doubts).toEqual(["delivery-unconfirmed", "delivery-unconfirmed"])
    const [had, never] = after.records.map(({ id }) => id)
    after.desk.outcomes.decide({ delivered: [had!], undelivered: [never!] })
    after.journal.sync()
    expect(after.records.map(({ state }) => state)).toEqual(["answered", "reversing"])
    expect(after.advices.started).toEqual([
      expect.objectContaining({ transaction: never, reason: "undeliverable" })
    ])
    expect([...after.journal.entries("undelivered")]).toEqual([])
    after.desk.outcomes.decide({ delivered: [never!], undelivered: [had!, never!] })
    after.journal.sync()
    expect(after.records.map(({ state }) => state)).toEqual(["answered", "reversing"])
    expect(after.advices.started).toHaveLength(1)
  })

  it("keeps a doubt that falls out of the window until it is decided", () => {
    const before = new Stage()
    before.ask()
    before.journal.sync()
    before.answer("00")
    const after = restart(before)
    after.recover()
    const doubt = after.records[0]!.id
    // The new process counts from the beginning too, and makes its ids of the time.
    after.sale()
    after.time.wall += 1000
    for (let count = 0; count < recentPerTerminal + 1; count++) after.approved()
    expect(after.journal.get("transactions", doubt)?.state).toBe("delivery-unconfirmed")
    after.desk.outcomes.decide({ delivered: [], undelivered: [doubt] })
    after.journal.sync()
    expect(after.advices.started).toHaveLength(1)
  })

  it("goes on with chains as repeats, because nobody knows whether they had been sent", () => {
    const before = new Stage()
    before.ask()
    before.journal.sync()
    before.last.end({ _tag: "timed-out" })
    const after = restart(before)
    after.recover()
    expect(after.advices.started).toEqual([expect.objectContaining({ attempts: 1 })])
  })

  it("has numbers go on behind the last one that each upstream was given", () => {
    const before = new Stage()
    for (let asked = 0; asked < 3; asked++) {
      before.ask()
      before.journal.sync()
      before.answer("00")
    }
    const after = restart(before)
    after.recover()
    expect([...after.upstreams.continued]).toEqual([[before.last.upstream, before.last.stan]])
  })

  it("finds that last one although the wall clock was set back meanwhile", () => {
    const before = new Stage()
    for (let asked = 0; asked < 2; asked++) {
      before.ask()
      before.journal.sync()
      before.answer("00")
      before.time.wall -= 3_600_000
    }
    const after = restart(before)
    after.recover()
    expect([...after.upstreams.continued]).toEqual([[before.last.upstream, before.last.stan]])
  })

  it("P3: does the same work once when it is killed in the middle and starts again", () => {
    const before = new Stage()
    before.ask()
    before.ask()
    before.journal.sync()
    const half = restart(before)
    half.recover()
    const whole = restart(half)
    whole.recover()
    expect(whole.records.map(({ state }) => state)).toEqual(["reversing", "reversing"])
    expect(whole.advices.started).toHaveLength(2)
    expect([...whole.journal.entries("advices")]).toHaveLength(2)
  })

  it("leaves what had ended as it was", () => {
    const before = new Stage()
    const submission = before.sale()
    before.approved(submission)
    const after = restart(before)
    after.recover()
    expect(after.records[0]?.state).toBe("answered")
    expect(after.ask(submission).delivered).toEqual(["answer 00"])
    expect(after.upstreams.flights).toEqual([])
  })

  it("has a terminal's window as soon as it speaks, in the order of age, and cut to size", () => {
    const before = new Stage()
    const first = before.sale()
    before.approved(first)
    for (let count = 1; count < recentPerTerminal; count++) before.approved()
    const last = before.sale()
    before.ask(last)
    before.journal.sync()
    before.answer("00")
    before.journal.sync()
    const after = restart(before)
    const rows = [...after.journal.tables.get("transactions")!].toReversed()
    after.journal.tables.set("transactions", new Map(rows))
    after.recover()
    expect(after.records).toHaveLength(recentPerTerminal)
    expect(after.ask(last).delivered).toEqual(["answer 00"])
    expect(after.ask(first).verdict?.failure).toBe("duplicate-stale")
  })

  it("keeps what fell out of the window as long as its chain lives, and then removes it", () => {
    const before = new Stage()
    before.ask()
    before.journal.sync()
    before.last.end({ _tag: "timed-out" })
    before.journal.sync()
    for (let count = 0; count < recentPerTerminal; count++) before.approved()
    const after = restart(before)
    after.recover()
    after.time.pass(1_000, 100)
    expect(after.records).toHaveLength(recentPerTerminal + 1)
    const [advice] = after.advices.started
    after.advices.end({ record: { ...advice!, state: "acknowledged" } })
    expect(after.records).toHaveLength(recentPerTerminal)
  })

  it("starts many chains a few at a time, beside the road, until it is drained", () => {
    const before = new Stage()
    const [id, record] = chainOf(before)
    for (let count = 0; count < 2 * chainsAtOnce; count++) {
      const key = `${id}${count}` as TransactionId
      before.journal.note([
        { table: "advices", key, value: { ...record, transaction: key } }
      ], [])
    }
    const after = restart(before)
    expect(after.recover()?._tag).toBe("Success")
    expect(after.advices.started).toHaveLength(chainsAtOnce)
    after.time.endTurn()
    expect(after.advices.started).toHaveLength(2 * chainsAtOnce)
    after.desk.drain()
    after.time.endTurn()
    expect(after.advices.started).toHaveLength(2 * chainsAtOnce)
  })
})
