/**
 * The transaction station: the only place that knows the whole life of a transaction. This file
 * builds it from its ports, recovers what a restart left behind, and drains it at the end.
 */

import { Effect, Layer } from "effect"
import { Timers } from "../actor/timers.ts"
import { makeAcquirerDays, makeLocalClock } from "../domain/business-day.ts"
import { Advices } from "../domain/ports/advices.ts"
import { Archive } from "../domain/ports/archive.ts"
import { Journal } from "../domain/ports/journal.ts"
import { Router } from "../domain/ports/router.ts"
import { Terminals } from "../domain/ports/terminals.ts"
import { Random, Time } from "../domain/ports/time.ts"
import { Transactions } from "../domain/ports/transactions.ts"
import { Upstreams } from "../domain/ports/upstream.ts"
import { Vault } from "../domain/ports/vault.ts"
import { makeSealing } from "../domain/sealing.ts"
import { makeTransactionIds } from "../domain/uuid.ts"
import { Desk } from "./desk.ts"
import { Orders } from "./orders.ts"
import { recover } from "./recovery.ts"
import type { Room, TransactionMeter, TransactionSettings } from "./room.ts"

export interface TransactionsOptions extends TransactionSettings {
  readonly cutOver: string
  /** Of acquirers that have their own. */
  readonly cutOvers: ReadonlyMap<string, string>
  readonly timeZone: string
  readonly drainMs: number
  readonly configVersion: () => number
  readonly meter: TransactionMeter
}

/** How often a drain looks whether everything in flight has ended. */
const drainPollMs = 20

export const transactionsLayer = (options: TransactionsOptions) =>
  Layer.effect(
    Transactions,
    Effect.gen(function*() {
      const room = yield* makeRoom(options)
      const desk = new Desk(room)
      const orders = new Orders(room, desk)
      const recovered = yield* recover(room, desk)
      yield* Effect.logInfo("recovered", recovered)
      yield* Effect.addFinalizer(() => drained(desk, options.drainMs))
      return Transactions.of({
        submit: (submission, asker) => desk.submit(submission, asker),
        inFlight: () => desk.floor.inFlight.size,
        drain: () => desk.drain(),
        knows: (terminal, key) => desk.knows(terminal, key),
        refusedEarly: (key, code) => desk.refusedEarly(key, code),
        openOrder: (request, done) => orders.open(request, done),
        book: (notification) => orders.book(notification),
        unhandled: (notice) => orders.unhandled(notice),
        recent: (terminal) =>
          [...desk.floor.ofTerminal(terminal)].flatMap(({ id }) =>
            room.journal.get("transactions", id) ?? []
          ),
        decide: (doubts) => desk.outcomes.decide(doubts)
      })
    })
  )

const makeRoom = Effect.fnUntraced(function*(options: TransactionsOptions) {
  const local = makeLocalClock(options.timeZone)
  const room: Room = {
    time: yield* Time,
    timers: yield* Timers,
    journal: yield* Journal,
    router: yield* Router,
    upstreams: yield* Upstreams,
    advices: yield* Advices,
    terminals: yield* Terminals,
    archive: yield* Archive,
    sealing: makeSealing(yield* Vault),
    nextId: makeTransactionIds(yield* Random),
    local,
    dayOf: makeAcquirerDays(local, options.cutOver, options.cutOvers),
    configVersion: options.configVersion,
    settings: options,
    meter: options.meter
  }
  return room
})

/** Nothing new, and up to `drainMs` for what is in flight; what is left then, recovery finds. */
const drained = Effect.fnUntraced(function*(desk: Desk, drainMs: number) {
  desk.drain()
  for (
    let waitedMs = 0;
    desk.floor.inFlight.size > 0 && waitedMs < drainMs;
    waitedMs += drainPollMs
  ) {
    yield* Effect.sleep(drainPollMs)
  }
})
