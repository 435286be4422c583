/**
 * A session station between fakes of its ports, under a clock that the test moves: terminals that
 * connect and speak, a transaction station that answers when the test says so.
 */

import { Context, Effect, Exit, Layer, Scope } from "effect"
import { createHmac } from "node:crypto"
import { HotActors } from "../../src/actor/hot-actor.ts"
import { Timers } from "../../src/actor/timers.ts"
import type { KeyHandle, MerchantId, TerminalId } from "../../src/domain/brand.ts"
import { channels } from "../../src/domain/channel.ts"
import type { ListenerConfig } from "../../src/domain/config.ts"
import { kinds } from "../../src/domain/kind.ts"
import type { OrderRecord } from "../../src/domain/order.ts"
import { Codec } from "../../src/domain/ports/codec.ts"
import { Journal, type JournalShape } from "../../src/domain/ports/journal.ts"
import { Push, type PushShape } from "../../src/domain/ports/push.ts"
import { SecurityModule } from "../../src/domain/ports/security-module.ts"
import type { TerminalProfile } from "../../src/domain/ports/terminals.ts"
import { Random } from "../../src/domain/ports/time.ts"
import {
  type Asker,
  type OrderRequest,
  type PreparedAnswer,
  type Submission,
  Transactions,
  type TransactionsShape,
  type Verdict
} from "../../src/domain/ports/transactions.ts"
import {
  type Connection,
  type ConnectionHandler,
  Transport
} from "../../src/domain/ports/transport.ts"
import type { Framing } from "../../src/frame/framing.ts"
import type { Dialect } from "../../src/iso8583/message.ts"
import { MachineTime } from "../../src/listen/machine-time.ts"
import { MachineTransport } from "../../src/listen/machine-transport.ts"
import { EstateControl, terminalsLayer } from "../../src/session/estate.ts"
import type { AuditEvent, SessionHooks, SessionSettings } from "../../src/session/house.ts"
import { SessionsView, type SessionsViewShape } from "../../src/session/sessions-view.ts"
import { listenDevices, listenSessions, sessionHouseLayer } from "../../src/session/sessions.ts"
import { type Built, built } from "../actor/built.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { fakeFraming } from "../upstream/fake-dialect.ts"
import { Caller } from "./caller.ts"
import { FakeCodec, jsonDialect } from "./json-dialect.ts"
import { type MemoryJournal, memoryJournal } from "./memory-journal.ts"

export function profile(terminal: string, change: Partial<TerminalProfile> = {}): TerminalProfile {
  return {
    terminal: terminal as TerminalId,
    merchant: "M00000000000001" as MerchantId,
    merchantName: "Shop",
    group: "json",
    identity: "sign-on",
    category: "5411",
    macRequired: false,
    window: 4,
    kinds: new Set(kinds),
    channels: new Set(channels),
    currencies: new Set(["156"]),
    partialApproval: false,
    reverseUnconfirmed: false,
    blocked: false,
    ...change
  }
}

const settings: SessionSettings = {
  keyGraceMs: 60_000,
  quarantineMs: 5000,
  drainMs: 0,
  maxSessionsPerAddress: 1000,
  signOns: { perSecond: 1, burst: 3 },
  refuseInquiryAfterMs: 1000,
  refuseSaleAfterMs: 5000,
  pushRepeatMs: 3000
}

export const listener: ListenerConfig = {
  name: "pos",
  kind: "iso8583",
  host: "127.0.0.1",
  port: 0,
  framing: "length-2",
  dialect: "json",
  maxSessions: 100,
  maxFrameBytes: 4096,
  firstMessageMs: 10_000,
  frameMs: 2000,
  idleMs: 600_000,
  maxPendingBytes: 10_000,
  maxWrongMacs: 3,
  maxBadMessages: 4
}

export interface PlaceOptions {
  readonly profiles?: ReadonlyArray<TerminalProfile>
  readonly settings?: Partial<SessionSettings>
  readonly listener?: Partial<ListenerConfig>
  readonly hooks?: Partial<SessionHooks>
  readonly dialect?: Dialect
  readonly framing?: Framing
  readonly journal?: JournalShape
  readonly time?: ManualTime
  readonly codec?: Layer.Layer<Codec, never, SecurityModule>
  /** The listener is one of MessagePack devices. */
  readonly devices?: boolean
  /** On the machine's clock and its loopback sockets; see `listen`. */
  readonly machine?: boolean
  /** A transaction station in the place of the fake one. */
  readonly transactions?: TransactionsShape
  /** What the fake one says that it knows. */
  readonly knows?: TransactionsShape["knows"]
  /** Hears of every submission. */
  readonly onSubmit?: (submitted: Submitted) => void
  readonly security?: Layer.Layer<SecurityModule>
}

/** What the fake security module makes of a key's number. */
export function fakeMac(key: number, bytes: Uint8Array): Buffer {
  return createHmac("sha256", String(key)).update(bytes).digest().subarray(0, 8)
}

/** Keys are numbers in blocks of text: `k7`. New ones count from 100. */
const fakeSecurity = Layer.sync(SecurityModule, () => {
  let next = 100
  return SecurityModule.of({
    place: "software",
    install: (block) => Number(Buffer.from(block).toString().slice(1)) as KeyHandle,
    derive: () => "mac-wrong",
    release: () => {},
    onForgotten: () => () => {},
    exportToWorker: () => undefined,
    makeMac: (handle, _, bytes, done) => done(fakeMac(handle, bytes)),
    translatePin: (_, done) => done("mac-wrong"),
    issueWorkingKeys: () =>
      Effect.sync(() => {
        const block = Buffer.from(`k${next++}`)
        return { blocks: { mac: block, pin: block }, download: Buffer.from(`new-${block}`) }
      })
  })
})

export class Place {
  readonly time: ManualTime
  readonly journal: MemoryJournal
  readonly codec: FakeCodec
  /** What sessions submitted, oldest first. */
  readonly submitted: Array<Submitted> = []
  /** Keys whose copies are to hear the same refusal. */
  readonly refusedEarly: Array<string> = []
  /** Orders that devices asked for; each is answered at once. */
  readonly orders: Array<OrderRequest> = []
  readonly audited: Array<AuditEvent> = []
  view!: SessionsViewShape
  push!: PushShape
  swap!: (profiles: ReadonlyArray<TerminalProfile>) => void
  close!: () => Promise<void>
  readonly #options: PlaceOptions
  readonly #counted = new Map<string, number>()
  #accept: ((connection: Connection) => ConnectionHandler | undefined) | undefined
  #lastId = 0

  constructor(options: PlaceOptions = {}) {
    this.time = options.time ?? new ManualTime()
    const defer = options.machine === true
      ? (task: () => void) => void setImmediate(task)
      : this.time.shape.defer
    this.journal = memoryJournal(defer)
    this.codec = new FakeCodec(defer)
    this.#options = options
    if (options.machine === true) return
    const house = built(Layer.orDie(this.#layer(options)))
    this.#opened(house.get)
    this.close = house.close
  }

  /** For a place on the machine's own clock and sockets; gives the port. */
  async listen(): Promise<number> {
    const scope = Effect.runSync(Scope.make())
    const context = await Effect.runPromise(
      Layer.buildWithScope(Layer.orDie(this.#layer(this.#options)), scope)
    )
    this.#opened((service) => Context.get(context, service))
    this.close = () => Effect.runPromise(Scope.close(scope, Exit.void))
    return this.view.listeners()[0]!.port
  }

  #opened(get: Built<SessionsView | Push | EstateControl>["get"]): void {
    this.view = get(SessionsView)
    this.push = get(Push)
    this.swap = get(EstateControl).swap
  }

  /** How often the meter heard of it: `ended idle`, `refused mac-wrong`, `answered`. */
  count(what: string): number {
    return this.#counted.get(what) ?? 0
  }

  connect(remote = "10.0.0.1:1000", subject?: string): Caller {
    const caller = this.knock(remote, subject)
    if (caller === undefined) throw new Error("refused")
    return caller
  }

  /** Undefined when the connection was refused. */
  knock(remote = "10.0.0.1:1000", subject?: string): Caller | undefined {
    const caller = new Caller(++this.#lastId, remote, subject)
    caller.handler = this.#accept?.(caller)
    return caller.handler === undefined ? undefined : caller
  }

  settle(): void {
    this.time.settle()
  }

  /** The reasons of all ends, oldest first. */
  ends(): Array<string> {
    return this.view.ended().map(({ reason }) => reason)
  }

  #layer(options: PlaceOptions) {
    const house = sessionHouseLayer({
      settings: { ...settings, ...options.settings },
      hooks: { ...this.#hooks(), ...options.hooks },
      timeZone: "Asia/Shanghai"
    })
    const devices = listenDevices({
      config: { ...listener, name: "qr", kind: "devices", ...options.listener },
      settings: { codeLifetimeMs: 60_000, codeOf: (order) => `https://pay.example/${order}` }
    })
    const terminals = listenSessions({
      config: { ...listener, ...options.listener },
      dialect: options.dialect ?? jsonDialect(),
      framing: options.framing ?? fakeFraming
    })
    const sessions = Layer.effectDiscard(options.devices === true ? devices : terminals)
    const ports = Layer.mergeAll(
      terminalsLayer(options.profiles ?? [profile("T0000001")]),
      Layer.succeed(Journal, options.journal ?? this.journal),
      (options.codec ?? Layer.succeed(Codec, this.codec)).pipe(
        Layer.provideMerge(options.security ?? fakeSecurity)
      ),
      Layer.succeed(Random, {
        next: () => 0.5,
        bytes: (length) => new Uint8Array(length).fill(7)
      }),
      options.transactions === undefined
        ? this.#transactions()
        : Layer.succeed(Transactions, options.transactions)
    )
    const base = ports.pipe(Layer.provideMerge(HotActors.layer))
    const above = sessions.pipe(Layer.provideMerge(house), Layer.provideMerge(base))
    return options.machine === true
      ? above.pipe(
        Layer.provideMerge(MachineTransport),
        Layer.provideMerge(Timers.layer),
        Layer.provideMerge(MachineTime)
      )
      : above.pipe(
        Layer.provideMerge(this.#transport()),
        Layer.provideMerge(Timers.layer),
        Layer.provideMerge(this.time.layer)
      )
  }

  #transport() {
    return Layer.succeed(Transport, {
      listen: (_, accept) =>
        Effect.sync(() => {
          this.#accept = accept
          return { port: 8583 }
        }),
      connect: () => () => {}
    })
  }

  #transactions() {
    return Layer.succeed(Transactions, {
      submit: (submission, asker) => {
        const submitted = new Submitted(submission, asker)
        this.submitted.push(submitted)
        this.#options.onSubmit?.(submitted)
      },
      inFlight: () => 0,
      drain: () => {},
      knows: this.#options.knows ?? (() => false),
      refusedEarly: (key) => void this.refusedEarly.push(key),
      openOrder: (request, done) => {
        this.orders.push(request)
        const expiresMs = this.time.wall + request.lifetimeMs
        done({ order: `order-${this.orders.length}`, expiresMs } as OrderRecord)
      },
      unhandled: () => [],
      book: () => {
        throw new Error("nobody notifies here")
      },
      recent: () => [],
      decide: () => {}
    })
  }

  #hooks(): SessionHooks {
    const count = (what: string) => void this.#counted.set(what, this.count(what) + 1)
    return {
      meter: {
        opened: () => count("opened"),
        ended: (_, reason) => count(`ended ${reason}`),
        read: (_, frames) => count(`read ${frames}`),
        sent: () => count("sent"),
        received: (_, kind) => count(`received ${kind}`),
        refused: (_, failure) => count(`refused ${failure}`),
        answered: (_, live) => count(live ? "answered" : "undelivered"),
        unanswerable: () => count("unanswerable"),
        push: (what) => count(`push ${what}`)
      },
      audit: (event) => void this.audited.push(event)
    }
  }
}

/** One submission that waits for the test's word. */
class Submitted {
  readonly submission: Submission
  readonly asker: Asker
  /** Whether the answer went to a live socket; undefined until that is known. */
  live: boolean | undefined
  heardOften = 0
  /** The test has given its word. */
  asked = false

  constructor(submission: Submission, asker: Asker) {
    this.submission = submission
    this.asker = asker
  }

  answer(verdict: Partial<Verdict> = {}): PreparedAnswer {
    return this.#deliver(this.asker.prepare({ approved: true, response1987: "00", ...verdict }))
  }

  repeat(body: Uint8Array): PreparedAnswer {
    return this.#deliver(this.asker.repeat(body))
  }

  #deliver(prepared: PreparedAnswer): PreparedAnswer {
    this.asked = true
    prepared.deliver((live) => {
      this.live = live
      this.heardOften++
    })
    return prepared
  }
}
