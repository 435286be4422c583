/** What the station remembers, and that it forgets: windows, refusals, agendas, references (I5). */

import { describe, expect, it } from "vitest"
import type { Stan, TerminalId, TransactionId } from "../../src/domain/brand.ts"
import type { OrderRecord } from "../../src/domain/order.ts"
import type { JournalWrite } from "../../src/domain/ports/journal.ts"
import { Agenda } from "../../src/transaction/agenda.ts"
import { maxKeptOrders, maxOrders } from "../../src/transaction/orders.ts"
import { keepMs } from "../../src/transaction/recalled.ts"
import { RecentWindow, type Remembered } from "../../src/transaction/recent-window.ts"
import { recentPerTerminal } from "../../src/transaction/recent.ts"
import { mostRemembered, rememberedMs, TurnedAway } from "../../src/transaction/turned-away.ts"
import { FakeAsker, FakeJournal, profile, Stage } from "./stage.ts"

function entry(number: number, change: Partial<Remembered> = {}): Remembered {
  return {
    id: String(number).padStart(12, "0") as TransactionId,
    key: `key ${number}`,
    kind: "sale",
    stan: String(number).padStart(6, "0") as Stan,
    batch: "000001",
    terminal: profile.terminal,
    ...change
  }
}

describe("a terminal's window", () => {
  it("tells keys apart whose marks are the same", () => {
    // As hashes of this kind go, "Aa" is "BB".
    const window = new RecentWindow([entry(1, { key: "Aa" }), entry(2, { key: "BB" })])
    expect(window.find("Aa")?.stan).toBe("000001")
    expect(window.find("BB")?.stan).toBe("000002")
    expect(new RecentWindow([entry(1, { key: "Aa" })]).find("BB")).toBeUndefined()
  })

  it("finds what is left after a cut, and nothing else", () => {
    const window = new RecentWindow([3, 1, 2].map((number) => entry(number)))
    for (const number of [4, 5, 6]) window.add(entry(number))
    expect(window.cut(2).map(({ key }) => key)).toEqual(["key 1", "key 2", "key 3", "key 4"])
    expect(window.cut(2)).toEqual([])
    const found = [1, 2, 3, 4, 5, 6].map((number) => window.find(`key ${number}`)?.stan)
    expect(found).toEqual([undefined, undefined, undefined, undefined, "000005", "000006"])
  })

  it("knows what is older than the newest, also where numbers begin again", () => {
    const stale = (newest: Partial<Remembered>, batch: string | undefined, stan: string) =>
      new RecentWindow([entry(1), entry(2, newest)]).isStale(batch, stan)
    const newest = { batch: "000007", stan: "000100" as Stan }
    expect(stale(newest, "000007", "000099")).toBe(true)
    expect(stale(newest, "000007", "000100")).toBe(false)
    expect(stale(newest, "000007", "000101")).toBe(false)
    expect(stale(newest, "000006", "000101")).toBe(true)
    expect(stale(newest, "000008", "000001")).toBe(false)
    expect(stale(newest, undefined, "000001")).toBe(false)
    expect(stale({ batch: "000007", stan: "999999" as Stan }, "000007", "000001")).toBe(false)
    expect(stale({ batch: "000007", stan: "000001" as Stan }, "000007", "999999")).toBe(true)
    const { batch: _, ...unnumbered } = entry(1)
    expect(new RecentWindow([unnumbered]).isStale("000001", "000000")).toBe(false)
  })
})

describe("questions that were turned away", () => {
  it("are forgotten when their time is over, and the oldest when there are too many", () => {
    const away = new TurnedAway()
    for (let each = 0; each < mostRemembered; each++) away.add(`${each}`, "overloaded", each % 2)
    away.add("0", "overloaded", 2)
    away.add("another", "overloaded", 3)
    const heard = ["0", "1", "2", "another"].map((key) => away.find(key, 4))
    expect(heard).toEqual(["overloaded", undefined, "overloaded", "overloaded"])
    expect(away.find("another", 3 + rememberedMs)).toBe("overloaded")
    expect(away.find("another", 4 + rememberedMs)).toBeUndefined()
  })
})

describe("an agenda", () => {
  it("hands out each key once, never early, and no more at a time than it is asked for", () => {
    const agenda = new Agenda()
    for (let each = 0; each < 10; each++) agenda.put(`${each}`, 10_000)
    agenda.put("later", 10_001)
    expect(agenda.due(9_999, 100)).toEqual([])
    const first = agenda.due(10_000, 4)
    expect(first).toHaveLength(4)
    expect(new Set([...first, ...agenda.due(10_000, 100)]).size).toBe(10)
    expect(agenda.due(10_000, 100)).toEqual([])
    expect(agenda.due(15_000, 100)).toEqual(["later"])
  })
})

describe("what fell out of its terminal's window", () => {
  it("is listed for its own terminal until its chain is over", () => {
    const stage = new Stage()
    stage.ask()
    stage.journal.sync()
    stage.last.end({ _tag: "timed-out" })
    stage.journal.sync()
    const { id } = stage.records[0]!
    for (let count = 0; count < recentPerTerminal; count++) stage.approved()
    const listed = (terminal: string) =>
      Array.from(stage.desk.floor.ofTerminal(terminal as TerminalId), (each) => each.id)
    expect(listed(profile.terminal)).toContain(id)
    expect(listed(profile.terminal)).toHaveLength(recentPerTerminal + 1)
    expect(listed("T0000002")).toEqual([])
    stage.advices.end({ record: { ...stage.advices.started[0]!, state: "acknowledged" } })
    expect(listed(profile.terminal)).toHaveLength(recentPerTerminal)
    expect(listed(profile.terminal)).not.toContain(id)
  })

  it("stays in the journal while it is in flight: a restart owes its reversal", () => {
    const stage = new Stage()
    stage.ask()
    const { id } = stage.records[0]!
    for (let count = 0; count < recentPerTerminal; count++) stage.approved()
    expect(stage.journal.get("transactions", id)).toMatchObject({ state: "forwarded" })
    const after = new Stage(stage.journal)
    after.recover()
    expect(after.advices.started).toMatchObject([{ transaction: id, reason: "restarted" }])
  })

  it("is not found by its order number at the wallet any more", () => {
    const before = new Stage()
    before.approved()
    const { id } = before.records[0]!
    expect(before.desk.floor.byReference("order 000001")).toBe(id)
    const after = new Stage(before.journal)
    after.recover()
    expect(after.desk.floor.byReference("order 000001")).toBe(id)
    for (let count = 0; count < recentPerTerminal; count++) before.approved()
    expect(before.desk.floor.byReference("order 000001")).toBeUndefined()
  })

  it("is removed when its repeat is delivered, having been owed till then", () => {
    const stage = new Stage()
    const submission = stage.sale()
    stage.ask(submission).live = false
    stage.journal.sync()
    stage.answer("00")
    stage.journal.sync()
    const { id } = stage.records[0]!
    const repeat = new FakeAsker()
    const waiting: Array<() => void> = []
    const late = Object.assign(repeat, {
      repeat: (body: Uint8Array) => ({
        body,
        deliver: (handed: (live: boolean) => void) => void waiting.push(() => handed(true))
      })
    })
    stage.desk.submit(submission, late)
    for (let count = 0; count < recentPerTerminal; count++) stage.approved()
    expect(stage.journal.has("transactions", id)).toBe(true)
    for (const deliver of waiting) deliver()
    expect(stage.journal.has("transactions", id)).toBe(false)
    expect(stage.journal.has("undelivered", id)).toBe(false)
  })
})

describe("an original that PostgreSQL gave back", () => {
  it("is kept for as long as the last of its follow-ons may still give back", () => {
    const stage = new Stage()
    stage.approved()
    const original = stage.records[0]!
    for (let count = 0; count < recentPerTerminal; count++) stage.approved()
    expect(stage.journal.has("transactions", original.id)).toBe(false)
    stage.archived = original
    const refer = { stan: original.stan }
    stage.approved(stage.sale({ kind: "completion", amount: 20, original: refer }))
    stage.time.pass(keepMs / 2, 1000)
    stage.ask(stage.sale({ kind: "completion", amount: 30, original: refer }))
    stage.journal.sync()
    stage.last.end({ _tag: "timed-out" })
    stage.journal.sync()
    stage.time.pass(3 * keepMs, 1000)
    expect(stage.journal.get("transactions", original.id)?.taken).toBe(50)
    stage.advices.end({ record: { ...stage.advices.started[0]!, state: "acknowledged" } })
    stage.journal.sync()
    expect(stage.journal.get("transactions", original.id)?.taken).toBe(20)
    stage.time.pass(2 * keepMs, 1000)
    expect(stage.journal.has("transactions", original.id)).toBe(false)
  })
})

describe("orders on a screen", () => {
  it("wait in a bounded number; who pays or stays away makes room", () => {
    const stage = new Stage()
    const opened: Array<string> = []
    const open = () =>
      stage.orders.open(
        { profile, scheme: "wechat", amount: 100, currency: "156", lifetimeMs: 60_000 },
        (result) => opened.push(typeof result === "string" ? result : result.order)
      )
    for (let each = 0; each < maxOrders; each++) open()
    open()
    expect(opened).toEqual(["overloaded"])
    stage.journal.sync()
    const booking = stage.orders.book({
      id: "n1",
      scheme: "wechat",
      payment: "p1",
      event: "paid",
      amount: 100,
      currency: "156",
      merchantAccount: "m",
      order: opened[1]!,
      paidMs: stage.time.wall,
      receivedMs: stage.time.wall
    })
    expect(booking._tag).toBe("booked")
    if (booking._tag === "booked") stage.journal.note(booking.writes, booking.feed)
    open()
    stage.journal.sync()
    open()
    expect(opened.slice(-2)).toEqual([expect.stringMatching(/^[^o]/), "overloaded"])
    stage.time.pass(80_000, 10_000)
    open()
    stage.journal.sync()
    expect(opened.at(-1)).not.toBe("overloaded")
  })

  it("are kept for a late payer when they end, unless the journal has too many of them", () => {
    const journal = new FakeJournal()
    const writes: Array<JournalWrite> = []
    const value: OrderRecord = {
      order: "",
      transaction: "" as TransactionId,
      terminal: profile.terminal,
      merchant: profile.merchant,
      scheme: "wechat",
      channel: "qr-screen",
      amount: 100,
      currency: "156",
      createdMs: 0,
      expiresMs: 1_700_000_000_000 + 86_400_000,
      state: "paid"
    }
    for (let each = 0; each < maxKeptOrders; each++) {
      writes.push({ table: "orders", key: `${each}`, value })
    }
    journal.note(writes, [])
    const stage = new Stage(journal)
    /** What the journal has of an order that nobody paid. */
    const ended = () => {
      let opened = ""
      stage.orders.open(
        { profile, scheme: "wechat", amount: 100, currency: "156", lifetimeMs: 10_000 },
        (result) => opened = typeof result === "string" ? result : result.order
      )
      stage.journal.sync()
      stage.time.pass(40_000, 10_000)
      return stage.journal.get("orders", opened)?.state
    }
    expect(ended()).toBeUndefined()
    // The others are forgotten when their time is over, and are in nobody's way any more.
    stage.time.hold(3 * 86_400_000)
    stage.time.settle()
    expect([...journal.keys("orders")].length).toBe(0)
    expect(ended()).toBe("closed")
  })

  it("are taken in no state in which they could not be kept or paid", () => {
    const stage = new Stage()
    const told: Array<unknown> = []
    const open = (change: { currency?: string; profile?: typeof profile } = {}) =>
      stage.orders.open(
        { profile, scheme: "wechat", amount: 1, currency: "156", lifetimeMs: 1, ...change },
        (result) => told.push(result)
      )
    open({ currency: "840" })
    open({ profile: { ...profile, channels: new Set(["chip"]) } })
    stage.journal.level = "full"
    open()
    stage.journal.level = "failed"
    open()
    stage.journal.level = "open"
    stage.desk.drain()
    open()
    expect(told).toEqual([
      "kind-forbidden",
      "kind-forbidden",
      "journal-full",
      "journal-failed",
      "draining"
    ])
    expect([...stage.journal.keys("orders")]).toEqual([])
  })
})
