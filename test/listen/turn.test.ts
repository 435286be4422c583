/** The order of what is left to do of a turn, and that nobody's part is lost. */

import { describe, expect, it } from "vitest"
import { Turn } from "../../src/listen/turn.ts"

/** Turns that the test ends by hand. */
function bench() {
  const asked: Array<() => void> = []
  const said: Array<string> = []
  const turn = new Turn((run) => void asked.push(run))
  return {
    turn,
    said,
    say: (word: string, then: () => void = () => {}) => () => {
      said.push(word)
      then()
    },
    asked: () => asked.length,
    endTurn: () => asked.shift()?.()
  }
}

describe("a turn", () => {
  it("runs what waits for its end after what was deferred, whoever came first", () => {
    const { endTurn, said, say, turn } = bench()
    turn.atEnd(say("end"))
    turn.defer(say("one"))
    turn.defer(say("two"))
    expect(said).toEqual([])
    endTurn()
    expect(said).toEqual(["one", "two", "end"])
  })

  it("ends with what its deferred tasks and its ends ask for, and defers the rest", () => {
    const { asked, endTurn, said, say, turn } = bench()
    turn.defer(say("one", () => {
      turn.defer(say("next turn"))
      turn.atEnd(say("end", () => turn.atEnd(say("very end"))))
    }))
    endTurn()
    expect(said).toEqual(["one", "end", "very end"])
    expect(asked()).toBe(1)
    endTurn()
    expect(said.slice(3)).toEqual(["next turn"])
    expect(asked()).toBe(0)
  })

  it("asks the loop once, however much is left to do", () => {
    const { asked, say, turn } = bench()
    for (let index = 0; index < 100; index++) turn.defer(say("task"))
    turn.atEnd(say("end"))
    expect(asked()).toBe(1)
  })

  it("gives the others their turn when a task throws", () => {
    const { endTurn, said, say, turn } = bench()
    const fail = () => {
      throw new Error("a defect")
    }
    turn.defer(say("one", () => turn.defer(say("of one"))))
    turn.defer(fail)
    turn.defer(say("two"))
    turn.atEnd(say("end", fail))
    turn.atEnd(say("very end"))
    expect(endTurn).toThrow("a defect")
    expect(endTurn).toThrow("a defect")
    endTurn()
    expect(said).toEqual(["one", "two", "of one", "end", "very end"])
  })
})
