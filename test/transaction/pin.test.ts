/** A PIN is put under the upstream's key before anything is written, or its message is refused. */

import { describe, expect, it } from "vitest"
import type { Stan } from "../../src/domain/brand.ts"
import { type FailureCode } from "../../src/domain/failures.ts"
import { captured, dialect, read } from "../iso8583/shipped.ts"
import { Stage } from "./stage.ts"

const cup = dialect("cup-pos")

function stage(): Stage {
  const one = new Stage()
  one.upstreams.translating.add("a")
  return one
}

describe("a sale with a PIN", () => {
  it("is neither written nor sent before its PIN is translated", () => {
    const one = stage()
    one.ask()
    expect([one.journal.log, one.records, one.last.written]).toEqual([[], [], false])
    one.upstreams.secured[0]!()
    expect(one.records[0]?.state).toBe("forwarded")
    expect(one.last.written).toBe(false)
    one.journal.sync()
    expect(one.last.written).toBe(true)
  })

  it.each<FailureCode>(["pin-refused", "hsm-unavailable", "key-missing"])(
    "is refused as %s, definitely: no other candidate, no reversal",
    (failure) => {
      const one = stage()
      const asker = one.ask()
      one.upstreams.secured[0]!(failure)
      one.journal.sync()
      expect(asker.verdict?.failure).toBe(failure)
      expect(one.upstreams.flights.map(({ released, written }) => [released, written])).toEqual([
        [true, false]
      ])
      expect(one.records[0]).toMatchObject({ state: "refused", failure })
      expect(one.advices.started).toEqual([])
    }
  )

  it("keeps what its sender used up with its first write, and only then", () => {
    const one = stage()
    const written: Array<number> = []
    one.ask(one.sale({ kept: () => written.push(one.journal.log.length) }))
    expect(written).toEqual([])
    one.upstreams.secured[0]!()
    expect([written, one.journal.log.length]).toEqual([[0], 1])
    one.journal.sync()
    one.last.end({ _tag: "unwritten" })
    one.journal.sync()
    expect([written, one.journal.log.length]).toEqual([[0], 2])
  })

  it("proves its serial number once, when it was translated, or is refused by name", () => {
    const one = stage()
    const asked: Array<string> = []
    const proved = (failure?: FailureCode) => () => {
      asked.push(`after ${one.records.length}`)
      return failure
    }
    one.ask(one.sale({ proved: proved() }))
    one.upstreams.secured[0]!("pin-refused")
    one.ask(one.sale({ proved: proved() }))
    expect(asked).toEqual([])
    one.upstreams.secured[1]!()
    expect(asked).toHaveLength(1)
    one.journal.sync()
    one.upstreams.translating.add("b")
    one.last.end({ _tag: "unwritten" })
    one.upstreams.secured[2]!()
    one.journal.sync()
    expect([one.last.upstream, one.last.written, asked.length]).toEqual(["b", true, 1])
    const refused = one.ask(one.sale({ proved: proved("serial-used") }))
    one.upstreams.secured[3]!()
    one.journal.sync()
    expect(refused.verdict?.failure).toBe("serial-used")
    expect(one.last).toMatchObject({ released: true, written: false })
  })

  it("that its terminal takes back meanwhile never leaves, and nothing is owed", () => {
    const one = stage()
    const submission = one.sale()
    const asker = one.ask(submission)
    const reversal = one.ask(
      one.sale({ kind: "reversal", mti: "0400", stan: submission.stan as Stan })
    )
    one.upstreams.secured[0]!()
    one.journal.sync()
    expect(reversal.delivered).toEqual(["answer 00"])
    expect(asker.verdict?.failure).toBe("upstream-down")
    expect(one.last).toMatchObject({ released: true, written: false })
    expect(one.advices.started).toEqual([])
    const [sale, taking] = ["sale", "reversal"].map((kind) =>
      one.records.find((record) => record.kind === kind)
    )
    expect(taking?.original).toBe(sale?.id)
  })

  it("is joined by its repeat, which asks for no second translation", () => {
    const one = stage()
    const submission = one.sale()
    const first = one.ask(submission)
    const second = one.ask(submission)
    one.upstreams.secured[0]!()
    one.journal.sync()
    one.answer("00")
    one.journal.sync()
    expect([first.delivered, second.delivered]).toEqual([["answer 00"], ["answer 00"]])
    expect(one.upstreams.secured).toHaveLength(1)
  })

  it("keeps its block while another candidate may need it, and no longer", () => {
    const message = read(cup, captured["sample-7"]!)
    const block = message.raw("52")!
    const isThere = () => block.some((byte) => byte !== 0)
    const one = stage()
    one.ask(one.sale({ message }))
    one.upstreams.secured[0]!()
    one.journal.sync()
    expect([one.last.written, isThere()]).toEqual([true, true])
    // Its link was gone before it could be sealed.
    one.last.end({ _tag: "unwritten" })
    one.journal.sync()
    expect([one.last.upstream, one.last.written, isThere()]).toEqual(["b", true, true])
    one.answer("00")
    expect([...block]).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
  })

  it("keeps none of it when it is refused, or nobody knows what came of it", () => {
    for (const end of ["refused", "timed-out", "lost"] as const) {
      const message = read(cup, captured["sample-7"]!)
      const one = stage()
      one.ask(one.sale({ message }))
      one.upstreams.secured[0]!(end === "refused" ? "pin-refused" : undefined)
      one.journal.sync()
      if (end !== "refused") one.last.end({ _tag: end })
      expect([...message.raw("52")!]).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
    }
  })
})
