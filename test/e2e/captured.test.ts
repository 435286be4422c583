/**
 * Captured China UnionPay frames (protocol facts §1.9, §1.11) over TCP through a running switch:
 * real sockets, journal and PostgreSQL; the acquirers are this test's.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { pointsman } from "../cli/process.ts"
import { captured, read } from "../iso8583/shipped.ts"
import { Caller } from "./caller.ts"
import { Host } from "./host.ts"
import { makeSite, type Site, until } from "./site.ts"
import { ascii, cup, cupMac } from "./speech.ts"
import { linked, startSwitch, type Switch } from "./switch.ts"

const vectorC = Buffer.from(captured["mac-c"]!, "hex")
const keyC = Buffer.from("C1A4AE89BAEAB029", "hex")
const tpduAndHeader = Buffer.from("6000140000603100310006", "hex")

let site: Site
let running: Switch
const acquirer = new Host(ascii)
const unionpay = new Host(cup)

beforeAll(async () => {
  site = await makeSite()
  await acquirer.listen(site.ports.acquirer)
  await unionpay.listen(site.ports.unionpay)
  running = await startSwitch(site, ["--stories", "all"])
  await linked(running, "acquirer", "unionpay")
}, 120_000)

afterAll(async () => {
  await site.end()
  await acquirer.close()
  await unionpay.close()
})

interface Row {
  readonly state: string
  readonly pan_mask: string
  readonly amount: string
  readonly response: string
  readonly upstream: string
}

const rowsOf = (terminal: string, stan: string) =>
  site.rows<Row>(
    `SELECT state, pan_mask, amount::text, response, upstream FROM transactions
     WHERE terminal = '${terminal}' AND stan = '${stan}'`
  )

describe("captured frames over TCP", () => {
  it("sample 3 signs on and gets working keys", async () => {
    const caller = new Caller(cup, site.ports.terminals)
    const header = Buffer.from("6022000000000000000000", "hex")
    const { message } = await caller.ask(Buffer.from(captured["sample-3"]!, "hex"), header)
    expect(message.mti).toBe("0810")
    expect(message.text("39")).toBe("00")
    expect(message.raw("62")).toHaveLength(40)
    caller.close()
  })

  it("vector C is verified, translated, approved, sealed, and one row", async () => {
    const caller = new Caller(cup, site.ports.terminals)
    const { header, message } = await caller.ask(vectorC, tpduAndHeader)
    expect(header.toString("hex")).toBe("6000000014603100310006")
    expect(message.mti).toBe("0210")
    expect(message.text("11")).toBe("000317")
    expect(message.text("39")).toBe("00")
    expect(message.text("38")).toBe("A12345")
    for (const field of [2, 35, 52]) expect(message.has(field)).toBe(false)
    expect(Buffer.from(message.raw("64")!)).toEqual(cupMac(keyC, message.bytes))

    const [asked] = acquirer.requests
    expect(acquirer.requests).toHaveLength(1)
    expect(asked!.dialect.name).toBe("iso87-ascii")
    expect(asked!.mti).toBe("0200")
    expect(asked!.text("2")).toBe("6235013452200000069")
    expect(asked!.text("4")).toBe("000000000058")
    expect(asked!.text("32")).toBe("00010000")
    expect(asked!.text("41")).toBe("65465423")
    expect(asked!.text("37")).toBe(message.text("37"))
    expect(asked!.has(64)).toBe(false)

    await running.comesToRest()
    expect(await rowsOf("65465423", "000317")).toEqual([{
      state: "answered",
      pan_mask: "623501*********0069",
      amount: "58",
      response: "00",
      upstream: "acquirer"
    }])

    // A repeat is answered from the store, and the acquirer does not hear of it.
    const again = await caller.ask(vectorC, tpduAndHeader)
    expect(again.message.text("37")).toBe(message.text("37"))
    expect(acquirer.requests).toHaveLength(1)
    caller.close()
  })

  it("vector C with one bit turned is refused A0 by name, and goes nowhere", async () => {
    const caller = new Caller(cup, site.ports.terminals)
    const before = await running.metric(`message_rejects_total{reason="mac-wrong"}`)
    const turned = Buffer.from(vectorC)
    // The last digit of the amount.
    turned[turned.length - 20]! ^= 1
    const { message } = await caller.ask(turned, tpduAndHeader)
    expect(message.text("39")).toBe("A0")
    expect(await running.metric(`message_rejects_total{reason="mac-wrong"}`)).toBe(before + 1)
    expect(acquirer.requests).toHaveLength(1)
    caller.close()
  })
  describe("samples whose keys nobody published, once their terminals are signed on", () => {
    async function signedOn(name: string, header: Buffer): Promise<Caller> {
      const caller = new Caller(cup, site.ports.terminals)
      const message = read(cup.dialect, captured[name]!)
      const signOn = cup.dialect.build("0800", {
        "11": "000001",
        "41": message.role("terminal"),
        "42": message.role("merchant"),
        "60.1": "00",
        "60.2": "000001",
        "60.3": "005"
      })
      expect((await caller.ask(signOn, header)).message.text("39")).toBe("00")
      return caller
    }

    it("sample 7 is sold, and reversed when its terminal asks for that", async () => {
      const header = Buffer.from("6000040000602200000000", "hex")
      const caller = await signedOn("sample-7", header)
      const { message } = await caller.ask(Buffer.from(captured["sample-7"]!, "hex"), header)
      expect([message.mti, message.text("39")]).toEqual(["0210", "00"])
      const sale = unionpay.requests.at(-1)!
      expect(sale.text("4")).toBe("000000088800")
      // The terminal's MAC ends here: what goes on is the switch's own.
      expect(sale.has(64)).toBe(false)
      const request = read(cup.dialect, captured["sample-7"]!)
      const reversal = cup.dialect.patch(request, {
        mti: "0400",
        set: { "39": "98" },
        drop: [26, 35, 52, 53, 64]
      })
      const answer = await caller.ask(reversal, header)
      expect([answer.message.mti, answer.message.text("39")]).toEqual(["0410", "00"])
      await running.comesToRest()
      const reversed = unionpay.requests.at(-1)!
      expect(reversed.kind()).toBe("reversal")
      expect(reversed.text("11")).toBe(sale.text("11"))
      const [row] = await rowsOf("10421695", "100175")
      expect(row).toMatchObject({ state: "reversed", pan_mask: "622155******0728" })
      caller.close()
    })

    it("sample 17 reverses what nobody has seen: acknowledged, and nothing is sent", async () => {
      const header = Buffer.from("6000058383602200000000", "hex")
      const caller = await signedOn("sample-17", header)
      const before = acquirer.requests.length + unionpay.requests.length
      const { message } = await caller.ask(Buffer.from(captured["sample-17"]!, "hex"), header)
      expect([message.mti, message.text("39")]).toEqual(["0410", "00"])
      await running.comesToRest()
      expect(acquirer.requests.length + unionpay.requests.length).toBe(before)
      caller.close()
    })
  })
})

describe("malformed frames", () => {
  it("N1's lengths and a frame cut short are refused by name; the listener goes on", async () => {
    const caller = new Caller(cup, site.ports.terminals)
    const rejects = () => running.metric(`message_rejects_total{reason="message-format"}`)
    const before = await rejects()
    // A published 0810 that declares a field 62 of 80 bytes and has 40.
    caller.frame(Buffer.from(captured["sample-19"]!.replace("0040", "0080"), "hex"))
    caller.frame(vectorC.subarray(0, 40))
    await until("two refusals", 10_000, async () => await rejects() === before + 2 || undefined)
    const { message } = await caller.ask(vectorC.subarray(0, -10), tpduAndHeader)
    expect(message.text("39")).toBe("30")
    await running.logs("message-refused", { reason: "message-format" })
    const next = new Caller(cup, site.ports.terminals)
    expect((await next.ask(vectorC, tpduAndHeader)).message.text("39")).toBe("00")
    next.close()
    caller.close()
  })
})

describe("ISO 8583:1987 in ASCII", () => {
  const terminal = "T0000101"
  const merchant = "M00000000000021"

  it("signs on, sells, and is one row", async () => {
    const caller = new Caller(ascii, site.ports.ascii)
    const common = { "41": terminal, "42": merchant }
    const signOn = ascii.dialect.form("sign-on")!
    const welcome = await caller.ask(ascii.dialect.build(signOn.mti, {
      ...signOn.values,
      ...common,
      "7": "1126143000",
      "11": "000001"
    }))
    expect(welcome.message.text("39")).toBe("00")
    const sale = ascii.dialect.build("0200", {
      ...common,
      "2": "4111111111111111",
      "3": "000000",
      "4": "000000001250",
      "7": "1126143001",
      "11": "000002",
      "12": "223001",
      "13": "1126",
      "14": "3012",
      "22": "012",
      "25": "00",
      "49": "156"
    })
    const asked = acquirer.requests.length
    const { message } = await caller.ask(sale)
    expect(message.mti).toBe("0210")
    expect(message.text("39")).toBe("00")
    expect(acquirer.requests).toHaveLength(asked + 1)
    expect(acquirer.requests.at(-1)!.text("4")).toBe("000000001250")
    await running.comesToRest()
    expect(await rowsOf(terminal, "000002")).toEqual([{
      state: "answered",
      pan_mask: "411111******1111",
      amount: "1250",
      response: "00",
      upstream: "acquirer"
    }])
    caller.close()
  })
})

describe("the command line", () => {
  it("explains every field of vector C, and shows no secret of it", async () => {
    const { exit, out } = await pointsman(["decode", "--dialect", "cup-pos", captured["mac-c"]!])
    expect(exit).toBe(0)
    for (const field of read(cup.dialect, captured["mac-c"]!).fields()) {
      expect(out).toMatch(new RegExp(`\\n +\\d+ +\\d+ +${field} `))
    }
    expect(out).toContain("623501*********0069")
    for (const secret of ["6235013452200000069", "2611220778801", "FF0C47F016D61C79"]) {
      expect(out.toUpperCase()).not.toContain(secret)
    }
  })
})
