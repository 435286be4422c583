/**
 * Sessions as operators see them: what is open, what has ended and why, and what they may do about
 * it. Read-only but for `close` and `forgetSerial`; nothing here is on the road.
 */

import { Context } from "effect"
import { type TerminalId, terminalIdOf } from "../domain/brand.ts"
import type { FailureCode } from "../domain/failures.ts"
import type { EndedSession } from "./ended-sessions.ts"
import type { SeenLine, SessionHouseShape, SessionState } from "./house.ts"

interface SessionRow {
  readonly listener: string
  readonly remote: string
  readonly state: SessionState
  /** Of a concentrator: all that have spoken. */
  readonly terminals: ReadonlyArray<TerminalId>
  readonly ageMs: number
  readonly idleMs: number
  readonly messages: number
  /** Requests without an answer yet, and bytes that the peer has not taken. */
  readonly owed: number
  readonly pendingBytes: number
}

interface SerialRow {
  readonly terminal: string
  readonly baseKey: string
  readonly device: string
  readonly highest: number
  readonly released: boolean
}

export interface SessionsViewShape {
  /** At most `limit` rows, listener by listener, oldest first. */
  readonly list: (limit: number) => ReadonlyArray<SessionRow>
  /** The session that owns a terminal now. */
  readonly find: (terminal: string) => SessionRow | undefined
  /** The terminals that each session owns, session by session; one in two would be against I4. */
  readonly owned: () => ReadonlyArray<TerminalId>
  readonly counts: () => Readonly<Record<SessionState, number>>
  /** The last ends, oldest first. */
  readonly ended: () => ReadonlyArray<EndedSession>
  readonly listeners: () => ReadonlyArray<{ readonly name: string; readonly port: number }>
  /** The DUKPT devices of terminals, and how far they have counted; of all, or of one. */
  readonly serials: (limit: number, terminal?: string) => ReadonlyArray<SerialRow>
  /**
   * Lets a terminal begin with another device, or with the same one from any counter; false: it has
   * none. `done` when it is durable.
   */
  readonly forgetSerial: (
    terminal: string,
    sameDevice: boolean,
    done: (failure: FailureCode | undefined) => void
  ) => boolean
  /** Ends the session that owns the terminal, with the reason `operator`; false: it has none. */
  readonly close: (terminal: string) => boolean
}

export class SessionsView
  extends Context.Service<SessionsView, SessionsViewShape>()("pointsman/session/SessionsView")
{}

export function sessionsView(house: SessionHouseShape): SessionsViewShape {
  const lineOf = (terminal: string): SeenLine | undefined => {
    const profile = house.terminals.find(terminal)
    const owner = profile === undefined ? undefined : house.owners.of(profile.terminal)
    return owner?.bearer.seen()
  }
  return SessionsView.of({
    list: (limit) => {
      const rows: Array<SessionRow> = []
      for (const line of linesOf(house)) {
        if (rows.length >= limit) break
        rows.push(rowOf(line, house.time.monotonicMs()))
      }
      return rows
    },
    find: (terminal) => {
      const line = lineOf(terminal)
      return line === undefined ? undefined : rowOf(line, house.time.monotonicMs())
    },
    owned: () => [...linesOf(house)].flatMap((line) => line.owned()),
    counts: () => {
      const counts = { new: 0, proven: 0, quarantined: 0, closing: 0 }
      for (const line of linesOf(house)) counts[line.state()]++
      return counts
    },
    ended: () => house.ends.all(),
    listeners: () => [...house.rooms].map(({ name, port }) => ({ name, port })),
    serials: (limit, terminal) => {
      const rows: Array<SerialRow> = []
      for (const [key, { baseKey, device, highest, released }] of serialsOf(house, terminal)) {
        if (rows.length >= limit) break
        rows.push({ terminal: key, baseKey, device, highest, released: released === true })
      }
      return rows
    },
    forgetSerial: (terminal, sameDevice, done) =>
      house.serials.forget(terminalIdOf(terminal), sameDevice, done),
    close: (terminal) => {
      const line = lineOf(terminal)
      line?.end("operator")
      return line !== undefined
    }
  })
}

function serialsOf({ serials }: SessionHouseShape, terminal: string | undefined) {
  if (terminal === undefined) return serials.all()
  const id = terminalIdOf(terminal)
  const state = serials.find(id)
  return state === undefined ? [] : [[id, state] as const]
}

function* linesOf(house: SessionHouseShape): Generator<SeenLine> {
  for (const room of house.rooms) yield* room.lines()
}

function rowOf(line: SeenLine, nowMs: number): SessionRow {
  return {
    listener: line.listener,
    remote: line.remote,
    state: line.state(),
    terminals: line.terminals(),
    ageMs: Math.round(nowMs - line.openedMs),
    idleMs: Math.round(nowMs - line.lastMs),
    messages: line.messages,
    owed: line.owed,
    pendingBytes: line.pendingBytes()
  }
}
