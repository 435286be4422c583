/**
 * What all sessions of the process share, handed in once: ports, registers and settings. Nothing
 * here is ambient, so that the same code lives in the seeded world.
 */

import { Context, type Effect } from "effect"
import type { HotActorsShape } from "../actor/hot-actor.ts"
import type { TimersShape } from "../actor/timers.ts"
import type { TurnFlush } from "../actor/turn-writer.ts"
import type { MerchantId, TerminalId } from "../domain/brand.ts"
import type { LocalClock } from "../domain/business-day.ts"
import type { EndReason } from "../domain/end-reasons.ts"
import type { FailureCode } from "../domain/failures.ts"
import type { Kind } from "../domain/kind.ts"
import type { ParameterSet } from "../domain/parameters.ts"
import type { CodecShape } from "../domain/ports/codec.ts"
import type { JournalShape } from "../domain/ports/journal.ts"
import type { SecurityModuleShape } from "../domain/ports/security-module.ts"
import type { TerminalProfile, TerminalsShape } from "../domain/ports/terminals.ts"
import type { RandomShape, TimeShape } from "../domain/ports/time.ts"
import type { Message, Values } from "../iso8583/message.ts"
import type { Owners } from "./binding.ts"
import type { EndedSessions } from "./ended-sessions.ts"
import type { KeySerials } from "./key-serials.ts"
import type { Keyring, StoredKeys } from "./keyring.ts"
import type { Pushes, PushMeter } from "./pushes.ts"
import type { ReadingRoom } from "./reading-room.ts"
import type { Rate, TokenBuckets } from "./token-buckets.ts"

export interface SessionSettings {
  /** How long an old MAC key is accepted after a rotation. */
  readonly keyGraceMs: number
  /** How long a slow reader stays in quarantine before it is cut. */
  readonly quarantineMs: number
  /** How long a drain waits for answers that are under way. */
  readonly drainMs: number
  /** Silence after which the switch sends an echo, and echoes that may stay unanswered. */
  readonly echo?: { readonly afterIdleMs: number; readonly misses: number }
  readonly maxSessionsPerAddress: number
  /** Messages of one address: above, its sockets are not read for a while. */
  readonly perAddress?: Rate
  /** Transactions of one terminal: above, they are refused as overloaded. */
  readonly perTerminal?: Rate
  /** Transactions of one merchant: above, they are refused as overloaded. */
  readonly perMerchant?: Rate
  /** Sign-ons of one terminal. */
  readonly signOns: Rate
  /** Age in our queues at which a message is refused: the cheapest first. */
  readonly refuseInquiryAfterMs: number
  readonly refuseSaleAfterMs: number
  /** A push that is not acknowledged within this is sent again. */
  readonly pushRepeatMs: number
}

/** What is counted. Called synchronously, after the fact. */
export interface SessionMeter extends PushMeter {
  readonly opened: (listener: string) => void
  readonly ended: (listener: string, reason: EndReason) => void
  /** What a socket gave, and how many whole frames came of it. */
  readonly read: (bytes: number, frames: number) => void
  /** One frame that was handed to the writer of a live line. */
  readonly sent: (bytes: number) => void
  readonly received: (listener: string, kind: Kind) => void
  readonly refused: (listener: string, failure: FailureCode) => void
  /** An answer was handed to its socket, or nobody was there to take it. */
  readonly answered: (listener: string, live: boolean) => void
  /** A message that cannot be answered: no MTI, no STAN, no terminal, or a response. */
  readonly unanswerable: (listener: string) => void
}

export type Imposture =
  | "terminal-foreign"
  | "terminal-unknown"
  | "mac-wrong"
  | "serial-used"
  | "serial-foreign"

/** What an auditor must be able to read: somebody spoke as whom they are not. */
export interface AuditEvent {
  readonly what: Imposture | "key-download"
  readonly listener: string
  readonly remote: string
  readonly terminal: string
  readonly merchant: string
  readonly atMs: number
}

/** Settlement and batch upload, for the station that keeps the books. */
interface SettleRequest {
  readonly kind: "settlement" | "batch-upload"
  readonly terminal: TerminalId
  readonly merchant: MerchantId
  readonly profile: TerminalProfile
  readonly batch: string | undefined
  readonly message: Message
}

interface SettleAnswer {
  readonly response1987: string
  readonly values: Values
}

export interface SessionHooks {
  readonly meter: SessionMeter
  readonly audit: (event: AuditEvent) => void
  /** Absent: settlement and batch upload are refused by name. */
  readonly settle?: (request: SettleRequest, done: (answer: SettleAnswer) => void) => void
  /** What terminals of a group may download; undefined or absent: nothing. */
  readonly parameters?: (group: string) => ParameterSet | undefined
  /** Working keys that a terminal has from the start, until its first download. */
  readonly seedKeys?: (terminal: TerminalId) => StoredKeys | undefined
}

export interface SessionHouseShape {
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly random: RandomShape
  readonly actors: HotActorsShape
  readonly codec: CodecShape
  readonly terminals: TerminalsShape
  readonly journal: JournalShape
  readonly security: SecurityModuleShape
  readonly local: LocalClock
  readonly flush: TurnFlush
  readonly owners: Owners
  readonly keys: Keyring
  readonly serials: KeySerials
  readonly ends: EndedSessions
  readonly pushes: Pushes
  readonly addresses: Map<string, number>
  readonly addressRates: TokenBuckets | undefined
  readonly terminalRates: TokenBuckets | undefined
  readonly merchantRates: TokenBuckets | undefined
  readonly signOnRates: TokenBuckets
  readonly settings: SessionSettings
  readonly hooks: SessionHooks
  readonly reading: ReadingRoom
  /** Listeners of this process; for people and for the drain. */
  readonly rooms: Set<Listening>
  /** Runs what is rare and may wait, such as making keys. */
  readonly run: <A>(
    effect: Effect.Effect<A, FailureCode>,
    done: (result: A | FailureCode) => void
  ) => void
}

/** A listener and its sessions, as people see them. */
export interface Listening {
  readonly name: string
  readonly port: number
  readonly lines: () => Iterable<SeenLine>
  /** No more connections; what is under way goes on. */
  readonly drain: () => void
}

/** A session, as people see it. */
export interface SeenLine {
  readonly listener: string
  readonly remote: string
  readonly openedMs: number
  readonly lastMs: number
  readonly messages: number
  readonly owed: number
  readonly pendingBytes: () => number
  readonly state: () => SessionState
  readonly terminals: () => ReadonlyArray<TerminalId>
  /** Those that it owns: they have proven themselves here, and nowhere else since (I4). */
  readonly owned: () => ReadonlyArray<TerminalId>
  readonly end: (reason: EndReason) => void
}

export type SessionState = "new" | "proven" | "quarantined" | "closing"

/** Shared by the listeners of a process; made by `sessionHouseLayer`. */
export class SessionHouse
  extends Context.Service<SessionHouse, SessionHouseShape>()("pointsman/session/SessionHouse")
{}
