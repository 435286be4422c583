/**
 * What every upstream is from the outside, ISO 8583 acquirer and wallet alike. `upstreams.ts` joins
 * the groups into the `Upstreams` service by name.
 */

import type { Stan } from "../domain/brand.ts"
import type { FailureCode } from "../domain/failures.ts"
import type {
  AdviceSend,
  Ending,
  Reservation,
  UpstreamAnswer,
  UpstreamRequest,
  UpstreamStatus
} from "../domain/ports/upstream.ts"
import type { BreakerStatus } from "./breaker.ts"

interface UpstreamGroup {
  readonly name: string
  readonly kind: "iso8583" | "wallet"
  readonly reserve: (request: UpstreamRequest) => Reservation | FailureCode
  readonly adviceStan: () => Stan
  /** False: nothing was written, ask again after the group is up. */
  readonly advise: (
    advice: AdviceSend,
    timeoutMs: number,
    ended: (ending: Ending) => void
  ) => boolean
  readonly adviceOver: (stan: Stan) => void
  readonly continueAfter: (stan: Stan) => void
  readonly status: () => UpstreamStatus
}

/** What the station and the operator need of a group beside. */
export interface ControlledGroup extends UpstreamGroup {
  readonly force: (to: "open" | "closed" | "auto") => void
  readonly breakerStatus: () => BreakerStatus
  /** Takes a link out of service gently, or lets it back; false: it has no such link. */
  readonly hold: (link: number, held: boolean) => boolean
  readonly close: () => void
}

/** What a group tells the world, given to it when it is made. */
export interface GroupEvents {
  readonly late: (transaction: string, answer: UpstreamAnswer) => void
  readonly up: (upstream: string) => void
}
