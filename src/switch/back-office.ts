/**
 * What happens beside the road and needs PostgreSQL: batch closes of terminals, and the audit
 * trail. A reference with a default, because not every switch has a back office: there settlement
 * is refused by name and nobody audits.
 */

import { Context, Effect, Layer, type Scope } from "effect"
import type { Journal } from "../domain/ports/journal.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import type { Random, Time } from "../domain/ports/time.ts"
import { type BatchBooks, postgresBooksLayer } from "../ledger/batch-books.ts"
import {
  makeSettlementDesk,
  type SettlementDesk,
  type SettlementOptions
} from "../ledger/settlement-desk.ts"
import { type AuditTrail, makeAuditTrail } from "./audit-trail.ts"
import { makeEstateMirror } from "./estate-mirror.ts"

export interface BackOfficeShape {
  /** Undefined: there is no desk, and settlement is refused. */
  readonly settlement: (
    options: SettlementOptions
  ) => Effect.Effect<SettlementDesk | undefined, never, Scope.Scope>
  readonly audit: AuditTrail["add"]
  readonly recordable: AuditTrail["takes"]
  /** The estate that came into force. */
  readonly mirror: (profiles: ReadonlyArray<TerminalProfile>) => void
}

/** Desks over the books that are there. */
export const settlementDesks = Effect.map(
  Effect.context<Journal | Time | Random | BatchBooks>(),
  (needs): BackOfficeShape["settlement"] => (options) =>
    Effect.provideContext(makeSettlementDesk(options), needs)
)

export const closedOffice: BackOfficeShape = {
  settlement: () => Effect.succeed(undefined),
  audit: () => {},
  recordable: () => true,
  mirror: () => {}
}

export const BackOffice = Context.Reference<BackOfficeShape>("pointsman/switch/BackOffice", {
  defaultValue: () => closedOffice
})

export const backOfficeLayer = Layer.effect(
  BackOffice,
  Effect.gen(function*() {
    const trail = yield* makeAuditTrail
    return {
      settlement: yield* settlementDesks,
      audit: trail.add,
      recordable: trail.takes,
      mirror: yield* makeEstateMirror
    }
  })
).pipe(Layer.provide(postgresBooksLayer))
