/** What terminals are told: their own numbers, refusals by name, repeats; what is submitted for them. */

import { describe, expect, it } from "vitest"
import type { BusinessDay, Rrn, Stan } from "../../src/domain/brand.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import type { Message, Values } from "../../src/iso8583/message.ts"
import { ValueList } from "../../src/iso8583/value-list.ts"
import { compose, ownValues } from "../../src/session/answer.ts"
import type { IsoSession } from "../../src/session/iso-session.ts"
import { dialect } from "../iso8583/shipped.ts"
import { encode } from "../upstream/fake-dialect.ts"
import { message, reversal, sale, signOn } from "./messages.ts"
import { Place, profile } from "./place.ts"

const record = {
  rrn: "123456789012" as Rrn,
  upstreamStan: "777777" as Stan,
  authCode: "A12345",
  day: "2026-11-26" as BusinessDay,
  approvedAmount: 50
} as Partial<TransactionRecord> as TransactionRecord

function signedOn(place: Place) {
  const caller = place.connect()
  caller.say(signOn("T0000001"))
  place.settle()
  return caller
}

describe("an answer", () => {
  it("carries the terminal's own numbers, whatever the upstream said", () => {
    const place = new Place()
    const caller = signedOn(place)
    caller.say(sale("T0000001", "000042"))
    place.settle()
    place.submitted[0]!.answer({
      record,
      values: { 11: "777777", 39: "10", 41: "XXXXXXXX", 42: "XXXXXXXXXXXXXXX", 54: "balance" }
    })
    place.settle()
    expect(caller.last()).toEqual({
      mti: "0210",
      2: "6222020000000000001",
      3: "000000",
      4: "000000000050",
      11: "000042",
      12: expect.stringMatching(/^\d{6}$/),
      13: expect.stringMatching(/^\d{4}$/),
      15: "1126",
      37: "123456789012",
      38: "A12345",
      39: "10",
      41: "T0000001",
      42: "M00000000000001",
      49: "156",
      54: "balance"
    })
  })

  it("keeps the terminal's own time and reference where it sent them", () => {
    const place = new Place()
    const caller = signedOn(place)
    caller.say(sale("T0000001", "000042", { 12: "101112", 13: "1231", 37: "TERMINALRRN1" }))
    place.settle()
    place.submitted[0]!.answer({ record: { ...record, rrn: "TERMINALRRN1" as Rrn } })
    place.settle()
    expect(caller.last()).toMatchObject({ 12: "101112", 13: "1231", 37: "TERMINALRRN1" })
    expect(place.submitted[0]!.submission.localTime).toBe("1231101112")
  })

  it.each<[string, Partial<TransactionRecord>, string | undefined]>([
    ["the terminal's reference", { rrn: "R1" as Rrn, upstreamRrn: "U1" as Rrn }, "R1"],
    ["or the upstream's", { upstreamRrn: "U1" as Rrn }, "U1"],
    ["or what the question said", {}, "ASKED"]
  ])("names %s", (_, known, told) => {
    const place = new Place()
    const caller = signedOn(place)
    caller.say(sale("T0000001", "000042", { 37: "ASKED" }))
    place.settle()
    const { day } = record
    place.submitted[0]!.answer({ record: { day, ...known } as TransactionRecord })
    place.settle()
    expect(caller.last()?.["37"]).toBe(told)
  })

  it("leaves nothing of its question behind, and is counted by whether it was heard", () => {
    const place = new Place()
    const caller = signedOn(place)
    caller.say(sale("T0000001", "000042"), sale("T0000001", "000043"))
    place.settle()
    const [first, second] = place.submitted
    const { bytes } = first!.submission.message!
    expect(Buffer.from(bytes).includes("6222020000000000001")).toBe(true)
    first!.answer({ record })
    place.settle()
    expect(new Set(bytes)).toEqual(new Set([0]))
    expect([place.count("answered"), place.count("undelivered")]).toEqual([1, 0])
    caller.close("reset")
    second!.answer({ record })
    expect([place.count("answered"), place.count("undelivered")]).toEqual([1, 1])
  })

  it("says the failure's code, and counts it by name", () => {
    const place = new Place()
    const caller = signedOn(place)
    caller.say(sale("T0000001", "000042"))
    place.settle()
    place.submitted[0]!.answer({
      approved: false,
      response1987: "91",
      failure: "upstream-down",
      values: { 39: "00" }
    })
    place.settle()
    expect(caller.last()).toMatchObject({ 39: "91" })
    expect(place.count("refused upstream-down")).toBe(1)
  })

  it("is none when the failure has no code: nobody is told anything", () => {
    const place = new Place()
    const caller = signedOn(place)
    caller.say(sale("T0000001", "000042"))
    place.settle()
    place.submitted[0]!.answer({
      approved: false,
      response1987: "",
      failure: "journal-failed"
    })
    place.settle()
    expect(caller.heard.length).toBe(1)
    expect(place.submitted[0]!.live).toBe(false)
  })
})

describe("a repeat", () => {
  const keyed = {
    profiles: [profile("T0000001", { macRequired: true, masterKey: "tmk-demo" })],
    hooks: { seedKeys: () => ({ mac: Buffer.from("k7") }) }
  }

  it("gets the stored answer under the current key", () => {
    const place = new Place(keyed)
    const caller = signedOn(place)
    caller.say(sale("T0000001", "000042", { 64: "mac-7" }))
    place.settle()
    const { body } = place.submitted[0]!.answer({ record })
    const stored = Buffer.from(body)
    place.settle()
    const first = caller.last()
    caller.say(signOn("T0000001", { 70: "003" }))
    place.settle()
    caller.say(sale("T0000001", "000042", { mti: "0201", 64: "mac-100" }))
    place.settle()
    expect(place.submitted[1]!.submission).toMatchObject({
      repeat: true,
      key: place.submitted[0]!.submission.key
    })
    place.submitted[1]!.repeat(stored)
    place.settle()
    expect(first).toMatchObject({ 64: "mac-7" })
    expect(caller.last()).toEqual({ ...first, 64: "mac-100" })
  })

  it.each([[true], [false]])("after a reload has a MAC as the profile has it now: %s", (mac) => {
    const seeded = { masterKey: "tmk-demo" }
    const place = new Place({
      ...keyed,
      profiles: [profile("T0000001", { ...seeded, macRequired: !mac })]
    })
    const caller = signedOn(place)
    caller.say(sale("T0000001", "000042", { 64: "mac-7" }))
    place.settle()
    const stored = Buffer.from(place.submitted[0]!.answer({ record }).body)
    place.settle()
    const { 64: before, ...first } = caller.last() ?? {}
    expect(before).toBe(mac ? undefined : "mac-7")
    place.swap([profile("T0000001", { ...seeded, macRequired: mac })])
    caller.say(sale("T0000001", "000042", { mti: "0201", 64: "mac-7" }))
    place.settle()
    place.submitted[1]!.repeat(stored)
    place.settle()
    expect(caller.last()).toEqual(mac ? { ...first, 64: "mac-7" } : first)
  })

  it("gets a refusal where no answer was stored", () => {
    const place = new Place(keyed)
    const caller = signedOn(place)
    caller.say(sale("T0000001", "000042", { 64: "mac-7" }))
    place.settle()
    place.submitted[0]!.repeat(new Uint8Array(0))
    place.settle()
    expect(caller.last()).toMatchObject({ 11: "000042", 39: "94" })
  })

  it("of one request on two connections is answered to both, each by its own (N10)", () => {
    const place = new Place({
      profiles: [profile("T0000001", { concentrator: "mall", identity: "sign-on" })]
    })
    const caller = signedOn(place)
    caller.say(sale("T0000001", "000042"), sale("T0000001", "000042"))
    place.settle()
    const [one, two] = place.submitted
    expect(one!.submission.key).toBe(two!.submission.key)
    const { body } = one!.answer()
    two!.repeat(body)
    place.settle()
    expect([one!.live, two!.live]).toEqual([true, true])
    expect(caller.heard.filter((each) => each["11"] === "000042").length).toBe(2)
  })
})

describe("a message that cannot be served", () => {
  it("is answered 30 when MTI, STAN and terminal can be read, and costs no more than itself", () => {
    const place = new Place()
    const caller = signedOn(place)
    caller.say(sale("T0000001", "000042", { bad: "yes" }))
    place.settle()
    expect(caller.last()).toMatchObject({ mti: "0210", 11: "000042", 39: "30" })
    caller.bytes(Buffer.from([0, 3, 1, 2, 3]))
    caller.bytes(Buffer.from([0, 2, 0x7b, 0x7d]))
    place.settle()
    expect(place.count("unanswerable")).toBe(2)
    expect(caller.fate).toBe("open")
    caller.say(sale("T0000001", "000043"))
    place.settle()
    expect(place.submitted.length).toBe(1)
  })

  it("ends the session when too many come in a row, and only then", () => {
    const place = new Place()
    const caller = signedOn(place)
    const bad = sale("T0000001", "000042", { bad: "yes" })
    caller.say(bad, bad, bad, signOn("T0000001"), bad, bad, bad)
    place.settle()
    expect(caller.fate).toBe("open")
    caller.say(bad)
    place.settle()
    expect(caller.heard.length).toBe(9)
    expect(caller.fate).toBe("ended")
    expect(place.ends()).toEqual(["messages-bad-repeated"])
  })

  it("is refused by name: no kind, a forbidden kind, a response, an amount that is none", () => {
    const place = new Place({
      profiles: [profile("T0000001", { kinds: new Set(["sign-on", "sale"]) })]
    })
    const caller = signedOn(place)
    caller.say(message("T0000001", "0200", { 3: "990000" }))
    caller.say(message("T0000001", "0800", { 70: "301" }))
    caller.say(sale("T0000001", "000043", { 4: "12a" }))
    place.settle()
    expect(caller.heard.map((each) => each["39"])).toEqual(["00", "12", "58", "30"])
    // 000000 is no number that we ever asked under.
    caller.say(
      sale("T0000001", "000044", { mti: "0210" }),
      sale("T0000001", "000000", { mti: "0810" })
    )
    place.settle()
    expect(place.count("unanswerable")).toBe(2)
    expect(caller.heard.length).toBe(4)
  })

  it("is refused when nobody is there to settle, and answered by whoever is", () => {
    const settlement = message("T0000001", "0500", { 60: "000007" })
    const alone = new Place()
    const caller = signedOn(alone)
    caller.say(settlement)
    alone.settle()
    expect(caller.last()).toMatchObject({ mti: "0510", 39: "58" })
    expect(alone.count("refused kind-forbidden")).toBe(1)
    const place = new Place({
      hooks: {
        settle: ({ batch, kind }, done) =>
          done({ response1987: "00", values: { 48: `${kind} ${batch}` } })
      }
    })
    const other = signedOn(place)
    other.say(settlement)
    place.settle()
    expect(other.last()).toMatchObject({ mti: "0510", 39: "00", 48: "settlement 000007" })
  })
})

describe("a submission", () => {
  const submitted = (fields: ReturnType<typeof sale>) => {
    const place = new Place()
    signedOn(place).say(fields)
    place.settle()
    return place.submitted[0]!.submission
  }

  it("has the facts of a card sale, from field 2 or from track 2", () => {
    expect(submitted(sale("T0000001", "000042", { 14: "3012", 60: "000007" }))).toMatchObject({
      kind: "sale",
      channel: "chip",
      scheme: "card",
      stan: "000042",
      batch: "000007",
      amount: 100,
      currency: "156",
      pan: "6222020000000000001",
      expiry: "3012",
      repeat: false
    })
    const { 2: _, ...swiped } = sale("T0000001", "000042", {
      35: "6235013452200000069D2611220778801000000"
    })
    expect(submitted(swiped)).toMatchObject({ pan: "6235013452200000069", expiry: "2611" })
  })

  it("knows a wallet by its pay code, only where a code was scanned", () => {
    const { 2: _, ...scanned } = sale("T0000001", "000042", {
      22: "032",
      59: "134567890123456789"
    })
    expect(submitted(scanned)).toMatchObject({
      channel: "qr-customer",
      scheme: "wechat",
      payCode: "134567890123456789"
    })
    expect(submitted({ ...scanned, 22: "051" })).toMatchObject({ scheme: "card" })
  })

  it("carries every reference to the original of a follow-on, and none otherwise", () => {
    const fields = { 3: "200000", 37: "123456789012", 38: "A12345", 61: "000041" }
    expect(submitted(sale("T0000001", "000042", fields))).toMatchObject({
      kind: "void",
      original: { rrn: "123456789012", stan: "000041", authCode: "A12345" }
    })
    expect(submitted(reversal("T0000001", "000042")).original).toBeUndefined()
    expect(submitted(sale("T0000001", "000042", { 61: "000041" })).original).toBeUndefined()
  })
})

describe("values from elsewhere that do not fit the terminal's dialect", () => {
  const spoken = dialect("iso87-ascii")
  const body = spoken.build("0200", {
    "3": "000000",
    "4": "000000000100",
    "11": "000042",
    "41": "T0000001",
    "49": "156"
  })
  const asked = spoken.read(body as Uint8Array) as Message
  const told = (all: Values, own: Values) => {
    const list = new ValueList()
    list.take(own)
    return spoken.read(compose(asked, "00", all, () => list, false)) as Message
  }
  const long = { "38": "LONGER THAN SIX" }

  it("are told where they do", () => {
    expect(told({ "38": "A12345" }, {}).text("38")).toBe("A12345")
  })

  it("stay behind, and the decision is told with what is ours to say", () => {
    const answer = told(long, { "37": "123456789012" })
    expect([answer.mti, answer.text("39"), answer.text("37"), answer.text("11")]).toEqual([
      "0210",
      "00",
      "123456789012",
      "000042"
    ])
    expect(answer.has(38)).toBe(false)
  })

  it("stay behind with ours, when not even those fit", () => {
    const answer = told(long, { "37": "LONGER THAN TWELVE" })
    expect([answer.text("39"), answer.has(37), answer.has(38)]).toEqual(["00", false, false])
  })
})

it("reads a body that is JSON of nothing as unreadable", () => {
  const place = new Place()
  const caller = place.connect()
  const body = encode({})
  caller.bytes(Buffer.concat([Buffer.from([0, body.length]), body]))
  place.settle()
  expect(caller.heard).toEqual([])
})

it.each([
  ["iso87-ascii", "0200", "1126", "081501"],
  ["iso93-ascii", "1200", "261126", "261127081501"],
  ["iso2003-ascii", "2200", "20261126", "20261127081501"]
])("says days and times as long as the fields of %s", (name, mti, day, time) => {
  const spoken = dialect(name)
  const asked = spoken.salvage(spoken.build(mti, { "11": "1" }))!
  const session = { localStamp: () => "20261127081501" } as IsoSession
  const values = ownValues(session, asked, "00", record)
  expect([values.get("15"), values.get("12")]).toEqual([day, time])
})
