/**
 * What the world needs to know of the switch that lives in it: how to start it on the world's time,
 * and where to look when it is quiet. Whoever wires the switch hands this in, so that the world
 * knows no station.
 */

import type { Effect, Scope } from "effect"
import type { HttpShape } from "../../domain/ports/http.ts"
import type { TerminalProfile } from "../../domain/ports/terminals.ts"
import type { RandomShape, TimeShape } from "../../domain/ports/time.ts"
import type { TransportShape } from "../../domain/ports/transport.ts"
import type { UpstreamStatus } from "../../domain/ports/upstream.ts"
import type { SwitchRecord } from "../audit.ts"
import type { CloseEntry } from "../book.ts"

/** The machine as one incarnation of the switch sees it. */
export interface WorldMachine {
  readonly time: TimeShape
  readonly random: RandomShape
  readonly transport: TransportShape
  readonly http: HttpShape
  readonly terminals: ReadonlyArray<TerminalProfile>
  /** The switch cannot go on and ends itself, as a process would with exit code 3. */
  readonly exit: (why: string) => void
  /** An actor of the switch threw: no input and no weather may do that (I12). */
  readonly defect: (what: string) => void
}

/** What an operator writes into the file while the world runs. */
export interface Amendment {
  /** One route takes all cards to this upstream alone, in the place of those that there were. */
  readonly pinned: string | undefined
  /**
   * Of a hundred cards, those that the first upstream of their route takes before the second; 0:
   * all, and the second only fails over.
   */
  readonly share: number
  readonly blocked: ReadonlySet<string>
}

/** The name of the one route. */
export const pinnedRoute = "pinned"

export const unamended: Amendment = { pinned: undefined, share: 0, blocked: new Set() }

/** The configuration in force, as far as it can change. */
export interface InForce {
  readonly version: number
  readonly amendment: Amendment
  /** The upstreams that each of its routes leads to. */
  readonly routes: ReadonlyMap<string, ReadonlyArray<string>>
}

/** A switch that has started: the books and the counters that the judge reads. */
export interface RunningSwitch {
  readonly inFlight: () => number
  /** Ledger entries that the database does not have yet. */
  readonly feedPending: () => number
  /** What is outside its bounds right now (I4, I5), in words; undefined: nothing. */
  readonly outOfBounds: () => string | undefined
  readonly records: () => Iterable<SwitchRecord>
  /** Transactions whose reversal chain is pending. */
  readonly chains: () => ReadonlySet<string>
  readonly upstreams: () => ReadonlyArray<UpstreamStatus>
  /** The operator's hand on a breaker. */
  readonly force: (upstream: string, to: "open" | "closed" | "auto") => void
  /** The sum of a metric's series that carry all of these label values, in this incarnation. */
  readonly count: (metric: string, labels: ReadonlyArray<string>) => number
  /** Puts the configuration in force that the house knows by this number; or why it is refused. */
  readonly reload: (variant: number) => string | undefined
  readonly inForce: () => InForce
  /** Puts the file as it now stands in force; or why it is refused. */
  readonly reread: () => string | undefined
  /** Takes all links of an upstream out of service gently, or lets them back. */
  readonly hold: (upstream: string, held: boolean) => void
  /** Announcements that their terminals have not acknowledged. */
  readonly pushesPending: () => number
}

/** A disk that outlives the switch. */
export interface WorldDisk {
  /** Of what was not synced, `kept` writes survive. */
  readonly powerCut: (kept: number) => void
  readonly unsynced: () => number
  readonly setSlowMs: (slowMs: number) => void
  readonly setFailing: (failing: boolean) => void
  /** Turns one bit of what is stored; false: nothing is. */
  readonly flipBit: () => boolean
  /** Its place is empty: nothing is stored there. */
  readonly unmount: () => void
  /** Turns the bit back, or mounts the disk again. */
  readonly mend: () => void
  /** Nothing more fits, as with ENOSPC. */
  readonly setFull: (full: boolean) => void
}

export type DatabaseMood = "well" | "away" | "slow" | "refuses" | "loses-acknowledgement"

/** A database that outlives the switch. */
export interface WorldDatabase {
  readonly setMood: (mood: DatabaseMood) => void
  /** A replica takes over that lacks the last batch, unless it is older than `sinceMs`. */
  readonly failOver: (sinceMs: number) => void
  readonly rows: () => Iterable<SwitchRecord>
  readonly closes: () => Iterable<CloseEntry>
  /** What people were told, line by line. */
  readonly raised: () => Iterable<string>
  /** Transactions whose announcement expired. */
  readonly unannounced: () => ReadonlySet<string>
  /** Ids of transactions that an exception names. */
  readonly exceptions: () => ReadonlySet<string>
  /** Rows that it refused or contradicts, as their exceptions hold them. */
  readonly refusedRows: () => Iterable<SwitchRecord>
  /** Somebody else's content stands in the row of this transaction. */
  readonly contradict: (id: string) => void
  /** Why its exceptions were raised. */
  readonly reasons: () => ReadonlyArray<string>
}

/** Where, and what: bytes that nobody changes any more. */
export type Written = (place: string, bytes: Uint8Array) => void

export interface WorldHouse {
  /** From its next start on, all that the switch leaves behind is shown, its logs at their most. */
  readonly watch: (written: Written) => void
  /** The file says this from now on: to the next start, and to whoever reads it again. */
  readonly amend: (amendment: Amendment) => void
  readonly boot: (machine: WorldMachine) => Effect.Effect<RunningSwitch, unknown, Scope.Scope>
  readonly disk: WorldDisk
  readonly database: WorldDatabase
  /** Lines of the log; only stories keep one. */
  readonly log: ReadonlyArray<string>
  /** The session that gets the next frame fails on it: by a defect, or by a broken invariant. */
  readonly failNextFrame: (how: "defect" | "invariant") => void
  /** What a check says of the configuration that the house knows by this number. */
  readonly check: (variant: number) => string | undefined
}
