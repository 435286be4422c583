/** What a scheme hears, what a terminal hears, and what must be on disk before either does. */

import { describe, expect, it } from "vitest"
import { maxUnderWay } from "../../src/notify/intake.ts"
import { IntakeRig, job, notice } from "./intake-rig.ts"

describe("a genuine notice", () => {
  it("is on disk with its transaction and its push before anybody hears of it", () => {
    const rig = new IntakeRig()
    rig.take("first")
    expect(rig.told).toEqual([])
    expect(rig.intake.underWay).toBe(1)
    const [written] = rig.stage.journal.log
    expect(written!.map((each) => each.split(":")[0])).toEqual(
      expect.arrayContaining(["notifications", "transactions", "pushes"])
    )
    rig.stage.journal.sync()
    expect(rig.told).toEqual(["first: booked", "push T0000001 4200001"])
    expect(rig.intake.underWay).toBe(0)
    const tables = rig.stage.journal.fed.map(({ table }) => table)
    expect(tables).toEqual(expect.arrayContaining(["notifications", "transactions", "pushes"]))
  })

  it("is told to its terminal with all that the scheme said of it, and nothing made up", () => {
    const rig = new IntakeRig()
    rig.take("plain")
    rig.take("full", { id: "wechat:n2", payment: "4200002", order: "o1", payerMask: "pa***er" })
    const plain = {
      event: "paid",
      transaction: rig.stage.records[0]!.id,
      scheme: "wechat",
      amount: 100,
      currency: "156",
      payment: "4200001",
      paidMs: 1_700_000_000_000
    }
    const full = {
      ...plain,
      transaction: rig.stage.records[1]!.id,
      payment: "4200002",
      order: "o1",
      payer: "pa***er"
    }
    const pushes = rig.stage.journal.fed.flatMap((entry) =>
      entry.table === "pushes" ? [entry.row.body] : []
    )
    expect(pushes).toStrictEqual([plain, full])
  })

  it("tells how long it took from its arrival to its push", () => {
    const rig = new IntakeRig()
    rig.arrive("first")
    rig.stage.time.hold(7)
    rig.verified(notice())
    rig.stage.time.hold(5)
    rig.stage.journal.sync()
    expect(rig.counted).toEqual(["demo booked", "pushed after 12 ms"])
  })

  it("that comes twice is booked once and pushed once", () => {
    const rig = new IntakeRig()
    rig.take("first")
    rig.stage.journal.sync()
    rig.take("second")
    expect(rig.told).toHaveLength(2)
    rig.stage.journal.sync()
    expect(rig.told).toEqual(["first: booked", "push T0000001 4200001", "second: known"])
    expect([rig.transactions, rig.intake.underWay]).toEqual([1, 0])
    // PostgreSQL has every notice that came, whatever it meant.
    const notices = rig.stage.journal.fed.filter(({ table }) => table === "notifications")
    expect(notices).toHaveLength(2)
    expect(rig.counted).toEqual(["demo booked", "pushed after 0 ms", "demo known"])
  })

  it("that comes again while the first is being written waits for it, and adds nothing", () => {
    const rig = new IntakeRig()
    rig.take("first")
    rig.take("second")
    rig.take("third")
    expect([rig.told, rig.stage.journal.waiting, rig.transactions]).toEqual([[], 1, 1])
    rig.stage.journal.sync()
    expect(rig.told).toEqual([
      "first: booked",
      "push T0000001 4200001",
      "second: known",
      "third: known"
    ])
    expect(rig.intake.underWay).toBe(0)
  })

  it("under another id about the same payment is booked once, also while that is written", () => {
    const rig = new IntakeRig()
    rig.take("first")
    rig.take("other id", { id: "wechat:n2" })
    expect(rig.told).toEqual([])
    rig.stage.journal.sync()
    expect(rig.told).toEqual(["first: booked", "push T0000001 4200001", "other id: known"])
    expect(rig.transactions).toBe(1)
  })

  it("that fits nothing is accepted, and handed to a human without a push", () => {
    const rig = new IntakeRig()
    rig.arrive("stray")
    const { counter: _, ...stray } = notice()
    rig.verified(stray)
    expect(rig.told).toEqual([])
    rig.stage.journal.sync()
    expect(rig.told).toEqual(["stray: exception"])
    expect(rig.stage.journal.fed).toMatchObject([
      { table: "notifications", row: { id: "wechat:n1" } },
      { table: "exceptions", row: { reason: "notification-unmatched" } }
    ])
    expect(rig.counted).toEqual(["demo exception"])
    expect(rig.transactions).toBe(0)
  })

  it("is acknowledged to nobody when its commit failed", () => {
    const rig = new IntakeRig()
    rig.take("first")
    rig.take("second")
    rig.stage.journal.sync("journal-failed")
    expect([rig.told, rig.counted]).toEqual([[], []])
  })
})

describe("a genuine notice of nothing that we book", () => {
  const aside = {
    _tag: "unhandled",
    notice: {
      id: "wechat:n1",
      scheme: "wechat",
      merchantAccount: "m",
      what: "TRANSACTION.NEW",
      order: "o1"
    }
  } as const

  it("is acknowledged when its exception is on disk, and so is the same in the meantime", () => {
    const rig = new IntakeRig()
    for (const name of ["first", "again"]) {
      rig.arrive(name)
      rig.judged(aside)
    }
    expect([rig.told, rig.stage.journal.waiting]).toEqual([[], 1])
    rig.stage.journal.sync()
    expect(rig.told).toEqual(["first: unhandled", "again: known"])
    expect(rig.stage.journal.fed).toMatchObject([
      { table: "exceptions", row: { reason: "notification-unhandled" } }
    ])
    expect(rig.counted).toEqual(["demo unhandled", "demo known"])
    expect([rig.transactions, rig.intake.underWay]).toEqual([0, 0])
  })

  it("is acknowledged to nobody when that commit failed", () => {
    const rig = new IntakeRig()
    rig.arrive("first")
    rig.judged(aside)
    rig.stage.journal.sync("journal-failed")
    expect([rig.told, rig.counted]).toEqual([[], []])
  })

  it("is acknowledged at once when it changes nothing: nothing is written", () => {
    const rig = new IntakeRig()
    rig.arrive("waits")
    rig.judged({ _tag: "idle" })
    expect([rig.told, rig.counted]).toEqual([["waits: idle"], ["demo idle"]])
    expect([rig.stage.journal.log, rig.intake.underWay]).toEqual([[], 0])
  })
})

describe("a notice that is turned away", () => {
  it("is refused when forged, and nothing is written", () => {
    const rig = new IntakeRig()
    rig.arrive("forged")
    rig.verified("forged")
    expect(rig.told).toEqual(["forged: notification-forged"])
    expect([rig.stage.journal.log, rig.stage.journal.fed]).toEqual([[], []])
    expect(rig.counted).toEqual(["demo notification-forged"])
    expect(rig.intake.underWay).toBe(0)
  })

  it("is counted under no name but one of ours: on a stream, strangers write what they like", () => {
    const rig = new IntakeRig()
    rig.intake.take({ ...job, account: "4111111111111111" }, () => {})
    rig.verified("forged")
    expect(rig.counted).toEqual(["unknown notification-forged"])
  })

  it("is told to come again when too many are under way, and may when one has ended", () => {
    const rig = new IntakeRig()
    for (let count = 0; count < maxUnderWay; count++) rig.intake.take(job, () => {})
    rig.arrive("one more")
    expect(rig.told).toEqual(["one more: later"])
    expect(rig.counted).toEqual(["demo later"])
    expect(rig.verifying).toHaveLength(maxUnderWay)
    expect(rig.intake.underWay).toBe(maxUnderWay)
    rig.verified("forged")
    rig.arrive("again")
    expect(rig.told).toEqual(["one more: later"])
    expect(rig.verifying).toHaveLength(maxUnderWay)
  })
})
