/** Hot actors: order, fairness, bounds, and what happens to one that throws. */

import { Layer, Logger } from "effect"
import * as fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import {
  fairShare,
  HotActors,
  type HotActorsShape,
  type HotKind
} from "../../src/actor/hot-actor.ts"
import { Timers } from "../../src/actor/timers.ts"
import { invariant } from "../../src/domain/invariant.ts"
import { type Built, built } from "./built.ts"
import { ManualTime } from "./manual-time.ts"

const kind: HotKind = {
  name: "session",
  capacity: 1000,
  restarts: 2,
  withinMs: 1000,
  restartMs: 50
}

let time: ManualTime
let actors: HotActorsShape
let house: Built<HotActors>
let reports: Array<string>

beforeEach(() => {
  time = new ManualTime()
  reports = []
  const logger = Logger.make((entry) => {
    reports.push(JSON.stringify(entry.message))
  })
  house = built(
    HotActors.layer.pipe(
      Layer.provideMerge(Timers.layer),
      Layer.provide([time.layer, Logger.layer([logger])]),
      Layer.provideMerge(Logger.layer([logger]))
    )
  )
  actors = house.get(HotActors)
})

afterEach(() => house.close())

function recorder(heard: Array<string>, name: string) {
  return {
    receive: (message: string) => {
      if (message === "throw") throw new Error("a defect")
      if (message === "break") invariant(false, "broken")
      heard.push(`${name}${message}`)
    },
    ended: (reason: string) => heard.push(`${name} ended ${reason}`)
  }
}

describe("hot actors", () => {
  it("hear nothing in the turn that told them, and everything in order after it", () => {
    const heard: Array<string> = []
    const actor = actors.spawn(kind, "a", () => recorder(heard, "a"))
    for (const message of ["1", "2", "3"]) expect(actor.tell(message)).toBe(true)
    expect(heard).toEqual([])
    time.endTurn()
    expect(heard).toEqual(["a1", "a2", "a3"])
  })

  it("get a fair share each, so that a loud one delays nobody by more than that", () => {
    const heard: Array<string> = []
    const loud = actors.spawn(kind, "loud", () => recorder(heard, "loud"))
    const quiet = actors.spawn(kind, "quiet", () => recorder(heard, "quiet"))
    for (let index = 0; index < 500; index++) loud.tell(String(index))
    quiet.tell("!")
    time.endTurn()
    expect(heard.indexOf("quiet!")).toBe(fairShare)
    time.settle()
    expect(heard.filter((entry) => entry.startsWith("loud"))).toHaveLength(500)
  })

  it("decline what is above their capacity, and count it", () => {
    const actor = actors.spawn({ ...kind, capacity: 2 }, "a", () => recorder([], "a"))
    expect([actor.tell("1"), actor.tell("2"), actor.tell("3")]).toEqual([true, true, false])
    expect(actors.counts().get("session")?.declined).toBe(1)
    time.settle()
    expect(actor.tell("4")).toBe(true)
  })

  it("restart with fresh state after a defect and lose only the message that did it", () => {
    const heard: Array<string> = []
    let incarnation = 0
    const actor = actors.spawn(kind, "a", () => recorder(heard, `a${++incarnation}:`))
    for (const message of ["1", "throw", "2"]) actor.tell(message)
    time.settle()
    expect(heard).toEqual(["a1:1"])
    time.pass(100)
    expect(heard).toEqual(["a1:1", "a2:2"])
    expect(actors.counts().get("session")).toMatchObject({ defects: 1, restarts: 1, alive: 1 })
    const [report = ""] = reports
    expect(JSON.parse(report).slice(0, 2)).toEqual([
      "actor-failed",
      { actor: "a", fate: "restarts" }
    ])
    expect(reports).toHaveLength(1)
  })

  it("end when they fail too often within their window", () => {
    const heard: Array<string> = []
    const actor = actors.spawn(kind, "a", () => recorder(heard, "a"))
    for (let index = 0; index < 3; index++) {
      actor.tell("throw")
      time.pass(100)
    }
    expect(actor.endReason()).toBe("defect")
    expect(actor.tell("1")).toBe(false)
    expect(heard).toEqual(["a ended defect"])
    expect(actors.counts().get("session")).toMatchObject({ alive: 0, ended: { defect: 1 } })
  })

  it("hear one reason for their end and nothing after it, though mail waits", () => {
    const heard: Array<string> = []
    const actor = actors.spawn(kind, "a", () => recorder(heard, "a"))
    actor.tell("1")
    actor.end("taken-over")
    actor.end("idle")
    time.settle()
    expect(heard).toEqual(["a ended taken-over"])
  })

  it("end with the house", async () => {
    const heard: Array<string> = []
    actors.spawn(kind, "a", () => recorder(heard, "a"))
    await house.close()
    expect(heard).toEqual(["a ended draining"])
  })

  it("let a broken invariant out, and nobody else loses a turn by it", () => {
    const heard: Array<string> = []
    actors.spawn({ ...kind, restarts: 0 }, "a", () => recorder(heard, "a")).tell("break")
    actors.spawn(kind, "b", () => recorder(heard, "b")).tell("1")
    expect(() => time.endTurn()).toThrow("broken")
    time.settle()
    expect(heard).toContain("b1")
  })

  it("deliver every accepted message once and in order, whoever tells whom and when", () => {
    const told = fc.array(fc.tuple(fc.nat(4), fc.nat(150), fc.boolean()), { maxLength: 30 })
    fc.assert(
      fc.property(told, (script) => {
        const heard = Array.from({ length: 5 }, () => [] as Array<number>)
        const accepted = Array.from({ length: 5 }, () => [] as Array<number>)
        const cells = heard.map((list, index) =>
          actors.spawn<number>({ ...kind, capacity: 200 }, `p${index}`, () => ({
            receive: (message) => {
              list.push(message)
              // Telling a neighbour from within a drain is told all the same.
              if (message % 7 === 0 && cells[(index + 1) % 5]?.tell(-1) === true) {
                accepted[(index + 1) % 5]?.push(-1)
              }
            }
          }))
        )
        let next = 1
        for (const [index, count, turn] of script) {
          for (let message = 0; message < count; message++, next++) {
            if (cells[index]?.tell(next) === true) accepted[index]?.push(next)
          }
          if (turn) time.endTurn()
        }
        time.settle()
        expect(heard).toEqual(accepted)
        for (const cell of cells) cell.end("operator")
      }),
      { numRuns: 100, seed: 3 }
    )
  })
})
