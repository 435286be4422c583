/** Pushes for dialects without unsolicited messages: fetched by a poll, or riding on an answer. */

import { expect, it } from "vitest"
import type { TerminalId, TransactionId } from "../../src/domain/brand.ts"
import { message, sale, signOn } from "./messages.ts"
import { Place } from "./place.ts"

const terminal = "T0000001" as TerminalId

function waiting(place: Place, amount: number): void {
  const body = { order: `o${amount};=`, amount }
  place.push.prepare(terminal, "t" as TransactionId, body, 60_000).send()
}

const poll = (text?: string) =>
  message("T0000001", "0800", { 70: "400", ...(text === undefined ? {} : { 63: text }) })

it("brings the oldest push again until a poll acknowledges it", () => {
  const place = new Place()
  const caller = place.connect()
  caller.say(poll())
  place.settle()
  expect(caller.last()).toMatchObject({ 39: "77" })
  caller.say(signOn("T0000001"), poll())
  place.settle()
  expect(caller.last()).not.toHaveProperty("63")
  waiting(place, 1)
  waiting(place, 2)
  for (const text of [undefined, undefined, "1"]) caller.say(poll(text))
  place.settle()
  expect(caller.heard.slice(-3).map((each) => each["63"])).toEqual([
    "sequence=1;order=o1  ;amount=1",
    "sequence=1;order=o1  ;amount=1",
    "sequence=2;order=o2  ;amount=2"
  ])
  caller.say(poll("sequence=2"))
  place.settle()
  expect(caller.last()).toMatchObject({ 39: "00" })
  expect(place.push.pending(terminal)).toBe(0)
})

it("rides on the next answer to the terminal that owns it", () => {
  const place = new Place()
  const caller = place.connect()
  caller.say(signOn("T0000001"), sale("T0000001", "000001"))
  place.settle()
  waiting(place, 1)
  place.submitted[0]!.answer()
  place.settle()
  expect(caller.last()).toMatchObject({ 39: "00", 63: "sequence=1;order=o1  ;amount=1" })
})
