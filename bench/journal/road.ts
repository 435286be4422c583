/** The transaction station's recovery over a real journal, with nothing else of the road. */

import { Effect } from "effect"
import type { AdviceRecord } from "../../src/domain/advice.ts"
import type { BusinessDay, Stan, TransactionId } from "../../src/domain/brand.ts"
import { makeLocalClock } from "../../src/domain/business-day.ts"
import type { JournalShape } from "../../src/domain/ports/journal.ts"
import { Desk } from "../../src/transaction/desk.ts"
import { recover } from "../../src/transaction/recovery.ts"
import type { Room } from "../../src/transaction/room.ts"

/** Chains that are started are counted; upstreams are not there yet, as at a real start. */
export const recovered = (
  journal: JournalShape,
  started: (advice: AdviceRecord) => void = () => {}
) => {
  const room = {
    journal,
    time: {
      monotonicMs: () => performance.now(),
      wallMs: () => Date.now(),
      defer: setImmediate,
      every: () => () => {}
    },
    advices: {
      open: (
        transaction: TransactionId,
        upstream: string,
        reason: AdviceRecord["reason"],
        kind: AdviceRecord["kind"]
      ): AdviceRecord => ({
        transaction,
        kind,
        upstream,
        reason,
        stan: "000001" as Stan,
        attempts: 0,
        createdMs: 0,
        nextMs: 0,
        state: "pending"
      }),
      start: started,
      onEnd: () => {},
      pending: () => new Map(),
      stanOf: () => undefined
    },
    upstreams: { onLate: () => {}, continueAfter: () => {} },
    terminals: { find: () => undefined },
    nextId: () => "" as TransactionId,
    local: makeLocalClock("UTC"),
    dayOf: () => "2026-11-26" as BusinessDay,
    settings: { wallets: new Set<string>() },
    meter: { exception: () => {} }
    // Recovery asks nothing else of the room.
  } as unknown as Room
  const desk = new Desk(room)
  return { recover: Effect.suspend(() => recover(room, desk)), drain: () => desk.drain() }
}
