/**
 * DUKPT's counters (X9.24-1, X9.24-3): each serves one message. What was recorded cannot be played
 * again, what is repeated is answered all the same, and neither a restart nor a forger moves it.
 */

import { Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import type { KeyHandle } from "../../src/domain/brand.ts"
import { SecurityModule } from "../../src/domain/ports/security-module.ts"
import { Transactions, type TransactionsShape } from "../../src/domain/ports/transactions.ts"
import type { Fields } from "../upstream/fake-dialect.ts"
import type { Caller } from "./caller.ts"
import { echo, reversal, sale, signOn } from "./messages.ts"
import { Place, type PlaceOptions, profile } from "./place.ts"

const block = "0011223344556677"
const byMac = profile("T0000001", { identity: "mac", macRequired: true, baseKey: "bdk" })
const byPin = profile("T0000001", { identity: "sign-on", macRequired: false, baseKey: "bdk" })

/** Device 7 of a key set, X9.24-1: 59 bits, then 21 that count. */
const serial = (count: number, device = 7): string =>
  ((0xffff987654n << 40n) + (BigInt(device) << 21n) + BigInt(count)).toString(16).toUpperCase()

const security = Layer.succeed(SecurityModule, {
  place: "software",
  install: () => "key-missing",
  derive: (_, __, use) => (use === "mac-request" ? 501 : 502) as KeyHandle,
  release: () => {},
  onForgotten: () => () => {},
  exportToWorker: () => undefined,
  makeMac: (_, __, ___, done) => done(undefined),
  translatePin: (_, done) => done("pin-refused"),
  issueWorkingKeys: () => Effect.fail("key-missing" as const)
})

/** `disk`: the place that has the journal, where it is another's. */
function opened(options: PlaceOptions = {}, disk?: Place) {
  const journal = disk === undefined ? {} : { journal: disk.journal }
  const place = new Place({ profiles: [byMac], security, ...options, ...journal })
  const caller = place.connect()
  const settle = () => {
    place.settle()
    disk?.settle()
    place.settle()
  }
  const told = (what: Fields, from: Caller = caller): string | undefined => {
    const before = from.heard.length
    from.say(what)
    settle()
    for (const each of place.submitted) if (!each.asked) each.answer()
    settle()
    return from.heard.slice(before).at(-1)?.["39"]
  }
  return { caller, place, told }
}

const sold = (stan: number, count: number, fields: Fields = {}): Fields =>
  sale("T0000001", String(stan).padStart(6, "0"), { 53: serial(count), 64: "mac-501", ...fields })

describe("a counter under DUKPT", () => {
  it("serves one question: what was recorded is refused when it is played again", () => {
    const { place, told } = opened()
    expect([told(sold(1, 1)), told(sold(2, 2))]).toEqual(["00", "00"])
    expect([told(sold(1, 1)), told(sold(3, 2)), told(sold(3, 3))]).toEqual(["94", "94", "00"])
    expect([place.submitted.length, place.count("refused serial-used")]).toEqual([3, 2])
    expect(place.audited.map(({ what }) => what)).toEqual(["serial-used", "serial-used"])
  })

  it("may come late by a little, once, and not by more", () => {
    const { told } = opened()
    expect(told(sold(1, 100))).toBe("00")
    expect([told(sold(2, 69)), told(sold(2, 69))]).toEqual(["00", "94"])
    expect([told(sold(3, 68)), told(sold(4, 99)), told(sold(5, 99))]).toEqual(["94", "00", "94"])
    expect([told(sold(6, 2_000)), told(sold(7, 100)), told(sold(8, 1_999))])
      .toEqual(["00", "94", "00"])
    // What was used before a leap lies behind it, and says nothing about what it leapt over.
    expect(told(sold(9, 2_000 - ((2_000 - 100) % 32)))).toBe("00")
  })

  it("is not moved by a message whose MAC is wrong", () => {
    const { told } = opened()
    expect(told(sold(1, 1))).toBe("00")
    expect(told(sold(2, 1_000_000, { 64: "mac-7" }))).toBe("A0")
    expect([told(sold(3, 2)), told(sold(4, 3))]).toEqual(["00", "00"])
  })

  it("is not used up by a question that must wait for a sign-on", () => {
    const { told } = opened({ profiles: [{ ...byMac, identity: "sign-on" }] })
    expect([told(sold(1, 1)), told(signOn("T0000001"))]).toEqual(["77", "00"])
    expect([told(sold(1, 1)), told(sold(1, 1))]).toEqual(["00", "94"])
  })

  it("takes no terminal over: who plays a recording from elsewhere proves nothing", () => {
    const { caller, place, told } = opened()
    expect([told(sold(1, 1)), told(sold(2, 2))]).toEqual(["00", "00"])
    expect(told(sold(1, 1), place.connect("10.0.0.9:1"))).toBe("94")
    expect([place.ends(), told(sold(3, 3))]).toEqual([[], "00"])
    expect(caller.fate).toBe("open")
  })

  it("ends a line that goes on with used ones, as one with wrong MACs", () => {
    const { caller, place, told } = opened()
    const all = [told(sold(1, 1)), told(sold(2, 1)), told(sold(3, 1)), told(sold(4, 2))]
    expect(all).toEqual(["00", "94", "94", "00"])
    expect([told(sold(5, 1)), told(sold(6, 2)), caller.fate]).toEqual(["94", "94", "open"])
    expect([told(sold(7, 1)), place.ends()]).toEqual(["94", ["identity-refused"]])
  })

  it("belongs to the device that the terminal began with", () => {
    const { place, told } = opened()
    expect(told(sold(1, 1))).toBe("00")
    expect(told(sold(2, 5, { 53: serial(5, 8) }))).toBe("97")
    expect(place.count("refused serial-foreign")).toBe(1)
    place.swap([{ ...byMac, baseKey: "bdk-new" }])
    expect([told(sold(3, 1, { 53: serial(1, 8) })), told(sold(4, 2))]).toEqual(["00", "97"])
  })

  it("is judged by its terminal as a reload left it, under the base key that it has then", () => {
    const renewed = { ...byMac, baseKey: "bdk-new" }
    const plain = profile("T0000001", { identity: "mac", macRequired: true })
    // One whose MAC is being checked when a reload gives its terminal another base key, or none.
    const crossing = (after: typeof byMac) => {
      let reload = () => {}
      const keyed = Layer.effect(SecurityModule)(Effect.map(SecurityModule, (module) => ({
        ...module,
        derive: (baseKey: string, _: Uint8Array, use: string) => {
          reload()
          const handle = baseKey === "bdk" ? 500 : 600
          return handle + (use === "mac-request" ? 1 : 2) as KeyHandle
        }
      }))).pipe(Layer.provide(security))
      const seedKeys = () => ({ mac: Buffer.from("k7") })
      const here = opened({ security: keyed, hooks: { seedKeys } })
      reload = () => here.place.swap([after])
      return here
    }
    const { told } = crossing(renewed)
    const other = (count: number) => ({ 53: serial(count, 8), 64: "mac-601" })
    expect([told(sold(1, 900_000)), told(sold(2, 1, other(1)))]).toEqual(["A0", "00"])
    expect(crossing(renewed).told(sold(1, 1, { 64: "mac-601" }))).toBe("00")
    expect(crossing(plain).told(sold(1, 1))).toBe("A0")
    expect(crossing({ ...byMac, blocked: true }).told(sold(1, 1))).toBe("58")
  })

  it("survives a restart, and goes with what its message made durable", () => {
    const first = opened()
    first.told(sold(1, 40))
    const { told } = opened({}, first.place)
    expect([told(sold(1, 40)), told(sold(2, 41))]).toEqual(["94", "00"])
  })

  it("is not used up by a question that a kill took along before anything came of it", () => {
    const first = opened()
    first.told(sold(1, 40))
    first.caller.say(sold(2, 41))
    first.caller.say(sold(3, 42))
    first.place.settle()
    const [, , third] = first.place.submitted
    third!.submission.kept?.()
    const { told } = opened({}, first.place)
    expect([told(sold(1, 40)), told(sold(3, 42)), told(sold(2, 41))]).toEqual(["94", "94", "00"])
  })

  it("is on disk before its terminal hears that it was refused", () => {
    const disk = new Place({ profiles: [] })
    const profiles = [{ ...byMac, blocked: true }]
    const { caller, place } = opened({ profiles, journal: disk.journal })
    caller.say(sold(1, 40))
    place.settle()
    expect(caller.heard).toEqual([])
    disk.settle()
    place.settle()
    expect(caller.heard.map((each) => each["39"])).toEqual(["58"])
  })

  it("is on disk before anybody hears that a copy of what was refused is refused as well", () => {
    for (const known of [false, true]) {
      const disk = new Place({ profiles: [] })
      const profiles = [{ ...byMac, blocked: true }]
      const { caller, place } = opened({ profiles, journal: disk.journal, knows: () => known })
      // Where the station knows it, a right MAC takes the terminal over.
      const copier = known ? caller : place.connect("10.0.0.9:1")
      const heard = () => new Set([...caller.heard, ...copier.heard]).size
      caller.say(sold(1, 40))
      place.settle()
      copier.say(sold(1, 40))
      place.settle()
      for (const each of place.submitted) each.answer()
      place.settle()
      expect(heard()).toBe(0)
      disk.settle()
      place.settle()
      expect(heard()).toBe(2)
    }
  })

  it("is used up by a question that was refused", () => {
    const first = opened({ profiles: [{ ...byMac, blocked: true }] })
    expect(first.told(sold(1, 40))).toBe("58")
    const { told } = opened({}, first.place)
    expect([told(sold(1, 40)), told(sold(2, 41))]).toEqual(["94", "00"])
  })

  it("of another device is taken when an operator says so, and no recording before it", () => {
    const { place, told } = opened()
    expect([told(sold(1, 40)), forgotten(place, "T0000009")]).toEqual(["00", "unknown"])
    const seen = { terminal: "T0000001", baseKey: "bdk", device: "FFFF 9876 5400 00E0 0000" }
    expect(place.view.serials(10)).toEqual([{ ...seen, highest: 40, released: false }])
    expect(forgotten(place, "T0000001")).toBe("durable")
    expect(place.view.serials(10)).toEqual([{ ...seen, highest: 40, released: true }])
    expect([told(sold(1, 40)), told(sold(2, 41))]).toEqual(["94", "00"])
    expect(told(sold(3, 1, { 53: serial(1, 8) }))).toBe("00")
    expect([told(sold(4, 42)), told(sold(5, 1, { 53: serial(1, 9) }))]).toEqual(["97", "97"])
    expect(place.view.serials(10)).toMatchObject([{ highest: 1, released: false }])
  })

  it("begins anew when the same device has, and only when an operator says that as well", () => {
    const { place, told } = opened()
    expect([told(sold(1, 40)), forgotten(place, "T0000001")]).toEqual(["00", "durable"])
    expect([told(sold(2, 1)), forgotten(place, "T0000001", true)]).toEqual(["94", "durable"])
    expect([place.view.serials(10), told(sold(2, 1))]).toEqual([[], "00"])
  })
})

/** Whether its device was forgotten. */
function forgotten(place: Place, terminal: string, sameDevice = false): string {
  const heard: Array<unknown> = []
  const found = place.view.forgetSerial(terminal, sameDevice, (failure) => heard.push(failure))
  place.settle()
  expect(heard).toEqual(found ? [undefined] : [])
  return found ? "durable" : "unknown"
}

describe("what is said again under the same serial number", () => {
  const known = new Set<string>()
  /** A station that knows what it was asked. */
  function remembering() {
    const heard: Array<string> = []
    const transactions: TransactionsShape = {
      submit: ({ key }, asker) => {
        heard.push(key)
        known.add(key)
        asker.prepare({ approved: true, response1987: "00" }).deliver(() => {})
      },
      inFlight: () => 0,
      drain: () => {},
      knows: (_, key) => known.has(key),
      refusedEarly: () => {},
      openOrder: () => {},
      book: () => ({ _tag: "known" }),
      unhandled: () => [],
      recent: () => [],
      decide: () => {}
    }
    known.clear()
    return { ...opened({ transactions: Transactions.of(transactions) }), heard }
  }

  it("is answered, from the same line and from a new one", () => {
    const { heard, place, told } = remembering()
    expect([told(sold(1, 1)), told(sold(2, 2)), told(sold(1, 1)), told(sold(2, 2))])
      .toEqual(["00", "00", "00", "00"])
    expect(told(sold(2, 2), place.connect("10.0.0.1:1001"))).toBe("00")
    expect(heard).toHaveLength(5)
    known.clear()
    expect(told(sold(2, 2), place.connect("10.0.0.1:1002"))).toBe("94")
  })

  it("hears what was answered under the number that it has now", () => {
    const { caller, place, told } = opened()
    told(sold(1, 1))
    const [first] = caller.heard
    caller.say(sold(1, 2))
    place.settle()
    place.submitted[1]!.repeat(Buffer.from(JSON.stringify({ ...first, 64: "" })))
    place.settle()
    expect(first).toMatchObject({ 53: serial(1), 64: "mac-502" })
    expect(caller.last()).toEqual({ ...first, 53: serial(2) })
  })

  it("is taken where it is the reversal of what stood under it", () => {
    const { heard, told } = remembering()
    const back = (count: number): Fields =>
      reversal("T0000001", "000001", { 53: serial(count), 64: "mac-501" })
    expect([told(sold(1, 1)), told(back(1)), told(back(1))]).toEqual(["00", "00", "00"])
    told(sold(2, 33))
    known.clear()
    // A number as old as that may be anybody's recording, and its STAN another sale's by now.
    expect([told(back(1)), heard.length]).toEqual(["94", 4])
  })

  it("is heard where it is the last word to the switch itself", () => {
    const { told } = remembering()
    const beat = (count: number) => echo("T0000001", { 53: serial(count), 64: "mac-501" })
    expect([told(beat(1)), told(beat(1)), told(beat(2)), told(beat(1))])
      .toEqual(["00", "00", "00", "94"])
  })
})

describe("without a MAC the PIN proves the serial number", () => {
  const asked = (stan: number, count: number): Fields => {
    const { 64: _, ...rest } = sold(stan, count, { 52: block })
    return rest
  }

  function signedOn(terminal = byPin, options: PlaceOptions = {}) {
    const here = opened({ profiles: [terminal], ...options })
    here.told(signOn("T0000001"))
    return here
  }

  it("counts when the PIN was found right, and not before", () => {
    const { place, told } = signedOn()
    expect([told(asked(1, 900_000)), told(asked(2, 1))]).toEqual(["00", "00"])
    const [, second] = place.submitted
    expect(second!.submission.proved?.()).toBeUndefined()
    expect([told(asked(3, 1)), told(asked(4, 2))]).toEqual(["94", "00"])
    expect(place.submitted).toHaveLength(3)
  })

  it("does not count with a PIN block that opens under any key", () => {
    const { place, told } = signedOn({ ...byPin, pinFormat: 1 })
    told(asked(1, 1))
    expect(place.submitted[0]!.submission.proved).toBeUndefined()
  })

  it("counts once, although two questions waited for the same PIN", () => {
    // The station knows what waits in it.
    const { place, told } = signedOn(byPin, { knows: () => true })
    told(asked(1, 1))
    told(asked(2, 1))
    const answers = place.submitted.map(({ submission }) => submission.proved?.())
    expect(answers).toEqual([undefined, "serial-used"])
  })

  it("says nothing of a number that nothing stands under", () => {
    const { told } = signedOn()
    const { 52: _, ...plain } = asked(1, 5)
    expect([told(plain), told({ ...plain, 11: "000002" })]).toEqual(["00", "00"])
  })
})
