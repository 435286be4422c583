/** What the upstream station counts. Called synchronously, after the fact; it must not throw. */

import type { EndReason } from "../domain/end-reasons.ts"
import type { BreakerState } from "./breaker.ts"
import type { LinkState } from "./link.ts"

/** `management`: sign-on, sign-off and echo of our own. */
type SentKind = "request" | "advice" | "management"

type EndKind = "answered" | "timed-out" | "lost" | "unwritten" | "invalid"

/**
 * Messages from an upstream that ended nothing. `late`: its end had been declared. `duplicate`: it
 * was answered before. `unmatched`: nobody ever asked. `malformed`: no message of the dialect.
 * `wrong-mac`: not made under the key that the link shares with us.
 */
type StrayKind = "late" | "duplicate" | "unmatched" | "malformed" | "wrong-mac"

export interface UpstreamMeter {
  readonly sent: (upstream: string, kind: SentKind) => void
  /** `seconds` from handing over to the end. */
  readonly ended: (upstream: string, kind: SentKind, how: EndKind, seconds: number) => void
  readonly stray: (upstream: string, what: StrayKind) => void
  readonly breaker: (upstream: string, from: BreakerState, to: BreakerState) => void
  /** It still is, so long after an operator forced it. */
  readonly forced: (upstream: string, state: BreakerState, forcedMs: number) => void
  readonly link: (
    upstream: string,
    index: number,
    state: LinkState,
    reason: EndReason | undefined
  ) => void
}
