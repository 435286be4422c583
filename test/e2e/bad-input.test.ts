/**
 * Bad input to a running switch: what is no frame, no message, not genuine, goes nowhere, or meets
 * an upstream or a PostgreSQL that is away. Each has its own answer and its own name in log and
 * metrics; other traffic is unmoved, and nothing is lost.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { captured } from "../iso8583/shipped.ts"
import { Caller } from "./caller.ts"
import { type Counter, openCounter } from "./counter.ts"
import { Host } from "./host.ts"
import { makeSite, type Site, until } from "./site.ts"
import { ascii, cup } from "./speech.ts"
import { linked, startSwitch, type Switch } from "./switch.ts"

let site: Site
let running: Switch
let counter: Counter
const acquirer = new Host(ascii)

beforeAll(async () => {
  site = await makeSite()
  await acquirer.listen(site.ports.acquirer)
  running = await startSwitch(site, ["--stories", "all"])
  await linked(running, "acquirer")
  counter = await openCounter(site.ports.ascii, 101)
}, 120_000)

afterAll(async () => {
  await site.end()
  await acquirer.close()
})

/** What was counted by `sample` while `act` ran; the other counter goes on selling. */
async function counted(sample: string, act: () => Promise<unknown>): Promise<number> {
  const before = await running.metric(sample)
  await act()
  expect((await counter.sell()).text("39")).toBe("00")
  return await running.metric(sample) - before
}

const closedBy = (reason: string) => `sessions_closed_total{reason="${reason}"}`
const refusedAs = (reason: string) => `message_rejects_total{reason="${reason}"}`

describe("what is no frame ends its own connection", () => {
  it.each([
    ["frame-empty", [0, 0]],
    ["frame-too-long", [0xff, 0xff, 0x60]],
    ["frame-incomplete", [0x00, 0x53, 0x60, 0x00]]
  ])("%s", async (reason, bytes) => {
    const caller = new Caller(cup, site.ports.terminals)
    const counts = await counted(closedBy(reason), async () => {
      caller.bytes(Uint8Array.from(bytes))
      await caller.end()
    })
    expect(counts).toBe(1)
    await running.logs("session-ended", { listener: "terminals", reason })
  })
})

describe("what is no message of the dialect costs that message", () => {
  const signOn = Buffer.from(captured["sample-3"]!, "hex")
  const changed = (offset: number, ...bytes: ReadonlyArray<number>) => {
    const body = Buffer.from(signOn)
    body.set(bytes, offset)
    return body
  }

  it.each([
    // Field 50, which China UnionPay's POS messages do not have, behind who speaks and its number.
    ["field-unknown", changed(8, 0x40)],
    ["message-format", signOn.subarray(0, signOn.length - 2)]
  ])("%s is answered 30", async (reason, body) => {
    const caller = new Caller(cup, site.ports.terminals)
    const counts = await counted(refusedAs(reason), async () => {
      const { message } = await caller.ask(body)
      expect(message.text("39")).toBe("30")
    })
    expect(counts).toBe(1)
    expect((await caller.ask(signOn)).message.text("39")).toBe("00")
    await running.logs("message-refused", { listener: "terminals", reason })
    caller.close()
  })

  it("a type that the dialect lacks is answered 12 where it asks, and else nobody", async () => {
    const caller = new Caller(cup, site.ports.terminals)
    const counts = await counted(refusedAs("mti-unknown"), async () => {
      const { message } = await caller.ask(changed(0, 0x04, 0x01))
      expect([message.mti, message.text("39")]).toEqual(["0410", "12"])
      caller.frame(changed(0, 0x07, 0x40))
      expect((await caller.ask(signOn)).message.mti).toBe("0810")
    })
    expect(counts).toBe(2)
    await running.logs("message-unanswerable", { listener: "terminals" })
    caller.close()
  })
})

describe("what is not genuine, or goes nowhere", () => {
  it("a wrong MAC is refused A0, and three in a row end the connection", async () => {
    const caller = new Caller(cup, site.ports.terminals)
    const turned = Buffer.from(captured["mac-c"]!, "hex")
    turned[turned.length - 20]! ^= 1
    const counts = await counted(refusedAs("mac-wrong"), async () => {
      for (let turn = 0; turn < 3; turn++) caller.frame(turned)
      await caller.end()
    })
    expect(counts).toBe(3)
    expect(caller.heard.map(({ message }) => message.text("39"))).toContain("A0")
  })

  it("a card that no route takes is refused 15, and no upstream hears of it", async () => {
    const asked = acquirer.requests.length
    const message = await counter.sell({ "2": "3530111333300000" })
    expect(message.text("39")).toBe("15")
    expect(acquirer.requests).toHaveLength(asked)
    await running.logs("transaction", { failure: "no-route" })
  })

  it("a terminal that nobody registered is refused, and so is one that never signed on", async () => {
    const stranger = new Caller(ascii, site.ports.ascii)
    const [unknown, unsigned] = [
      counter.sale({ "41": "X9999999" }),
      counter.sale({
        "41": "T0000103",
        "42": "M00000000000021"
      })
    ]
    expect((await stranger.ask(unknown)).message.text("39")).toBe("58")
    expect((await stranger.ask(unsigned)).message.text("39")).not.toBe("00")
    stranger.close()
  })
})

describe("an upstream that does not do its part", () => {
  it("is down: refused 91 at once, and nothing is owed", async () => {
    await acquirer.close()
    await until(
      "the end of the link",
      10_000,
      async () =>
        await running.metric(`upstream_up{upstream="acquirer",link="0"}`) === 0 || undefined
    )
    const message = await counter.sell()
    expect(message.text("39")).toBe("91")
    expect(Object.values((await running.comesToRest()).advices)).toEqual([0, 0, 0])
    await acquirer.listen(site.ports.acquirer)
    await linked(running, "acquirer")
    expect((await counter.sell()).text("39")).toBe("00")
  })

  it.each([
    ["no message", () => ({ body: Buffer.from("0210FFFF", "latin1") }), "68"],
    ["no frame", () => ({ bytes: Buffer.from([0, 0, 0, 0]) }), "68"],
    ["nothing", () => "silence" as const, "68"]
  ])("answers %s: refused, and reversed once", async (_, answer, code) => {
    const usual = acquirer.answer
    acquirer.answer = (request) => request.kind() === "reversal" ? usual(request) : answer()
    const first = acquirer.requests.length
    const message = await counter.sell()
    acquirer.answer = usual
    expect(message.text("39")).toBe(code)
    await running.comesToRest()
    const [sale, ...others] = acquirer.requests.slice(first)
    expect(others.length).toBeGreaterThan(0)
    expect(others.map((request) => request.kind())).toEqual(others.map(() => "reversal"))
    expect(others[0]!.role("originalStan") ?? others[0]!.text("11")).toBe(sale!.text("11"))
    const rows = await site.rows<{ state: string }>(
      `SELECT state FROM transactions WHERE terminal = '${counter.terminal}'
       AND stan = '${counter.stan}'`
    )
    expect(rows).toEqual([{ state: "reversed" }])
    expect((await counter.sell()).text("39")).toBe("00")
  })
})

describe("PostgreSQL away while the switch runs", () => {
  it("keeps nobody waiting, and every row is there afterwards", async () => {
    await running.comesToRest()
    const from = Number(counter.stan)
    const pid = site.postgresPid()!
    for (let sale = 0; sale < 20; sale++) {
      if (sale === 5) process.kill(pid, "SIGKILL")
      expect((await counter.sell()).text("39")).toBe("00")
    }
    await running.comesToRest()
    const rows = await site.rows<{ stan: string }>(
      `SELECT stan FROM transactions WHERE terminal = '${counter.terminal}'
       AND stan > '${String(from).padStart(6, "0")}' ORDER BY stan`
    )
    expect(rows).toHaveLength(20)
    expect(site.postgresPid()).not.toBe(pid)
  })
})
