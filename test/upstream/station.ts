/** The upstream station under a clock and a network that the test moves by hand. */

import { Layer } from "effect"
import { HotActors } from "../../src/actor/hot-actor.ts"
import { Timers } from "../../src/actor/timers.ts"
import type { MerchantId, Stan, TerminalId, TransactionId } from "../../src/domain/brand.ts"
import type { UpstreamConfig } from "../../src/domain/config.ts"
import { Codec, type CodecShape } from "../../src/domain/ports/codec.ts"
import { Http, type HttpShape } from "../../src/domain/ports/http.ts"
import { Random } from "../../src/domain/ports/time.ts"
import {
  type Ending,
  type Reservation,
  type UpstreamAnswer,
  type UpstreamRequest,
  Upstreams
} from "../../src/domain/ports/upstream.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import type { Dialect, Message } from "../../src/iso8583/message.ts"
import type { UpstreamMeter } from "../../src/upstream/meter.ts"
import {
  UpstreamControl,
  upstreamsLayer,
  type UpstreamsOptions
} from "../../src/upstream/upstreams.ts"
import { built } from "../actor/built.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { encode, fakeDialect, fakeFraming, fakeMapping, type Fields } from "./fake-dialect.ts"
import { FakeTransport, type Peer } from "./fake-transport.ts"

export const upstreamConfig: UpstreamConfig = {
  name: "bank",
  kind: "iso8583",
  links: [{ host: "127.0.0.1", port: 1 }],
  framing: "length-2",
  dialect: "fake",
  mappings: {},
  privateLine: false,
  acquirerId: "12345",
  signOn: false,
  echoAfterIdleMs: 0,
  echoMinIntervalMs: 1000,
  echoMissesBeforeDown: 3,
  window: 10,
  adviceShare: 0.2,
  timeoutMs: 5000,
  connectTimeoutMs: 1000,
  reconnect: { firstMs: 1000, maxMs: 8000 },
  breaker: {
    windowMs: 10_000,
    minimumCalls: 20,
    failuresInARow: 5,
    failureShare: 0.5,
    slowShare: 0.5,
    slowMs: 2000,
    openMs: 5000,
    maxOpenMs: 60_000,
    probesToClose: 2,
    technicalCodes: ["91", "96"]
  },
  advice: {
    firstMs: 1000,
    maxMs: 8000,
    timeoutMs: 3000,
    alertAfterAttempts: 6,
    expireAfterMs: 600_000
  }
}

export function links(count: number): Partial<UpstreamConfig> {
  return {
    links: Array.from({ length: count }, (_, index) => ({ host: "127.0.0.1", port: index + 1 }))
  }
}

export class Counts implements UpstreamMeter {
  readonly seen: Array<string> = []
  /** How long each took that ended. */
  readonly seconds: Array<number> = []
  readonly sent: UpstreamMeter["sent"] = (_, kind) => void this.seen.push(`sent ${kind}`)
  readonly ended: UpstreamMeter["ended"] = (_, kind, how, seconds) => {
    this.seen.push(`${kind} ${how}`)
    this.seconds.push(seconds)
  }
  readonly stray: UpstreamMeter["stray"] = (_, what) => void this.seen.push(what)
  readonly breaker: UpstreamMeter["breaker"] = (_, from, to) =>
    void this.seen.push(`${from} to ${to}`)
  readonly forced: UpstreamMeter["forced"] = (_, state, forcedMs) =>
    void this.seen.push(`still ${state} after ${forcedMs / 60_000} minutes`)
  readonly link: UpstreamMeter["link"] = (_, index, state, reason) =>
    void this.seen.push(`link ${index} ${state}${reason === undefined ? "" : ` ${reason}`}`)

  of(what: string): number {
    return this.seen.filter((each) => each === what).length
  }
}

const noCodec = Layer.succeed(
  Codec,
  Codec.of({ lane: () => ({ id: 1, pending: () => 0, close: () => {} }) } as unknown as CodecShape)
)

const noHttp = Layer.succeed(Http, Http.of({} as HttpShape))

export class Station {
  readonly time = new ManualTime()
  readonly transport = new FakeTransport(this.time)
  readonly meter = new Counts()
  readonly dialect: Dialect
  readonly late: Array<{ readonly id: string; readonly answer: UpstreamAnswer }> = []
  readonly ups: Array<string> = []
  readonly upstreams
  readonly control
  readonly close: () => Promise<void>
  /** Every chance is this. */
  chance = 0
  #transaction = 0

  constructor(
    change: Partial<UpstreamConfig> = {},
    options: Partial<UpstreamsOptions> & { readonly codec?: Layer.Layer<Codec> } & {
      readonly http?: Layer.Layer<Http>
    } = {},
    dialect = fakeDialect(),
    ports: Readonly<Record<number, "accept" | "refuse" | "silent">> = {}
  ) {
    this.dialect = dialect
    for (const [port, how] of Object.entries(ports)) this.transport.ports.set(Number(port), how)
    const { codec, http, ...rest } = options
    const random = Layer.sync(
      Random,
      () => Random.of({ next: () => this.chance, bytes: (length) => new Uint8Array(length) })
    )
    const layer = upstreamsLayer({
      node: "n1",
      timeZone: "Asia/Shanghai",
      upstreams: [{ ...upstreamConfig, ...change }],
      dialects: new Map([["fake", dialect]]),
      framings: new Map([["length-2", fakeFraming]]),
      mappings: new Map([["fake>fake", fakeMapping(dialect, dialect)]]),
      maxFrameBytes: 4096,
      meter: this.meter,
      ...rest
    }).pipe(
      Layer.provide(HotActors.layer),
      Layer.provide(Timers.layer),
      Layer.provide([
        this.time.layer,
        random,
        this.transport.layer,
        codec ?? noCodec,
        http ?? noHttp
      ])
    )
    const services = built(layer)
    this.upstreams = services.get(Upstreams)
    this.control = services.get(UpstreamControl)
    this.close = services.close
    this.upstreams.onLate((id, answer) => void this.late.push({ id, answer }))
    this.upstreams.onUp((upstream) => void this.ups.push(upstream))
    this.time.pass(50)
  }

  get status() {
    return this.upstreams.status()[0]!
  }

  get linkStates(): Array<string> {
    return this.status.links.map((link) => link.state)
  }

  /** A sale of 1.00 from terminal T1, in the terminal's message. */
  sale(fields: Fields = {}): UpstreamRequest {
    return request(this.dialect, `t${++this.#transaction}`, fields)
  }

  reserve(fields: Fields = {}, more: Partial<UpstreamRequest> = {}): Reservation {
    const reserved = this.upstreams.reserve("bank", { ...this.sale(fields), ...more })
    if (typeof reserved === "string") throw new Error(reserved)
    return reserved
  }

  /** Sends a sale to the end of the turn and keeps its endings. */
  send(fields: Fields = {}, more: Partial<UpstreamRequest> = {}): Sent {
    const reservation = this.reserve(fields, more)
    const endings: Array<Ending> = []
    const written = reservation.dispatch(5000, (ending) => void endings.push(ending))
    if (!written) throw new Error("not written")
    this.time.settle()
    return { reservation, endings, id: `t${this.#transaction}` }
  }

  /** The peer of a link. */
  peer(link = 0): Peer {
    return this.transport.peer(link + 1)
  }

  /** What the upstream has seen of a request. */
  seen(sent: Sent): Fields {
    const found = this.transport.peers.flatMap((peer) => peer.heard).find((fields) =>
      fields["11"] === sent.reservation.stan
    )
    if (found === undefined) throw new Error("the upstream has not seen it")
    return found
  }

  answer(sent: Sent, change: Fields = { 39: "00" }): void {
    this.peer(sent.reservation.link).answer(this.seen(sent), change)
    this.time.settle()
  }
}

interface Sent {
  readonly reservation: Reservation
  readonly endings: Array<Ending>
  readonly id: string
}

function request(dialect: Dialect, id: string, fields: Fields): UpstreamRequest {
  const message = dialect.read(
    encode({ mti: "0200", 3: "000000", 4: "000000000100", 11: "000777", 41: "T1", ...fields })
  )
  return { record: record(id), facts: {}, message: message as Message }
}

export function record(id: string, change: Partial<TransactionRecord> = {}): TransactionRecord {
  return {
    id: id as TransactionId,
    version: 1,
    state: "routed",
    kind: "sale",
    channel: "chip",
    scheme: "card",
    day: "2026-11-26" as TransactionRecord["day"],
    key: id,
    fingerprint: id,
    terminal: "T1" as TerminalId,
    merchant: "M1" as MerchantId,
    session: 1,
    mti: "0200",
    processingCode: "000000",
    stan: "000777" as Stan,
    amount: 100,
    currency: "156",
    configVersion: 1,
    times: { receivedMs: 0 },
    ...change
  }
}
