/**
 * What terminals must hear, kept until they say that they have (issue 8.6). What must hold: per
 * terminal, pushes leave in the order of their sequence numbers; one that was not acknowledged is
 * sent again, to whichever session the terminal has now, under the same number; it goes at its own
 * deadline and for no other reason. An acknowledgement counts for everything up to its number.
 *
 *   prepare ─► committed by whoever caused it ─► send ─► waits ─► sent ─► acknowledged
 *                                                          └──────────┴──► expired
 *
 * Numbers are not reused after a restart: they go on from the highest that waits or, by the
 * terminal's state, was ever acknowledged. A number whose commit never came leaves a gap.
 */

import type { Timer } from "../actor/timer-wheel.ts"
import type { TimersShape } from "../actor/timers.ts"
import type { TerminalId, TransactionId } from "../domain/brand.ts"
import { invariant } from "../domain/invariant.ts"
import type { PushRecord } from "../domain/order.ts"
import type { JournalShape, JournalWrite, LedgerEntry } from "../domain/ports/journal.ts"
import type { PushShape } from "../domain/ports/push.ts"
import type { TimeShape } from "../domain/ports/time.ts"
import type { Keyring } from "./keyring.ts"

/** Longest life of a push. */
export const maxLifetimeMs = 86_400_000

/** Pushes of one terminal that are sent and not yet acknowledged. */
const pushWindow = 8

/** A session that can be told things, of the generation that owns the terminal. */
export interface PushTarget {
  /** False: it did not go; it will be tried again. */
  readonly push: (record: PushRecord) => boolean
}

interface PushLane {
  readonly terminal: TerminalId
  /** In the order of their numbers; the first `sent` have gone to the present target. */
  readonly waiting: Array<PushRecord>
  sent: number
  /** The highest number that was prepared. */
  last: number
  target: PushTarget | undefined
  repeat: Timer | undefined
  /** Of each that waits, by its number: the end of its life. */
  readonly lives: Map<number, Timer>
}

export interface PushMeter {
  readonly push: (what: "sent" | "repeated" | "acknowledged" | "expired") => void
}

export class Pushes implements PushShape {
  readonly #time: TimeShape
  readonly #timers: TimersShape
  readonly #journal: JournalShape
  readonly #keys: Keyring
  readonly #repeatMs: number
  readonly #meter: PushMeter
  /** One a terminal that was ever pushed to or that can be. */
  readonly #lanes = new Map<TerminalId, PushLane>()

  constructor(
    time: TimeShape,
    timers: TimersShape,
    journal: JournalShape,
    keys: Keyring,
    repeatMs: number,
    meter: PushMeter
  ) {
    this.#time = time
    this.#timers = timers
    this.#journal = journal
    this.#keys = keys
    this.#repeatMs = repeatMs
    this.#meter = meter
  }

  /** What a restart left behind waits again; what expired meanwhile goes. */
  recover(): number {
    let count = 0
    // By their keys, in which a terminal's sequence numbers grow: the log has its own order (I9).
    const found = [...this.#journal.entries("pushes")].sort(([left], [right]) =>
      left < right ? -1 : 1
    )
    for (const [, record] of found) {
      const lane = this.#lane(record.terminal)
      lane.last = Math.max(lane.last, record.sequence)
      this.#wait(lane, record)
      count++
    }
    return count
  }

  prepare(
    terminal: TerminalId,
    transaction: TransactionId,
    body: PushRecord["body"],
    lifetimeMs: number
  ): ReturnType<PushShape["prepare"]> {
    const lane = this.#lane(terminal)
    const createdMs = this.#time.wallMs()
    const record: PushRecord = {
      terminal,
      sequence: ++lane.last,
      transaction,
      body,
      createdMs,
      expiresMs: createdMs + Math.min(lifetimeMs, maxLifetimeMs),
      attempts: 0,
      state: "pending"
    }
    return {
      record,
      writes: [{ table: "pushes", key: keyOf(record), value: record }],
      send: () => {
        this.#wait(lane, record)
        this.#deliver(lane)
      }
    }
  }

  pending(terminal: TerminalId): number {
    return this.#lanes.get(terminal)?.waiting.length ?? 0
  }

  /** The oldest that waits, for dialects that fetch. */
  first(terminal: TerminalId): PushRecord | undefined {
    return this.#lanes.get(terminal)?.waiting[0]
  }

  /** The terminal has a session that can be told: everything that waits leaves again, in order. */
  attach(terminal: TerminalId, target: PushTarget): void {
    const lane = this.#lane(terminal)
    lane.target = target
    lane.sent = 0
    this.#deliver(lane)
  }

  /** The session has ended, or has been taken over: before its successor attaches. */
  detach(terminal: TerminalId, target: PushTarget): void {
    const lane = this.#lanes.get(terminal)
    invariant(lane?.target === target, "a session leaves before its successor comes")
    lane.target = undefined
    lane.sent = 0
    lane.repeat?.cancel()
    lane.repeat = undefined
  }

  /** The terminal has everything up to `sequence`. */
  acknowledge(terminal: TerminalId, sequence: number): void {
    const lane = this.#lanes.get(terminal)
    if (lane === undefined) return
    let done = 0
    while (done < lane.waiting.length && lane.waiting[done]!.sequence <= sequence) done++
    if (done === 0) return
    this.#finish(lane, lane.waiting.splice(0, done), "acknowledged")
    lane.sent = Math.max(0, lane.sent - done)
    this.#deliver(lane)
  }

  #lane(terminal: TerminalId): PushLane {
    let lane = this.#lanes.get(terminal)
    if (lane === undefined) {
      const last = this.#keys.state(terminal).pushSequence
      const lives = new Map<number, Timer>()
      lane = { terminal, waiting: [], sent: 0, last, target: undefined, repeat: undefined, lives }
      this.#lanes.set(terminal, lane)
    }
    return lane
  }

  /** Commits may come back in another order than the numbers were given: the numbers rule. */
  #wait(lane: PushLane, record: PushRecord): void {
    let place = lane.waiting.length
    while (place > lane.sent && lane.waiting[place - 1]!.sequence > record.sequence) place--
    lane.waiting.splice(place, 0, record)
    const lifeMs = Math.max(0, record.expiresMs - this.#time.wallMs())
    const { sequence } = record
    lane.lives.set(sequence, this.#timers.after(lifeMs, () => this.#expire(lane, sequence)))
  }

  #deliver(lane: PushLane): void {
    const { target } = lane
    if (target === undefined) return
    while (lane.sent < lane.waiting.length && lane.sent < pushWindow) {
      const record = lane.waiting[lane.sent]!
      if (!target.push(record)) break
      const again = { ...record, attempts: record.attempts + 1 }
      lane.waiting[lane.sent++] = again
      this.#meter.push(record.attempts === 0 ? "sent" : "repeated")
    }
    if (lane.repeat === undefined && lane.waiting.length > 0) {
      lane.repeat = this.#timers.after(this.#repeatMs, () => {
        lane.repeat = undefined
        lane.sent = 0
        this.#deliver(lane)
      })
    }
  }

  #expire(lane: PushLane, sequence: number): void {
    const place = lane.waiting.findIndex((record) => record.sequence === sequence)
    if (place < 0) return
    if (place < lane.sent) lane.sent--
    this.#finish(lane, lane.waiting.splice(place, 1), "expired")
    this.#deliver(lane)
  }

  #finish(
    lane: PushLane,
    records: ReadonlyArray<PushRecord>,
    state: "acknowledged" | "expired"
  ): void {
    const { terminal } = lane
    const writes: Array<JournalWrite> = []
    const feed: Array<LedgerEntry> = []
    for (const record of records) {
      lane.lives.get(record.sequence)?.cancel()
      lane.lives.delete(record.sequence)
      writes.push({ table: "pushes", key: keyOf(record), value: undefined })
      feed.push({ table: "pushes", row: { ...record, state } })
      this.#meter.push(state)
    }
    const known = this.#keys.state(terminal)
    const highest = records.at(-1)?.sequence ?? 0
    if (highest > known.pushSequence) {
      writes.push({
        table: "terminals",
        key: terminal,
        value: { ...known, pushSequence: highest }
      })
    }
    this.#journal.note(writes, feed)
    if (lane.waiting.length > 0) return
    lane.repeat?.cancel()
    lane.repeat = undefined
  }
}

function keyOf(record: PushRecord): string {
  return `${record.terminal}:${String(record.sequence).padStart(10, "0")}`
}
