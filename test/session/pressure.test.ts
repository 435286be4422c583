/** More than there is room for: windows, rates, age in the queue, a codec that is full, a disk that stands. */

import { describe, expect, it } from "vitest"
import { frameOf } from "./caller.ts"
import { echo, reversal, sale, signOn } from "./messages.ts"
import { Place, profile } from "./place.ts"

/** More than its address may say: the switch reads ten, and then five a second. */
function thirtyAtOnce() {
  const place = new Place({
    profiles: [profile("T0000001", { window: 64 })],
    settings: { perAddress: { perSecond: 5, burst: 10 } }
  })
  const caller = place.connect()
  caller.say(signOn("T0000001"))
  for (let index = 0; index < 30; index++) {
    caller.say(sale("T0000001", String(index).padStart(6, "0")))
  }
  return { caller, place }
}

describe("pressure", () => {
  it("refuses what is beyond a terminal's window, but takes its reversal", () => {
    const place = new Place({ profiles: [profile("T0000001", { window: 2 })] })
    const caller = place.connect()
    caller.say(signOn("T0000001"))
    for (const stan of ["000001", "000002", "000003"]) caller.say(sale("T0000001", stan))
    caller.say(reversal("T0000001", "000001"))
    place.settle()
    expect(place.submitted.map(({ submission }) => submission.mti)).toEqual([
      "0200",
      "0200",
      "0400"
    ])
    expect(caller.last()).toMatchObject({ 11: "000003", 39: "96" })
    expect(place.count("refused session-busy")).toBe(1)
    place.submitted[0]!.answer()
    place.submitted[1]!.answer()
    caller.say(sale("T0000001", "000004"))
    place.settle()
    expect(place.submitted.length).toBe(4)
  })

  it("has room in the end for a reversal that found none: that it was busy is forgotten", () => {
    const place = new Place({ profiles: [profile("T0000001", { window: 1 })] })
    const caller = place.connect()
    caller.say(signOn("T0000001"))
    for (let stan = 1; stan < 6; stan++) caller.say(reversal("T0000001", `00000${stan}`))
    caller.say(sale("T0000001", "000006"))
    place.settle()
    expect(place.submitted.length).toBe(4)
    expect(caller.heard.slice(-2)).toMatchObject([{ 11: "000005" }, { 11: "000006" }])
    expect(place.count("refused session-busy")).toBe(2)
    // Copies of the sale hear the same; those of the reversal are owed another look.
    expect(place.refusedEarly).toEqual(["T0000001:000006:020"])
    place.submitted[0]!.answer()
    caller.say(reversal("T0000001", "000005"))
    place.settle()
    expect(place.submitted[4]!.submission).toMatchObject({ kind: "reversal", stan: "000005" })
  })

  it("bounds one merchant and leaves the others alone (O2)", () => {
    const place = new Place({
      profiles: [
        profile("T0000001", { window: 64 }),
        profile("T0000002", { merchant: "M2" as never })
      ],
      settings: { perMerchant: { perSecond: 10, burst: 10 } }
    })
    const loud = place.connect()
    const quiet = place.connect()
    loud.say(signOn("T0000001"))
    quiet.say(signOn("T0000002", { 42: "M2" }))
    place.settle()
    for (let index = 0; index < 50; index++) {
      loud.say(sale("T0000001", String(index).padStart(6, "0")))
    }
    quiet.say(sale("T0000002", "900001", { 42: "M2" }))
    place.settle()
    expect(place.count("refused overloaded")).toBe(40)
    expect(place.submitted.at(-1)!.submission.terminal).toBe("T0000002")
    place.time.pass(500)
    for (let index = 50; index < 60; index++) {
      loud.say(sale("T0000001", String(index).padStart(6, "0")))
    }
    place.settle()
    expect(place.count("refused overloaded")).toBe(45)
  })

  it("bounds one terminal and leaves its neighbours at the same merchant alone", () => {
    const place = new Place({
      profiles: [profile("T0000001", { window: 64 }), profile("T0000002")],
      settings: { perTerminal: { perSecond: 2, burst: 5 } }
    })
    const [loud, quiet] = [place.connect(), place.connect()]
    loud.say(signOn("T0000001"))
    quiet.say(signOn("T0000002"))
    place.settle()
    for (let index = 0; index < 9; index++) {
      loud.say(sale("T0000001", String(index).padStart(6, "0")))
    }
    quiet.say(sale("T0000002", "900001"))
    place.settle()
    expect(place.count("refused overloaded")).toBe(4)
    expect(place.submitted.at(-1)!.submission.terminal).toBe("T0000002")
    place.time.pass(1000)
    for (let index = 9; index < 12; index++) {
      loud.say(sale("T0000001", String(index).padStart(6, "0")))
    }
    place.settle()
    expect(place.count("refused overloaded")).toBe(5)
  })

  it("does not read an address that says too much, and loses nothing of it", () => {
    const { caller, place } = thirtyAtOnce()
    place.settle()
    expect(place.submitted.length).toBe(9)
    expect(caller.paused).toBe(true)
    place.time.pass(6000, 100)
    expect(place.submitted.map(({ submission }) => Number(submission.stan))).toEqual(
      Array.from({ length: 30 }, (_, index) => index)
    )
    expect(caller.paused).toBe(false)
  })

  it("does not hold the time in which we did not read against an unfinished frame", () => {
    const { caller, place } = thirtyAtOnce()
    const last = frameOf(sale("T0000001", "000030"))
    caller.bytes(last.subarray(0, 5))
    for (let second = 0; second < 20 && (second === 0 || caller.paused); second++) {
      place.time.pass(1000, 100)
    }
    expect(caller.fate).toBe("open")
    caller.bytes(last.subarray(5))
    place.settle()
    expect(place.submitted.length).toBe(31)
    caller.bytes(last.subarray(0, 5))
    place.time.pass(4000, 100)
    expect(place.view.find("T0000001")?.state).toBe("closing")
  })

  it("refuses the cheapest first when messages grow old with us", () => {
    const place = new Place({ profiles: [profile("T0000001", { window: 64 })] })
    const caller = place.connect()
    caller.say(signOn("T0000001"))
    place.settle()
    const ask = (stan: string) => {
      caller.say(sale("T0000001", `${stan}1`, { 3: "310000" }))
      caller.say(sale("T0000001", `${stan}2`))
      caller.say(reversal("T0000001", `${stan}3`))
    }
    const asked = () => place.submitted.map(({ submission }) => submission.stan)
    ask("00000")
    place.time.hold(2000)
    place.settle()
    expect(asked()).toEqual(["000002", "000003"])
    ask("00001")
    place.time.hold(6000)
    place.settle()
    expect(asked()).toEqual(["000002", "000003", "000013"])
    expect(place.count("refused overloaded")).toBe(3)
  })

  it("pauses its sockets while the codec is full, and goes on in order", () => {
    const place = new Place()
    const caller = place.connect()
    const other = place.connect()
    caller.say(signOn("T0000001"))
    place.settle()
    place.codec.full = true
    caller.say(sale("T0000001", "000001"), sale("T0000001", "000002"))
    other.say(echo("T0000001"))
    place.settle()
    expect([caller.paused, other.paused]).toEqual([true, true])
    expect(place.submitted).toEqual([])
    place.codec.relieve()
    place.settle()
    expect(place.submitted.map(({ submission }) => submission.stan)).toEqual([
      "000001",
      "000002"
    ])
    expect([caller.paused, other.paused]).toEqual([false, false])
    expect(other.last()).toMatchObject({ 39: "00" })
  })

  it("reads nothing more while the journal's disk stands, and goes on when it moves", () => {
    const place = new Place()
    const [caller, other] = [place.connect(), place.connect()]
    caller.say(signOn("T0000001"))
    place.settle()
    place.journal.waitingMs = 999
    place.time.pass(200)
    caller.say(sale("T0000001", "000001"))
    place.settle()
    expect(caller.paused).toBe(false)
    place.journal.waitingMs = 1001
    place.time.pass(200)
    caller.say(sale("T0000001", "000002"))
    place.codec.relieve()
    place.settle()
    expect([caller.paused, other.paused]).toEqual([true, false])
    // What had been read before is handled.
    expect(place.submitted.map(({ submission }) => submission.stan)).toEqual(["000001", "000002"])
    place.journal.waitingMs = 0
    place.time.pass(200)
    place.settle()
    expect(caller.paused).toBe(false)
  })

  it("refuses new money while it drains, and ends what is idle", async () => {
    const place = new Place()
    const caller = place.connect()
    caller.say(signOn("T0000001"))
    place.settle()
    await place.close()
    expect(caller.fate).toBe("ended")
    expect(place.ends()).toEqual(["draining"])
    expect(place.knock()).toBeUndefined()
  })

  it("lets an operator disconnect a terminal", () => {
    const place = new Place()
    const caller = place.connect()
    caller.say(signOn("T0000001"))
    place.settle()
    expect(place.view.close("T0000001")).toBe(true)
    expect(caller.fate).toBe("ended")
    expect(place.view.close("T0000001")).toBe(false)
    expect(place.ends()).toEqual(["operator"])
  })

  it("forgets a session that broke, and nobody else's", () => {
    const place = new Place({
      profiles: [profile("T0000001"), profile("T0000002")],
      hooks: {
        settle: () => {
          throw new Error("on purpose")
        }
      }
    })
    const broken = place.connect()
    const well = place.connect()
    broken.say(signOn("T0000001"), { ...signOn("T0000001"), mti: "0500" })
    well.say(signOn("T0000002"))
    place.settle()
    expect(place.ends()).toEqual(["defect"])
    expect(well.last()).toMatchObject({ 39: "00" })
  })
})
