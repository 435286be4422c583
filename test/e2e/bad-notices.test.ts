/**
 * Bad input at the doors of wallets and devices, and a wallet that says nothing: forged, replayed,
 * truncated and oversized notices, MessagePack made to hurt, a payment without an answer. Refused
 * by name, nothing booked, and counters that go on.
 */

import { createServer, type Server } from "node:http"
import { connect } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { counterOf, Devices, notice, post, Stream } from "./notices.ts"
import { makeSite, pause, type Site, until } from "./site.ts"
import { startSwitch, type Switch } from "./switch.ts"

let site: Site
let running: Switch
const devices = new Devices()
let payment = 0

beforeAll(async () => {
  site = await makeSite()
  running = await startSwitch(site, ["--stories", "all"])
  await devices.open(site, 2)
  await until("devices", 30_000, () => devices.ready === 2 || undefined)
}, 120_000)

afterAll(async () => {
  await devices.close()
  await site.end()
})

const endings = (what: string) =>
  running.metric(`notifications_total{account="demo-wallet",result="${what}"}`)

const streamsEnded = (reason: string) =>
  running.metric(`notification_streams_closed_total{reason="${reason}"}`)

/** A genuine notice is accepted, and its counter hears of it. */
async function goesOn(): Promise<void> {
  const name = `fine-${++payment}`
  expect(await post(site, notice(name, counterOf(2)))).toBe(204)
  await until(
    `${name} announced`,
    10_000,
    () => devices.heard.get(counterOf(2))!.includes(name) || undefined
  )
}

const genuine = () => notice(`bad-${++payment}`, counterOf(1))

const altered = (change: (text: string) => string) => {
  const signed = genuine()
  return { ...signed, body: Buffer.from(change(Buffer.from(signed.body).toString())) }
}

describe("notices over HTTP", () => {
  it.each([
    [
      "forged: another amount",
      "notification-forged",
      () => altered((text) => text.replace("1200", "1300"))
    ],
    ["truncated", "notification-forged", () => altered((text) => text.slice(0, -20))],
    ["without a signature", "notification-forged", () => ({ ...genuine(), headers: new Map() })],
    [
      "an hour old",
      "notification-stale",
      () => notice(`bad-${++payment}`, counterOf(1), Date.now() - 3_600_000)
    ]
  ])("%s is refused as %s, and told no more than that", async (_, reason, make) => {
    const before = await endings(reason)
    expect(await post(site, make())).toBe(401)
    expect(await endings(reason)).toBe(before + 1)
    await running.logs("notification-refused", { reason })
    await goesOn()
  })

  it("oversized is refused before it is read", async () => {
    const body = Buffer.alloc(1024 * 1024, 0x20)
    expect([413, undefined]).toContain(await post(site, { ...genuine(), body }))
    const refused = `notifications_total{account="unknown",result="notification-oversized"}`
    expect(await running.metric(refused)).toBe(1)
    await goesOn()
  })

  it("replayed is accepted again, booked once and announced once", async () => {
    const signed = notice("replayed", counterOf(2))
    for (let turn = 0; turn < 3; turn++) expect(await post(site, signed)).toBe(204)
    await goesOn()
    const heard = devices.heard.get(counterOf(2))!
    expect(heard.filter((each) => each === "replayed")).toHaveLength(1)
  })
})

describe("MessagePack made to hurt", () => {
  const deep = Buffer.concat([Buffer.alloc(1000, 0x91), Buffer.from([0xc0])])
  /** A map that announces 100,000 keys, and has as many as the frame holds. */
  const wide = Buffer.concat([
    Buffer.from([0xdf, 0x00, 0x01, 0x86, 0xa0]),
    Buffer.from("a16101".repeat(600), "hex")
  ])

  it.each([
    ["nested 1,000 deep", deep],
    ["a map of 100,000 keys", wide],
    ["an extension", Buffer.from([0xc7, 0x01, 0x05, 0x00])],
    ["cut short", Buffer.from([0x82, 0xa1])]
  ])("%s ends a notice stream and a device's connection by name", async (_, bytes) => {
    const ended = await streamsEnded("messages-bad-repeated")
    const stream = new Stream(site.ports.notices)
    stream.frame(bytes)
    await until("the end of the stream", 10_000, () => stream.closed || undefined)
    await until(
      "its reason",
      10_000,
      async () => await streamsEnded("messages-bad-repeated") > ended || undefined
    )
    await running.logs("stream-ended", { reason: "messages-bad-repeated" })
    const before = await running.metric(`message_rejects_total{reason="message-format"}`)
    const device = connect({ port: site.ports.devices, host: "127.0.0.1" })
    device.on("error", () => {})
    const length = Buffer.from([bytes.length >> 8, bytes.length & 255])
    device.write(Buffer.concat([length, bytes]))
    await until(
      "its refusal",
      10_000,
      async () =>
        await running.metric(`message_rejects_total{reason="message-format"}`) > before || undefined
    )
    device.destroy()
    await goesOn()
  })

  it("a frame above the limit ends a stream before it is read", async () => {
    const stream = new Stream(site.ports.notices)
    stream.frame(Buffer.alloc(100_000))
    await until("the end of the stream", 10_000, () => stream.closed || undefined)
    await running.logs("stream-ended", { reason: "frame-too-long" })
    expect(await streamsEnded("frame-too-long")).toBe(1)
    await goesOn()
  })
})

describe("a wallet that says nothing", () => {
  let wallet: Server
  const asked: Array<string> = []

  beforeAll(async () => {
    wallet = createServer((request) => {
      asked.push(request.url ?? "")
      request.resume()
    })
    await new Promise<void>((resolve) => wallet.listen(site.ports.wallet, "127.0.0.1", resolve))
  })

  afterAll(async () => {
    wallet.closeAllConnections()
    await new Promise((resolve) => wallet.close(resolve))
  })

  it("is asked what became of it, the counter is told 68, and the payment is undone", async () => {
    const answer = await new Promise<Readonly<Record<string, unknown>>>((resolve) =>
      devices.device(1).ask(
        { type: "sale", stan: "000001", amount: 500, currency: "156", code: "134567890123456789" },
        resolve
      )
    )
    expect(answer).toMatchObject({ stan: "000001", response: "68" })
    await until("undo", 20_000, () => asked.includes("/undo") || undefined)
    expect(asked.filter((path) => path === "/pay")).toHaveLength(1)
    expect(asked).toContain("/inquire")
    await goesOn()
    const health = await running.health()
    expect(health?.advices["wallet"]).toBe(1)
    await pause(50)
    const [row] = await site.rows<{ state: string }>(
      `SELECT state FROM transactions WHERE terminal = 'Q0000001' AND stan = '000001'`
    )
    expect(row?.state).toBe("reversing")
  }, 60_000)
})
