/**
 * The simulated fleet against a running switch in every way that it can speak: over TLS with MACs,
 * PINs and chips, coming and going; behind a concentrator; reading slowly. Then the books.
 */

import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { notice } from "../e2e/notices.ts"
import { Caller, eventually, RunningSwitch } from "./running.ts"

interface Sum {
  readonly asked: number
  readonly approved: number
  readonly refused: number
  readonly rightMacs: number
  readonly wrongMacs: number
  readonly left: number
}

describe("a fleet", () => {
  const running = new RunningSwitch()
  const book = (name: string) => join(running.folder, `${name}.book`)
  let upstreams: ReadonlyArray<ReturnType<RunningSwitch["start"]>> = []

  beforeAll(async () => {
    await running.prepare()
    upstreams = ["acquirer", "unionpay"].map((name) =>
      running.start("acquirer", "--upstream", name, "--book", book(name))
    )
    running.start("start")
    await running.isReady()
  }, 60_000)
  afterAll(() => running.stop(), 60_000)

  const fleet = async (words: string): Promise<Sum> => {
    const { exit, out, talk } = await running.verb(
      "terminals",
      ...words.split(" "),
      "--book",
      book("terminals")
    )
    expect([exit, talk.includes("wrong")]).toEqual([0, false])
    return JSON.parse(out.trim().split("\n").at(-1)!) as Sum
  }

  it("speaks TLS with MACs, PINs and chips, and comes and goes", async () => {
    const sum = await fleet(
      "--count 40 --rate 200 --questions 5 --tls --mac --pin --chip 50% --churn 20% --takeover 5%"
    )
    expect(sum).toMatchObject({ asked: 200, approved: 200, wrongMacs: 0, left: 0 })
  }, 120_000)

  it("stands behind a concentrator, and each of its terminals hears its own answers", async () => {
    const sum = await fleet(
      "--prefix K --count 20 --concentrators 1 --rate 200 --questions 5 --mac"
    )
    expect(sum).toMatchObject({ asked: 100, approved: 100, wrongMacs: 0, left: 0 })
    const { out } = await running.ask("sessions", "ended", "--format", "json", "--limit", "1000")
    const ends = JSON.parse(out) as ReadonlyArray<{ readonly terminal?: string }>
    expect(ends.filter(({ terminal }) => terminal?.startsWith("K"))).toHaveLength(1)
  }, 120_000)

  it("reads slowly, and loses power", async () => {
    const sum = await fleet(
      "--prefix T00003 --count 20 --rate 200 --questions 3 --slow-read 10% --power-cut 10%"
    )
    expect(sum).toMatchObject({ asked: 60, left: 0 })
  }, 120_000)

  it("downloads the parameters of its group, block after block", async () => {
    const caller = await Caller.to(running, "terminals")
    const download = async (held: string | undefined) => {
      const answer = await caller.ask("0800", {
        "11": "000001",
        "41": "T0000001",
        "42": "M00000000000001",
        "60.1": "00",
        "60.2": "000001",
        "60.3": "360",
        "62": held === undefined ? undefined : Buffer.from(held)
      })
      return Buffer.from(answer.raw("62") ?? []).toString()
    }
    expect(await download(undefined)).toBe("212330013060103")
    expect(await download("101")).toBe("322Shop of the demonstration")
    caller.close()
  }, 60_000)

  it("announces what customers paid", async () => {
    const devices = running.start("devices", "--count", "20", "--book", book("devices"))
    const wallet = running.start("wallet", "--notices", "50", "--book", book("wallet"))
    await eventually(async () => {
      const metrics = await (await fetch(`http://${running.admin}/metrics`)).text()
      const told = /push[a-z_]*\{[^}]*acknowledged[^}]*\} (\d+)/.exec(metrics)?.[1]
      return Number(told ?? 0) >= 20
    }, "20 announcements")
    await running.end(wallet)
    await running.end(devices)
  }, 120_000)

  it("and the books of terminals, acquirers, wallet, devices and journal agree", async () => {
    for (const upstream of upstreams) await running.end(upstream)
    const names = ["terminals", "acquirer", "unionpay", "wallet", "devices"].map(book)
    const { exit, out } = await running.verb("audit", ...names)
    expect([exit, out]).toEqual([0, expect.stringContaining("the books agree")])
    expect(Number(/(\d+) payments/.exec(out)?.[1])).toBeGreaterThanOrEqual(20)
    // A counter that announces a payment a second time is seen.
    const lines = readFileSync(book("devices"), "utf8").split("\n")
    const again = lines.find((line) => line.includes(`"event":"told"`))!
    writeFileSync(book("devices"), [...lines, again, ""].join("\n"))
    const forged = await running.verb("audit", ...names)
    expect([forged.exit, forged.out]).toEqual([
      1,
      expect.stringContaining("the counter announced it 2 times")
    ])
  }, 60_000)
})

describe("what waits for a terminal", () => {
  const running = new RunningSwitch()
  const counter = "T0000301"

  beforeAll(async () => {
    await running.prepare()
    const file = join(running.folder, "config", "terminals.csv")
    const text = readFileSync(file, "utf8").replace(
      new RegExp(`^(${counter},.*),,$`, "m"),
      "$1,C0301,"
    )
    writeFileSync(file, text)
    running.start("acquirer", "--upstream", "unionpay")
    running.start("start")
    await running.isReady()
  }, 60_000)
  afterAll(() => running.stop(), 60_000)

  it("rides on its next answer or comes with a poll, and counts once", async () => {
    for (let payment = 0; payment < 3; payment++) {
      const { body, headers } = notice(`push-${payment}`, "C0301")
      const url = `http://127.0.0.1:${running.port(8081)}/notify/demo-wallet`
      const sent = { method: "POST", headers: Object.fromEntries(headers), body: Buffer.from(body) }
      expect((await fetch(url, sent)).status).toBe(204)
    }
    const polling = running.verb(
      ...`terminals --prefix ${counter} --count 1 --questions 2 --rate 20 --poll 0.2`.split(" "),
      "--seconds",
      "8"
    )
    const { exit, out } = await polling
    const sum = JSON.parse(out.trim().split("\n").at(-1)!) as Record<string, number>
    expect([exit, sum["asked"], sum["pushes"]]).toEqual([0, 2, 3])
    const metrics = await (await fetch(`http://${running.admin}/metrics`)).text()
    expect(metrics).toMatch(/push[a-z_]*\{[^}]*acknowledged[^}]*\} 3/)
  }, 60_000)
})
