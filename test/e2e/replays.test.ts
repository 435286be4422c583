/** Yesterday's recording, and an operator who looks too often, before a running switch. */

import { afterAll, beforeAll, expect, it } from "vitest"
import { Caller } from "./caller.ts"
import { type Counter, openCounter } from "./counter.ts"
import { Host } from "./host.ts"
import { makeSite, type Site } from "./site.ts"
import { ascii } from "./speech.ts"
import { linked, startSwitch, type Switch } from "./switch.ts"

let site: Site
let running: Switch
let counter: Counter
const acquirer = new Host(ascii)

beforeAll(async () => {
  site = await makeSite()
  await acquirer.listen(site.ports.acquirer)
  running = await startSwitch(site, [])
  await linked(running, "acquirer")
  counter = await openCounter(site.ports.ascii, 141)
}, 120_000)

afterAll(async () => {
  await site.end()
  await acquirer.close()
})

it(
  "a recording played again is told what was told, or refused, and goes nowhere (M6)",
  async () => {
    const recorded = counter.sale()
    const first = (await counter.caller.ask(recorded)).message
    expect(first.text("39")).toBe("00")
    const asked = acquirer.requests.length
    const again = new Caller(ascii, site.ports.ascii)
    // Whoever replays has no sign-on of this connection.
    expect((await again.ask(recorded)).message.text("39")).not.toBe("00")
    again.close()
    const replayed = (await counter.caller.ask(recorded)).message
    expect([replayed.text("39"), replayed.text("37")]).toEqual(["00", first.text("37")])
    const turned = counter.sale({ "11": first.text("11")!, "4": "000000099900" })
    expect((await counter.caller.ask(turned)).message.text("39")).not.toBe("00")
    expect(acquirer.requests).toHaveLength(asked)
  },
  60_000
)

it("a hundred looks at metrics and lists a second disturb nobody who sells (O6)", async () => {
  const at = `http://127.0.0.1:${site.ports.admin}`
  const paths = ["/metrics", "/healthz", "/api/sessions", "/api/upstreams", "/readyz"]
  const statuses: Array<number> = []
  const looking = { wanted: true }
  const looker = async (path: string) => {
    for (let turn = 0; turn < 60 && looking.wanted; turn++) {
      const response = await fetch(at + path)
      await response.arrayBuffer()
      statuses.push(response.status)
    }
  }
  const looked = Promise.all(paths.flatMap((path) => [looker(path), looker(path)]))
  const answers: Array<string | undefined> = []
  for (let sold = 0; sold < 60; sold++) answers.push((await counter.sell()).text("39"))
  looking.wanted = false
  await looked
  expect(new Set(answers)).toEqual(new Set(["00"]))
  expect(new Set(statuses)).toEqual(new Set([200]))
  expect(statuses.length).toBeGreaterThan(60)
}, 60_000)
