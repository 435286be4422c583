/**
 * What goes wrong in a world beside the weather: kills, power cuts, outages, partitions, stalls and
 * clocks that jump. Each comes at random intervals while the storm lasts, and is counted by kind.
 */

import type { Acquirer } from "../acquirer.ts"
import { goodTemper } from "../acquirer.ts"
import { goodWallet, type Wallet } from "../wallet.ts"
import type { Chance } from "./chance.ts"
import { Incarnation, type WallClock, type WorldEvents } from "./events.ts"
import {
  type Amendment,
  type DatabaseMood,
  type RunningSwitch,
  unamended,
  type WorldDatabase,
  type WorldDisk
} from "./house.ts"
import { calm, type Network } from "./network.ts"
import type { WorldPlan } from "./plan.ts"

export type FaultKind =
  | "kill"
  | "power-cut"
  | "database"
  | "partition"
  | "wall-step"
  | "stall"
  | "disk-slow"
  | "disk-fails"
  | "disk-full"
  | "fail-over"
  | "sign-off"
  | "drain"
  | "reload"

/** The switch as the torment sees it: something that can be ended and held. */
interface Victim {
  readonly end: (how: "kill" | "power-cut", awayMs: number) => void
  readonly incarnation: () => Incarnation | undefined
  /** Undefined while it is away or starts. */
  readonly running: () => RunningSwitch | undefined
  /** An operator writes this into its configuration, and has it read. */
  readonly amend: (amendment: Amendment) => void
}

interface Tormented {
  readonly events: WorldEvents
  readonly network: Network
  readonly disk: WorldDisk
  readonly database: WorldDatabase
  readonly acquirers: ReadonlyArray<Acquirer>
  /** Of the acquirers, in their order, and of the wallet. */
  readonly upstreamPorts: ReadonlyArray<number>
  readonly wallet: Wallet
  /** Names of everybody who may be blocked. */
  readonly terminals: ReadonlyArray<string>
  readonly wall: WallClock
  readonly victim: Victim
}

const databaseMoods: ReadonlyArray<DatabaseMood> = [
  "away",
  "slow",
  "refuses",
  "loses-acknowledgement"
]

/** No replica is further behind than this. */
export const replicaLagMs = 5_000

export class Torment {
  readonly counts: Record<FaultKind, number> = {
    kill: 0,
    "power-cut": 0,
    database: 0,
    partition: 0,
    "wall-step": 0,
    stall: 0,
    "disk-slow": 0,
    "disk-fails": 0,
    "disk-full": 0,
    "fail-over": 0,
    "sign-off": 0,
    drain: 0,
    reload: 0
  }
  readonly #plan: WorldPlan
  readonly #chance: Chance
  readonly #world: Tormented
  readonly #wallMs: number
  /** The world's own hand; it dies when the storm is over. */
  readonly #hand = new Incarnation("torment")

  constructor(plan: WorldPlan, chance: Chance, world: Tormented) {
    this.#plan = plan
    this.#chance = chance
    this.#world = world
    this.#wallMs = world.wall.offsetMs
  }

  begin(): void {
    const { disk, network } = this.#world
    const plan = this.#plan
    network.weather = plan.weather
    if (plan.diskSlowMs > 0) {
      this.counts["disk-slow"]++
      disk.setSlowMs(plan.diskSlowMs)
    }
    this.#every("kill", plan.killEveryMs, (awayMs) => this.#world.victim.end("kill", awayMs))
    this.#every(
      "power-cut",
      plan.powerCutEveryMs,
      (awayMs) => this.#world.victim.end("power-cut", awayMs)
    )
    this.#every("database", plan.databaseAwayEveryMs, (awayMs) => this.#database(awayMs))
    this.#every("disk-fails", plan.diskFailsEveryMs, (awayMs) => this.#failingDisk(awayMs))
    this.#every("disk-full", plan.diskFullEveryMs, (awayMs) => this.#fullDisk(awayMs))
    this.#every("fail-over", plan.failOverEveryMs, () => this.#failOver())
    this.#every("partition", plan.partitionEveryMs, (awayMs) => this.#partition(awayMs))
    this.#every("sign-off", plan.signOffEveryMs, (awayMs) => this.#signOff(awayMs))
    this.#every("drain", plan.drainEveryMs, (awayMs) => this.#drain(awayMs))
    this.#every("reload", plan.reloadEveryMs, () => this.#reload())
    this.#every("wall-step", plan.wallStepEveryMs, () => {
      this.#world.wall.offsetMs += this.#chance.pick([-3_600_000, 3_600_000, -5_000, 5_000])
    })
    this.#every("stall", plan.stallEveryMs, () => {
      const incarnation = this.#world.victim.incarnation()
      if (incarnation !== undefined) {
        incarnation.heldUntilMs = this.#world.events.nowMs + this.#chance.between(300, 5_000)
      }
    })
  }

  /** The storm is over: everything that was taken away comes back, and nothing breaks any more. */
  end(): void {
    const { acquirers, database, disk, network, victim, wall, wallet } = this.#world
    this.#hand.alive = false
    network.weather = calm
    network.blocked.clear()
    disk.setSlowMs(0)
    disk.setFailing(false)
    disk.setFull(false)
    database.setMood("well")
    // Wallets believe nobody whose clock is wrong: somebody sets it right.
    wall.offsetMs = this.#wallMs
    wallet.temper = goodWallet
    for (const acquirer of acquirers) {
      acquirer.temper = goodTemper
      acquirer.nextMoods.length = 0
      victim.running()?.hold(acquirer.name, false)
    }
    if (this.#plan.reloadEveryMs > 0) victim.amend(unamended)
  }

  #every(kind: FaultKind, meanMs: number, happen: (awayMs: number) => void): void {
    if (meanMs <= 0) return
    const { events } = this.#world
    const again = () => {
      this.counts[kind]++
      happen(this.#chance.pauseMs(this.#plan.awayMs))
      events.after(this.#hand, this.#chance.pauseMs(meanMs), again)
    }
    events.after(this.#hand, this.#chance.pauseMs(meanMs), again)
  }

  #database(awayMs: number): void {
    const { database, events } = this.#world
    database.setMood(this.#chance.pick(databaseMoods))
    events.after(this.#hand, awayMs, () => database.setMood("well"))
  }

  #failOver(): void {
    const { database, events } = this.#world
    database.failOver(events.nowMs - replicaLagMs)
  }

  /** The switch ends itself at the next sync, and again at each start until the disk is well. */
  #failingDisk(awayMs: number): void {
    const { disk, events } = this.#world
    disk.setFailing(true)
    events.after(this.#hand, awayMs, () => disk.setFailing(false))
  }

  /** As above; what is removed makes no room before it is written that it is. */
  #fullDisk(awayMs: number): void {
    const { disk, events } = this.#world
    disk.setFull(true)
    events.after(this.#hand, awayMs, () => disk.setFull(false))
  }

  /** An upstream takes its leave, and may be back before the switch has left it. */
  #signOff(awayMs: number): void {
    const { acquirers, events } = this.#world
    const acquirer = this.#chance.pick(acquirers)
    acquirer.manage("sign-off")
    events.after(this.#hand, awayMs, () => acquirer.manage("sign-on"))
  }

  /** An operator takes an upstream out of service; a restart forgets that. */
  #drain(awayMs: number): void {
    const { acquirers, events, victim } = this.#world
    const { name } = this.#chance.pick(acquirers)
    victim.running()?.hold(name, true)
    events.after(this.#hand, awayMs, () => victim.running()?.hold(name, false))
  }

  /** An operator sends all cards one way, or lets them go by other shares, and blocks terminals. */
  #reload(): void {
    const { acquirers, terminals, victim } = this.#world
    const chance = this.#chance
    const pinned = chance.happens(0.5) ? chance.pick(acquirers).name : undefined
    const blocked = Array.from({ length: chance.between(0, 2) }, () => chance.pick(terminals))
    const share = this.#plan.share > 0 ? chance.between(1, 99) : 0
    victim.amend({ pinned, share, blocked: new Set(blocked) })
  }

  /** One upstream cannot be reached, and what stood to it is cut or goes silent. */
  #partition(awayMs: number): void {
    const { acquirers, events, network, upstreamPorts } = this.#world
    const which = this.#chance.between(0, upstreamPorts.length - 1)
    const port = upstreamPorts[which]!
    network.blocked.add(port)
    acquirers[which]?.dropAll()
    events.after(this.#hand, awayMs, () => network.blocked.delete(port))
  }
}
