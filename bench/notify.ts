/**
 * `npm run bench -- notify [--quick] [--marks]`: notices of a wallet, signed beforehand, at 500 a
 * second; each is pushed to one of 2,000 devices that are connected. Half-way the switch is killed
 * and started again. Must hold: a notice that the switch accepted is heard by its device once, and
 * is one row in PostgreSQL; one that it did not accept is sent again, as wallets do.
 */

import { build } from "hdr-histogram-js"
import { Agent, request } from "node:http"
import { genericSignature } from "../src/qr/notification-hmac.ts"
import { forkNode, heard as heardLine, type Running, startNode } from "./load/processes.ts"
import { scrape, sumOf } from "./load/scrape.ts"
import { makeSite, sharedDeviceKey, type Site } from "./load/site.ts"
import type { DevicesTell, Heard, OpenDevices } from "./notify/devices.ts"
import { optionsOf } from "./options.ts"

const { values: options } = optionsOf({
  options: { marks: { type: "boolean" }, quick: { type: "boolean" } }
})
const quick = options.quick === true
const deviceCount = quick ? 200 : 2000
const perSecond = quick ? 100 : 500
const seconds = quick ? 6 : 30
const count = perSecond * seconds
const path = "/notify/bench"
const merchantId = "1900000109"
const secret = "bench-secret-of-32-characters-ok"
const againMs = 500
const endWithinMs = 60_000

const say = (text: string): void => {
  if (options.marks !== true) process.stdout.write(`${text}\n`)
}
let missed = 0
function mark(name: string, measured: number, target: number, met: boolean): void {
  if (!met) missed++
  const verdict = met ? "met" : "missed"
  process.stdout.write(
    `mark notify.${name} measured=${measured.toFixed(1)} target=${target} ${verdict}\n`
  )
}
const nowMs = () => performance.timeOrigin + performance.now()

const terminals = Array.from({ length: deviceCount }, (_, index) => ({
  terminal: `Q${String(index + 1).padStart(7, "0")}`,
  merchant: `M${String(index + 1).padStart(14, "0")}`,
  macKey: "",
  masterKey: ""
}))

interface Notice {
  readonly payment: string
  readonly body: Buffer
  readonly headers: Record<string, string>
  sentMs: number
  acceptedMs: number
}

function signed(index: number): Notice {
  const payment = `pay-${index}`
  const { terminal } = terminals[index % deviceCount]!
  const body = Buffer.from(JSON.stringify({
    id: `notice-${index}`,
    payment,
    counter: `C${terminal}`,
    event: "paid",
    amount: 100 + index % 10_000,
    currency: "156",
    paidMs: Math.round(nowMs()),
    merchantAccount: merchantId
  }))
  const timestamp = String(Math.floor(nowMs() / 1000))
  const nonce = `nonce-${String(index).padStart(10, "0")}`
  return {
    payment,
    body,
    headers: {
      "content-type": "application/json",
      "x-timestamp": timestamp,
      "x-nonce": nonce,
      "x-signature": genericSignature(secret, timestamp, nonce, body).toString("hex")
    },
    sentMs: 0,
    acceptedMs: 0
  }
}

let accepted = 0
let repeats = 0

/** Sends until the switch says that it has it. */
function deliver(notice: Notice, port: number, agent: Agent): void {
  let over = false
  const again = () => {
    if (over) return
    over = true
    repeats++
    setTimeout(() => deliver(notice, port, agent), againMs)
  }
  const sending = request({
    host: "127.0.0.1",
    port,
    path,
    method: "POST",
    agent,
    headers: { ...notice.headers, "content-length": notice.body.length }
  }, (response) => {
    response.resume()
    if (response.statusCode !== 204) return again()
    over = true
    notice.acceptedMs = nowMs()
    accepted++
  })
  sending.on("error", again)
  sending.end(notice.body)
}

const heard = new Map<string, Array<number>>()

function listen(devices: Running): { readonly ready: Promise<void> } {
  return {
    ready: new Promise((resolve) => {
      devices.child.on("message", (message) => {
        const tell = message as DevicesTell // What `devices.ts` sends.
        if ("ready" in tell) resolve()
        else for (const each of tell.heard) note(each)
      })
    })
  }
}

function note({ atMs, payment }: Heard): void {
  const times = heard.get(payment)
  if (times === undefined) heard.set(payment, [atMs])
  else times.push(atMs)
}

async function killedHalfWay(site: Site, running: Running): Promise<Running> {
  running.child.kill("SIGKILL")
  await new Promise((resolve) => running.child.once("close", resolve))
  return site.start()
}

function percentiles(values: ReadonlyArray<number>): string {
  const histogram = build({ numberOfSignificantValueDigits: 3 })
  for (const value of values) histogram.recordValue(Math.max(1, Math.round(value * 1000)))
  return [50, 99, 99.9].map((each) =>
    `p${each} ${(histogram.getValueAtPercentile(each) / 1000).toFixed(2)} ms`
  ).join(", ")
}

async function until(done: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  const endMs = nowMs() + withinMs
  while (nowMs() < endMs && !await done()) await new Promise((resolve) => setTimeout(resolve, 100))
}

// No card is paid here, but a switch without an upstream is not ready.
const responder = startNode("bench/load/responder.ts", ["0"])
const upstreamPort = Number((await heardLine(responder, /^ready (\d+)/m, 20_000))[1])
const site = await makeSite({
  terminals,
  identity: "hello",
  upstreamPort,
  workers: 1,
  secrets: { "bench-secret.txt": secret },
  accounts: [{
    name: "bench",
    scheme: "hmac",
    path,
    merchantId,
    secret: { file: "bench-secret.txt" }
  }]
})
let running = await site.start()
const devices = forkNode("bench/notify/devices.ts")
const { ready } = listen(devices)
const order: OpenDevices = {
  port: site.devicePort,
  terminals: terminals.map(({ terminal }) => terminal),
  keyHex: sharedDeviceKey()
}
devices.child.send(order)
await ready
say(`${deviceCount} devices are connected`)

const notices = Array.from({ length: count }, (_, index) => signed(index))
const agent = new Agent({ keepAlive: true, maxSockets: 64 })
const startMs = nowMs()
let restart: Promise<void> | undefined
let next = 0
let killedMs = Number.POSITIVE_INFINITY
let standsMs = 0
await new Promise<void>((resolve) => {
  const turn = () => {
    while (next < count && (next / perSecond) * 1000 <= nowMs() - startMs) {
      const notice = notices[next++]!
      notice.sentMs = nowMs()
      deliver(notice, site.publicPort, agent)
    }
    if (next >= count / 2 && restart === undefined) {
      killedMs = nowMs()
      const at = next
      restart = killedHalfWay(site, running).then((again) => {
        running = again
        standsMs = nowMs()
        say(`killed at ${at} notices, stands again after ${(standsMs - killedMs).toFixed(0)} ms`)
      })
    }
    if (next < count) setTimeout(turn, 1)
    else resolve()
  }
  turn()
})
await restart
await until(() => accepted === count && heard.size === count, endWithinMs)
await until(
  async () => sumOf(await scrape(site.adminPort), "journal_lag_records") === 0,
  endWithinMs
)

const rows = await site.rows()
const lost = notices.filter(({ acceptedMs, payment }) => acceptedMs > 0 && !heard.has(payment))
const doubled = [...heard.values()].filter((times) => times.length > 1)
const calm = notices.filter(({ acceptedMs, sentMs }) =>
  acceptedMs > 0 && (acceptedMs < killedMs - 1000 || sentMs > standsMs + 3000)
)
const since = (from: (notice: Notice) => number) =>
  percentiles(calm.map((notice) => (heard.get(notice.payment)?.[0] ?? 0) - from(notice)))
say(`${count} notices, ${accepted} accepted, ${repeats} sent again, ${heard.size} heard`)
say(`away from the kill: accepted to pushed ${since(({ acceptedMs }) => acceptedMs)}`)
say(`away from the kill: sent to pushed ${since(({ sentMs }) => sentMs)}`)
mark("accepted", accepted, count, accepted === count)
mark("lost", lost.length, 0, lost.length === 0)
mark("doubled", doubled.length, 0, doubled.length === 0)
mark("rows", rows, count, rows === count)
const spanS = (Math.max(...notices.map(({ sentMs }) => sentMs)) - startMs) / 1000
mark("per-second", count / spanS, perSecond, count / spanS >= 0.98 * perSecond)

await devices.stop()
await running.stop()
await responder.stop()
site.remove()
process.exit(missed > 0 ? 1 : 0)
