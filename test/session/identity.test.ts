/** Who speaks, and may they: identity by each rule, keys and their rotation, takeover, forgery. */

import { describe, expect, it } from "vitest"
import { sale, signOn } from "./messages.ts"
import { Place, profile } from "./place.ts"

const byMac = profile("T0000001", { identity: "mac", macRequired: true, masterKey: "tmk-demo" })
const keyed = {
  profiles: [byMac],
  hooks: { seedKeys: () => ({ mac: Buffer.from("k7") }) }
}

/** The first wish of a terminal's session, answered. */
function answered(place: Place, stan: string): boolean {
  const found = place.submitted.find(({ submission }) => submission.stan === stan)
  found?.answer()
  place.settle()
  return found !== undefined
}

describe("identity by sign-on", () => {
  it("asks for the sign-on first, and then lets money move", () => {
    const place = new Place()
    const caller = place.connect()
    caller.say(sale("T0000001", "000001"))
    place.settle()
    expect(caller.last()).toMatchObject({ mti: "0210", 11: "000001", 39: "77" })
    caller.say(signOn("T0000001"))
    place.settle()
    expect(caller.last()).toMatchObject({ mti: "0810", 39: "00" })
    expect(place.view.find("T0000001")?.state).toBe("proven")
    caller.say(sale("T0000001", "000002"))
    place.settle()
    expect(answered(place, "000002")).toBe(true)
    expect(caller.last()).toMatchObject({ mti: "0210", 11: "000002", 39: "00" })
  })

  it("brings new working keys, on disk before they leave", () => {
    const place = new Place({ profiles: [profile("T0000001", { masterKey: "tmk-demo" })] })
    const caller = place.connect()
    place.journal.held = true
    caller.say(signOn("T0000001", { 70: "003" }))
    place.settle()
    expect(caller.heard).toEqual([])
    place.journal.release()
    place.settle()
    expect(caller.last()).toMatchObject({ mti: "0810", 39: "00", 62: "new-k100" })
    expect(place.journal.get("terminals", "T0000001")?.keys.mac).toEqual(Buffer.from("k100"))
    expect(place.audited.map(({ what }) => what)).toEqual(["key-download"])
  })

  it("refuses keys to a terminal without a master key, and too many sign-ons", () => {
    const place = new Place()
    const caller = place.connect()
    caller.say(signOn("T0000001", { 70: "003" }))
    place.settle()
    expect(caller.last()).toMatchObject({ 39: "58" })
    for (let often = 0; often < 3; often++) caller.say(signOn("T0000001"))
    place.settle()
    expect(caller.heard.map((each) => each["39"])).toEqual(["58", "00", "00", "96"])
    place.time.pass(1000)
    caller.say(signOn("T0000001"))
    place.settle()
    expect(caller.last()).toMatchObject({ 39: "00" })
  })

  it("ends the session after a sign-off has been answered", () => {
    const place = new Place()
    const caller = place.connect()
    caller.say(signOn("T0000001"), signOn("T0000001", { 70: "002" }))
    place.settle()
    expect(caller.heard.map((each) => each["39"])).toEqual(["00", "00"])
    expect(caller.fate).toBe("ended")
    expect(place.ends()).toEqual(["signed-off"])
  })
})

describe("identity by MAC", () => {
  it("is in nobody's doubt while MACs cannot be made: refused by name, and never blamed", () => {
    const place = new Place(keyed)
    const caller = place.connect()
    for (const stan of ["000001", "000002", "000003", "000004"]) {
      caller.say(sale("T0000001", stan, { 64: "not made" }))
    }
    place.settle()
    expect(place.count("refused key-missing")).toBe(4)
    expect([place.count("refused mac-wrong"), place.audited, caller.fate]).toEqual([0, [], "open"])
    caller.say(sale("T0000001", "000005", { 64: "mac-7" }))
    place.settle()
    expect(answered(place, "000005")).toBe(true)
  })

  it("takes the first right MAC on any connection as proof, and seals the answer", () => {
    const place = new Place(keyed)
    const caller = place.connect()
    caller.say(sale("T0000001", "000001", { 64: "mac-7" }))
    place.settle()
    expect(answered(place, "000001")).toBe(true)
    expect(caller.last()).toMatchObject({ 39: "00", 64: "mac-7" })
    caller.say(sale("T0000001", "000002", { 64: "mac-7" }))
    place.settle()
    expect(answered(place, "000002")).toBe(true)
  })

  it("answers A0 to a wrong or missing MAC; the third in a row ends the session", () => {
    const place = new Place(keyed)
    const caller = place.connect()
    caller.say(sale("T0000001", "000001", { 64: "mac-8" }))
    caller.say(sale("T0000001", "000002"))
    place.settle()
    expect(caller.heard.map((each) => each["39"])).toEqual(["A0", "A0"])
    caller.say(sale("T0000001", "000003", { 64: "mac-7" }))
    caller.say(sale("T0000001", "000004", { 64: "mac-8" }))
    caller.say(sale("T0000001", "000005", { 64: "mac-8" }))
    place.settle()
    expect(caller.fate).toBe("open")
    caller.say(sale("T0000001", "000006", { 64: "mac-8" }))
    place.settle()
    expect(caller.last()).toMatchObject({ 11: "000006", 39: "A0" })
    expect(place.submitted.map(({ submission }) => submission.stan)).toEqual(["000003"])
    // What it is owed it still gets.
    expect(caller.fate).toBe("open")
    expect(answered(place, "000003")).toBe(true)
    expect(caller.fate).toBe("ended")
    expect(place.ends()).toEqual(["mac-wrong-repeated"])
    expect(place.audited.at(-1)).toMatchObject({ what: "mac-wrong", terminal: "T0000001" })
  })

  it("asks a terminal without a key to sign in, and takes its new key at once", () => {
    const place = new Place({ profiles: [byMac] })
    const caller = place.connect()
    caller.say(sale("T0000001", "000001", { 64: "mac-7" }))
    place.settle()
    expect(caller.last()).toMatchObject({ 39: "A0" })
    expect(place.count("refused key-missing")).toBe(1)
    caller.say(signOn("T0000001", { 70: "003" }))
    place.settle()
    caller.say(sale("T0000001", "000002", { 64: "mac-100" }))
    place.settle()
    expect(answered(place, "000002")).toBe(true)
    expect(caller.last()).toMatchObject({ 39: "00", 64: "mac-100" })
  })

  it("accepts the old key, and answers under it, for its grace after a rotation", () => {
    const place = new Place(keyed)
    const caller = place.connect()
    caller.say(signOn("T0000001", { 70: "003" }))
    place.settle()
    caller.say(sale("T0000001", "000001", { 64: "mac-7" }))
    place.settle()
    expect(answered(place, "000001")).toBe(true)
    // The sign-on's answer got lost: the terminal could not verify anything under the new key.
    expect(caller.last()).toMatchObject({ 39: "00", 64: "mac-7" })
    place.time.pass(60_000, 1000)
    caller.say(sale("T0000001", "000002", { 64: "mac-7" }))
    place.settle()
    expect(caller.last()).toMatchObject({ 39: "A0" })
    caller.say(sale("T0000001", "000003", { 64: "mac-100" }))
    place.settle()
    expect(answered(place, "000003")).toBe(true)
    expect(caller.last()).toMatchObject({ 39: "00", 64: "mac-100" })
  })

  it("keeps working keys over connections and restarts", () => {
    const place = new Place(keyed)
    const caller = place.connect()
    caller.say(signOn("T0000001", { 70: "003" }))
    place.settle()
    caller.close("reset")
    const again = new Place({ ...keyed, journal: place.journal, time: place.time })
    const later = again.connect()
    later.say(sale("T0000001", "000001", { 64: "mac-100" }))
    again.settle()
    expect(answered(again, "000001")).toBe(true)
  })

  it("does not let an unproven echo or sign-on take a terminal over", () => {
    const place = new Place(keyed)
    const owner = place.connect()
    owner.say(sale("T0000001", "000001", { 64: "mac-7" }))
    place.settle()
    const forger = place.connect("10.0.0.66:1")
    forger.say(signOn("T0000001"), signOn("T0000001", { 70: "301" }))
    place.settle()
    expect(forger.heard.length).toBe(2)
    expect(owner.fate).toBe("open")
    expect(answered(place, "000001")).toBe(true)
    expect(owner.last()).toMatchObject({ 11: "000001", 39: "00" })
  })
})

describe("identity by certificate", () => {
  const profiles = [
    profile("T0000001", { identity: "certificate" }),
    profile("T0000002", { identity: "certificate", certificate: "shop-2" })
  ]

  it("takes the common name for the terminal, and refuses any other", () => {
    const place = new Place({ profiles })
    const first = place.connect("10.0.0.1:1", "C=CN\nO=Shop\nCN=T0000001")
    first.say(sale("T0000001", "000001"))
    place.settle()
    expect(answered(place, "000001")).toBe(true)
    const second = place.connect("10.0.0.1:2", "CN=shop-2,O=Shop")
    second.say(sale("T0000002", "000002"))
    place.settle()
    expect(answered(place, "000002")).toBe(true)
    const third = place.connect("10.0.0.1:3", "CN=T0000002")
    third.say(sale("T0000002", "000003"))
    place.settle()
    expect(third.last()).toMatchObject({ 39: "97" })
    expect(place.audited.at(-1)).toMatchObject({ what: "terminal-foreign", terminal: "T0000002" })
  })
})

describe("forgery", () => {
  it("refuses a terminal under another merchant, and tells the auditor (M7)", () => {
    const place = new Place()
    const caller = place.connect("10.0.0.66:9")
    caller.say(signOn("T0000001", { 42: "M00000000000666" }))
    place.settle()
    expect(caller.last()).toMatchObject({ 39: "97" })
    expect(place.audited).toMatchObject([{
      what: "terminal-foreign",
      remote: "10.0.0.66:9",
      terminal: "T0000001",
      merchant: "M00000000000666"
    }])
  })

  it("ends a connection that tries one terminal after another (M8)", () => {
    const place = new Place()
    const caller = place.connect()
    for (let id = 2; id < 6; id++) caller.say(signOn(`T000000${id}`))
    place.settle()
    expect(caller.heard.map((each) => each["39"])).toEqual(["97", "97", "97", "97"])
    expect(place.ends()).toEqual(["identity-refused"])
  })

  it("refuses a second terminal on one connection, unless a concentrator carries both", () => {
    const profiles = [
      profile("T0000001"),
      profile("T0000002"),
      profile("T0000003", { concentrator: "mall" }),
      profile("T0000004", { concentrator: "mall" }),
      profile("T0000005", { concentrator: "arcade" })
    ]
    const place = new Place({ profiles })
    const single = place.connect()
    single.say(signOn("T0000001"), signOn("T0000002"))
    place.settle()
    expect(single.heard.map((each) => each["39"])).toEqual(["00", "97"])
    const shared = place.connect()
    shared.say(...["3", "4", "1", "5"].map((last) => signOn(`T000000${last}`)))
    place.settle()
    expect(shared.heard.map((each) => each["39"])).toEqual(["00", "00", "97", "97"])
  })

  it("believes no neighbour on a shared line under its own key", () => {
    const rule = { identity: "mac", macRequired: true, concentrator: "mall" } as const
    const place = new Place({
      profiles: [profile("T0000003", rule), profile("T0000004", rule)],
      hooks: { seedKeys: (terminal) => ({ mac: Buffer.from(`k${terminal.at(-1)}`) }) }
    })
    const shared = place.connect()
    shared.say(sale("T0000003", "000001", { 64: "mac-3" }))
    place.settle()
    shared.say(sale("T0000004", "000002", { 64: "mac-3" }))
    place.settle()
    expect(place.audited).toMatchObject([{ what: "mac-wrong", terminal: "T0000004" }])
    shared.say(sale("T0000004", "000003", { 64: "mac-4" }))
    place.settle()
    expect(place.submitted.map(({ submission }) => submission.stan)).toEqual(["000001", "000003"])
  })

  it("knows nobody who was taken off the registry", () => {
    const place = new Place()
    const caller = place.connect()
    place.swap([])
    caller.say(signOn("T0000001"))
    place.settle()
    expect(caller.last()).toMatchObject({ 39: "97" })
  })
})

describe("takeover (N8)", () => {
  it("ends the older session with a reason, and crosses no answer", () => {
    const place = new Place()
    const older = place.connect("10.0.0.1:1")
    older.say(signOn("T0000001"), sale("T0000001", "000001"))
    place.settle()
    const newer = place.connect("10.0.0.1:2")
    newer.say(signOn("T0000001"))
    place.settle()
    expect(older.fate).toBe("destroyed")
    expect(place.ends()).toEqual(["taken-over"])
    const before = newer.heard.length
    const [waiting] = place.submitted
    const stored = Buffer.from(waiting!.answer().body)
    place.settle()
    expect(waiting!.live).toBe(false)
    expect(newer.heard.length).toBe(before)
    // The terminal repeats, and the stored answer goes to the session that asked for it.
    newer.say(sale("T0000001", "000001", { mti: "0201" }))
    place.settle()
    place.submitted[1]!.repeat(stored)
    place.settle()
    expect(place.submitted[1]!.live).toBe(true)
    expect(newer.last()).toMatchObject({ 11: "000001", 39: "00" })
  })

  it("takes no terminal for a line that hung up while its keys were made durable", () => {
    const place = new Place({ profiles: [profile("T0000001", { masterKey: "tmk-demo" })] })
    const older = place.connect("10.0.0.1:1")
    place.journal.held = true
    older.say(signOn("T0000001", { 70: "003" }))
    place.settle()
    older.close("reset")
    const newer = place.connect("10.0.0.1:2")
    newer.say(signOn("T0000001"))
    place.settle()
    place.journal.release()
    place.settle()
    expect(newer.fate).toBe("open")
    newer.say(sale("T0000001", "000001"))
    place.settle()
    expect(answered(place, "000001")).toBe(true)
    expect(newer.last()).toMatchObject({ 11: "000001", 39: "00" })
  })

  it("leaves the neighbours on a concentrator alone", () => {
    const place = new Place({
      profiles: ["T0000003", "T0000004"].map((id) => profile(id, { concentrator: "mall" }))
    })
    const shared = place.connect("10.0.0.1:1")
    shared.say(signOn("T0000003"), signOn("T0000004"))
    shared.say(sale("T0000003", "000001"), sale("T0000004", "000002"))
    place.settle()
    const alone = place.connect("10.0.0.1:2")
    alone.say(signOn("T0000004"))
    place.settle()
    expect(shared.fate).toBe("open")
    expect(answered(place, "000001")).toBe(true)
    expect(shared.last()).toMatchObject({ 41: "T0000003", 39: "00" })
    expect(answered(place, "000002")).toBe(true)
    expect(place.submitted[1]!.live).toBe(false)
    expect(shared.last()).toMatchObject({ 41: "T0000003" })
    // Speaking there again is not owning it again.
    shared.say(sale("T0000004", "000003"))
    place.settle()
    const spoken = place.view.list(10).flatMap(({ terminals }) => terminals)
    expect(spoken.toSorted()).toEqual(["T0000003", "T0000004", "T0000004"])
    expect(place.view.owned().toSorted()).toEqual(["T0000003", "T0000004"])
  })

  it("bears a terminal that reconnects every second beside a stale owner", () => {
    const place = new Place()
    for (let second = 0; second < 300; second++) {
      const caller = place.connect(`10.0.0.1:${second}`)
      caller.say(signOn("T0000001"))
      place.time.pass(1000, 250)
      expect(caller.last()).toMatchObject({ 39: "00" })
    }
    expect(place.view.list(10).length).toBe(1)
    expect(place.count("ended taken-over")).toBe(299)
    expect(place.view.counts()).toMatchObject({ proven: 1, new: 0 })
  })
})
