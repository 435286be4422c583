/** Help, wrong usage and exit codes, of the real program. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { verbs } from "../../src/cli/verbs.ts"
import { pointsman, pointsmanProcess, root } from "./process.ts"

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

  it("is the same behind the word help, and the version is the package's", async () => {
    expect(await pointsman(["help", "check"])).toEqual(await pointsman(["check", "--help"]))
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly version: string
    }
    expect(await pointsman(["--version"])).toEqual({ exit: 0, out: `${version}\n`, talk: "" })
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
    ["help chekc", "pointsman: chekc: no such verb. Did you mean check?"],
    ["chekc", "pointsman: chekc: no such verb. Did you mean check?"],
    ["constructor", "pointsman: constructor: no such verb"],
    ["hsm --mood wel=9", "pointsman: --mood wel: expected one of well, slow"],
    ["wallet --mood pay=9,wait=-1", "pointsman: --mood wait=-1: a share is a number from 0 on"],
    ["journal", "pointsman: journal: say what to do (inspect, verify, export)"],
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

describe("a file that cannot be used", () => {
  const cases: ReadonlyArray<readonly [words: ReadonlyArray<string>, line: string]> = [
    [["decode", root], `${root}: cannot be read`],
    [["encode", root], `${root}: cannot be read`],
    [["import", root], `${root}: cannot be read`],
    [["reconcile", root, "2026-01-01", "--upstream", "a"], `${root}: cannot be read`]
  ]
  for (const [words, line] of cases) {
    it(`is one line: ${words[0]}`, async () => {
      const { exit, talk } = await pointsman(words)
      expect([exit, talk.trimEnd().split("\n").at(-1)]).toEqual([3, expect.stringContaining(line)])
    })
  }
})

describe("the process", () => {
  it("ends with the verb's exit code, data and talk apart", async () => {
    const help = await pointsmanProcess(["--help"])
    expect([help.exit, help.talk]).toEqual([0, ""])
    expect(help.out).toContain("pointsman <verb>")
    const wrong = await pointsmanProcess(["chekc"])
    expect([wrong.exit, wrong.out]).toEqual([2, ""])
    expect(wrong.talk).toBe("pointsman: chekc: no such verb. Did you mean check? See --help\n")
    const bad = await pointsmanProcess(["decode", "--dialect", "cup-pos", "-"], "0800")
    expect(bad.exit).toBe(1)
    expect(bad.talk).toMatch(/^message-format: mti at byte 2 of 2: expected/)
  })

  it("goes on when nobody reads what it says", async () => {
    const child = spawn(process.execPath, [join(root, "src", "main.ts"), "chekc"], {
      stdio: ["ignore", "ignore", "pipe"]
    })
    child.stderr.destroy()
    const [exit] = await once(child, "close") as [number]
    expect(exit).toBe(2)
  })

  it("tells a switch that does not run in one line; the environment's fault", async () => {
    const { exit, talk } = await pointsmanProcess(["drain", "--admin", "127.0.0.1:1"])
    expect(exit).toBe(3)
    expect(talk).toBe(
      "pointsman: no switch answers on 127.0.0.1:1: is it running? name it with --admin\n"
    )
  })
})
