/** QR devices: hello with its proof, sales by code, codes to show, pushes until acknowledged. */

import { describe, expect, it } from "vitest"
import type { TerminalId, TransactionId } from "../../src/domain/brand.ts"
import type { TransactionsShape } from "../../src/domain/ports/transactions.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { deviceNotices, fits, proofInput } from "../../src/qr/device-schema.ts"
import { frameLimits } from "../../src/qr/messagepack-scan.ts"
import {
  decodeMessagePack,
  encodeMessagePack,
  type MessagePackMap
} from "../../src/qr/messagepack.ts"
import type { Caller } from "./caller.ts"
import { fakeMac, Place, type PlaceOptions, profile } from "./place.ts"

type Heard = Readonly<Record<string, unknown>>

/** A device on one connection. */
class Device {
  readonly caller: Caller
  readonly #place: Place

  constructor(place: Place, remote?: string) {
    this.#place = place
    this.caller = place.connect(remote)
    place.settle()
  }

  heard(): Array<Heard> {
    const found: Array<Heard> = []
    for (let at = 0; at < this.caller.raw.length;) {
      const length = this.caller.raw.readUInt16BE(at)
      const decoded = decodeMessagePack(
        this.caller.raw.subarray(at + 2, at + 2 + length),
        frameLimits
      )
      if (decoded._tag !== "value") throw new Error(decoded.fault)
      found.push(Object.fromEntries(decoded.value as MessagePackMap))
      at += 2 + length
    }
    return found
  }

  of(type: string): Array<Heard> {
    return this.heard().filter((each) => each["type"] === type)
  }

  say(message: Readonly<Record<string, string | number | boolean | Uint8Array>>): void {
    this.body(encodeMessagePack(message))
  }

  body(body: Uint8Array): void {
    this.caller.bytes(Buffer.concat([Buffer.from([body.length >> 8, body.length & 255]), body]))
    this.#place.settle()
  }

  hello(terminal = "Q0000001", key = 7): void {
    const challenge = this.of("challenge")[0]!["nonce"] as Uint8Array
    const nonce = new Uint8Array(16).fill(3)
    const proof = fakeMac(key, proofInput("device", challenge, nonce, terminal))
    this.say({ type: "hello", version: 1, terminal, nonce, proof })
  }
}

const options: PlaceOptions = {
  devices: true,
  profiles: [
    profile("Q0000001", { identity: "hello", counter: "C1" }),
    profile("Q0000002", { identity: "hello" }),
    profile("T0000001")
  ],
  hooks: { seedKeys: () => ({ mac: Buffer.from("k7") }) }
}

const terminal = "Q0000001" as TerminalId
const transaction = "0190aaaa-0000-7000-8000-000000000000" as TransactionId

function pushed(place: Place, amount: number, lifetimeMs = 60_000) {
  const body = {
    event: "paid",
    transaction,
    scheme: "generic-qr",
    amount,
    currency: "156",
    payment: "p1",
    paidMs: 1_790_000_000_000
  }
  const prepared = place.push.prepare(terminal, transaction, body, lifetimeMs)
  place.journal.commit(prepared.writes, [], prepared.send)
  place.settle()
  return prepared.record
}

describe("a device", () => {
  it("proves its key over our nonce, and hears our proof over its own", () => {
    const place = new Place(options)
    const device = new Device(place)
    device.say({ type: "ping" })
    expect(device.of("refused")).toMatchObject([{ failure: "not-signed-on", response: "77" }])
    device.hello()
    const challenge = device.of("challenge")[0]!["nonce"] as Uint8Array
    const proof = fakeMac(
      7,
      proofInput("switch", new Uint8Array(16).fill(3), challenge, "Q0000001")
    )
    expect(Buffer.from(device.of("welcome")[0]!["proof"] as Uint8Array)).toEqual(proof)
    expect(place.view.find("Q0000001")?.state).toBe("proven")
    device.say({ type: "ping" })
    device.say({ type: "status", batteryPercent: 80 })
    expect(device.heard().slice(-2).map((each) => each["type"])).toEqual(["pong", "noted"])
  })

  it("is cut after three wrong proofs, and audited", () => {
    const place = new Place(options)
    const device = new Device(place)
    for (let often = 0; often < 3; often++) device.hello("Q0000001", 8)
    expect(device.of("refused").map((each) => each["response"])).toEqual(["A0", "A0", "A0"])
    expect(place.ends()).toEqual(["mac-wrong-repeated"])
    expect(place.audited.map(({ what }) => what)).toEqual(["mac-wrong", "mac-wrong", "mac-wrong"])
  })

  it("may not say hello as a card terminal, as nobody, or as a second device", () => {
    const place = new Place(options)
    const device = new Device(place)
    device.hello("T0000001")
    device.hello("Q9999999")
    expect(device.of("refused").map((each) => each["failure"])).toEqual([
      "terminal-foreign",
      "terminal-unknown"
    ])
    const other = new Device(place)
    other.hello("Q0000001")
    other.hello("Q0000002")
    expect(other.of("refused")).toMatchObject([{ failure: "terminal-foreign" }])
  })

  it("sells by a customer's code, and repeats without paying twice", () => {
    const place = new Place(options)
    const device = new Device(place)
    device.hello()
    const sale = {
      type: "sale",
      stan: "000042",
      amount: 1250,
      currency: "156",
      code: "134567890123456789"
    }
    device.say(sale)
    const [first] = place.submitted
    expect(first!.submission).toMatchObject({
      kind: "sale",
      channel: "qr-customer",
      scheme: "wechat",
      payCode: "134567890123456789",
      amount: 1250,
      stan: "000042",
      repeat: false
    })
    const { body } = first!.answer({
      record: { id: transaction, amount: 1250, walletReference: "4200000" } as TransactionRecord
    })
    place.settle()
    expect(first!.live).toBe(true)
    expect(device.of("result")).toEqual([{
      type: "result",
      stan: "000042",
      approved: true,
      response: "00",
      transaction,
      amount: 1250,
      reference: "4200000"
    }])
    device.say({ ...sale, repeat: true })
    expect(place.submitted[1]!.submission).toMatchObject({
      key: first!.submission.key,
      repeat: true
    })
    place.submitted[1]!.repeat(Buffer.from(body))
    place.settle()
    expect(device.of("result")[1]).toEqual(device.of("result")[0])
  })

  it("shows a code for an order, within its profile and window", () => {
    const place = new Place(options)
    const device = new Device(place)
    device.hello()
    const show = { type: "show", stan: "000042", amount: 500, currency: "156", scheme: "alipay" }
    device.say(show)
    expect(place.orders).toMatchObject([{ scheme: "alipay", amount: 500, lifetimeMs: 60_000 }])
    expect(device.of("code")).toMatchObject([{
      stan: "000042",
      order: "order-1",
      code: "https://pay.example/order-1"
    }])
    device.say({ ...show, currency: "840" })
    expect(device.of("refused")).toMatchObject([{ failure: "kind-forbidden", stan: "000042" }])
  })

  it("has so many sales under way as its window says, and room again when one is answered", () => {
    const profiles = [profile("Q0000001", { identity: "hello", window: 2 })]
    const place = new Place({ ...options, profiles })
    const device = new Device(place)
    device.hello()
    const sell = (stan: string) =>
      device.say({ type: "sale", stan, amount: 1, currency: "156", code: "134567890123456789" })
    for (const stan of ["000001", "000002", "000003"]) sell(stan)
    device.say({ type: "show", stan: "000004", amount: 1, currency: "156" })
    const busy = { failure: "session-busy" }
    expect(device.of("refused")).toMatchObject([
      { ...busy, stan: "000003" },
      { ...busy, stan: "000004" }
    ])
    place.submitted[0]!.answer({ record: { id: transaction, amount: 1 } as TransactionRecord })
    place.settle()
    for (const stan of ["000005", "000006"]) sell(stan)
    expect(place.submitted.map(({ submission: { stan } }) => stan)).toEqual([
      "000001",
      "000002",
      "000005"
    ])
  })

  it("is held to its merchant's rate, with sales as with codes to show", () => {
    const settings = { perMerchant: { perSecond: 1, burst: 2 } }
    const place = new Place({ ...options, settings })
    const device = new Device(place)
    device.hello()
    for (let often = 0; often < 3; often++) {
      device.say({ type: "show", stan: `00000${often}`, amount: 1, currency: "156" })
    }
    expect(device.of("code")).toHaveLength(2)
    expect(device.of("refused")).toMatchObject([{ failure: "overloaded", stan: "000002" }])
  })

  it("asks again for what is known though its window is full, and hears why no code is there", () => {
    const taken: Array<string> = []
    const early: Array<string> = []
    const transactions: TransactionsShape = {
      submit: ({ stan }) => void taken.push(stan),
      inFlight: () => 0,
      drain: () => {},
      knows: (_, key) => taken.some((stan) => key.includes(stan)),
      refusedEarly: (_, code) => void early.push(code),
      openOrder: (_, done) => done("overloaded"),
      book: () => ({ _tag: "known" }),
      unhandled: () => [],
      recent: () => [],
      decide: () => {}
    }
    const profiles = [profile("Q0000001", { identity: "hello", window: 1 })]
    const place = new Place({ ...options, profiles, transactions })
    const device = new Device(place)
    device.hello()
    for (const stan of ["000001", "000002"]) {
      device.say({ type: "show", stan, amount: 1, currency: "156" })
    }
    expect(device.of("refused").map(({ failure }) => failure)).toEqual(["overloaded", "overloaded"])
    for (const stan of ["000003", "000003", "000004"]) {
      device.say({ type: "sale", stan, amount: 1, currency: "156", code: "134567890123456789" })
    }
    expect([taken, early]).toEqual([["000003", "000003"], ["session-busy"]])
    expect(device.of("refused")[2]).toMatchObject({ failure: "session-busy", stan: "000004" })
  })

  it("hears nothing of what it asked before another took its place, and nor does the other", () => {
    const place = new Place(options)
    const [first, second] = [new Device(place), new Device(place)]
    first.hello()
    const code = "134567890123456789"
    first.say({ type: "sale", stan: "000001", amount: 1, currency: "156", code })
    second.hello()
    const [asked] = place.submitted
    asked!.answer({ record: { id: transaction, amount: 1 } as TransactionRecord })
    place.settle()
    expect(asked!.live).toBe(false)
    expect([first, second].map((device) => device.of("result"))).toEqual([[], []])
  })

  it("says only what the published schema says", () => {
    const place = new Place(options)
    const device = new Device(place)
    device.hello()
    device.say({ type: "sale", stan: "1", amount: 1, currency: "156", code: "x" })
    device.say({ type: "show", stan: "000001", amount: 1, currency: "156" })
    pushed(place, 100)
    for (const each of device.heard()) {
      const rules = deviceNotices[each["type"] as keyof typeof deviceNotices]
      expect(Object.keys(rules)).toEqual(
        expect.arrayContaining(Object.keys(each).filter((name) => name !== "type"))
      )
      for (const [name, rule] of Object.entries(rules)) {
        const value = each[name]
        if (value === undefined) expect(rule).toHaveProperty("optional")
        else expect([name, fits(rule, value as never)]).toEqual([name, true])
      }
    }
    expect(device.heard().map((each) => each["type"])).toEqual([
      "challenge",
      "welcome",
      "refused",
      "code",
      "push"
    ])
  })

  it("is refused by name for what is no map of the schema, and cut when it goes on", () => {
    const place = new Place(options)
    const device = new Device(place)
    device.hello()
    device.body(Buffer.from([0xc1]))
    device.body(Buffer.concat([Buffer.alloc(100, 0x91), Buffer.from([0])]))
    device.body(Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]))
    expect(device.caller.fate).toBe("open")
    device.say({ type: "sale", stan: "000001", amount: -1, currency: "156", code: "x" })
    expect(device.of("refused").map((each) => each["response"])).toEqual(["30", "30", "30", "30"])
    expect(place.ends()).toEqual(["messages-bad-repeated"])
    expect(place.submitted).toEqual([])
  })
})

describe("a blocked device", () => {
  const sale = { type: "sale", amount: 1250, currency: "156", code: "134567890123456789" }

  function blocked(knows: PlaceOptions["knows"] = () => false) {
    const place = new Place({ ...options, knows })
    const device = new Device(place)
    device.hello()
    place.swap([profile(terminal, { identity: "hello", counter: "C1", blocked: true })])
    return { device, place }
  }

  it("sells nothing and shows no code, and its session goes on", () => {
    const { device, place } = blocked()
    device.say({ ...sale, stan: "000042" })
    device.say({ type: "show", stan: "000043", amount: 500, currency: "156" })
    expect(device.of("refused")).toMatchObject([
      { failure: "terminal-blocked", response: "58", stan: "000042" },
      { failure: "terminal-blocked", response: "58", stan: "000043" }
    ])
    expect([place.submitted, place.orders]).toEqual([[], []])
    device.say({ type: "ping" })
    expect(device.of("pong").length).toBe(1)
  })

  it("says hello again, and hears what became of the sale it asked for", () => {
    const { device, place } = blocked((_, key) => key.includes("|000042|"))
    device.caller.close("reset")
    const back = new Device(place)
    back.hello()
    back.say({ ...sale, stan: "000042", repeat: true })
    expect(place.submitted.map(({ submission }) => submission.stan)).toEqual(["000042"])
    place.submitted[0]!.answer()
    place.settle()
    expect(back.of("result")).toMatchObject([{ stan: "000042", approved: true }])
  })

  it("announces what was paid, and acknowledges it", () => {
    const { device, place } = blocked()
    pushed(place, 1)
    expect(device.of("push").length).toBe(1)
    device.say({ type: "ack", sequence: 1 })
    expect(place.push.pending(terminal)).toBe(0)
  })
})

describe("a push", () => {
  it("waits for its terminal, leaves in order, and is gone when acknowledged", () => {
    const place = new Place(options)
    pushed(place, 1)
    pushed(place, 2)
    expect(place.push.pending(terminal)).toBe(2)
    const device = new Device(place)
    device.hello()
    pushed(place, 3)
    expect(device.of("push")).toMatchObject([
      { sequence: 1, amount: 1, event: "paid", transaction },
      { sequence: 2, amount: 2 },
      { sequence: 3, amount: 3 }
    ])
    device.say({ type: "ack", sequence: 2 })
    expect(place.push.pending(terminal)).toBe(1)
    expect([...place.journal.entries("pushes")].length).toBe(1)
    device.say({ type: "ack", sequence: 3 })
    place.time.pass(10_000, 100)
    expect(device.of("push").length).toBe(3)
    expect(place.journal.fed.map(({ row }) => (row as { state: string }).state)).toEqual([
      "acknowledged",
      "acknowledged",
      "acknowledged"
    ])
  })

  it("is repeated under its number until it is acknowledged", () => {
    const place = new Place(options)
    const device = new Device(place)
    device.hello()
    pushed(place, 1)
    place.time.pass(7000, 100)
    expect(device.of("push").map((each) => each["sequence"])).toEqual([1, 1, 1])
    expect(place.count("push repeated")).toBe(2)
    device.say({ type: "ack", sequence: 1 })
    expect(place.count("push acknowledged")).toBe(1)
  })

  it("goes to the session that took the terminal over, and to no other (I4)", () => {
    const place = new Place(options)
    const older = new Device(place)
    older.hello()
    pushed(place, 1)
    const newer = new Device(place)
    newer.hello()
    expect(older.caller.fate).toBe("destroyed")
    expect(newer.of("push")).toMatchObject([{ sequence: 1 }])
    const before = older.caller.raw.length
    pushed(place, 2)
    expect(older.caller.raw.length).toBe(before)
    expect(newer.of("push").map((each) => each["sequence"])).toEqual([1, 2])
  })

  it("outlives a restart, and its number is never used again", () => {
    const place = new Place(options)
    const device = new Device(place)
    device.hello()
    pushed(place, 1)
    pushed(place, 2)
    device.say({ type: "ack", sequence: 1 })
    const again = new Place({ ...options, journal: place.journal, time: place.time })
    expect(again.push.pending(terminal)).toBe(1)
    const back = new Device(again)
    back.hello()
    expect(back.of("push")).toMatchObject([{ sequence: 2, amount: 2 }])
    back.say({ type: "ack", sequence: 2 })
    const third = new Place({ ...options, journal: place.journal, time: place.time })
    expect(pushed(third, 3).sequence).toBe(3)
  })

  it("expires by its own deadline, in the journal and in the feed, and by nothing else", () => {
    const place = new Place(options)
    pushed(place, 1, 5000)
    pushed(place, 2, 500_000)
    place.time.pass(6000, 100)
    expect(place.push.pending(terminal)).toBe(1)
    expect(place.journal.fed).toMatchObject([{ row: { sequence: 1, state: "expired" } }])
    const device = new Device(place)
    device.hello()
    expect(device.of("push")).toMatchObject([{ sequence: 2 }])
  })

  it("stays in the order of its numbers when commits come back in another", () => {
    const place = new Place(options)
    const one = place.push.prepare(terminal, transaction, { amount: 1 }, 60_000)
    const two = place.push.prepare(terminal, transaction, { amount: 2 }, 60_000)
    two.send()
    one.send()
    const device = new Device(place)
    device.hello()
    expect(device.of("push").map((each) => each["sequence"])).toEqual([1, 2])
  })
})
