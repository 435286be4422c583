/**
 * Plays a scenario: does what a line says, and waits in virtual time for what a line expects. What
 * must hold: the first line that does not come true ends the play, by its number; no line waits
 * for ever.
 */

import { goodTemper } from "../acquirer.ts"
import type { Acquirer } from "../acquirer.ts"
import type { TerminalEntry } from "../book.ts"
import { calmHabits, type Terminal } from "../terminal.ts"
import { calm } from "./network.ts"
import { calmPlan, type WorldPlan } from "./plan.ts"
import { isoName, unionPayName } from "./residents.ts"
import type { Holding, Line, Scenario, Step } from "./scenario.ts"
import type { World, WorldResult } from "./world.ts"

/** Virtual time that a line may take to come true. */
const patienceMs = 1_800_000
/** Late is later than the upstream's patience and within the terminal's. */
const storyTemper = { ...goodTemper, lateMs: 25_000 }
/** A card that both upstreams take, and that routes to the first. */
const card = "4111111111111111"

export interface Played {
  /** Undefined: every line came true. */
  readonly fault: string | undefined
  readonly result: WorldResult
}

/** The world of a scenario: its terminals, and nothing that happens by itself. */
export function planOf(scenario: Scenario): WorldPlan {
  const tongues = [...scenario.terminals.values()]
  return {
    ...calmPlan,
    unionPayTerminals: tongues.filter((tongue) => tongue === "cup").length,
    isoTerminals: tongues.filter((tongue) => tongue === "iso").length,
    questions: 0,
    cards: [card],
    tempers: [storyTemper, storyTemper],
    habits: { ...calmHabits, repeats: 1 }
  }
}

export function play(scenario: Scenario, world: World): Played {
  const stage = new Stage(scenario, world)
  world.start()
  let fault: string | undefined
  for (const line of scenario.lines) {
    const problem = stage.play(line.step)
    if (problem === undefined) continue
    fault = lineFault(line, problem)
    break
  }
  const result = world.close()
  const [violation] = result.violations
  if (fault === undefined && violation !== undefined) {
    fault = lineFault(scenario.lines.at(-1)!, `${violation.kind}: ${violation.what}`)
  }
  return { fault, result }
}

function lineFault({ number, text }: Line, problem: string): string {
  return `line ${number}, "${text}": ${problem}`
}

class Stage {
  readonly #world: World
  readonly #names: ReadonlyMap<string, string>
  /** The last question of each terminal. */
  readonly #asked = new Map<string, TerminalEntry>()

  constructor({ terminals }: Scenario, world: World) {
    this.#world = world
    const counts = { cup: 0, iso: 0 }
    this.#names = new Map(
      [...terminals].map(([name, tongue]) => [
        name,
        tongue === "cup" ? unionPayName(counts.cup++) : isoName(counts.iso++)
      ])
    )
  }

  /** Undefined: done, or come true. */
  play(step: Step): string | undefined {
    const world = this.#world
    switch (step.do) {
      case "ask":
        return this.#ask(step.who, step.what, step.amount)
      case "terminal":
        return this.#terminalDoes(this.#terminal(step.who), step.how)
      case "hears":
        return this.#hears(step.who, step.what)
      case "mood":
        for (let time = 0; time < step.times; time++) {
          this.#acquirer(step.who).nextMoods.push(step.mood)
        }
        return undefined
      case "acquirer":
        return this.#acquirerDoes(step.who, step.how)
      case "has":
        return this.#has(step.acquirer, step.who, step.what)
      case "switch":
        world.end(step.how, step.awayMs)
        return undefined
      case "stall": {
        const held = world.switchProcess
        if (held !== undefined) held.heldUntilMs = world.events.nowMs + step.ms
        return undefined
      }
      case "disk":
        world.house.disk.setSlowMs(step.how === "slow" ? 500 : 0)
        world.house.disk.setFailing(step.how === "failing")
        return undefined
      case "database":
        if (step.mood === "fails over") world.house.database.failOver(0)
        else world.house.database.setMood(step.mood)
        return undefined
      case "network":
        this.#network(step.how)
        return undefined
      case "clock":
        world.wall.offsetMs += step.ms
        return undefined
      case "pass":
        world.passUntil(world.events.nowMs + step.ms, () => false)
        return undefined
      case "agree":
        return undefined
    }
  }

  #wait(done: () => boolean): boolean {
    return this.#world.passUntil(this.#world.events.nowMs + patienceMs, done)
  }

  #terminal(who: string): Terminal {
    const name = this.#names.get(who)
    return this.#world.terminals.find((terminal) => terminal.name === name)!
  }

  #acquirer(who: string): Acquirer {
    return this.#world.acquirers[who === "acquirer" ? 0 : 1]!
  }

  #ask(
    who: string,
    what: Extract<Step, { do: "ask" }>["what"],
    amount: number | undefined
  ): string | undefined {
    const terminal = this.#terminal(who)
    if (!this.#wait(() => terminal.askFor(what, amount))) return `it is ${terminal.state}`
    const own = [...this.#world.terminalBook.entries.values()].filter((entry) =>
      entry.terminal === terminal.name
    )
    this.#asked.set(who, own.at(-1)!)
    return undefined
  }

  #terminalDoes(
    terminal: Terminal,
    how: Extract<Step, { do: "terminal" }>["how"]
  ): string | undefined {
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
      case "half-closes":
        connection?.end()
        break
      case "stops reading":
        connection?.pause()
        break
      case "sends rubbish":
        connection?.write(Buffer.from("000affffffffffffffffffff", "hex"))
        break
    }
    return undefined
  }

  #hears(who: string, what: string): string | undefined {
    const entry = this.#asked.get(who)!
    this.#wait(() => entry.outcome !== "open")
    const heard = entry.response ?? (entry.outcome === "none" ? "nothing" : entry.outcome)
    return heard === what ? undefined : `it hears ${heard}`
  }

  #has(acquirer: string, who: string, wanted: Holding): string | undefined {
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
    if (wanted === "nothing") this.#world.passUntil(this.#world.events.nowMs + 60_000, () => false)
    else this.#wait(() => held() === wanted)
    return held() === wanted ? undefined : `it has ${held()}`
  }

  #acquirerDoes(who: string, how: Extract<Step, { do: "acquirer" }>["how"]): string | undefined {
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
      case "refuses reversals":
        acquirer.temper = { ...storyTemper, refuseReversal: 1 }
        break
      case "loses acknowledgements":
        acquirer.temper = { ...storyTemper, loseAcknowledgement: 1 }
        break
      case "accepts reversals":
        acquirer.temper = storyTemper
        break
    }
    return undefined
  }

  #network(how: "splits" | "merges" | "slow" | "calm"): void {
    const weather = {
      calm,
      splits: { ...calm, split: 0.8 },
      merges: { ...calm, merge: 0.8, jitterMs: 50 },
      slow: { ...calm, latencyMs: 400 }
    }
    this.#world.network.weather = weather[how]
  }
}
