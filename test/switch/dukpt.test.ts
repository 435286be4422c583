/**
 * DUKPT from the terminal to the issuer over a running switch, in both schemes: each message under
 * keys of its own serial number, PIN blocks of format 0 and of format 4, MACs both ways.
 */

import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parse, stringify } from "yaml"
import { RunningSwitch } from "./running.ts"

interface Shipped {
  listeners: Array<object>
  upstreams: Array<{ readonly name: string; readonly mappings: Record<string, string> }>
  routes: Array<object>
  terminalsFile: string
}

const running = new RunningSwitch()
const count = 10
const questions = 5

beforeAll(async () => {
  await running.prepare((text) => {
    const config = parse(text) as Shipped
    const [first] = config.listeners
    // The ports are those of listeners that nobody needs here.
    const listener = (dialect: string, port: number) => ({
      name: dialect,
      port: running.port(port),
      framing: "length2-tpdu",
      dialect
    })
    config.listeners = [first!, listener("pos-dukpt", 8582), listener("pos-dukpt-aes", 8584)]
    config.upstreams = config.upstreams.filter(({ name }) => name === "acquirer")
    for (const dialect of ["cup-pos", "pos-dukpt", "pos-dukpt-aes"]) {
      config.upstreams[0]!.mappings[dialect] = `${dialect}-to-iso87-ascii`
    }
    config.routes = [{ name: "cards", to: ["acquirer"] }]
    config.terminalsFile = "dukpt.csv"
    return stringify(config)
  })
  const header = "terminal,merchant,baseKey,pinFormat,macRequired\n"
  const lines = ["D", "A"].flatMap((letter) =>
    Array.from({ length: count }, (_, index) => {
      const scheme = letter === "D" ? "bdk-demo-tdes,0" : "bdk-demo-aes,4"
      return `${letter}${String(index + 1).padStart(7, "0")},M1,${scheme},yes`
    })
  )
  writeFileSync(join(running.folder, "config", "dukpt.csv"), `${header}${lines.join("\n")}\n`)
  running.start("acquirer", "--upstream", "acquirer")
  running.start("start")
  await running.isReady()
}, 60_000)
afterAll(() => running.stop(), 60_000)

describe.each([["triple DES", "pos-dukpt", "D"], ["AES", "pos-dukpt-aes", "A"]])(
  "with %s",
  (_, listener, prefix) => {
    it("every PIN reaches the issuer, the wrong ones are told, and no MAC fails", async () => {
      const book = join(running.folder, `${listener}.book`)
      const words = `terminals --listener ${listener} --prefix ${prefix} --count ${count} ` +
        `--questions ${questions} --rate 40 --pin --wrong-pin 0.3 --book ${book}`
      const { exit, out, talk } = await running.verb(...words.split(" "))
      expect([exit, talk]).toEqual([0, expect.any(String)])
      const sum = JSON.parse(out.trim().split("\n").at(-1)!) as Readonly<Record<string, number>>
      expect([sum["left"], sum["refused"], sum["wrongMacs"]]).toEqual([0, 0, 0])
      expect([sum["asked"], sum["rightMacs"]]).toEqual([count * questions, count * questions])
      expect([sum["pins"], sum["downloads"]]).toEqual([count * questions, 0])
      const responses = new Set(readFileSync(book, "utf8").match(/"response":"\w+"/g))
      expect([...responses].toSorted()).toEqual(["\"response\":\"00\"", "\"response\":\"55\""])
    }, 120_000)
  }
)
