/** What a simulated terminal is made of: who it is, where it connects, and who hears of it. */

import type { TimersShape } from "../actor/timers.ts"
import type { RandomShape, TimeShape } from "../domain/ports/time.ts"
import type { ConnectOptions, TransportShape } from "../domain/ports/transport.ts"
import type { Framing } from "../frame/framing.ts"
import type { Dialect, Message } from "../iso8583/message.ts"
import type { TerminalBook } from "./book.ts"
import type { PinPad } from "./pin-pad.ts"
import type { TerminalHabits } from "./terminal-habits.ts"
import type { TerminalSecurity } from "./terminal-keys.ts"

export type TerminalState =
  | "off"
  | "connecting"
  | "signing-on"
  | "ready"
  | "asking"
  | "reversing"
  | "closing"
  | "polling"

export interface TerminalOptions {
  readonly terminal: string
  readonly merchant: string
  readonly dialect: Dialect
  readonly framing: Framing
  readonly host: string
  readonly port: number
  readonly localAddress?: string
  readonly tls?: NonNullable<ConnectOptions["tls"]>
  readonly signsOn: boolean
  readonly keys: TerminalSecurity | undefined
  readonly habits: TerminalHabits
  /** Number of the first batch; 1 when absent. */
  readonly firstBatch?: number
  /** PINs are typed and sent. */
  readonly pinPad?: PinPad
  /** Share of the cards that are read by their chip; 0 when absent. */
  readonly chips?: number
  /** STAN before its first, where a later run must not say the same numbers; 0 when absent. */
  readonly lastStan?: number
  readonly transport: TransportShape
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly random: RandomShape
  /** Of {@link testCards}; absent: all of them. */
  readonly cards?: ReadonlyArray<string>
  readonly book: TerminalBook
  /** Called when a batch was compared: did it balance? */
  readonly onClosed?: (isBalanced: boolean) => void
  /** Called once with every push; with `false` when it comes again. */
  readonly onPush?: (isNew: boolean) => void
  /** Called with every answer's latency, for the live line. */
  readonly onAnswer?: (latencyMs: number, approved: boolean) => void
  /** Called with what no terminal should ever hear (I4, and MACs). */
  readonly onWrong?: (what: string) => void
  /** Who listens in on its line. */
  readonly tap?: WireTap
}

export interface WireTap {
  /** A body on its way to the switch. */
  readonly said: (body: Buffer) => void
  /** An answer that came. */
  readonly heard: (message: Message) => void
}
