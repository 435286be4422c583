/**
 * The seeded world: the whole switch, its terminals, its acquirers, its disk and its database in
 * one process on one virtual clock. First a storm, then calm until nothing is left to do, then the
 * judge. What must hold: one seed gives one trace, to the byte; a world that does not become quiet
 * is a finding, never a hang.
 */

import { Cause, Effect, Exit, Scope } from "effect"
import { chooseRareBranches } from "../../domain/buggify.ts"
import type { Acquirer } from "../acquirer.ts"
import { recordLine } from "../audit-story.ts"
import { audit, type Violation } from "../audit.ts"
import { type BookLine, TerminalBook, type TerminalEntry, UpstreamBook } from "../book.ts"
import { PaymentBook } from "../payment-book.ts"
import { calmHabits } from "../terminal-habits.ts"
import type { Terminal } from "../terminal.ts"
import type { Wallet } from "../wallet.ts"
import { Chance } from "./chance.ts"
import { calmCounter, type Counter } from "./counter.ts"
import type { Eavesdropper } from "./eavesdropper.ts"
import { Incarnation, onWorldTime, type WallClock, WorldEvents, worldTime } from "./events.ts"
import { faultsOf } from "./faults.ts"
import { type Amendment, type RunningSwitch, unamended, type WorldHouse } from "./house.ts"
import { Network, worldTransport } from "./network.ts"
import { PinPads } from "./pin-pads.ts"
import { usualEpochMs, type WorldPlan } from "./plan.ts"
import type { Purse } from "./purse.ts"
import {
  profilesOf,
  residentTimers,
  settleAcquirers,
  settleCounters,
  settleEavesdroppers,
  settleTerminals,
  settleWallet,
  type Tongues
} from "./residents.ts"
import { Torment } from "./torment.ts"
import { Trace } from "./trace.ts"
import { Versions } from "./versions.ts"
import { Web } from "./web.ts"

/** Virtual time that a world may take to become quiet after the storm. */
const quietWithinMs = 4 * 3_600_000
/** After that time of calm every breaker has closed and every link stands. */
const healWithinMs = 300_000
const epilogueQuestions = 3
/** Events of a world: a runaway loop ends here. */
const maxEvents = 200_000_000
/** A world in which so much was found has said enough. */
const maxFound = 100
const lookEveryMs = 500
const shownChains = 5
/** Who watches over the switch waits longer each time that it ends soon after its start. */
const soonMs = 20_000
const leastPauseMs = 500
const mostPauseMs = 16_000

export interface WorldResult {
  readonly seed: number
  readonly hash: string
  readonly violations: ReadonlyArray<Violation>
  readonly transactions: number
  readonly approved: number
  readonly reversed: number
  readonly faults: Readonly<Record<string, number>>
  readonly rare: ReadonlyMap<string, number>
  readonly events: number
  readonly virtualMs: number
}

export class World {
  readonly events = new WorldEvents()
  readonly network: Network
  readonly terminals: ReadonlyArray<Terminal>
  readonly terminalBook: TerminalBook
  readonly upstreamBook: UpstreamBook
  readonly acquirers: ReadonlyArray<Acquirer>
  readonly acquirerPorts: ReadonlyArray<number>
  readonly wallet: Wallet
  readonly payments: PaymentBook
  readonly counters: ReadonlyArray<Counter>
  readonly purse: Purse
  readonly eavesdroppers: ReadonlyArray<Eavesdropper>
  readonly house: WorldHouse
  readonly #plan: WorldPlan
  readonly #trace = new Trace()
  readonly #web: Web
  readonly #tongues: Tongues
  readonly #torment: Torment
  readonly #versions = new Versions()
  readonly #pads: PinPads
  #file = unamended
  readonly wall: WallClock
  /** Defects that are to happen, and whether the switch is to refuse its disk: by a story alone. */
  readonly expected = { defects: 0, refusals: false }
  /** Why the switch did not start when it was to refuse, the newest last. */
  readonly refusals: Array<string> = []
  readonly #self = new Incarnation("world")
  readonly #violations: Array<Violation> = []
  readonly #rare = new Map<string, number>()
  #switch: { readonly incarnation: Incarnation; running: RunningSwitch | undefined } | undefined
  #boots = 0
  #bootedMs = 0
  #pauseMs = leastPauseMs
  #storming = true

  constructor(plan: WorldPlan, house: WorldHouse, tongues: Tongues) {
    this.#plan = plan
    this.wall = { offsetMs: plan.epochMs ?? usualEpochMs }
    this.house = house
    this.#tongues = tongues
    this.acquirerPorts = tongues.acquirers.map(({ port }) => port)
    this.network = new Network(this.events, new Chance(plan.seed, "network"))
    this.network.onArrival = (end, bytes) => {
      this.#trace.text(`${end}@${this.events.nowMs}`)
      this.#trace.bytes(bytes)
    }
    this.#web = new Web(this.network)
    const keep = (line: BookLine) => this.#trace.text(JSON.stringify(line))
    const wrong = (what: string) => this.#found("differs", what)
    this.terminalBook = new TerminalBook(keep)
    this.upstreamBook = new UpstreamBook(keep)
    const timers = residentTimers(this.events)
    this.#pads = new PinPads(plan, house.watch, wrong)
    this.acquirers = settleAcquirers(
      plan,
      tongues,
      this.network,
      timers,
      this.upstreamBook,
      this.#pads,
      wrong
    )
    this.eavesdroppers = settleEavesdroppers(plan, tongues, this.network, timers, wrong)
    this.terminals = settleTerminals(
      plan,
      tongues,
      this.network,
      timers,
      this.terminalBook,
      this.eavesdroppers,
      this.#pads,
      wrong
    )
    this.wallet = settleWallet(plan, tongues, this.#web, timers, this.upstreamBook)
    this.payments = new PaymentBook((line) => this.#trace.text(JSON.stringify(line)))
    const books = { terminals: this.terminalBook, payments: this.payments }
    const { counters, purse } = settleCounters(
      plan,
      tongues,
      this.network,
      this.#web,
      timers,
      books,
      wrong
    )
    this.counters = counters
    this.purse = purse
    this.#torment = new Torment(plan, new Chance(plan.seed, "torment"), {
      events: this.events,
      network: this.network,
      disk: house.disk,
      database: house.database,
      acquirers: this.acquirers,
      upstreamPorts: [...this.acquirerPorts, tongues.wallet.port],
      wallet: this.wallet,
      wall: this.wall,
      terminals: [...this.terminals, ...this.counters].map(({ name }) => name),
      victim: {
        amend: (amendment) => this.#amend(amendment),
        end: (how, awayMs) => this.end(how, awayMs),
        incarnation: () => this.#switch?.incarnation,
        running: () => this.running
      }
    })
  }

  /** Runs to its end. */
  run(): WorldResult {
    try {
      this.start()
      this.#torment.begin()
      this.passUntil(this.#plan.stormMs, () => this.#haveAsked())
      return this.close()
    } finally {
      chooseRareBranches(undefined)
    }
  }

  /** The switch starts, and everybody connects. Whoever calls it sees to `close`. */
  start(): void {
    const rare = new Chance(this.#plan.seed, "rare")
    chooseRareBranches((name, probability) => {
      const visited = this.#storming && rare.happens(probability * this.#plan.rare * 10)
      if (visited) this.#rare.set(name, (this.#rare.get(name) ?? 0) + 1)
      return visited
    })
    const { share } = this.#plan
    if (share > 0) this.#amend({ ...unamended, share })
    this.#boot()
    for (const [index, terminal] of this.terminals.entries()) {
      this.events.after(this.#self, 50 + index * 7, () => terminal.start())
    }
    for (const [index, counter] of this.counters.entries()) {
      this.events.after(this.#self, 60 + index * 7, () => counter.start())
    }
    for (const eavesdropper of this.eavesdroppers) eavesdropper.start()
  }

  /** Nothing breaks any more: everything comes to its end, and the books are compared. */
  close(): WorldResult {
    this.#storming = false
    this.#torment.end()
    for (const eavesdropper of this.eavesdroppers) eavesdropper.rest()
    for (const resident of [...this.terminals, ...this.counters]) resident.stop()
    const quiet = this.passUntil(this.events.nowMs + quietWithinMs, () => this.#isQuiet())
    if (!quiet) this.#found("unfinished", this.#whatIsLeft(), this.#whoIsLeft())
    else {
      this.#epilogue()
      this.#lastWords()
    }
    try {
      this.#judge()
    } catch (error) {
      this.#crashed(error)
    }
    chooseRareBranches(undefined)
    return this.#result()
  }

  get switchProcess(): Incarnation | undefined {
    return this.#switch?.incarnation
  }

  /** Undefined while the switch is away or starts. */
  get running(): RunningSwitch | undefined {
    return this.#switch?.running
  }

  /** Steps until `done`, looked at every so often, or until the time is over. */
  passUntil(untilMs: number, done: () => boolean): boolean {
    let nextLookMs = this.events.nowMs
    while (this.events.happened < maxEvents && this.#violations.length < maxFound) {
      if (this.events.nowMs >= nextLookMs) {
        this.#look()
        if (done()) return true
        nextLookMs = this.events.nowMs + lookEveryMs
      }
      try {
        if (!this.events.step(untilMs)) return done()
      } catch (error) {
        this.#crashed(error)
        this.end("kill", 1_000)
      }
    }
    return false
  }

  /** What heals is seen by using it: in calm, everybody is served again (I7). */
  #epilogue(): void {
    const events = this.events
    this.passUntil(events.nowMs + healWithinMs, () => false)
    const beganMs = (this.#plan.epochMs ?? usualEpochMs) + events.nowMs
    for (const terminal of this.terminals) terminal.more(epilogueQuestions, calmHabits)
    for (const counter of this.counters) counter.more(epilogueQuestions, calmCounter)
    const quiet = this.passUntil(events.nowMs + quietWithinMs, () => this.#isQuiet())
    if (!quiet) this.#found("unfinished", this.#whatIsLeft(), this.#whoIsLeft())
    for (const { breaker, links, name } of this.#switch?.running?.upstreams() ?? []) {
      const down = links.filter(({ state }) => state !== "up").length
      if (breaker === "open" || down > 0) {
        const how = `breaker ${breaker}, ${down} of ${links.length} links not up`
        this.#found("unfinished", `${name} has not healed long after the storm (I7): ${how}`)
      }
    }
    // The first ones may have met what the storm left of their connections.
    const last = new Map<string, TerminalEntry>()
    for (const entry of this.terminalBook.entries.values()) {
      if (entry.startedMs >= beganMs) last.set(entry.terminal, entry)
    }
    for (const { outcome, pin, response, stan, terminal } of last.values()) {
      if (outcome === "approved" || pin === "wrong" && response === "55") continue
      const how = `${outcome} (${response ?? "-"})`
      this.#found("unfinished", `${terminal} ${stan} is ${how} long after the storm (I7)`)
    }
  }

  /** Who listened in says all that it has once more: nothing comes of it. */
  #lastWords(): void {
    if (this.eavesdroppers.length === 0) return
    for (const eavesdropper of this.eavesdroppers) eavesdropper.sayAll()
    const isOver = () => this.#isQuiet() && this.eavesdroppers.every((each) => each.isQuiet)
    const quiet = this.passUntil(this.events.nowMs + quietWithinMs, isOver)
    if (!quiet) this.#found("unfinished", this.#whatIsLeft(), this.#whoIsLeft())
  }

  /** The invariants that are cheap enough to be looked at all the time. */
  #look(): void {
    const beyond = this.#switch?.running?.outOfBounds()
    if (beyond !== undefined) this.#found("differs", beyond)
  }

  #boot(): void {
    const incarnation = new Incarnation(`switch-${++this.#boots}`)
    const boot = { incarnation, running: undefined as RunningSwitch | undefined }
    this.#switch = boot
    this.#bootedMs = this.events.nowMs
    const scope = Scope.makeUnsafe()
    const random = new Chance(this.#plan.seed, incarnation.name)
    const program = this.house.boot({
      time: worldTime(this.events, incarnation, this.wall),
      random: { next: () => random.next(), bytes: (length) => random.bytes(length) },
      transport: worldTransport(this.network, incarnation),
      http: this.#web.of(incarnation),
      terminals: profilesOf(this.#plan, this.#tongues),
      exit: (why) => {
        this.#trace.text(`exit ${why}`)
        if (incarnation.alive) this.end("kill", this.#nextPauseMs())
      },
      defect: (what) => {
        if (this.expected.defects > 0) this.expected.defects--
        else this.#found("differs", `the switch has a defect (I12): ${what}`)
      }
    }).pipe(
      Scope.provide(scope),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) this.#booted(boot.running = exit.value)
          else if (incarnation.alive) {
            const why = Cause.pretty(exit.cause)
            if (this.expected.refusals) this.refusals.push(why)
            else this.#found("unfinished", `the switch does not start: ${why}`)
            this.end("kill", 5_000)
          }
        })
      ),
      onWorldTime(this.events, incarnation, this.wall)
    )
    Effect.runFork(program)
  }

  #booted(running: RunningSwitch): void {
    const inForce = running.inForce()
    this.#versions.note(inForce)
    // It was written while the switch started.
    if (inForce.amendment !== this.#file) this.#reread(running)
  }

  /** The operator writes the file, and has it read if somebody is there to read it. */
  #amend(amendment: Amendment): void {
    this.#file = amendment
    this.house.amend(amendment)
    const { running } = this
    if (running !== undefined) this.#reread(running)
  }

  /** The configuration that a story knows by this number; or why it is refused. */
  reload(variant: number): string | undefined {
    const { running } = this
    if (running === undefined) return "the switch is not running"
    const refusal = running.reload(variant)
    this.#versions.note(running.inForce())
    return refusal
  }

  #reread(running: RunningSwitch): void {
    const refusal = running.reread()
    if (refusal !== undefined) this.#found("differs", `a reload is refused (I10): ${refusal}`)
    this.#versions.note(running.inForce())
  }

  #nextPauseMs(): number {
    const soon = this.events.nowMs - this.#bootedMs < soonMs
    this.#pauseMs = soon ? Math.min(2 * this.#pauseMs, mostPauseMs) : leastPauseMs
    return this.#pauseMs
  }

  /** The switch dies, and comes back from its disk. */
  end(how: "kill" | "power-cut", awayMs: number): void {
    const current = this.#switch
    if (current === undefined) return
    this.#switch = undefined
    for (const eavesdropper of this.eavesdroppers) eavesdropper.ended()
    this.network.died(current.incarnation, how === "kill" ? "cut" : "silent")
    // A kill leaves what was handed to the system; a power cut what had reached the disk by luck.
    const { disk } = this.house
    const unsynced = disk.unsynced()
    const luck = new Chance(this.#plan.seed, `luck-${this.#boots}`)
    disk.powerCut(luck.between(0, unsynced))
    this.#trace.text(`${how}@${this.events.nowMs}`)
    this.events.after(this.#self, awayMs, () => this.#boot())
  }

  #crashed(error: unknown): void {
    const text = error instanceof Error ? error.stack ?? error.message : String(error)
    if (this.expected.defects > 0) this.expected.defects--
    else this.#found("differs", `the switch crashed (I12): ${text}`)
  }

  #isQuiet(): boolean {
    const running = this.#switch?.running
    return running !== undefined && this.#haveAsked() && this.purse.outstanding === 0 &&
      running.pushesPending() === 0 && running.inFlight() === 0 && running.chains().size === 0 &&
      running.feedPending() === 0
  }

  /** Nobody asks any more. */
  #haveAsked(): boolean {
    return this.terminals.every((each) => each.isQuiet) &&
      this.counters.every((each) => each.isQuiet)
  }

  #whatIsLeft(): string {
    const running = this.#switch?.running
    if (running === undefined) return "the switch is not running"
    const restless = this.terminals.filter((each) => !each.isQuiet)
    const [first] = restless
    return `not quiet: ${restless.length} terminals` +
      (first === undefined ? "" : ` (${first.name} is ${first.state})`) +
      `, ${this.counters.filter((each) => !each.isQuiet).length} counters, ` +
      `${this.purse.outstanding} notices, ${running.pushesPending()} pushes, ` +
      `${running.inFlight()} in flight, ${running.chains().size} chains, ` +
      `${running.feedPending()} ledger entries`
  }

  /** Some of the transactions whose chains have not ended. */
  #whoIsLeft(): ReadonlyArray<string> {
    const running = this.#switch?.running
    const left = running?.chains()
    const records = running === undefined ? [] : Array.from(running.records())
    return records.filter(({ id }) => left?.has(id) === true).slice(0, shownChains).map(recordLine)
  }

  #judge(): void {
    const running = this.#switch?.running
    if (running === undefined) return
    const report = audit({
      terminals: this.terminalBook.entries.values(),
      closes: { told: this.terminalBook.closes, rows: this.house.database.closes() },
      upstreams: this.upstreamBook.entries.values(),
      journal: running.records(),
      ledger: this.house.database.rows(),
      chains: running.chains(),
      settled: true,
      exceptions: this.house.database.exceptions(),
      refusedRows: this.house.database.refusedRows(),
      scanned: {
        payments: this.payments.entries.values(),
        raised: this.house.database.raised(),
        unannounced: this.house.database.unannounced()
      }
    })
    this.#violations.push(...report.violations)
    for (const record of this.house.database.rows()) {
      // Whatever they typed, and under whichever of their keys: no terminal makes a bad block.
      if (record.failure !== "pin-refused") continue
      this.#found("differs", `${record.id}: its PIN was refused`, [recordLine(record)])
    }
    this.#pads.search()
    for (const record of running.records()) {
      const fault = this.#versions.faultOf(record)
      if (fault !== undefined) {
        this.#found("differs", `${record.id}: ${fault} (I10)`, [recordLine(record)])
      }
    }
  }

  #found(kind: Violation["kind"], what: string, story: ReadonlyArray<string> = []): void {
    if (this.#violations.length < maxFound) this.#violations.push({ kind, what, story })
  }

  #result(): WorldResult {
    let approved = 0
    for (const entry of this.terminalBook.entries.values()) {
      if (entry.outcome === "approved") approved++
    }
    for (const { told } of this.payments.entries.values()) if (told > 0) approved++
    let reversed = 0
    for (const entry of this.upstreamBook.entries.values()) if (entry.reversed) reversed++
    return {
      seed: this.#plan.seed,
      hash: this.#trace.hash,
      violations: this.#violations,
      transactions: this.terminalBook.entries.size + this.payments.entries.size,
      approved,
      reversed,
      faults: faultsOf(this, this.#torment.counts),
      rare: this.#rare,
      events: this.events.happened,
      virtualMs: Math.round(this.events.nowMs)
    }
  }
}
