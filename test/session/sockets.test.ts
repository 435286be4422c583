/** Sessions over the machine's own loopback sockets: the faults that only a real stack shows. */

import { once } from "node:events"
import type { Socket } from "node:net"
import { afterEach, expect, it } from "vitest"
import { frameOf } from "./caller.ts"
import { sale, signOn } from "./messages.ts"
import { Place, profile } from "./place.ts"
import { SocketTerminal, until } from "./socket-terminal.ts"

const opened: Array<Place> = []
const sockets: Array<Socket> = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const place of opened.splice(0)) await place.close()
})

function terminalOf(port: number): SocketTerminal {
  const terminal = new SocketTerminal(port)
  sockets.push(terminal.socket)
  return terminal
}

async function open(options: ConstructorParameters<typeof Place>[0] = {}) {
  const place = new Place({ machine: true, ...options })
  opened.push(place)
  const port = await place.listen()
  return { place, port }
}

it("answers bytes that come one at a time, and fifty requests in one chunk (N1, N2)", async () => {
  const { port } = await open({
    profiles: [profile("T0000001", { window: 64 })],
    onSubmit: (submitted) => void submitted.answer()
  })
  const terminal = terminalOf(port)
  await once(terminal.socket, "connect")
  for (const byte of frameOf(signOn("T0000001"))) {
    terminal.socket.write(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await terminal.hears(1)).toMatchObject([{ mti: "0810", 39: "00" }])
  const stans = Array.from({ length: 50 }, (_, index) => String(index).padStart(6, "0"))
  terminal.socket.write(Buffer.concat(stans.map((stan) => frameOf(sale("T0000001", stan)))))
  const heard = await terminal.hears(51)
  expect(heard.slice(1).map((each) => each["11"])).toEqual(stans)
})

it("answers after a half-close, and then closes (N3)", async () => {
  const { place, port } = await open()
  const terminal = terminalOf(port)
  terminal.socket.end(Buffer.concat([signOn("T0000001"), sale("T0000001", "000001")].map(frameOf)))
  await until(() => place.submitted.length === 1)
  place.submitted[0]!.answer()
  const ended = once(terminal.socket, "end")
  expect((await terminal.hears(2))[1]).toMatchObject({ 11: "000001", 39: "00" })
  await ended
  expect(place.submitted[0]!.live).toBe(true)
  expect(place.ends()).toEqual(["peer-closed"])
})

it("says that nobody took the answer after a reset (N4)", async () => {
  const { place, port } = await open()
  const terminal = terminalOf(port)
  terminal.socket.write(
    Buffer.concat([signOn("T0000001"), sale("T0000001", "000001")].map(frameOf))
  )
  await until(() => place.submitted.length === 1)
  terminal.socket.resetAndDestroy()
  await until(() => place.ends().length === 1)
  place.submitted[0]!.answer()
  await until(() => place.submitted[0]!.live !== undefined)
  expect(place.submitted[0]!.live).toBe(false)
  expect(place.ends()).toEqual(["peer-reset"])
})

it("cuts a terminal that never reads, and goes on with the others (N7)", async () => {
  const { place, port } = await open({
    profiles: [profile("T0000001"), profile("T0000002")],
    listener: { maxPendingBytes: 1000 },
    settings: { quarantineMs: 200 }
  })
  const slow = terminalOf(port)
  await once(slow.socket, "connect")
  slow.socket.pause()
  slow.socket.write(frameOf(signOn("T0000001")))
  const echoes = Buffer.concat(
    Array.from(
      { length: 200 },
      () => frameOf(signOn("T0000001", { 70: "301", 62: "x".repeat(900) }))
    )
  )
  const flood = () => {
    if (!slow.socket.destroyed) slow.socket.write(echoes)
  }
  const flooding = setInterval(flood, 1)
  try {
    await until(() => place.ends().includes("slow-reader"))
  } finally {
    clearInterval(flooding)
  }
  const well = terminalOf(port)
  well.socket.write(frameOf(signOn("T0000002")))
  expect(await well.hears(1)).toMatchObject([{ 39: "00" }])
})

it("keeps two sessions of one terminal apart (N8, N10)", async () => {
  const { place, port } = await open()
  const older = terminalOf(port)
  older.socket.write(Buffer.concat([signOn("T0000001"), sale("T0000001", "000001")].map(frameOf)))
  await until(() => place.submitted.length === 1)
  const newer = terminalOf(port)
  newer.socket.write(Buffer.concat([signOn("T0000001"), sale("T0000001", "000001")].map(frameOf)))
  await until(() => place.submitted.length === 2)
  const { body } = place.submitted[0]!.answer()
  place.submitted[1]!.repeat(body)
  expect((await newer.hears(2))[1]).toMatchObject({ 11: "000001", 39: "00" })
  expect(place.submitted.map(({ live }) => live)).toEqual([false, true])
  expect(older.heard.length).toBe(1)
  expect(place.ends()).toEqual(["taken-over"])
})

it("reads a length bomb from two bytes, and hears garbage without harm (M1, M3)", async () => {
  const { place, port } = await open()
  const bomb = terminalOf(port)
  bomb.socket.write(Buffer.from([0xff, 0xfe]))
  await until(() => place.ends().length === 1)
  expect(place.ends()).toEqual(["frame-too-long"])
  const noise = terminalOf(port)
  noise.socket.write(Buffer.from([0, 4, 1, 2, 3, 4, 0, 4, 5, 6, 7, 8]))
  noise.socket.write(frameOf(signOn("T0000001")))
  expect(await noise.hears(1)).toMatchObject([{ 39: "00" }])
})
