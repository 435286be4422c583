/**
 * A stage for the transaction station: every port is a prop that the story moves by hand. Commits
 * wait until the story syncs them; upstreams end when the story says how.
 */

import { Effect, Layer, Scope } from "effect"
import { Timers, type TimersShape } from "../../src/actor/timers.ts"
import type { AdviceRecord } from "../../src/domain/advice.ts"
import type {
  BusinessDay,
  MerchantId,
  Rrn,
  Stan,
  TerminalId,
  TransactionId
} from "../../src/domain/brand.ts"
import { makeLocalClock } from "../../src/domain/business-day.ts"
import { channels } from "../../src/domain/channel.ts"
import type { FailureCode } from "../../src/domain/failures.ts"
import { kinds } from "../../src/domain/kind.ts"
import type { AdviceEnd } from "../../src/domain/ports/advices.ts"
import type { ArchiveQuestion } from "../../src/domain/ports/archive.ts"
import type {
  JournalHealth,
  JournalShape,
  JournalTable,
  JournalTables,
  JournalWrite,
  LedgerEntry,
  TerminalWindows
} from "../../src/domain/ports/journal.ts"
import type { RouteFacts } from "../../src/domain/ports/router.ts"
import type { TerminalProfile } from "../../src/domain/ports/terminals.ts"
import type { Asker, Submission, Verdict } from "../../src/domain/ports/transactions.ts"
import type {
  Ending,
  Reservation,
  UpstreamAnswer,
  UpstreamRequest
} from "../../src/domain/ports/upstream.ts"
import { makeSealing } from "../../src/domain/sealing.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { makeTransactionIds } from "../../src/domain/uuid.ts"
import { Desk } from "../../src/transaction/desk.ts"
import { Orders } from "../../src/transaction/orders.ts"
import { recover } from "../../src/transaction/recovery.ts"
import type { Room } from "../../src/transaction/room.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { healthyJournal } from "../domain/healthy-journal.ts"

export class FakeJournal implements JournalShape {
  readonly tables = new Map<string, Map<string, unknown>>()
  readonly fed: Array<LedgerEntry> = []
  level: JournalHealth["level"] = "open"
  /** What each commit wrote, in order: `table:key` of what it set. */
  readonly log: Array<ReadonlyArray<string>> = []
  #waiting: Array<(failure: FailureCode | undefined) => void> = []

  commit(
    writes: ReadonlyArray<JournalWrite>,
    feed: ReadonlyArray<LedgerEntry>,
    done: (failure: FailureCode | undefined) => void
  ): void {
    this.note(writes, feed)
    this.#waiting.push(done)
  }

  note(writes: ReadonlyArray<JournalWrite>, feed: ReadonlyArray<LedgerEntry>): void {
    for (const { key, table, value } of writes) {
      if (value === undefined) this.#table(table).delete(key)
      else this.#table(table).set(key, value)
    }
    this.fed.push(...feed)
    this.log.push(writes.map(({ key, table, value }) => `${value ? "" : "-"}${table}:${key}`))
  }

  /** The disk has caught up. */
  sync(failure?: FailureCode): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const done of waiting) done(failure)
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get<T extends JournalTable>(table: T, key: string): JournalTables[T] | undefined {
    // Each table holds what was written to it under its own type.
    return this.#table(table).get(key) as JournalTables[T] | undefined
  }

  has(table: JournalTable, key: string): boolean {
    return this.#table(table).has(key)
  }

  keys(table: JournalTable): Iterable<string> {
    return this.#table(table).keys()
  }

  *entries<T extends JournalTable>(table: T): Iterable<readonly [string, JournalTables[T]]> {
    for (const [key, value] of this.#table(table)) yield [key, value as JournalTables[T]]
  }

  survey(
    _looked: unknown,
    _kept: unknown,
    each: (seen: TransactionRecord) => void
  ): TerminalWindows<TransactionRecord> {
    const windows = new Map<string, Array<TransactionRecord>>()
    for (const [, record] of this.entries("transactions")) {
      each(record)
      const window = windows.get(record.terminal) ?? []
      window.push(record)
      windows.set(record.terminal, window)
    }
    return {
      take: (terminal) => {
        const taken = windows.get(terminal) ?? []
        windows.delete(terminal)
        return taken
      },
      next: () => windows.keys().next().value
    }
  }

  greatestKey(table: JournalTable): string | undefined {
    return [...this.keys(table)].sort().at(-1)
  }

  feedAfter(): [] {
    return []
  }

  feedWritten(): void {}

  feedMark(): number {
    return 0
  }

  onFeed(): void {}

  health(): JournalHealth {
    return { ...healthyJournal, level: this.level }
  }

  #table(name: string): Map<string, unknown> {
    const table = this.tables.get(name) ?? new Map<string, unknown>()
    this.tables.set(name, table)
    return table
  }
}

/** One request that an upstream was given. */
interface Flight {
  readonly upstream: string
  readonly stan: Stan
  readonly request: UpstreamRequest
  released: boolean
  written: boolean
  end: (ending: Ending) => void
}

export class FakeUpstreams {
  /** What `reserve` says instead of giving a place. */
  readonly refusals = new Map<string, FailureCode>()
  /** Upstreams whose links die between reservation and dispatch. */
  readonly fragile = new Set<string>()
  /** Upstreams that put PINs under their key, and who waits for that. */
  readonly translating = new Set<string>()
  readonly secured: Array<(failure?: FailureCode) => void> = []
  readonly flights: Array<Flight> = []
  readonly late: Array<(id: string, answer: UpstreamAnswer) => void> = []
  /** By what a request can be found again at its upstream. */
  names = (stan: Stan): Partial<Reservation> => ({
    rrn: `R${stan}` as Rrn,
    walletReference: `order ${stan}`
  })
  /** Where numbers go on after a restart. */
  readonly continued = new Map<string, Stan>()
  #stan = 0

  readonly shape = {
    reserve: (upstream: string, request: UpstreamRequest): Reservation | FailureCode => {
      const refusal = this.refusals.get(upstream)
      if (refusal !== undefined) return refusal
      const stan = String(++this.#stan).padStart(6, "0") as Stan
      const flight: Flight = {
        upstream,
        stan,
        request,
        released: false,
        written: false,
        end: () => {}
      }
      this.flights.push(flight)
      return {
        upstream,
        link: 0,
        stan,
        ...this.names(stan),
        ...(this.translating.has(upstream)
          ? { secure: (done) => void this.secured.push(done) }
          : {}),
        release: () => {
          flight.released = true
        },
        dispatch: (_timeoutMs, ended) => {
          if (this.fragile.has(upstream)) return false
          flight.written = true
          flight.end = ended
          return true
        }
      }
    },
    adviceStan: (): Stan => String(++this.#stan).padStart(6, "0") as Stan,
    adviceOver: () => {},
    advise: () => false,
    onLate: (listener: (id: string, answer: UpstreamAnswer) => void) =>
      void this.late.push(listener),
    onUp: () => {},
    continueAfter: (upstream: string, stan: Stan) => void this.continued.set(upstream, stan),
    status: () => []
  }
}

class FakeAdvices {
  readonly started: Array<AdviceRecord> = []
  readonly listeners: Array<(end: AdviceEnd) => void> = []

  readonly shape = {
    open: (
      transaction: TransactionId,
      upstream: string,
      reason: AdviceRecord["reason"],
      kind: AdviceRecord["kind"]
    ): AdviceRecord => ({
      transaction,
      kind,
      upstream,
      reason,
      stan: "000900" as Stan,
      attempts: 0,
      createdMs: 0,
      nextMs: 0,
      state: "pending"
    }),
    start: (record: AdviceRecord) => void this.started.push(record),
    onEnd: (listener: (end: AdviceEnd) => void) => void this.listeners.push(listener),
    pending: () => new Map<string, number>(),
    stanOf: () => undefined
  }

  end(end: AdviceEnd): void {
    for (const listener of this.listeners) listener(end)
  }
}

/** Somebody who asked: what was prepared, and what was delivered. */
export class FakeAsker implements Asker {
  verdict: Verdict | undefined
  delivered: Array<string> = []
  live = true

  prepare(verdict: Verdict) {
    this.verdict = verdict
    return this.#prepared(Buffer.from(`answer ${verdict.response1987}`))
  }

  repeat(body: Uint8Array) {
    return this.#prepared(body)
  }

  #prepared(body: Uint8Array) {
    return {
      body,
      deliver: (handed: (live: boolean) => void) => {
        if (this.live) this.delivered.push(Buffer.from(body).toString("latin1"))
        handed(this.live)
      }
    }
  }
}

export const profile: TerminalProfile = {
  terminal: "T0000001" as TerminalId,
  merchant: "M00000000000001" as MerchantId,
  merchantName: "Shop",
  group: "shops",
  identity: "sign-on",
  category: "5411",
  macRequired: false,
  window: 2,
  kinds: new Set(kinds),
  channels: new Set(channels),
  currencies: new Set(["156"]),
  partialApproval: false,
  reverseUnconfirmed: false,
  counter: "counter-1",
  blocked: false
}

export class Stage {
  readonly time = new ManualTime()
  readonly journal: FakeJournal
  readonly upstreams = new FakeUpstreams()
  readonly advices = new FakeAdvices()
  /** What PostgreSQL says at once; undefined: questions wait in {@link asked}. */
  archived: TransactionRecord | FailureCode | undefined = "original-unknown"
  readonly asked: Array<{
    readonly question: ArchiveQuestion
    readonly answer: (found: TransactionRecord | FailureCode) => void
  }> = []
  readonly counted: Array<string> = []
  readonly terminals = new Map<string, TerminalProfile>([[profile.terminal, profile]])
  candidates: ReadonlyArray<string> = ["a", "b"]
  route: string | undefined = "r"
  /** What the router was asked. */
  readonly routed: Array<RouteFacts> = []
  readonly room: Room
  readonly desk: Desk
  readonly orders: Orders
  #stan = 0

  /** With a journal of an earlier stage: what a restart finds. */
  constructor(journal = new FakeJournal()) {
    this.journal = journal
    const built = Layer.buildWithScope(
      Timers.layer.pipe(Layer.provide(this.time.layer)),
      Scope.makeUnsafe()
    )
    const timers: TimersShape = Effect.runSync(Effect.provide(Timers, Effect.runSync(built)))
    const local = makeLocalClock("UTC")
    const random = { next: () => 0.5, bytes: (length: number) => new Uint8Array(length) }
    this.room = {
      time: this.time.shape,
      timers,
      journal,
      router: {
        decide: (facts) => {
          this.routed.push(facts)
          return { route: this.route, candidates: this.candidates, configVersion: 7 }
        }
      },
      upstreams: this.upstreams.shape,
      advices: this.advices.shape,
      terminals: {
        find: (terminal) => this.terminals.get(terminal),
        byCounter: (counter) => counter === profile.counter ? profile : undefined,
        all: () => this.terminals.values(),
        count: () => this.terminals.size
      },
      archive: {
        find: (question, answer) => {
          if (this.archived === undefined) this.asked.push({ question, answer })
          else answer(this.archived)
        }
      },
      sealing: makeSealing({
        seal: (clear) => Uint8Array.from(clear),
        open: (sealed) => sealed,
        digest: (text) => `digest of ${text}`
      }),
      nextId: makeTransactionIds(random),
      local,
      dayOf: (_, acquirer) => (acquirer === "b" ? "2026-11-27" : "2026-11-26") as BusinessDay,
      configVersion: () => 7,
      settings: {
        deliverGraceMs: 5_000,
        upstreamTimeoutMs: new Map([["a", 20_000], ["b", 20_000]]),
        wallets: new Set(),
        maxInFlight: 8
      },
      meter: {
        ended: (record) => void this.counted.push(`ended ${record.state}`),
        duplicate: (what) => void this.counted.push(`duplicate ${what}`),
        late: (upstream, approved) => void this.counted.push(`late ${upstream} ${approved}`),
        sought: (what) => void this.counted.push(`original ${what}`),
        clockWrong: () => void this.counted.push("clock wrong"),
        exception: (reason) => void this.counted.push(`exception ${reason}`),
        turnedAway: (code) => void this.counted.push(`turned away ${code}`)
      }
    }
    this.desk = new Desk(this.room)
    this.orders = new Orders(this.room, this.desk)
  }

  sale(change: Partial<Submission> = {}): Submission {
    const stan = change.stan ?? String(++this.#stan).padStart(6, "0") as Stan
    return {
      kind: "sale",
      channel: "chip",
      scheme: "card",
      profile,
      session: 1,
      arrivedMs: this.time.now,
      key: `T0000001|000001|${stan}|${change.kind ?? "sale"}`,
      repeat: false,
      mti: "0200",
      processingCode: "000000",
      terminal: profile.terminal,
      merchant: profile.merchant,
      stan,
      batch: "000001",
      amount: 100,
      currency: "156",
      pan: "6235012345678900",
      ...change
    }
  }

  ask(submission: Submission = this.sale()): FakeAsker {
    const asker = new FakeAsker()
    this.desk.submit(submission, asker)
    return asker
  }

  /** Asks, forwards, and has the first candidate approve. */
  approved(submission: Submission = this.sale()): FakeAsker {
    const asker = this.ask(submission)
    this.journal.sync()
    this.answer("00")
    this.journal.sync()
    return asker
  }

  answer(code: string, change: Partial<UpstreamAnswer> = {}): void {
    this.last.end({
      _tag: "answered",
      answer: { approved: code === "00", response: code, response1987: code, ...change }
    })
  }

  get last(): Flight {
    return this.upstreams.flights.at(-1)!
  }

  get records() {
    return [...this.journal.entries("transactions")].map(([, record]) => record)
  }

  recover() {
    const fiber = Effect.runFork(recover(this.room, this.desk))
    for (let turn = 0; turn < 100 && fiber.pollUnsafe() === undefined; turn++) this.journal.sync()
    return fiber.pollUnsafe()
  }
}
