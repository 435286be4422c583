/** Bytes and deadlines: framing faults, half-closes, resets, slow and silent peers, full listeners. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { frameOf } from "./caller.ts"
import { echo, reversal, sale, signOn } from "./messages.ts"
import { Place, profile } from "./place.ts"

describe("the byte stream", () => {
  it("gives the same answers however it is split (N1)", () => {
    const stream = Buffer.concat([
      signOn("T0000001"),
      echo("T0000001"),
      sale("T0000001", "000001"),
      { mti: "0200", bad: "yes", 11: "000002", 41: "T0000001" },
      sale("T0000001", "000003"),
      { mti: "0210", 11: "000004", 41: "T0000001" },
      sale("T0000001", "000005")
    ].map(frameOf))
    const answersTo = (cuts: ReadonlyArray<number>) => {
      const place = new Place()
      const caller = place.connect()
      let from = 0
      for (const cut of [...cuts, stream.length].toSorted((a, b) => a - b)) {
        caller.bytes(Buffer.from(stream.subarray(from, cut)))
        place.settle()
        for (const each of place.submitted) if (each.heardOften === 0) each.answer()
        place.settle()
        from = cut
      }
      // Answers that are made at once may overtake those that wait for the test's word.
      return caller.heard.map((each) => JSON.stringify(each)).toSorted()
    }
    const whole = answersTo([])
    expect(whole.length).toBe(6)
    const cut = fc.integer({ min: 0, max: stream.length })
    fc.assert(
      fc.property(fc.array(cut, { maxLength: 40 }), (cuts) => {
        expect(answersTo(cuts)).toEqual(whole)
      }),
      { numRuns: 60 }
    )
    expect(answersTo(Array.from({ length: stream.length }, (_, index) => index))).toEqual(whole)
  })

  it("frames fifty requests in one chunk, and lets another session in between (N2)", () => {
    const place = new Place({
      profiles: [profile("T0000001", { window: 64 }), profile("T0000002")]
    })
    const many = place.connect()
    const one = place.connect()
    many.say(signOn("T0000001"))
    one.say(signOn("T0000002"))
    place.settle()
    many.say(
      ...Array.from({ length: 50 }, (_, index) => sale("T0000001", String(index).padStart(6, "0")))
    )
    one.say(sale("T0000002", "900001"))
    place.settle()
    expect(place.submitted.length).toBe(51)
    for (const each of place.submitted) each.answer()
    place.settle()
    expect(many.heard.length).toBe(51)
    expect(one.last()).toMatchObject({ 11: "900001", 39: "00" })
  })

  it("handles in order of arrival, however long a MAC takes to check (I9)", () => {
    const place = new Place({ hooks: { seedKeys: () => ({ mac: Buffer.from("k7") }) } })
    const caller = place.connect()
    caller.say(
      signOn("T0000001"),
      sale("T0000001", "000001", { 64: "mac-7" }),
      reversal("T0000001", "000001"),
      sale("T0000001", "000002")
    )
    place.settle()
    expect(place.submitted.map(({ submission }) => submission.mti + submission.stan)).toEqual([
      "0200000001",
      "0400000001",
      "0200000002"
    ])
  })

  it("answers what it owes after the peer has closed its side, then closes (N3)", () => {
    const place = new Place()
    const caller = place.connect()
    caller.say(signOn("T0000001"), sale("T0000001", "000001"))
    caller.handler?.onEnd()
    place.settle()
    expect(caller.fate).toBe("open")
    place.submitted[0]!.answer()
    place.settle()
    expect(place.submitted[0]!.live).toBe(true)
    expect(caller.last()).toMatchObject({ 11: "000001", 39: "00" })
    expect(caller.fate).toBe("ended")
    expect(place.ends()).toEqual(["peer-closed"])
  })

  it("tells the transaction that nobody took the answer after a reset (N4)", () => {
    const place = new Place()
    const caller = place.connect()
    caller.say(signOn("T0000001"), sale("T0000001", "000001"))
    place.settle()
    caller.close("reset")
    place.submitted[0]!.answer()
    place.settle()
    expect(place.submitted[0]).toMatchObject({ live: false, heardOften: 1 })
    expect(place.ends()).toEqual(["peer-reset"])
  })

  it("tells it too when the reset comes before the turn's writes", () => {
    const place = new Place()
    const caller = place.connect()
    caller.say(signOn("T0000001"), sale("T0000001", "000001"))
    place.settle()
    const heard = caller.heard.length
    place.submitted[0]!.answer()
    expect(place.submitted[0]!.live).toBeUndefined()
    caller.close("reset")
    expect(place.submitted[0]).toMatchObject({ live: false, heardOften: 1 })
    place.settle()
    expect(caller.heard.length).toBe(heard)
  })

  it("tells it too when the reset comes while the answer is being sealed", () => {
    const place = new Place({
      profiles: [profile("T0000001", { macRequired: true })],
      hooks: { seedKeys: () => ({ mac: Buffer.from("k7") }) }
    })
    const caller = place.connect()
    caller.say(signOn("T0000001"), sale("T0000001", "000001", { 64: "mac-7" }))
    place.settle()
    place.codec.holdSeals = true
    place.submitted[0]!.answer()
    place.settle()
    expect(place.submitted[0]!.live).toBeUndefined()
    caller.close("reset")
    expect(place.submitted[0]).toMatchObject({ live: false, heardOften: 1 })
  })

  it("refuses a declared length above the maximum from its two bytes (M1)", () => {
    const place = new Place()
    const caller = place.connect()
    caller.bytes(Buffer.from([0xff, 0xff]))
    place.settle()
    expect(place.ends()).toEqual(["frame-too-long"])
    const other = place.connect()
    other.say(signOn("T0000001"))
    place.settle()
    expect(other.last()).toMatchObject({ 39: "00" })
  })
})

describe("deadlines", () => {
  it("cut who stays silent, who trickles, and who idles, and no one else (M2, N5)", () => {
    const place = new Place({ listener: { idleMs: 30_000 } })
    const silent = place.connect()
    const trickling = place.connect()
    const honest = place.connect()
    honest.say(signOn("T0000001"))
    const bytes = frameOf(signOn("T0000002"))
    for (let byte = 0; byte < 40; byte++) {
      trickling.bytes(bytes.subarray(byte, byte + 1))
      place.time.pass(100)
    }
    expect(trickling.fate).toBe("ended")
    trickling.close("ended")
    expect(place.ends()).toEqual(["frame-incomplete"])
    place.time.pass(10_000, 100)
    expect(silent.fate).toBe("destroyed")
    expect(place.ends().at(-1)).toBe("first-message-late")
    expect(honest.fate).toBe("open")
    place.time.pass(20_000, 100)
    expect(place.ends().at(-1)).toBe("idle")
    // A socket that does not close after a gentle end is closed for it.
    place.time.pass(6000, 100)
    expect(honest.fate).toBe("destroyed")
  })

  it("asks a silent terminal whether it lives, and lets go after the misses (N5, N6)", () => {
    const place = new Place({ settings: { echo: { afterIdleMs: 10_000, misses: 2 } } })
    const dead = place.connect()
    dead.say(signOn("T0000001"))
    place.time.pass(12_000, 100)
    const asked = dead.heard.filter((each) => each["mti"] === "0800")
    expect(asked).toMatchObject([{ 11: "000001", 41: "T0000001", 70: "301" }])
    dead.say({ ...asked[0], mti: "0810", 39: "00" })
    place.time.pass(9000, 100)
    expect(dead.heard.length).toBe(2)
    place.time.pass(40_000, 100)
    expect(place.ends()).toEqual(["echo-missed"])
    expect(place.count("unanswerable")).toBe(0)
  })
})

describe("a peer that does not read (N7)", () => {
  it("is quarantined, forgiven when it drains, and cut when it does not", () => {
    const place = new Place()
    const slow = place.connect()
    slow.say(signOn("T0000001"))
    place.settle()
    slow.stuckBytes = 20_000
    slow.say(echo("T0000001"))
    place.settle()
    expect(slow.paused).toBe(true)
    expect(place.view.find("T0000001")?.state).toBe("quarantined")
    slow.stuckBytes = 0
    slow.handler?.onDrain()
    expect(slow.paused).toBe(false)
    slow.stuckBytes = 20_000
    slow.say(echo("T0000001"))
    place.settle()
    place.time.pass(6000, 100)
    expect(place.ends()).toEqual(["slow-reader"])
    expect(slow.fate).toBe("destroyed")
  })

  it("is cut at once when it owes four times the limit", () => {
    const place = new Place()
    const slow = place.connect()
    slow.say(signOn("T0000001"))
    place.settle()
    slow.stuckBytes = 50_000
    slow.say(echo("T0000001"))
    place.settle()
    expect(place.ends()).toEqual(["slow-reader"])
  })
})

describe("a full listener (O7)", () => {
  it("refuses with a reason, and reclaims the oldest that has proven nothing", () => {
    const place = new Place({
      listener: { maxSessions: 2 },
      profiles: [profile("T0000001"), profile("T0000002")]
    })
    const first = place.connect()
    first.say(signOn("T0000001"))
    place.settle()
    const idle = place.connect()
    expect(place.knock()).toBeUndefined()
    expect(place.ends()).toEqual(["too-many-sessions"])
    place.time.pass(1500, 100)
    const second = place.connect()
    expect(idle.fate).not.toBe("open")
    second.say(signOn("T0000002"))
    place.settle()
    place.time.pass(1500, 100)
    expect(place.knock()).toBeUndefined()
    expect([first.fate, second.fate]).toEqual(["open", "open"])
  })

  it("takes only so many connections of one address", () => {
    const place = new Place({ settings: { maxSessionsPerAddress: 2 } })
    place.connect("10.0.0.1:1")
    const second = place.connect("10.0.0.1:2")
    expect(place.knock("10.0.0.1:3")).toBeUndefined()
    expect(place.knock("10.0.0.2:1")).toBeDefined()
    second.close("ended")
    expect(place.knock("10.0.0.1:4")).toBeDefined()
    expect(place.ends()).toEqual(["address-refused", "peer-closed"])
  })

  it("keeps the last ten thousand ends", () => {
    const place = new Place({ settings: { maxSessionsPerAddress: 0 } })
    for (let often = 0; often < 10_050; often++) place.knock(`10.0.0.1:${often}`)
    const closed = place.view.ended()
    expect(closed.length).toBe(10_000)
    expect(closed[0]?.remote).toBe("10.0.0.1:50")
    expect(closed.at(-1)?.remote).toBe("10.0.0.1:10049")
  })
})

it("ends a crowd that is late at once a few a turn, so that others are heard between", () => {
  const settings = { maxSessionsPerAddress: 10_000 }
  const place = new Place({ settings, listener: { maxSessions: 400 } })
  for (let each = 0; each < 300; each++) place.connect(`10.0.0.1:${each}`)
  place.time.pass(9900, 100)
  expect(place.ends()).toEqual([])
  let before = 0
  let most = 0
  for (let turn = 0; turn < 200; turn++) {
    place.time.hold(10)
    place.time.endTurn()
    most = Math.max(most, place.ends().length - before)
    before = place.ends().length
  }
  expect(place.ends()).toEqual(Array(300).fill("first-message-late"))
  expect(most).toBeLessThanOrEqual(32)
})
