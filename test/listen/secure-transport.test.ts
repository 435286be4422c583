/** TLS, client certificates, live certificates, and balancers in front, over real sockets. */

import { Effect, Layer, Scope } from "effect"
import { X509Certificate } from "node:crypto"
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls"
import { afterEach, describe, expect, it } from "vitest"
import { Timers } from "../../src/actor/timers.ts"
import { compileNetworks } from "../../src/domain/networks.ts"
import { Transport } from "../../src/domain/ports/transport.ts"
import { MachineTransport } from "../../src/listen/machine-transport.ts"
import { lookEveryMs } from "../../src/listen/secure-files.ts"
import { built } from "../actor/built.ts"
import { ManualTime } from "../actor/manual-time.ts"
import {
  authorityFile,
  certificate,
  corpusFile,
  type Listening,
  listening,
  Recorder,
  serverTls
} from "./machine.ts"

const open: Array<() => unknown> = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

async function listener(...args: Parameters<typeof listening>): Promise<Listening> {
  const made = await listening(...args)
  open.push(made.close)
  return made
}

function identity(name: string): ConnectionOptions {
  const { certificateFile, keyFile } = certificate(name)
  return { key: readFileSync(keyFile), cert: readFileSync(certificateFile) }
}

function shake(port: number, options: ConnectionOptions = {}): TLSSocket {
  const ca = readFileSync(authorityFile)
  const socket = connectTls({ port, host: "127.0.0.1", ca, ...options })
  socket.on("error", () => {})
  open.push(() => socket.destroy())
  return socket
}

function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.on("error", () => {}).once("close", () => resolve()))
}

/** What the server says first, or how it ended: TLS 1.3 tells a client late that it is unwanted. */
async function greeted(socket: TLSSocket): Promise<string> {
  return await new Promise((resolve) => {
    socket.once("data", (chunk: Buffer) => resolve(chunk.toString()))
    socket.once("close", () => resolve("closed"))
  })
}

function reason(refused: string): string | undefined {
  return refused.split(" ")[0]
}

async function greet(server: Listening): Promise<Recorder> {
  const session = await server.next()
  session.connection.write(Buffer.from("hello"))
  return session
}

describe("a TLS listener", () => {
  it("asks for no certificate where it wants none", async () => {
    const server = await listener({ tls: serverTls("none") })
    const [hello, session] = await Promise.all([
      greeted(shake(server.port, identity("terminal"))),
      greet(server)
    ])
    expect([hello, session.connection.peer]).toEqual(["hello", undefined])
  })

  it("tells who a verified client is", async () => {
    const server = await listener({ tls: serverTls("required") })
    const [hello, session] = await Promise.all([
      greeted(shake(server.port, identity("terminal"))),
      greet(server)
    ])
    expect(hello).toBe("hello")
    expect(session.connection.peer?.subject).toBe("CN=00000001,O=Shop")
    expect(session.connection.peer?.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
  })

  it("knows a client that resumes its session", async () => {
    const server = await listener({ tls: serverTls("optional") })
    const visit = async (session: Buffer | undefined) => {
      const known = session === undefined ? {} : { session }
      const socket = shake(server.port, { ...identity("terminal"), ...known })
      let ticket: Buffer | undefined
      socket.on("session", (made: Buffer) => ticket = made)
      const [, served] = await Promise.all([greeted(socket), greet(server)])
      return { ticket, reused: socket.isSessionReused(), peer: served.connection.peer }
    }
    const first = await visit(undefined)
    const second = await visit(first.ticket)
    expect([first.reused, second.reused]).toEqual([false, true])
    expect(second.peer).toEqual(first.peer)
    expect(second.peer?.subject).toBe("CN=00000001,O=Shop")
  })

  it("refuses strangers and the nameless where it wants certificates", async () => {
    const server = await listener({ tls: serverTls("required") })
    expect(await greeted(shake(server.port))).toBe("closed")
    expect(await greeted(shake(server.port, identity("stranger")))).toBe("closed")
    expect(server.refused.map(reason)).toEqual(["handshake-failed", "handshake-failed"])
    expect(server.accepted).toEqual([])
  })

  it("lets the nameless in where a certificate is optional, but no stranger", async () => {
    const server = await listener({ tls: serverTls("optional") })
    const [hello, session] = await Promise.all([greeted(shake(server.port)), greet(server)])
    expect([hello, session.connection.peer]).toEqual(["hello", undefined])
    expect(await greeted(shake(server.port, identity("stranger")))).toBe("closed")
    expect(server.refused).toHaveLength(1)
  })

  it("refuses who is on the revocation list", async () => {
    const revocationFile = corpusFile("revoked-one.pem")
    const server = await listener({ tls: { ...serverTls("required"), revocationFile } })
    expect(await greeted(shake(server.port, identity("terminal-revoked")))).toBe("closed")
    const [hello] = await Promise.all([
      greeted(shake(server.port, identity("terminal"))),
      greet(server)
    ])
    expect(hello).toBe("hello")
  })

  it("ends garbage and silence by its deadline, and counts them", async () => {
    const server = await listener({ tls: serverTls("none"), handshakeTimeoutMs: 100 })
    const garbage = connect(server.port, "127.0.0.1")
    const silent = connect(server.port, "127.0.0.1")
    garbage.write("GET / HTTP/1.1\r\n\r\n")
    await Promise.all([gone(garbage), gone(silent)])
    expect(server.refused.map(reason)).toEqual(["handshake-failed", "handshake-failed"])
  })

  it("half-closes like a plain one", async () => {
    const server = await listener({ tls: serverTls("none") })
    const socket = shake(server.port, { allowHalfOpen: true } as ConnectionOptions)
    const session = await server.next()
    socket.end("0200")
    await session.until((self) => self.events.includes("end"))
    session.connection.write(Buffer.from("0210"))
    session.connection.end()
    expect(await greeted(socket)).toBe("0210")
    await session.closed()
    expect(session.events.at(-1)).toBe("closed ended")
  })

  it("does not open with files that are wrong", async () => {
    const wrong = [
      { ...serverTls("none"), certificateFile: corpusFile("nowhere.pem") },
      { ...serverTls("none"), keyFile: certificate("server-next").keyFile }
    ]
    for (const tls of wrong) {
      const failure = await listening({ tls }).then(() => undefined, (cause: unknown) => cause)
      expect(failure).toMatchObject({ code: expect.stringMatching(/^E/) })
    }
  })
})

describe("live certificates", () => {
  it("are taken into use when their files change, unless they are wrong", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pointsman-tls-"))
    open.push(() => rmSync(folder, { recursive: true }))
    const file = (name: string) => join(folder, name)
    const put = (from: string) => {
      copyFileSync(certificate(from).keyFile, file("key.pem"))
      copyFileSync(certificate(from).certificateFile, file("certificate.pem"))
    }
    put("server")
    copyFileSync(corpusFile("revoked-none.pem"), file("revoked.pem"))
    const time = new ManualTime()
    const machine = built(MachineTransport.pipe(
      Layer.provideMerge(Timers.layer),
      Layer.provideMerge(time.layer)
    ))
    open.push(machine.close)
    const options = {
      name: "live",
      host: "127.0.0.1",
      port: 0,
      backlog: 8,
      tls: {
        keyFile: file("key.pem"),
        certificateFile: file("certificate.pem"),
        authorityFile,
        revocationFile: file("revoked.pem"),
        clientCertificate: "required" as const
      }
    }
    const listen = machine.get(Transport).listen(options, (connection) => {
      open.push(() => connection.destroy())
      connection.write(Buffer.from("hello"))
      return new Recorder(connection)
    })
    const { port } = await Effect.runPromise(Scope.provide(listen, machine.scope))
    const visit = async (session?: Buffer) => {
      let ticket: Buffer | undefined
      const socket = shake(port, {
        ...identity("terminal-revoked"),
        ...(session === undefined ? {} : { session })
      })
      let serial = ""
      socket.on("session", (made: Buffer) => ticket = made)
      socket.on("secureConnect", () => serial = socket.getPeerCertificate().serialNumber)
      const hello = await greeted(socket)
      return { hello, ticket, serial }
    }
    const first = await visit()
    expect([first.hello, first.ticket === undefined]).toEqual(["hello", false])

    put("server-next")
    time.hold(lookEveryMs)
    const second = await visit()
    expect([second.hello, second.serial === first.serial]).toEqual(["hello", false])

    writeFileSync(file("certificate.pem"), "not a certificate")
    time.hold(lookEveryMs)
    expect((await visit()).serial).toBe(second.serial)

    // One that has ended would be refused by every terminal that looks.
    const now = time.wall
    time.wall = Date.parse(
      new X509Certificate(readFileSync(certificate("server").certificateFile)).validTo
    )
    put("server")
    time.hold(lookEveryMs)
    expect((await visit()).serial).toBe(second.serial)
    time.wall = now

    put("server-next")
    copyFileSync(corpusFile("revoked-one.pem"), file("revoked.pem"))
    time.hold(lookEveryMs)
    expect((await visit()).hello).toBe("closed")
    // A session from before the revocation does not open the door again.
    expect((await visit(second.ticket)).hello).toBe("closed")
  })
})

describe("a connect over TLS", () => {
  it("verifies the other side's name and shows its own certificate", async () => {
    const server = await listener({ tls: serverTls("required") })
    const dial = (tls: NonNullable<Parameters<typeof server.transport.connect>[0]["tls"]>) =>
      new Promise<string>((resolve) => {
        const options = { host: "127.0.0.1", port: server.port, timeoutMs: 5000, tls }
        server.transport.connect(options, (connection) => {
          const recorder = new Recorder(connection)
          recorder.onEvent = () => resolve(recorder.received)
          return recorder
        }, resolve)
      })
    const tls = { authorityFile, ...certificate("terminal") }
    const [hello, session] = await Promise.all([dial(tls), greet(server)])
    expect([hello, session.connection.peer?.subject]).toEqual(["hello", "CN=00000001,O=Shop"])
    expect(await dial({ ...tls, serverName: "elsewhere" })).toBe("ERR_TLS_CERT_ALTNAME_INVALID")
    expect(await dial(certificate("terminal"))).toMatch(/UNABLE_TO|SELF_SIGNED/)
  })
})

describe("behind a balancer", () => {
  const header = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 8583\r\n"

  it("the peer is whom the header names, and what follows it is the peer's", async () => {
    const server = await listener({ proxy: { from: ["127.0.0.1"] } })
    const socket = connect(server.port, "127.0.0.1")
    open.push(() => socket.destroy())
    socket.write(header.slice(0, 20))
    socket.write(`${header.slice(20)}0800`)
    const session = await server.next()
    await session.until((self) => self.received === "0800")
    expect(session.connection.remote).toBe("192.0.2.1:56324")
    socket.write("more")
    await session.until((self) => self.received === "0800more")
  })

  it("the peer is not read while whoever took it has paused it", async () => {
    const server = await listener({ proxy: { from: ["127.0.0.1"] } }, (connection) => {
      connection.pause()
      return true
    })
    const socket = connect(server.port, "127.0.0.1")
    open.push(() => socket.destroy())
    socket.write(`${header}0800`)
    const session = await server.next()
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    expect(session.received).toBe("")
    session.connection.resume()
    await session.until((self) => self.received === "0800")
  })

  it("TLS begins behind the header", async () => {
    const server = await listener({ proxy: { from: ["127.0.0.1"] }, tls: serverTls("required") })
    const raw = connect(server.port, "127.0.0.1")
    raw.write(header)
    const [hello, session] = await Promise.all([
      greeted(shake(server.port, { socket: raw, ...identity("terminal") })),
      greet(server)
    ])
    expect(hello).toBe("hello")
    expect(session.connection.remote).toBe("192.0.2.1:56324")
    expect(session.connection.peer?.subject).toBe("CN=00000001,O=Shop")
  })

  it("the peer whom the header names must be allowed, and so must a balancer for itself", async () => {
    const allows = compileNetworks(["192.0.2.0/24"])
    const server = await listener({ proxy: { from: ["127.0.0.1", "127.0.0.3"] }, allows })
    const says = async (text: string, localAddress = "127.0.0.1") => {
      const socket = connect({ port: server.port, host: "127.0.0.1", localAddress })
      open.push(() => socket.destroy())
      socket.write(text)
      return socket
    }
    await gone(await says(header.replace("192.0.2.1", "198.51.100.9") + "0800"))
    await gone(await says("PROXY TCP6 fd00::1 fd00::2 56324 8583\r\n0800"))
    await gone(await says("PROXY UNKNOWN\r\n0800", "127.0.0.3"))
    await says("PROXY TCP6 ::ffff:192.0.2.9 ::ffff:198.51.100.1 56324 8583\r\n0800")
    const session = await server.next()
    await session.until((self) => self.received === "0800")
    expect(server.refused).toEqual([
      "address-not-allowed 127.0.0.1",
      "address-not-allowed 127.0.0.1",
      "address-not-allowed 127.0.0.3"
    ])
    expect(server.accepted).toHaveLength(1)
  })

  it("a header that is missing, forged or late is refused (N12)", async () => {
    const proxy = { from: ["127.0.0.1"] }
    const server = await listener({ proxy, handshakeTimeoutMs: 100 })
    const bare = connect(server.port, "127.0.0.1")
    bare.write(Buffer.from("00020800", "hex"))
    await gone(bare)
    await gone(connect(server.port, "127.0.0.1"))
    const stranger = connect({ port: server.port, host: "127.0.0.1", localAddress: "127.0.0.3" })
    stranger.write(header)
    await gone(stranger)
    expect(server.refused).toEqual([
      "address-refused 127.0.0.1",
      "address-refused 127.0.0.1",
      "address-refused 127.0.0.3"
    ])
    expect(server.accepted).toEqual([])
  })
})
