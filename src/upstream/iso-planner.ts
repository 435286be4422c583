/**
 * From what is wanted to the bytes that say it in the upstream's dialect: a request mapped from the
 * terminal's message, an advice composed from the record, a management message. Nothing here sends,
 * waits or counts.
 */

import type { Rrn, Stan } from "../domain/brand.ts"
import type { LocalClock } from "../domain/business-day.ts"
import type { UpstreamConfig } from "../domain/config.ts"
import type { FailureCode } from "../domain/failures.ts"
import type { TimeShape } from "../domain/ports/time.ts"
import type { AdviceSend, UpstreamAnswer, UpstreamRequest } from "../domain/ports/upstream.ts"
import type { SealedFacts, TransactionRecord } from "../domain/transaction.ts"
import type { Mapping } from "../iso8583/mapping.ts"
import type { Dialect, Message, OriginalFacts, Values } from "../iso8583/message.ts"
import { type Asked, type Echo, echoesOf, judge, readAnswer } from "./answers.ts"
import type { Outcome, Permit } from "./breaker.ts"
import { correlationKey } from "./correlation.ts"
import type { FlightPlan, PinPlan } from "./flight.ts"
import { originalFacts, stamp, type StampPaths, stampPaths, type Stamps } from "./iso-stamps.ts"
import type { ManagementKind } from "./link-host.ts"
import type { Link } from "./link.ts"
import { type PinWork, pinWork, type PinZone } from "./pin-translation.ts"
import { parseStan, type RrnAllocator } from "./stan-allocator.ts"

export interface PlannerServices {
  readonly time: TimeShape
  readonly rrns: RrnAllocator
  /** Local time of the switch, and UTC. */
  readonly local: LocalClock
  readonly utc: LocalClock
}

export class IsoPlanner {
  readonly dialect: Dialect
  readonly #config: UpstreamConfig
  readonly #services: PlannerServices
  /** By the name of the terminal's dialect. */
  readonly #mappings: ReadonlyMap<string, Mapping>
  readonly #sealed: boolean
  readonly #zone: PinZone | undefined
  readonly #paths: StampPaths
  readonly #technical: ReadonlySet<string>
  readonly #echoes: ReadonlyArray<Echo>

  constructor(
    config: UpstreamConfig,
    services: PlannerServices,
    dialect: Dialect,
    mappings: ReadonlyMap<string, Mapping>,
    sealed: boolean,
    zone?: PinZone
  ) {
    this.dialect = dialect
    this.#config = config
    this.#services = services
    this.#mappings = mappings
    this.#sealed = sealed
    this.#zone = zone
    this.#paths = stampPaths(dialect)
    this.#technical = new Set(config.breaker.technicalCodes)
    this.#echoes = echoesOf(dialect)
  }

  request(
    request: UpstreamRequest,
    stan: Stan,
    link: Link,
    permit: Permit
  ): FlightPlan | FailureCode {
    const { facts, message, original, partialApproval, record } = request
    const mapping = message === undefined ? undefined : this.#mappings.get(message.dialect.name)
    if (message === undefined || mapping === undefined) return "untranslatable"
    const pin = pinWork(request, mapping, this.#zone, this.dialect)
    if (typeof pin === "string") return pin
    const stamps = this.#stamps(stan, this.#services.rrns.take())
    const values = stamp(this.#paths, stamps, message, mapping.from === mapping.to)
    // Its place, until it has been translated.
    if (pin !== undefined) values.set(pin.path, new Uint8Array(pin.length))
    if (original !== undefined) values.take(this.dialect.refer(this.#original(original, facts)))
    const body = mapping.forward(message, values, this.#sealed)
    if (!(body instanceof Uint8Array)) return "untranslatable"
    const written = this.dialect.read(body)
    if ("failure" in written) {
      body.fill(0)
      return "untranslatable"
    }
    return {
      advice: false,
      transaction: record.id,
      link,
      permit,
      key: correlationKey(written.mti, parseStan(stan)),
      stan,
      body,
      rrn: values.text(this.#paths.rrn) as Rrn | undefined,
      time: values.text(this.#paths.transmissionTime),
      pin: pin === undefined ? undefined : this.#secured(pin, written),
      asked: { message: written, mapping, partialApproval: partialApproval === true }
    }
  }

  #secured(work: PinWork, written: Message): PinPlan {
    const complete = (block: Uint8Array) =>
      this.dialect.patch(written, { set: { [work.path]: block }, mac: this.#sealed })
    return { work, complete }
  }

  /**
   * A reversal of the record, under its chain's STAN unless the dialect repeats the original's. In
   * words what cannot be said in the dialect.
   */
  advice(advice: AdviceSend, link: Link, permit: Permit): FlightPlan | string {
    const { reversal } = this.dialect
    const facts = this.#original(advice.record, advice.facts)
    const stamps = this.#stamps(advice.stan, facts.rrn ?? "")
    const composed = reversal.compose(facts, advice.reason)
    const values = stamp(this.#paths, stamps, undefined, true)
    values.take(composed)
    const repeat = advice.attempt > 0 ? reversal.repeatMti : undefined
    const mti = repeat ?? reversal.mti
    const stan = parseStan(values.text(this.#paths.stan)) || parseStan(advice.stan)
    const body = this.dialect.encode(mti, values, this.#sealed)
    if (!(body instanceof Uint8Array)) return `${body.path} ${body.problem}`
    return {
      advice: true,
      transaction: advice.record.id,
      link,
      permit,
      key: correlationKey(mti, stan),
      stan: advice.stan,
      body,
      rrn: undefined,
      time: undefined,
      pin: undefined,
      asked: undefined
    }
  }

  /** Undefined: the dialect has no such message. */
  management(
    kind: ManagementKind,
    stan: Stan
  ): { readonly mti: string; readonly body: Buffer } | undefined {
    const form = this.dialect.form(kind)
    if (form === undefined) return undefined
    const { localTime, timeDigits, transmissionTime } = this.#paths
    const { local, utc, year } = this.#stamps(stan, "")
    const values = {
      ...form.values,
      [this.#paths.stan]: stan,
      ...(transmissionTime === undefined ? {} : { [transmissionTime]: utc }),
      // From 1993 on every message says when, with its date.
      ...(localTime === undefined || timeDigits <= 6
        ? {}
        : { [localTime]: (year + local).slice(-timeDigits) })
    }
    const body = this.#complete(form.mti, values)
    return body === undefined ? undefined : { mti: form.mti, body }
  }

  /** Hosts that want a card acceptor in network messages hear our acquirer id there. */
  #complete(mti: string, values: Values): Buffer | undefined {
    const { acquirerId } = this.#config
    const [terminal, merchant] = [this.dialect.pathOf("terminal"), this.dialect.pathOf("merchant")]
    const named: Values = {
      ...values,
      ...(terminal === undefined ? {} : { [terminal]: acquirerId.slice(-8).padStart(8, "0") }),
      ...(merchant === undefined ? {} : { [merchant]: acquirerId.padStart(15, "0") })
    }
    for (const attempt of [values, named]) {
      const body = this.dialect.encode(mti, attempt, false)
      if (body instanceof Uint8Array && !("failure" in this.dialect.read(body))) return body
    }
    return undefined
  }

  #original(record: TransactionRecord, facts: SealedFacts): OriginalFacts {
    const sentMs = record.times.forwardedMs ?? record.times.receivedMs
    const { local } = this.#services
    const sentTime = local.at(sentMs).date.slice(0, 4) + local.stamp(sentMs)
    return originalFacts(record, facts, this.dialect, this.#config.acquirerId, sentTime)
  }

  #stamps(stan: Stan, rrn: string): Stamps {
    const { local, time, utc } = this.#services
    const wallMs = time.wallMs()
    return {
      stan,
      rrn,
      utc: utc.stamp(wallMs),
      local: local.stamp(wallMs),
      year: local.at(wallMs).date.slice(0, 4),
      acquirer: this.#config.acquirerId
    }
  }

  /** The answer to a request, or to an advice, of which nothing was asked. */
  judge(asked: Asked | undefined, answer: Message): UpstreamAnswer | string {
    return asked === undefined ? this.#acknowledged(answer) : judge(asked, this.#echoes, answer)
  }

  /** For an advice, approved means accepted: the chain is over. */
  #acknowledged(answer: Message): UpstreamAnswer | string {
    const read = readAnswer(answer)
    if (typeof read === "string") return read
    return { ...read, approved: this.dialect.reversal.accepts.has(read.response) }
  }

  outcome(answer: UpstreamAnswer, elapsedMs: number): Outcome {
    if (this.#technical.has(answer.response)) return "failed"
    return elapsedMs > this.#config.breaker.slowMs ? "slow" : "good"
  }
}
