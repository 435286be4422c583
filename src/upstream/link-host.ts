/** What a link needs of its group, and what it reports to it. */

import type { HotActorsShape } from "../actor/hot-actor.ts"
import type { TimersShape } from "../actor/timers.ts"
import type { TurnFlush } from "../actor/turn-writer.ts"
import type { UpstreamConfig } from "../domain/config.ts"
import type { EndReason } from "../domain/end-reasons.ts"
import type { RandomShape, TimeShape } from "../domain/ports/time.ts"
import type { TransportShape } from "../domain/ports/transport.ts"
import type { Framing } from "../frame/framing.ts"
import type { CodecFault } from "../iso8583/fault.ts"
import type { Dialect, Message } from "../iso8583/message.ts"
import type { Link } from "./link.ts"

/**
 * How a management message of ours ended. `silent`: no answer in time. `gone`: the link went first,
 * or nothing could be sent. `unjudged`: its deadline fell into a stall of our own.
 */
export type ManagementEnd = "accepted" | "refused" | "silent" | "gone" | "unjudged"

export type ManagementKind = "sign-on" | "sign-off" | "echo"

export interface LinkHost {
  readonly config: UpstreamConfig
  readonly framing: Framing
  readonly dialect: Dialect
  readonly maxFrameBytes: number
  readonly transport: TransportShape
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly random: RandomShape
  readonly actors: HotActorsShape
  readonly flush: TurnFlush
  readonly echoTimeoutMs: number
  /** Sends a management message over this link; `ended` is called once, perhaps at once. */
  readonly manage: (
    link: Link,
    kind: ManagementKind,
    timeoutMs: number,
    ended: (how: ManagementEnd) => void
  ) => void
  readonly answered: (link: Link, answer: Message) => void
  readonly malformed: (fault: CodecFault) => void
  /** A request of the upstream's that the switch does not serve. */
  readonly unasked: (request: Message) => void
  /** The link's state is another one now. */
  readonly moved: (link: Link, reason: EndReason | undefined) => void
  /** Its connection is gone; frames above `written` never reached the socket. */
  readonly lost: (link: Link, written: number) => void
  /** May this silent link be cut, or is it all there is? */
  readonly mayEject: (link: Link, misses: number) => boolean
}
