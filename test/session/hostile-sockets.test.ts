/**
 * Networks that lie, crowds and impostors, over the machine's own loopback sockets. The name of
 * each test ends with the fault of the catalogue that it shows.
 */

import { readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { authorityFile, certificate, serverTls } from "../listen/machine.ts"
import { sale, signOn } from "./messages.ts"
import { Place, profile } from "./place.ts"
import { type SocketOptions, SocketTerminal, until } from "./socket-terminal.ts"

const opened: Array<Place> = []
const sockets: Array<Socket> = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const place of opened.splice(0)) await place.close()
})

async function open(options: ConstructorParameters<typeof Place>[0] = {}) {
  const place = new Place({ machine: true, ...options })
  opened.push(place)
  const port = await place.listen()
  const terminal = (how?: SocketOptions) => {
    const made = new SocketTerminal(port, how)
    sockets.push(made.socket)
    return made
  }
  return { place, port, terminal }
}

const id = (number: number) => `T${String(number).padStart(7, "0")}`

describe("a terminal that is gone without a word", () => {
  const echo = { afterIdleMs: 100, misses: 2 }

  it("while it was idle is asked for an echo, and let go after the misses (N5)", async () => {
    const { place, terminal } = await open({
      settings: { echo },
      profiles: [profile(id(1)), profile(id(2))]
    })
    const [dead, alive] = [terminal().say(signOn(id(1))), terminal().say(signOn(id(2)))]
    let answered = 0
    const answering = setInterval(() => {
      const asked = alive.heard.filter(({ mti }) => mti === "0800")
      for (const each of asked.slice(answered)) alive.say({ ...each, mti: "0810", 39: "00" })
      answered = asked.length
    }, 5)
    await until(() => place.ends().includes("echo-missed"))
    clearInterval(answering)
    expect(place.ends()).toEqual(["echo-missed"])
    expect(dead.heard.filter(({ mti }) => mti === "0800").length).toBe(2)
    expect(answered).toBeGreaterThan(0)
  })

  it("after its answer was handed over: it counts as handed, and the session ends (N6)", async () => {
    const { place, terminal } = await open({
      settings: { echo },
      onSubmit: (submitted) => void submitted.answer()
    })
    const dead = terminal().say(signOn(id(1)), sale(id(1), "000001"))
    expect((await dead.hears(2))[1]).toMatchObject({ 11: "000001", 39: "00" })
    expect(place.submitted[0]!.live).toBe(true)
    await until(() => place.ends().includes("echo-missed"))
  })
})

describe("a crowd", () => {
  it("that comes back at once is let in whole, and sells (N9)", async () => {
    const count = 600
    const { place, terminal } = await open({
      profiles: Array.from({ length: count }, (_, index) => profile(id(index))),
      listener: { maxSessions: count },
      onSubmit: (submitted) => void submitted.answer()
    })
    for (let round = 0; round < 2; round++) {
      const all = Array.from(
        { length: count },
        (_, index) => terminal().say(signOn(id(index)), sale(id(index), "000001"))
      )
      for (const each of all) {
        const heard = await each.hears(2)
        expect(heard.map((answer) => answer["39"])).toEqual(["00", "00"])
      }
      for (const { socket } of all) socket.resetAndDestroy()
      await until(() => place.view.counts().proven === 0)
    }
    expect(new Set(place.ends())).toEqual(new Set(["peer-reset"]))
  })

  it("above the most that a listener takes is refused; who proved nothing makes room (O7)", async () => {
    const { place, terminal } = await open({
      profiles: [profile(id(1)), profile(id(2))],
      listener: { maxSessions: 2 }
    })
    const one = terminal().say(signOn(id(1)))
    await one.hears(1)
    const silent = terminal()
    await until(() => place.view.counts().new === 1)
    const early = terminal()
    await until(() => early.closed)
    expect(place.ends()).toEqual(["too-many-sessions"])
    // Nobody who has just come is sent away for the next one.
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const other = terminal().say(signOn(id(2)))
    expect(await other.hears(1)).toMatchObject([{ 39: "00" }])
    await until(() => silent.closed)
    expect(place.ends()).toEqual(["too-many-sessions", "too-many-sessions"])
    const late = terminal()
    await until(() => late.closed)
    expect([one.closed, other.closed]).toEqual([false, false])
  })

  it("of one merchant is held to its rate, and the others sell (O2)", async () => {
    const { place, terminal } = await open({
      profiles: [
        profile(id(1), { window: 200 }),
        profile(id(2), { merchant: "M2" as never })
      ],
      settings: { perMerchant: { perSecond: 0.001, burst: 10 } },
      onSubmit: (submitted) => void submitted.answer()
    })
    const loud = terminal().say(signOn(id(1)))
    const stans = Array.from({ length: 100 }, (_, index) => String(index).padStart(6, "0"))
    loud.say(...stans.map((stan) => sale(id(1), stan)))
    const quiet = terminal().say(signOn(id(2), { 42: "M2" }), sale(id(2), "900001", { 42: "M2" }))
    expect((await quiet.hears(2))[1]).toMatchObject({ 11: "900001", 39: "00" })
    await loud.hears(101)
    expect(place.submitted.length).toBe(11)
    expect(place.count("refused overloaded")).toBe(90)
  })
})

describe("identity", () => {
  it("is the terminal's own word, not its address: it may change in the middle of a day (N11)", async () => {
    const { place, terminal } = await open({ onSubmit: (submitted) => void submitted.answer() })
    const before = terminal({ localAddress: "127.0.0.3" }).say(signOn(id(1)))
    await before.hears(1)
    const after = terminal({ localAddress: "127.0.0.4" })
      .say(signOn(id(1)), sale(id(1), "000001"))
    expect((await after.hears(2))[1]).toMatchObject({ 39: "00" })
    await until(() => before.closed)
    expect(place.view.ended()).toMatchObject([
      { reason: "taken-over", remote: expect.stringContaining("127.0.0.3:") }
    ])
  })

  it("of another's terminal is refused and audited with the address it came from (M7)", async () => {
    const { place, terminal } = await open()
    const forger = terminal({ localAddress: "127.0.0.66" })
      .say(signOn(id(1), { 42: "M00000000000666" }))
    expect(await forger.hears(1)).toMatchObject([{ 39: "97" }])
    expect(place.audited).toMatchObject([{
      what: "terminal-foreign",
      remote: expect.stringContaining("127.0.0.66:"),
      merchant: "M00000000000666"
    }])
  })

  it("cannot be guessed: neither whose terminal, nor how often (M8)", async () => {
    const { place, terminal } = await open({
      settings: { signOns: { perSecond: 0.001, burst: 3 } }
    })
    const guesser = terminal().say(signOn(id(2)), signOn(id(3)), signOn(id(4)), signOn(id(5)))
    await guesser.hears(5)
    expect(guesser.heard.map((each) => each["39"])).toEqual(["97", "97", "97", "97"])
    expect(place.ends()).toEqual(["identity-refused"])
    expect(place.audited.map(({ what }) => what)).toEqual(Array(4).fill("terminal-unknown"))
    const patient = terminal().say(...Array.from({ length: 5 }, () => signOn(id(1))))
    const heard = await patient.hears(5)
    expect(heard.map((each) => each["39"] === "00")).toEqual([true, true, true, false, false])
  })

  it("by certificate: its name is the terminal, and no other may speak there", async () => {
    const shown = certificate("terminal")
    const { place, terminal } = await open({
      profiles: [
        profile("00000001", { identity: "certificate" }),
        profile(id(2), { identity: "certificate" })
      ],
      listener: { tls: serverTls("required") },
      onSubmit: (submitted) => void submitted.answer()
    })
    const tls = {
      ca: readFileSync(authorityFile),
      key: readFileSync(shown.keyFile),
      cert: readFileSync(shown.certificateFile),
      servername: "localhost"
    }
    const own = terminal({ tls }).say(sale("00000001", "000001"))
    expect(await own.hears(1)).toMatchObject([{ 39: "00" }])
    const forger = terminal({ tls }).say(sale(id(2), "000001"))
    expect(await forger.hears(1)).toMatchObject([{ 39: "97" }])
    expect(place.audited).toMatchObject([{ what: "terminal-foreign", terminal: id(2) }])
    const nobody = terminal({ tls: { ca: tls.ca, servername: "localhost" } })
      .say(sale("00000001", "000002"))
    await until(() => nobody.closed)
    expect(place.ends()).toContain("handshake-failed")
  })

  it("behind a balancer is whom its header names; without one nobody comes in (N12)", async () => {
    const { place, terminal } = await open({ listener: { balancers: ["127.0.0.1"] } })
    const header = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 8583\r\n"
    const named = terminal({ header }).say(signOn(id(1)))
    expect(await named.hears(1)).toMatchObject([{ 39: "00" }])
    expect(place.view.list(10)).toMatchObject([{ remote: "192.0.2.7:56324" }])
    const bare = terminal().say(signOn(id(1)))
    await until(() => bare.closed)
    const stranger = terminal({ header, localAddress: "127.0.0.9" }).say(signOn(id(1)))
    await until(() => stranger.closed)
    expect(place.ends()).toEqual(["address-refused", "address-refused"])
    expect([named.closed, bare.heard, stranger.heard]).toEqual([false, [], []])
  })
})

describe("a trickle", () => {
  it("of a frame, or of a TLS handshake, ends by its deadline (M2)", async () => {
    const deadlines = { frameMs: 300, firstMessageMs: 400 }
    const plain = await open({ listener: deadlines })
    const secure = await open({ listener: { ...deadlines, tls: serverTls("none") } })
    const drip = (port: number, first: Buffer) => {
      const socket = connect(port, "127.0.0.1").on("error", () => {})
      sockets.push(socket)
      socket.write(first)
      const dripping = setInterval(() => {
        if (socket.writable) socket.write(Buffer.from([0x01]))
      }, 20)
      socket.on("close", () => clearInterval(dripping))
      return socket
    }
    const frame = drip(plain.port, Buffer.from([0x02, 0x00]))
    const hello = drip(secure.port, Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]))
    const silent = connect(secure.port, "127.0.0.1").on("error", () => {})
    sockets.push(silent)
    const noise = connect(secure.port, "127.0.0.1").on("error", () => {})
    sockets.push(noise)
    noise.write(Buffer.alloc(300, 0x55))
    for (const socket of [frame, hello, silent, noise]) await until(() => socket.destroyed)
    expect(plain.place.ends()).toEqual(["frame-incomplete"])
    expect(secure.place.ends()).toEqual(Array(3).fill("handshake-failed"))
    const well = plain.terminal().say(signOn(id(1)))
    expect(await well.hears(1)).toMatchObject([{ 39: "00" }])
  })
})
