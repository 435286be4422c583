/** The verbs that read a configuration, on the one that comes along and on bad ones. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { small } from "../config/settings.ts"
import { pointsman, root } from "./process.ts"

const shipped = join(root, "config", "pointsman.yaml")
let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-cli-"))
  writeFileSync(join(folder, "terminals.csv"), "terminal,merchant\nT1,M1\n")
})
afterAll(() => rmSync(folder, { recursive: true }))

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

describe("check", () => {
  it("finds the configuration that comes along good", async () => {
    const { exit, out, talk } = await pointsman(["check", shipped, "--format", "json"])
    expect([exit, talk]).toEqual([0, "the configuration is good\n"])
    expect(JSON.parse(out)).toMatchObject({
      routes: 3,
      upstreams: ["acquirer", "unionpay", "wallet"]
    })
  })

  it("names every fault with file, line and path; exit code 1", async () => {
    const path = file("bad.yaml", `${small.replace("port: 8583", "prot: 1")}jurnal: 1\n`)
    const { exit, out, talk } = await pointsman(["check", path])
    expect([exit, out]).toEqual([1, ""])
    expect(talk.replaceAll(path, "bad.yaml")).toBe(
      "pointsman: bad.yaml:2: listeners[0].prot: unknown key. Did you mean port?\n" +
        "bad.yaml:2: listeners[0].port: missing: expected a whole number from 0 to 65535\n" +
        "bad.yaml:8: jurnal: unknown key. Did you mean journal?\n"
    )
  })

  it("names a route that could never win, with its line", async () => {
    const path = file("routes.yaml", `${small}  - { name: never, to: [acquirer] }\n`)
    const { exit, talk } = await pointsman(["check", "--config", path])
    expect(exit).toBe(1)
    expect(talk).toMatch(/routes\.yaml:8: routes\[1\]: never can never match/)
  })

  it("tells a file that is not there from a bad one; exit code 3", async () => {
    const { exit, talk } = await pointsman(["check", join(folder, "absent.yaml")])
    expect(exit).toBe(3)
    expect(talk).toContain("absent.yaml: no such file; name one with --config")
  })
})

describe("route explain", () => {
  const explain = (...words: Array<string>) =>
    pointsman(["route", "explain", "--config", shipped, ...words])

  it("says which route a card takes, and why not another", async () => {
    const { exit, out } = await explain("622202", "--amount", "100")
    expect(exit).toBe(0)
    expect(out).toContain("→ unionpay-cards (2 digits): matches")
    expect(out).toContain("route unionpay-cards leads to unionpay, then acquirer")
    const code = await explain("134567890123456789", "--channel", "qr-customer")
    expect(code.out).toContain("route codes leads to wallet")
  })

  it("shows shares, and by an id who is first", async () => {
    const text = small
      .replace("routes:", "  - name: second\n    links: [{ port: 9002 }]\nroutes:")
      .replace(
        "[acquirer] }",
        "[{ upstream: acquirer, share: 7 }, { upstream: second, share: 3 }] }"
      )
    const path = file("shares.yaml", text)
    const split = (...words: Array<string>) =>
      pointsman(["route", "explain", "--config", path, ...words])
    const { exit, out } = await split()
    expect([exit, out]).toEqual([
      0,
      "→ all (any card): matches\n" +
      "  first by share: acquirer 7 of 10, second 3 of 10\n" +
      "route all leads to one by its share, then the others of acquirer, second " +
      "(configuration 1)\n"
    ])
    const id = "01B80D12-0C00-7000-8000-0000FFFFFFFF"
    expect((await split("--id", id)).out).toContain("route all leads to second, then acquirer")
    expect(JSON.parse((await split("--format", "json", "--id", id)).out)).toMatchObject({
      decision: { candidates: ["second", "acquirer"] },
      drawn: true,
      shares: [{ upstream: "acquirer", share: 7 }, { upstream: "second", share: 3 }]
    })
    expect((await split("--id", "7")).talk).toContain("--id 7: expected the id of a transaction")
  })

  it("refuses what is no card and no kind", async () => {
    expect((await explain("62x")).exit).toBe(2)
    expect((await explain("62", "--kind", "sail")).talk).toContain("--kind sail: use one of sale")
  })
})

describe("estate", () => {
  it("lists and shows terminals", async () => {
    const shown = await pointsman([
      "estate",
      "show",
      "65465423",
      "--config",
      shipped,
      "--format",
      "json"
    ])
    expect(JSON.parse(shown.out)).toMatchObject({ terminal: "65465423", identity: "mac" })
    const none = await pointsman(["estate", "show", "nobody", "--config", shipped])
    expect([none.exit, none.talk]).toEqual([1, "pointsman: nobody: not registered\n"])
  })

  it("leaves as it came, also a merchant whose number passes for a card's", async () => {
    const config = file("estate.yaml", small)
    file("terminals.csv", "terminal,merchant\nT1,898310148160003\n")
    const { out } = await pointsman(["estate", "export", "--config", config])
    expect(out).toContain("T1,898310148160003,")
  })

  it("checks a file line by line before it takes the old one's place", async () => {
    const config = file("estate.yaml", small)
    const bad = file("new.csv", "terminal,merchant\nT1,M1\nT123456789,M1\n")
    const refused = await pointsman(["estate", "import", bad, "--config", config])
    expect(refused.exit).toBe(1)
    expect(refused.talk).toContain("new.csv:3: terminal: T123456789: expected 1 to 8")
    const good = file("new.csv", "terminal,merchant\nT7,M1\nT8,M1\n")
    const taken = await pointsman(["estate", "import", good, "--config", config])
    expect(taken).toMatchObject({ exit: 0, out: "" })
    expect(taken.talk).toContain("2 terminals in terminals.csv; `pointsman reload` applies them")
    expect(taken.talk).toContain("not in the audit log: PostgreSQL has no tables of ours yet")
    // No server is made for a question.
    const asked = await pointsman(["report", "2026-01-01", "--config", config])
    expect([asked.exit, asked.talk]).toEqual([3, expect.stringContaining("no tables of ours yet")])
    const listed = await pointsman(["estate", "list", "--config", config, "--format", "json"])
    expect(JSON.parse(listed.out)).toMatchObject([{ terminal: "T7" }, { terminal: "T8" }])
  })
})
