/** The transport against real sockets of loopback. */

import { Effect, Exit, Scope } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { createInterface } from "node:readline"
import { afterEach, describe, expect, it } from "vitest"
import {
  type ConnectOptions,
  Transport,
  type TransportShape
} from "../../src/domain/ports/transport.ts"
import { built } from "../actor/built.ts"
import { type Listening, listening, machineTransport, Recorder } from "./machine.ts"

const open: Array<() => unknown> = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

async function listener(...args: Parameters<typeof listening>): Promise<Listening> {
  const made = await listening(...args)
  open.push(made.close)
  return made
}

async function client(port: number, options: { readonly allowHalfOpen?: boolean } = {}) {
  const socket = connect({ port, host: "127.0.0.1", ...options })
  socket.on("error", () => {})
  open.push(() => socket.destroy())
  await once(socket, "connect")
  return socket
}

describe("a listener", () => {
  it("hands over connections with growing ids and the other side's address", async () => {
    const server = await listener()
    const first = await client(server.port)
    const one = await server.next()
    await client(server.port)
    const two = await server.next()
    expect(one.connection.remote).toBe(`127.0.0.1:${first.localPort}`)
    expect(two.connection.id).toBeGreaterThan(one.connection.id)
    expect(one.connection.peer).toBeUndefined()
  })

  it("carries bytes both ways", async () => {
    const server = await listener()
    const socket = await client(server.port)
    const session = await server.next()
    socket.write("0800")
    await session.until((self) => self.received === "0800")
    session.connection.write(Buffer.from("0810"))
    const [chunk] = await once(socket, "data") as [Buffer]
    expect(chunk.toString()).toBe("0810")
  })

  it("still writes after the other side has ended (N3)", async () => {
    const server = await listener()
    const socket = await client(server.port, { allowHalfOpen: true })
    const session = await server.next()
    socket.end("0200")
    await session.until((self) => self.events.includes("end"))
    expect(session.received).toBe("0200")
    session.connection.write(Buffer.from("0210"))
    session.connection.end()
    const [chunk] = await once(socket, "data") as [Buffer]
    expect(chunk.toString()).toBe("0210")
    await session.closed()
    expect(session.events).toEqual(["data", "end", "closed ended"])
  })

  it("says once how a connection ended", async () => {
    const server = await listener()
    const reset = await client(server.port)
    const byReset = await server.next()
    reset.resetAndDestroy()
    await byReset.closed()
    await client(server.port)
    const byUs = await server.next()
    byUs.connection.destroy()
    byUs.connection.destroy()
    await byUs.closed()
    expect([byReset.events, byUs.events]).toEqual([["closed reset"], ["closed ended"]])
    expect(byUs.connection.write(Buffer.from("late"))).toBe(false)
  })

  it("resets whom it does not want", async () => {
    const server = await listener({}, () => false)
    const socket = connect({ port: server.port, host: "127.0.0.1" })
    const [error] = await once(socket, "error") as [NodeJS.ErrnoException]
    expect(error.code).toBe("ECONNRESET")
    expect(server.accepted).toEqual([])
  })

  it("counts what a peer does not take, and says when it drained", async () => {
    const server = await listener()
    const socket = await client(server.port)
    const session = await server.next()
    const block = Buffer.alloc(1 << 20)
    let taken = true
    for (let sent = 0; taken && sent < 64; sent++) taken = session.connection.write(block)
    expect(taken).toBe(false)
    expect(session.connection.pendingBytes()).toBeGreaterThan(0)
    socket.resume()
    await session.until((self) => self.drains === 1)
    expect(session.connection.pendingBytes()).toBe(0)
  })

  it("reads nothing while it is paused", async () => {
    const server = await listener()
    const socket = await client(server.port)
    const session = await server.next()
    session.connection.pause()
    let flushed = 0
    const block = Buffer.alloc(1 << 20, "x")
    for (let sent = 0; sent < 32; sent++) socket.write(block, () => flushed++)
    // Everything that the system can hold for a reader who is not there is held by now.
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    expect([session.received, flushed < 32]).toEqual(["", true])
    session.connection.resume()
    await session.until((self) => self.received.length === 32 << 20)
  })

  it("names the port that is taken", async () => {
    const server = await listener()
    const machine = built(machineTransport)
    open.push(machine.close)
    const options = { name: "second", host: "127.0.0.1", port: server.port, backlog: 1 }
    const again = machine.get(Transport).listen(options, () => undefined)
    const failure = await Effect.runPromise(Effect.flip(Effect.scoped(again)))
    expect(failure).toMatchObject({ listener: "second", port: server.port, code: "EADDRINUSE" })
  })

  it("stops accepting with its scope, and leaves what is open", async () => {
    const server = await listener()
    const scope = Effect.runSync(Scope.make())
    const sessions: Array<Recorder> = []
    const options = { name: "brief", host: "127.0.0.1", port: 0, backlog: 1 }
    const listen = server.transport.listen(options, (connection) => {
      sessions.push(new Recorder(connection))
      return sessions[0]
    })
    const { port } = await Effect.runPromise(Scope.provide(listen, scope))
    const socket = await client(port)
    socket.write("a")
    while (sessions.length === 0) await new Promise(setImmediate)
    await sessions[0]?.until((self) => self.received === "a")
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await expect(client(port)).rejects.toMatchObject({ code: "ECONNREFUSED" })
    socket.write("b")
    await sessions[0]?.until((self) => self.received === "ab")
    sessions[0]?.connection.destroy()
  })
})

describe("a connect", () => {
  /** The code of a connect that must not stand. */
  function failing(
    transport: TransportShape,
    options: Omit<ConnectOptions, "host" | "timeoutMs"> & { readonly timeoutMs?: number }
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const where = { host: "127.0.0.1", timeoutMs: 5000, ...options }
      transport.connect(where, (connection) => {
        reject(new Error(`connected to ${connection.remote}`))
        return new Recorder(connection)
      }, resolve)
    })
  }

  async function peer(serve: (socket: Socket) => void): Promise<number> {
    const server = createServer((socket) => serve(socket.on("error", () => {})))
    server.listen(0, "127.0.0.1")
    open.push(() => server.close())
    await once(server, "listening")
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  }

  it("stands before anything is written, from the address that was asked for", async () => {
    let from: string | undefined
    const port = await peer((socket) => {
      from = socket.remoteAddress
      socket.on("data", (chunk) => socket.end(chunk))
    })
    const { transport } = await listener()
    const link = await new Promise<Recorder>((resolve, reject) => {
      const options = { host: "127.0.0.1", port, localAddress: "127.0.0.2", timeoutMs: 5000 }
      transport.connect(options, (connection) => {
        const recorder = new Recorder(connection)
        connection.write(Buffer.from("echo"))
        resolve(recorder)
        return recorder
      }, reject)
    })
    await link.until((self) => self.events.includes("end"))
    link.connection.end()
    await link.closed()
    expect([from, link.received, link.connection.remote]).toEqual([
      "127.0.0.2",
      "echo",
      `127.0.0.1:${port}`
    ])
    expect(link.events).toEqual(["data", "end", "closed ended"])
  })

  it("says why it failed, once and never at once", async () => {
    const { transport } = await listener()
    const port = await peer(() => {})
    await open.pop()?.()
    const code = await new Promise<string>((resolve) => {
      let returned = false
      transport.connect({ host: "127.0.0.1", port, timeoutMs: 5000 }, () => {
        throw new Error("nobody listens there")
      }, (why) => {
        expect(returned).toBe(true)
        resolve(why)
      })
      returned = true
    })
    expect(code).toBe("ECONNREFUSED")
  })

  it("fails with the code of a certificate file that is not there", async () => {
    const { transport } = await listener()
    const code = await failing(transport, { port: 1, tls: { authorityFile: "nowhere.pem" } })
    expect(code).toBe("ENOENT")
  })

  it("gives up in time on a peer that never shakes hands", async () => {
    const port = await peer((socket) => socket.resume())
    const { transport } = await listener()
    const code = await failing(transport, { port, timeoutMs: 50, tls: {} })
    expect(code).toBe("ETIMEDOUT")
  })

  it("is silent after its caller gave up", async () => {
    const port = await peer((socket) => socket.resume())
    const { transport } = await listener()
    const heard: Array<string> = []
    const giveUp = transport.connect({ host: "127.0.0.1", port, timeoutMs: 50 }, (connection) => {
      heard.push("connected")
      return new Recorder(connection)
    }, (code) => heard.push(code))
    giveUp()
    giveUp()
    await failing(transport, { port, timeoutMs: 100, tls: {} })
    expect(heard).toEqual([])
  })
})

describe("a connection that is left", () => {
  async function left(bytes: number, serve: (socket: Socket) => void): Promise<number | null> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      open.push(() => socket.destroy())
      serve(socket.on("error", () => {}))
    })
    server.listen(0, "127.0.0.1")
    open.push(() => server.close())
    await once(server, "listening")
    const { port } = server.address() as AddressInfo
    const script = new URL("leaver.ts", import.meta.url).pathname
    const child = spawn(process.execPath, [script, String(port), String(bytes)], {
      stdio: ["ignore", "inherit", "inherit"]
    })
    open.push(() => child.kill("SIGKILL"))
    const [code] = await once(child, "exit") as [number | null]
    return code
  }

  it("lets the process end although the other side stays open, and loses nothing", async () => {
    let received = 0
    let heardAll = () => {}
    const all = new Promise<void>((resolve) => heardAll = resolve)
    const code = await left(300_000, (socket) => {
      socket.on("data", (chunk) => received += chunk.length).on("end", heardAll)
    })
    await all
    expect(code).toBe(0)
    expect(received).toBe(300_000)
  })

  it("lets the process end although the other side reads nothing", async () => {
    expect(await left(50_000_000, (socket) => socket.pause())).toBe(0)
  })
})

describe("without file descriptors (P12)", () => {
  it("goes on with those it has, and accepts again when some are free", async () => {
    const script = new URL("few-descriptors.ts", import.meta.url).pathname
    const child = spawn("sh", ["-c", `ulimit -n 80; exec "$0" "$1"`, process.execPath, script], {
      stdio: ["pipe", "pipe", "inherit"]
    })
    open.push(() => child.kill("SIGKILL"))
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const port = Number((await lines.next()).value)
    const sockets = await Promise.all(Array.from({ length: 90 }, () => client(port)))
    const echo = (socket: Socket): Promise<boolean> =>
      new Promise((resolve) => {
        socket.once("data", () => resolve(true)).once("close", () => resolve(false))
        if (socket.closed) resolve(false)
        socket.write("x")
      })
    const answers = await Promise.all(sockets.map(echo))
    const served = sockets.filter((_, index) => answers[index])
    expect([served.length > 20, served.length < 80]).toEqual([true, true])
    await Promise.all(
      served.slice(0, 10).map((socket) => {
        socket.end()
        return once(socket, "close")
      })
    )
    expect(await echo(served[10] as Socket)).toBe(true)
    expect(await echo(await client(port))).toBe(true)
  })
})
