/**
 * DUKPT from the terminal to the issuer over a running switch, in both schemes: each message under
 * keys of its own serial number, PIN blocks of format 0 and of format 4, MACs both ways.
 */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect } from "effect"
import type { ChildProcess } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parse, stringify } from "yaml"
import { loadKeyStore } from "../../src/config/key-store-file.ts"
import { isFault } from "../../src/security/security-fault.ts"
import { DukptKeys } from "../../src/simulate/dukpt-keys.ts"
import { Caller, RunningSwitch } from "./running.ts"

interface Shipped {
  listeners: Array<object>
  upstreams: Array<{ readonly name: string; readonly mappings: Record<string, string> }>
  routes: Array<object>
  terminalsFile: string
}

const running = new RunningSwitch()
let child: ChildProcess
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
  const header = "terminal,merchant,baseKey,pinFormat,macRequired,identity\n"
  const lines = ["D", "A"].flatMap((letter) =>
    Array.from({ length: count }, (_, index) => {
      const scheme = letter === "D" ? "bdk-demo-tdes,0" : "bdk-demo-aes,4"
      return `${letter}${String(index + 1).padStart(7, "0")},M1,${scheme},yes,sign-on`
    })
  )
  lines.push("R0000001,M1,bdk-demo-tdes,0,yes,mac")
  writeFileSync(join(running.folder, "config", "dukpt.csv"), `${header}${lines.join("\n")}\n`)
  running.start("acquirer", "--upstream", "acquirer")
  child = running.start("start")
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

it("a recording is refused after a kill, until its terminal was given new keys", async () => {
  const { config, dialects } = await running.loaded()
  const dialect = dialects.get("pos-dukpt")!
  const store = await Effect.runPromise(
    loadKeyStore(config.keyStore).pipe(Effect.provide(NodeFileSystem.layer))
  )
  const base = store.unwrap(store.current("bdk-demo-tdes")!)
  if (isFault(base)) throw new Error(base.code)
  const random = { next: () => 0, bytes: (length: number) => new Uint8Array(length) }
  const device = (number: number) =>
    new DukptKeys({ dialect, base, device: number, format: 0, random, lastCount: 500 })
  const sale = (keys: DukptKeys, stan: string): Buffer => {
    const serial = keys.next()
    const card = { 2: "4111111111111111", 3: "000000", 4: "000000000500", 14: "3012", 22: "012" }
    const when = { 11: stan, 12: "120000", 13: "1126", 24: "001", 25: "00" }
    const whose = { 41: "R0000001", 42: "M1".padEnd(15) }
    return keys.seal(dialect.build("0200", { ...serial, ...card, ...when, ...whose }, true))
  }
  const ask = async (body: Buffer): Promise<string | undefined> => {
    const caller = await Caller.to(running, "pos-dukpt")
    const answer = await caller.say(body)
    caller.close()
    return answer.text("39")
  }
  const keys = device(7)
  const recorded = sale(keys, "000001")
  expect(await ask(recorded)).toBe("00")
  expect(await ask(recorded)).toBe("00")
  // More than are known for repeats, so that only its counter tells of the first.
  for (let stan = 2; stan <= 34; stan++) {
    expect(await ask(sale(keys, String(stan).padStart(6, "0")))).toBe("00")
  }
  const gone = new Promise((resolve) => child.once("close", resolve))
  child.kill("SIGKILL")
  await gone
  child = running.start("start")
  await running.isReady()
  await running.hasLedger()
  expect(await ask(recorded)).toBe("94")
  expect(await ask(sale(device(8), "000090"))).toBe("58")
  expect((await running.ask("keys", "serials", "--terminal", "R0000001")).out)
    .toMatch(/R0000001 +bdk-demo-tdes +FFFF 9876 5400 00E0 0000 +534 +false\n/)
  expect((await running.ask("keys", "forget-serial", "R0000001")).exit).toBe(0)
  expect(await ask(recorded)).toBe("94")
  expect(await ask(sale(device(8), "000091"))).toBe("00")
  expect(await ask(sale(keys, "000092"))).toBe("58")
  const metrics = await (await fetch(`http://${running.admin}/metrics`)).text()
  expect(metrics).toMatch(/^pointsman_.*serial-used.* 2$/m)
}, 120_000)
