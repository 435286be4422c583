/**
 * Whatever a wallet says, and whenever: a payment ends exactly once, never as paid unless the
 * wallet said so with our money in it, never as unwritten once it had arrived there, and its
 * payment is requested once.
 */

import { Effect, Layer } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Timers } from "../../src/actor/timers.ts"
import type { WalletStamp, WalletStep } from "../../src/qr/wallet.ts"
import type { Outcome } from "../../src/upstream/breaker.ts"
import type { Heard } from "../../src/upstream/wallet-caller.ts"
import { type TalkEnd, type TalkPlan, WalletTalk } from "../../src/upstream/wallet-talk.ts"
import { built } from "../actor/built.ts"
import { ManualTime } from "../actor/manual-time.ts"

const heard: fc.Arbitrary<Heard> = fc.constantFrom<Heard>(
  { _tag: "paid", payment: "p", undone: false },
  { _tag: "failed", code: "f" },
  { _tag: "mismatch", detail: "m" },
  { _tag: "waiting", code: "w" },
  { _tag: "waiting", code: "w" },
  { _tag: "absent", code: "a" },
  { _tag: "doubt", code: "d" },
  { _tag: "doubt", code: "d" },
  { _tag: "unsent", code: "u" }
)

/** Answers in the order asked, each after its own delay. */
const script = fc.array(fc.record({ heard, afterMs: fc.nat(9000) }), {
  minLength: 1,
  maxLength: 12
})

function steps(name: string): (stamp: WalletStamp) => WalletStep {
  return () => ({ name }) as unknown as WalletStep
}

describe("talking to a wallet", () => {
  it("ends once, and only as the wallet's own word allows", () => {
    fc.assert(
      fc.property(
        script,
        fc.boolean(),
        fc.integer({ min: 500, max: 20_000 }),
        (says, again, ms) => {
          const time = new ManualTime()
          const services = built(Timers.layer.pipe(Layer.provide(time.layer)))
          const timers = services.get(Timers)
          const asked: Array<string> = []
          const said: Array<{ readonly heard: Heard; readonly atMs: number }> = []
          const ends: Array<TalkEnd> = []
          const late: Array<Heard> = []
          const outcomes: Array<Outcome> = []
          const plan: TalkPlan = {
            request: steps("request"),
            inquiry: steps("inquiry"),
            repeatable: again,
            firstMs: 1000,
            everyMs: 1500,
            growingPace: false,
            giveUpMs: 15_000,
            slowMs: 2000
          }
          const ask = (make: TalkPlan["request"], _: number, done: (heard: Heard) => void) => {
            asked.push((make({ nowMs: 0, nonce: "" }) as unknown as { readonly name: string }).name)
            const answer = says[(asked.length - 1) % says.length]!
            timers.after(answer.afterMs, () => {
              said.push({ heard: answer.heard, atMs: time.now })
              done(answer.heard)
            })
          }
          let slow = 0
          const listener = {
            slow: () => {
              expect(outcomes).toEqual([])
              expect(time.now - beganMs).toBeGreaterThan(plan.slowMs)
              slow++
            },
            judged: (outcome: Outcome) => void outcomes.push(outcome),
            ended: (end: TalkEnd) => void ends.push(end),
            late: (word: Heard) => void late.push(word)
          }
          const beganMs = time.now
          void new WalletTalk(plan, { ask, timers, nowMs: () => time.now }, ms, listener)
          time.pass(40_000)
          expect(ends).toHaveLength(1)
          expect(outcomes).toHaveLength(1)
          expect(slow).toBeLessThanOrEqual(1)
          if (slow === 1) expect(outcomes).not.toContain("good")
          expect(late.length).toBeLessThanOrEqual(1)
          const [end] = ends
          if (end?._tag === "word") {
            expect(said.some((each) => each.heard === end.word)).toBe(true)
            expect(late).toEqual([])
          }
          if (end?._tag === "unwritten") expect(says[0]!.heard._tag).toBe("unsent")
          if (!again) expect(asked.filter((name) => name === "request")).toHaveLength(1)
          Effect.runFork(Effect.promise(services.close))
        }
      ),
      { numRuns: 200 }
    )
  })
})
