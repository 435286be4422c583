/**
 * Notices of payments, over HTTP and down a stream, while the switch is killed half-way and again:
 * what the wallet heard "accepted" for is pushed to its counter and is one row; none is lost, none
 * is booked twice.
 */

import { afterAll, beforeAll, expect, it } from "vitest"
import { counterOf, Devices, notice, post, Stream } from "../e2e/notices.ts"
import { makeSite, pause, type Site, until } from "../e2e/site.ts"
import { startSwitch, type Switch } from "../e2e/switch.ts"

const counters = 10
const total = 400
const killedAfter = [120, 260]

let site: Site
let running: Switch
const devices = new Devices()

beforeAll(async () => {
  site = await makeSite()
  running = await startSwitch(site)
  await devices.open(site, counters)
  await until("devices", 30_000, () => devices.ready === counters || undefined)
}, 120_000)

afterAll(async () => {
  await devices.close()
  await site.end()
})

const paymentOf = (number: number) => `pay-${String(number).padStart(5, "0")}`
const noticeOf = (number: number) => notice(paymentOf(number), counterOf(1 + number % counters))

/** Sends again until it is accepted, like a wallet with little patience. */
async function byHttp(number: number): Promise<void> {
  await until(`${paymentOf(number)} accepted`, 90_000, async () => {
    const status = await post(site, noticeOf(number))
    return status !== undefined && status < 300 || undefined
  })
}

let stream: Stream | undefined

async function byStream(number: number): Promise<void> {
  await until(`${paymentOf(number)} accepted`, 90_000, async () => {
    if (stream === undefined || stream.closed) stream = new Stream(site.ports.notices)
    const mine = stream
    mine.send(number, noticeOf(number))
    for (let turn = 0; turn < 100 && !mine.closed && !mine.ends.has(number); turn++) await pause(20)
    return mine.ends.get(number) === "accepted" || undefined
  })
}

it("loses none of 400 when the switch is killed twice half-way", async () => {
  let accepted = 0
  const waiting = Array.from({ length: total }, (_, number) => number)
  const sender = async (send: (number: number) => Promise<void>) => {
    for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
      await send(number)
      accepted++
    }
  }
  const senders = [byHttp, byStream, byHttp, byStream].map(sender)
  for (const after of killedAfter) {
    await until(`${after} accepted`, 60_000, () => accepted >= after || undefined)
    running.process.kill("SIGKILL")
    await running.process.ended
    running = await startSwitch(site)
  }
  await Promise.all(senders)
  stream?.close()
  await until("every push", 60_000, () => devices.count >= total || undefined)
  for (let counter = 1; counter <= counters; counter++) {
    const expected = Array.from({ length: total }, (_, number) => number)
      .filter((number) => 1 + number % counters === counter)
      .map(paymentOf)
    expect(devices.heard.get(counterOf(counter))!.toSorted()).toEqual(expected)
  }
  await running.comesToRest()
  const [row] = await site.rows<{ payments: number; transactions: number; pushes: number }>(
    `SELECT (SELECT count(DISTINCT payment)::int FROM notifications) AS payments,
            (SELECT count(*)::int FROM transactions) AS transactions,
            (SELECT count(*)::int FROM pushes) AS pushes`
  )
  expect(row).toEqual({ payments: total, transactions: total, pushes: total })
}, 240_000)
