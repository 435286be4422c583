/**
 * The estate in PostgreSQL, for those who query: what the configuration says, written when it came
 * into force and tried again until it is there. The road never reads it.
 */

import type { PgClient } from "@effect/sql-pg"
import { Effect, Queue } from "effect"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import { storeEstate } from "../ledger/estate-rows.ts"

type Profiles = ReadonlyArray<TerminalProfile>

const retryMs = 5_000

/** Gives how to name another estate; only the newest is written. */
export const makeEstateMirror = Effect.gen(function*() {
  const wanted = yield* Queue.sliding<Profiles>(1)
  yield* mirroring(wanted).pipe(Effect.forkScoped)
  return (profiles: Profiles): void => void Queue.offerUnsafe(wanted, profiles)
})

const mirroring = (
  wanted: Queue.Queue<Profiles>
): Effect.Effect<never, never, PgClient.PgClient> =>
  Effect.gen(function*() {
    while (true) {
      const profiles = yield* Queue.take(wanted)
      for (;;) {
        const written = yield* Effect.result(storeEstate(profiles))
        if (written._tag === "Success") break
        yield* Effect.sleep(retryMs)
        if (Queue.sizeUnsafe(wanted) > 0) break
      }
    }
  })
