/** The station as the switch builds it: what stands when it stands, and how it ends. */

import { Layer, Logger } from "effect"
import { expect, it } from "vitest"
import { Timers } from "../../src/actor/timers.ts"
import { Advices } from "../../src/domain/ports/advices.ts"
import { Archive } from "../../src/domain/ports/archive.ts"
import { Journal } from "../../src/domain/ports/journal.ts"
import { Router } from "../../src/domain/ports/router.ts"
import { Terminals } from "../../src/domain/ports/terminals.ts"
import { Random, Time } from "../../src/domain/ports/time.ts"
import { Transactions } from "../../src/domain/ports/transactions.ts"
import { Upstreams } from "../../src/domain/ports/upstream.ts"
import { Vault } from "../../src/domain/ports/vault.ts"
import { transactionsLayer } from "../../src/transaction/transactions.ts"
import { built } from "../actor/built.ts"
import { FakeAsker, profile, Stage } from "./stage.ts"

function stationOf(drainMs: number) {
  const stage = new Stage()
  const { room } = stage
  const vault = {
    seal: (clear: Uint8Array) => Uint8Array.from(clear),
    open: (sealed: Uint8Array) => sealed,
    digest: (text: string) => text
  }
  const station = built(
    transactionsLayer({
      ...room.settings,
      cutOver: "23:00",
      cutOvers: new Map(),
      timeZone: "UTC",
      drainMs,
      configVersion: () => 7,
      meter: room.meter
    }).pipe(
      Layer.provide([
        Layer.succeed(Time, Time.of(room.time)),
        Layer.succeed(Timers, Timers.of(room.timers)),
        Layer.succeed(Journal, Journal.of(room.journal)),
        Layer.succeed(Router, Router.of(room.router)),
        Layer.succeed(Upstreams, Upstreams.of(room.upstreams)),
        Layer.succeed(Advices, Advices.of(room.advices)),
        Layer.succeed(Terminals, Terminals.of(room.terminals)),
        Layer.succeed(Archive, Archive.of(room.archive)),
        Layer.succeed(Vault, Vault.of(vault)),
        Layer.succeed(Random, Random.of({ next: () => 0.5, bytes: (n) => new Uint8Array(n) })),
        Logger.layer([])
      ])
    )
  )
  const transactions = station.get(Transactions)
  const ask = (submission = stage.sale()) => {
    const asker = new FakeAsker()
    transactions.submit(submission, asker)
    stage.journal.sync()
    return asker
  }
  return { ask, close: station.close, stage, transactions }
}

it("lists what the journal holds of a terminal, and of no other", () => {
  const { ask, stage, transactions } = stationOf(1000)
  ask()
  expect(transactions.inFlight()).toBe(1)
  stage.answer("00")
  stage.journal.sync()
  expect(transactions.inFlight()).toBe(0)
  expect(transactions.recent(profile.terminal)).toEqual(stage.records)
  expect(transactions.recent("T0000002" as never)).toEqual([])
  stage.journal.tables.get("transactions")!.clear()
  expect(transactions.recent(profile.terminal)).toEqual([])
})

it("takes nothing new while it ends, and waits for what is in flight", async () => {
  const { ask, close, stage } = stationOf(60_000)
  const asker = ask()
  let over = false
  const closed = close().then(() => over = true)
  await new Promise((resolve) => setImmediate(resolve))
  expect(over).toBe(false)
  expect(ask().verdict?.failure).toBe("draining")
  stage.answer("00")
  stage.journal.sync()
  await closed
  expect(asker.delivered).toEqual(["answer 00"])
})

it("leaves to the next start what has not ended in its time", async () => {
  const { ask, close, stage } = stationOf(40)
  ask()
  await close()
  expect(stage.records).toMatchObject([{ state: "forwarded" }])
})
