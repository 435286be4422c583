/** What a push leaves behind when it is over: nothing, however long it might have lived. */

import { Layer } from "effect"
import { expect, it } from "vitest"
import { Timers } from "../../src/actor/timers.ts"
import type { TerminalId, TransactionId } from "../../src/domain/brand.ts"
import type { PushRecord } from "../../src/domain/order.ts"
import type { JournalShape } from "../../src/domain/ports/journal.ts"
import type { Keyring } from "../../src/session/keyring.ts"
import { maxLifetimeMs, Pushes } from "../../src/session/pushes.ts"
import { built } from "../actor/built.ts"
import { ManualTime } from "../actor/manual-time.ts"

function opened(push: (record: PushRecord) => void = () => {}) {
  const time = new ManualTime()
  const timers = built(Timers.layer.pipe(Layer.provide(time.layer))).get(Timers)
  const journal = { note: () => {} } as unknown as JournalShape
  const keys = { state: () => ({ pushSequence: 0 }) } as unknown as Keyring
  const pushes = new Pushes(time.shape, timers, journal, keys, 3000, { push: () => {} })
  const terminal = "Q0000001" as TerminalId
  const send = (lifetimeMs: number) =>
    pushes.prepare(terminal, "t1" as TransactionId, { amount: 1 }, lifetimeMs).send()
  pushes.attach(terminal, {
    push: (record) => {
      push(record)
      return true
    }
  })
  return { pushes, send, terminal, time, timers }
}

it("waits for no timer of pushes that were acknowledged or that expired (I5)", () => {
  const { pushes, send, terminal, time, timers } = opened()
  const before = timers.pending()
  for (let count = 0; count < 100; count++) send(maxLifetimeMs)
  pushes.acknowledge(terminal, 100)
  expect(pushes.pending(terminal)).toBe(0)
  expect(timers.pending()).toBe(before)
  send(1000)
  time.pass(1100)
  expect(pushes.pending(terminal)).toBe(0)
  expect(timers.pending()).toBe(before)
})

it("holds up no push behind it: who pays after it expired is told at once", () => {
  const told: Array<number> = []
  const { send, time } = opened(({ sequence }) => told.push(sequence))
  send(1000)
  time.pass(1100)
  send(60_000)
  expect(told).toEqual([1, 2])
})
