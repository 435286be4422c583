/**
 * The right ear (I4), as a property: terminals connect, are taken over, are cut and ask, in any
 * order; answers come late and in any order, some while connections die. Whatever happens, a
 * connection hears only answers to what it asked itself, at most one for each, and the transaction
 * station learns exactly once, truthfully, whether each went to a live socket.
 */

import fc from "fast-check"
import { expect, it } from "vitest"
import type { Caller } from "./caller.ts"
import { sale, signOn } from "./messages.ts"
import { Place, profile } from "./place.ts"

type Step =
  | { readonly do: "connect"; readonly terminal: number }
  | { readonly do: "ask"; readonly caller: number }
  | { readonly do: "answer"; readonly which: number }
  | { readonly do: "cut"; readonly caller: number; readonly how: "ended" | "reset" }
  | { readonly do: "half-close"; readonly caller: number }
  | { readonly do: "turn" }
  | { readonly do: "settle" }

const small = fc.nat({ max: 7 })

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("connect" as const), terminal: fc.nat({ max: 1 }) }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant("ask" as const), caller: small }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("answer" as const), which: small }) },
  fc.record({
    do: fc.constant("cut" as const),
    caller: small,
    how: fc.constantFrom("ended" as const, "reset" as const)
  }),
  fc.record({ do: fc.constant("half-close" as const), caller: small }),
  { weight: 2, arbitrary: fc.constant({ do: "turn" as const }) },
  { weight: 3, arbitrary: fc.constant({ do: "settle" as const }) }
)

interface Ear {
  readonly caller: Caller
  readonly terminal: string
  readonly asked: Set<string>
}

function act(place: Place, ears: Array<Ear>, now: Step, stan: string): void {
  switch (now.do) {
    case "connect": {
      const terminal = `T000000${now.terminal + 1}`
      const caller = place.connect(`10.0.0.1:${ears.length}`)
      caller.say(signOn(terminal, { 11: "999999" }))
      ears.push({ caller, terminal, asked: new Set() })
      break
    }
    case "ask": {
      const ear = ears[now.caller]
      if (ear === undefined) break
      ear.asked.add(stan)
      ear.caller.say(sale(ear.terminal, stan, { 64: "mac-7" }))
      break
    }
    case "answer":
      place.submitted.filter(({ asked }) => !asked)[now.which]?.answer({ values: { 54: "x" } })
      break
    case "cut":
      ears[now.caller]?.caller.close(now.how)
      break
    case "half-close":
      ears[now.caller]?.caller.handler?.onEnd()
      break
    case "turn":
      place.time.endTurn()
      break
    case "settle":
      place.settle()
  }
}

it("hears only its own answers, once, and is reported truly", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
      const place = new Place({
        profiles: ["T0000001", "T0000002"].map((id) =>
          profile(id, { window: 64, macRequired: true })
        ),
        settings: { signOns: { perSecond: 1000, burst: 1000 } },
        hooks: { seedKeys: () => ({ mac: Buffer.from("k7") }) }
      })
      const ears: Array<Ear> = []
      steps.forEach((now, index) => act(place, ears, now, String(index).padStart(6, "0")))
      place.settle()
      for (const each of place.submitted) if (!each.asked) each.answer({})
      place.settle()
      for (const { asked, caller } of ears) {
        const stans = caller.heard.map((each) => each["11"]!).filter((each) => each !== "999999")
        for (const stan of stans) expect(asked.has(stan)).toBe(true)
        expect(new Set(stans).size).toBe(stans.length)
      }
      const heard = ears.flatMap(({ caller }) => caller.heard)
      for (const { heardOften, live, submission } of place.submitted) {
        expect(heardOften).toBe(1)
        expect(heard.some((each) => each["11"] === submission.stan)).toBe(live)
      }
      expect(place.view.list(100).every(({ owed }) => owed === 0)).toBe(true)
    }),
    { numRuns: 300 }
  )
})
