/**
 * An ISO 8583 upstream: several links that are one group, with one breaker, one space of STANs and
 * one table of who waits for what. What must hold: nothing is written before `dispatch`; every
 * dispatch has exactly one ending; an answer that came after its end is nobody's but the listener's
 * (faults U6 to U9); advices have their own share of every link and go out whatever the breaker
 * says.
 */

import type { HotActorsShape } from "../actor/hot-actor.ts"
import type { Timer } from "../actor/timer-wheel.ts"
import type { TimersShape } from "../actor/timers.ts"
import type { TurnFlush } from "../actor/turn-writer.ts"
import type { Stan } from "../domain/brand.ts"
import { buggify } from "../domain/buggify.ts"
import type { UpstreamConfig } from "../domain/config.ts"
import type { EndReason } from "../domain/end-reasons.ts"
import type { FailureCode } from "../domain/failures.ts"
import { invariant } from "../domain/invariant.ts"
import type { SecurityModuleShape } from "../domain/ports/security-module.ts"
import type { RandomShape, TimeShape } from "../domain/ports/time.ts"
import type { TransportShape } from "../domain/ports/transport.ts"
import type {
  AdviceSend,
  Ending,
  Reservation,
  UpstreamAnswer,
  UpstreamRequest,
  UpstreamStatus
} from "../domain/ports/upstream.ts"
import type { Framing } from "../frame/framing.ts"
import type { Message } from "../iso8583/message.ts"
import { AdviceStans } from "./advice-stans.ts"
import { readAnswer } from "./answers.ts"
import { BreakerProbe } from "./breaker-probe.ts"
import { Breaker, type BreakerStatus, type Outcome } from "./breaker.ts"
import { Correlation, correlationKey, keyOfAnswer, stanOfKey, unqueued } from "./correlation.ts"
import type { Waiting } from "./correlation.ts"
import { Flight, type FlightPlan, type Landing, type Tower } from "./flight.ts"
import type { ControlledGroup, GroupEvents } from "./group.ts"
import type { IsoPlanner } from "./iso-planner.ts"
import type { LinkHost, ManagementEnd, ManagementKind } from "./link-host.ts"
import { Link } from "./link.ts"
import { Management } from "./management.ts"
import type { UpstreamMeter } from "./meter.ts"
import { type PinWork, translatePin } from "./pin-translation.ts"
import type { Seal } from "./seal.ts"
import { SlowWatch } from "./slow-watch.ts"
import { firstStan, formatStan, parseStan, StanAllocator } from "./stan-allocator.ts"

/** What all groups of a switch share. */
export interface GroupServices {
  readonly transport: TransportShape
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly random: RandomShape
  readonly actors: HotActorsShape
  readonly flush: TurnFlush
  readonly meter: UpstreamMeter
  readonly events: GroupEvents
  /** Absent: no upstream has keys. */
  readonly security?: SecurityModuleShape
  readonly maxFrameBytes: number
}

export class IsoGroup implements ControlledGroup, Tower {
  readonly name: string
  readonly kind = "iso8583"
  readonly upstream: string
  readonly breaker: Breaker
  readonly links: ReadonlyArray<Link>
  readonly #config: UpstreamConfig
  readonly #services: GroupServices
  readonly #planner: IsoPlanner
  readonly #framing: Framing
  readonly #seal: Seal | undefined
  readonly #probe: BreakerProbe
  readonly #slowWatch: SlowWatch
  readonly #stans: StanAllocator
  readonly #adviceStans: AdviceStans
  readonly #correlation = new Correlation()
  readonly #adviceWindow: number
  #turn = 0
  /** A connection failed or broke: from now on "no link" is the upstream's failure. */
  #tried = false

  constructor(
    config: UpstreamConfig,
    services: GroupServices,
    planner: IsoPlanner,
    framing: Framing,
    seal: Seal | undefined
  ) {
    this.name = this.upstream = config.name
    this.#config = config
    this.#services = services
    this.#planner = planner
    this.#framing = framing
    this.#seal = seal
    this.#stans = new StanAllocator(firstStan(services.time.wallMs()))
    this.#adviceStans = new AdviceStans(this.#stans)
    this.#adviceWindow = Math.max(1, Math.floor(config.window * config.adviceShare))
    this.#probe = new BreakerProbe({
      time: services.time,
      timers: services.timers,
      breaker: () => this.breaker,
      canEcho: () => this.links.some((link) => link.takesNew),
      echo: (ended) => this.#echo(ended)
    })
    const changed = (from: Breaker["state"], to: Breaker["state"]) => {
      services.meter.breaker(config.name, from, to)
      this.#probe.consider()
    }
    this.breaker = new Breaker(config.breaker, services.random.next, this.nowMs(), changed)
    this.#slowWatch = new SlowWatch(
      config.breaker.slowMs,
      { timers: services.timers, nowMs: () => this.nowMs() },
      () => this.#correlation.waiting(),
      (flight, nowMs) => this.breaker.waitsLong(flight.plan.permit, nowMs)
    )
    const host = this.#linkHost()
    this.links = config.links.map((_, index) => new Link(index, host))
  }

  // --- for the transaction and the advice lane

  reserve(request: UpstreamRequest): Reservation | FailureCode {
    const link = this.#pick(this.#config.window, undefined)
    if (typeof link === "string") return link
    const permit = this.breaker.permit()
    if (permit === 0) return "breaker-open"
    const number = this.#stans.take()
    const plan = number === 0
      ? "window-full"
      : this.#planner.request(request, formatStan(number), link, permit)
    if (typeof plan === "string") {
      if (number !== 0) this.#stans.free(number)
      this.breaker.ended(permit, "void", this.nowMs())
      return plan
    }
    link.occupy(false)
    return new Flight(plan, this)
  }

  adviceStan(): Stan {
    return this.#adviceStans.take()
  }

  advise(advice: AdviceSend, timeoutMs: number, ended: (ending: Ending) => void): boolean {
    const link = this.#pick(this.#config.window, this.#adviceWindow)
    if (typeof link === "string") return false
    if (!this.#adviceStans.hold(advice.stan)) return false
    const plan = this.#advice(advice, link)
    if (typeof plan === "string") {
      // Nobody will ever hear it in this dialect: the chain goes on until people end it.
      this.#services.timers.after(0, () => ended({ _tag: "invalid", detail: plan }))
      return true
    }
    if (this.#correlation.isWaiting(plan.key)) {
      plan.body.fill(0)
      return false
    }
    link.occupy(true)
    return new Flight(plan, this).dispatch(timeoutMs, ended)
  }

  /** Or in words why it can never be sent: then it must not stand in the way of other chains. */
  #advice(advice: AdviceSend, link: Link): FlightPlan | string {
    const plan = this.#planner.advice(advice, link, this.breaker.observer())
    // A MAC that is still to come may make a frame of it, or none, the next time.
    if (typeof plan === "string" || this.#seal !== undefined) return plan
    const frame = this.#framing.encode(this.#framing.requestHeader(), plan.body)
    if (frame === undefined) plan.body.fill(0)
    else frame.fill(0)
    return frame === undefined ? "no frame can carry it" : plan
  }

  adviceOver(stan: Stan): void {
    this.#adviceStans.free(stan)
  }

  continueAfter(stan: Stan): void {
    this.#stans.continueAfter(parseStan(stan))
  }

  status(): UpstreamStatus {
    return {
      name: this.name,
      kind: this.kind,
      breaker: this.breaker.state,
      links: this.links.map(({ index, state }) => ({
        index,
        state: state === "signing-on" ? "connecting" : state
      })),
      inFlight: this.links.reduce((sum, link) => sum + link.inFlight, 0),
      window: this.#config.window * this.links.length
    }
  }

  force(to: "open" | "closed" | "auto"): void {
    this.breaker.force(to, this.nowMs())
  }

  breakerStatus(): BreakerStatus {
    return this.breaker.status(this.nowMs())
  }

  hold(index: number, held: boolean): boolean {
    const link = this.links[index]
    if (held) link?.drain()
    else link?.resume()
    return link !== undefined
  }

  close(): void {
    for (const link of this.links) link.stop()
  }

  /** The least loaded link with a place, the links taking turns where they are equal. */
  #pick(window: number, adviceWindow: number | undefined): Link | FailureCode {
    const { links } = this
    let best: Link | undefined
    let standing = false
    this.#turn = (this.#turn + 1) % links.length
    for (let step = 0; step < links.length; step++) {
      const link = links[(this.#turn + step) % links.length]!
      if (!link.takesNew) continue
      standing = true
      if (link.inFlight >= window) continue
      if (adviceWindow !== undefined && link.advices >= adviceWindow) continue
      if (best === undefined || link.inFlight < best.inFlight) best = link
    }
    if (best !== undefined && !buggify("link-window-full", 0.01)) return best
    if (standing) return "window-full"
    if (adviceWindow === undefined) this.#missed()
    return "upstream-down"
  }

  /** A customer came and no link stood: that counts, unless nobody has tried or people drained. */
  #missed(): void {
    if (!this.#tried || this.links.every((link) => link.isHeld)) return
    const permit = this.breaker.permit()
    if (permit !== 0) this.breaker.ended(permit, "failed", this.nowMs())
  }

  // --- the tower of its flights

  nowMs(): number {
    return this.#services.time.monotonicMs()
  }

  stalls(): number {
    return this.#services.timers.stalls()
  }

  translate(work: PinWork, done: (block: Uint8Array | FailureCode) => void): void {
    const { security } = this.#services
    invariant(security !== undefined, "who has a zone PIN key has a security module")
    translatePin(security, work, done)
  }

  await(flight: Flight, timeoutMs: number): Timer {
    this.#correlation.add(flight)
    this.#slowWatch.began()
    return this.#services.timers.after(timeoutMs, () => this.#expired(flight))
  }

  write(flight: Flight): boolean {
    const { body } = flight
    if (this.#seal === undefined) return this.#hand(flight, body)
    this.#seal.seal(body, (sealed) => {
      if (!flight.isSent) return
      if (sealed === undefined || !this.#hand(flight, sealed)) flight.failed("unwritten", true)
    })
    return true
  }

  judge({ asked }: FlightPlan, answer: Message): UpstreamAnswer | string {
    return this.#planner.judge(asked, answer)
  }

  outcome(answer: UpstreamAnswer, elapsedMs: number): Outcome {
    return this.#planner.outcome(answer, elapsedMs)
  }

  /** False: the link is gone; what no frame can carry has ended already. */
  #hand(flight: Flight, body: Uint8Array): boolean {
    const { advice, link } = flight.plan
    const frame = this.#framing.encode(this.#framing.requestHeader(), body)
    if (frame === undefined) {
      flight.uncarried()
      return true
    }
    const sequence = link.send(frame)
    if (sequence === 0) {
      frame.fill(0)
      return false
    }
    flight.sequence = sequence
    if (flight.plan.pin !== undefined) {
      body.fill(0)
      flight.forgetPin()
    }
    this.#services.meter.sent(this.name, advice ? "advice" : "request")
    return true
  }

  landed(flight: Flight, landing: Landing): void {
    const { advice, link, permit, stan } = flight.plan
    const { ending, outcome } = landing
    const nowMs = this.nowMs()
    const inDoubt = ending._tag !== "answered" && ending._tag !== "unwritten"
    const waited = this.#correlation.end(flight, inDoubt)
    link.vacate(advice)
    // An advice keeps its STAN through all repeats, until its chain is over.
    if (!advice) this.#stans.free(parseStan(stan))
    this.breaker.ended(permit, outcome, nowMs, flight.slowSinceMs)
    if (!waited) return
    const kind = advice ? "advice" : "request"
    this.#services.meter.ended(this.name, kind, ending._tag, (nowMs - flight.sentMs) / 1000)
  }

  #expired(waiting: Waiting): void {
    const how = waiting.sequence === unqueued ? "unwritten" : "timed-out"
    waiting.failed(how, this.#services.timers.stalled())
  }

  // --- the host of its links

  #linkHost(): LinkHost {
    const { meter } = this.#services
    return {
      ...this.#services,
      config: this.#config,
      framing: this.#framing,
      dialect: this.#planner.dialect,
      echoTimeoutMs: this.#config.breaker.slowMs,
      manage: (link, kind, timeoutMs, ended) => this.#manage(link, kind, timeoutMs, ended),
      answered: (_, answer) => this.#answered(answer),
      malformed: () => meter.stray(this.name, "malformed"),
      unasked: () => meter.stray(this.name, "unmatched"),
      moved: (link, reason) => this.#moved(link, reason),
      lost: (link, written) => this.#lost(link, written),
      mayEject: (link, misses) => this.#mayEject(link, misses)
    }
  }

  #moved(link: Link, reason: EndReason | undefined): void {
    this.#services.meter.link(this.name, link.index, link.state, reason)
    if (link.state === "down") this.#tried = true
    if (link.state !== "up") return
    this.#services.events.up(this.name)
    this.#probe.consider()
  }

  /** What had reached the socket is in doubt; what had not is definite (rule 1). */
  #lost(link: Link, written: number): void {
    for (const waiting of this.#correlation.ofLink(link.index)) {
      if (this.#correlation.find(waiting.key) !== waiting) continue
      waiting.failed(waiting.sequence <= written ? "lost" : "unwritten", false)
    }
  }

  /**
   * A silent link goes when another stands. The last one stays, because traffic may still pass
   * where echoes do not; only when nothing is in flight on it and the silence goes on is it
   * renewed, so that a connection that died unnoticed comes back.
   */
  #mayEject(link: Link, misses: number): boolean {
    if (this.links.some((other) => other !== link && other.takesNew)) return true
    return link.inFlight === 0 && misses >= 2 * this.#config.echoMissesBeforeDown
  }

  #answered(answer: Message): void {
    const isManagement = answer.mti.charAt(1) === "8"
    if (this.#seal === undefined || isManagement) return this.#correlate(answer)
    this.#seal.verify(answer, (right) => {
      if (right) return this.#correlate(answer)
      answer.bytes.fill(0)
      this.#services.meter.stray(this.name, "wrong-mac")
    })
  }

  #correlate(answer: Message): void {
    const key = keyOfAnswer(answer)
    const waiting = key === 0 ? undefined : this.#correlation.find(key)
    // What still waits to be sealed cannot have been answered.
    if (waiting !== undefined && waiting.sequence !== unqueued) waiting.answered(answer)
    else this.#stray(key, answer)
    // What it said has been taken from it, and nothing else of it stays in memory (I6).
    answer.bytes.fill(0)
  }

  /** An answer that nobody waits for changes nothing here (faults U7 to U9). */
  #stray(key: number, answer: Message): void {
    const { events, meter } = this.#services
    const transaction = this.#correlation.takeDoubt(key)
    if (transaction === undefined) {
      const known = key !== 0 && this.#stans.wasGiven(stanOfKey(key))
      meter.stray(this.name, known ? "duplicate" : "unmatched")
      return
    }
    meter.stray(this.name, "late")
    const read = readAnswer(answer)
    if (typeof read !== "string") events.late(transaction, read)
  }

  // --- management messages of our own

  #echo(ended: (how: ManagementEnd) => void): void {
    const link = this.#pick(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
    if (typeof link === "string") return ended("gone")
    // That a link stands is all that can be asked where the dialect has no echo.
    if (this.#planner.dialect.form("echo") === undefined) return ended("accepted")
    this.#manage(link, "echo", this.#config.breaker.slowMs, ended)
  }

  #manage(
    link: Link,
    kind: ManagementKind,
    timeoutMs: number,
    ended: (how: ManagementEnd) => void
  ): void {
    const number = this.#stans.take()
    const message = number === 0 ? undefined : this.#planner.management(kind, formatStan(number))
    const frame = message === undefined
      ? undefined
      : this.#framing.encode(this.#framing.requestHeader(), message.body)
    const sequence = frame === undefined ? 0 : link.send(frame)
    if (message === undefined || sequence === 0) {
      if (number !== 0) this.#stans.free(number)
      return ended("gone")
    }
    const key = correlationKey(message.mti, number)
    const over = (how: ManagementEnd, management: Management) => {
      management.timer?.cancel()
      this.#correlation.end(management, false)
      this.#stans.free(number)
      ended(how)
    }
    const management = new Management(key, link.index, sequence, this.nowMs(), over)
    this.#correlation.add(management)
    management.timer = this.#services.timers.after(timeoutMs, () => this.#expired(management))
    this.#services.meter.sent(this.name, "management")
  }
}
