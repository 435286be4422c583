/** What happens beside the road of a running switch: batches, people's questions, the audit log. */

import { afterAll, beforeAll, expect, it } from "vitest"
import { Caller, eventually, RunningSwitch, saleOf } from "./running.ts"

const running = new RunningSwitch()

beforeAll(async () => {
  await running.prepare()
  running.start("acquirer", "--upstream", "acquirer", "--mood", "approve=1")
  running.start("start", "--stories", "all")
  await running.isReady()
  await running.hasLedger()
}, 60_000)
afterAll(() => running.stop(), 60_000)

const terminal = "T0000101"
const merchant = "M00000000000021"
const identity = { 41: terminal, 42: merchant }

const sale = (stan: string, amount: number) => saleOf(terminal, merchant, stan, amount)

const totals = (debits: number, debit: number) => ({
  ...identity,
  74: "0000000000",
  76: String(debits).padStart(10, "0"),
  86: "0".repeat(16),
  88: String(debit).padStart(16, "0")
})

it("a terminal's batch is closed against the books, and told when they differ", async () => {
  const caller = await Caller.to(running, "ascii-terminals")
  const signedOn = await caller.ask("0800", {
    ...identity,
    7: "1126120000",
    11: "000001",
    70: "001"
  })
  expect(signedOn.text("39")).toBe("00")
  for (const [stan, amount] of [["000002", 1000], ["000003", 250]] as const) {
    expect((await caller.ask("0200", sale(stan, amount))).text("39")).toBe("00")
  }
  const wrong = await caller.ask("0500", { ...totals(3, 1250), 7: "1126120001", 11: "000004" })
  expect([wrong.mti, wrong.text("39"), wrong.text("66")]).toEqual(["0510", "95", "2"])
  expect(Number(wrong.text("76"))).toBe(2)
  // A close begins a new batch here, as this dialect does not number them: nothing is left.
  const again = await caller.ask("0500", { ...totals(0, 0), 7: "1126120002", 11: "000005" })
  expect([again.text("39"), again.text("66")]).toEqual(["00", "1"])
  const unread = await caller.ask("0500", { ...identity, 7: "1126120003", 11: "000006" })
  expect(unread.text("39")).toBe("30")
  caller.close()
})

it("what is on a receipt finds its transaction, with its story", async () => {
  const find = () =>
    running.ask("transactions", "--terminal", terminal, "--amount", "250", "--format", "json")
  await eventually(async () => (await find()).out.includes("\"stan\""), "the sale is in PostgreSQL")
  const { exit, out } = await find()
  expect(exit).toBe(0)
  expect(JSON.parse(out)).toMatchObject([{
    stan: "000003",
    amount: 250,
    panMask: "411111******1111",
    upstream: "acquirer"
  }])
  await eventually(() => running.log().includes("\"event\":\"transaction\""), "its story is told")
  for (
    const [flag, value] of [["--id", "nonsense"], ["--day", "today"], ["--amount", "x"]] as const
  ) {
    expect((await running.ask("transactions", flag, value)).exit).toBe(2)
  }
})

it("an upload that names what nobody knows is an exception, which a person resolves", async () => {
  const caller = await Caller.to(running, "ascii-terminals")
  await caller.ask("0800", { ...identity, 7: "1126120100", 11: "000011", 70: "001" })
  const told = await caller.ask("0320", { ...sale("000777", 4200) })
  expect(told.text("39")).toBe("00")
  caller.close()
  const list = () => running.ask("exceptions", "list", "--format", "json")
  await eventually(async () => (await list()).out.includes("000777"), "the exception is raised")
  const [raised] = JSON.parse((await list()).out) as ReadonlyArray<{ id: string }>
  const resolved = await running.ask("exceptions", "resolve", raised!.id, "called the shop")
  expect(resolved.exit).toBe(0)
  expect(JSON.parse((await list()).out)).toEqual([])
  expect((await running.ask("exceptions", "resolve", raised!.id, "twice")).exit).toBe(1)
})

it("impostors and operators are in the audit log, whose chain holds", async () => {
  const caller = await Caller.to(running, "ascii-terminals")
  const foreign = { 41: terminal, 42: "M00000000000099", 7: "1126120200", 11: "000021", 70: "001" }
  expect((await caller.ask("0800", foreign)).text("39")).not.toBe("00")
  caller.close()
  expect((await running.ask("upstreams", "force", "acquirer", "auto")).exit).toBe(0)
  const verify = () => running.verb("audit", "verify", "--format", "json")
  await eventually(async () => {
    const { entries } = JSON.parse((await verify()).out) as { readonly entries: number }
    return entries >= 4
  }, "four entries")
  expect(JSON.parse((await verify()).out)).toMatchObject({ faults: [] })
})
