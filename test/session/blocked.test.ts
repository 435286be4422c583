/**
 * A terminal that a reload blocks: it begins nothing any more, and what it has begun comes to its
 * end, by the same proofs as before.
 */

import { describe, expect, it } from "vitest"
import type { TerminalProfile } from "../../src/domain/ports/terminals.ts"
import { message, reversal, sale, signOn } from "./messages.ts"
import { Place, type PlaceOptions, profile } from "./place.ts"

const terminal = "T0000001"

/** The next reload blocks the terminal, or lets it go. */
function block(place: Place, change: Partial<TerminalProfile> = {}, blocked = true): void {
  place.swap([profile(terminal, { ...change, blocked })])
}

function submitted(place: Place): ReadonlyArray<string> {
  return place.submitted.map(({ submission: { kind, stan } }) => `${kind} ${stan}`)
}

/** Sold under STAN 000001, and blocked while the answer was on its way. */
function blockedWhileAsking(options: PlaceOptions = {}) {
  const place = new Place({ ...options, knows: (_, key) => key === `${terminal}:000001:020` })
  const caller = place.connect()
  caller.say(signOn(terminal), sale(terminal, "000001"))
  place.settle()
  block(place)
  return { caller, place }
}

describe("a blocked terminal", () => {
  it("begins nothing: a sale is refused by name, also after a sign-on", () => {
    const { caller, place } = blockedWhileAsking()
    caller.say(sale(terminal, "000002"))
    place.settle()
    expect(caller.last()).toMatchObject({ mti: "0210", 11: "000002", 39: "58" })
    caller.say(signOn(terminal), sale(terminal, "000003"))
    place.settle()
    expect(caller.heard.slice(-2)).toMatchObject([{ 39: "00" }, { 11: "000003", 39: "58" }])
    expect(submitted(place)).toEqual(["sale 000001"])
    expect(place.count("refused terminal-blocked")).toBe(2)
    block(place, {}, false)
    caller.say(sale(terminal, "000004"))
    place.settle()
    expect(submitted(place)).toEqual(["sale 000001", "sale 000004"])
  })

  it("keeps its session, and brings its reversal home", () => {
    const { caller, place } = blockedWhileAsking()
    caller.say(reversal(terminal, "000007"))
    place.settle()
    expect(place.view.find(terminal)?.state).toBe("proven")
    expect(submitted(place)).toEqual(["sale 000001", "reversal 000007"])
    place.submitted[1]!.answer()
    place.settle()
    expect(caller.last()).toMatchObject({ mti: "0410", 11: "000007", 39: "00" })
  })

  it("hears again what it has asked, until it has heard it", () => {
    const { caller, place } = blockedWhileAsking()
    const stored = Buffer.from(place.submitted[0]!.answer().body)
    caller.close("reset")
    const later = place.connect()
    later.say(signOn(terminal), sale(terminal, "000001", { mti: "0201" }))
    place.settle()
    place.submitted[1]!.repeat(stored)
    place.settle()
    expect(later.last()).toMatchObject({ 11: "000001", 39: "00" })
  })

  it("signs on for its reversal, and proves itself as everybody does", () => {
    const { caller, place } = blockedWhileAsking()
    caller.close("reset")
    const later = place.connect()
    later.say(reversal(terminal, "000007"))
    place.settle()
    expect(later.last()).toMatchObject({ 39: "77" })
    later.say(signOn(terminal), reversal(terminal, "000007"))
    place.settle()
    expect(submitted(place)).toEqual(["sale 000001", "reversal 000007"])
  })

  it("gets the key without which its reversal would carry no right MAC", () => {
    const rule = { identity: "mac", macRequired: true, masterKey: "tmk-demo" } as const
    const place = new Place({ profiles: [profile(terminal, { ...rule, blocked: true })] })
    const caller = place.connect()
    caller.say(reversal(terminal, "000007", { 64: "mac-7" }))
    place.settle()
    expect(caller.last()).toMatchObject({ 39: "A0" })
    caller.say(signOn(terminal, { 70: "003" }))
    place.settle()
    expect(caller.last()).toMatchObject({ 39: "00", 62: "new-k100" })
    caller.say(reversal(terminal, "000007", { 64: "mac-8" }))
    place.settle()
    expect(caller.last()).toMatchObject({ 39: "A0" })
    caller.say(reversal(terminal, "000007", { 64: "mac-100" }))
    place.settle()
    expect(submitted(place)).toEqual(["reversal 000007"])
  })

  it("adjusts what the switch knows, and advises of nothing that only it knows of", () => {
    const { caller, place } = blockedWhileAsking()
    const advice = (stan: string, code: string) =>
      caller.say(sale(terminal, stan, { mti: "0220", 3: code }))
    advice("000002", "000000")
    advice("000003", "030000")
    place.settle()
    expect(caller.heard.slice(1)).toMatchObject([
      { mti: "0230", 11: "000002", 39: "58" },
      { mti: "0230", 11: "000003", 39: "58" }
    ])
    advice("000004", "020000")
    place.settle()
    expect(submitted(place)).toEqual(["sale 000001", "adjustment 000004"])
  })

  it("closes its books and leaves, and downloads nothing to begin anew with", () => {
    const settled: Array<string> = []
    const { caller, place } = blockedWhileAsking({
      hooks: {
        settle: ({ kind }, done) => {
          settled.push(kind)
          done({ response1987: "00", values: {} })
        }
      }
    })
    caller.say(message(terminal, "0800", { 11: "000002", 70: "360" }))
    caller.say(message(terminal, "0800", { 11: "000003", 70: "400" }))
    caller.say(message(terminal, "0500", { 11: "000004" }))
    caller.say(message(terminal, "0800", { 11: "000005", 70: "301" }))
    caller.say(message(terminal, "0800", { 11: "000006", 70: "002" }))
    place.settle()
    expect(caller.heard.slice(1).map((each) => [each["11"], each["39"]])).toEqual([
      ["000002", "58"],
      ["000003", "00"],
      ["000004", "00"],
      ["000005", "00"],
      ["000006", "00"]
    ])
    expect(settled).toEqual(["settlement"])
  })
})
