/**
 * Where a scenario is played: each line is a deed that is done, or an expectation that is waited
 * for in virtual time, and for a bounded one.
 */

import { goodTemper } from "../acquirer.ts"
import type { Acquirer } from "../acquirer.ts"
import { entryKey, type TerminalEntry } from "../book.ts"
import type { Question } from "../terminal-speech.ts"
import type { Terminal } from "../terminal.ts"
import { type Attack, shotsOf } from "./attacks.ts"
import { Chance } from "./chance.ts"
import { logFault } from "./clean-log.ts"
import { calm, End, type Weather } from "./network.ts"
import { counterOf, dukptName, isoName, unionPayName } from "./residents.ts"
import type { Holding, Step, Tongue } from "./scenario-rules.ts"
import type { Line, Scenario } from "./scenario.ts"
import type { World } from "./world.ts"

/** Virtual time that a line may take to come true. */
const patienceMs = 1_800_000
/** What should not happen is looked for a while later. */
const whileMs = 60_000
/** Late is later than the upstream's patience and within the terminal's. */
export const storyTemper = { ...goodTemper, lateMs: 25_000 }
/** A card that both upstreams take, and that routes to the first. */
export const card = "4111111111111111"

const weathers: Readonly<Record<string, Weather>> = {
  "is calm": calm,
  splits: { ...calm, split: 0.8 },
  merges: { ...calm, merge: 0.8, jitterMs: 50 },
  cuts: { ...calm, reset: 1 },
  "is slow": { ...calm, latencyMs: 400 }
}

const nameOf: Readonly<Record<Tongue, (index: number) => string>> = {
  cup: unionPayName,
  iso: isoName,
  dukpt: dukptName
}

type Deed<D extends Step["do"]> = Extract<Step, { readonly do: D }>
type TerminalDeed = Deed<
  "ask" | "terminal" | "keep" | "take-back" | "attack" | "forge" | "clock-wrong"
>
type GroundDeed = Deed<
  "force" | "switch" | "stall" | "disk" | "database" | "contradict" | "network" | "clock" | "pass"
>
type CustomerDeed = Deed<"pays" | "notice">
type Expectation = Deed<
  | "hears"
  | "announced"
  | "has"
  | "day"
  | "called"
  | "answered"
  | "numbered"
  | "breaker"
  | "links"
  | "counts"
  | "exception"
  | "log"
  | "refuses-disk"
>

export class Stage {
  readonly #world: World
  readonly #names: ReadonlyMap<string, string>
  readonly #chance = new Chance(1, "story")
  /** The last question of each terminal. */
  readonly #asked = new Map<string, TerminalEntry>()
  readonly #kept = new Map<string, Question>()
  /** Connections that an acquirer had seen when the story last had a hand in it. */
  readonly #calls = new Map<string, number>()

  constructor({ terminals }: Scenario, world: World) {
    this.#world = world
    const counts: Record<Tongue, number> = { cup: 0, iso: 0, dukpt: 0 }
    this.#names = new Map(
      [...terminals].map(([name, tongue]) => [
        name,
        nameOf[tongue](counts[tongue]++)
      ])
    )
  }

  /** Undefined: done, or come true. */
  play({ number, step }: Line): string | undefined {
    switch (step.do) {
      case "begin":
      case "config":
        return undefined
      case "agree":
        return this.#world.expected.defects > 0 ? "a defect was to happen and did not" : undefined
      case "ask":
      case "terminal":
      case "keep":
      case "take-back":
      case "attack":
      case "forge":
      case "clock-wrong":
        return this.#terminalStep(step)
      case "pays":
      case "notice":
        return this.#customer(step)
      case "hears":
      case "announced":
      case "has":
      case "day":
      case "called":
      case "answered":
      case "numbered":
      case "breaker":
      case "links":
      case "counts":
      case "exception":
      case "log":
      case "refuses-disk":
        return this.#expect(step)
      case "mood":
        for (let time = 0; time < step.times; time++) {
          this.#acquirer(step.who).nextMoods.push(step.mood)
        }
        return undefined
      case "acquirer":
        this.#calls.set(step.who, this.#acquirer(step.who).counts.calls)
        return this.#acquirerDoes(step.who, step.how)
      case "variant":
        return this.#variant(number, step)
      default:
        return this.#groundStep(step)
    }
  }

  // --- waiting

  #wait(done: () => boolean): boolean {
    return this.#world.passUntil(this.#world.events.nowMs + patienceMs, done)
  }

  /** What comes true now or later. */
  #until<A>(wanted: A, seen: () => A): string | undefined {
    return this.#wait(() => seen() === wanted) ? undefined : `it is ${String(seen())}`
  }

  #pass(ms: number): void {
    this.#world.passUntil(this.#world.events.nowMs + ms, () => false)
  }

  #terminal(who: string): Terminal {
    const name = this.#names.get(who)
    return this.#world.terminals.find((terminal) => terminal.name === name)!
  }

  #acquirer(who: string): Acquirer {
    return this.#world.acquirers[who === "acquirer" ? 0 : 1]!
  }

  // --- terminals

  #terminalStep(step: TerminalDeed): string | undefined {
    const terminal = this.#terminal(step.who)
    switch (step.do) {
      case "ask":
        return this.#ask(terminal, step)
      case "terminal":
        return this.#terminalDoes(terminal, step.how)
      case "keep":
        return this.#keep(terminal, step.who)
      case "take-back":
        return this.#takeBack(terminal, step.who)
      case "attack":
        return this.#attack(terminal, step.what)
      case "clock-wrong":
        terminal.clockAheadMs = step.ms
        return undefined
      case "forge": {
        const said = this.#terminal(step.whose).said.at(-1)!
        return terminal.utter(said) ? undefined : "it has no connection"
      }
    }
  }

  #ask(terminal: Terminal, { amount, times, what, who }: Deed<"ask">): string | undefined {
    for (let time = 0; time < times; time++) {
      if (!this.#wait(() => terminal.askFor(what, amount))) return `it is ${terminal.state}`
      const own = [...this.#world.terminalBook.entries.values()].filter((entry) =>
        entry.terminal === terminal.name
      )
      const entry = own.at(-1)!
      this.#asked.set(who, entry)
      if (times > 1 && !this.#wait(() => entry.outcome !== "open")) return "it hears nothing"
    }
    return undefined
  }

  #keep({ question }: Terminal, who: string): string | undefined {
    if (question === undefined) return "it asks nothing"
    this.#kept.set(who, question)
    return undefined
  }

  /** What is asked of its question from now on is asked of that. */
  #takeBack(terminal: Terminal, who: string): string | undefined {
    const kept = this.#kept.get(who)
    if (kept === undefined) return "it has kept nothing"
    if (!this.#wait(() => terminal.askFor(kept))) return `it is ${terminal.state}`
    this.#asked.set(who, kept.entry)
    return undefined
  }

  #terminalDoes(terminal: Terminal, how: Deed<"terminal">["how"]): string | undefined {
    const { expected, house } = this.#world
    const { connection } = terminal
    switch (how) {
      case "stutters":
        terminal.stutter()
        break
      case "takes over":
        terminal.takeOver()
        break
      case "reconnects":
        terminal.reconnect()
        break
      case "loses power":
        terminal.cutPower(20_000)
        break
      case "vanishes":
        if (connection instanceof End) connection.fallSilent()
        terminal.cutPower(300_000)
        break
      case "walks off":
        terminal.walkOff()
        break
      case "half-closes":
        terminal.halfClose()
        break
      case "asks on two connections":
        terminal.askTwice()
        break
      case "stops reading":
        connection?.pause()
        break
      case "meets a defect":
        expected.defects++
        house.failNextFrame("defect")
        break
      case "breaks an invariant":
        // Whoever supervises says so, and then the process ends of it.
        expected.defects += 2
        house.failNextFrame("invariant")
        break
    }
    return undefined
  }

  /** One shot after the other, on a new connection whenever the last one did not survive. */
  #attack(terminal: Terminal, what: Attack): string | undefined {
    for (const shot of shotsOf(what, terminal, this.#chance)) {
      if (!this.#wait(() => terminal.state === "ready")) return `it is ${terminal.state}`
      if ("bytes" in shot) terminal.connection?.write(shot.bytes)
      else terminal.utter(shot.body)
      this.#pass(20)
    }
    return undefined
  }

  // --- customers

  #customer(step: CustomerDeed): string | undefined {
    const { counters: [counter], purse } = this.#world
    if (counter === undefined) return "there is no counter"
    const at = { terminal: counter.name, counter: counterOf(counter.name) }
    if (step.do === "pays") purse.pay({ ...at, amount: step.amount })
    else if (step.how === "forges a notice") purse.forge({ ...at, amount: 100 })
    else purse.replay()
    return undefined
  }

  /** The last payment of this amount, once. */
  #announced({ amount }: Deed<"announced">): string | undefined {
    const { entries } = this.#world.payments
    const told = () => [...entries.values()].findLast((each) => each.amount === amount)?.told
    return this.#until<number | undefined>(1, told)
  }

  // --- acquirers

  #acquirerDoes(who: string, how: Deed<"acquirer">["how"]): string | undefined {
    const acquirer = this.#acquirer(who)
    const { acquirerPorts, network: { blocked } } = this.#world
    const port = acquirerPorts[who === "acquirer" ? 0 : 1]!
    switch (how) {
      case "goes away":
        blocked.add(port)
        acquirer.dropAll()
        break
      case "comes back":
        blocked.delete(port)
        break
      case "drops its connections":
        acquirer.dropAll()
        break
      case "freezes a connection":
        return acquirer.freeze() ? undefined : "it has none"
      case "flaps every 2s":
        acquirer.temper = { ...storyTemper, flapMs: 2_000 }
        acquirer.flap()
        break
      case "asks for an echo":
        acquirer.manage("echo")
        break
      case "signs off":
        acquirer.manage("sign-off")
        break
      case "signs on again":
        acquirer.manage("sign-on")
        break
      case "refuses reversals":
        acquirer.temper = { ...storyTemper, refuseReversal: 1 }
        break
      case "loses acknowledgements":
        acquirer.temper = { ...storyTemper, loseAcknowledgement: 1 }
        break
      case "accepts reversals":
      case "stands still":
        acquirer.temper = storyTemper
        break
    }
    return undefined
  }

  // --- what the switch stands on

  #groundStep(step: GroundDeed): string | undefined {
    const world = this.#world
    const { database } = world.house
    switch (step.do) {
      case "force":
        world.running?.force(step.acquirer, step.to)
        return undefined
      case "switch":
        world.end(step.how, step.awayMs)
        return undefined
      case "stall": {
        const held = world.switchProcess
        if (held !== undefined) held.heldUntilMs = world.events.nowMs + step.ms
        return undefined
      }
      case "disk":
        return this.#disk(step.how)
      case "database":
        if (step.mood === "fails over") database.failOver(0)
        else database.setMood(step.mood)
        return undefined
      case "contradict": {
        const asked = this.#asked.get(step.who)!
        this.#wait(() => world.running?.feedPending() === 0)
        for (const row of database.rows()) {
          if (entryKey(row) === entryKey(asked)) database.contradict(row.id)
        }
        return undefined
      }
      case "network":
        world.network.weather = weathers[step.how]!
        return undefined
      case "clock":
        world.wall.offsetMs += step.ms
        return undefined
      case "pass":
        this.#pass(step.ms)
        return undefined
    }
  }

  #disk(how: Deed<"disk">["how"]): string | undefined {
    const { expected, house: { disk } } = this.#world
    switch (how) {
      case "flips a bit":
        expected.refusals = true
        return disk.flipBit() ? undefined : "there is nothing on it"
      case "not mounted":
        expected.refusals = true
        disk.unmount()
        return undefined
      case "mended":
        expected.refusals = false
        disk.mend()
        return undefined
      default:
        disk.setSlowMs(how === "slow" ? 500 : 0)
        disk.setFailing(how === "failing")
        return undefined
    }
  }

  #variant(number: number, step: Deed<"variant">): string | undefined {
    const { how, quietly, refusal, settings } = step
    const world = this.#world
    const found = how === "reload" ? world.reload(number) : world.house.check(number)
    if (refusal === undefined) return found
    if (found === undefined) return "it is taken"
    const told = settings.find(({ value = "" }) => value !== "" && found.includes(value))
    if (quietly && told !== undefined) return `the refusal repeats what ${told.path} is`
    return found.includes(refusal) ? undefined : `it is refused: ${found}`
  }

  // --- expectations

  #expect(step: Expectation): string | undefined {
    const world = this.#world
    switch (step.do) {
      case "hears":
        return this.#hears(step)
      case "announced":
        return this.#announced(step)
      case "has":
        return this.#has(step)
      case "day": {
        const asked = entryKey(this.#asked.get(step.who)!)
        const day = () =>
          [...world.running?.records() ?? []].find((record) => entryKey(record) === asked)?.day
        return this.#until<string | undefined>(step.day, day)
      }
      case "called": {
        const since = this.#calls.get(step.acquirer) ?? 0
        const calls = this.#acquirer(step.acquirer).counts.calls - since
        return calls <= step.most ? undefined : `it was called ${calls} times`
      }
      case "answered": {
        const { counts } = this.#acquirer(step.acquirer)
        return this.#wait(() => counts.heard >= step.least) ? undefined : `it heard ${counts.heard}`
      }
      case "numbered": {
        const seen = [...world.upstreamBook.entries.values()].some((entry) =>
          entry.upstream === step.acquirer && entry.reference === step.stan
        )
        return seen ? undefined : "it has not"
      }
      case "breaker":
      case "links":
        return this.#stands(step)
      case "counts": {
        const { count, labels, metric } = step
        return this.#until(count, () => world.running?.count(metric, labels) ?? 0)
      }
      case "exception": {
        const { reason } = step
        const there = () => world.house.database.reasons().includes(reason)
        return this.#wait(there) ? undefined : `it has ${world.house.database.reasons().join(", ")}`
      }
      case "log":
        this.#pass(1_000)
        return logFault(world.house.log, step.event)
      case "refuses-disk": {
        const there = () => world.refusals.some((why) => why.includes(step.because))
        return this.#wait(there) ? undefined : world.refusals.at(-1) ?? "it starts"
      }
    }
  }

  #stands(step: Deed<"breaker" | "links">): string | undefined {
    const status = () => this.#world.running?.upstreams().find(({ name }) => name === step.acquirer)
    if (step.do === "breaker") {
      return this.#until<string | undefined>(step.state, () => status()?.breaker)
    }
    const up = () => status()?.links.filter(({ state }) => state === "up").length ?? 0
    return this.#until(step.count, up)
  }

  #hears({ what, who }: Deed<"hears">): string | undefined {
    const entry = this.#asked.get(who)!
    this.#wait(() => entry.outcome !== "open")
    const heard = entry.response ?? (entry.outcome === "none" ? "nothing" : entry.outcome)
    return heard === what ? undefined : `it hears ${heard}`
  }

  #has({ acquirer, what, who }: Deed<"has">): string | undefined {
    const asked = this.#asked.get(who)!
    const held = (): Holding => {
      const entry = [...this.#world.upstreamBook.entries.values()].findLast((each) =>
        each.upstream === acquirer && each.terminal === asked.terminal &&
        each.amount === asked.amount && each.kind === asked.kind
      )
      if (entry === undefined) return "nothing"
      return entry.reversed ? "reversed" : entry.decision
    }
    // What should be there is waited for; what should not be is looked for a while later.
    if (what === "nothing") this.#pass(whileMs)
    else this.#wait(() => held() === what)
    return held() === what ? undefined : `it has ${held()}`
  }
}
