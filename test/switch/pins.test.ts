/**
 * PINs and MACs from the terminal to the issuer over a running switch, while working keys change:
 * keys in the switch itself, and keys in a (simulated) security module that it asks.
 */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { RunningSwitch } from "./running.ts"

interface Sum {
  readonly asked: number
  readonly approved: number
  readonly declined: number
  readonly refused: number
  readonly downloads: number
  readonly rightMacs: number
  readonly wrongMacs: number
  readonly pins: number
  readonly left: number
}

const terminals = 20
const questions = 4

describe.each(["software", "hsm"])("with keys in the %s", (place) => {
  const running = new RunningSwitch()

  beforeAll(async () => {
    // Nobody plays the wallet here: its port is the module's.
    const hsm = () =>
      `  test: false\n  hsm: { file: keys.test.json, links: [{ port: ${running.port(9101)} }] }`
    await running.prepare((yaml) => place === "hsm" ? yaml.replace("  test: true", hsm()) : yaml)
    if (place === "hsm") running.start("hsm", "--port", String(running.port(9101)))
    running.start("acquirer", "--upstream", "acquirer")
    running.start("acquirer", "--upstream", "unionpay")
    running.start("start")
    await running.isReady()
  }, 60_000)
  afterAll(() => running.stop(), 60_000)

  it("every PIN reaches the issuer, the wrong ones are told, and no MAC fails", async () => {
    const book = join(running.folder, "terminals.book")
    const words = `terminals --group cup --count ${terminals} --questions ${questions} --rate 40 ` +
      `--mix sale=2,preauth=1,balance=1 --pin --wrong-pin 0.3 --rotate 0.5 --book ${book}`
    const { exit, out } = await running.verb(...words.split(" "))
    const sum = JSON.parse(out.trim().split("\n").at(-1)!) as Sum
    expect([exit, sum.left, sum.refused, sum.wrongMacs]).toEqual([0, 0, 0, 0])
    expect(sum).toMatchObject({ asked: terminals * questions, rightMacs: terminals * questions })
    expect(sum.pins).toBeGreaterThanOrEqual(sum.asked)
    expect(sum.approved + sum.declined).toBe(sum.asked)
    expect(sum.downloads).toBeGreaterThan(terminals)
    const responses = new Set(readFileSync(book, "utf8").match(/"response":"\w+"/g))
    expect([...responses].toSorted()).toEqual(["\"response\":\"00\"", "\"response\":\"55\""])
  }, 120_000)
})
