/** Help, wrong usage and exit codes, of the real program. */

import { describe, expect, it } from "vitest"
import { verbs } from "../../src/cli/verbs.ts"
import { pointsman } from "./process.ts"

describe("help", () => {
  it("lists every verb with what it does, on standard output", async () => {
    const { exit, out, talk } = await pointsman(["--help"])
    expect(exit).toBe(0)
    expect(talk).toBe("")
    for (const [name, { summary }] of Object.entries(verbs)) {
      expect(out).toMatch(new RegExp(`^ {2}${name} .*${summary.slice(0, 10)}`, "m"))
    }
    expect(out).toContain("Exit code: 0 fine, 1 a check failed, 2 wrong usage, 3 the environment")
  })

  it("of a verb names its flags, and of one with actions its actions", async () => {
    const upstreams = await pointsman(["upstreams", "--help"])
    expect(upstreams.exit).toBe(0)
    expect(upstreams.out).toContain("pointsman upstreams force <upstream> <to>")
    const force = await pointsman(["upstreams", "force", "-h"])
    expect(force.out).toContain("--admin <host:port>")
    expect(force.out).toContain("--format <form>")
  })

  it("can be had for every verb, and says more than the summary", async () => {
    for (const [name, { load, summary }] of Object.entries(verbs)) {
      const { verb } = await load()
      expect(verb.about.length, name).toBeGreaterThan(20)
      expect(verb.about).not.toBe(summary)
      const actions = "actions" in verb ? Object.values(verb.actions) : [verb]
      for (const { about, flags } of actions) {
        expect(about.length, name).toBeGreaterThan(10)
        for (const [flag, { about: words }] of Object.entries(flags)) {
          expect(words.length, `${name} --${flag}`).toBeGreaterThan(5)
        }
      }
    }
  })
})

describe("wrong usage", () => {
  const cases: ReadonlyArray<readonly [words: string, line: string]> = [
    ["", "pointsman <verb> [words] [--flags]"],
    ["chekc", "pointsman: chekc: no such verb. Did you mean check?"],
    ["constructor", "pointsman: constructor: no such verb"],
    ["sessions", "pointsman: sessions: say what to do (list, ended, close)"],
    ["sessions lsit", "pointsman: sessions: lsit: no such action. Did you mean list?"],
    ["drain --admim 127.0.0.1:1", "pointsman: --admim: no such flag. Did you mean --admin?"],
    ["drain --admin", "pointsman: --admin needs a value: admin listener of the switch"],
    ["drain --format xml", "pointsman: --format xml: use one of text, json"],
    ["drain now", "pointsman: now: one word too many"],
    ["drain -x", "pointsman: -x: flags are long"],
    ["drain --admin nowhere", "pointsman: --admin nowhere: expected host:port"],
    ["health --alive=yes", "pointsman: --alive takes no value"],
    ["advices --limit x", "pointsman: --limit x: expected a number"],
    ["upstreams drain acquirer first", "pointsman: first: a link is a number from 0"],
    ["upstreams force acquirer", "pointsman: <to> is missing: open, closed or auto"],
    ["transactions", "pointsman: give one of --id, --rrn"]
  ]
  for (const [words, line] of cases) {
    it(`pointsman ${words}`, async () => {
      const { exit, out, talk } = await pointsman(words.split(" ").filter((word) => word !== ""))
      expect(talk).toContain(line)
      expect(exit).toBe(2)
      expect(out).toBe("")
    })
  }
})

it("a switch that does not run is the environment's fault, in one line", async () => {
  const { exit, talk } = await pointsman(["drain", "--admin", "127.0.0.1:1"])
  expect(exit).toBe(3)
  expect(talk).toBe(
    "pointsman: no switch answers on 127.0.0.1:1: is it running? name it with --admin\n"
  )
})
